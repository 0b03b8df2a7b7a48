// The shell: top bar, navigation, banners, the panel in view. Routing is by hash, so any static host will do.
import { Menu } from 'lucide-react';
import { Suspense, useEffect, useState } from 'react';
import { Router, useLocation } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { OPEN_PATH } from '../stores/openShare';
import { useSession } from '../stores/session';
import { Banners } from './Banners';
import { CommandPalette } from './CommandPalette';
import { ErrorBoundary } from './ErrorBoundary';
import { Navigation } from './Navigation';
import { OpenShared } from './OpenShared';
import { panelOf } from './panels';
import { TopBar } from './TopBar';

export function App() {
  return (
    <Router hook={useHashLocation}>
      <Shell />
    </Router>
  );
}

function Shell() {
  const [path, go] = useLocation();
  const [hasMenu, setMenu] = useState(false);
  const [hasPalette, setPalette] = useState(false);
  const theme = useSession((s) => s.theme);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
      document.documentElement.dataset.theme = theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme;
    };
    apply();
    dark.addEventListener('change', apply);
    return () => dark.removeEventListener('change', apply);
  }, [theme]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPalette(true);
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const panel = panelOf(path);
  useEffect(() => {
    document.title = `${panel.title} · Posttrain Studio`;
    setMenu(false);
  }, [panel]);
  const View = panel.component;
  return (
    <div className={hasMenu ? 'shell has-menu' : 'shell'}>
      <TopBar
        menu={
          <button
            type="button"
            className="menu-button"
            aria-label={hasMenu ? 'Close the menu' : 'Open the menu'}
            aria-expanded={hasMenu}
            onClick={() => setMenu(!hasMenu)}
          >
            <Menu size={16} aria-hidden="true" />
          </button>
        }
        onPalette={() => setPalette(true)}
      />
      <Navigation current={panel.id} onNavigate={() => setMenu(false)} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <main className="main" tabIndex={0} aria-label={panel.title}>
        <Banners />
        <ErrorBoundary key={panel.id} title={panel.title}>
          <Suspense fallback={<div className="panel" aria-busy="true" />}>
            {path.startsWith(OPEN_PATH) ? <OpenShared text={path.slice(OPEN_PATH.length)} onGo={go} /> : <View />}
          </Suspense>
        </ErrorBoundary>
      </main>
      {hasPalette && <CommandPalette onClose={() => setPalette(false)} onGo={go} />}
    </div>
  );
}

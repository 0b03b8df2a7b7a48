// Adapters of many tenants over one base: routed, versioned, measured slice by slice, served in four ways, logged.
import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { plural } from '../../lib/words';
import { loadRuns, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { CombineTab } from './CombineTab';
import { LogTab } from './LogTab';
import { RegistryTab } from './RegistryTab';
import { RoutingTab } from './RoutingTab';
import { untrained } from './registryView';
import { ServingTab } from './ServingTab';
import { SlicesTab } from './SlicesTab';
import { TrainingCard } from './TrainingCard';
import { loadTenants, useTenants, type View } from './tenants';
import '../../ui/parts.css';
import './adapters.css';

const ROUTE = '/adapters';
const VIEWS: readonly { id: View; label: string }[] = [
  { id: 'routing', label: 'Routing' },
  { id: 'registry', label: 'Registry' },
  { id: 'combine', label: 'Combine' },
  { id: 'slices', label: 'Slices' },
  { id: 'serving', label: 'Serving' },
  { id: 'log', label: 'Log' },
];

export function AdaptersPanel() {
  const { view, shown, show } = useTenants();
  const isLoading = useTenants((s) => 'view' in s.work);
  const failed = useTenants((s) => s.failed.view?.text);
  const [path, go] = useLocation();
  const asked = VIEWS.find(({ id }) => path === `${ROUTE}/${id}`)?.id;
  // The address names the tab, so that a reload, a link and the way back keep it; without a name the last one is on show.
  useEffect(() => {
    if (asked !== undefined && asked !== useTenants.getState().shown) show(asked);
  }, [asked, show]);
  useEffect(() => {
    const isHere = path === ROUTE || path.startsWith(`${ROUTE}/`); // not on the way to another panel
    if (isHere && asked !== useTenants.getState().shown) go(`${ROUTE}/${shown}`, { replace: asked === undefined });
  }, [path, asked, shown, go]);
  const restarts = useSession((s) => s.restarts);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new worker is asked anew
  useEffect(() => {
    void loadTenants();
    void loadRuns().catch(() => {}); // the runs known before stay
  }, [restarts]);
  return (
    <Panel
      title="Adapters"
      lede="One base, a small adapter for each tenant, and a router that picks it. First lever when customers need different policies and a model each is too dear; do not serve a new version before its own tenant’s cases have passed."
      actions={<Segmented label="Show" options={VIEWS} value={shown} onChange={show} />}
    >
      {!view ? (
        failed ? (
          <div className="note bad" role="alert">
            <div>
              <b>The registry could not be opened.</b> {failed}{' '}
              <button type="button" className="link" onClick={() => void loadTenants()}>
                Try again
              </button>
            </div>
          </div>
        ) : (
          <div className="skeleton-block ad-skeleton" aria-hidden="true" />
        )
      ) : (
        <div className="ad-views" aria-busy={isLoading}>
          {failed && (
            <div className="note bad" role="alert">
              <div>
                <b>What is shown here is older than the last change.</b> It could not be read anew: {failed}{' '}
                <button type="button" className="link" onClick={() => void loadTenants()}>
                  Try again
                </button>
              </div>
            </div>
          )}
          {untrained(view.entries).length > 0 ? (
            <TrainingCard view={view} isEmpty />
          ) : (
            shown !== 'registry' && <JustArrived />
          )}
          {shown === 'routing' && <RoutingTab view={view} />}
          {shown === 'registry' && <RegistryTab view={view} />}
          {shown === 'combine' && <CombineTab view={view} />}
          {shown === 'slices' && <SlicesTab view={view} />}
          {shown === 'serving' && <ServingTab view={view} />}
          {shown === 'log' && <LogTab view={view} />}
        </div>
      )}
    </Panel>
  );
}

/** Versions that came while another tab was on show. */
function JustArrived() {
  const { arrived, show } = useTenants();
  const name = useRuns((s) => arrived && s.runs[arrived.runId]?.name);
  if (!arrived || name === undefined) return null;
  return (
    <div className="note good" role="status">
      <div>
        {name} has finished, and {plural(arrived.versions.length, 'version')} came of it.{' '}
        <button type="button" className="link" onClick={() => show('registry')}>
          Look at them in the registry
        </button>
      </div>
    </div>
  );
}

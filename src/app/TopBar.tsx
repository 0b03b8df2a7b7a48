// What is true everywhere: the adapter, the job that runs, how to find things.
import { Moon, Search, Sun } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { duration, secondsLeft } from '../lib/words';
import { panelOf } from '../stores/runPanel';
import { pauseRun, unpauseRun, useRuns } from '../stores/runs';
import { useSession } from '../stores/session';

const NAMES = { webgpu: 'WebGPU', wasm: 'WebAssembly', cpu: 'CPU' } as const;
/** Where there is no room for the adapter too. */
const SHORT_NAMES = { ...NAMES, wasm: 'WASM' } as const;

export function TopBar({ menu, onPalette }: { menu: ReactNode; onPalette: () => void }) {
  const backend = useSession((s) => s.backend);
  const backendError = useSession((s) => s.backendError);
  const setTheme = useSession((s) => s.setTheme);
  useSession((s) => s.theme);
  const isDark = document.documentElement.dataset.theme === 'dark';
  return (
    <header className="topbar">
      {menu}
      <Link href="/overview" className="brand" aria-label="Posttrain Studio, overview">
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <rect width="16" height="16" rx="4" fill="var(--accent)" />
          <path
            d="M3.5 4.5c3 0 3.5 7 9 7"
            stroke="var(--on-accent)"
            strokeWidth="1.8"
            fill="none"
            strokeLinecap="round"
          />
        </svg>
        <span>Posttrain Studio</span>
      </Link>
      <span className="pill" title={backend?.reason ?? backend?.adapter}>
        <span
          className={`dot${!backend ? ' idle' : backend.backend === 'webgpu' && !backend.isFallbackAdapter ? '' : ' warn'}`}
        />
        {backend ? (
          <>
            <span className="wide">{NAMES[backend.backend]} ·</span> <b className="wide">{backend.adapter}</b>
            <b className="narrow">{SHORT_NAMES[backend.backend]}</b>
          </>
        ) : (
          <b>{backendError ? 'no backend' : 'starting …'}</b>
        )}
      </span>
      <span className="spacer" />
      <RunPill />
      <button type="button" className="button" onClick={onPalette} aria-label="Find a panel or an action (Ctrl K)">
        <Search size={14} aria-hidden="true" />
        <span className="wide">⌘K</span>
      </button>
      <button
        type="button"
        className="button"
        aria-label={isDark ? 'Use the light theme' : 'Use the dark theme'}
        onClick={() => setTheme(isDark ? 'light' : 'dark')}
      >
        {isDark ? <Sun size={14} aria-hidden="true" /> : <Moon size={14} aria-hidden="true" />}
      </button>
    </header>
  );
}

function RunPill() {
  const run = useRuns((s) => Object.values(s.runs).find((r) => r.status === 'running' || r.status === 'paused'));
  const pace = useRuns((s) => (run ? s.stats[run.id] : undefined));
  const isRecovering = useRuns((s) => run !== undefined && s.recovering.includes(run.id));
  const compiling = useSession((s) => s.compiling);
  // At the first step of a run and the first answer of a model; both wait for it.
  const compilingWords = compiling && `Compiling kernels, ${compiling.done} of ${compiling.total}`;
  if (!run) return <span className="pill wide">{compilingWords ?? 'no run'}</span>;
  const left = secondsLeft(run.step, run.maxSteps, pace?.stepMs);
  const isPaused = run.status === 'paused';
  const words = isPaused
    ? 'paused'
    : isRecovering
      ? 'starting anew'
      : Number.isFinite(left)
        ? `${duration(left)} left`
        : run.step === 0
          ? 'starting'
          : 'running';
  return (
    <>
      <span className="pill">
        <span className="wide">{panelOf(run).name}</span>
        <b>
          {run.step} / {run.maxSteps}
        </b>
        <span
          className="progress"
          role="progressbar"
          aria-label="Training progress"
          aria-valuenow={run.step}
          aria-valuemin={0}
          aria-valuemax={run.maxSteps}
        >
          <i style={{ width: `${(100 * run.step) / Math.max(1, run.maxSteps)}%` }} />
        </span>
        <span className="wide">{compilingWords ?? words}</span>
      </span>
      <button
        type="button"
        className="button wide"
        aria-label={isPaused ? 'Continue the run' : 'Pause the run'}
        onClick={() => void (isPaused ? unpauseRun(run.id) : pauseRun(run.id))}
      >
        {isPaused ? 'Continue' : 'Pause'}
      </button>
    </>
  );
}

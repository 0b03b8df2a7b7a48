// Adapters of many tenants over one base: routed, versioned, measured slice by slice, served in four ways, logged.
import { useEffect } from 'react';
import { loadRuns } from '../../stores/runs';
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
          {untrained(view.entries).length > 0 && <TrainingCard view={view} isEmpty />}
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

// RLHF: training on completions of the model's own, a drawn group opened to its tokens, estimators of the KL against the exact
// one, and when an update pays.
import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { openInChat } from '../../stores/models';
import { Segmented } from '../../ui/Segmented';
import { TrainingPanel } from '../shared/TrainingPanel';
import type { ShownGroup, ShownKl } from './drawing';
import { ExampleTab } from './ExampleTab';
import { KlTab } from './KlTab';
import { RolloutTab } from './RolloutTab';
import { RunTab } from './RunTab';
import { TABS, type TabId, useTab } from './tab';
import { useAsked } from './useAsked';
import { useRlhf } from './useRlhf';
import '../../ui/parts.css';
import './rlhf.css';

const ROUTE = '/rlhf';

/** The address names the tab, so that a reload, a link and the way back keep it; without a name the last one is on show. */
function useRoutedTab(): { tab: TabId; show: (tab: TabId) => void } {
  const { tab, show } = useTab();
  const [path, go] = useLocation();
  const asked = TABS.find(({ id }) => path === `${ROUTE}/${id}`)?.id;
  useEffect(() => {
    if (asked !== undefined && asked !== useTab.getState().tab) show(asked);
  }, [asked, show]);
  useEffect(() => {
    const isHere = path === ROUTE || path.startsWith(`${ROUTE}/`); // not on the way to another panel
    if (isHere && asked !== useTab.getState().tab) go(`${ROUTE}/${tab}`, { replace: asked === undefined });
  }, [path, asked, tab, go]);
  return { tab, show };
}

export function RlhfPanel() {
  const rlhf = useRlhf();
  const { run } = rlhf;
  const { tab, show } = useRoutedTab();
  // Kept over a change of tab: both take a while to be answered.
  const drawn = useAsked<ShownGroup>();
  const findings = useAsked<ShownKl>();
  return (
    <TrainingPanel
      training={rlhf}
      title="RLHF"
      lede="First lever when a reward can say what is better and pairs of given answers no longer teach anything. Do not pull it before the reward is trusted: the model learns to be paid, and only β · KL holds it back."
      startLabel="Start RLHF"
      tabs={
        <div>
          <Segmented label="Show" options={TABS} value={tab} onChange={show} />
        </div>
      }
      finished={
        run && (
          <>
            Next: draw a group of it under{' '}
            <button type="button" className="link" onClick={() => show('rollout')}>
              Inspect a rollout
            </button>
            , or{' '}
            <button type="button" className="link" onClick={() => openInChat(`run:${run.id}`, run.recipe.model.ref)}>
              compare it with its start in Chat
            </button>
            .
          </>
        )
      }
    >
      {tab === 'run' && <RunTab rlhf={rlhf} />}
      {tab === 'rollout' && <RolloutTab rlhf={rlhf} drawn={drawn} />}
      {tab === 'kl' && <KlTab rlhf={rlhf} findings={findings} />}
      {tab === 'example' && <ExampleTab run={run} />}
    </TrainingPanel>
  );
}

// Reward hacking on demand: a chain of four real runs, one chart of what was paid and what was wanted, and the fix beside it.
import { useMemo, useState } from 'react';
import {
  HACKING_ARMS,
  HACKING_GROUP,
  HACKING_SIZES,
  HACKING_STAGES,
  type HackingSize,
  hackingChain,
  hackingReward,
} from '../../labs/recipes/hacking';
import type { RunRecord } from '../../protocol/run';
import { groupsOf } from '../../stores/runPanel';
import { useTraining } from '../../stores/useTraining';
import { Answers } from '../../ui/Answers';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { Panel } from '../../ui/Panel';
import { QueueControls } from '../../ui/QueueControls';
import { RunElsewhere } from '../../ui/RunElsewhere';
import { progressWords } from '../../ui/runWords';
import { Segmented } from '../../ui/Segmented';
import { StartNotices } from '../../ui/StartNotices';
import { TwoMetricsOf, twoMetricsNote } from '../shared/TwoMetricsCard';
import { ARM_WORDS, type Chain, chainOf, chainWords, findingOf, gainSeries, sizeOf } from './hackingView';
import '../../ui/parts.css';
import './hacking.css';

const STAGE_WORDS: Record<(typeof HACKING_STAGES)[number], string> = {
  'biased reward': 'reward model on votes that like length and flattery',
  'biased policy': 'RLOO paid by that reward model',
  'fair reward': 'reward model on votes that follow the rubric',
  'fair policy': 'RLOO paid by that one, with smaller steps, a higher β and guardrails that may end it',
};

const SIZES: readonly { id: HackingSize; label: string }[] = [
  { id: 'measured', label: 'as measured' },
  { id: 'short', label: 'short' },
];
const itemsOf = (size: HackingSize) => hackingChain(size).map((recipe) => ({ name: recipe.name!, recipe }));
const ITEMS = { measured: itemsOf('measured'), short: itemsOf('short') } satisfies Record<HackingSize, unknown>;

export function HackingPanel() {
  const start = useMemo(() => hackingReward('biased'), []);
  const training = useTraining({
    href: '#/hacking',
    recipe: start,
    nameOf: ({ name }) => name ?? 'biased reward',
    complaints: [],
    hasQueue: true,
  });
  const groups = groupsOf(training.runs, HACKING_GROUP);
  const [wanted, setWanted] = useState<string>();
  const [wantedSize, setSize] = useState<HackingSize>();
  const group = wanted !== undefined && groups.includes(wanted) ? wanted : groups[0];
  const chain = chainOf(training.runs, group);
  const shownSize = sizeOf(chain);
  const size = wantedSize ?? shownSize ?? 'measured';
  const queue = training.queueOf(
    HACKING_GROUP,
    ITEMS[size],
    group === undefined ? undefined : { group, items: ITEMS[shownSize ?? size] },
  );
  const series = gainSeries(chain);
  return (
    <Panel
      title="Reward hacking"
      lede="A reward model is a guess at what people want, and a policy is trained to please the guess. Here the guess is bent on purpose: watch reward and true quality part, and what keeps them together."
      actions={
        <>
          {!queue.queue && <Segmented label="Size of the chain" options={SIZES} value={size} onChange={setSize} />}
          <QueueControls {...queue} startLabel={group === undefined ? 'Train the four runs' : 'Train four runs anew'} />
        </>
      }
    >
      {training.elsewhere && <RunElsewhere {...training.elsewhere} />}
      <StartNotices gate={training.gate} failure={training.failure} onClose={training.closeGate} />
      <div className="hacking-top">
        <Card
          title="The chain"
          note="micro, each run reads what the ones before have left"
          actions={
            groups.length > 1 && (
              <select
                className="select"
                aria-label="Chain on show"
                value={group}
                onChange={({ currentTarget }) => setWanted(currentTarget.value)}
              >
                {groups.map((id, i) => (
                  <option key={id} value={id}>
                    {i === 0 ? 'the newest' : `${i} before it`}
                  </option>
                ))}
              </select>
            )
          }
        >
          <p className="quiet hacking-small">{chainWords(shownSize ?? size)}</p>
          <Stages chain={chain} statsOf={(run) => (training.run?.id === run.id ? training.stats?.stepMs : undefined)} />
        </Card>
        <Card
          title="Paid and wanted"
          note="held-out answers, change since the start in standard deviations of the first answers"
          className="chart-card"
        >
          <LineChart
            title="gain"
            height={230}
            hasLegend
            marks={[{ value: 0, label: 'the start' }]}
            xMax={HACKING_SIZES[shownSize ?? size].policy}
            series={series}
          />
          <p className="quiet hacking-small">
            Solid is the reward that the run is paid, dashed the rubric that nobody pays. The rubric is computed from
            the world’s truth; in a product it would be people who look at answers again.
          </p>
        </Card>
      </div>
      {HACKING_ARMS.map((arm) => {
        const run = chain[`${arm} policy`];
        const { title, note } = ARM_WORDS[arm];
        const finding = run && findingOf(run);
        return (
          <Card key={arm} title={title} note={(run && twoMetricsNote(run)) || note}>
            {finding && (
              <p className={`hacking-finding ${finding.kind}`} role="status">
                {finding.words}
              </p>
            )}
            {run?.stopReason && (
              <p className="warn-text hacking-small">
                A guardrail stopped it at step {run.stopReason.step}: {run.stopReason.message}
              </p>
            )}
            {run ? <TwoMetricsOf run={run} /> : <p className="quiet">{idle(arm)}</p>}
          </Card>
        );
      })}
      {HACKING_ARMS.map((arm) => {
        const run = chain[`${arm} policy`];
        return (
          run &&
          run.generations.length > 0 && (
            <Answers
              key={run.id}
              of={`${ARM_WORDS[arm].title.toLowerCase()}`}
              generations={run.generations}
              isOver={run.status === 'finished' || run.status === 'stopped'}
            />
          )
        );
      })}
    </Panel>
  );
}

const idle = (arm: (typeof HACKING_ARMS)[number]): string =>
  arm === 'biased'
    ? 'Not trained yet. The reward is expected to rise and the answers to grow longer and more flattering; what happens to true quality is measured.'
    : 'Not trained yet. The same start and the same prompts, paid by a reward model whose votes followed the rubric.';

function Stages({ chain, statsOf }: { chain: Chain; statsOf: (run: RunRecord) => number | undefined }) {
  return (
    <ol className="hacking-stages">
      {HACKING_STAGES.map((stage) => {
        const run = chain[stage];
        return (
          <li key={stage}>
            <span className="mono">{stage}</span>
            <span className="quiet">
              {run
                ? `${progressWords(run.status, run.step, run.maxSteps, statsOf(run))}${run.status === 'running' && run.step > 0 && statsOf(run) !== undefined ? ' for this run' : ''}`
                : 'to come'}
            </span>
            <span className="hacking-small">{STAGE_WORDS[stage]}</span>
            {run?.error && <span className="bad-text hacking-small">{run.error.message}</span>}
          </li>
        );
      })}
    </ol>
  );
}

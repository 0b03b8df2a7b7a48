// The run's curves by TRL's names, each with its meaning in a line.
import { useState } from 'react';
import { configOf } from '../../labs/trainerOf';
import { number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { curveWords, lastValue, metricSeries } from '../../ui/runWords';
import { PaceCard } from '../shared/PaceCard';
import { curveGroups, type KlCurve, klCurve } from './curveView';
import { addedLosses, lossMark } from './lossView';

import type { Preferences } from './usePreferences';

const SMALL = ['entropy', 'grad_norm', 'learning_rate'] as const;

/** What will be seen, before there is anything. */
export function NoRun() {
  return (
    <Card title="Curves" note="no run yet">
      <p className="quiet">
        Press Train on votes. At the first step policy and reference agree: for sigmoid the loss is ln 2 = 0.693, and
        rewards/accuracies is 0, because a tie is no win. Without a reference (ORPO, CPO, SimPO) both start where the
        model is. Then the margins grow; watch whether logps/chosen holds. The pair below can be opened while it trains.
      </p>
    </Card>
  );
}

export function Curves({ preferences, run }: { preferences: Preferences; run: RunRecord }) {
  const { stats, isRecovering } = preferences;
  const { recipe } = run;
  const { metrics } = configOf(recipe);
  // Beside the recipe two rows of charts are as high as it; on a phone each leaves room for the next.
  const [height] = useState(() => (matchMedia('(min-width: 1101px)').matches ? 128 : 150));
  const [start, added] = [lossMark(recipe), addedLosses(recipe)];
  const { points } = run;
  const kl = klCurve(run);
  return (
    <div className="train-curves">
      {curveGroups(metrics).map(({ title, lines, heldOut }) => (
        <Card
          key={title}
          title={title}
          note={
            lines.length === 1
              ? curveWords(points, lines[0]!.metric, heldOut)
              : lines.map(({ metric, label }) => `${label} ${words(lastValue(points, metric))}`).join(' · ')
          }
          className="chart-card"
        >
          <LineChart
            title={title}
            height={height}
            xMax={run.maxSteps}
            hasLegend={lines.length > 1}
            marks={title === 'loss' && start ? [start] : undefined}
            series={[
              ...lines.map(({ metric, label }) => ({ id: metric, label, points: metricSeries(points, metric) })),
              ...(heldOut
                ? [{ id: heldOut, label: lines.length > 1 ? `held-out ${heldOut.split('/')[1]}` : 'held-out', points: metricSeries(points, heldOut), isHeldOut: true, ...(lines.length > 1 && { color: `var(--s${heldOut.endsWith('margins') ? 2 : 0})` }) }] // biome-ignore format: one series
                : []),
            ]}
          />
          <p className="quiet train-meaning">
            {title === 'loss' && added
              ? `Mean loss of a pair, the sum ${added}: it has no one value where policy and reference agree.`
              : meaningOf(title, metrics)}
          </p>
        </Card>
      ))}
      {kl && <KlCard kl={kl} height={height} xMax={run.maxSteps} />}
      <PaceCard
        run={run}
        stepMs={stats?.stepMs}
        isRecovering={isRecovering}
        metrics={metrics}
        names={SMALL}
        meaningOf="entropy"
      />
    </div>
  );
}

function KlCard({ kl: { points, note, words: said }, height, xMax }: { kl: KlCurve; height: number; xMax: number }) {
  const title = 'KL of drawn answers';
  return (
    <Card title={title} note={note} className="chart-card">
      {points && (
        <LineChart
          title={title}
          height={height}
          xMax={xMax}
          series={[{ id: 'kl', label: 'kl', points, isHeldOut: true }]}
        />
      )}
      <p className="quiet train-meaning">{said}</p>
    </Card>
  );
}

const words = (value: number | undefined): string => (value === undefined ? '–' : number(value));
/** Of a group of metrics the one that tells most. */
const MAIN: Readonly<Record<string, string>> = { rewards: 'rewards/margins', logps: 'logps/chosen' };
const meaningOf = (title: string, metrics: Readonly<Record<string, { meaning: string }>>): string | undefined =>
  metrics[MAIN[title] ?? title]?.meaning;

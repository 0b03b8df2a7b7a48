// The run's curves by TRL's names, each with its meaning in a line.
import { useState } from 'react';
import { configOf } from '../../labs/trainerOf';
import { number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { curveWords, lastValue, metricSeries } from '../../ui/runWords';
import { PaceCard } from '../shared/PaceCard';
import { CURVES } from './curveView';
import type { Reward } from './useReward';

/** What will be seen, before there is anything. */
export function NoRun() {
  return (
    <Card title="Curves" note="no run yet">
      <div className="reward-words">
        <p>
          A reward model is the language model with another head: one number, read at the last token of prompt and
          answer that is not the pad token. It is trained on pairs alone: the loss of a pair is −log σ(r_chosen −
          r_rejected), Bradley and Terry’s.
        </p>
        <p className="quiet">
          Press Train on votes. The head starts at random and small, so both rewards are near 0 and the loss begins near
          ln 2 = 0.693, where a coin stands; accuracy counts a tie as wrong. Only the difference of two rewards means
          something: where mean_reward lies is held by center_rewards_coefficient alone.
        </p>
        <p className="quiet">
          It learns what the votes pay for. Below, once it is trained: accuracy and calibration on held-out pairs, what
          an added compliment or a dropped source is worth to it, and the reward after each token of any text.
        </p>
      </div>
    </Card>
  );
}

export function Curves({ reward, run }: { reward: Reward; run: RunRecord }) {
  const { metrics } = configOf(run.recipe);
  // Beside the recipe two rows of charts are as high as it; on a phone each leaves room for the next.
  const [height] = useState(() => (matchMedia('(min-width: 1101px)').matches ? 118 : 150));
  const { points } = run;
  return (
    <div className="train-curves">
      {CURVES.map(({ title, lines, heldOut, mark }) => (
        <Card
          key={title}
          title={title}
          note={
            lines.length === 1
              ? curveWords(points, lines[0]!.metric, heldOut)
              : lines
                  .map(({ metric, label }) => `${label.split('_')[0]} ${words(lastValue(points, metric))}`)
                  .join(' · ')
          }
          className="chart-card"
        >
          <LineChart
            title={title}
            height={height}
            xMax={run.maxSteps}
            hasLegend={lines.length > 1}
            marks={mark && [mark]}
            series={[
              ...lines.map(({ metric, label }) => ({ id: metric, label, points: metricSeries(points, metric) })),
              ...(heldOut ? [{ id: heldOut, label: 'held-out', points: metricSeries(points, heldOut), isHeldOut: true, color: 'var(--s0)' }] : []), // biome-ignore format: one series
            ]}
          />
          <p className="quiet train-meaning">{metrics[title === 'reward' ? 'mean_reward' : title]?.meaning}</p>
        </Card>
      ))}
      <PaceCard
        run={run}
        stepMs={reward.stats?.stepMs}
        isRecovering={reward.isRecovering}
        metrics={metrics}
        names={['grad_norm', 'learning_rate', 'epoch']}
        meaningOf="grad_norm"
      />
    </div>
  );
}
const words = (value: number | undefined): string => (value === undefined ? '–' : number(value));

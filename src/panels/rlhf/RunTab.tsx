// The run: the objective with today's numbers, its KL, rewards and completions, where the time goes, and all other figures.
import { useState } from 'react';
import { argsOf, configOf } from '../../labs/trainerOf';
import { number, percent } from '../../lib/words';
import { klEstimators } from '../../protocol/klEstimators';
import { rewardName } from '../../protocol/rewardRules';
import type { MetricPoint, RunRecord } from '../../protocol/run';
import { isLive } from '../../stores/runPanel';
import { Answers } from '../../ui/Answers';
import { Card } from '../../ui/Card';
import { LineChart, seriesColor } from '../../ui/LineChart';
import { curveWords, lastValue, metricSeries, progressWords } from '../../ui/runWords';
import { TwoMetricsCard } from '../shared/TwoMetricsCard';
import { rolloutRows } from './methods';
import {
  equation,
  klOfAll,
  lastObjective,
  loggedFunctions,
  objectiveWords,
  smallMetrics,
  type TimeSplit,
  timeSplit,
} from './objectiveView';
import { RecipeCard } from './RecipeCard';
import { RewardsCard } from './RewardsCard';
import { functionTitles, mixWords, rewardsOf } from './rewardsView';
import type { Rlhf } from './useRlhf';

export function RunTab({ rlhf }: { rlhf: Rlhf }) {
  const { run } = rlhf;
  const twoMetrics = <TwoMetricsCard run={run} recipe={rlhf.recipe} edit={rlhf.edit} isBusy={rlhf.isBusy} />;
  return (
    <>
      <div className="rlhf-top">
        <div className="rlhf-column">
          <RecipeCard rlhf={rlhf} />
          <RewardsCard rlhf={rlhf} />
        </div>
        {run ? (
          <Curves rlhf={rlhf} run={run} />
        ) : (
          <div className="rlhf-column">
            <NoRun rlhf={rlhf} />
            {twoMetrics}
          </div>
        )}
      </div>
      {run && twoMetrics}
      <Answers key={run?.id} generations={run?.generations ?? []} isOver={run !== undefined && !isLive(run)} />
    </>
  );
}

/** What will be seen, before there is anything. */
function NoRun({ rlhf: { recipe, nameOf } }: { rlhf: Rlhf }) {
  return (
    <Card title="Objective" note="no run yet">
      <p className="rlhf-equation mono">max E[r] − β · KL(π ‖ π_ref)</p>
      <p className="quiet rlhf-lead">
        The model answers prompts itself; r is {mixWords(recipe, functionTitles(recipe, nameOf))}. Each answer’s KL from
        the reference, times β, is taken from it. Press Start RLHF: the first rollout has KL 0, because policy and
        reference are still the same model. Then watch whether the net objective rises, not the reward alone.
      </p>
      <p className="quiet rlhf-lead">
        Under Inspect a rollout a group of completions can be drawn before anything is trained; under KL laboratory the
        estimators of the KL are held against the exact one; the worked example says when an update pays.
      </p>
    </Card>
  );
}

function Curves({ rlhf, run }: { rlhf: Rlhf; run: RunRecord }) {
  const { recipe, points } = run;
  const { metrics } = configOf(recipe);
  const titles = functionTitles(recipe, rlhf.nameOf);
  const functions = loggedFunctions(points, rewardsOf(recipe).map(rewardName));
  const split = timeSplit(points, rolloutRows(recipe));
  // Beside the recipe two rows of charts are as high as it; on a phone each leaves room for the next.
  const [height] = useState(() => (matchMedia('(min-width: 1101px)').matches ? 132 : 150));
  const common = { height, xMax: run.maxSteps };
  return (
    <div className="rlhf-curves">
      <ObjectiveCard rlhf={rlhf} run={run} />
      <Card
        title="kl"
        note={
          lastValue(points, 'kl') === undefined
            ? 'no reference is read'
            : `k1 ${words(points, 'kl')} · k2 ${words(points, 'kl/k2')} · k3 ${words(points, 'kl/k3')} nats a token`
        }
        className="chart-card"
      >
        <LineChart
          title="kl"
          {...common}
          hasLegend
          series={[
            { id: 'kl', label: 'kl (k1)', points: metricSeries(points, 'kl') },
            { id: 'kl/k2', label: 'kl/k2', points: metricSeries(points, 'kl/k2') },
            { id: 'kl/k3', label: 'kl/k3', points: metricSeries(points, 'kl/k3') },
          ]}
        />
        <ul className="quiet rlhf-meanings">
          {Object.entries(klEstimators).map(([id, { formula, meaning }]) => (
            <li key={id}>
              <b className="mono">
                {id} = {formula}
              </b>{' '}
              {meaning}
            </li>
          ))}
        </ul>
      </Card>
      <Card
        title="rewards"
        note={functions.map((name) => `${titles[name] ?? name} ${words(points, `rewards/${name}/mean`)}`).join(' · ')}
        className="chart-card"
      >
        <LineChart
          title="rewards"
          {...common}
          hasLegend
          series={functions.map((name) => ({
            id: name,
            label: titles[name] ?? name,
            points: metricSeries(points, `rewards/${name}/mean`),
          }))}
        />
        <p className="quiet rlhf-meaning">
          <span className="mono">rewards/&lt;function&gt;/mean</span>: {metrics['rewards/<function>/mean']?.meaning}{' '}
          Weighted: {mixWords(recipe, titles)}.
        </p>
      </Card>
      <Card
        title="completions/mean_length"
        note={`${curveWords(points, 'completions/mean_length', 'eval_completions/mean_length')} tokens`}
        className="chart-card"
      >
        <LineChart
          title="completions/mean_length"
          {...common}
          series={[
            { id: 'mean', label: 'train', points: metricSeries(points, 'completions/mean_length') },
            {
              id: 'eval',
              label: 'held-out',
              points: metricSeries(points, 'eval_completions/mean_length'),
              isHeldOut: true,
              color: seriesColor(0),
            },
          ]}
        />
        <p className="quiet rlhf-meaning">{metrics['completions/mean_length']?.meaning}</p>
      </Card>
      <TimeCard split={split} />
      <Card
        title="Other figures"
        note={progressWords(rlhf.isRecovering ? 'recovering' : run.status, run.step, run.maxSteps, rlhf.stats?.stepMs)}
        className="chart-card rlhf-wide rlhf-pace"
      >
        <div className="rlhf-small-curves">
          {smallMetrics(metrics, points).map((name) => (
            <div key={name}>
              <p className="rlhf-small-head">
                <span className="mono">{name}</span>
                <span className="mono">
                  {words(points, name)} <span className="quiet">{unitOf(metrics[name]?.unit)}</span>
                </span>
              </p>
              <LineChart
                title={name}
                height={26}
                isSmall
                xMax={run.maxSteps}
                series={[{ id: name, label: name, points: metricSeries(points, name) }]}
              />
              <p className="quiet rlhf-meaning">{metrics[name]?.meaning}</p>
            </div>
          ))}
        </div>
      </Card>
    </div>
  );
}
const words = (points: readonly MetricPoint[], metric: string): string => {
  const value = lastValue(points, metric);
  return value === undefined ? '–' : number(value);
};
const unitOf = (unit: string | undefined): string => (unit === 'share' ? '' : (unit ?? ''));

function ObjectiveCard({ rlhf, run }: { rlhf: Rlhf; run: RunRecord }) {
  const { points, recipe } = run;
  const objective = lastObjective(points);
  const { metrics } = configOf(recipe);
  const written = objective && equation(objective);
  const steered = Number(argsOf(recipe).kl_target);
  const steeredBy = klOfAll(points);
  const penalty = points.flatMap((point) => {
    const taken = point['objective/non_score_reward'];
    return typeof taken === 'number' ? [{ step: point.step, value: 0 - taken }] : [];
  });
  return (
    <Card
      title="Objective"
      note={progressWords(rlhf.isRecovering ? 'recovering' : run.status, run.step, run.maxSteps, rlhf.stats?.stepMs)}
      className="chart-card rlhf-wide rlhf-objective"
    >
      <p className="rlhf-equation mono" aria-live="off">
        <span className="quiet">E[r] − β · KL =</span>{' '}
        {written ? (
          <>
            {written.terms} = <b>{written.net}</b> <span className="quiet">at step {objective.step}</span>
          </>
        ) : (
          <span className="quiet">the first rollout is being drawn</span>
        )}
      </p>
      <LineChart
        title="objective"
        height={168}
        xMax={run.maxSteps}
        hasLegend
        series={[
          {
            id: 'net',
            label: 'E[r] − β·KL (objective/rlhf_reward)',
            points: metricSeries(points, 'objective/rlhf_reward'),
            color: seriesColor(0),
          },
          {
            id: 'reward',
            label: 'E[r] (objective/scores)',
            points: metricSeries(points, 'objective/scores'),
            color: seriesColor(1),
          },
          { id: 'penalty', label: 'β·KL (−objective/non_score_reward)', points: penalty, color: seriesColor(2) },
          {
            id: 'held-out',
            label: 'held-out E[r] − β·KL',
            points: metricSeries(points, 'eval_objective/rlhf_reward'),
            isHeldOut: true,
            color: seriesColor(0),
          },
        ]}
      />
      <p className="quiet rlhf-meaning">
        {objectiveWords(points) ?? metrics['objective/rlhf_reward']?.meaning} KL is the sum over a completion (
        <span className="mono">objective/kl</span>
        {steeredBy !== 'objective/kl' && ', 0 where it is masked'}), its mean over the rollout; β is{' '}
        {steered > 0 ? (
          <>
            steered to a KL of {number(steered)} nats (<span className="mono">{steeredBy}</span>
            {steeredBy !== 'objective/kl' && ', of masked ones too'})
          </>
        ) : (
          'fixed'
        )}
        .
      </p>
    </Card>
  );
}

const PART_WORDS = {
  rollout: 'drawing',
  scoring: 'rewards, log π',
  update: 'optimizer steps',
} as const;
function TimeCard({ split }: { split: TimeSplit | undefined }) {
  return (
    <Card
      title="Time of an iteration"
      note={split ? `${number(split.seconds)} s, mean of ${split.iterations}` : 'no iteration yet'}
      className="chart-card rlhf-time"
    >
      {split && (
        <>
          <div
            className="rlhf-bar"
            role="img"
            aria-label={split.parts
              .map(({ name, seconds, share }) => `${name} ${number(seconds)} s, ${percent(share)}`)
              .join('; ')}
          >
            {split.parts.map(({ name, share }, i) => (
              <i key={name} style={{ flexGrow: share, background: seriesColor(i) }} />
            ))}
          </div>
          <dl className="rlhf-parts">
            {split.parts.map(({ name, seconds, share }, i) => (
              <div key={name}>
                <dt>
                  <i style={{ background: seriesColor(i) }} />
                  <span className="mono">time/{name}</span> <span className="quiet">{PART_WORDS[name]}</span>
                </dt>
                <dd className="mono">
                  {number(seconds)} s <span className="quiet">{percent(share)}</span>
                </dd>
              </div>
            ))}
          </dl>
          <p className="quiet rlhf-meaning">
            Every iteration draws anew, which offline methods never do: that share is what being on-policy costs.
          </p>
        </>
      )}
    </Card>
  );
}

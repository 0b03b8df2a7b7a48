// The two-metric method on a run: where it lies among the outcomes, why in words, every metric with its interval, and what is measured.
import { Fragment, useId } from 'react';
import { argsOf } from '../../labs/trainerOf';
import { guardrailsFor, targetsFor, twoMetricsFor, uncounted } from '../../labs/twoMetrics';
import { duration } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import {
  changeWords,
  countedOn,
  levelWords,
  refusalCounts,
  type TwoMetrics,
  valueWords,
  WATCHED,
  type Watched,
} from '../../protocol/twoMetrics';
import { Card } from '../../ui/Card';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import { TwoMetricsMap } from './TwoMetricsMap';
import {
  type Measured,
  measuredOf,
  OUTCOME_WORDS,
  pathOf,
  promiseWords,
  reachWords,
  STATE_WORDS,
  toneOf,
} from './twoMetricsView';

export interface TwoMetricsCardProps {
  /** The run in view. */
  run: RunRecord | undefined;
  /** The recipe of the next run. */
  recipe: Recipe;
  edit: (recipe: Recipe) => void;
  /** Settings are locked while a run is on. */
  isBusy: boolean;
}
export function TwoMetricsCard({ run, recipe, edit, isBusy }: TwoMetricsCardProps) {
  const spec = run?.recipe.two_metrics ?? undefined;
  const measured = run && spec ? measuredOf(run.points, spec) : [];
  return (
    <Card title="Two metrics" note={twoMetricsNote(run)} className="two-metrics">
      {run && measured.length > 0 ? (
        <TwoMetricsOf run={run} />
      ) : (
        <p className="quiet two-metrics-idle">
          {run && !spec
            ? 'This run was trained without targets and guardrails. Turn them on below for the next one.'
            : 'A reward curve that rises proves little. One group of metrics says whether the run gets better at what it is for, another whether what was to stay has stayed; together they tell a real improvement from gaming, drift and regression.'}
        </p>
      )}
      <Settings recipe={recipe} edit={edit} isBusy={isBusy} />
    </Card>
  );
}

function casesWords({ cases }: TwoMetrics): string {
  const { due, other } = refusalCounts(cases);
  return `${cases} cases and ${due + other} about refusals`;
}
/** What was measured, and how long it took. */
export function twoMetricsNote(run: RunRecord | undefined): string {
  const spec = run?.recipe.two_metrics;
  if (!run || !spec) return '';
  const measured = measuredOf(run.points, spec);
  const last = measured.at(-1);
  if (!last) return run.status === 'running' ? 'measuring the start' : 'not measured yet';
  const spent = measured.reduce((sum, { seconds }) => sum + seconds, 0);
  return `measured at step ${last.step} of ${run.maxSteps} in ${duration(last.seconds)}, ${duration(spent)} in all, on ${casesWords(spec)}`;
}

/** Where a run lies, why, and its metrics; nothing before the first measurement. */
export function TwoMetricsOf({ run }: { run: RunRecord }) {
  const spec = run.recipe.two_metrics;
  const measured = spec ? measuredOf(run.points, spec) : [];
  const last = measured.at(-1);
  if (!spec || !last) return null;
  const { outcome, reasons } = last.verdict;
  return (
    <div className="two-metrics-body">
      <TwoMetricsMap path={pathOf(measured)} target={spec.targets[0]!} height={260} />
      <div className="two-metrics-said">
        <p className={`two-metrics-outcome ${toneOf(outcome)}`} role="status">
          {last.step === 0 ? 'the start' : outcome}
        </p>
        <p className="two-metrics-small">
          {last.step === 0
            ? 'Every later measurement is compared with this one, case by case.'
            : OUTCOME_WORDS[outcome]}
        </p>
        {last.step > 0 && (
          <ul className="two-metrics-small">
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
      </div>
      <MetricsTable last={last} spec={spec} />
      {last.step > 0 && (
        <p className="quiet two-metrics-small two-metrics-promise">{promiseWords(last.level, spec, run.maxSteps)}</p>
      )}
    </div>
  );
}

function MetricsTable({ last: { verdict, level = 0.95 }, spec: watch }: { last: Measured; spec: TwoMetrics }) {
  const rows = [
    ...verdict.targets.map(({ reading, state, spec }) => ({ group: 'targets', reading, state, limit: spec.better_by ?? 0, sign: '> ' })), // biome-ignore format: one row
    ...verdict.guardrails.map(({ reading, state, spec }) => ({ group: 'guardrails', reading, state, limit: spec.worse_by, sign: '' })), // biome-ignore format: one row
  ];
  return (
    <Scroll label="Targets and guardrails" className="two-metrics-table">
      <table className="data-table">
        <thead>
          <tr>
            <th scope="col">metric</th>
            <th scope="col">state</th>
            <th scope="col" className="n">
              change [{levelWords(level)}]
            </th>
            <th scope="col" className="n">
              limit
            </th>
            <th scope="col" className="n">
              start
            </th>
            <th scope="col" className="n">
              now
            </th>
            <th scope="col" className="n">
              cases
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ group, reading, state, limit, sign }, i) => (
            <Fragment key={`${group} ${reading.metric}`}>
              {rows[i - 1]?.group !== group && (
                <tr>
                  <th scope="rowgroup" colSpan={7} className="two-metrics-group">
                    {group}
                  </th>
                </tr>
              )}
              <tr title={WATCHED[reading.metric]?.meaning}>
                <td className="mono">{reading.metric}</td>
                <td className={STATE_WORDS[state].className}>{STATE_WORDS[state].words}</td>
                <td className="n mono">{changeWords(reading)}</td>
                <td className="n quiet">{`${sign}${boundWords(reading.metric, group, limit)}`}</td>
                <td className="n">{valueWords(reading.metric, reading.before)}</td>
                <td className="n">{valueWords(reading.metric, reading.now)}</td>
                <td className="n quiet">{countedOn(reading.metric, watch)}</td>
              </tr>
            </Fragment>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
const UNIT_WORDS: Record<Watched['unit'], string> = { share: '', tokens: ' tokens', nats: ' nats', reward: '' };
function boundWords(metric: string, group: string, bound: number): string {
  const { unit = 'share', direction = 'higher' } = WATCHED[metric] ?? {};
  const sign = group === 'targets' || direction === 'lower' ? '+' : direction === 'higher' ? '−' : '±';
  return `${sign}${bound}${UNIT_WORDS[unit]}`;
}

const EVERY = ['0', '10', '25', '50', '100'] as const;
const CASES = ['8', '16', '40', '80', '160'] as const;
const withOwn = (options: readonly string[], own: number): string[] =>
  [...new Set([...options, String(own)])].sort((a, b) => Number(a) - Number(b));
const BOUNDS: Record<Watched['unit'], readonly number[]> = {
  share: [0.01, 0.02, 0.05, 0.1, 0.2, 0.3],
  tokens: [5, 10, 20, 40, 80],
  nats: [1, 2, 5, 10, 20, 50],
  reward: [0, 0.1, 0.25, 0.5, 1],
};

/** Of the next run. Choices and no typed numbers: whatever is chosen can be trained. */
function Settings({ recipe, edit, isBusy }: Omit<TwoMetricsCardProps, 'run'>) {
  const spec = recipe.two_metrics;
  const id = useId();
  const change = (part: Partial<TwoMetrics>) => spec && edit({ ...recipe, two_metrics: { ...spec, ...part } });
  const maxSteps = Number(argsOf(recipe).max_steps);
  const problem = spec && [...spec.targets, ...spec.guardrails].map(({ metric }) => uncounted(recipe, metric)).find(Boolean); // biome-ignore format: one search
  return (
    <details className="two-metrics-settings">
      <summary>
        Settings of the next run:{' '}
        {spec
          ? `${spec.every > 0 ? `every ${spec.every} steps` : 'at the start and at the end'}, ${casesWords(spec)}${spec.stop ? ', stops itself' : ''}`
          : 'off'}
      </summary>
      <fieldset disabled={isBusy}>
        <legend className="sr-only">Two metrics of the next run</legend>
        <label className="two-metrics-line">
          <input
            type="checkbox"
            checked={Boolean(spec)}
            onChange={({ currentTarget }) =>
              edit({ ...recipe, two_metrics: currentTarget.checked ? twoMetricsFor(recipe) : null })
            }
          />{' '}
          Measure targets and guardrails while it trains
        </label>
        {problem && <p className="bad-text two-metrics-small">{problem}</p>}
        {spec && (
          <>
            <div className="two-metrics-line">
              <span className="mono">every</span>
              <Segmented
                label="Steps between measurements"
                options={withOwn(EVERY, spec.every)}
                value={String(spec.every)}
                onChange={(every) => change({ every: Number(every) })}
              />
              <span className="quiet">{spec.every > 0 ? 'steps' : 'both ends alone'}</span>
            </div>
            <div className="two-metrics-line">
              <span className="mono">cases</span>
              <Segmented
                label="Cases"
                options={withOwn(CASES, spec.cases)}
                value={String(spec.cases)}
                onChange={(cases) => change({ cases: Number(cases) })}
              />
              <span className="quiet">
                of the run’s own kind, as many that must be refused, and some that only sound like it;{' '}
                {reachWords(spec, maxSteps)}
              </span>
            </div>
            <label className="two-metrics-line">
              <input
                type="checkbox"
                checked={spec.stop}
                onChange={({ currentTarget }) => change({ stop: currentTarget.checked })}
              />{' '}
              Stop the run once a guardrail is surely worse than allowed; its checkpoint is kept and can be continued
            </label>
            <div className="two-metrics-groups">
              <Group
                title="Targets: what is to rise, by more than"
                id={`${id}t`}
                known={targetsFor(recipe)}
                chosen={new Map(spec.targets.map(({ metric, better_by = 0 }) => [metric, better_by]))}
                startOf={({ better_by }) => better_by!}
                onChange={(chosen) =>
                  change({ targets: [...chosen].map(([metric, better_by]) => ({ metric, better_by })) })
                }
              />
              <Group
                title="Guardrails: what is to stay, within"
                id={`${id}g`}
                known={guardrailsFor(recipe)}
                chosen={new Map(spec.guardrails.map(({ metric, worse_by }) => [metric, worse_by]))}
                startOf={({ worse_by }) => worse_by!}
                onChange={(chosen) =>
                  change({ guardrails: [...chosen].map(([metric, worse_by]) => ({ metric, worse_by })) })
                }
              />
            </div>
          </>
        )}
      </fieldset>
    </details>
  );
}

function Group({
  title,
  id,
  known,
  chosen,
  startOf,
  onChange,
}: {
  title: string;
  id: string;
  known: readonly Watched[];
  /** Metric → bound. */
  chosen: ReadonlyMap<string, number>;
  startOf: (metric: Watched) => number;
  onChange: (chosen: Map<string, number>) => void;
}) {
  return (
    <div>
      <p className="two-metrics-small">{title}</p>
      {known.map((metric) => {
        const bound = chosen.get(metric.id);
        const isLast = chosen.size === 1 && bound !== undefined;
        const bounds = [...new Set([...BOUNDS[metric.unit], bound ?? startOf(metric)])].sort((a, b) => a - b);
        const set = (value: number | undefined) => {
          const next = new Map(chosen);
          if (value === undefined) next.delete(metric.id);
          else next.set(metric.id, value);
          onChange(new Map(known.flatMap(({ id: one }) => (next.has(one) ? [[one, next.get(one)!]] : []))));
        };
        return (
          <div key={metric.id} className="two-metrics-metric" title={metric.meaning}>
            <input
              type="checkbox"
              id={`${id}${metric.id}`}
              checked={bound !== undefined}
              disabled={isLast}
              onChange={({ currentTarget }) => set(currentTarget.checked ? startOf(metric) : undefined)}
            />
            <label htmlFor={`${id}${metric.id}`} className="mono">
              {metric.id}
            </label>
            <select
              className="select"
              aria-label={`${metric.id}: bound`}
              disabled={bound === undefined}
              value={bound ?? startOf(metric)}
              onChange={({ currentTarget }) => set(Number(currentTarget.value))}
            >
              {bounds.map((value) => (
                <option key={value} value={value}>
                  {value}
                  {UNIT_WORDS[metric.unit]}
                </option>
              ))}
            </select>
          </div>
        );
      })}
    </div>
  );
}

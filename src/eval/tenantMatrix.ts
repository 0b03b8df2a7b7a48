// Adapter × tenant slice: each adapter on the cases of each tenant. The diagonal is how well tenants are served; off it is what
// a wrong routing would do. And the regression check between two versions of one adapter, case by case.
import type { Interval } from '../lib/agreement';
import { ConfigError, DataError } from '../lib/errors';
import type { RegressionCheck } from '../protocol/serving';
import type { EvaluationCase } from '../world/cases';
import { type EvaluateContext, evaluateCases, type Sampler } from './evaluate';
import type { Graded, Metric } from './metric';
import { findMetrics } from './registry';

export interface TenantSlice {
  tenant: string;
  cases: readonly EvaluationCase[];
}
export interface AdapterUnderTest {
  adapterId: number;
  /** Whose policy it was trained on. */
  tenant: string;
  sampler: Sampler;
}
export interface MatrixOptions {
  /** Id of a metric that says of each case whether it passes, such as turn_correct. */
  metric: string;
  /** Of the intervals. */
  seed: number;
  max_new_tokens?: number;
  batch?: number;
  /** Cells done, of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}
/** Case id → passed; cases that the metric does not count are left out. */
export type CaseOutcomes = Readonly<Record<string, boolean>>;
export interface MatrixCell extends Interval {
  /** Share of the counted cases that pass, with its 95 % interval: bootstrap, Wilson's where all cases agree. */
  value: number;
  /** Counted cases. */
  n: number;
  outcomes: CaseOutcomes;
}
export interface TenantMatrix {
  metric: string;
  adapters: { adapterId: number; tenant: string }[];
  /** Of the columns. */
  tenants: string[];
  /** [adapter][slice] */
  cells: MatrixCell[][];
  /** The tenant served worst by its own adapter. */
  diagonalMin: number;
  /** The wrong routing that would be noticed least; NaN where there is only one tenant. */
  offDiagonalMax: number;
}

/**
 * Measures every adapter on every slice, greedily, with the chat template alone. Throws ConfigError for an unknown or unfit metric
 * and an adapter without a slice, DataError for a slice in which no case counts.
 */
export async function tenantMatrix(
  adapters: readonly AdapterUnderTest[],
  slices: readonly TenantSlice[],
  { metric: id, onProgress, ...options }: MatrixOptions,
  context: Omit<EvaluateContext, 'sampler'>,
): Promise<TenantMatrix> {
  const metric = passMetric(id);
  checkTable(adapters, slices);
  const cells: MatrixCell[][] = [];
  let done = 0;
  for (const { sampler } of adapters) {
    const row: MatrixCell[] = [];
    for (const { tenant, cases } of slices) {
      const { metrics, graded } = await evaluateCases(
        cases,
        { ...options, metrics: [id], promptStyle: 'plain' },
        { ...context, sampler },
      );
      const { value, low, high, n } = metrics[0]!;
      if (n === 0)
        throw new DataError(
          `${id} counts none of the ${cases.length} cases of ${tenant}. Choose another metric or other cases.`,
          { where: tenant },
        );
      row.push({ value, low, high, n, outcomes: caseOutcomes(graded, metric) });
      onProgress?.(++done, adapters.length * slices.length);
    }
    cells.push(row);
  }
  const values = (isOwn: boolean) =>
    cells.flatMap((row, a) =>
      row.flatMap(({ value }, s) => ((adapters[a]!.tenant === slices[s]!.tenant) === isOwn ? [value] : [])),
    );
  const others = values(false);
  return {
    metric: id,
    adapters: adapters.map(({ adapterId, tenant }) => ({ adapterId, tenant })),
    tenants: slices.map(({ tenant }) => tenant),
    cells,
    diagonalMin: Math.min(...values(true)),
    offDiagonalMax: others.length > 0 ? Math.max(...others) : Number.NaN,
  };
}

/** A metric whose value of a case is passed or failed. */
function passMetric(id: string): Metric {
  const metric = findMetrics([id])[0]!;
  if (metric.unit !== 'share' || metric.direction !== 'higher')
    throw new ConfigError(
      `${id} does not say whether a case passes (its unit is ${metric.unit}, better is ${metric.direction}). Choose a share that is better when higher, such as schema_valid.`,
      { where: 'metric' },
    );
  return metric;
}

function checkTable(adapters: readonly AdapterUnderTest[], slices: readonly TenantSlice[]): void {
  const tenants = slices.map(({ tenant }) => tenant);
  const twice = tenants.find((tenant, i) => tenants.indexOf(tenant) !== i);
  if (twice !== undefined)
    throw new ConfigError(`The tenant ${twice} has two slices. Put their cases into one.`, { where: twice });
  if (adapters.length === 0) throw new ConfigError('A tenant matrix needs at least one adapter.');
  for (const { adapterId, tenant } of adapters)
    if (!tenants.includes(tenant))
      throw new ConfigError(
        `Adapter ${adapterId} is for ${tenant}, and there are cases of ${tenants.join(', ') || 'nobody'} only. Add a slice of ${tenant}.`,
        { where: tenant },
      );
}

/** Passed means the whole value: half of an answer's signs in place is not a pass. */
export function caseOutcomes(graded: readonly Graded[], metric: Metric): CaseOutcomes {
  const out: Record<string, boolean> = {};
  for (const one of graded) {
    const value = metric.valueOf(one);
    if (value !== null) out[one.case.caseId] = Number(value) === 1;
  }
  return out;
}

/** Ids of cases by what became of them. Throws DataError when the two are of different cases. */
export function regression(
  before: CaseOutcomes,
  after: CaseOutcomes,
): { regressions: string[]; fixed: string[]; cases: number } {
  const ids = Object.keys(before);
  const lost =
    ids.find((id) => !Object.hasOwn(after, id)) ?? Object.keys(after).find((id) => !Object.hasOwn(before, id));
  if (lost !== undefined)
    throw new DataError(
      `The two versions were not measured on the same cases: ${lost} was counted ${Object.hasOwn(before, lost) ? 'before' : 'after'} only. Measure both on one slice.`,
      { where: lost },
    );
  return {
    regressions: ids.filter((id) => before[id] && !after[id]),
    fixed: ids.filter((id) => !before[id] && after[id]),
    cases: ids.length,
  };
}

/**
 * The gate of an adapter's next version, for the registry, which activates none that fails it. `against`: artifact id of what was
 * measured as `before`; `allowance`: regressions to be tolerated, however many cases were fixed. `others`, of an entry's first
 * version: its outcomes on the other tenants' slices, by tenant. A bare base that decides nothing rightly is no bar, so the first
 * must decide more than the base, and its own tenant's cases better than anybody else's: the adapter of another tenant does not.
 * One that decides all of its cases rightly can do no better, whatever it does elsewhere.
 */
export function regressionCheck(
  before: CaseOutcomes,
  after: CaseOutcomes,
  {
    against,
    allowance,
    others,
  }: { against: string; allowance: number; others?: Readonly<Record<string, CaseOutcomes>> },
): RegressionCheck {
  if (!Number.isInteger(allowance) || allowance < 0)
    throw new ConfigError(`The allowance must be a whole number of cases from 0 on, got ${allowance}.`, {
      where: 'allowance',
    });
  const found = regression(before, after);
  if (found.cases === 0)
    throw new DataError('A regression check over no cases says nothing. Measure both versions on a slice.');
  const count = (outcomes: CaseOutcomes) => Object.values(outcomes).filter(Boolean).length;
  const right = { before: count(before), after: count(after) };
  const passes = found.regressions.length <= allowance;
  if (!others) return { against, allowance, ...found, right, passes };
  const elsewhere = Object.entries(others).map(([tenant, outcomes]) => ({ tenant, right: count(outcomes), cases: Object.keys(outcomes).length })); // biome-ignore format: one object
  const isPerfect = right.after === found.cases;
  const helps = isPerfect || right.after > right.before;
  const isOwn = isPerfect || elsewhere.every((one) => one.right / one.cases < right.after / found.cases);
  return { against, allowance, ...found, right, others: elsewhere, passes: passes && helps && isOwn };
}

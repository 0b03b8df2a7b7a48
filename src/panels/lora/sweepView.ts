// Sweeps and comparisons as data: which runs make one, what their points are, what the comparison says. Pure.
import { fullRecipe } from '../../labs/recipes/lora';
import { count, number } from '../../lib/words';
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { intervalWords, metricWords } from '../../ui/metricWords';
import { lastValue } from '../../ui/runWords';
import type { ScatterSeries } from '../../ui/ScatterChart';
import type { Peft } from '../shared/peftValues';
import { PRESETS, presetOf } from './adapterForm';

export const SWEEP_SETS = ['attention', 'all'] as const;
export type SweepSet = (typeof SWEEP_SETS)[number];
const SET_LABEL: Record<string, string> = Object.fromEntries(PRESETS.map(({ id, label }) => [id, label]));
export const setLabel = (id: string): string => SET_LABEL[id] ?? id;

export interface SweepItem {
  name: string;
  recipe: Recipe;
}
/**
 * One run a rank and target set, and full tuning where asked for: the same seed, rows and steps. lora_alpha is 2 r, so that the
 * scale does not hang on the rank; full tuning takes its own learning_rate and a base in f32.
 */
export function sweepItems(
  recipe: Recipe & { peft: Peft },
  { ranks, sets, hasFull }: { ranks: readonly number[]; sets: readonly SweepSet[]; hasFull: boolean },
): SweepItem[] {
  const named = (name: string, change: Partial<Recipe>): SweepItem => ({
    name,
    recipe: { ...recipe, ...change, name },
  });
  const { rank_pattern: _r, alpha_pattern: _a, ...peft } = recipe.peft; // they would undo the rank that is swept
  const adapters = sets.flatMap((set) =>
    ranks.map((r) =>
      named(`sweep r ${r}, ${setLabel(set)}`, {
        peft: {
          ...peft,
          r,
          lora_alpha: 2 * r,
          target_modules: [...(PRESETS.find(({ id }) => id === set)!.targets as string[])] as Json,
        },
      }),
    ),
  );
  const { learning_rate: _, ...args } = recipe.args;
  const rate = fullRecipe.args.learning_rate;
  const full = named('sweep full tuning', {
    peft: null,
    model: { ref: recipe.model.ref },
    args: rate === undefined ? args : { ...args, learning_rate: rate },
  });
  return hasFull ? [...adapters, full] : adapters;
}

export interface SweepRow {
  run: RunRecord;
  /** attention, all, peft, own; full where all weights are trained. */
  set: string;
  r?: number;
  parameters?: number;
  evalLoss?: number;
}
/** Rows of a sweep in the order of sets and ranks, full tuning last. `parameters` by run id. */
export function sweepRows(runs: readonly RunRecord[], parameters: Readonly<Record<string, number>>): SweepRow[] {
  const rows = runs.map((run): SweepRow => {
    const { peft } = run.recipe;
    return {
      run,
      set: peft ? presetOf(peft.target_modules) : 'full',
      ...(peft && { r: Number(peft.r ?? 8) }),
      parameters: parameters[run.id],
      evalLoss: lastValue(run.points, 'eval_loss'),
    };
  });
  const order = [...PRESETS.map(({ id }) => id as string), 'full'];
  return rows.sort((a, b) => order.indexOf(a.set) - order.indexOf(b.set) || (a.r ?? 0) - (b.r ?? 0));
}

/** What is drawn of a run; with its 95 % interval where it was measured. */
export interface SweepValue {
  y: number;
  low?: number;
  high?: number;
}
/** Points of finished runs, a series a target set. */
export function sweepSeries(
  rows: readonly SweepRow[],
  value: (row: SweepRow) => SweepValue | undefined,
): ScatterSeries[] {
  const out = new Map<string, ScatterSeries>();
  for (const row of rows) {
    const drawn = row.run.status === 'finished' ? value(row) : undefined;
    if (drawn === undefined || row.parameters === undefined) continue;
    const isFull = row.set === 'full';
    const series = out.get(row.set) ?? {
      id: row.set,
      label: isFull ? 'full tuning' : setLabel(row.set),
      points: [],
      isReference: isFull,
    };
    series.points.push({ x: row.parameters, ...drawn, label: isFull ? 'all' : `r ${row.r}` });
    out.set(row.set, series);
  }
  return [...out.values()];
}

/** What the sweep says about loss, as far as it has been measured: the best adapter, and how far it is from full tuning. */
export function sweepWords(rows: readonly SweepRow[]): string | undefined {
  const done = rows.filter((row) => row.run.status === 'finished' && row.evalLoss !== undefined);
  const adapters = done.filter((row) => row.set !== 'full');
  if (adapters.length < 2) return undefined;
  const best = adapters.reduce((low, row) => (row.evalLoss! < low.evalLoss! ? row : low));
  const full = done.find((row) => row.set === 'full');
  const words = `Lowest eval_loss among the adapters: ${number(best.evalLoss!)} with r ${best.r}, ${setLabel(best.set)}${best.parameters === undefined ? '' : `, ${count(best.parameters)} parameters`}.`;
  if (!full) return words;
  const gap = best.evalLoss! - full.evalLoss!;
  return `${words} Full tuning is at ${number(full.evalLoss!)}: ${gap > 0 ? `${number(gap)} lower` : `${number(-gap)} higher`}. One seed does not show how much another run would differ.`;
}

/** What the sweep says about a measured metric, as far as it has been: the same two, and whether chance may be between them. */
export function sweepMetricWords(
  id: string,
  rows: readonly SweepRow[],
  result: (row: SweepRow) => MetricResult | undefined,
): string | undefined {
  const done = rows.filter((row) => row.run.status === 'finished');
  const measured = done.flatMap((row) => {
    const metric = result(row);
    return metric && metric.n > 0 ? [{ row, metric }] : [];
  });
  const adapters = measured.filter(({ row }) => row.set !== 'full');
  if (adapters.length === 0) return done.length === 0 ? undefined : `No run has ${id} measured yet.`;
  const isLower = adapters[0]!.metric.direction === 'lower';
  const isBetter = (a: MetricResult, b: MetricResult) => (isLower ? a.value < b.value : a.value > b.value);
  const best = adapters.reduce((top, one) => (isBetter(one.metric, top.metric) ? one : top));
  const said = (metric: MetricResult) => `${metricWords(metric)} (${intervalWords(metric)})`;
  const some = measured.length < done.length ? ` ${measured.length} of ${done.length} runs are measured.` : '';
  const words = `${isLower ? 'Lowest' : 'Highest'} ${id} among the adapters: ${said(best.metric)} with r ${best.row.r}, ${setLabel(best.row.set)}.`;
  const full = measured.find(({ row }) => row.set === 'full');
  if (!full) return words + some;
  const isApart = full.metric.low > best.metric.high || full.metric.high < best.metric.low;
  return `${words} Full tuning is at ${said(full.metric)}: ${isApart ? 'the intervals are apart' : 'the intervals overlap, so no difference is shown'}.${some}`;
}

export interface ArmResult {
  label: string;
  metric?: MetricResult;
}
/** The first metric of an experiment over its arms, once all are measured. It counts as more than chance when the intervals are apart. */
export function armsWords(arms: readonly ArmResult[]): string | undefined {
  const measured = arms.filter((arm): arm is Required<ArmResult> => arm.metric !== undefined && arm.metric.n > 0);
  if (measured.length < arms.length || measured.length < 2) return undefined;
  const ordered = measured.toSorted((a, b) => b.metric.value - a.metric.value);
  const [best, second] = [ordered[0]!, ordered[1]!];
  const list = measured
    .map(({ label, metric }) => `${label} ${metricWords(metric)} (${intervalWords(metric)})`)
    .join('; ');
  const isClear = best.metric.low > second.metric.high;
  return `${best.metric.id}: ${list}. ${
    isClear
      ? `“${best.label}” is ahead by more than chance.`
      : best.metric.value === second.metric.value
        ? 'No arm is ahead.'
        : 'The intervals of the best two overlap: no difference is shown on these cases.'
  }`;
}

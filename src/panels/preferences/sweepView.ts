// Sweeps over β and over the share of flipped votes: which runs make one, and what their points are. Pure.

import { argsOf } from '../../labs/trainerOf';
import { number, percent } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { lastValue } from '../../ui/runWords';
import type { ScatterSeries } from '../../ui/ScatterChart';

/** Groups of runs that this panel starts begin so. */
export const BETA_SWEEP = 'preferences beta ';
export const NOISE_SWEEP = 'preferences noise ';
export const BETAS = [0.01, 0.03, 0.1, 0.3, 1] as const;
export const SHARES = [0, 0.1, 0.2, 0.3, 0.4] as const;
/** Losses compared under noise: one that believes every vote, and two that expect some to be wrong. */
export const NOISE_LOSSES = ['sigmoid', 'cdpo', 'robust'] as const;

export interface SweepItem {
  name: string;
  recipe: Recipe;
}
/** Named after its method first: names stand beside those of other pages. */
const item = (what: string, recipe: Recipe): SweepItem => {
  const name = `${recipe.name ?? recipe.trainer}, ${what}`;
  return { name, recipe: { ...recipe, name } };
};

/** One run a β; everything else as it is. */
export const betaItems = (recipe: Recipe, betas: readonly number[]): SweepItem[] =>
  betas.map((beta) => item(`β ${beta}`, { ...recipe, args: { ...recipe.args, beta } }));

/**
 * One run a loss and share of flipped votes. Losses that expect noise are told the true share (label_smoothing); at a share of 0
 * all three are sigmoid, so that one is run once.
 */
export function noiseItems(recipe: Recipe, shares: readonly number[], losses: readonly string[]): SweepItem[] {
  return losses.flatMap((loss, i) =>
    shares.flatMap((flipped_votes) => {
      if (flipped_votes === 0 && i > 0) return [];
      const { loss_weights: _, ...args } = recipe.args;
      return [
        item(`${flipped_votes === 0 ? 'sigmoid' : loss}, ${percent(flipped_votes)} of the votes flipped`, {
          ...recipe,
          data: { ...recipe.data, flipped_votes },
          args: {
            ...args,
            loss_type: [flipped_votes === 0 ? 'sigmoid' : loss],
            label_smoothing: loss === 'sigmoid' ? 0 : flipped_votes,
          },
        }),
      ];
    }),
  );
}

export const SWEEP_METRICS = [
  'eval_rewards/accuracies',
  'eval_rewards/margins',
  'eval_loss',
  'eval_logps/chosen',
] as const;
export type SweepMetric = (typeof SWEEP_METRICS)[number];

export interface SweepRow {
  run: RunRecord;
  x: number;
  loss: string;
  value?: number;
}
export function sweepRows(runs: readonly RunRecord[], kind: 'beta' | 'noise', metric: SweepMetric): SweepRow[] {
  return runs
    .map((run): SweepRow => {
      const args = argsOf(run.recipe);
      const x = kind === 'beta' ? Number(args.beta) : (run.recipe.data.flipped_votes ?? 0);
      const value = lastValue(run.points, metric);
      return {
        run,
        x,
        loss: [args.loss_type ?? run.recipe.trainer].flat().join(' + '),
        ...(value !== undefined && { value }),
      };
    })
    .sort((a, b) => a.loss.localeCompare(b.loss) || a.x - b.x);
}
/** Points of finished runs, a series a loss. */
export function sweepSeries(rows: readonly SweepRow[]): ScatterSeries[] {
  const out = new Map<string, ScatterSeries>();
  for (const { run, x, loss, value } of rows) {
    if (run.status !== 'finished' || value === undefined) continue;
    const series = out.get(loss) ?? { id: loss, label: loss, points: [] };
    series.points.push({ x, y: value, label: '' });
    out.set(loss, series);
  }
  return [...out.values()];
}
/** Best and worst of what has finished; undefined before there are two. */
export function sweepWords(rows: readonly SweepRow[], kind: 'beta' | 'noise', metric: SweepMetric): string | undefined {
  const done = rows.flatMap((row) =>
    row.run.status === 'finished' && row.value !== undefined ? [{ ...row, value: row.value }] : [],
  );
  if (done.length < 2) return undefined;
  const isLower = metric === 'eval_loss';
  const ordered = done.toSorted((a, b) => (isLower ? a.value - b.value : b.value - a.value));
  const said = ({ x, value, loss }: (typeof done)[number]) =>
    `${metric === 'eval_rewards/accuracies' ? percent(value) : number(value)} ${kind === 'beta' ? `at β ${x}` : `with ${loss} at ${percent(x)} flipped`}`;
  const scaled =
    kind === 'beta' && metric !== 'eval_rewards/accuracies'
      ? ' Rewards are multiplied by β, so margins and losses of several β are not on one scale: accuracies are.'
      : '';
  return `${isLower ? 'Lowest' : 'Highest'} ${metric}: ${said(ordered[0]!)}; ${isLower ? 'highest' : 'lowest'}: ${said(ordered.at(-1)!)}. One seed does not show how much another run would differ.${scaled}`;
}

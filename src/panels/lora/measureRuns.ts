// How runs of this panel are measured: their recipe's metrics on cases of the set that they were trained on. Pure.
import type { RunRecord } from '../../protocol/run';
import type { MeasureRequest } from '../../stores/measurements';

export const CASES = 40;

/** Cases of the four SFT shapes have a mixture of their own; every other built-in set is measured on its own rows. */
export function casesOf({ data }: RunRecord['recipe']): string | undefined {
  const [only, ...others] = data.train;
  return others.length === 0 && /^builtin:(where|tenant)\//.test(only?.ref ?? '') ? only!.ref : undefined;
}
export const measureRequest = ({ id, recipe }: Pick<RunRecord, 'id' | 'recipe'>): MeasureRequest => ({
  ref: `run:${id}`,
  metrics: recipe.evaluation,
  cases: CASES,
  seed: recipe.seed,
  template: recipe.template,
  ...(casesOf(recipe) !== undefined && { dataset: casesOf(recipe) }),
});

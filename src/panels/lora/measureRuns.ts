// How runs of this panel are measured: their recipe's metrics on cases of the set that they were trained on. Pure.
import { adapterNames } from '../../labs/adapterNames';
import { casesOf } from '../../labs/casesOf';
import type { RunRecord } from '../../protocol/run';
import type { MeasureRequest } from '../../stores/measurements';

export const CASES = 40;

export const measureRequest = ({ id, recipe, step }: Pick<RunRecord, 'id' | 'recipe' | 'step'>): MeasureRequest => ({
  ref: `run:${id}`,
  metrics: recipe.evaluation,
  cases: CASES,
  seed: recipe.seed,
  template: recipe.template,
  at: step,
  ...(casesOf(recipe) !== undefined && { dataset: casesOf(recipe) }),
  // The base is measured on the same cases as the adapters, each of which answers its own.
  ...(adapterNames(recipe).length > 1 && { casesOf: `run:${id}` }),
});

// How a run is measured: its recipe's metrics on cases of the set that it was trained on. Pure.
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

/** The model that the run started from, on the same cases. */
export const startRequest = (run: Pick<RunRecord, 'id' | 'recipe' | 'step'>): MeasureRequest => ({
  ...measureRequest(run),
  ref: run.recipe.model.ref,
  at: undefined,
});

// What a run is anchored to, as a choice and as the model that is read. Pure.
import { referenceOf } from '../../labs/referenceRef';
import { argsOf, configOf } from '../../labs/trainerOf';
import type { Recipe } from '../../protocol/recipe';
import type { ModelRef } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';

/** `start`: what the trainer takes where nothing is said. */
export const START = 'start';

export interface ReferenceChoice {
  id: string;
  label: string;
}
/** Undefined where the loss reads no reference. */
export function referenceChoices(
  recipe: Recipe,
  models: readonly { ref: ModelRef; label: string }[],
): ReferenceChoice[] | undefined {
  if (!configOf(recipe).needsReference?.(argsOf(recipe))) return undefined;
  const start = recipe.peft ? 'adapter off' : 'the start, frozen';
  const frozen = recipe.peft ? [] : [recipe.model.ref];
  return [
    { id: START, label: start },
    ...models.filter(({ ref }) => !frozen.includes(ref)).map(({ ref, label }) => ({ id: ref, label })),
  ];
}
export const chosenReference = ({ reference }: Recipe): string =>
  reference === undefined || reference === null || reference === 'adapter_off' ? START : reference;

export function withReference(recipe: Recipe, id: string): Recipe {
  const { reference: _, ...rest } = recipe;
  return id === START ? rest : { ...rest, reference: id };
}

/**
 * The model beside which a run is read. Methods without a reference are held against their start, and `isInLoss` is false. With
 * adapters off it is the base as the run has it, four bits included.
 */
export function referenceToRead(
  recipe: Recipe,
  run: Pick<RunRecord, 'id' | 'checkpoints' | 'status'> | undefined,
): { ref: ModelRef; isInLoss: boolean } {
  const reference = referenceOf(recipe, argsOf(recipe));
  if (reference === undefined) return { ref: recipe.model.ref, isInLoss: false };
  if (reference !== 'adapter_off') return { ref: reference, isInLoss: true };
  const hasWeights = run && (run.status === 'running' || run.status === 'paused' || run.checkpoints.length > 0);
  return { ref: hasWeights ? `run:${run.id}#base` : recipe.model.ref, isInLoss: true };
}

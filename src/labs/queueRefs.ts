// Refs in recipes of a queue to runs that it has yet to train: `queue:<name of the recipe>`. Data only.
import type { Recipe, Ref } from '../protocol/recipe';

const PREFIX = 'queue:';
export const queueRef = (name: string): Ref => PREFIX + name;

/** The recipe with what those runs have left; `runOf` names the run of an item. Throws what `runOf` throws. */
export function withQueueRefs(recipe: Recipe, runOf: (name: string) => string): Recipe {
  const resolved = (ref: Ref): Ref => (ref.startsWith(PREFIX) ? `run:${runOf(ref.slice(PREFIX.length))}` : ref);
  const { model, reference, rewards } = recipe;
  return {
    ...recipe,
    model: { ...model, ref: resolved(model.ref) },
    ...(typeof reference === 'string' && { reference: resolved(reference) }),
    ...(rewards && {
      rewards: rewards.map((spec) => (spec.type === 'model' ? { ...spec, ref: resolved(spec.ref) } : spec)),
    }),
  };
}

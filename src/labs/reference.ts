// The reference model of a run: the base with the adapter off, a frozen copy of the starting weights, another model, or what the
// starting weights said of each row before the first step (TRL's precompute_ref_log_probs).
import { bucketsUpTo } from '../data/buckets';
import { collate, type TokenRow } from '../data/collate';
import { ConfigError } from '../lib/errors';
import { readLogps } from '../nn/readLogps';
import type { Engine, ModelEngine } from '../nn/seam';
import type { Recipe, Ref } from '../protocol/recipe';
import { watchedMetrics } from '../protocol/twoMetrics';
import type { Reference } from '../trainers/loop';
import { referenceOf } from './referenceRef';

/** Whether the run needs a second model beside its own, under this ref. */
export function referenceModel(recipe: Recipe, args: { [key: string]: unknown }): Ref | undefined {
  const reference = referenceOf(recipe, args);
  if (reference === 'adapter_off') return undefined;
  // What the run starts from is at hand before its first step; its drift from there is measured later.
  const isAtHand = isOwnStart(recipe, reference) && args.precompute_ref_log_probs === true;
  if (reference !== undefined && !isAtHand) return reference;
  return watchesKl(recipe) && !recipe.peft ? recipe.model.ref : undefined;
}
const watchesKl = ({ two_metrics: watch }: Recipe): boolean =>
  watch ? watchedMetrics(watch).some(({ id }) => id === 'kl') : false;
const isOwnStart = (recipe: Recipe, reference: Ref | undefined): boolean =>
  !recipe.peft && reference === recipe.model.ref;

/** An engine without its adapters: a frozen one, or the one under training where that has adapters, or before its first step. */
export const frozenReference =
  (engine: Engine): Reference =>
  (batch, options) =>
    readLogps(engine, { ...batch, rowAdapter: new Int32Array(batch.B).fill(-1) }, options?.temperature);

export interface PrecomputeOptions {
  maxLength: number;
  batchSize: number;
  onProgress?: (done: number, total: number) => void;
  yieldToOthers?: () => Promise<void>;
}
/** Gives each row what `reference` says of its targets. */
export async function precomputed<R extends TokenRow>(
  rows: readonly R[],
  reference: Reference,
  { maxLength, batchSize, onProgress, yieldToOthers }: PrecomputeOptions,
): Promise<R[]> {
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
  const out = [...rows];
  for (let at = 0; at < order.length; at += batchSize) {
    const own = order.slice(at, at + batchSize);
    const batch = collate(
      own.map((i) => rows[i]!),
      { buckets: bucketsUpTo(maxLength) },
    );
    const logps = await reference(batch);
    own.forEach((i, b) => {
      const row = rows[i]!;
      const refLogps = new Float32Array(row.ids.length); // of each token as a target: a place later than its prediction
      refLogps.set(logps.subarray(b * batch.T, b * batch.T + row.ids.length - 1), 1);
      out[i] = { ...row, tokenValues: { ...row.tokenValues, refLogps } };
    });
    onProgress?.(Math.min(at + batchSize, order.length), order.length);
    await yieldToOthers?.();
  }
  return out;
}

/** Throws ConfigError where the recipe names a reference and was given no engine for it. */
export function referenceFor(
  recipe: Recipe,
  args: { [key: string]: unknown },
  engine: ModelEngine,
  frozen: Engine | undefined,
): Reference | undefined {
  const reference = referenceOf(recipe, args);
  if (reference === undefined) return undefined;
  if (reference === 'adapter_off' || (isOwnStart(recipe, reference) && !frozen)) return frozenReference(engine);
  if (!frozen)
    throw new ConfigError(`The reference model ${reference} was not loaded. Load it before the run is prepared.`, {
      where: 'recipe.reference',
    });
  return frozenReference(frozen);
}

/** What drift is measured from: the model of referenceModel, or the one that is trained, without its adapters. */
export function driftFrom(recipe: Recipe, engine: ModelEngine, frozen: Engine | undefined): Reference {
  if (frozen) return frozenReference(frozen);
  if (recipe.peft) return frozenReference(engine);
  throw new ConfigError('The model that drift is measured from was not loaded. Load it before the run is prepared.', {
    where: 'recipe.two_metrics',
  });
}

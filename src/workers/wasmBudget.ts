// How much a run takes of WebAssembly's heap, which grows to 4 GiB and no further. Past that tfjs-wasm aborts in the middle of
// a step, and its worker with it; so what cannot fit is refused before it starts.

import { recipeAdapters } from '../labs/recipeAdapters';
import { rowsPerItem } from '../labs/recipeSettings';
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { sizeWords } from '../lib/words';
import { tfEvaluationBytes, tfStepMemory } from '../nn/tfStepMemory';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan } from '../protocol/requests';
import { trainedHead, trainers } from '../trainers/registry';
import { WASM_HEAP_BYTES } from './inWords';

/**
 * Of the heap; the rest goes to gaps between tensors and to models that are read meanwhile. Measured with nano and rows of 384
 * tokens: 3.55 GiB by our count ran, 3.75 GiB did not.
 */
export const WASM_BUDGET = 0.9 * WASM_HEAP_BYTES;

function sizes(recipe: Recipe, config: LlamaConfig) {
  const args = parseConfig(trainers[recipe.trainer as keyof typeof trainers].fields, recipe.args);
  const { per_device_train_batch_size: trainRows, per_device_eval_batch_size: evalRows } = args;
  const T = Math.min(args.max_length, config.max_position_embeddings);
  const hasEval = recipe.data.eval.length > 0;
  const rows = rowsPerItem(recipe);
  const head = trainedHead(recipe.trainer);
  const step = tfStepMemory(config, rows * trainRows, T, recipeAdapters(recipe), head);
  const evaluation = hasEval ? tfEvaluationBytes(config, rows * evalRows, T, head) : 0;
  return { step, evaluation, trainRows, evalRows, T };
}
const total = (recipe: Recipe, config: LlamaConfig): number => {
  const { step, evaluation } = sizes(recipe, config);
  return step.weights + Math.max(step.activations, evaluation);
};

/** The recipe with the setting halved until it fits; undefined when nothing above `least` does. */
function halved(recipe: Recipe, config: LlamaConfig, keys: readonly string[], from: number[], least: number) {
  for (let divisor = 2; ; divisor *= 2) {
    const values = from.map((value) => Math.max(least, Math.floor(value / divisor)));
    const args = { ...recipe.args, ...Object.fromEntries(keys.map((key, i) => [key, values[i]!])) };
    if (total({ ...recipe, args }, config) <= WASM_BUDGET) return values;
    if (values.every((value) => value === least)) return undefined;
  }
}

/** Rows of max_length tokens, each of them trained: what the recipe's rows are in fact is known once they are encoded. */
export function wasmPlan(recipe: Recipe, config: LlamaConfig): MemoryPlan {
  const { step, evaluation, trainRows, evalRows, T } = sizes(recipe, config);
  const isEvaluation = evaluation > step.activations;
  const plan: MemoryPlan = {
    B: rowsPerItem(recipe) * (isEvaluation ? evalRows : trainRows),
    T,
    weights: step.weights,
    activations: Math.max(step.activations, evaluation),
    budget: WASM_BUDGET,
    isOver: false,
    place: 'wasm',
    isHeldOut: isEvaluation,
  };
  if (plan.weights + plan.activations <= WASM_BUDGET) return plan;
  // Both kinds of batch share the heap, one after the other: each that is too large has to shrink.
  const batches = [
    ['per_device_train_batch_size', trainRows, step.activations] as const,
    ['per_device_eval_batch_size', evalRows, evaluation] as const,
  ].filter(([, , bytes]) => step.weights + bytes > WASM_BUDGET);
  const keys = batches.map(([key]) => key);
  const rows = halved(recipe, config, keys, batches.map(([, value]) => value), 1); // biome-ignore format: one call
  const tokens = halved(recipe, config, ['max_length'], [T], 8);
  const remedies = [
    rows && keys.map((key, i) => `${key} to ${rows[i]}`).join(' and '),
    tokens && `max_length to ${tokens[0]}`,
  ].filter(Boolean);
  const remedy = remedies.length > 0 ? `Set ${remedies.join(', or ')}.` : 'Choose a smaller model.';
  const what = isEvaluation ? 'a held-out batch' : 'activations';
  return {
    ...plan,
    isOver: true,
    refusal: `This run needs up to ${sizeWords(plan.weights + plan.activations)} of memory (weights and moments ${sizeWords(plan.weights)}, ${what} of ${plan.B} × ${T} tokens ${sizeWords(plan.activations)}), and WebAssembly has 4 GiB, of which ${sizeWords(WASM_BUDGET)} can be used. ${remedy}`,
  };
}

/** Throws ConfigError, with what would fit, for a run that the heap cannot hold. */
export function checkWasm(recipe: Recipe, config: LlamaConfig): void {
  const { refusal } = wasmPlan(recipe, config);
  if (refusal) throw new ConfigError(refusal, { where: 'per_device_train_batch_size' });
}

// How much a run takes of WebAssembly's heap, which grows to 4 GiB and no further. Past that tfjs-wasm aborts in the middle of
// a step, and its worker with it; so what cannot fit is refused before it starts.

import { besideModels } from '../labs/besideModels';
import { recipeAdapters } from '../labs/recipeAdapters';
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { sizeWords } from '../lib/words';
import { tfChatMemory, tfEvaluationBytes, tfStepMemory } from '../nn/tfStepMemory';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan } from '../protocol/requests';
import { type TrainerId, trainedHead, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { WASM_HEAP_BYTES } from './inWords';

/**
 * Of the heap; the rest goes to gaps between tensors and to models that are read meanwhile. Measured with nano and rows of 384
 * tokens: 3.55 GiB by our count ran, 3.75 GiB did not.
 */
export const WASM_BUDGET = 0.9 * WASM_HEAP_BYTES;

function sizes(recipe: Recipe, config: LlamaConfig) {
  const trainer: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
  const { per_device_train_batch_size: trainItems, per_device_eval_batch_size: evalItems } = args;
  const rowsPerItem = trainer.rowsPerItem?.(args) ?? 1;
  const [trainRows, evalRows] = [trainItems * rowsPerItem, evalItems * rowsPerItem];
  const T = Math.min(args.max_length, config.max_position_embeddings);
  const hasEval = recipe.data.eval.length > 0;
  const head = trainedHead(recipe.trainer);
  // Without a language-model head of its own a tied model is the same.
  const model = head === 'score' ? { ...config, tie_word_embeddings: true } : config;
  const step = tfStepMemory(model, trainRows, T, recipeAdapters(recipe), head);
  const evaluation = hasEval ? tfEvaluationBytes(model, evalRows, T, head) : 0;
  const beside = besideModels(recipe, args);
  const frozen = beside.frozen * tfChatMemory(config, 1).weights;
  const value =
    beside.trained * tfStepMemory({ ...config, tie_word_embeddings: true }, trainRows, T, [], 'score').weights;
  return {
    step: { ...step, weights: step.weights + frozen + value },
    evaluation,
    trainRows,
    evalRows,
    trainItems,
    evalItems,
    T,
  };
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
  const { step, evaluation, trainRows, evalRows, trainItems, evalItems, T } = sizes(recipe, config);
  const isEvaluation = evaluation > step.activations;
  const plan: MemoryPlan = {
    B: isEvaluation ? evalRows : trainRows,
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
    ['per_device_train_batch_size', trainItems, step.activations] as const,
    ['per_device_eval_batch_size', evalItems, evaluation] as const,
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

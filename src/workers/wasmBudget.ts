// How much a run takes of WebAssembly's heap, which grows to 4 GiB and no further. Past that tfjs-wasm aborts in the middle of
// a step, and its worker with it; so what cannot fit is refused before it starts.

import { besideModels, type FrozenModel, type KnownModels } from '../labs/besideModels';
import { WATCH_BATCH, WATCH_PROMPT_TOKENS, WATCH_READ, WATCH_TOKENS } from '../labs/caseValues';
import { recipeAdapters } from '../labs/recipeAdapters';
import { fixedPrompts } from '../labs/runRecipe';
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { sizeWords } from '../lib/words';
import { DECODED_TOGETHER } from '../nn/sampling';
import { tfAnswerBytes, tfChatMemory, tfEvaluationBytes, tfStepMemory } from '../nn/tfStepMemory';
import { besideWords } from '../protocol/besideWords';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan, PlannedModel } from '../protocol/requests';
import { refusalCounts } from '../protocol/twoMetrics';
import { type TrainerId, trainedHead, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { WASM_HEAP_BYTES } from './inWords';

/**
 * Of the heap; the rest goes to gaps between tensors and to models that are read meanwhile. Measured with nano and rows of 384
 * tokens: 3.55 GiB by our count ran, 3.75 GiB did not.
 */
export const WASM_BUDGET = 0.9 * WASM_HEAP_BYTES;

/** What a run does one after the other with its models. */
interface Turn {
  /** As it stands in a sentence; a step has none. */
  what?: string;
  /** Rows, and tokens of each. */
  B: number;
  T: number;
  /** Beside the weights. */
  bytes: number;
  /** Settings that make it smaller by halves, with their values: rows of it; tokens of an answer. */
  rows?: readonly [key: string, value: number];
  answer?: readonly [key: string, value: number];
}

function sizes(recipe: Recipe, config: LlamaConfig, known: KnownModels) {
  const trainer: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args) as { [key: string]: unknown };
  const [trainItems, evalItems] = [Number(args.per_device_train_batch_size), Number(args.per_device_eval_batch_size)];
  const rowsPerItem = trainer.rowsPerItem?.(args) ?? 1;
  const [trainRows, evalRows] = [trainItems * rowsPerItem, evalItems * rowsPerItem];
  const context = config.max_position_embeddings;
  const T = Math.min(Number(args.max_length), context);
  const hasEval = recipe.data.eval.length > 0;
  const head = trainedHead(recipe.trainer);
  // Without a language-model head of its own a tied model is the same.
  const model = head === 'score' ? { ...config, tie_word_embeddings: true } : config;
  const step = tfStepMemory(model, trainRows, T, recipeAdapters(recipe), head);
  const { frozen, trained, rolloutRows, completionTokens } = besideModels(recipe, args, config, known);
  const value = tfStepMemory({ ...config, tie_word_embeddings: true }, trainRows, T, [], 'score');
  const reading = (what: FrozenModel['what'], rows: number, tokens: number) =>
    Math.max(0, ...frozen.filter((one) => one.what === what).map((one) => tfEvaluationBytes(one.config, rows, tokens, one.head))); // biome-ignore format: one call
  const most = (B: number, tokens: number, newTokens: number) =>
    tfAnswerBytes(config, B, Math.min(tokens, context - 1), newTokens);
  const trainKey = ['per_device_train_batch_size', trainItems] as const;
  const evalKey = ['per_device_eval_batch_size', evalItems] as const;
  const turns: Turn[] = [
    {
      ...{ B: trainRows, T, rows: trainKey },
      bytes: Math.max(step.activations, trained * value.activations, reading('reference', trainRows, T)),
    },
  ];
  const held = Math.max(
    hasEval && !trainer.isOnline ? Math.max(tfEvaluationBytes(model, evalRows, T, head), reading('reference', evalRows, T)) : 0, // biome-ignore format: one choice
    reading('reward model', evalItems, T),
  );
  if (held > 0)
    turns.push({
      ...{ what: trainer.isOnline ? 'scoring a batch' : 'a held-out batch', T, rows: evalKey, bytes: held },
      B: trainer.isOnline ? evalItems : evalRows,
    });
  if (rolloutRows > 0)
    turns.push({
      ...{ what: 'a rollout', B: rolloutRows, T, rows: trainKey },
      bytes: most(rolloutRows, Math.max(1, T - completionTokens), completionTokens),
      answer: ['max_completion_length', completionTokens],
    });
  const prompts = Math.min(DECODED_TOGETHER, fixedPrompts(recipe));
  if (prompts > 0) {
    const newTokens = Number(args.generation_max_new_tokens);
    turns.push({
      ...{ what: 'answers on the way', B: prompts, T: Math.min(context, WATCH_PROMPT_TOKENS + newTokens) },
      bytes: most(prompts, WATCH_PROMPT_TOKENS, newTokens),
      answer: ['generation_max_new_tokens', newTokens],
    });
  }
  if (recipe.two_metrics) {
    const tokens = Math.min(context, WATCH_PROMPT_TOKENS + WATCH_TOKENS);
    const { cases } = recipe.two_metrics;
    const { due, other } = refusalCounts(cases);
    const together = Math.min(WATCH_BATCH, cases + due + other);
    turns.push({
      ...{ what: 'answers of two metrics', B: together, T: tokens },
      bytes: Math.max(
        most(together, WATCH_PROMPT_TOKENS, WATCH_TOKENS),
        reading('reference', Math.min(WATCH_READ, cases), tokens),
      ),
    });
  }
  const beside = frozen.map(({ what, name, head: own, config: shape, isAssumed }): PlannedModel => {
    const bytes = tfChatMemory(shape, 1).weights + (own === 'score' ? 4 * shape.hidden_size : 0);
    return { what, name, bytes, ...(isAssumed && { isAssumed }) };
  });
  const weights = step.weights + trained * value.weights + beside.reduce((sum, { bytes }) => sum + bytes, 0);
  return { weights, turns, beside, T };
}
const fits = (recipe: Recipe, config: LlamaConfig, known: KnownModels): boolean => {
  const { weights, turns } = sizes(recipe, config, known);
  return weights + Math.max(...turns.map(({ bytes }) => bytes)) <= WASM_BUDGET;
};
/** Whether its settings suit each other: advice is only what can be trained. */
function isSound({ trainer, args }: Recipe): boolean {
  const { fields, check }: TrainerConfig = trainers[trainer as TrainerId];
  try {
    check?.(parseConfig(fields, args));
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** `key to value` of settings halved together until the recipe fits; undefined when nothing above `least` does. */
function halved(
  recipe: Recipe,
  config: LlamaConfig,
  known: KnownModels,
  settings: readonly (readonly [key: string, value: number])[],
  least = 1,
): string | undefined {
  for (let divisor = 2; ; divisor *= 2) {
    const values = settings.map(([key, value]) => [key, Math.max(least, Math.floor(value / divisor))] as const);
    const changed = { ...recipe, args: { ...recipe.args, ...Object.fromEntries(values) } };
    if (settings.length > 0 && isSound(changed) && fits(changed, config, known))
      return values.map(([key, value]) => `${key} to ${value}`).join(' and ');
    if (values.every(([, value]) => value === least)) return undefined;
  }
}
const distinct = (settings: readonly (Turn['rows'] | undefined)[]) => [
  ...new Map(settings.flatMap((one) => (one ? [[one[0], one[1]] as const] : []))),
];

/** Rows of max_length tokens, each of them trained: what the recipe's rows are in fact is known once they are encoded. */
export function wasmPlan(recipe: Recipe, config: LlamaConfig, known: KnownModels = new Map()): MemoryPlan {
  const { weights, turns, beside, T } = sizes(recipe, config, known);
  const largest = turns.reduce((most, turn) => (turn.bytes > most.bytes ? turn : most));
  const plan: MemoryPlan = {
    ...{ B: largest.B, T: largest.T, weights, activations: largest.bytes },
    ...(beside.length > 0 && { beside }),
    budget: WASM_BUDGET,
    isOver: false,
    place: 'wasm',
    ...(largest.what && { peak: largest.what }),
  };
  if (weights + largest.bytes <= WASM_BUDGET) return plan;
  // All turns share the heap, one after the other: each that is too large has to shrink.
  const large = turns.filter(({ bytes }) => weights + bytes > WASM_BUDGET);
  const answers = distinct(large.map(({ answer }) => answer));
  const remedies = [
    halved(recipe, config, known, distinct(large.map(({ rows }) => rows))),
    halved(recipe, config, known, answers),
    // A shorter row may leave no room for the answer in it.
    halved(recipe, config, known, [['max_length', T]], 8) ?? halved(recipe, config, known, [['max_length', T], ...answers], 8), // biome-ignore format: one choice
  ].filter(Boolean);
  const isWatchAlone = recipe.two_metrics && fits({ ...recipe, two_metrics: null }, config, known);
  const smaller = beside.length > 0 ? 'Choose a smaller model, or smaller ones beside it.' : 'Choose a smaller model.';
  const remedy = [
    remedies.length > 0 && `Set ${remedies.join(', or ')}.`,
    isWatchAlone && 'Train without two metrics.',
  ].filter(Boolean);
  const what = largest.what ?? 'activations';
  const read = beside.length > 0 ? `, ${besideWords(beside)}` : '';
  return {
    ...plan,
    isOver: true,
    refusal: `This run needs up to ${sizeWords(weights + largest.bytes)} of memory (weights and moments ${sizeWords(weights)}${read}, ${what} of ${largest.B} × ${largest.T} tokens ${sizeWords(largest.bytes)}), and WebAssembly has 4 GiB, of which ${sizeWords(WASM_BUDGET)} can be used. ${remedy.join(' ') || smaller}`,
  };
}

/** Throws ConfigError, with what would fit, for a run that the heap cannot hold. `known`: the models that it reads. */
export function checkWasm(recipe: Recipe, config: LlamaConfig, known?: KnownModels): void {
  const { refusal } = wasmPlan(recipe, config, known);
  if (refusal) throw new ConfigError(refusal, { where: 'per_device_train_batch_size' });
}

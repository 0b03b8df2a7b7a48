// How much a run may take on this adapter: WebGPU tells nobody how much memory there is, so a first guess holds until an
// allocation fails; what failed is remembered for the adapter, and the next run is refused before it starts.
import { KERNEL_FORMS } from '../gpu/kernels/forms';
import { adaptersOf, configOf } from '../labs/bench/profile';
import { besideModels, type KnownModels } from '../labs/besideModels';
import { WATCH_BATCH, WATCH_TOKENS } from '../labs/caseValues';
import { recipeAdapters } from '../labs/recipeAdapters';
import { fixedPrompts } from '../labs/runRecipe';
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { parameterCount } from '../nn/presets';
import { type RunShapes, readingMemory, runMemory, type StepMemory, stepMemory } from '../nn/recorded/stepMemory';
import { tfChatMemory } from '../nn/tfStepMemory';
import { besideWords } from '../protocol/besideWords';
import { SIZE_NAMES, type SizeKey, type StepMemoryPlan, type StepShape, sizeLimits } from '../protocol/engineReport';
import type { BackendInfo, LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan, PlannedModel } from '../protocol/requests';
import type { Storage } from '../storage/storage';
import { type TrainerId, trainedHead, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { type PairTask, pairMemory } from './pairMemory';
import { WASM_BUDGET } from './wasmBudget';

const TABLE = 'memory-budgets';
const GIB = 2 ** 30;
/** Before anything failed: what a laptop's graphics chip gives a page without trouble. */
const FIRST_GUESS = 4 * GIB;
/** Of what failed once. */
const SAFE_SHARE = 0.8;

/** `3.2 GiB`, `412 MiB`. */
const size = (bytes: number): string =>
  bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`;
const total = ({ weights, activations }: StepMemory): number => weights + activations;
const fits = (memory: StepMemory, budget: number, { largestBuffer = Number.POSITIVE_INFINITY }: BackendInfo): boolean =>
  total(memory) <= budget && memory.largest <= largestBuffer;

/** What the recipe's run takes at most: its longest rows, in training and in measurements, and its answers on the way. */
export function recipeMemory(recipe: Recipe, config: LlamaConfig, backend: BackendInfo, known?: KnownModels) {
  const trainer: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
  const rowsPerItem = trainer.rowsPerItem?.(args) ?? 1;
  const beside = besideModels(recipe, args, config, known);
  const { largestBuffer = Number.POSITIVE_INFINITY } = backend;
  const head = trainedHead(recipe.trainer);
  // Batches in items, as the settings say; the plan alone is told of rows.
  const shapes: RunShapes = {
    head,
    B: args.per_device_train_batch_size,
    T: Math.min(args.max_length, config.max_position_embeddings),
    checkpointing: args.gradient_checkpointing,
    evaluationRows: args.per_device_eval_batch_size,
    prompts: Math.max(fixedPrompts(recipe), beside.rolloutRows, recipe.two_metrics ? WATCH_BATCH : 0),
    maxNewTokens: Math.max(
      args.generation_max_new_tokens,
      beside.completionTokens,
      recipe.two_metrics ? WATCH_TOKENS : 0,
    ),
    adapters: recipeAdapters(recipe),
    quantization: recipe.model.quantization,
  };
  // Without a language-model head of its own a tied model is the same.
  const model = head === 'score' ? { ...config, tie_word_embeddings: true } : config;
  const of = (changed: Partial<RunShapes>): StepMemory => {
    const items = { ...shapes, ...changed };
    const rows = { ...items, B: items.B * rowsPerItem, evaluationRows: items.evaluationRows * rowsPerItem };
    const forms = KERNEL_FORMS(backend.isFallbackAdapter);
    const memory = runMemory(model, rows, forms, largestBuffer);
    const reading = beside.frozen.map(({ what, head: own, config: shape }) => {
      const read = what === 'reference' ? Math.max(rows.B, rows.evaluationRows) : items.evaluationRows;
      return readingMemory(shape, read, rows.T, forms, own);
    });
    // A value model: trained whole, beside adapters too.
    const shape = { ...rows, head: 'score' as const, adapters: [], quantization: null };
    const value =
      beside.trained > 0 ? [runMemory({ ...model, tie_word_embeddings: true }, shape, forms, largestBuffer)] : [];
    // They take turns with the policy in one pool: what counts of activations is the largest.
    const turns = [memory, ...reading, ...value];
    return {
      weights: turns.reduce((sum, { weights }) => sum + weights, 0),
      activations: Math.max(...turns.map(({ activations }) => activations)),
      largest: Math.max(...turns.map((one) => one.largest)),
    };
  };
  const read = beside.frozen.map(({ what, name, head: own, config: shape, isAssumed }): PlannedModel => {
    const bytes = 4 * (parameterCount(shape) + (own === 'score' ? shape.hidden_size : 0));
    return { what, name, bytes, ...(isAssumed && { isAssumed }) };
  });
  return { shapes, rowsPerItem, memory: of({}), of, beside: read };
}

/** The first half, quarter … of a setting that is enough. */
const halved = (value: number, least: number, isEnough: (v: number) => boolean): number | undefined => {
  for (let v = Math.floor(value / 2); v >= least; v = Math.floor(v / 2)) if (isEnough(v)) return v;
  return undefined;
};

/** What a step of the Engine panel takes: no measurements and no answers beside it. Throws ConfigError for an impossible shape. */
function shapeMemory(shape: StepShape, { isFallbackAdapter }: BackendInfo): StepMemory {
  return stepMemory(configOf(shape), shape.B, shape.T, KERNEL_FORMS(isFallbackAdapter), false, adaptersOf(shape));
}

export interface PairCheck {
  what: string;
  task: PairTask;
  /** A setting with its value, and what of the task is another at `at(value)`. */
  smaller?: readonly { setting: string; value: number; at: (value: number) => Partial<PairTask> }[];
  otherwise: string;
}
const pairWords = ({ weights, activations }: StepMemory): string =>
  `weights of two models ${size(weights)}, answers and reading them ${size(activations)}`;

const bothOf = (v: number, B: number, E: number) => ({ B: Math.min(B, v), evaluationRows: Math.min(E, v) });

export class MemoryBudget {
  constructor(private readonly storage: Pick<Storage, 'getValue' | 'setValue'>) {}

  async bytes(adapter: string): Promise<number> {
    const known = await this.storage.getValue<{ bytes: number }>(TABLE, adapter);
    return known && Number.isFinite(known.bytes) && known.bytes > 0 ? known.bytes : FIRST_GUESS;
  }
  /** An allocation of this much failed. */
  async remember(adapter: string, failedBytes: number): Promise<void> {
    const bytes = Math.min(await this.bytes(adapter), Math.round(SAFE_SHARE * failedBytes));
    await this.storage.setValue(TABLE, adapter, { bytes });
  }

  /** Throws ConfigError for a model whose weights alone are more than the device has room for, before they are read. */
  async checkModel(config: LlamaConfig, backend: BackendInfo): Promise<void> {
    const isGpu = backend.backend === 'webgpu';
    if (!isGpu && backend.backend !== 'wasm') return;
    const budget = isGpu ? await this.bytes(backend.adapter) : WASM_BUDGET;
    const bytes = isGpu ? 4 * parameterCount(config) : tfChatMemory(config, 1).weights;
    if (bytes > budget)
      throw new ConfigError(
        `This model takes ${size(bytes)} of weights, and ${backend.adapter} is trusted with ${size(budget)}. Choose a smaller model; the Models page says what fits.`,
      );
  }

  /**
   * Throws ConfigError for a measurement with two models that the device has no room for, before either is read. `what` begins its
   * sentence (`This comparison`); `smaller` are tasks that would do, each as its setting says it, `otherwise` is the remedy where none fits.
   */
  async checkPair({ what, task, smaller = [], otherwise }: PairCheck, backend: BackendInfo): Promise<void> {
    const isWasm = backend.backend === 'wasm';
    if (!isWasm && backend.backend !== 'webgpu') return;
    const budget = isWasm ? WASM_BUDGET : await this.bytes(backend.adapter);
    const isFit = (one: PairTask) => fits(pairMemory(one, backend), budget, backend);
    if (isFit(task)) return;
    const memory = pairMemory(task, backend);
    const settings = smaller.flatMap(({ setting, value, at }) => {
      const enough = halved(value, 1, (v) => isFit({ ...task, ...at(v) }));
      return enough === undefined ? [] : [`${setting} to ${enough}`];
    });
    const remedy = settings.length > 0 ? `Set ${settings.join(' or ')}.` : otherwise;
    const room = isWasm
      ? `of memory (${pairWords(memory)}), and WebAssembly has 4 GiB, of which ${size(budget)} can be used`
      : memory.largest > (backend.largestBuffer ?? Number.POSITIVE_INFINITY)
        ? `on the GPU, with a tensor of ${size(memory.largest)}, and ${backend.adapter} binds at most ${size(backend.largestBuffer!)} at once`
        : `on the GPU (${pairWords(memory)}), above the ${size(budget)} that ${backend.adapter} is trusted with`;
    throw new ConfigError(`${what} needs up to ${size(total(memory))} ${room}. ${remedy}`);
  }

  /** Of a step that is to be measured. Throws ConfigError for an impossible shape. */
  async stepPlan(shape: StepShape, backend: BackendInfo): Promise<StepMemoryPlan> {
    const memory = shapeMemory(shape, backend);
    const budget = await this.bytes(backend.adapter);
    const { largestBuffer } = backend;
    const plan = { ...memory, budget, ...(largestBuffer !== undefined && { largestBuffer }) };
    if (fits(memory, budget, backend)) return plan;
    const isFit = (changed: Partial<StepShape>) =>
      fits(shapeMemory({ ...shape, ...changed }, backend), budget, backend);
    const remedies = (['B', 'T', 'vocab_size'] as SizeKey[]).flatMap((key) => {
      const enough = halved(shape[key], sizeLimits(shape.preset)[key][0], (v) => isFit({ [key]: v }));
      return enough === undefined ? [] : [`${SIZE_NAMES[key]} to ${enough}`];
    });
    const remedy = remedies.length > 0 ? `Set ${remedies.join(' or ')}.` : 'Choose a smaller model.';
    const what =
      memory.largest > (largestBuffer ?? Number.POSITIVE_INFINITY)
        ? `One tensor of this step takes ${size(memory.largest)}, and ${backend.adapter} binds at most ${size(largestBuffer!)} at once.`
        : `This step needs ${size(total(memory))} on the GPU, above the ${size(budget)} that ${backend.adapter} is trusted with.`;
    return { ...plan, refusal: `${what} ${remedy}` };
  }
  /** Throws ConfigError, with what would fit, for a step above the budget or with a tensor that the GPU cannot bind. */
  async checkStep(shape: StepShape, backend: BackendInfo): Promise<void> {
    const { refusal } = await this.stepPlan(shape, backend);
    if (refusal) throw new ConfigError(refusal);
  }

  /** Undefined where the recorded engine does not run: tfjs plans nothing. */
  async plan(
    recipe: Recipe,
    config: LlamaConfig,
    backend: BackendInfo,
    known?: KnownModels,
  ): Promise<MemoryPlan | undefined> {
    if (backend.backend !== 'webgpu') return undefined;
    const { shapes, rowsPerItem, memory, beside } = recipeMemory(recipe, config, backend, known);
    const { T } = shapes;
    const B = shapes.B * rowsPerItem;
    const budget = await this.bytes(backend.adapter);
    const { weights, activations, largest } = memory;
    const { largestBuffer } = backend;
    const isOver = !fits(memory, budget, backend);
    return { B, T, weights, activations, ...(beside.length > 0 && { beside }), largest, largestBuffer, budget, isOver };
  }

  /**
   * Throws ConfigError, with what would fit, for a run above the budget or with a tensor that the GPU cannot bind. `known`: the
   * models that it reads.
   */
  async check(recipe: Recipe, config: LlamaConfig, backend: BackendInfo, known?: KnownModels): Promise<void> {
    const plan = await this.plan(recipe, config, backend, known);
    if (!plan?.isOver) return;
    const { shapes, of } = recipeMemory(recipe, config, backend, known);
    const { B, T, checkpointing, evaluationRows: E } = shapes;
    const isFit = (changed: Partial<RunShapes>) => fits(of(changed), plan.budget, backend);
    const items = halved(B, 1, (v) => isFit({ B: v }));
    const measured = halved(E, 1, (v) => isFit({ evaluationRows: v }));
    const both = items || measured ? undefined : halved(Math.max(B, E), 1, (v) => isFit(bothOf(v, B, E)));
    const tokens = halved(T, 8, (v) => isFit({ T: v }));
    const remedies = [
      !checkpointing && isFit({ checkpointing: true }) && 'gradient_checkpointing to true',
      items && `per_device_train_batch_size to ${items}`,
      measured && `per_device_eval_batch_size to ${measured}`,
      both &&
        `per_device_train_batch_size to ${bothOf(both, B, E).B} and per_device_eval_batch_size to ${bothOf(both, B, E).evaluationRows}`,
      tokens && `max_length to ${tokens}`,
    ].filter(Boolean);
    const smaller = plan.beside ? 'Choose a smaller model, or smaller ones beside it.' : 'Choose a smaller model.';
    const remedy = remedies.length > 0 ? `Set ${remedies.join(' or ')}.` : smaller;
    const read = plan.beside ? `, ${besideWords(plan.beside)}` : '';
    const { largest = 0, largestBuffer = Number.POSITIVE_INFINITY } = plan;
    const what =
      largest > largestBuffer
        ? `One tensor of this run, at ${plan.B} × ${T} tokens, takes ${size(largest)}, and ${backend.adapter} binds at most ${size(largestBuffer)} at once.`
        : `This run needs up to ${size(plan.weights + plan.activations)} on the GPU (weights and moments ${size(plan.weights)}${read}, activations of ${plan.B} × ${T} tokens, measurements and answers ${size(plan.activations)}), above the ${size(plan.budget)} that ${backend.adapter} is trusted with.`;
    throw new ConfigError(`${what} ${remedy}`, { where: 'per_device_train_batch_size' });
  }
}

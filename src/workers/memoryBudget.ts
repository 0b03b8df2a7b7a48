// How much a run may take on this adapter: WebGPU tells nobody how much memory there is, so a first guess holds until an
// allocation fails; what failed is remembered for the adapter, and the next run is refused before it starts.
import { KERNEL_FORMS } from '../gpu/kernels/forms';
import { ConfigError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { type StepMemory, stepMemory } from '../nn/recorded/stepMemory';
import type { BackendInfo, LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan } from '../protocol/requests';
import type { Storage } from '../storage/storage';
import { trainers } from '../trainers/registry';

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

/** What a micro step of the recipe takes at most: its longest rows. */
export function recipeMemory(recipe: Recipe, config: LlamaConfig, isSoftware: boolean) {
  const args = parseConfig(trainers[recipe.trainer as keyof typeof trainers].fields, recipe.args);
  const B = args.per_device_train_batch_size;
  const T = Math.min(args.max_length, config.max_position_embeddings);
  const of = (rows: number, tokens: number) =>
    stepMemory(config, rows, tokens, KERNEL_FORMS(isSoftware), args.gradient_checkpointing);
  return { B, T, memory: of(B, T), of };
}

const fitsCheckpointed = (recipe: Recipe, config: LlamaConfig, backend: BackendInfo, budget: number): boolean => {
  const thrifty = { ...recipe, args: { ...recipe.args, gradient_checkpointing: true } };
  return fits(recipeMemory(thrifty, config, backend.isFallbackAdapter).memory, budget, backend);
};

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

  /** Undefined where the recorded engine does not run: tfjs plans nothing. */
  async plan(recipe: Recipe, config: LlamaConfig, backend: BackendInfo): Promise<MemoryPlan | undefined> {
    if (backend.backend !== 'webgpu') return undefined;
    const { B, T, memory } = recipeMemory(recipe, config, backend.isFallbackAdapter);
    const budget = await this.bytes(backend.adapter);
    const { weights, activations, largest } = memory;
    const { largestBuffer } = backend;
    return { B, T, weights, activations, largest, largestBuffer, budget, isOver: !fits(memory, budget, backend) };
  }

  /** Throws ConfigError, with what would fit, for a run above the budget or with a tensor that the GPU cannot bind. */
  async check(recipe: Recipe, config: LlamaConfig, backend: BackendInfo): Promise<void> {
    const plan = await this.plan(recipe, config, backend);
    if (!plan?.isOver) return;
    const { B, T, of } = recipeMemory(recipe, config, backend.isFallbackAdapter);
    const isFit = (rows: number, tokens: number) => fits(of(rows, tokens), plan.budget, backend);
    const halved = (value: number, isEnough: (v: number) => boolean): number | undefined => {
      for (let v = Math.floor(value / 2); v >= 1; v = Math.floor(v / 2)) if (isEnough(v)) return v;
      return undefined;
    };
    const rows = halved(B, (v) => isFit(v, T));
    const tokens = halved(T, (v) => v >= 8 && isFit(B, v));
    const thrifty = !recipe.args.gradient_checkpointing && fitsCheckpointed(recipe, config, backend, plan.budget);
    const remedies = [
      thrifty && 'gradient_checkpointing to true',
      rows && `per_device_train_batch_size to ${rows}`,
      tokens && `max_length to ${tokens}`,
    ].filter(Boolean);
    const remedy = remedies.length > 0 ? `Set ${remedies.join(' or ')}.` : 'Choose a smaller model.';
    const { largestBuffer = Number.POSITIVE_INFINITY } = plan;
    const what =
      plan.largest > largestBuffer
        ? `One tensor of this run, at ${B} × ${T} tokens, takes ${size(plan.largest)}, and ${backend.adapter} binds at most ${size(largestBuffer)} at once.`
        : `This run needs up to ${size(plan.weights + plan.activations)} on the GPU (weights and moments ${size(plan.weights)}, activations of ${B} × ${T} tokens ${size(plan.activations)}), above the ${size(plan.budget)} that ${backend.adapter} is trusted with.`;
    throw new ConfigError(`${what} ${remedy}`, { where: 'per_device_train_batch_size' });
  }
}

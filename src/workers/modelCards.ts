// What a model is and what this device can do with it: memory of talking to it and of each way to train it, by the same plans that
// runs are refused by.
import { KERNEL_FORMS } from '../gpu/kernels/forms';
import { NOTES_FILE, notesOf } from '../interop/hfModel';
import { StudioError } from '../lib/errors';
import { sizeWords } from '../lib/words';
import { layoutOf } from '../nn/recorded/parameters';
import { chatMemory, runMemory, type StepMemory } from '../nn/recorded/stepMemory';
import type { LoraAdapter } from '../nn/seam';
import { tfChatMemory, tfStepMemory } from '../nn/tfStepMemory';
import type { BackendInfo, LlamaConfig } from '../protocol/model';
import type { Quantization } from '../protocol/recipe';
import type { ModelCard, ModelInfo, ModelRef, ModelUse } from '../protocol/requests';
import { type ArtifactInfo, ArtifactStore } from '../storage/artifacts';
import type { Storage } from '../storage/storage';
import { trainers } from '../trainers/registry';
import type { MemoryBudget } from './memoryBudget';
import { dtypesOf, type Models } from './models';
import type { RenderContexts } from './renderContexts';
import { WASM_BUDGET } from './wasmBudget';

/** One row of this many tokens is what a use is planned for: more rows take more, and the forms say how much. */
const TOKENS = 512;
const NEW_TOKENS = 160;
/** What the LoRA panel starts with. */
const ADAPTER: LoraAdapter = { name: 'plan', config: { r: 8, lora_alpha: 16, target_modules: 'all-linear' } };
const NF4: Quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true };
const USES: readonly ModelUse['use'][] = ['chat', 'lora', 'qlora', 'full'];

const planShape = (config: LlamaConfig) => ({ B: 1, T: Math.min(TOKENS, config.max_position_embeddings) });

export interface CardEnvironment {
  storage: Storage;
  now: () => number;
  models: Models;
  contexts: RenderContexts;
  budget: MemoryBudget;
}
export async function modelCard(
  ref: ModelRef,
  { storage, now, models, contexts, budget }: CardEnvironment,
  backend: BackendInfo,
  signal?: AbortSignal,
): Promise<ModelCard> {
  const { info, files } = await models.source(ref, undefined, signal);
  const artifacts = new ArtifactStore(storage, now);
  const known: ArtifactInfo | undefined = await artifacts.get(ref);
  const baseId = known?.manifest.parents.base;
  const base = baseId === undefined ? undefined : await baseOf(baseId, models, artifacts);
  const { kit } = await contexts.kitOf(ref);
  const own = kit === undefined ? undefined : (await contexts.kits.list()).find(({ id }) => id === kit);
  const { tokenizer, id } = await contexts.tokenizer();
  const readers = own ? (await artifacts.list('model')).filter(({ manifest }) => manifest.parents.tokenizer === own.id) : []; // biome-ignore format: one choice
  const sharedWith = readers.filter((one) => one.id !== ref && one.id !== baseId).map(({ name }) => name);
  return {
    info,
    dtypes: dtypesOf(files.weights) ?? { F32: info.sizeBytes },
    files: known?.manifest.files.map(({ path, sizeBytes }) => ({ path, sizeBytes })) ?? [],
    parents: known?.manifest.parents ?? {},
    ...(base && { base }),
    tokenizer: own
      ? { id: own.id, name: own.title, vocabSize: own.vocabSize, hasTemplate: own.template !== undefined, notes: own.notes, sharedWith } // biome-ignore format: one object
      : { id, name: 'the studio’s own', vocabSize: tokenizer.vocabSize, hasTemplate: true, notes: [], sharedWith },
    shape: planShape(info.config),
    uses: modelUses(info, backend, await budget.bytes(backend.adapter)),
    notes: known?.manifest.files.some(({ path }) => path === NOTES_FILE)
      ? notesOf(JSON.parse(new TextDecoder().decode(await artifacts.file(known.id, NOTES_FILE))))
      : [],
    ...(known && { createdAt: known.createdAt }),
  };
}

/** The model behind an artifact id, as the page calls it; undefined where it is not here. */
export async function baseOf(
  id: string,
  models: Pick<Models, 'shipped'>,
  artifacts: ArtifactStore,
): Promise<ModelCard['base']> {
  const kept = await artifacts.get(id);
  if (kept) return { ref: id, name: kept.name };
  const info = (await models.shipped(id))?.info;
  return info && { ref: info.ref, name: info.name };
}

/** In the order chat, LoRA, QLoRA, all weights. `trusted`: bytes that a GPU adapter is trusted with. */
function modelUses({ config, head }: ModelInfo, backend: BackendInfo, trusted: number): ModelUse[] {
  const { B, T } = planShape(config);
  // A reward model writes nothing, and each of its items is a pair.
  const isReward = head === 'score';
  const uses = isReward ? USES.filter((use) => use !== 'chat') : USES;
  const rows = isReward ? trainers.reward.rowsPerItem() * B : B;
  const lora = isReward ? { ...ADAPTER, config: { ...ADAPTER.config, modules_to_save: ['score'] } } : ADAPTER;
  if (backend.backend !== 'webgpu') {
    const budget = backend.backend === 'wasm' ? WASM_BUDGET : undefined;
    return uses.map((use) => {
      // Four bits are worked with as what they stand for, in full size.
      const adapters = use === 'full' ? [] : [lora];
      const memory = use === 'chat' ? tfChatMemory(config, T) : tfStepMemory(config, rows, T, adapters, head);
      return { use, ...memory, ...(budget !== undefined && { budget }), ...refusalOf(memory, budget, 'WebAssembly') };
    });
  }
  const { largestBuffer = Number.POSITIVE_INFINITY, adapter, isFallbackAdapter } = backend;
  const forms = KERNEL_FORMS(isFallbackAdapter);
  let unbound: string | undefined;
  try {
    layoutOf(config, [], largestBuffer);
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    unbound = error.message;
  }
  const shapes = { B: rows, T, head, evaluationRows: 0, prompts: 0, maxNewTokens: 0 };
  return uses.map((use) => {
    const trained = { ...shapes, ...(use !== 'full' && { adapters: [lora] }), ...(use === 'qlora' && { quantization: NF4 }) }; // biome-ignore format: one object
    const memory: StepMemory =
      use === 'chat' ? chatMemory(config, T, NEW_TOKENS, forms, largestBuffer) : runMemory(config, trained, forms, largestBuffer); // biome-ignore format: one choice
    const { weights, activations, largest } = memory;
    const plan = { use, weights, activations, budget: trusted };
    if (unbound) return { ...plan, refusal: unbound };
    if (largest > largestBuffer)
      return { ...plan, refusal: `One tensor takes ${sizeWords(largest)}, and ${adapter} binds at most ${sizeWords(largestBuffer)} at once. Use a smaller model.` }; // biome-ignore format: one sentence
    return { ...plan, ...refusalOf(memory, trusted, adapter) };
  });
}

function refusalOf(
  { weights, activations }: Pick<StepMemory, 'weights' | 'activations'>,
  budget: number | undefined,
  who: string,
): Pick<ModelUse, 'refusal'> {
  if (budget === undefined || weights + activations <= budget) return {};
  return {
    refusal: `It needs ${sizeWords(weights + activations)}, and ${who} is trusted with ${sizeWords(budget)}. Use a smaller model, or train fewer numbers (LoRA, QLoRA).`,
  };
}

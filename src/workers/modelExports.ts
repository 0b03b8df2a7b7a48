// Which files a model's folder has: those that it was imported with as they are, or weights in F32 with the tokenizer, template and
// ends that the model was trained with, and a card that says where it comes from.
import { adapterId, adapterZip, type TrainedAdapter } from '../interop/adapterExport';
import { GENERATION_CONFIG, MODEL_CONFIG } from '../interop/hfModel';
import { bytesFile, type CardFacts, type FolderFile, modelCardText, slugOf, textFile, weightsFile, zipFolder } from '../interop/modelExport'; // biome-ignore format: one list
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, ORIGIN_FILE } from '../interop/peft';
import { CheckpointError } from '../lib/errors';
import { headOf, inFloat32 } from '../nn/hfConfig';
import { loraParameterCount } from '../nn/lora';
import { mergedSource } from '../nn/mergedSource';
import { parameterCount } from '../nn/presets';
import type { LlamaConfig } from '../protocol/model';
import type { ModelRef } from '../protocol/requests';
import type { MetricPoint } from '../protocol/run';
import { type ArtifactInfo, ArtifactStore, filePath, removedFrom, shortId } from '../storage/artifacts';
import { CHUNK_BYTES } from '../storage/hash';
import { readJsonLines } from '../storage/jsonLines';
import { RunStore } from '../storage/runs';
import { readSafetensors } from '../storage/safetensors';
import type { Storage } from '../storage/storage';
import type { TensorSource } from '../storage/tensorSource';
import { builtinTokenizerConfig } from '../text/builtinTemplate';
import type { RenderContext } from '../text/renderContext';
import { turnEnds } from '../text/turnEnds';
import { type ReadModelFile, requireModelFile } from './modelFiles';
import { trainedBy, trainedTemplate } from './modelKit';
import { type Models, sourceOf } from './models';
import type { RenderContexts } from './renderContexts';

export interface ExportEnvironment {
  storage: Storage;
  now: () => number;
  models: Models;
  contexts: RenderContexts;
  readModelFile: ReadModelFile;
  versions: Record<string, string>;
}
interface ExportOptions {
  signal?: AbortSignal;
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}
const json = (path: string, value: unknown): FolderFile => textFile(path, `${JSON.stringify(value, undefined, 2)}\n`);

interface Exported {
  fileName: string;
  blob: Blob;
}
/** What goes into the folder beside the tokenizer and the card. */
interface Weights {
  name: string;
  /** Of the file, behind the name. */
  ending: string;
  artifactId: string;
  config: LlamaConfig;
  head: 'lm' | 'score';
  files: FolderFile[];
}

/** A model; of a run its last checkpoint, with its adapter merged. */
export async function exportModel(
  ref: ModelRef,
  env: ExportEnvironment,
  options: ExportOptions = {},
): Promise<Exported> {
  const { info, files } = await env.models.whole(ref, options.signal);
  const kept = await keptAs(ref, env);
  const own = kept?.manifest.kind === 'model' ? storedFiles(env.storage, kept) : writtenFiles(files.config, sourceOf(files.weights)); // biome-ignore format: one choice
  const { name, artifactId, config } = info;
  const head = info.head ?? 'lm';
  return exportFolder(ref, { name, ending: '', artifactId, config, head, files: own }, env, options);
}
/**
 * An adapter as it is now, merged into its base tensor by tensor at full precision. Throws ConfigError for one with lora_bias, which
 * cannot be merged.
 */
export async function exportMerged(
  ref: ModelRef,
  trained: TrainedAdapter,
  env: ExportEnvironment,
  options: ExportOptions = {},
): Promise<Exported> {
  const { name, config, hfConfig, weights, adapter, tensors } = trained;
  const files = writtenFiles(hfConfig, mergedSource(config, weights, adapter, tensors));
  const artifactId = ref.startsWith('sha256:') ? ref : ((await adapterId(trained)) ?? ref);
  const head = headOf(hfConfig);
  return exportFolder(ref, { name, ending: '.merged', artifactId, config, head, files }, env, options);
}
/** An adapter as it is now, in PEFT's files; one that came from elsewhere in its own. */
export async function exportPeft(ref: ModelRef, trained: TrainedAdapter, env: ExportEnvironment): Promise<Exported> {
  const { name, config, hfConfig, adapter, baseName, baseId } = trained;
  const facts = await factsOf(ref, env);
  const kept = (await keptAs(ref, env))?.manifest.kind === 'adapter' ? { id: ref, files: await adapterFiles(ref, env) } : undefined; // biome-ignore format: one choice
  const card = modelCardText({
    ...facts,
    ...{ name, adapterOf: baseName, parameterCount: loraParameterCount(config, adapter.config) },
    isReward: headOf(hfConfig) === 'score',
    padTokenId: config.pad_token_id,
    artifactId: kept?.id ?? (await adapterId(trained)) ?? ref,
    parents: { ...facts.parents, ...(baseId !== undefined && { base: baseId }) },
    hasTemplate: (await tokenizerFiles(ref, env)).hasTemplate,
  });
  return adapterZip(trained, card, kept);
}
/** An adapter whose base is not here any more, in its own two files; undefined for a ref that is no stored adapter. */
export async function exportOwnFiles(ref: ModelRef, env: ExportEnvironment): Promise<Exported | undefined> {
  const kept = await keptAs(ref, env);
  const base = kept?.manifest.parents.base;
  if (kept?.manifest.kind !== 'adapter' || base === undefined) return undefined;
  const files = await adapterFiles(ref, env);
  const read = readSafetensors(files[ADAPTER_WEIGHTS]!, ADAPTER_WEIGHTS);
  const tensors = Object.values(read);
  const baseName = (await removedFrom(env.storage, base))?.name ?? shortId(base);
  const card = modelCardText({
    ...(await factsOf(ref, env)),
    ...{ name: kept.name, artifactId: kept.id, adapterOf: baseName, hasTemplate: false },
    isReward: Object.keys(read).some((name) => name.includes('score.')),
    parameterCount: tensors.reduce((sum, { data }) => sum + data.length, 0),
  });
  const all = [
    ...Object.entries(files).map(([path, bytes]) => bytesFile(path, bytes)),
    json(ORIGIN_FILE, { adapter: kept.id, base, baseName }),
    textFile('README.md', card),
  ];
  return { fileName: `${slugOf(kept.name, 'adapter')}.peft.zip`, blob: await zipFolder(all) };
}
async function adapterFiles(id: string, { storage, now }: ExportEnvironment): Promise<Record<string, Uint8Array>> {
  const artifacts = new ArtifactStore(storage, now);
  const read = [ADAPTER_CONFIG, ADAPTER_WEIGHTS].map(async (path) => [path, await artifacts.file(id, path)] as const);
  return Object.fromEntries(await Promise.all(read));
}

async function exportFolder(
  ref: ModelRef,
  { name, ending, artifactId, config, head, files: weights }: Weights,
  env: ExportEnvironment,
  options: ExportOptions,
): Promise<Exported> {
  const context = await env.contexts.served(ref);
  const { files: tokenizer, hasTemplate } = await tokenizerFiles(ref, env);
  const hasGeneration = weights.some(({ path }) => path === GENERATION_CONFIG);
  const isReward = head === 'score';
  const card = modelCardText({
    ...(await factsOf(ref, env)),
    ...{ name, artifactId, isReward, hasTemplate },
    parameterCount: parameterCount(config) + (isReward ? config.hidden_size : 0),
  });
  const files: FolderFile[] = [
    ...weights,
    ...tokenizer,
    ...(hasGeneration || isReward ? [] : [json(GENERATION_CONFIG, generationConfig(config, context))]),
    textFile('README.md', card),
  ];
  return { fileName: `${slugOf(name, 'model')}${ending}.zip`, blob: await zipFolder(files, options) };
}
/** What a card says of where a model comes from. */
async function factsOf(
  ref: ModelRef,
  env: ExportEnvironment,
): Promise<Pick<CardFacts, 'parents' | 'recipe' | 'metrics' | 'versions'>> {
  const run = await trainedBy(ref, new RunStore(env.storage, env.now));
  const points = run && (await readJsonLines<MetricPoint>(env.storage, `runs/${run.id}/points.jsonl`));
  return {
    parents: { ...run?.parents, ...(await keptAs(ref, env))?.manifest.parents },
    ...(run && { recipe: run.recipe }),
    metrics: lastValues(points ?? []),
    versions: run?.versions ?? env.versions,
  };
}
async function keptAs(ref: ModelRef, { storage, now }: ExportEnvironment): Promise<ArtifactInfo | undefined> {
  return ref.startsWith('sha256:') ? new ArtifactStore(storage, now).get(ref) : undefined;
}

/** A tokenizer with its template as a zip of its files; a saved template is one file. Throws CheckpointError when it is gone. */
export async function exportStored(
  { storage, now }: Pick<ExportEnvironment, 'storage' | 'now'>,
  kind: 'tokenizer' | 'template',
  id: string,
): Promise<{ fileName: string; blob: Blob }> {
  const artifacts = new ArtifactStore(storage, now);
  const info = await artifacts.get(id);
  if (info?.manifest.kind !== kind)
    throw new CheckpointError(`This ${kind} is not in this browser any more. Choose another.`, { where: id });
  if (kind === 'tokenizer') return { fileName: `${slugOf(info.name, 'tokenizer')}.zip`, blob: await zipFolder(storedFiles(storage, info)) }; // biome-ignore format: one result
  const source = new Uint8Array(await artifacts.file(id, 'chat_template.jinja'));
  return { fileName: 'chat_template.jinja', blob: new Blob([source]) };
}

/** As they lie in the store: what was imported goes out byte for byte. */
function storedFiles(storage: Storage, { id, manifest }: ArtifactInfo): FolderFile[] {
  return manifest.files.map(({ path, sizeBytes }) => ({
    path,
    sizeBytes,
    chunks: () => storage.chunks(filePath(id, path), CHUNK_BYTES),
  }));
}
const writtenFiles = (hfConfig: unknown, weights: TensorSource): FolderFile[] => [
  json(MODEL_CONFIG, inFloat32(hfConfig)),
  weightsFile('model.safetensors', weights),
];

/** The tokenizer's files of a model, with the template that it was trained with; `hasTemplate`: whether one goes with them. */
async function tokenizerFiles(
  ref: ModelRef,
  { storage, now, readModelFile, contexts }: ExportEnvironment,
): Promise<{ files: FolderFile[]; hasTemplate: boolean }> {
  const { kit } = await contexts.kitOf(ref);
  const trained = await trainedTemplate(storage, ref, now);
  const { template } = await contexts.ofModel(ref, trained);
  const ownTemplate = textFile('chat_template.jinja', template.source);
  if (kit === undefined) {
    const own = [
      bytesFile('tokenizer.json', await requireModelFile(readModelFile, 'tokenizer.json')),
      json('tokenizer_config.json', { ...builtinTokenizerConfig(), chat_template: template.source }),
      ownTemplate,
    ];
    return { files: own, hasTemplate: true };
  }
  const info = (await new ArtifactStore(storage, now).get(kit))!;
  const files = storedFiles(storage, info);
  if (trained === undefined) return { files, hasTemplate: (await contexts.kits.load(kit)).compiled !== undefined };
  // What was trained with another template than the tokenizer's is served with that.
  return { files: [...files.filter(({ path }) => path !== ownTemplate.path), ownTemplate], hasTemplate: true };
}

/** What ends an answer: transformers stops at nothing else. */
function generationConfig(config: LlamaConfig, context: RenderContext): Record<string, unknown> {
  const { tokenizer, eosToken, padToken, stopIds = [] } = context;
  const id = (token?: string) => (token === undefined ? undefined : tokenizer.idOf(token));
  const ends = [...new Set([...turnEnds(context), ...stopIds, id(eosToken)])].filter((x) => x !== undefined);
  const pad = id(padToken) ?? config.pad_token_id;
  const bos = config.bos_token_id;
  return { ...(bos !== null && { bos_token_id: bos }), eos_token_id: ends, ...(pad !== null && { pad_token_id: pad }) };
}

/** The last value of each metric that was logged. */
function lastValues(points: readonly MetricPoint[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const point of points)
    for (const [key, value] of Object.entries(point)) if (typeof value === 'number') out[key] = value;
  return out;
}

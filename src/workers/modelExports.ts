// Which files a model's folder has: those that it was imported with as they are, or weights in F32 with the tokenizer, template and
// ends that the model was trained with, and a card that says where it comes from.

import { MODEL_CONFIG } from '../interop/hfModel';
import { bytesFile, type FolderFile, modelCardText, textFile, weightsFile, zipFolder } from '../interop/modelExport';
import { inFloat32 } from '../nn/hfConfig';
import type { ModelRef } from '../protocol/requests';
import type { MetricPoint } from '../protocol/run';
import { type ArtifactInfo, ArtifactStore, filePath } from '../storage/artifacts';
import { CHUNK_BYTES } from '../storage/hash';
import { readJsonLines } from '../storage/jsonLines';
import { type RunHead, RunStore } from '../storage/runs';
import type { Storage } from '../storage/storage';
import { builtinTokenizerConfig } from '../text/builtinTemplate';
import type { RenderContext } from '../text/renderContext';
import { turnEnds } from '../text/turnEnds';
import { type ReadModelFile, requireModelFile } from './modelFiles';
import { modelKitOf } from './modelKit';
import { type ModelSource, type Models, runOf, sourceOf } from './models';
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

export async function exportModel(
  ref: ModelRef,
  env: ExportEnvironment,
  options: ExportOptions = {},
): Promise<{ fileName: string; blob: Blob }> {
  const { storage, models, contexts } = env;
  const artifacts = new ArtifactStore(storage, env.now);
  const source = await models.whole(ref, options.signal);
  const { info } = source;
  const run = await trainedBy(ref, new RunStore(storage, env.now));
  const kept = ref.startsWith('sha256:') ? await artifacts.get(ref) : undefined;
  const template = run?.recipe.template;
  const context = await contexts.ofModel(ref, template);
  const weights = kept?.manifest.kind === 'model' ? storedFiles(storage, kept) : writtenFiles(source);
  const hasGeneration = weights.some(({ path }) => path === 'generation_config.json');
  const tokenizer = await tokenizerFiles(ref, env, context, template !== undefined);
  const points = run && (await readJsonLines<MetricPoint>(storage, `runs/${run.id}/points.jsonl`));
  const files: FolderFile[] = [
    ...weights,
    ...tokenizer,
    ...(hasGeneration || info.head === 'score'
      ? []
      : [json('generation_config.json', generationConfig(source, context))]),
    textFile(
      'README.md',
      modelCardText({
        name: info.name,
        artifactId: info.artifactId,
        parameterCount: info.parameterCount,
        isReward: info.head === 'score',
        parents: { ...run?.parents, ...kept?.manifest.parents },
        ...(run && { recipe: run.recipe }),
        metrics: lastValues(points ?? []),
        versions: run?.versions ?? env.versions,
        hasTemplate: true,
      }),
    ),
  ];
  const slug = info.name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'model'; // biome-ignore format: reads as one idea
  return { fileName: `${slug}.zip`, blob: await zipFolder(files, options) };
}

/** The run that a ref means, or that has left the artifact. */
export async function trainedBy(ref: ModelRef, runs: RunStore): Promise<RunHead | undefined> {
  const { runId } = runOf(ref);
  if (runId !== undefined) return runs.head(runId);
  return (await runs.heads()).find(({ outputs }) => Object.values(outputs).includes(ref));
}

/** As they lie in the store: what was imported goes out byte for byte. */
function storedFiles(storage: Storage, { id, manifest }: ArtifactInfo): FolderFile[] {
  return manifest.files.map(({ path, sizeBytes }) => ({
    path,
    sizeBytes,
    chunks: () => storage.chunks(filePath(id, path), CHUNK_BYTES),
  }));
}
const writtenFiles = ({ files }: ModelSource): FolderFile[] => [
  json(MODEL_CONFIG, inFloat32(files.config)),
  weightsFile('model.safetensors', sourceOf(files.weights)),
];

/** The tokenizer's files of a model as bytes, with the template that it was trained with. */
export async function tokenizerParts(
  ref: ModelRef,
  env: ExportEnvironment,
  template: string | undefined,
): Promise<Record<string, Uint8Array>> {
  const context = await env.contexts.ofModel(ref, template);
  const out: Record<string, Uint8Array> = {};
  for (const { path, chunks } of await tokenizerFiles(ref, env, context, template !== undefined)) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of chunks()) parts.push(new Uint8Array(chunk));
    out[path] = new Uint8Array(await new Blob(parts).arrayBuffer());
  }
  return out;
}

/** `isTrained`: with a template of its own choice, which goes beside the tokenizer's. */
async function tokenizerFiles(
  ref: ModelRef,
  { storage, now, readModelFile }: ExportEnvironment,
  { template }: RenderContext,
  isTrained: boolean,
): Promise<FolderFile[]> {
  const { kit } = await modelKitOf(storage, ref, now);
  const ownTemplate = textFile('chat_template.jinja', template.source);
  if (kit === undefined)
    return [
      bytesFile('tokenizer.json', await requireModelFile(readModelFile, 'tokenizer.json')),
      json('tokenizer_config.json', { ...builtinTokenizerConfig(), chat_template: template.source }),
      ownTemplate,
    ];
  const info = (await new ArtifactStore(storage, now).get(kit))!;
  const files = storedFiles(storage, info);
  // What was trained with another template than the tokenizer's is served with that.
  return isTrained ? [...files.filter(({ path }) => path !== ownTemplate.path), ownTemplate] : files;
}

/** What ends an answer: transformers stops at nothing else. */
function generationConfig({ info }: ModelSource, context: RenderContext): Record<string, unknown> {
  const { tokenizer, eosToken, padToken, stopIds = [] } = context;
  const id = (token?: string) => (token === undefined ? undefined : tokenizer.idOf(token));
  const ends = [...new Set([...turnEnds(context), ...stopIds, id(eosToken)])].filter((x) => x !== undefined);
  const pad = id(padToken) ?? info.config.pad_token_id;
  const bos = info.config.bos_token_id;
  return { ...(bos !== null && { bos_token_id: bos }), eos_token_id: ends, ...(pad !== null && { pad_token_id: pad }) };
}

/** The last value of each metric that was logged. */
function lastValues(points: readonly MetricPoint[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const point of points)
    for (const [key, value] of Object.entries(point)) if (typeof value === 'number') out[key] = value;
  return out;
}

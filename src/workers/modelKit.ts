// Which tokenizer a model reads with: the one that its manifest names, or that of the base it was trained from; the studio's own for
// the built-in models. A base that is gone is told by name, never replaced by another tokenizer. And which template it was trained with.
import { GENERATION_CONFIG, MODEL_CONFIG, stopIdsOf } from '../interop/hfModel';
import type { ModelRef } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { type RunHead, RunStore } from '../storage/runs';
import type { Storage } from '../storage/storage';
import { isBuiltinId } from './builtinModels';
import { storedOf, templateOf } from './dependents';
import { missingModel } from './missingModel';
import type { ReadModelFile } from './modelFiles';

export interface ModelKit {
  /** Artifact id of a kit; undefined: the studio's own tokenizer. */
  kit?: string;
  /** What ends an answer beside the template's ends. */
  stopIds: number[];
}
export interface ModelKitEnvironment {
  storage: Storage;
  now: () => number;
  readModelFile: ReadModelFile;
  /** Artifact id of the studio's own tokenizer. */
  studioTokenizer: () => Promise<string>;
}
/** Longer chains of bases do not exist. */
const MAX_CHAIN = 32;

/**
 * Throws CheckpointError naming the model of the chain that is not in this browser, where nothing before it names a tokenizer. A run
 * that is not there has the studio's own: whoever loads it says so.
 */
export async function modelKitOf(env: ModelKitEnvironment, ref: ModelRef): Promise<ModelKit> {
  const artifacts = new ArtifactStore(env.storage, env.now);
  const runs = new RunStore(env.storage, env.now);
  const kitOf = async (tokenizer: string) => (tokenizer === (await env.studioTokenizer()) ? undefined : tokenizer);
  let at: string = ref;
  /** What was trained on the one in hand. */
  let child: string | undefined;
  for (let i = 0; i < MAX_CHAIN; i++) {
    const runId: string | undefined = /^run:([\w-]+)/.exec(at)?.[1];
    if (runId !== undefined) {
      const head = await runs.head(runId);
      if (!head && child !== undefined) throw await missingModel(env.storage, `run:${runId}`, child);
      if (!head) break;
      child = head.name;
      at = head.recipe.model.ref;
      continue;
    }
    if (!at.startsWith('sha256:')) break;
    const info = await artifacts.get(at);
    if (!info) {
      if (await isBuiltinId(env.readModelFile, at)) break;
      throw await missingModel(env.storage, at, child);
    }
    const { tokenizer, base } = info.manifest.parents;
    if (tokenizer !== undefined) {
      // As transformers: the model's config speaks where it has no generation config. What was trained here ends its answers as its
      // base does, as long as that is there.
      const has = (name: string) => info.manifest.files.some(({ path }) => path === name);
      const name = has(GENERATION_CONFIG) ? GENERATION_CONFIG : base === undefined ? MODEL_CONFIG : undefined;
      const json = name && new TextDecoder().decode(await artifacts.file(at, name));
      const stopIds = json ? stopIdsOf(JSON.parse(json), name) : await stopIdsOfBase(env, base!);
      const kit = await kitOf(tokenizer);
      return { ...(kit !== undefined && { kit }), stopIds };
    }
    if (base === undefined) break;
    child = info.name;
    at = base;
  }
  return { stopIds: [] };
}

async function stopIdsOfBase(env: ModelKitEnvironment, base: string): Promise<number[]> {
  const isThere = (await new ArtifactStore(env.storage, env.now).get(base)) !== undefined;
  return isThere ? (await modelKitOf(env, base)).stopIds : [];
}

/** The run that a ref means, or that has left the artifact. */
export async function trainedBy(ref: ModelRef, runs: RunStore): Promise<RunHead | undefined> {
  const runId = /^run:([\w-]+)/.exec(ref)?.[1];
  if (runId !== undefined) return runs.head(runId);
  if (!ref.startsWith('sha256:')) return undefined;
  return (await runs.heads()).find(({ outputs }) => Object.values(outputs).includes(ref));
}
/** As templateOf, of what is in the store. */
export async function trainedTemplate(storage: Storage, ref: ModelRef, now: () => number): Promise<string | undefined> {
  const [artifacts, heads] = [await new ArtifactStore(storage, now).list(), await new RunStore(storage, now).heads()];
  return templateOf(ref, storedOf(artifacts, heads));
}

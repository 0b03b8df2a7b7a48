// Which tokenizer a model reads with: the one that it was imported with, or that of the base it was trained from; none for the
// studio's own models, which share one. And which template it was trained with.
import { GENERATION_CONFIG, MODEL_CONFIG, stopIdsOf } from '../interop/hfModel';
import type { ModelRef } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { type RunHead, RunStore } from '../storage/runs';
import type { Storage } from '../storage/storage';

export interface ModelKit {
  /** Artifact id of a kit; undefined: the studio's own tokenizer. */
  kit?: string;
  /** What ends an answer beside the template's ends. */
  stopIds: number[];
}
/** Longer chains of bases do not exist. */
const MAX_CHAIN = 32;

/** A ref that means nothing here has the studio's own: whoever loads the model says what is wrong with it. */
export async function modelKitOf(storage: Storage, ref: ModelRef, now: () => number): Promise<ModelKit> {
  const artifacts = new ArtifactStore(storage, now);
  const runs = new RunStore(storage, now);
  let at: string | undefined = ref;
  for (let i = 0; i < MAX_CHAIN && at !== undefined; i++) {
    const runId: string | undefined = /^run:([\w-]+)/.exec(at)?.[1];
    if (runId !== undefined) {
      at = (await runs.head(runId))?.recipe.model.ref;
      continue;
    }
    const info = at.startsWith('sha256:') ? await artifacts.get(at) : undefined;
    const kit = info?.manifest.parents.tokenizer;
    if (kit !== undefined) {
      // As transformers: the model's config speaks where it has no generation config.
      const hasGeneration = info!.manifest.files.some(({ path }) => path === GENERATION_CONFIG);
      const name = hasGeneration ? GENERATION_CONFIG : MODEL_CONFIG;
      const json = JSON.parse(new TextDecoder().decode(await artifacts.file(at, name))) as Record<string, unknown>;
      return { kit, stopIds: stopIdsOf(json, name) };
    }
    at = info?.manifest.parents.base;
  }
  return { stopIds: [] };
}

/** The run that a ref means, or that has left the artifact. */
export async function trainedBy(ref: ModelRef, runs: RunStore): Promise<RunHead | undefined> {
  const runId = /^run:([\w-]+)/.exec(ref)?.[1];
  if (runId !== undefined) return runs.head(runId);
  if (!ref.startsWith('sha256:')) return undefined;
  return (await runs.heads()).find(({ outputs }) => Object.values(outputs).includes(ref));
}
/**
 * The template that a model was trained with: of its run, also where it is the artifact that the run has left; an adapter from
 * elsewhere has its base's. undefined: the model's own, or the studio's.
 */
export async function trainedTemplate(storage: Storage, ref: ModelRef, now: () => number): Promise<string | undefined> {
  const artifacts = new ArtifactStore(storage, now);
  const runs = new RunStore(storage, now);
  let at: string | undefined = ref;
  for (let i = 0; i < MAX_CHAIN && at !== undefined; i++) {
    const run = await trainedBy(at, runs);
    if (run) return run.recipe.template;
    at = at.startsWith('sha256:') ? (await artifacts.get(at))?.manifest.parents.base : undefined;
  }
  return undefined;
}

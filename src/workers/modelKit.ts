// Which tokenizer a model reads with: the one that it was imported with, or that of the base it was trained from; none for the
// studio's own models, which share one.
import { stopIdsOf } from '../interop/hfModel';
import type { ModelRef } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { RunStore } from '../storage/runs';
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
      const hasGeneration = info!.manifest.files.some(({ path }) => path === 'generation_config.json');
      const json = hasGeneration && new TextDecoder().decode(await artifacts.file(at, 'generation_config.json'));
      return { kit, stopIds: json ? stopIdsOf(JSON.parse(json)) : [] };
    }
    at = info?.manifest.parents.base;
  }
  return { stopIds: [] };
}

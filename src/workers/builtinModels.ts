// Models and adapters that ship with the studio: their names, and which artifact ids are theirs.
import { MODEL_CONFIG } from '../interop/hfModel';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapterConfig } from '../interop/peft';
import { artifactId, manifestOf } from '../storage/hash';
import type { ReadModelFile } from './modelFiles';

/** Names under public/models; an artifact id may mean one of them. */
export const BUILTIN = ['nano', 'micro', 'micro-sft', 'micro-demos'];
/** Adapters that ship, in PEFT's files under public/models/adapters; `builtin:adapters/bank_A`. */
export const BUILTIN_ADAPTERS = ['bank_A', 'retail_B', 'saas_C'];

/** By whoever reads the files: ids that came up, and all that ship, which are hashed when an id is asked about that did not. */
interface Known {
  noted: Set<string>;
  shipped?: Promise<ReadonlySet<string>>;
}
const known = new WeakMap<ReadModelFile, Known>();
function knownTo(readModelFile: ReadModelFile): Known {
  const ids = known.get(readModelFile) ?? { noted: new Set() };
  known.set(readModelFile, ids);
  return ids;
}
/** What was read under a built-in name has this id. */
export const noteBuiltinId = (readModelFile: ReadModelFile, id: string): void => {
  knownTo(readModelFile).noted.add(id);
};
export async function isBuiltinId(readModelFile: ReadModelFile, id: string): Promise<boolean> {
  const ids = knownTo(readModelFile);
  if (ids.noted.has(id)) return true;
  ids.shipped ??= readBuiltinIds(readModelFile);
  ids.shipped.catch(() => {
    ids.shipped = undefined; // the next request tries again
  });
  return (await ids.shipped).has(id);
}
async function readBuiltinIds(readModelFile: ReadModelFile): Promise<ReadonlySet<string>> {
  const ids = new Map<string, string>();
  for (const name of BUILTIN) {
    const config = await readModelFile(`${name}/${MODEL_CONFIG}`);
    const weights = config && (await readModelFile(`${name}/model.safetensors`));
    if (!config || !weights) continue; // not shipped with this copy
    ids.set(
      name,
      await artifactId(await manifestOf('model', { [MODEL_CONFIG]: config, 'model.safetensors': weights })),
    );
  }
  for (const name of BUILTIN_ADAPTERS) {
    const config = await readModelFile(`adapters/${name}/${ADAPTER_CONFIG}`);
    const weights = config && (await readModelFile(`adapters/${name}/${ADAPTER_WEIGHTS}`));
    const base = config && ids.get(readAdapterConfig(JSON.parse(new TextDecoder().decode(config))).base ?? '');
    if (!config || !weights || base === undefined) continue;
    const files = { [ADAPTER_CONFIG]: config, [ADAPTER_WEIGHTS]: weights };
    ids.set(name, await artifactId(await manifestOf('adapter', files, { base })));
  }
  return new Set(ids.values());
}

// A PEFT adapter that a person brings: its two files found among what was dropped or zipped, held against a base, and what the
// base was recognised by (design §3: by hash where the studio wrote the files, else by shapes, name and the person's word).
import { ConfigError, DataError, ShapeError } from '../lib/errors';
import { megabytes } from '../lib/words';
import { linearModules, loraParameterCount, patternWarnings, targetModules } from '../nn/lora';
import type { NamedTensorMap } from '../nn/seam';
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import type { AdapterReading } from '../protocol/requests';
import { shortId } from '../storage/artifacts';
import { artifactId, manifestOf } from '../storage/hash';
import { readSafetensors } from '../storage/safetensors';
import type { GivenFile } from './hfModel';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, ORIGIN_FILE, readAdapter, readAdapterConfig } from './peft';
import { unzipGiven } from './zipFile';

/** Its files are read whole. */
const MAX_ADAPTER_BYTES = 1e9;
/** A config has some kilobytes; patterns of ranks make it longer. */
const MAX_JSON_BYTES = 4e6;
const WANTED = [ADAPTER_CONFIG, ADAPTER_WEIGHTS, ORIGIN_FILE];

export interface AdapterFiles {
  /** Of its folder or zip. */
  name: string;
  config: Uint8Array;
  weights: Uint8Array;
  /** What an export of the studio says of the base, unread. */
  origin?: Uint8Array;
}
/** What the adapter is to stand beside. */
export interface ImportBase {
  artifactId: string;
  name: string;
  /** Names by which files call it. */
  names: readonly string[];
  /** Names of other models here. */
  others: readonly string[];
  config: LlamaConfig;
}

const partsOf = (path: string): [folder: string, file: string] => {
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  return [path.slice(0, Math.max(0, at)), path.slice(at + 1)];
};
/** Throws DataError naming a file that is too large to be what it is called. */
function requireSize(path: string, sizeBytes: number): void {
  const most = path.endsWith('.json') ? MAX_JSON_BYTES : MAX_ADAPTER_BYTES;
  if (sizeBytes > most)
    throw new DataError(`${path} has ${megabytes(sizeBytes)}, and at most ${megabytes(most)} are read. Choose the folder or the zip of one adapter.`, { where: path }); // biome-ignore format: one error
}

/**
 * The adapter among the files of a folder, a zip, or a pair of files. In a folder with checkpoints inside, its own files count.
 * Throws DataError saying what was found instead, or naming a file that is too large.
 */
export async function findAdapter(given: readonly GivenFile[]): Promise<AdapterFiles> {
  const files = await unzipGiven(given, (path, sizeBytes) => {
    if (!WANTED.includes(partsOf(path)[1])) return false;
    requireSize(path, sizeBytes);
    return true;
  });
  const seen = files.map(({ path }) => path);
  const folders = new Map<string, Record<string, Blob>>();
  for (const { path, blob } of files) {
    const [folder, name] = partsOf(path);
    if (WANTED.includes(name)) folders.set(folder, { ...folders.get(folder), [name]: blob });
  }
  const found = [...folders].filter(([, files]) => files[ADAPTER_CONFIG] || files[ADAPTER_WEIGHTS]);
  if (found.length === 0) throw new DataError(instead(seen), { where: seen[0] });
  const depth = (folder: string) => folder.split('/').length;
  const least = Math.min(...found.map(([folder]) => depth(folder)));
  const outer = found.filter(([folder]) => depth(folder) === least);
  if (outer.length > 1) {
    const names = outer.map(([folder]) => folder).sort();
    throw new DataError(`There are ${outer.length} adapters here: ${names.join(', ')}. Choose the folder of one.`, {
      where: names[0],
    });
  }
  const [folder, { [ADAPTER_CONFIG]: config, [ADAPTER_WEIGHTS]: weights, [ORIGIN_FILE]: origin }] = outer[0]!;
  if (!config || !weights) {
    const missing = config ? ADAPTER_WEIGHTS : ADAPTER_CONFIG;
    const pickled = config && seen.some((path) => /adapter_model\.bin$/.test(path));
    throw new DataError(
      pickled
        ? `The weights are in adapter_model.bin, a pickle, which may run code and is not read here. Save them again in PEFT with safe_serialization=True.`
        : `${config ? ADAPTER_CONFIG : ADAPTER_WEIGHTS} came without ${missing}. PEFT writes both into one folder: choose both.`,
      { where: missing },
    );
  }
  const name = folder.split('/').filter(Boolean).at(-1)?.replace(/\.peft$/, '') || 'imported adapter'; // biome-ignore format: one chain
  const read = async (file: string, blob: Blob) => {
    requireSize(file, blob.size);
    return new Uint8Array(await blob.arrayBuffer());
  };
  return {
    name,
    config: await read(ADAPTER_CONFIG, config),
    weights: await read(ADAPTER_WEIGHTS, weights),
    ...(origin && { origin: await read(ORIGIN_FILE, origin) }),
  };
}

function instead(seen: readonly string[]): string {
  const wanted = `PEFT’s ${ADAPTER_CONFIG} and ${ADAPTER_WEIGHTS}`;
  if (seen.some((path) => /(?:^|\/)(?:model[^/]*\.safetensors|pytorch_model[^/]*\.bin)$/.test(path)))
    return `These are files of a whole model, and an adapter is ${wanted}. Choose the folder that save_pretrained of a PeftModel wrote.`;
  const names = seen.slice(0, 3).map((path) => partsOf(path)[1]);
  const found = names.length === 0 ? 'nothing' : names.join(', ') + (seen.length > 3 ? ' and more' : '');
  return `An adapter is ${wanted}, and ${found} is here. Choose its folder, both files, or a zip of them.`;
}

/**
 * Reads an adapter beside a base: what it is, and what its base was recognised by. `files` and `parents` are those of the artifact:
 * an export of the studio may name the template that it was trained with. Throws DataError, ConfigError or ShapeError, in words, for a file that is malformed or was made for another base.
 */
export async function readImport(
  given: AdapterFiles,
  base: ImportBase,
): Promise<{ reading: AdapterReading; files: Record<string, Uint8Array>; parents: Record<string, string> }> {
  const { name, weights } = given;
  const files = { [ADAPTER_CONFIG]: given.config, [ADAPTER_WEIGHTS]: weights };
  const warnings: string[] = [];
  // Another base by its hash is told before anything else: what else does not fit follows from it.
  const hash = await originBase(given, files, warnings);
  if (hash !== undefined && hash.base !== base.artifactId) throw otherBase(name, hash, base);
  const { config, tensors, base: said } = readBeside(given, base);
  warnings.push(...patternWarnings(base.config, config));
  const isIdle = Object.entries(tensors).every(([key, { data }]) => !key.includes('.lora_B.') || data.every((x) => x === 0)); // biome-ignore format: one condition
  if (isIdle) warnings.push('Every B is zero, as before the first step of training: it changes no answer.');
  const parents = { base: base.artifactId, ...(hash?.template !== undefined && { template: hash.template }) };
  const id = await artifactId(await manifestOf('adapter', files, parents));
  const reading: AdapterReading = {
    name,
    artifactId: id,
    config,
    modules: targetModules(base.config, config).length,
    parameterCount: loraParameterCount(base.config, config),
    sizeBytes: weights.byteLength,
    base: hash
      ? {
          by: 'hash',
          needsConfirmation: false,
          text: `Exported by the studio beside ${base.name}: the hashes of the base’s files agree.`,
        }
      : baseByName(said, base),
    warnings,
  };
  return { reading, files, parents };
}

interface Origin {
  /** Artifact ids. */
  base: string;
  adapter: string;
  template?: string;
  baseName?: string;
}
/** The base that the export's own file vouches for; undefined without one, or where the adapter is not the exported one. */
async function originBase(
  { origin }: AdapterFiles,
  files: Record<string, Uint8Array>,
  warnings: string[],
): Promise<Origin | undefined> {
  if (!origin) return undefined;
  let said: Partial<Origin> | null;
  try {
    said = JSON.parse(new TextDecoder().decode(origin)) as Partial<Origin> | null;
  } catch {
    said = null; // told below, as one that says nothing
  }
  const { base, adapter, baseName, template: named } = said ?? {};
  if (typeof base !== 'string' || typeof adapter !== 'string') {
    warnings.push(`${ORIGIN_FILE} does not say base and adapter, so it is not used.`);
    return undefined;
  }
  const template: Record<string, string> = typeof named === 'string' ? { template: named } : {};
  if ((await artifactId(await manifestOf('adapter', files, { base, ...template }))) !== adapter) {
    warnings.push(
      `The files are not those that ${ORIGIN_FILE} was written for (their hash differs), so its word on the base is not taken.`,
    );
    return undefined;
  }
  return { base, adapter, ...template, ...(typeof baseName === 'string' && { baseName }) };
}
function otherBase(name: string, { base: theirs, baseName }: Origin, base: ImportBase): ConfigError {
  return new ConfigError(
    `The adapter ${name} was trained on the base ${baseName ? `${baseName} (${shortId(theirs)})` : shortId(theirs)}, and the base here is ${base.name} (${shortId(base.artifactId)}). These are hashes of the two models’ files, and they differ: unless these are the same weights in other files, the adapter’s update would be added to numbers it was not learnt for. Add it to the model that it names, or train it on this base.`,
    { where: 'base' },
  );
}

/** What shapes and base_model_name_or_path tell of the base; the shapes fit already. */
function baseByName(said: string | undefined, { name, names, others }: ImportBase): AdapterReading['base'] {
  const last = said?.split(/[/\\]/).filter(Boolean).at(-1);
  if (said !== undefined && last !== undefined && names.includes(last))
    return {
      by: 'name',
      said,
      needsConfirmation: false,
      text: `Its config names ${said}, which is the base here, and every shape fits. No hash of the base came with it.`,
    };
  const risk =
    'If it was trained on other weights, its update is added to numbers that it was not learnt for, and the answers may still read well.';
  const other = last !== undefined && others.includes(last);
  const who =
    said === undefined
      ? `Its config does not name a base. Every shape fits ${name}, and shapes do not tell weights apart.`
      : other
        ? `Its config names ${said}, which is another model here than ${name}: the same shapes, in other files. Whether the numbers in them are equal was not looked at.`
        : `Its config names ${said}, and the base here is ${name}. Every shape fits, and shapes do not tell weights apart.`;
  return { by: 'shapes', ...(said !== undefined && { said }), needsConfirmation: true, text: `${who} ${risk}` };
}

/** As readAdapter, with the cause found where shapes do not fit. */
function readBeside({ name, config, weights }: AdapterFiles, base: ImportBase) {
  try {
    return readAdapter(base.config, { config, weights }, name);
  } catch (error) {
    const isShapes = error instanceof ShapeError;
    const isLayer = error instanceof ConfigError && error.where === 'layers_to_transform';
    const isTarget = error instanceof ConfigError && error.where === 'target_modules';
    if (!isShapes && !isLayer && !isTarget) throw error;
    const { config: lora, base: said } = readAdapterConfig(JSON.parse(new TextDecoder().decode(config)));
    const why = misfit(base, lora, readSafetensors(weights, ADAPTER_WEIGHTS), said);
    throw why ? new ShapeError(`The adapter ${name} ${why}`, { cause: error, where: (error as ShapeError).where }) : error; // biome-ignore format: one statement
  }
}
const LORA_TENSOR = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;
/** What the tensors' shapes say of the model that they were made for; undefined: nothing that this base would contradict. */
function misfit(base: ImportBase, lora: LoraConfig, tensors: NamedTensorMap, said?: string): string | undefined {
  const { config, name } = base;
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));
  const theirs = said === undefined ? 'another base' : `another base (its config names ${said})`;
  const ranks: string[] = [];
  for (const [key, { shape }] of Object.entries(tensors)) {
    const [, path, side] = LORA_TENSOR.exec(key) ?? [];
    if (path === undefined) continue;
    const layer = Number(/\.layers\.(\d+)\./.exec(path)?.[1] ?? 0);
    if (layer >= config.num_hidden_layers)
      return `was made for ${theirs}: it has ${path}, and the layers of ${name} are 0 to ${config.num_hidden_layers - 1}. Train it on this base.`;
    const module = modules.get(path);
    if (!module) continue;
    const [width, wanted] = side === 'A' ? [shape[1], module.in] : [shape[0], module.out];
    if (width !== wanted)
      return `was made for ${theirs}: there ${path} ${side === 'A' ? 'takes' : 'gives'} ${width} numbers, and in ${name} ${wanted}. Train it on this base.`;
    const rank = side === 'A' ? shape[0] : shape[1];
    const target = targetsOf(config, lora).get(path);
    if (target !== undefined && rank !== target) ranks.push(`${path} has rank ${rank} in the weights and ${target} by the config`); // biome-ignore format: one statement
  }
  return ranks.length > 0
    ? `does not agree with its config: ${ranks[0]}. ${ADAPTER_CONFIG} and ${ADAPTER_WEIGHTS} belong to two adapters; choose those of one folder.`
    : undefined;
}
/** Rank by path; empty where the config fits no module of the base. */
function targetsOf(config: LlamaConfig, lora: LoraConfig): Map<string, number> {
  try {
    return new Map(targetModules(config, lora).map(({ path, r }) => [path, r]));
  } catch {
    return new Map(); // the error that is being explained
  }
}

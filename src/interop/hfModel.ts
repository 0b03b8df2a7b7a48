// A model as Hugging Face publishes it: config.json, safetensors whole or in shards, generation_config.json. What is read, and
// what is refused by its name. The tokenizer's files beside them are a kit (text/chatKit.ts).
import { DataError } from '../lib/errors';
import { headOf } from '../nn/hfConfig';
import { modelShapes, parseLlamaConfig, weightsProblem } from '../nn/loadModel';
import { isKitFile, requireKitSize } from '../protocol/kitFiles';
import type { LlamaConfig } from '../protocol/model';
import { requireFloats } from '../storage/safetensors';
import { type ByteSource, blobBytes, isSameTensor, SafetensorsFile, type TensorSource } from '../storage/tensorSource';

export const MODEL_CONFIG = 'config.json';
export const GENERATION_CONFIG = 'generation_config.json';
const WEIGHTS = 'model.safetensors';
export const WEIGHTS_INDEX = 'model.safetensors.index.json';
const SHARD = /^model-(\d+)-of-(\d+)\.safetensors$/;
export const isWeights = (name: string): boolean => name === WEIGHTS || SHARD.test(name);
/** Beside an imported model: what was changed or noticed as it came in. */
export const NOTES_FILE = 'posttrain_studio.json';
const MAX_NOTES_BYTES = 64 * 2 ** 10;
/** What is read of a model's folder. */
const isModelFile = (path: string): boolean => {
  const name = nameOf(path);
  return (
    [MODEL_CONFIG, GENERATION_CONFIG, WEIGHTS_INDEX, NOTES_FILE].includes(name) || isWeights(name) || isKitFile(path)
  );
};
/** A config or an index is text: more than this is something else. */
const MAX_JSON_BYTES = 64 * 2 ** 20;
/** As `isModelFile`, by name and size. Throws DataError naming a text that is too large to be one. */
export function isModelFileOf(path: string, sizeBytes: number): boolean {
  if (!isModelFile(path)) return false;
  if (isKitFile(path)) requireKitSize(path, sizeBytes);
  else if (!isWeights(nameOf(path))) requireJsonSize(nameOf(path), sizeBytes);
  return true;
}

/** A file as a person gave it. */
export interface GivenFile {
  /** With the folder that it came in. */
  path: string;
  blob: Blob;
}
export interface HfModel {
  config: LlamaConfig;
  /** What is kept of the model, by name. */
  files: Map<string, Blob>;
  /** The tokenizer's files. */
  kit: GivenFile[];
  tensors: HfTensors;
  /** Sentences for its card. */
  notes: string[];
}
/** Weights under the names of transformers' LlamaForCausalLM or LlamaForSequenceClassification, wherever they lie. */
export interface HfTensors extends TensorSource {
  /** Bytes of weights by type, as the files have them. */
  dtypes: Record<string, number>;
}

const fail = (message: string, where: string): never => {
  throw new DataError(message, { where });
};
const partsOf = (path: string): string[] => path.replaceAll('\\', '/').split('/');
const nameOf = (path: string): string => partsOf(path).at(-1)!;
const folderOf = (path: string): string => partsOf(path).slice(0, -1).join('/');

function requireJsonSize(name: string, sizeBytes: number): void {
  if (sizeBytes > MAX_JSON_BYTES) fail(`${name} has ${sizeBytes} bytes: it is no ${name}. Copy it again from the model's folder.`, name); // biome-ignore format: one sentence
}
/** Throws DataError in words: no JSON object, or too large to be one. */
async function readJson(blob: Blob, name: string): Promise<Record<string, unknown>> {
  requireJsonSize(name, blob.size);
  let json: unknown;
  try {
    json = JSON.parse(await blob.text());
  } catch (cause) {
    throw new DataError(`${name} is not JSON: ${(cause as Error).message}. Copy it again from the model's folder.`, {
      cause,
      where: name,
    });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    fail(`${name} must be a JSON object. Copy it again from the model's folder.`, name);
  return json as Record<string, unknown>;
}

/** Sorts the files of a folder and checks all that can be known before a weight is read. Throws DataError naming the fault. */
export async function readHfFolder(given: readonly GivenFile[]): Promise<HfModel> {
  const configs = given.filter(({ path }) => nameOf(path) === MODEL_CONFIG);
  // Folders hold copies (onnx/config.json): the one nearest to the top is the model's.
  const root = configs.sort((a, b) => partsOf(a.path).length - partsOf(b.path).length)[0];
  if (!root) return fail(whyNoModel(given.map(({ path }) => nameOf(path))), MODEL_CONFIG);
  const folder = folderOf(root.path);
  const here = given.filter(({ path }) => folderOf(path) === folder);
  const byName = new Map(here.map(({ path, blob }) => [nameOf(path), blob]));
  const json = await readJson(root.blob, MODEL_CONFIG);
  const said = parseLlamaConfig(json);
  const head = headOf(json);
  const index = byName.get(WEIGHTS_INDEX);
  const weights = [...byName.keys()].filter(isWeights).sort();
  if (weights.length === 0) fail(whyNoWeights([...byName.keys()]), WEIGHTS);
  // A whole file beside shards of the same model: one of them is enough.
  const used = index === undefined && weights.includes(WEIGHTS) ? [WEIGHTS] : weights;
  const parts = used.map((name) => ({ name, bytes: blobBytes(byName.get(name)!) }));
  const shards = index && (await readJson(index, WEIGHTS_INDEX));
  const asSaid = await openWeights({ config: said, head }, parts, shards);
  // As transformers does (PreTrainedModel.tie_weights): a head that differs is not tied, whatever the config says.
  const isApart = asSaid.tied !== undefined && !(await isSameTensor(asSaid, EMBEDDING, asSaid.tied, HEAD));
  const config = isApart ? { ...said, tie_word_embeddings: false } : said;
  const tensors = isApart ? await openWeights({ config, head }, parts, shards) : asSaid;
  // What an export of the studio says stays with it: the same files are the same model again.
  const kept = isApart ? undefined : await keptNotes(byName.get(NOTES_FILE));
  const notes = isApart ? [HEAD_APART] : (kept ?? []);
  if (isApart) byName.set(MODEL_CONFIG, jsonBlob({ ...json, tie_word_embeddings: false }));
  if (isApart) byName.set(NOTES_FILE, jsonBlob({ notes }));
  const names = [
    MODEL_CONFIG,
    GENERATION_CONFIG,
    ...(notes.length > 0 ? [NOTES_FILE] : []),
    ...(index ? [WEIGHTS_INDEX] : []),
    ...tensors.used,
  ];
  const generation = byName.get(GENERATION_CONFIG);
  if (generation) stopIdsOf(await readJson(generation, GENERATION_CONFIG));
  else stopIdsOf(json, MODEL_CONFIG);
  return {
    config,
    files: new Map(names.flatMap((name) => (byName.has(name) ? [[name, byName.get(name)!] as const] : []))),
    // Templates of their own kinds lie in a folder below.
    kit: given.filter(
      ({ path }) => isKitFile(path) && `${folderOf(path)}/`.startsWith(folder === '' ? '' : `${folder}/`),
    ),
    tensors,
    notes,
  };
}
const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
const HEAD_APART = `config.json said tie_word_embeddings true, and the files hold an ${HEAD} that differs from ${EMBEDDING}. transformers does not tie them then, and neither does the studio: config.json says tie_word_embeddings false here.`;
const jsonBlob = (value: unknown): Blob => new Blob([`${JSON.stringify(value, undefined, 2)}\n`]);
/** Sentences of a NOTES_FILE; none where it is no such file. */
export function notesOf(json: unknown): string[] {
  const { notes } = (json ?? {}) as { notes?: unknown };
  return Array.isArray(notes) ? notes.filter((note) => typeof note === 'string') : [];
}

/** Notes of a file that the studio wrote; another's file of this name is nothing to keep. */
async function keptNotes(blob: Blob | undefined): Promise<string[] | undefined> {
  if (!blob || blob.size > MAX_NOTES_BYTES) return undefined;
  try {
    return notesOf(JSON.parse(await blob.text()));
  } catch {
    return undefined;
  }
}

function whyNoModel(names: readonly string[]): string {
  if (names.includes('adapter_config.json'))
    return 'These are the files of an adapter, and a model has a config.json. Open the model that it belongs to on the Models page, and add it there.';
  if (names.some((name) => name.endsWith('.gguf')))
    return 'GGUF files are not read. Choose the folder that they were made from, with config.json and safetensors.';
  if (pickleAmong(names) && !names.some(isWeights)) return whyNoWeights(names);
  return `There is no config.json among the files (${names.slice(0, 4).join(', ') || 'none'}). Drop the whole folder of the model.`;
}
/** Weights as torch.save writes them. */
const pickleAmong = (names: readonly string[]): string | undefined =>
  names.find((name) => /^pytorch_model.*\.bin$|\.pth?$|\.ckpt$/.test(name));
function whyNoWeights(names: readonly string[]): string {
  const pickle = pickleAmong(names);
  if (pickle)
    return `${pickle} holds the weights as a pickle, which may run code when it is read, so it is not. Convert it: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(other_folder) writes safetensors.`;
  return 'There is no model.safetensors among the files, nor shards of it (model-00001-of-00002.safetensors). Drop the whole folder of the model.';
}

/** Which shards an index or the shards' own names ask for. Throws DataError naming those that are missing. */
function requireShards(names: readonly string[], index?: Record<string, unknown>): Map<string, string> | undefined {
  const have = new Set(names);
  if (index) {
    const map = index.weight_map;
    if (typeof map !== 'object' || map === null || Array.isArray(map))
      return fail(`${WEIGHTS_INDEX} has no weight_map. Copy it again from the model's folder.`, WEIGHTS_INDEX);
    const entries = Object.entries(map);
    const bad = entries.find(([, file]) => typeof file !== 'string' || !isWeights(file));
    if (bad) fail(`${WEIGHTS_INDEX} says ${bad[0]} is in ${JSON.stringify(bad[1])}, which is no shard's name. Copy it again from the model's folder.`, WEIGHTS_INDEX); // biome-ignore format: one sentence
    const missing = [...new Set(entries.map(([, file]) => file as string))].filter((file) => !have.has(file)).sort();
    if (missing.length > 0) fail(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing: ${WEIGHTS_INDEX} names ${missing.length === 1 ? 'it' : 'them'}. Give ${missing.length === 1 ? 'it' : 'them'} together with the others.`, missing[0]!); // biome-ignore format: one sentence
    return new Map(entries as [string, string][]);
  }
  const shards = names.flatMap((name) => {
    const [, at, of] = SHARD.exec(name) ?? [];
    return at && of ? [{ at: Number(at), of, width: at.length }] : [];
  });
  if (shards.length === 0) return undefined;
  const [{ of, width }] = shards as [(typeof shards)[number]];
  const count = Number(of);
  // Numbers of a name, not of a list that is made from it: a name may claim anything.
  for (let at = 1; at <= count; at++) {
    const name = `model-${String(at).padStart(width, '0')}-of-${of}.safetensors`;
    if (!have.has(name)) fail(`${name} is missing: the other shards are numbered up to ${count}. Give all of them together.`, name); // biome-ignore format: one sentence
  }
  return undefined;
}

/**
 * Weights that lie in one or more safetensors files. Names are those of transformers, with or without `model.`; buffers of RoPE are
 * passed over. A head beside the embedding that it is tied to is `tied`; where it comes alone, it is the embedding too. A reward model
 * has no language-model head: one among its files is passed over, as transformers does. Throws DataError naming the file, shard or
 * tensor at fault.
 */
export async function openWeights(
  { config, head }: { config: LlamaConfig; head: 'lm' | 'score' },
  files: readonly { name: string; bytes: ByteSource }[],
  index?: Record<string, unknown>,
): Promise<HfTensors & { used: string[]; tied?: TensorSource }> {
  const named = requireShards(files.map(({ name }) => name), index); // biome-ignore format: one call
  const wanted = named && new Set(named.values());
  const shapes = modelShapes(config, head);
  const canonical = (name: string): string =>
    shapes.has(name) || !shapes.has(`model.${name}`) ? name : `model.${name}`;
  const found = new Map<string, { file: SafetensorsFile; name: string }>();
  let tied: { file: SafetensorsFile; name: string } | undefined;
  const dtypes: Record<string, number> = {};
  const used: string[] = [];
  for (const { name: fileName, bytes } of files) {
    if (wanted && !wanted.has(fileName)) continue; // left from another export
    used.push(fileName);
    const file = await SafetensorsFile.open(bytes, fileName);
    for (const [name, entry] of file.entries) {
      const own = canonical(name);
      if (name.endsWith('rotary_emb.inv_freq')) continue;
      if (own === HEAD && head === 'score') continue;
      if (own === HEAD && config.tie_word_embeddings) {
        requireFloats(name, entry, fileName);
        tied = { file, name };
        continue;
      }
      const other = found.get(own)?.file.where;
      if (other !== undefined) fail(`${own} is in ${other} and in ${fileName}. Give the files of one export only.`, fileName); // biome-ignore format: one sentence
      if (shapes.has(own)) requireFloats(name, entry, fileName);
      found.set(own, { file, name });
      dtypes[entry.dtype] = (dtypes[entry.dtype] ?? 0) + entry.to - entry.from;
    }
  }
  if (tied && !found.has(EMBEDDING)) {
    found.set(EMBEDDING, tied);
    const { dtype, from, to } = tied.file.entries.get(tied.name)!;
    dtypes[dtype] = (dtypes[dtype] ?? 0) + to - from;
    tied = undefined;
  }
  for (const [name, file] of named ?? [])
    if (!found.has(canonical(name)) && shapes.has(canonical(name)))
      fail(`${file} lacks ${name}, which ${WEIGHTS_INDEX} says it holds. Download that shard again.`, file);
  const given = new Map([...found].map(([own, { file, name }]) => [own, file.shapes.get(name)!]));
  const problem = weightsProblem(config, given, head);
  if (problem) {
    const at = [...found].find(([own]) => problem.includes(own))?.[1].file.where ?? files[0]!.name;
    fail(`${problem}. Choose weights and config.json of the same model.`, at);
  }
  return {
    shapes: given,
    dtypes,
    used,
    ...(tied && { tied: tied.file }),
    pieces(own) {
      const at = found.get(own);
      if (!at) return fail(`The model holds no tensor ${own}. Import it again.`, own);
      return at.file.pieces(at.name);
    },
  };
}

/**
 * eos_token_id of a generation_config.json, or of the config.json that transformers makes one from where there is none: what ends
 * an answer beside the template's own ends. Throws DataError.
 */
export function stopIdsOf(json: Record<string, unknown>, name: string = GENERATION_CONFIG): number[] {
  const given = json.eos_token_id ?? [];
  const ids = Array.isArray(given) ? given : [given];
  if (!ids.every((id) => Number.isSafeInteger(id) && id >= 0))
    fail(`${name} says eos_token_id ${JSON.stringify(given)}; it must be an id or a list of ids.`, name);
  return ids as number[];
}

/** Throws DataError when the tokenizer has ids that the model has no embedding for; the other way round is padding. */
export function requireVocabulary(config: LlamaConfig, vocabSize: number): void {
  if (vocabSize > config.vocab_size)
    fail(
      `tokenizer.json has ${vocabSize} ids and config.json says vocab_size ${config.vocab_size}: the tokenizer belongs to another model. Give the files of one model.`,
      'tokenizer.json',
    );
}

// A model as the folder that transformers reads, in a zip that is made piece by piece: weights of any size cross through little
// memory, because a Blob keeps what is large on disk.
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { DataError } from '../lib/errors';
import type { TensorSource } from '../storage/tensorSource';

/** fflate writes no zip64, and a zip without it ends at 4 GiB. */
const MAX_BYTES = 2 ** 32 - 2 ** 20;
/** Bytes that are gathered before they become a part of the Blob. */
const PART_BYTES = 8 * 2 ** 20;
/** So that the same model gives the same file. */
const MTIME = '2000-01-01T00:00:00';

/** A file of the folder. */
export interface FolderFile {
  path: string;
  sizeBytes: number;
  chunks: () => AsyncIterable<Uint8Array>;
}
export const textFile = (path: string, text: string): FolderFile => bytesFile(path, new TextEncoder().encode(text));
export function bytesFile(path: string, bytes: Uint8Array): FolderFile {
  return {
    path,
    sizeBytes: bytes.byteLength,
    async *chunks() {
      yield bytes;
    },
  };
}

/** model.safetensors in F32, names sorted, as writeSafetensors writes it: equal tensors give equal bytes. */
export function weightsFile(path: string, source: TensorSource): FolderFile {
  const names = [...source.shapes.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const name of names) {
    const shape = source.shapes.get(name)!;
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(32);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return {
    path,
    sizeBytes: head.length + offset,
    async *chunks() {
      yield head;
      for (const name of names)
        for await (const { data } of source.pieces(name))
          yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  };
}

/** Throws DataError above 4 GiB. */
export async function zipFolder(
  files: readonly FolderFile[],
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (doneBytes: number, totalBytes: number) => void } = {},
): Promise<Blob> {
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total > MAX_BYTES)
    throw new DataError(
      'The files take more than 4 GiB, which one zip cannot hold. Of a model with an adapter, export the adapter alone.',
    );
  const parts: Blob[] = [];
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  let failure: Error | undefined;
  const flush = () => {
    if (gathered.length > 0) parts.push(new Blob(gathered as Uint8Array<ArrayBuffer>[]));
    gathered = [];
    bytes = 0;
  };
  const zip = new Zip((error, data) => {
    if (error) failure = error;
    // A copy: fflate passes views on, and what it was given may be used again.
    gathered.push(data.slice());
    bytes += data.byteLength;
    if (bytes >= PART_BYTES) flush();
  });
  let done = 0;
  for (const { path, chunks } of files) {
    // Weights do not compress: they are stored as they are.
    const file = path.endsWith('.safetensors') ? new ZipPassThrough(path) : new ZipDeflate(path, { level: 6 });
    file.mtime = MTIME;
    zip.add(file);
    for await (const chunk of chunks()) {
      signal?.throwIfAborted();
      file.push(chunk);
      done += chunk.byteLength;
      onProgress?.(done, total);
    }
    file.push(new Uint8Array(), true);
    if (failure) throw failure;
  }
  zip.end();
  flush();
  return new Blob(parts, { type: 'application/zip' });
}

/** What a file is called after. */
export const slugOf = (name: string, otherwise: string): string =>
  name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || otherwise; // biome-ignore format: reads as one idea

/** What a generated card says. */
export interface CardFacts {
  name: string;
  artifactId: string;
  /** Of the model, or of an adapter alone. */
  parameterCount: number;
  /** Set for an adapter: what its config calls the base. */
  adapterOf?: string;
  /** A reward model: it is loaded by another class, and used otherwise. */
  isReward: boolean;
  /** By which a reward adapter was read (rewardPosition): the base's config need not say so. */
  padTokenId?: number | null;
  /** Role → artifact id: base, tokenizer, template, data. */
  parents: Record<string, string>;
  /** The recipe that trained it, as JSON; absent where it was not trained here. */
  recipe?: unknown;
  /** Name → last value. */
  metrics: Record<string, number>;
  versions: Record<string, string>;
  hasTemplate: boolean;
}
/** README.md of the folder: what it is, what it came from, how it was trained, and how to load it. */
export function modelCardText(facts: CardFacts): string {
  const { name, artifactId, parameterCount, adapterOf, isReward, parents, recipe, metrics, versions, hasTemplate } =
    facts;
  const table = (head: [string, string], rows: [string, string][]): string[] =>
    rows.length === 0
      ? []
      : [`| ${head.join(' | ')} |`, '| --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`), ''];
  const lines = [
    '---',
    ...(adapterOf === undefined ? ['library_name: transformers'] : ['library_name: peft', `base_model: ${JSON.stringify(adapterOf)}`]), // biome-ignore format: one choice
    `pipeline_tag: ${isReward ? 'text-classification' : 'text-generation'}`,
    '---',
    '',
    `# ${name}`,
    '',
    `${parameterCount.toLocaleString('en-US')} parameters ${adapterOf === undefined ? 'in the Llama architecture' : `of a LoRA adapter for ${adapterOf}, a Llama`}. Written by Posttrain Studio; the ids are sha256 hashes of manifests that list each file's own hash.`,
    '',
    '## Lineage',
    '',
    ...table(
      ['what', 'id'],
      [[adapterOf === undefined ? 'this model' : 'this adapter', artifactId], ...Object.entries(parents)].map(
        ([role, id]) => [role!, `\`${id}\``],
      ),
    ),
  ];
  if (recipe !== undefined)
    lines.push('## Training', '', 'Names of settings and metrics are TRL’s.', '', '```json', JSON.stringify(recipe, undefined, 2), '```', ''); // biome-ignore format: one section
  const modelClass = isReward ? 'AutoModelForSequenceClassification' : 'AutoModelForCausalLM';
  const padding = isReward && typeof facts.padTokenId === 'number' ? `, pad_token_id=${facts.padTokenId}` : '';
  const measured = Object.entries(metrics);
  if (measured.length > 0)
    lines.push(
      'Last values that were logged:',
      '',
      ...table(['metric', 'value'], measured.map(([key, value]) => [`\`${key}\``, String(Number(value.toPrecision(6)))])), // biome-ignore format: one call
    );
  const made = Object.entries(versions);
  if (made.length > 0) lines.push(`Made with ${made.map(([what, version]) => `${what} ${version}`).join(', ')}.`, '');
  lines.push(
    '## Use',
    '',
    '```python',
    ...(adapterOf === undefined
      ? [
          `from transformers import ${modelClass}, AutoTokenizer`,
          '',
          `model = ${modelClass}.from_pretrained("this-folder")`,
          'tokenizer = AutoTokenizer.from_pretrained("this-folder")',
        ]
      : [
          'from peft import PeftModel',
          `from transformers import ${modelClass}, AutoTokenizer`,
          '',
          '# The folder of the base with the id above; Posttrain Studio exports it from its Models page.',
          ...(isReward
            ? [
                '# The adapter brings the score head with it: what the base starts with there is replaced. The reward is read at the',
                '# last token that is not pad_token_id.',
              ]
            : []),
          `base = ${modelClass}.from_pretrained("base-folder"${isReward ? ', num_labels=1' : ''}${padding})`,
          'model = PeftModel.from_pretrained(base, "this-folder")',
          'tokenizer = AutoTokenizer.from_pretrained("base-folder")',
        ]),
    ...(isReward ? rewardUse(hasTemplate) : textUse(hasTemplate)),
    '```',
    '',
  );
  return lines.join('\n');
}
const textUse = (hasTemplate: boolean): string[] => [
  ...(hasTemplate
    ? [
        'messages = [{"role": "user", "content": "Hello"}]',
        'inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)',
      ]
    : ['inputs = tokenizer("Hello", return_tensors="pt")']),
  'print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))',
];
/** The reward is the one logit: transformers reads it at the last token that is not config.json's pad_token_id. */
const rewardUse = (hasTemplate: boolean): string[] => [
  ...(hasTemplate
    ? [
        'messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning."}]',
        'inputs = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)',
      ]
    : ['inputs = tokenizer("Hello. Good morning.", return_tensors="pt")']),
  'print(model(**inputs).logits[0, 0].item())',
];

// What the Models page says, as pure functions.
import { count, megabytes, plural, sizeWords } from '../../lib/words';
import type {
  ModelCard,
  ModelImportProgress,
  ModelRef,
  ModelUse,
  StorageReport,
  StoredItem,
  StoredKind,
  StoredModel,
} from '../../protocol/requests';
import { BUILTIN_MODELS, builtinName } from '../../stores/modelNames';

/** The model that an adapter belongs to when this one is open: itself, or the base of an adapter. */
export function baseOf(ref: ModelRef, stored: StoredModel | undefined): { ref: ModelRef; name: string } {
  return stored?.adapterOf ?? { ref, name: stored?.name ?? builtinName(ref) ?? ref };
}
/** `4 models, 1 adapter`, the built-in ones among them. */
export function storedWords(stored: readonly StoredModel[]): string {
  const adapters = stored.filter(({ adapterOf }) => adapterOf).length;
  const models = plural(stored.length - adapters + BUILTIN_MODELS.length, 'model');
  return adapters > 0 ? `${models}, ${plural(adapters, 'adapter')}` : models;
}

/** `0.20M`, `134.5M`. */
export const millions = (parameters: number): string =>
  parameters < 1e9 ? `${(parameters / 1e6).toFixed(parameters < 1e7 ? 2 : 1)}M` : `${(parameters / 1e9).toFixed(2)}B`;

export const USE_NAMES: Record<ModelUse['use'], string> = {
  chat: 'Chat and inspection',
  lora: 'LoRA, r 8 on every layer',
  qlora: 'QLoRA, base in NF4',
  full: 'All weights',
};
/** `569 MiB + 21 MiB`. */
export const memoryWords = ({ weights, activations }: ModelUse): string =>
  `${sizeWords(weights)} + ${sizeWords(activations)}`;

/** The shape in words, one fact a pair. */
export function shapeFacts({ info: { config, parameterCount } }: ModelCard): [string, string][] {
  const { num_attention_heads: heads, num_key_value_heads: kv, rope_scaling } = config;
  return [
    ['parameters', `${count(parameterCount)} (${millions(parameterCount)})`],
    ['layers × width', `${config.num_hidden_layers} × ${config.hidden_size}`],
    ['heads', `${heads} of ${config.head_dim}, ${kv} for keys and values`],
    ['MLP', count(config.intermediate_size)],
    [
      'vocabulary',
      `${count(config.vocab_size)}${config.tie_word_embeddings ? ', head tied to it' : ', head of its own'}`,
    ],
    ['context', `${count(config.max_position_embeddings)} tokens`],
    [
      'RoPE',
      `θ ${count(config.rope_theta)}${rope_scaling ? `, ${rope_scaling.rope_type} × ${rope_scaling.factor}` : ''}`,
    ],
  ];
}
/** `F32 538 MB`. */
export const dtypeWords = (dtypes: ModelCard['dtypes']): string =>
  Object.entries(dtypes)
    .map(([dtype, bytes]) => `${dtype} ${megabytes(bytes)}`)
    .join(', ');

export function importWords({ phase, doneBytes, totalBytes }: ModelImportProgress): string {
  const what = phase === 'reading' ? 'Reading and hashing' : 'Copying into this browser';
  return `${what}: ${megabytes(doneBytes)} of ${megabytes(totalBytes)}`;
}
/** Share of the whole: reading is the first third. */
export const importShare = ({ phase, doneBytes, totalBytes }: ModelImportProgress): number => {
  const share = totalBytes > 0 ? doneBytes / totalBytes : 1;
  return phase === 'reading' ? share / 3 : 1 / 3 + (2 / 3) * share;
};

export const KIND_NAMES: Record<StoredKind, string> = {
  model: 'model',
  adapter: 'adapter',
  tokenizer: 'tokenizer',
  template: 'template',
  dataset: 'dataset',
  run: 'run',
  log: 'log',
  import: 'cut-off import',
  other: 'left over',
};
/** Bytes of each kind, the largest first. */
export function byKind(items: readonly StoredItem[]): { kind: StoredKind; sizeBytes: number; items: number }[] {
  const sums = new Map<StoredKind, { sizeBytes: number; items: number }>();
  for (const { kind, sizeBytes } of items) {
    const sum = sums.get(kind) ?? { sizeBytes: 0, items: 0 };
    sums.set(kind, { sizeBytes: sum.sizeBytes + sizeBytes, items: sum.items + 1 });
  }
  return [...sums].map(([kind, sum]) => ({ kind, ...sum })).sort((a, b) => b.sizeBytes - a.sizeBytes);
}

/** What Chromium's parts of the usage are; `fileSystem` is where items lie. */
const BESIDES: Record<string, string> = {
  caches: 'the studio’s own files for use without a network',
  serviceWorkerRegistrations: 'the service worker that serves them',
  indexedDB: 'names, settings and records',
};
/** The sum of what is listed, by kind; then what the browser counts besides. */
export function totalWords({ items, usageBytes, usageByKind }: Omit<StorageReport, 'isKept' | 'quotaBytes'>): string[] {
  const kinds = byKind(items).map(({ kind, sizeBytes, items: n }) => `${plural(n, KIND_NAMES[kind])} ${megabytes(sizeBytes)}`); // biome-ignore format: one list
  const listed = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const sum = kinds.length > 0 ? [`${kinds.join(' + ')}${kinds.length > 1 ? ` = ${megabytes(listed)}` : ''}.`] : [];
  const parts = Object.entries(usageByKind ?? {}).flatMap(([part, bytes]) => (BESIDES[part] && bytes > 0 ? [`${BESIDES[part]} ${megabytes(bytes)}`] : [])); // biome-ignore format: one list
  if (usageBytes <= 0) return sum;
  const besides =
    parts.length > 0 ? `: ${parts.join(', ')}` : ' the studio’s own files for use without a network, and its records';
  return [
    ...sum,
    `The browser counts ${megabytes(usageBytes)} for this site; besides what is listed that is${besides}.`,
  ];
}

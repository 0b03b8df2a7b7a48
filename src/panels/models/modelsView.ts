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

/** The model that an adapter belongs to when this one is open: itself, or the base of an adapter; undefined where that is gone. */
export function baseOf(ref: ModelRef, stored: StoredModel | undefined): { ref: ModelRef; name: string } | undefined {
  if (stored?.adapterOf?.isGone) return undefined;
  return stored?.adapterOf ?? { ref, name: stored?.name ?? builtinName(ref) ?? ref };
}
/** `1 model, 2 adapters, 3 built-in`: those that the list of what is stored counts, and those that ship. */
export function storedWords(stored: readonly StoredModel[]): string {
  const adapters = stored.filter(({ adapterOf }) => adapterOf).length;
  const models = stored.length - adapters;
  const own = [models > 0 && plural(models, 'model'), adapters > 0 && plural(adapters, 'adapter')].filter(Boolean);
  return own.length > 0 ? `${own.join(', ')}, ${BUILTIN_MODELS.length} built-in` : `${BUILTIN_MODELS.length} built-in models`; // biome-ignore format: one choice
}
/** `adapter of tiny`, of a base that was deleted too; `imported`, `trained here`; a reward model says so. */
export function originWords({
  adapterOf,
  isImported,
  head,
}: Pick<StoredModel, 'adapterOf' | 'isImported' | 'head'>): string {
  if (adapterOf)
    return `${head === 'score' ? 'reward adapter' : 'adapter'} of ${adapterOf.name}${adapterOf.isGone ? ' (not here)' : ''}`;
  return `${head === 'score' ? 'reward model, ' : ''}${isImported ? 'imported' : 'trained here'}`;
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

/** What an adapter is, beside the model that it lies on. */
export function adapterFacts({ info: { adapters = [] } }: ModelCard): [string, string][] {
  return adapters.flatMap(({ config, parameterCount }): [string, string][] => {
    const { r, lora_alpha: alpha, target_modules: targets, rank_pattern = {}, alpha_pattern = {} } = config;
    const kinds = [config.use_dora && 'DoRA', config.use_rslora && 'rsLoRA'].filter(Boolean).join(', ');
    const patterns = Object.entries({ ...rank_pattern }).map(([name, rank]) => `${name} r ${rank}`);
    const alphas = Object.entries({ ...alpha_pattern }).map(([name, value]) => `${name} lora_alpha ${value}`);
    return [
      ['r', [String(r), ...patterns].join(', ')],
      ['lora_alpha', [String(alpha), ...alphas].join(', ')],
      ['target_modules', typeof targets === 'string' ? targets : targets.join(', ')],
      ...(kinds ? [['kind', kinds] as [string, string]] : []),
      ...(config.modules_to_save?.length
        ? [['modules_to_save', config.modules_to_save.join(', ')] as [string, string]]
        : []),
      ['its own parameters', `${count(parameterCount)} (${millions(parameterCount)})`],
    ];
  });
}
/** Why two uses take what they take, where that is not plain from their names; from the numbers themselves. */
export function memoryNotes(uses: readonly ModelUse[]): string[] {
  const of = (wanted: ModelUse['use']) => uses.find(({ use }) => use === wanted)?.weights ?? 0;
  return [
    ...(of('chat') > of('lora') && sizeWords(of('chat')) !== sizeWords(of('lora'))
      ? ['Chat holds three copies of the weights here (whole as they are trained, by tensor, transposed), LoRA two of its frozen base, and with the adapter gradients and moments of that alone.'] // biome-ignore format: one sentence
      : []),
    ...(of('qlora') > 0 && of('qlora') === of('lora')
      ? ['QLoRA takes what LoRA takes: without WebGPU the four bits are worked with at full size, so only the rounding is that of NF4.'] // biome-ignore format: one sentence
      : []),
  ];
}

/** The shape in words, one fact a pair. */
export function shapeFacts({ info: { config, parameterCount, head } }: ModelCard): [string, string][] {
  const { num_attention_heads: heads, num_key_value_heads: kv, rope_scaling } = config;
  return [
    ['parameters', `${count(parameterCount)} (${millions(parameterCount)})`],
    ['layers × width', `${config.num_hidden_layers} × ${config.hidden_size}`],
    ['heads', `${heads} of ${config.head_dim}, ${kv} for keys and values`],
    ['MLP', count(config.intermediate_size)],
    [
      'vocabulary',
      `${count(config.vocab_size)}${head === 'score' ? ', a score head instead of one over it' : config.tie_word_embeddings ? ', head tied to it' : ', head of its own'}`,
    ],
    ['context', `${count(config.max_position_embeddings)} tokens`],
    [
      'RoPE',
      `θ ${count(config.rope_theta)}${rope_scaling ? `, ${rope_scaling.rope_type} × ${rope_scaling.factor}` : ''}`,
    ],
  ];
}
/** `tiny, 1,024 ids, shared with sharded`: of one that came with another model, whose it is. */
export function tokenizerWords({ tokenizer }: Pick<ModelCard, 'tokenizer'>): string {
  const { name, vocabSize, hasTemplate, sharedWith } = tokenizer;
  const others = sharedWith.length > 2 ? [...sharedWith.slice(0, 2), `${sharedWith.length - 2} more`] : sharedWith;
  // The kit has the name of the model that brought it: of another model it would read as a mistake.
  const own = sharedWith.includes(name) ? [] : [name];
  return [
    ...own,
    `${count(vocabSize)} ids`,
    ...(others.length > 0 ? [`shared with ${others.join(' and ')}`] : []),
    ...(hasTemplate ? [] : ['no chat template: the studio’s own is used']),
  ].join(', ');
}
/** `F32 538 MB`. */
export const dtypeWords = (dtypes: ModelCard['dtypes']): string =>
  Object.entries(dtypes)
    .map(([dtype, bytes]) => `${dtype} ${megabytes(bytes)}`)
    .join(', ');

export function importWords({ phase, doneBytes, totalBytes }: ModelImportProgress): string {
  const what = phase === 'reading' ? 'Reading and hashing (1 of 2)' : 'Copying into this browser (2 of 2)';
  return `${what}: ${megabytes(doneBytes)} of ${megabytes(totalBytes)}`;
}
/** Of the phase that the words tell, so that the bar and they agree. */
export const importShare = ({ doneBytes, totalBytes }: ModelImportProgress): number =>
  totalBytes > 0 ? doneBytes / totalBytes : 1;

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

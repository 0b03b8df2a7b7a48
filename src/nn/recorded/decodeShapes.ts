// Shapes of decoding, and what they take: which rows of a request go together, so that no buffer is too large for the device.
import { DECODE_WORDS } from '../../gpu/kernels/decodeState';
import { logitStride } from '../../gpu/kernels/head';
import { CHOICE_FLOATS } from '../../gpu/kernels/sample';
import type { LlamaConfig } from '../../protocol/model';
import { DECODED_TOGETHER, newTokens } from '../sampling';
import type { GenerateRequest } from '../seam';

/** Bytes that caches and shared prompts of one batch may take together: a quarter of what an adapter is trusted with at first. */
const CACHE_BYTES = 2 ** 30;
/** Tokens of prompts that go through the model at once: their activations stay as small as those of a training step. */
const PREFILL_TOKENS = 8192;
/** New tokens of each row that wait to be read; how many are made before the host looks divides it. */
export const RING = 8;
export interface DecodeShape {
  /** Distinct prompts, their rows in the prefix, how many run at once, rows of the batch, own slots. */
  groups: number;
  prefixRows: number;
  groupsAtOnce: number;
  rows: number;
  slots: number;
  /** Stop ids that fit. */
  stopIds: number;
  /** Some rows go through adapters. */
  adapted: boolean;
  /** The host says before each token which ids may come. */
  masked: boolean;
}
export const maskWords = ({ vocab_size }: LlamaConfig): number => Math.ceil(vocab_size / 32);
const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;
/** Floats of q|k|v of a token. */
export const rowFloats = (c: LlamaConfig): number => (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;

/** Bytes of a decoder's buffers; caches and prefixes are one a layer. */
export function decodeBytes(config: LlamaConfig, { rows, slots, groups, prefixRows }: DecodeShape) {
  return {
    state: 4 * rows * DECODE_WORDS,
    allowed: 4 * rows * maskWords(config),
    tokens: 4 * rows * RING,
    choices: 4 * rows * RING * CHOICE_FLOATS,
    cache: 4 * rows * slots * rowFloats(config),
    prefix: 4 * Math.max(1, groups * prefixRows) * rowFloats(config),
    /** Of the plan: the widest that a token of every row leaves on its way. */
    logits: 4 * rows * logitStride(config.vocab_size),
    activations: 4 * rows * Math.max(config.hidden_size, config.intermediate_size, rowFloats(config)),
  };
}

/**
 * The rows of a request in batches: like lengths together, as many as `maxBatch` allows and as keep each buffer below `maxBytes`
 * and all caches below CACHE_BYTES. One row is always a batch: where it alone is too much, the decoder refuses it.
 */
export function decodeBatches(
  request: GenerateRequest,
  config: LlamaConfig,
  maxBytes: number,
): { rows: number[]; groupOf: number[]; shape: DecodeShape }[] {
  const { prompts, sampling, maxBatch = DECODED_TOGETHER } = request;
  const order = prompts.map((_, i) => i).sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
  const routeOf = (row: number) => request.rowAdapter?.[row] ?? -1;
  const keyOf = (row: number) => [routeOf(row), ...Array.from(prompts[row]!)].join();
  const promptFloats = Math.max(config.hidden_size, config.intermediate_size, rowFloats(config));
  const shapeOf = (rows: readonly number[], groups: number): DecodeShape => {
    const longest = prompts[rows.at(-1)!]!.length;
    const maxNew = newTokens(prompts[rows[0]!]!.length, sampling, config);
    const prefixRows = longest > 1 ? roundUp(longest - 1, 32) : 0;
    const tokensAtOnce = Math.min(PREFILL_TOKENS, Math.floor(maxBytes / (4 * promptFloats)));
    return {
      groups,
      prefixRows,
      groupsAtOnce: Math.max(1, Math.min(groups, Math.floor(tokensAtOnce / Math.max(1, prefixRows)))),
      rows: rows.length,
      slots: roundUp(maxNew, 32),
      stopIds: roundUp(Math.max(1, request.stopIds.length), 16),
      adapted: rows.some((row) => routeOf(row) >= 0),
      masked: request.allowed !== undefined,
    };
  };
  const fits = (shape: DecodeShape): boolean => {
    const bytes = decodeBytes(config, shape);
    const caches = config.num_hidden_layers * (bytes.cache + bytes.prefix);
    return shape.rows <= maxBatch && Math.max(...Object.values(bytes)) <= maxBytes && caches <= CACHE_BYTES;
  };
  const out: { rows: number[]; groupOf: number[]; shape: DecodeShape }[] = [];
  let groups = new Map<string, number>();
  for (const row of order) {
    const key = keyOf(row);
    const last = out.at(-1);
    if (last) {
      const rows = [...last.rows, row];
      const shape = shapeOf(rows, groups.size + (groups.has(key) ? 0 : 1));
      if (fits(shape)) {
        const group = groups.get(key) ?? groups.size;
        groups.set(key, group);
        out[out.length - 1] = { rows, groupOf: [...last.groupOf, group], shape };
        continue;
      }
    }
    groups = new Map([[key, 0]]);
    out.push({ rows: [row], groupOf: [0], shape: shapeOf([row], 1) });
  }
  return out;
}

// Choosing the next token from logits: temperature, then top-k, top-p, min-p (transformers' order), then one draw.
// The draw is a hash of (seed, stream, position), so a row's text does not depend on what else is in its batch.
import { ConfigError } from '../lib/errors';
import { hash3, hashString } from '../lib/rng';
import type { LlamaConfig, SamplingOptions } from '../protocol/model';
import type { GeneratedRow } from './seam';

export interface Choice {
  id: number;
  /** log p(id) under the full softmax at temperature 1, nats. */
  logp: number;
  /** log p(id) in the distribution it was drawn from: after temperature, mask and filters; 0 when greedy. */
  samplingLogp: number;
  /** Of the full softmax at temperature 1, nats. */
  entropy: number;
}

/** Rows that are decoded together where a request does not say. */
export const DECODED_TOGETHER = 64;

/** Whether a bit set of ids, 32 a word, has the id. */
export const isAllowed = (allowed: Uint32Array, id: number): boolean => ((allowed[id >>> 5]! >>> (id & 31)) & 1) === 1;
/** A bit set of ids for GenerateRequest.allowed. */
export function allowedSet(vocabulary: number, ids: Iterable<number>): Uint32Array {
  const out = new Uint32Array(Math.ceil(vocabulary / 32));
  for (const id of ids) out[id >>> 5]! |= 1 << (id & 31);
  return out;
}

/** log Σ exp(x), with the maximum subtracted first. */
export function logSumExp(x: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const v of x) if (v > max) max = v;
  let sum = 0;
  for (const v of x) sum += Math.exp(v - max);
  return max + Math.log(sum);
}

/**
 * Ids that survive top_k, top_p and min_p (and `allowed`) with their probabilities after temperature (renormalised), likeliest
 * first. Ids that tie with the last one kept are kept too: transformers does so for top_k, and the GPU, which does not sort, for
 * both.
 */
export function candidates(
  logits: Float32Array,
  { temperature, top_k, top_p, min_p = 0 }: Pick<SamplingOptions, 'temperature' | 'top_k' | 'top_p' | 'min_p'>,
  allowed?: Uint32Array,
): { ids: number[]; probabilities: number[] } {
  const all = Array.from(logits.keys());
  let ids = (allowed ? all.filter((id) => isAllowed(allowed, id)) : all).sort(
    (a, b) => logits[b]! - logits[a]! || a - b,
  );
  if (top_k > 0 && top_k < ids.length) {
    const least = logits[ids[top_k - 1]!]!;
    ids = ids.filter((id) => logits[id]! >= least);
  }
  const max = logits[ids[0]!]!;
  let probabilities = ids.map((id) => Math.exp((logits[id]! - max) / temperature));
  const normalise = () => {
    const total = probabilities.reduce((a, b) => a + b, 0);
    probabilities = probabilities.map((p) => p / total);
  };
  normalise();
  if (top_p < 1) {
    // The smallest set whose mass reaches top_p: a token stays while the mass before it is below top_p.
    let before = 0;
    let keep = 0;
    while (keep < ids.length && (keep === 0 || before < top_p)) before += probabilities[keep++]!;
    while (keep < ids.length && logits[ids[keep]!] === logits[ids[keep - 1]!]) keep++;
    ids = ids.slice(0, keep);
    probabilities = probabilities.slice(0, keep);
    normalise();
  }
  if (min_p > 0) {
    const least = min_p * probabilities[0]!;
    ids = ids.filter((_, i) => probabilities[i]! >= least);
    probabilities = probabilities.slice(0, ids.length);
    normalise();
  }
  return { ids, probabilities };
}

/** logits [V]; `allowed` as in GenerateRequest. Temperature 0 takes the likeliest token; the lowest id wins ties. */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  stream: number,
  position: number,
  allowed?: Uint32Array,
): Choice {
  const lse = logSumExp(logits);
  let entropy = 0;
  for (const x of logits) entropy -= Math.exp(x - lse) * (x - lse);
  let id = -1;
  let samplingLogp = 0;
  if (options.temperature === 0) {
    for (let v = 0; v < logits.length; v++)
      if ((!allowed || isAllowed(allowed, v)) && (id < 0 || logits[v]! > logits[id]!)) id = v;
  } else {
    // In the order of ids, as the GPU draws, which does not sort: one seed then gives one text on every engine.
    const kept = candidates(logits, options, allowed);
    const order = kept.ids.map((_, i) => i).sort((a, b) => kept.ids[a]! - kept.ids[b]!);
    const ids = order.map((i) => kept.ids[i]!);
    const probabilities = order.map((i) => kept.probabilities[i]!);
    const bits = hash3(options.seed, stream, position ^ SAMPLING_STREAM);
    let u = ((bits >>> 8) + 0.5) / 16777216;
    let i = 0;
    while (i + 1 < ids.length && u >= probabilities[i]!) u -= probabilities[i++]!;
    id = ids[i]!;
    samplingLogp = Math.log(probabilities[i]!);
  }
  return { id, logp: logits[id]! - lse, samplingLogp, entropy };
}
export const SAMPLING_STREAM = hashString('sampling');

/** New tokens that a row may have: what was asked for, as far as its own prompt leaves room in the context. */
export const newTokens = (
  promptTokens: number,
  { max_new_tokens }: Pick<SamplingOptions, 'max_new_tokens'>,
  { max_position_embeddings }: LlamaConfig,
): number => Math.min(max_new_tokens, max_position_embeddings - promptTokens);

export const emptyRow = (): GeneratedRow => ({
  ids: [],
  logps: [],
  samplingLogps: [],
  entropies: [],
  terminated: false,
});
/** Throws ConfigError for a mask that lets none of the vocabulary's ids through. */
export function checkAllowed(
  allowed: Uint32Array | undefined,
  row: number,
  vocabulary: number,
): Uint32Array | undefined {
  // Bits above the vocabulary are nobody's.
  const rest = vocabulary % 32 === 0 ? 0xffffffff : 2 ** (vocabulary % 32) - 1;
  const last = Math.ceil(vocabulary / 32) - 1;
  const isEmpty = (word: number, w: number) => w > last || (w === last ? (word & rest) >>> 0 : word) === 0;
  if (allowed?.every(isEmpty))
    throw new ConfigError(
      `Prompt ${row + 1} may go on with no token at all: the logits mask is empty. Let it allow a stop token at least.`,
    );
  return allowed;
}
/** Throws ConfigError for a choice among logits that are no numbers. */
export function checkChoice({ id, logp }: Pick<Choice, 'id' | 'logp'>, row: number, vocabulary: number): void {
  if (id >= 0 && id < vocabulary && Number.isFinite(logp)) return;
  throw new ConfigError(
    `The model gave no numbers for prompt ${row + 1}: its weights hold NaN or infinite values. Use an earlier checkpoint, or train again with a lower learning_rate.`,
  );
}

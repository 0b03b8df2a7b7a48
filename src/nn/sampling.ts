// Choosing the next token from logits: temperature, then top-k, then top-p (transformers' order), then one draw.
// The draw is a hash of (seed, stream, position), so a row's text does not depend on what else is in its batch.
import { hash3, hashString } from '../lib/rng';
import type { SamplingOptions } from '../protocol/model';

export interface Choice {
  id: number;
  /** log p(id) under the full softmax at temperature 1, nats. */
  logp: number;
}

/** log Σ exp(x), with the maximum subtracted first. */
export function logSumExp(x: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const v of x) if (v > max) max = v;
  let sum = 0;
  for (const v of x) sum += Math.exp(v - max);
  return max + Math.log(sum);
}

/** Ids that survive top_k and top_p with their probabilities after temperature (renormalised), likeliest first. */
export function candidates(
  logits: Float32Array,
  { temperature, top_k, top_p }: Pick<SamplingOptions, 'temperature' | 'top_k' | 'top_p'>,
): { ids: number[]; probabilities: number[] } {
  let ids = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (top_k > 0) ids = ids.slice(0, top_k);
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
    ids = ids.slice(0, keep);
    probabilities = probabilities.slice(0, keep);
    normalise();
  }
  return { ids, probabilities };
}

/** logits [V]. Temperature 0 takes the likeliest token; the lowest id wins ties. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, stream: number, position: number): Choice {
  const lse = logSumExp(logits);
  let id = 0;
  if (options.temperature === 0) {
    for (let v = 1; v < logits.length; v++) if (logits[v]! > logits[id]!) id = v;
  } else {
    // In the order of ids, as the GPU draws, which does not sort: one seed then gives one text on every engine.
    const kept = candidates(logits, options);
    const order = kept.ids.map((_, i) => i).sort((a, b) => kept.ids[a]! - kept.ids[b]!);
    const ids = order.map((i) => kept.ids[i]!);
    const probabilities = order.map((i) => kept.probabilities[i]!);
    const bits = hash3(options.seed, stream, position ^ SAMPLING_STREAM);
    let u = ((bits >>> 8) + 0.5) / 16777216;
    let i = 0;
    while (i + 1 < ids.length && u >= probabilities[i]!) u -= probabilities[i++]!;
    id = ids[i]!;
  }
  return { id, logp: logits[id]! - lse };
}
export const SAMPLING_STREAM = hashString('sampling');

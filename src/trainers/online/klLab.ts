// The KL laboratory: on tokens that a policy drew, Schulman's estimators k1, k2, k3 beside the KL over the whole vocabulary, which
// is affordable here; and what each does to the weights, as a loss and inside the reward, beside the gradient of the KL itself.
import * as tf from '@tensorflow/tfjs-core';
import { bucketsUpTo } from '../../data/buckets';
import { collate } from '../../data/collate';
import { numbers } from '../../lib/algebra';
import { ConfigError } from '../../lib/errors';
import type { LossFn, ModelEngine, NamedTensorMap, StepRequest } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { type KlEstimatorId, klEstimators } from '../../protocol/klEstimators';
import type { KlLabEstimate, KlLabResult, KlLabRow } from '../../protocol/klLab';
import { detach } from '../preference/detach';
import { tensors } from '../preference/tensorAlgebra';

/** A prompt with a completion that the policy drew, at temperature 1. */
export interface KlLabInput {
  ids: Int32Array;
  promptLength: number;
}
export interface KlLabOptions {
  /** Name of the one tensor whose gradient is compared; all unless given. */
  tensor?: string;
  /** Rows read together, READ_TOGETHER unless given. */
  batchSize?: number;
  yieldToOthers?: () => Promise<void>;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export const READ_TOGETHER = 8;
const IDS = Object.keys(klEstimators) as KlEstimatorId[];

export interface ExactRows {
  /** log π and log π_ref of the targets. */
  logps: tf.Tensor1D;
  refLogps: tf.Tensor1D;
  /** KL(π‖ref) and KL(ref‖π). */
  kl: tf.Tensor1D;
  reverseKl: tf.Tensor1D;
}
/** Both models' logits [M, V] and the drawn ids [M] → what is exact of each row, nats. */
export function exactRows(logits: tf.Tensor2D, refLogits: tf.Tensor2D, targets: tf.Tensor1D): ExactRows {
  return tf.tidy(() => {
    const [policy, reference] = [logSoftmax(logits), logSoftmax(refLogits)];
    const d = tf.sub(policy, reference);
    const at = tf.stack([tf.range(0, targets.size, 1, 'int32'), targets], 1);
    return {
      logps: tf.gatherND(policy, at) as tf.Tensor1D,
      refLogps: tf.gatherND(reference, at) as tf.Tensor1D,
      kl: tf.sum<tf.Tensor1D>(tf.mul(tf.exp(policy), d), 1),
      reverseKl: tf.neg(tf.sum<tf.Tensor1D>(tf.mul(tf.exp(reference), d), 1)),
    } as unknown as tf.TensorContainerObject;
  }) as unknown as ExactRows;
}
function logSoftmax(logits: tf.Tensor2D): tf.Tensor2D {
  const shifted = tf.sub<tf.Tensor2D>(logits, tf.max(logits, 1, true));
  return tf.sub<tf.Tensor2D>(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/**
 * Mean of a value over tokens with its standard error, from sums and token counts of independent rows: tokens of one completion
 * hang together, so rows are what is counted (the ratio estimator of cluster sampling). Fewer than two rows have no error.
 */
export function clusteredMean(sums: readonly number[], counts: readonly number[]): KlLabEstimate {
  const n = counts.reduce((a, b) => a + b, 0);
  const mean = sums.reduce((a, b) => a + b, 0) / n;
  const R = sums.length;
  if (R < 2) return { mean, standardError: null };
  const squares = sums.reduce((total, sum, r) => total + (sum - mean * counts[r]!) ** 2, 0);
  return { mean, standardError: Math.sqrt((R / (R - 1)) * squares) / n };
}

/** Cosine of two gradients, and the length of the first; over one tensor or all. A gradient of 0 has no direction: 0. */
export function compareGradients(
  a: NamedTensorMap,
  b: NamedTensorMap,
  tensor?: string,
): { cosine: number; norm: number } {
  let [dot, aa, bb] = [0, 0, 0];
  for (const [name, { data }] of Object.entries(b)) {
    if (tensor !== undefined && name !== tensor) continue;
    const other = a[name]!.data;
    for (let i = 0; i < data.length; i++) {
      dot += other[i]! * data[i]!;
      aa += other[i]! * other[i]!;
      bb += data[i]! * data[i]!;
    }
  }
  return { cosine: aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb), norm: Math.sqrt(aa) };
}

/**
 * `policy` and `reference` are two engines of one kind with one vocabulary; gradients that the policy has gathered are dropped.
 * Throws ConfigError for a tensor that it does not train, CancelledError through `signal`.
 */
export async function klLab(
  policy: ModelEngine,
  reference: ModelEngine,
  rows: readonly KlLabInput[],
  { tensor, batchSize = READ_TOGETHER, yieldToOthers, signal, onProgress }: KlLabOptions = {},
): Promise<KlLabResult> {
  const sorted = rows.map((_, i) => i).sort((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
  const parts: { own: number[]; batch: Batch }[] = [];
  for (let at = 0; at < sorted.length; at += batchSize) {
    const own = sorted.slice(at, at + batchSize);
    parts.push({
      own,
      batch: batchOf(
        own.map((i) => rows[i]!),
        policy,
      ),
    });
  }
  const total = parts.length * (2 + 2 * IDS.length);
  let done = 0;
  const turn = async () => {
    onProgress?.(++done, total);
    await yieldToOthers?.();
    signal?.throwIfAborted();
  };
  const read: KlLabRow[] = new Array(rows.length);
  for (const { own, batch } of parts) {
    const found = await readBatch(policy, reference, batch);
    own.forEach((i, b) => {
      const { ids, promptLength } = rows[i]!;
      const start = b * batch.T + promptLength - 1;
      const part = (x: Float32Array) => x.slice(start, start + ids.length - promptLength);
      read[i] = {
        ids: ids.slice(promptLength),
        logps: part(found.logps),
        refLogps: part(found.refLogps),
        kl: part(found.kl),
        reverseKl: part(found.reverseKl),
      };
    });
    batch.tokenValues = { refLogps: found.refLogps };
    await turn();
  }
  const tokens = read.reduce((sum, { ids }) => sum + ids.length, 0);

  const gradient = async (lossOf: (batch: Batch) => LossFn, request: Omit<StepRequest, 'scale'>) => {
    policy.clearGradients();
    try {
      for (const { batch } of parts) {
        const { sums, metrics } = await policy.step(batch, lossOf(batch), { ...request, scale: { loss: 1 / tokens } });
        await policy.read({ ...sums, ...metrics });
        await turn();
      }
      return await policy.readGradients();
    } finally {
      policy.clearGradients();
    }
  };
  const exact = await gradient(exactLoss, {
    want: ['divergences'],
    options: { distill: { teacher: reference, beta: 1, temperature: 1 } },
  });
  if (tensor !== undefined && !Object.hasOwn(exact, tensor))
    throw new ConfigError(`The model trains no tensor "${tensor}". Known: ${Object.keys(exact).join(', ')}.`, {
      where: 'tensor',
    });
  const estimators = {} as KlLabResult['estimators'];
  for (const id of IDS) {
    const asLoss = await gradient((batch) => estimatorLoss(id, batch, 'loss'), { want: ['logps'] });
    const asReward = await gradient((batch) => estimatorLoss(id, batch, 'reward'), { want: ['logps'] });
    const value = (row: KlLabRow, t: number) => klEstimators[id].of(numbers, row.logps[t]! - row.refLogps[t]!);
    const own = meanOver(read, value);
    const variance = meanOver(read, (row, t) => (value(row, t) - own.mean) ** 2).mean;
    estimators[id] = {
      ...own,
      std: Math.sqrt(variance),
      bias: meanOver(read, (row, t) => value(row, t) - row.kl[t]!),
      asLoss: compareGradients(asLoss, exact, tensor),
      asReward: compareGradients(asReward, exact, tensor),
    };
  }
  return {
    rows: read,
    tokens,
    exact: {
      kl: meanOver(read, (row, t) => row.kl[t]!),
      reverseKl: meanOver(read, (row, t) => row.reverseKl[t]!),
      gradientNorm: compareGradients(exact, exact, tensor).norm,
    },
    estimators,
    gradientOf: tensor ?? 'all',
    tensors: Object.keys(exact),
  };
}

function meanOver(rows: readonly KlLabRow[], value: (row: KlLabRow, t: number) => number): KlLabEstimate {
  const sums = rows.map((row) => row.ids.reduce((sum, _, t) => sum + value(row, t), 0));
  return clusteredMean(
    sums,
    rows.map(({ ids }) => ids.length),
  );
}

function batchOf(rows: readonly KlLabInput[], { config, adapters }: ModelEngine): Batch {
  const tokens = rows.map(({ ids, promptLength }) => ({ ids, mask: new Uint8Array(ids.length).fill(1, promptLength) }));
  const buckets = bucketsUpTo(config.max_position_embeddings);
  return collate(tokens, { buckets, route: adapters.length > 0 ? 0 : -1 });
}

/** Predictions whose logits of both models are on the device at once. */
export const CHUNK = 256;
type Read = Record<keyof ExactRows, Float32Array>;
/** Each [B·T]; 0 where nothing is predicted. */
async function readBatch(policy: ModelEngine, reference: ModelEngine, batch: Batch): Promise<Read> {
  const places = Array.from(batch.mask.keys()).filter((n) => batch.mask[n] !== 0);
  const empty = () => new Float32Array(batch.mask.length);
  const out: Read = { logps: empty(), refLogps: empty(), kl: empty(), reverseKl: empty() };
  const plain = { ...batch, rowAdapter: new Int32Array(batch.B).fill(-1) };
  const hidden: tf.Tensor2D[] = [];
  try {
    for (const [engine, read] of [[policy, batch], [reference, plain]] as const) hidden.push(await hiddenOf(engine, read)); // biome-ignore format: two models
    const [own, other] = hidden as [tf.Tensor2D, tf.Tensor2D];
    for (let at = 0; at < places.length; at += CHUNK) {
      const chunk = places.slice(at, at + CHUNK);
      const found = tf.tidy(() => {
        const index = tf.tensor1d(chunk, 'int32');
        const logits = (hidden: tf.Tensor2D, { transposed }: ReturnType<ModelEngine['tensors']>) =>
          tf.matMul(tf.gather(hidden, index), transposed.head) as tf.Tensor2D;
        const targets = tf.tensor1d(
          chunk.map((n) => batch.targets[n]!),
          'int32',
        );
        const exact = exactRows(logits(own, policy.tensors()), logits(other, reference.tensors()), targets);
        return exact as unknown as tf.TensorContainerObject;
      }) as unknown as ExactRows;
      try {
        for (const name of Object.keys(out) as (keyof Read)[]) {
          const values = await found[name].data();
          chunk.forEach((n, i) => {
            out[name][n] = values[i]!;
          });
        }
      } finally {
        tf.dispose(Object.values(found));
      }
    }
  } finally {
    tf.dispose(hidden);
  }
  return out;
}
/** [B·T, D] */
async function hiddenOf(engine: ModelEngine, batch: Batch): Promise<tf.Tensor2D> {
  const { hidden, mask, targets } = await engine.evaluate(batch, { want: ['hidden'] });
  const flat = tf.tidy(() => tf.reshape(hidden!, [batch.B * batch.T, -1]) as tf.Tensor2D);
  tf.dispose([hidden!, mask, targets]);
  return flat;
}

/** Σ over tokens of the KL itself. */
const exactLoss =
  ({ mask }: Batch): LossFn =>
  (outputs) => ({
    sums: { loss: tf.sum(tf.mul(outputs.divergences!, outputs.mask)) },
    counts: { loss: mask.length },
    metrics: {},
  });

/**
 * What an estimator is to a training step: `loss`: Σ k(d) itself. `reward`: Σ k(d) · log π with k held still, which is what −k as a
 * reward comes to under policy gradient, with the sign of a loss.
 */
function estimatorLoss(id: KlEstimatorId, batch: Batch, as: 'loss' | 'reward'): LossFn {
  const { B, T, mask, tokenValues } = batch;
  return ({ logps, mask: onDevice }) => {
    const d = tf.sub(logps!, tf.tensor2d(tokenValues!.refLogps!, [B, T]));
    const estimate = klEstimators[id].of<tf.Tensor>(tensors, d);
    const perToken = as === 'loss' ? estimate : tf.mul(detach(estimate), logps!);
    return {
      sums: { loss: tf.sum(tf.mul(perToken, onDevice)) },
      counts: { loss: mask.length },
      metrics: {},
    };
  };
}

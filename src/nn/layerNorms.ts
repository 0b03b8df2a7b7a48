// How large each token's vectors are on the way through a model: Euclidean norms of what stands between the parts of a forward
// pass, from the recorded engine's named intermediates or from what the tfjs engine saves. Both give the same numbers.
import * as tf from '@tensorflow/tfjs-core';
import { DataError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { LayerNorms } from '../protocol/requests';
import { batchTensors, forward } from './llama';
import { RecordedEngine } from './recorded/engine';
import type { ModelEngine } from './seam';

/** Rows are read at lengths of these steps, so that few shapes are recorded. */
const STEP = 64;

/** Throws DataError for an empty row or one beyond the context. */
export async function layerNorms(engine: ModelEngine, ids: ArrayLike<number>): Promise<LayerNorms> {
  const { num_hidden_layers: layers, max_position_embeddings: context } = engine.config;
  const tokens = ids.length;
  if (tokens === 0 || tokens > context)
    throw new DataError(`A row of 1 to ${context} tokens can be looked into, this one has ${tokens}.`);
  const T = Math.min(context, Math.ceil(tokens / STEP) * STEP);
  const batch: Batch = {
    B: 1,
    T,
    ids: Int32Array.from({ length: T }, (_, t) => (t < tokens ? ids[t]! : 0)),
    positions: Int32Array.from({ length: T }, (_, t) => (t < tokens ? t : 0)),
    segmentIds: Int32Array.from({ length: T }, (_, t) => (t < tokens ? 1 : 0)),
    targets: new Int32Array(T),
    mask: new Float32Array(T),
    rowAdapter: new Int32Array([engine.activeRoute]),
  };
  const found = engine instanceof RecordedEngine ? await ofRecorded(engine, batch) : await ofTf(engine, batch);
  const rows = (name: (i: number) => string, count: number) =>
    Array.from({ length: count }, (_, i) => found[name(i)]!.slice(0, tokens));
  return {
    tokens,
    hidden_states: rows((i) => `hidden_states.${i}`, layers + 1),
    qkv: rows((i) => `layers.${i}.qkv`, layers),
    attention: rows((i) => `layers.${i}.attention`, layers),
    gate_up: rows((i) => `layers.${i}.gate_up`, layers),
  };
}

async function ofRecorded(engine: RecordedEngine, batch: Batch): Promise<Record<string, Float32Array>> {
  const all = await engine.intermediates(batch);
  const norms = ({ shape, data }: { shape: number[]; data: Float32Array }) => {
    const width = shape[2]!;
    return Float32Array.from({ length: batch.T }, (_, t) =>
      Math.sqrt(data.subarray(t * width, (t + 1) * width).reduce((sum, v) => sum + v * v, 0)),
    );
  };
  return Object.fromEntries(Object.entries(all).map(([name, x]) => [name, norms(x)]));
}

async function ofTf(engine: ModelEngine, batch: Batch): Promise<Record<string, Float32Array>> {
  const { config } = engine;
  const { hidden_size: D, rms_norm_eps: eps } = config;
  const { weights, transposed, adapters } = engine.tensors();
  const found = tf.tidy(() => {
    const t = batchTensors(batch, config);
    const pass = adapters?.(batch.rowAdapter, batch.T);
    const { layers, finalNorm } = forward(weights, transposed, t, config, true, pass).saved!;
    const out: Record<string, tf.Tensor> = {};
    // RMSNorm's rstd is 1/√(|x|²/D + eps): what stood before it was not kept, and need not be.
    const before = (rstd: tf.Tensor) => tf.sqrt(tf.mul(tf.sub(tf.pow(rstd, -2), eps), D));
    const squares = (x: tf.Tensor, axes: number[]) => tf.sum(tf.mul(x, x), axes);
    /** x [B·n, G·T, hd] → Σ x² of each token. */
    const heads = (x: tf.Tensor3D) => squares(tf.reshape(x, [-1, batch.T, config.head_dim]), [0, 2]);
    layers.forEach(({ norm1, q, k, v, o, gate, up }, i) => {
      out[`hidden_states.${i}`] = before(norm1.rstd);
      out[`layers.${i}.qkv`] = tf.sqrt(tf.addN([heads(q), heads(k), heads(v)]));
      out[`layers.${i}.attention`] = tf.sqrt(squares(o, [1]));
      out[`layers.${i}.gate_up`] = tf.sqrt(tf.add(squares(gate, [1]), squares(up, [1])));
    });
    out[`hidden_states.${layers.length}`] = before(finalNorm.rstd);
    return out;
  });
  const read = await Promise.all(
    Object.entries(found).map(async ([name, x]) => [name, (await x.data()) as Float32Array] as const),
  );
  tf.dispose(found);
  return Object.fromEntries(read);
}

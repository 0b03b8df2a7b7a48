// Batched decoding with a key/value cache in tf ops. Prompts are padded on the left, so that every row writes the same
// cache slot; positions still count from each prompt's first token. One readback a token: the logits.
import * as tf from '@tensorflow/tfjs-core';
import { wasmWriteSlot } from '../gpu/wasm';
import { CancelledError, ConfigError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import { checkRoutes } from './engineChecks';
import {
  batchTensors,
  forward,
  type LayerKv,
  type LinearKey,
  layerName,
  linearPath,
  rmsNorm,
  rope,
  ropeTables,
  rotationMatrices,
  w1,
  w2,
} from './llama';
import { batchMatMul } from './products';
import { checkAllowed, checkChoice, DECODED_TOGETHER, emptyRow, newTokens, sampleToken } from './sampling';
import type { GeneratedRow, GenerateRequest, ModelEngine } from './seam';

export type { GeneratedRow, GenerateRequest } from './seam';

/** Cache lengths come in steps, so that WebGPU's buffer sizes repeat. */
export const SLOT_STEP = 64;

/** Completions in the order of the prompts. Throws ConfigError when a prompt leaves no room in the context. */
export async function generate(engine: ModelEngine, request: GenerateRequest): Promise<GeneratedRow[]> {
  const { prompts, sampling, maxBatch = DECODED_TOGETHER } = request;
  const context = engine.config.max_position_embeddings;
  prompts.forEach((p, i) => {
    if (p.length === 0) throw new ConfigError(`Prompt ${i + 1} is empty: give the model at least one token.`);
    if (p.length >= context)
      throw new ConfigError(`Prompt ${i + 1} has ${p.length} tokens; the context is ${context}. Shorten it.`);
  });
  if (sampling.temperature < 0) throw new ConfigError(`temperature must be 0 or more, got ${sampling.temperature}`);
  if (engine.generate) return engine.generate(request);
  const routes = request.rowAdapter ?? new Int32Array(prompts.length).fill(engine.activeRoute);
  checkRoutes(routes, engine.tensors().routes);
  const out: GeneratedRow[] = prompts.map(emptyRow);
  // Like lengths together: less padding.
  const order = prompts.map((_, i) => i).sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
  for (let start = 0; start < order.length; start += maxBatch)
    await decodeBatch(engine, { ...request, rowAdapter: routes }, order.slice(start, start + maxBatch), out);
  return out;
}

interface Decoding {
  /** Index of each batch row in the request. */
  rows: number[];
  routes: number[];
  /** Left padding of each row. */
  pads: number[];
  isDone: boolean[];
  cache: LayerKv[];
  slots: number;
}

async function decodeBatch(
  engine: ModelEngine,
  request: GenerateRequest & { rowAdapter: ArrayLike<number> },
  rows: number[],
  out: GeneratedRow[],
): Promise<void> {
  const { prompts, sampling, signal, onToken, yieldToOthers } = request;
  const { config } = engine;
  const V = config.vocab_size;
  const longest = Math.max(...rows.map((i) => prompts[i]!.length));
  const width = Math.min(Math.ceil(longest / 16) * 16, config.max_position_embeddings);
  const limits = new Map(rows.map((i) => [i, newTokens(prompts[i]!.length, sampling, config)]));
  const budget = Math.max(...limits.values());
  const slots = Math.ceil((width + budget) / SLOT_STEP) * SLOT_STEP;
  const stop = new Set(request.stopIds);
  const given = rows.map((i) => prompts[i]!);
  const routes = rows.map((i) => request.rowAdapter[i]!);
  const first = prefill(engine, given, routes, width, slots);
  let logits = first.logits;
  let state: Decoding = {
    rows,
    routes,
    pads: given.map((p) => width - p.length),
    isDone: rows.map(() => false),
    cache: first.cache,
    slots,
  };
  try {
    for (let t = 0; t < budget; t++) {
      const values = (await logits.data()) as Float32Array;
      logits.dispose();
      let ids = state.rows.map((row, b) => {
        if (state.isDone[b]) return 0; // decodes on unseen until its row is dropped
        const position = prompts[row]!.length + t;
        const result = out[row]!;
        const allowed = checkAllowed(request.allowed?.(row, result.ids), row, V);
        const choice = sampleToken(values.subarray(b * V, (b + 1) * V), sampling, row, position, allowed);
        checkChoice(choice, row, V);
        const { id } = choice;
        result.ids.push(id);
        result.logps.push(choice.logp);
        result.samplingLogps.push(choice.samplingLogp);
        result.entropies.push(choice.entropy);
        onToken?.(row, id);
        if (stop.has(id)) result.terminated = true;
        state.isDone[b] = result.terminated || t + 1 >= limits.get(row)!;
        return id;
      });
      const alive = state.isDone.flatMap((isDone, b) => (isDone ? [] : [b]));
      if (!alive.length || t + 1 === budget) break;
      if (signal?.aborted) throw new CancelledError('Generation was stopped.', { cause: signal.reason });
      await yieldToOthers?.();
      // Gathering the cache costs about a token, so ended rows leave once they are a quarter.
      if (alive.length <= state.rows.length * 0.75) {
        state = keepRows(state, alive);
        ids = alive.map((b) => ids[b]!);
      }
      logits = decodeStep(engine, state, ids, width + t);
    }
  } finally {
    tf.dispose([logits, state.cache as unknown as tf.TensorContainer]);
  }
}

/** Runs the prompts, left-padded to `width`; logits [B,V] of their last tokens and a cache of `slots` slots. */
function prefill(engine: ModelEngine, prompts: ArrayLike<number>[], routes: number[], width: number, slots: number) {
  const B = prompts.length;
  const batch: Batch = {
    B,
    T: width,
    ids: new Int32Array(B * width),
    positions: new Int32Array(B * width),
    segmentIds: new Int32Array(B * width),
    targets: new Int32Array(B * width),
    mask: new Float32Array(B * width),
    rowAdapter: Int32Array.from(routes),
  };
  prompts.forEach((prompt, b) => {
    const pad = width - prompt.length;
    for (let i = 0; i < prompt.length; i++) {
      const n = b * width + pad + i;
      batch.ids[n] = prompt[i]!;
      batch.positions[n] = i;
      batch.segmentIds[n] = 1;
    }
  });
  const { weights, transposed, adapters } = engine.tensors();
  return tf.tidy(() => {
    const t = batchTensors(batch, engine.config);
    const { hidden, kv } = forward(weights, transposed, t, engine.config, 'kv', adapters?.(routes, width));
    const last = tf.tensor1d(
      Int32Array.from({ length: B }, (_, b) => (b + 1) * width - 1),
      'int32',
    );
    const logits = tf.matMul(tf.gather(hidden, last) as tf.Tensor2D, transposed.head);
    const grow = (x: tf.Tensor3D) => tf.pad3d(x, [[0, 0], [0, slots - width], [0, 0]]); // biome-ignore format: one line
    return { logits, cache: kv!.map(({ k, v }) => ({ k: grow(k), v: grow(v) })) };
  });
}

function keepRows(state: Decoding, alive: number[]): Decoding {
  const B = state.rows.length;
  const cache = tf.tidy(() => {
    const index = tf.tensor1d(Int32Array.from(alive), 'int32');
    const pick = (x: tf.Tensor3D) => {
      const [G, T, W] = x.shape;
      const byRow = tf.reshape(x, [B, (G / B) * T * W]);
      return tf.reshape(tf.gather(byRow, index), [(G / B) * alive.length, T, W]) as tf.Tensor3D;
    };
    return state.cache.map(({ k, v }) => ({ k: pick(k), v: pick(v) }));
  });
  tf.dispose(state.cache as unknown as tf.TensorContainer);
  const at = <T>(list: T[]) => alive.map((b) => list[b]!);
  return {
    ...state,
    rows: at(state.rows),
    routes: at(state.routes),
    pads: at(state.pads),
    isDone: at(state.isDone),
    cache,
  };
}

/** Writes x [G,W] to cache[:, slot, :]. On WASM in place; elsewhere as a new tensor, with the old one disposed. */
function writeSlot(cache: tf.Tensor3D, x: tf.Tensor2D, slot: number): tf.Tensor3D {
  if (tf.getBackend() === 'wasm') {
    wasmWriteSlot(cache, x, slot);
    return cache;
  }
  const next = tf.tidy(() => {
    const at = tf.reshape(tf.oneHot(tf.tensor1d([slot], 'int32'), cache.shape[1]), [1, cache.shape[1], 1]);
    return tf.where(tf.broadcastTo(tf.cast(at, 'bool'), cache.shape), tf.expandDims(x, 1), cache) as tf.Tensor3D;
  });
  cache.dispose();
  return next;
}

/** One token for every row, written to `slot`. Returns logits [B,V]. */
function decodeStep(engine: ModelEngine, state: Decoding, ids: number[], slot: number): tf.Tensor2D {
  const { config } = engine;
  const { weights: w, transposed, adapters } = engine.tensors();
  const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd, rms_norm_eps: eps } = config;
  const G = H / Hk;
  const B = ids.length;
  const S = state.slots;
  const bias = new Float32Array(B * S).fill(-1e9);
  state.pads.forEach((pad, b) => {
    bias.fill(0, b * S + pad, b * S + slot + 1);
  });
  const shared = tf.tidy(() => ({
    bias: tf.tensor3d(bias, [B, 1, S]),
    rotateHalf: rotationMatrices(hd).rotateHalf,
    ...ropeTables(
      state.pads.map((pad) => slot - pad),
      B,
      1,
      config,
    ),
  }));
  let x = tf.tidy(
    () => tf.gather(w2(w, 'model.embed_tokens.weight'), tf.tensor1d(Int32Array.from(ids), 'int32')) as tf.Tensor2D,
  );
  const pass = adapters?.(state.routes, 1);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const wl = transposed.layers[i]!;
    const linear = (key: LinearKey, x: tf.Tensor2D): tf.Tensor2D =>
      pass ? pass.forward(linearPath(i, key), x, wl[key]).y : tf.matMul(x, wl[key]);
    const cache = state.cache[i]!;
    const { q, k, v } = tf.tidy(() => {
      const h = rmsNorm(x, w1(w, layerName(i, 'input_layernorm')), eps).y;
      const heads = (y: tf.Tensor2D, n: number) => tf.reshape(y, [B, n, 1, hd]) as tf.Tensor4D;
      return {
        q: tf.reshape(rope(heads(linear('q', h), H), shared), [B * Hk, G, hd]) as tf.Tensor3D,
        k: tf.reshape(rope(heads(linear('k', h), Hk), shared), [B * Hk, hd]) as tf.Tensor2D,
        v: tf.reshape(linear('v', h), [B * Hk, hd]) as tf.Tensor2D,
      };
    });
    cache.k = writeSlot(cache.k, k, slot);
    cache.v = writeSlot(cache.v, v, slot);
    const next = tf.tidy(() => {
      // Keys times queries, not the other way: the cache is never transposed.
      const scores = batchMatMul(cache.k, tf.transpose(tf.mul<tf.Tensor3D>(q, 1 / Math.sqrt(hd)), [0, 2, 1])); // [B·Hk, S, G]
      const masked = tf.add(tf.reshape(tf.transpose(scores, [0, 2, 1]), [B, H, S]), shared.bias);
      const p = tf.reshape(tf.softmax(masked), [B * Hk, G, S]) as tf.Tensor3D;
      const o = tf.reshape(batchMatMul(p, cache.v), [B, H * hd]) as tf.Tensor2D;
      const mid = tf.add<tf.Tensor2D>(x, linear('o', o));
      const h = rmsNorm(mid, w1(w, layerName(i, 'post_attention_layernorm')), eps).y;
      const gate = linear('gate', h);
      const act = tf.mul<tf.Tensor2D>(tf.mul(gate, tf.sigmoid(gate)), linear('up', h));
      return tf.add<tf.Tensor2D>(mid, linear('down', act));
    });
    tf.dispose([x, q, k, v]);
    x = next;
  }
  const logits: tf.Tensor2D = tf.tidy(() => tf.matMul(rmsNorm(x, w1(w, 'model.norm.weight'), eps).y, transposed.head));
  tf.dispose([x, shared as unknown as tf.TensorContainer]);
  pass?.dispose();
  return logits;
}

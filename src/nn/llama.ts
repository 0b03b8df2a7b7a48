// The Llama forward and backward pass as plain tfjs ops, gradients written by hand: RMSNorm, RoPE (rotate-half), SwiGLU,
// grouped-query attention, optional tied embeddings. Same maths as transformers' modeling_llama.py, in f32.
//
// Why not the tape: it keeps every intermediate, uses float-atomic gradients for gather (not reproducible, absent on
// WASM) and transposed matmuls, which are ten times slower on WASM. Here every matmul is NN on materialised transposes.
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';
import type { LoraPass, LoraSaved } from './loraOps';
import { batchMatMul, columnSums, matMulTN } from './products';
import { ropePeriods } from './rope';

export type Weights = Record<string, tf.Tensor2D | tf.Tensor1D>;

/** Per-batch constants: index tensors, RoPE tables, attention bias. Disposed with the batch. */
export interface BatchTensors {
  B: number;
  T: number;
  ids: tf.Tensor1D; // [N] i32
  cos: tf.Tensor4D; // [B,1,T,hd]
  sin: tf.Tensor4D;
  bias: tf.Tensor4D; // [B,1,T,T]: 0 where allowed, −1e9 where not
  /** x·rotateHalf = [−x₂, x₁] for x = [x₁, x₂]; and its transpose. [hd,hd] */
  rotateHalf: tf.Tensor2D;
  rotateHalfT: tf.Tensor2D;
}

/** cos and sin of the RoPE angles, halves duplicated as in transformers: [B,1,T,hd] each. */
export function ropeTables(positions: ArrayLike<number>, B: number, T: number, config: LlamaConfig) {
  const hd = config.head_dim;
  const half = hd / 2;
  const periods = ropePeriods(config);
  const cos = new Float32Array(B * T * hd);
  const sin = new Float32Array(B * T * hd);
  for (let n = 0; n < B * T; n++) {
    for (let i = 0; i < half; i++) {
      const angle = positions[n]! / periods[i]!;
      cos[n * hd + i] = cos[n * hd + half + i] = Math.cos(angle);
      sin[n * hd + i] = sin[n * hd + half + i] = Math.sin(angle);
    }
  }
  return { cos: tf.tensor4d(cos, [B, 1, T, hd]), sin: tf.tensor4d(sin, [B, 1, T, hd]) };
}

export function rotationMatrices(hd: number): { rotateHalf: tf.Tensor2D; rotateHalfT: tf.Tensor2D } {
  const half = hd / 2;
  const R = new Float32Array(hd * hd);
  for (let i = 0; i < half; i++) {
    R[(half + i) * hd + i] = -1;
    R[i * hd + half + i] = 1;
  }
  const rotateHalf = tf.tensor2d(R, [hd, hd]);
  return { rotateHalf, rotateHalfT: tf.transpose(rotateHalf) };
}

export function batchTensors(batch: Batch, config: LlamaConfig): BatchTensors {
  const { B, T, segmentIds } = batch;
  const bias = new Float32Array(B * T * T);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++) {
      const segment = segmentIds[b * T + t]!;
      // A padding position sees only itself, so that its softmax is defined; nothing reads its result.
      for (let s = 0; s < T; s++) {
        const allowed = s <= t && (s === t || (segment !== 0 && segmentIds[b * T + s] === segment));
        bias[(b * T + t) * T + s] = allowed ? 0 : -1e9;
      }
    }
  return {
    B,
    T,
    ids: tf.tensor1d(batch.ids, 'int32'),
    ...ropeTables(batch.positions, B, T, config),
    bias: tf.tensor4d(bias, [B, 1, T, T]),
    ...rotationMatrices(config.head_dim),
  };
}

/** x [..., hd] · R: R [hd,hd] swaps the halves with a sign, and a small matmul beats split + concat on WASM. */
const rotate = (x: tf.Tensor4D, R: tf.Tensor2D): tf.Tensor4D => {
  const hd = x.shape[3];
  return tf.reshape(tf.matMul(tf.reshape(x, [-1, hd]) as tf.Tensor2D, R), x.shape);
};
export const rope = (x: tf.Tensor4D, t: Pick<BatchTensors, 'cos' | 'sin' | 'rotateHalf'>): tf.Tensor4D =>
  tf.add<tf.Tensor4D>(tf.mul(x, t.cos), tf.mul(rotate(x, t.rotateHalf), t.sin));
const ropeBack = (dy: tf.Tensor4D, t: BatchTensors): tf.Tensor4D =>
  tf.add<tf.Tensor4D>(tf.mul(dy, t.cos), rotate(tf.mul(dy, t.sin), t.rotateHalfT));

interface Norm {
  y: tf.Tensor2D;
  xhat: tf.Tensor2D;
  rstd: tf.Tensor2D;
}
export function rmsNorm(x: tf.Tensor2D, gamma: tf.Tensor1D, eps: number): Norm {
  const rstd = tf.rsqrt(tf.add<tf.Tensor2D>(tf.mean<tf.Tensor2D>(tf.mul(x, x), 1, true), eps));
  const xhat = tf.mul<tf.Tensor2D>(x, rstd);
  return { y: tf.mul<tf.Tensor2D>(xhat, gamma), xhat, rstd };
}
/** dx = rstd · (dx̂ − x̂ · mean(dx̂∘x̂)), dγ = Σ_n dy∘x̂ where the norm is trained. */
function rmsNormBack(
  dy: tf.Tensor2D,
  { xhat, rstd }: Norm,
  gamma: tf.Tensor1D,
  isTrained: boolean,
): { dx: tf.Tensor2D; dGamma?: tf.Tensor1D } {
  const dxhat = tf.mul<tf.Tensor2D>(dy, gamma);
  const dot = tf.mean<tf.Tensor2D>(tf.mul(dxhat, xhat), 1, true);
  return {
    dx: tf.mul<tf.Tensor2D>(rstd, tf.sub(dxhat, tf.mul(xhat, dot))),
    ...(isTrained && { dGamma: columnSums(tf.mul<tf.Tensor2D>(dy, xhat)) }),
  };
}

interface Saved {
  norm1: Norm;
  q: tf.Tensor3D; // [B·Hk, G·T, hd] after RoPE
  k: tf.Tensor3D; // [B·Hk, T, hd] after RoPE
  v: tf.Tensor3D;
  p: tf.Tensor3D; // [B·Hk, G·T, T]
  o: tf.Tensor2D; // [N, H·hd]
  norm2: Norm;
  gate: tf.Tensor2D;
  up: tf.Tensor2D;
  act: tf.Tensor2D; // silu(gate)·up
  /** Of the linear layers that have adapters. */
  lora: Partial<Record<LinearKey, LoraSaved>>;
}

/** Transposed copies of the weights, made once per weight update. */
export interface Transposed {
  layers: Record<LinearKey, tf.Tensor2D>[];
  head: tf.Tensor2D; // [D,V]
}

const LINEARS = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
} as const;
export type LinearKey = keyof typeof LINEARS;
/** PEFT's path of a linear layer. */
export const linearPath = (i: number, key: LinearKey) => `model.layers.${i}.${LINEARS[key]}`;

export const layerName = (i: number, suffix: string) => `model.layers.${i}.${suffix}.weight`;
export const w2 = (w: Weights, name: string) => w[name] as tf.Tensor2D;
export const w1 = (w: Weights, name: string) => w[name] as tf.Tensor1D;
export const headName = (config: LlamaConfig) =>
  config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';

export function transposeWeights(w: Weights, config: LlamaConfig): Transposed {
  const layers = Array.from(
    { length: config.num_hidden_layers },
    (_, i) =>
      Object.fromEntries(
        Object.entries(LINEARS).map(([key, suffix]) => [key, tf.transpose(w2(w, layerName(i, suffix)))]),
      ) as Transposed['layers'][number],
  );
  return { layers, head: tf.transpose(w2(w, headName(config))) };
}
export function disposeTransposed(t: Transposed): void {
  tf.dispose(t as unknown as tf.TensorContainer);
}

/** Keys (after RoPE) and values of a layer, [B·Hk, T, hd]. */
export interface LayerKv {
  k: tf.Tensor3D;
  v: tf.Tensor3D;
}
export interface Forward {
  hidden: tf.Tensor2D; // after the final norm, [N,D]
  kv?: LayerKv[];
  saved?: { layers: Saved[]; finalNorm: Norm };
}

/**
 * Runs the network. `save`: true keeps what the backward pass needs, 'kv' keeps keys and values for decoding.
 * `adapters`: the way of the rows through them. Call inside tf.tidy or dispose the result.
 */
export function forward(
  w: Weights,
  wt: Transposed,
  t: BatchTensors,
  config: LlamaConfig,
  save: boolean | 'kv',
  adapters?: LoraPass,
): Forward {
  const kv: LayerKv[] = [];
  const { B, T } = t;
  const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd, rms_norm_eps: eps } = config;
  const G = H / Hk;
  const N = B * T;
  let x = tf.gather(w2(w, 'model.embed_tokens.weight'), t.ids) as tf.Tensor2D; // [N,D]
  const layers: Saved[] = [];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const wl = wt.layers[i]!;
    const before = x;
    const run = () => {
      const lora: Saved['lora'] = {};
      const linear = (key: LinearKey, x: tf.Tensor2D): tf.Tensor2D => {
        if (!adapters) return tf.matMul(x, wl[key]);
        const { y, saved } = adapters.forward(linearPath(i, key), x, wl[key]);
        if (save === true && saved) lora[key] = saved;
        return y;
      };
      const norm1 = rmsNorm(before, w1(w, layerName(i, 'input_layernorm')), eps);
      const heads = (y: tf.Tensor2D, n: number) =>
        tf.transpose(tf.reshape(y, [B, T, n, hd]), [0, 2, 1, 3]) as tf.Tensor4D; // [B,n,T,hd]
      const q = tf.reshape(rope(heads(linear('q', norm1.y), H), t), [B * Hk, G * T, hd]) as tf.Tensor3D;
      const k = tf.reshape(rope(heads(linear('k', norm1.y), Hk), t), [B * Hk, T, hd]) as tf.Tensor3D;
      const v = tf.reshape(heads(linear('v', norm1.y), Hk), [B * Hk, T, hd]) as tf.Tensor3D;
      const scores = tf.mul(batchMatMul(q, tf.transpose(k, [0, 2, 1])), 1 / Math.sqrt(hd));
      const masked = tf.add(tf.reshape(scores, [B, H, T, T]), t.bias);
      const p = tf.reshape(tf.softmax(masked), [B * Hk, G * T, T]) as tf.Tensor3D;
      const oh = tf.reshape(batchMatMul(p, v), [B, H, T, hd]);
      const o = tf.reshape(tf.transpose(oh, [0, 2, 1, 3]), [N, H * hd]) as tf.Tensor2D;
      const mid = tf.add<tf.Tensor2D>(before, linear('o', o));
      const norm2 = rmsNorm(mid, w1(w, layerName(i, 'post_attention_layernorm')), eps);
      const gate = linear('gate', norm2.y);
      const up = linear('up', norm2.y);
      const act = tf.mul<tf.Tensor2D>(tf.mul(gate, tf.sigmoid(gate)), up);
      const next = tf.add<tf.Tensor2D>(mid, linear('down', act));
      if (save === 'kv') return { next, k, v };
      return save ? { next, norm1, q, k, v, p, o, norm2, gate, up, act, lora } : { next };
    };
    const out = tf.tidy(run as () => tf.TensorContainerObject) as unknown as { next: tf.Tensor2D } & Saved;
    before.dispose(); // backward needs x̂ and rstd only
    if (save === 'kv') kv.push({ k: out.k, v: out.v });
    else if (save) layers.push(out);
    x = out.next;
  }
  const finalNorm = tf.tidy(
    () => rmsNorm(x, w1(w, 'model.norm.weight'), eps) as unknown as tf.TensorContainer,
  ) as unknown as Norm;
  x.dispose();
  if (save === true) return { hidden: finalNorm.y, saved: { layers, finalNorm } };
  tf.dispose([finalNorm.xhat, finalNorm.rstd]);
  return { hidden: finalNorm.y, ...(save === 'kv' ? { kv } : {}) };
}

/**
 * Backpropagates dHidden [N,D] (cotangent of the final norm's output). Returns gradients under HF names; the head's
 * gradient is the caller's, and is added to the embedding's when they are tied. Disposes what forward saved. With `adapters`
 * the base is frozen: gradients are the adapters' alone.
 */
export function backward(
  w: Weights,
  t: BatchTensors,
  config: LlamaConfig,
  saved: NonNullable<Forward['saved']>,
  dHidden: tf.Tensor2D,
  adapters?: LoraPass,
): Record<string, tf.Tensor> {
  const { B, T } = t;
  const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
  const G = H / Hk;
  const N = B * T;
  const grads: Record<string, tf.Tensor> = {};
  let dx: tf.Tensor2D;
  {
    const r = tf.tidy(() => rmsNormBack(dHidden, saved.finalNorm, w1(w, 'model.norm.weight'), !adapters));
    if (r.dGamma) grads['model.norm.weight'] = r.dGamma;
    dx = r.dx;
  }
  for (let i = config.num_hidden_layers - 1; i >= 0; i--) {
    const s = saved.layers[i]!;
    const name = (suffix: string) => layerName(i, suffix);
    const dNext = dx;
    const isLast = i === 0;
    const out = tf.tidy(() => {
      const gradients: Record<string, tf.Tensor> = {};
      /** From the gradient of a layer's output to that of its input; on the way the gradients of what is trained there. */
      const linear = (key: LinearKey, x: tf.Tensor2D, dy: tf.Tensor2D, wantsInput = true): tf.Tensor2D | undefined => {
        const weight = name(LINEARS[key]);
        if (!adapters) {
          gradients[weight] = matMulTN(dy, x);
          return tf.matMul<tf.Tensor2D>(dy, w2(w, weight));
        }
        const { dx, grads } = adapters.backward(linearPath(i, key), x, w2(w, weight), dy, s.lora[key], wantsInput);
        Object.assign(gradients, grads);
        return dx;
      };
      // MLP: next = mid + (silu(gate)·up)·downᵀ
      const dAct = linear('down', s.act, dNext)!;
      const sg = tf.sigmoid(s.gate);
      const silu = tf.mul(s.gate, sg);
      const dUp = tf.mul<tf.Tensor2D>(dAct, silu);
      const dGate = tf.mul<tf.Tensor2D>(tf.mul(dAct, s.up), tf.add(sg, tf.mul(silu, tf.sub(1, sg))));
      const dNorm2 = tf.add<tf.Tensor2D>(linear('gate', s.norm2.y, dGate)!, linear('up', s.norm2.y, dUp)!);
      const back2 = rmsNormBack(dNorm2, s.norm2, w1(w, name('post_attention_layernorm')), !adapters);
      if (back2.dGamma) gradients[name('post_attention_layernorm')] = back2.dGamma;
      const dMid = tf.add<tf.Tensor2D>(dNext, back2.dx);
      // Attention: mid = x + o·oᵀ
      const dO = linear('o', s.o, dMid)!;
      const dOh = tf.reshape(tf.transpose(tf.reshape(dO, [B, T, H, hd]), [0, 2, 1, 3]), [
        B * Hk,
        G * T,
        hd,
      ]) as tf.Tensor3D;
      const dP = batchMatMul(dOh, tf.transpose(s.v, [0, 2, 1]));
      const dV = batchMatMul(tf.transpose(s.p, [0, 2, 1]), dOh);
      const dS = tf.mul(tf.mul(s.p, tf.sub(dP, tf.sum(tf.mul(dP, s.p), 2, true))), 1 / Math.sqrt(hd)) as tf.Tensor3D;
      const dQ = tf.reshape(batchMatMul(dS, s.k), [B, H, T, hd]) as tf.Tensor4D;
      const dK = tf.reshape(batchMatMul(tf.transpose(dS, [0, 2, 1]), s.q), [B, Hk, T, hd]) as tf.Tensor4D;
      const flat = (y: tf.Tensor4D, n: number) => tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [N, n * hd]) as tf.Tensor2D;
      const outputs = { q: flat(ropeBack(dQ, t), H), k: flat(ropeBack(dK, t), Hk), v: flat(tf.reshape(dV, [B, Hk, T, hd]) as tf.Tensor4D, Hk) }; // biome-ignore format: three of a kind
      // Below the first layer nothing is trained when the base is frozen: the embedding is frozen too.
      const wantsInput = !(adapters && isLast);
      const inputs = (['q', 'k', 'v'] as const).map((key) => linear(key, s.norm1.y, outputs[key], wantsInput));
      if (!wantsInput) return { dx: tf.clone(dMid), ...gradients };
      const back1 = rmsNormBack(tf.addN(inputs as tf.Tensor2D[]) as tf.Tensor2D, s.norm1, w1(w, name('input_layernorm')), !adapters); // biome-ignore format: one call
      if (back1.dGamma) gradients[name('input_layernorm')] = back1.dGamma;
      return { dx: tf.add<tf.Tensor2D>(dMid, back1.dx), ...gradients };
    }) as Record<string, tf.Tensor>;
    dNext.dispose();
    tf.dispose(s as unknown as tf.TensorContainer);
    const { dx: next, ...rest } = out;
    dx = next as tf.Tensor2D;
    Object.assign(grads, rest);
  }
  const last = dx;
  if (!adapters)
    grads['model.embed_tokens.weight'] = tf.tidy(() => {
      const V = config.vocab_size;
      return matMulTN(tf.cast(tf.oneHot(t.ids, V), 'float32') as tf.Tensor2D, last);
    });
  tf.dispose([last, saved.finalNorm.xhat, saved.finalNorm.rstd]);
  return grads;
}

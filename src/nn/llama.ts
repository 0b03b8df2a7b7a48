// The Llama forward and backward pass as plain tfjs ops, gradients written by hand: RMSNorm, RoPE (rotate-half), SwiGLU,
// grouped-query attention, optional tied embeddings. Same maths as transformers' modeling_llama.py, in f32.
//
// Why not the tape: it keeps every intermediate, uses float-atomic gradients for gather (not reproducible, absent on
// WASM) and transposed matmuls, which are ten times slower on WASM. Here every matmul is NN on materialised transposes.
import * as tf from '@tensorflow/tfjs-core';
import { wasmBatchMatMul } from '../gpu/wasm';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';

export type Weights = Record<string, tf.Tensor2D | tf.Tensor1D>;

/** From this K on tfjs-webgpu splits K with float atomics, so the sum is taken in slices of MAX_K. */
const SPLIT_K = 2000;
const MAX_K = 1024;

/** aᵀ·b for a [N,P], b [N,Q] → [P,Q], reproducible on every backend. Transposes the narrower side: transposes are slow. */
export function matMulTN(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (a.shape[1] > b.shape[1]) return tf.tidy(() => tf.transpose(matMulTN(b, a)));
  return tf.tidy(() => {
    const n = a.shape[0];
    if (n < SPLIT_K || tf.getBackend() !== 'webgpu') return tf.matMul(tf.transpose(a), b);
    let sum: tf.Tensor2D | undefined;
    for (let start = 0; start < n; start += MAX_K) {
      const size = Math.min(MAX_K, n - start);
      const part: tf.Tensor2D = tf.matMul(
        tf.transpose(tf.slice(a, [start, 0], [size, -1])),
        tf.slice(b, [start, 0], [size, -1]),
      );
      sum = sum ? tf.add<tf.Tensor2D>(sum, part) : part;
    }
    return sum!;
  });
}

/** a [G,M,K] · b [G,K,N] → [G,M,N]. */
export function batchMatMul(a: tf.Tensor3D, b: tf.Tensor3D): tf.Tensor3D {
  return tf.getBackend() === 'wasm' ? wasmBatchMatMul(a, b) : tf.matMul(a, b);
}

/** Column sums of a [N,P] → [P], as a matmul with ones: tfjs-wasm reduces over axis 0 slowly. */
function columnSums(a: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => tf.reshape(matMulTN(tf.ones([a.shape[0], 1]), a), [a.shape[1]]));
}

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
  const cos = new Float32Array(B * T * hd);
  const sin = new Float32Array(B * T * hd);
  for (let n = 0; n < B * T; n++) {
    for (let i = 0; i < half; i++) {
      const angle = positions[n]! / config.rope_theta ** ((2 * i) / hd);
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
/** dx = rstd · (dx̂ − x̂ · mean(dx̂∘x̂)), dγ = Σ_n dy∘x̂. */
function rmsNormBack(dy: tf.Tensor2D, { xhat, rstd }: Norm, gamma: tf.Tensor1D) {
  const dxhat = tf.mul<tf.Tensor2D>(dy, gamma);
  const dot = tf.mean<tf.Tensor2D>(tf.mul(dxhat, xhat), 1, true);
  return {
    dx: tf.mul<tf.Tensor2D>(rstd, tf.sub(dxhat, tf.mul(xhat, dot))),
    dGamma: columnSums(tf.mul<tf.Tensor2D>(dy, xhat)),
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
}

/** Transposed copies of the weights, made once per weight update. */
export interface Transposed {
  layers: Record<keyof typeof LINEARS, tf.Tensor2D>[];
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
 * Call inside tf.tidy or dispose the result.
 */
export function forward(
  w: Weights,
  wt: Transposed,
  t: BatchTensors,
  config: LlamaConfig,
  save: boolean | 'kv',
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
      const norm1 = rmsNorm(before, w1(w, layerName(i, 'input_layernorm')), eps);
      const heads = (y: tf.Tensor2D, n: number) =>
        tf.transpose(tf.reshape(y, [B, T, n, hd]), [0, 2, 1, 3]) as tf.Tensor4D; // [B,n,T,hd]
      const q = tf.reshape(rope(heads(tf.matMul(norm1.y, wl.q), H), t), [B * Hk, G * T, hd]) as tf.Tensor3D;
      const k = tf.reshape(rope(heads(tf.matMul(norm1.y, wl.k), Hk), t), [B * Hk, T, hd]) as tf.Tensor3D;
      const v = tf.reshape(heads(tf.matMul(norm1.y, wl.v), Hk), [B * Hk, T, hd]) as tf.Tensor3D;
      const scores = tf.mul(batchMatMul(q, tf.transpose(k, [0, 2, 1])), 1 / Math.sqrt(hd));
      const masked = tf.add(tf.reshape(scores, [B, H, T, T]), t.bias);
      const p = tf.reshape(tf.softmax(masked), [B * Hk, G * T, T]) as tf.Tensor3D;
      const oh = tf.reshape(batchMatMul(p, v), [B, H, T, hd]);
      const o = tf.reshape(tf.transpose(oh, [0, 2, 1, 3]), [N, H * hd]) as tf.Tensor2D;
      const mid = tf.add<tf.Tensor2D>(before, tf.matMul(o, wl.o));
      const norm2 = rmsNorm(mid, w1(w, layerName(i, 'post_attention_layernorm')), eps);
      const gate = tf.matMul(norm2.y, wl.gate);
      const up = tf.matMul(norm2.y, wl.up);
      const act = tf.mul<tf.Tensor2D>(tf.mul(gate, tf.sigmoid(gate)), up);
      const next = tf.add<tf.Tensor2D>(mid, tf.matMul(act, wl.down));
      if (save === 'kv') return { next, k, v };
      return save ? { next, norm1, q, k, v, p, o, norm2, gate, up, act } : { next };
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
 * gradient is the caller's, and is added to the embedding's when they are tied. Disposes what forward saved.
 */
export function backward(
  w: Weights,
  t: BatchTensors,
  config: LlamaConfig,
  saved: NonNullable<Forward['saved']>,
  dHidden: tf.Tensor2D,
): Record<string, tf.Tensor> {
  const { B, T } = t;
  const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
  const G = H / Hk;
  const N = B * T;
  const grads: Record<string, tf.Tensor> = {};
  let dx: tf.Tensor2D;
  {
    const r = tf.tidy(() => rmsNormBack(dHidden, saved.finalNorm, w1(w, 'model.norm.weight')));
    grads['model.norm.weight'] = r.dGamma;
    dx = r.dx;
  }
  for (let i = config.num_hidden_layers - 1; i >= 0; i--) {
    const s = saved.layers[i]!;
    const name = (suffix: string) => layerName(i, suffix);
    const dNext = dx;
    const out = tf.tidy(() => {
      // MLP: next = mid + (silu(gate)·up)·downᵀ
      const dAct = tf.matMul(dNext, w2(w, name('mlp.down_proj')));
      const sg = tf.sigmoid(s.gate);
      const silu = tf.mul(s.gate, sg);
      const dUp = tf.mul(dAct, silu);
      const dGate = tf.mul(tf.mul(dAct, s.up), tf.add(sg, tf.mul(silu, tf.sub(1, sg))));
      const gGate = matMulTN(dGate as tf.Tensor2D, s.norm2.y);
      const gUp = matMulTN(dUp as tf.Tensor2D, s.norm2.y);
      const gDown = matMulTN(dNext, s.act);
      const dNorm2 = tf.add<tf.Tensor2D>(
        tf.matMul(dGate as tf.Tensor2D, w2(w, name('mlp.gate_proj'))),
        tf.matMul(dUp as tf.Tensor2D, w2(w, name('mlp.up_proj'))),
      );
      const back2 = rmsNormBack(dNorm2, s.norm2, w1(w, name('post_attention_layernorm')));
      const dMid = tf.add<tf.Tensor2D>(dNext, back2.dx);
      // Attention: mid = x + o·oᵀ
      const gO = matMulTN(dMid, s.o);
      const dO = tf.matMul(dMid, w2(w, name('self_attn.o_proj')));
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
      const dq = flat(ropeBack(dQ, t), H);
      const dk = flat(ropeBack(dK, t), Hk);
      const dv = flat(tf.reshape(dV, [B, Hk, T, hd]) as tf.Tensor4D, Hk);
      const [gQ, gK, gV] = [dq, dk, dv].map((x) => matMulTN(x, s.norm1.y));
      const dNorm1 = tf.addN([
        tf.matMul(dq, w2(w, name('self_attn.q_proj'))),
        tf.matMul(dk, w2(w, name('self_attn.k_proj'))),
        tf.matMul(dv, w2(w, name('self_attn.v_proj'))),
      ]) as tf.Tensor2D;
      const back1 = rmsNormBack(dNorm1, s.norm1, w1(w, name('input_layernorm')));
      return {
        dx: tf.add<tf.Tensor2D>(dMid, back1.dx),
        [name('mlp.gate_proj')]: gGate!,
        [name('mlp.up_proj')]: gUp!,
        [name('mlp.down_proj')]: gDown,
        [name('post_attention_layernorm')]: back2.dGamma,
        [name('self_attn.o_proj')]: gO,
        [name('self_attn.q_proj')]: gQ!,
        [name('self_attn.k_proj')]: gK!,
        [name('self_attn.v_proj')]: gV!,
        [name('input_layernorm')]: back1.dGamma,
      };
    }) as Record<string, tf.Tensor>;
    dNext.dispose();
    tf.dispose(s as unknown as tf.TensorContainer);
    const { dx: next, ...rest } = out;
    dx = next as tf.Tensor2D;
    Object.assign(grads, rest);
  }
  const last = dx;
  grads['model.embed_tokens.weight'] = tf.tidy(() => {
    const V = config.vocab_size;
    return matMulTN(tf.cast(tf.oneHot(t.ids, V), 'float32') as tf.Tensor2D, last);
  });
  tf.dispose([last, saved.finalNorm.xhat, saved.finalNorm.rstd]);
  return grads;
}

// What a training step of the tfjs engine takes at its peak: its own tensors, counted as engine.ts, llama.ts and head.ts make
// them. Known before anything is allocated; a test holds it to what tfjs reports.
import type { LlamaConfig } from '../protocol/model';
import { parameterCount } from './presets';

export interface TfMemory {
  /** Bytes of weights, their transposed copies, gradients, both moments and the mask of decay. */
  weights: number;
  /** Bytes of activations and gradients on the way, where they are most. */
  activations: number;
}

/** Floats of one layer and of the head for B rows of T tokens. */
function parts(c: LlamaConfig, B: number, T: number) {
  const N = B * T;
  return {
    N,
    ND: N * c.hidden_size,
    NI: N * c.intermediate_size,
    q: N * c.num_attention_heads * c.head_dim,
    kv: N * c.num_key_value_heads * c.head_dim,
    /** Attention weights of all heads. */
    p: B * c.num_attention_heads * T * T,
    logits: N * c.vocab_size,
    /** Attention bias, RoPE tables. */
    constants: B * T * T + 2 * N * c.head_dim,
  };
}

/** An SFT step that trains all weights on every token of B rows of T tokens, and the update after it. */
export function tfStepMemory(config: LlamaConfig, B: number, T: number): TfMemory {
  const P = parameterCount(config);
  const { ND, NI, q, kv, p, logits, constants } = parts(config, B, T);
  const saved = 4 * ND + 2 * q + 2 * kv + p + 3 * NI; // `Saved` in llama.ts
  const kept = config.num_hidden_layers * saved + 3 * ND + constants;
  const inHead = kept + 7 * logits + 3 * ND;
  // All that one layer's backward makes lives until its tidy ends.
  const inLayer = kept + 2 * logits + 9 * NI + 24 * ND + 8 * q + 9 * kv + 7 * p;
  const inEmbedding = constants + 4 * logits + 4 * ND; // one-hot ids, as integers and as floats
  const inUpdate = 13 * P; // AdamW in plain ops; activations are gone by then
  return { weights: 4 * 7 * P, activations: 4 * Math.max(inHead, inLayer, inEmbedding, inUpdate) };
}

/** A forward pass over B rows of T tokens with the losses of every token: a held-out batch. Bytes beside the weights. */
export function tfEvaluationBytes(config: LlamaConfig, B: number, T: number): number {
  const { ND, NI, q, kv, p, logits, constants } = parts(config, B, T);
  const inLayer = 14 * ND + 6 * NI + 8 * q + 9 * kv + 6 * p;
  return 4 * (constants + Math.max(inLayer, 3 * ND + 6 * logits));
}

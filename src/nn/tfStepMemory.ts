// What a training step of the tfjs engine takes at its peak: its own tensors, counted as engine.ts, llama.ts and head.ts make
// them. Known before anything is allocated; a test holds it to what tfjs reports.
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import { SLOT_STEP } from './generate';
import { loraParameterCount, targetModules } from './lora';
import { parameterCount } from './presets';
import type { LoraAdapter } from './seam';

export interface TfMemory {
  /** Bytes of weights, their transposed copies, gradients, both moments and the mask of decay. */
  weights: number;
  /** Bytes of activations and gradients on the way, where they are most. */
  activations: number;
}

/** Floats of one layer and of the head for B rows of T tokens. */
function parts(c: LlamaConfig, B: number, T: number, head: 'lm' | 'score' = 'lm') {
  const N = B * T;
  return {
    N,
    ND: N * c.hidden_size,
    NI: N * c.intermediate_size,
    q: N * c.num_attention_heads * c.head_dim,
    kv: N * c.num_key_value_heads * c.head_dim,
    /** Attention weights of all heads. */
    p: B * c.num_attention_heads * T * T,
    /** A reward model makes none; what it makes, N numbers, is little. */
    logits: head === 'lm' ? N * c.vocab_size : N,
    /** Attention bias, RoPE tables. */
    constants: B * T * T + 2 * N * c.head_dim,
  };
}

const rankOf = (config: LlamaConfig, lora: LoraConfig): number =>
  targetModules(config, lora).reduce((sum, { r }) => sum + r, 0);

/**
 * An SFT step on every token of B rows of T tokens, and the update after it; it trains all weights, or adapters beside a frozen
 * base.
 */
export function tfStepMemory(
  config: LlamaConfig,
  B: number,
  T: number,
  adapters: readonly LoraAdapter[] = [],
  head: 'lm' | 'score' = 'lm',
): TfMemory {
  const P = parameterCount(config) + (head === 'score' ? config.hidden_size : 0);
  const trained = adapters.reduce((sum, adapter) => sum + loraParameterCount(config, adapter.config), 0);
  const { N, ND, NI, q, kv, p, logits, constants } = parts(config, B, T, head);
  /** Rank columns of a layer, all its adapters together, for N tokens. */
  const low =
    (N * adapters.reduce((sum, { config: lora }) => sum + rankOf(config, lora), 0)) / config.num_hidden_layers;
  const saved = 4 * ND + 2 * q + 2 * kv + p + 3 * NI + low; // `Saved` in llama.ts
  const kept = config.num_hidden_layers * saved + 3 * ND + constants;
  const inHead = kept + 7 * logits + 3 * ND;
  // All that one layer's backward makes lives until its tidy ends.
  // Beside a frozen base each input's gradient has two terms and their sum.
  const terms = trained > 0 ? 2 * NI + 2 * q + 10 * ND + 4 * low : 0;
  const inLayer = kept + 2 * logits + 9 * NI + 24 * ND + 8 * q + 9 * kv + 7 * p + terms;
  const inEmbedding = constants + 4 * N * config.vocab_size + 4 * ND; // one-hot ids, as integers and as floats
  const inUpdate = 13 * (trained || P); // AdamW in plain ops; activations are gone by then
  // A frozen base has its weights and their transposes; of adapters both products' operands lie ready beside what AdamW keeps.
  const weights = trained > 0 ? 2 * P + 9 * trained : 7 * P;
  const most = trained > 0 ? Math.max(inHead, inLayer, inUpdate) : Math.max(inHead, inLayer, inEmbedding, inUpdate);
  return { weights: 4 * weights, activations: 4 * most };
}

/** A forward pass over B rows of T tokens with the losses of every token, or their scores: a held-out batch. Bytes beside the weights. */
export function tfEvaluationBytes(config: LlamaConfig, B: number, T: number, head: 'lm' | 'score' = 'lm'): number {
  const { ND, NI, q, kv, p, logits, constants } = parts(config, B, T, head);
  const inLayer = 14 * ND + 6 * NI + 8 * q + 9 * kv + 6 * p;
  return 4 * (constants + Math.max(inLayer, 3 * ND + 6 * logits));
}

/**
 * Answers to B prompts of T tokens, decoded together, of `newTokens` at most: bytes beside the weights, as generate.ts makes them. The
 * prompts' pass holds their keys and values once as read and once in the cache's length; later the cache is there twice while rows
 * that have ended leave it, a quarter at least.
 */
export function tfAnswerBytes(config: LlamaConfig, B: number, T: number, newTokens: number): number {
  const width = Math.min(Math.ceil(T / 16) * 16, config.max_position_embeddings);
  const slots = Math.ceil((width + newTokens) / SLOT_STEP) * SLOT_STEP;
  const { ND, NI, q, kv, p, constants } = parts(config, B, width);
  const { num_hidden_layers: L, num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
  const logits = B * config.vocab_size;
  const read = 2 * L * kv;
  const cache = 2 * L * B * Hk * slots * hd;
  const inLayer = 14 * ND + 6 * NI + 8 * q + 9 * kv + 6 * p;
  const prompts = constants + read + Math.max(inLayer, cache + 3 * ND + logits);
  const token = cache + Math.max(0.75 * cache, 6 * B * H * slots + B * slots + 2 * logits);
  return 4 * Math.max(prompts, token);
}

/** A model that only answers, to a prompt of T tokens: its weights in one piece, by tensor, and transposed. */
export function tfChatMemory(config: LlamaConfig, T: number): TfMemory {
  return { weights: 12 * parameterCount(config), activations: tfEvaluationBytes(config, 1, T) };
}

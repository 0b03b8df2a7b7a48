// The built-in model shapes (design §4) and the parameters that a LlamaConfig implies.
import type { LlamaConfig } from '../protocol/model';

const common = {
  vocab_size: 1024,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  // About 1/√hidden_size. With GPT-2's 0.02, attention of models this narrow starts so flat that they do not learn to copy
  // within 1,500 steps; with 0.1 they do (docs/architecture.md, "Why the base models can copy").
  initializer_range: 0.1,
  tie_word_embeddings: true,
  bos_token_id: null,
  eos_token_id: null,
  pad_token_id: null,
} satisfies Partial<LlamaConfig>;

export const PRESETS = {
  /** 0.20M parameters: tests and CI. */
  nano: {
    ...common,
    hidden_size: 64,
    num_hidden_layers: 3,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 32,
    intermediate_size: 176,
  },
  /** 0.87M: the default. */
  micro: {
    ...common,
    hidden_size: 128,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 32,
    intermediate_size: 352,
  },
  /** 4.7M: real GPUs. */
  mini: {
    ...common,
    hidden_size: 256,
    num_hidden_layers: 6,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 32,
    intermediate_size: 704,
  },
} satisfies Record<string, LlamaConfig>;
export type PresetName = keyof typeof PRESETS;

/** HF tensor names → shapes, in HF order. `lm_head.weight` is absent when tied. */
export function parameterShapes(c: LlamaConfig): Map<string, number[]> {
  const d = c.hidden_size;
  const q = c.num_attention_heads * c.head_dim;
  const kv = c.num_key_value_heads * c.head_dim;
  const out = new Map<string, number[]>([['model.embed_tokens.weight', [c.vocab_size, d]]]);
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const layer: [string, number[]][] = [
      ['input_layernorm', [d]],
      ['self_attn.q_proj', [q, d]],
      ['self_attn.k_proj', [kv, d]],
      ['self_attn.v_proj', [kv, d]],
      ['self_attn.o_proj', [d, q]],
      ['post_attention_layernorm', [d]],
      ['mlp.gate_proj', [c.intermediate_size, d]],
      ['mlp.up_proj', [c.intermediate_size, d]],
      ['mlp.down_proj', [d, c.intermediate_size]],
    ];
    for (const [name, shape] of layer) out.set(`model.layers.${i}.${name}.weight`, shape);
  }
  out.set('model.norm.weight', [d]);
  if (!c.tie_word_embeddings) out.set('lm_head.weight', [c.vocab_size, d]);
  return out;
}

export function parameterCount(config: LlamaConfig): number {
  let total = 0;
  for (const shape of parameterShapes(config).values()) total += shape.reduce((a, b) => a * b, 1);
  return total;
}

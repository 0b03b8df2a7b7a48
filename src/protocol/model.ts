// Model shapes, HF spelling.

/** The subset of HF LlamaConfig that we use; field names are HF's. */
export interface LlamaConfig {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  initializer_range: number;
  tie_word_embeddings: boolean;
  bos_token_id: number | null;
  eos_token_id: number | number[] | null;
  pad_token_id: number | null;
}

/** The subset of PEFT's LoraConfig that we use; field names are PEFT's. */
export interface LoraConfig {
  /** Rank. */
  r: number;
  lora_alpha: number;
  /** Scale by α / √r instead of α / r. */
  use_rslora?: boolean;
  /** Last parts of module names: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj. */
  target_modules: readonly string[];
}

export type BackendName = 'webgpu' | 'wasm' | 'cpu';
/** What runs the model, in words a person can check. */
export interface BackendInfo {
  backend: BackendName;
  /** GPU adapter description, or the CPU fallback's name. */
  adapter: string;
  isFallbackAdapter: boolean;
  /** Why not WebGPU, when it is not. */
  reason?: string;
}

export interface SamplingOptions {
  /** 0 = greedy. */
  temperature: number;
  /** 0 = off. */
  top_k: number;
  /** 1 = off. */
  top_p: number;
  /** Least share of the likeliest token's probability; 0, the default = off. */
  min_p?: number;
  max_new_tokens: number;
  seed: number;
}

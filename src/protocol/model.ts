// Model shapes, HF spelling.
import type { WasmComparison } from './engineReport';

/** Of transformers' ways of scaling RoPE those that change its frequencies and nothing else. */
export type RopeScaling =
  | { rope_type: 'linear'; factor: number }
  | {
      rope_type: 'llama3';
      factor: number;
      low_freq_factor: number;
      high_freq_factor: number;
      original_max_position_embeddings: number;
    };

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
  /** How frequencies of positions are stretched; plain unless given. */
  rope_scaling?: RopeScaling;
  initializer_range: number;
  tie_word_embeddings: boolean;
  bos_token_id: number | null;
  eos_token_id: number | number[] | null;
  pad_token_id: number | null;
}

/** The part of PEFT's LoraConfig that we use; field names and defaults are PEFT's. */
export interface LoraConfig {
  /** Rank. */
  r: number;
  lora_alpha: number;
  /** Share of the inputs of A that are left out in training; 0 by default. */
  lora_dropout?: number;
  /** Scale by α / √r instead of α / r. */
  use_rslora?: boolean;
  /** Weight-decomposed LoRA (Liu et al. 2024, arXiv:2402.09353): the update turns rows, a magnitude a row scales them. */
  use_dora?: boolean;
  /** Which biases of the base are trained. A Llama has none, so all three train the same; kept for the file. */
  bias?: 'none' | 'all' | 'lora_only';
  /** A bias behind B, trained with it. */
  lora_bias?: boolean;
  /**
   * Names of modules, by their last part or whole path (q_proj, model.layers.0.mlp.up_proj); "all-linear"; or a regular
   * expression that matches the whole path.
   */
  target_modules: readonly string[] | string;
  exclude_modules?: readonly string[] | string | null;
  /** Layers that are adapted at all; every layer by default. */
  layers_to_transform?: readonly number[] | number | null;
  /** r and lora_alpha of single modules: keys match the end of a path, as regular expressions. */
  rank_pattern?: { readonly [pattern: string]: number };
  alpha_pattern?: { readonly [pattern: string]: number };
  /** true: A uniform in ±1/√in, B 0. gaussian: A normal with deviation 1/r, B 0. */
  init_lora_weights?: true | 'gaussian';
  /** Modules that are trained whole and saved beside the adapter: the task head of a reward model ("score"). */
  modules_to_save?: readonly string[] | null;
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
  /** WebGPU: bytes of the largest buffer that a kernel can read. */
  largestBuffer?: number;
  /** The software adapter that WebGPU would run on. */
  passedOver?: string;
  /** How it does beside WebAssembly, once that was measured. */
  besideWasm?: WasmComparison;
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

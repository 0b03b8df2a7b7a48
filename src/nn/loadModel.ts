// A model from HF files: config.json (old and new spellings) and safetensors weights.
import { DataError } from '../lib/errors';
import type { LlamaConfig } from '../protocol/model';
import type { Quantization } from '../protocol/recipe';
import { readSafetensors } from '../storage/safetensors';
import { createEngine } from './createEngine';
import { parameterShapes } from './presets';
import type { LoraAdapter, ModelEngine, NamedTensorMap } from './seam';

type Dict = Record<string, unknown>;

const isOn = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== 0;
const isNotOne = (value: unknown): boolean => value !== undefined && value !== null && value !== 1;
/** Fields under which a "llama" is another function of its weights, with the spellings that configs in the wild have. */
const OTHER_MATHS: { fields: string[]; differs: (value: unknown) => boolean; what: string }[] = [
  {
    fields: ['attention_bias', 'attn_bias', 'qkv_bias', 'add_qkv_bias', 'mlp_bias', 'use_bias', 'bias'],
    differs: isOn,
    what: 'biases in its linear layers',
  },
  {
    fields: ['hidden_act', 'hidden_activation', 'activation_function'],
    differs: (value) => value !== undefined && value !== null && value !== 'silu' && value !== 'swish',
    what: 'another activation than silu',
  },
  {
    fields: ['partial_rotary_factor', 'rotary_pct', 'rope_partial_factor'],
    differs: isNotOne,
    what: 'RoPE on a part of each head',
  },
  { fields: ['attn_logit_softcapping', 'final_logit_softcapping'], differs: isOn, what: 'capped logits' },
  {
    fields: ['residual_multiplier', 'embedding_multiplier', 'logits_scaling', 'logit_scale'],
    differs: isNotOne,
    what: 'scaled sums or logits',
  },
  { fields: ['attention_multiplier', 'query_pre_attn_scalar'], differs: isOn, what: 'another scale of attention' },
  {
    fields: ['attention_dropout'],
    differs: isOn,
    what: 'dropout in attention while it trains; set it to 0 to go without',
  },
  { fields: ['quantization_config'], differs: isOn, what: 'quantised weights; save the model in float16 or float32' },
];

/** Throws DataError naming the field that asks for what the engines do not compute. */
function refuseOtherMaths(c: Dict): void {
  const refuse = (field: string, value: unknown, what: string): never => {
    throw new DataError(
      `config.json says ${field} ${JSON.stringify(value)}: ${what}. This is not supported yet, and without it the model would compute something else.`,
      { where: `config.json ${field}` },
    );
  };
  for (const { fields, differs, what } of OTHER_MATHS)
    for (const field of fields) if (differs(c[field])) refuse(field, c[field], what);
  // `rope_parameters` since transformers 5, `rope_scaling` before; its kind was `type` until 4.43.
  for (const field of ['rope_parameters', 'rope_scaling']) {
    const rope = c[field] as Dict | null | undefined;
    if (rope === undefined || rope === null) continue;
    if (typeof rope !== 'object') refuse(field, rope, 'RoPE scaling in an unknown spelling');
    const kind = rope.rope_type ?? rope.type;
    const isPlain = kind === 'default' || (kind === undefined && rope.factor === undefined);
    if (!isPlain) refuse(field, rope, `RoPE scaling "${kind ?? 'without a type'}"`);
    if (isNotOne(rope.partial_rotary_factor)) refuse(field, rope, 'RoPE on a part of each head');
  }
}

/** Reads HF config.json of a Llama. Throws DataError naming the field; other architectures are refused by name. */
export function parseLlamaConfig(json: unknown): LlamaConfig {
  if (typeof json !== 'object' || json === null)
    throw new DataError('config.json must be a JSON object. Copy it again from the model folder.', {
      where: 'config.json',
    });
  const c = json as Dict;
  if (c.model_type !== 'llama')
    throw new DataError(`config.json says model_type ${JSON.stringify(c.model_type)}; only "llama" models run here.`, {
      where: 'config.json model_type',
    });
  const number = (key: string, fallback?: number): number => {
    const value = c[key] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new DataError(`config.json lacks ${key}. Copy the file again from the model folder.`, {
        where: `config.json ${key}`,
      });
    return value;
  };
  const heads = number('num_attention_heads');
  refuseOtherMaths(c);
  const rope = (c.rope_parameters ?? {}) as Dict;
  const id = (key: string) => (c[key] === undefined ? null : (c[key] as number | null));
  return {
    vocab_size: number('vocab_size'),
    hidden_size: number('hidden_size'),
    intermediate_size: number('intermediate_size'),
    num_hidden_layers: number('num_hidden_layers'),
    num_attention_heads: heads,
    num_key_value_heads: number('num_key_value_heads', heads),
    head_dim: number('head_dim', number('hidden_size') / heads),
    max_position_embeddings: number('max_position_embeddings'),
    rms_norm_eps: number('rms_norm_eps', 1e-6),
    rope_theta: typeof rope.rope_theta === 'number' ? rope.rope_theta : number('rope_theta', 10000),
    initializer_range: number('initializer_range', 0.02),
    tie_word_embeddings: c.tie_word_embeddings === true,
    bos_token_id: id('bos_token_id'),
    eos_token_id: (c.eos_token_id ?? null) as LlamaConfig['eos_token_id'],
    pad_token_id: id('pad_token_id'),
  };
}

/** Complaint about weights that do not fit the config, or undefined. */
export function weightsProblem(config: LlamaConfig, weights: NamedTensorMap): string | undefined {
  const shapes = parameterShapes(config);
  for (const [name, shape] of shapes) {
    const given = weights[name];
    if (!given) return `The weights lack ${name}`;
    if (given.shape.join() !== shape.join())
      return `${name} must be ${shape.join('×')} by config.json, got ${given.shape.join('×')}`;
  }
  // Older exports of tied models carry a copy of the embedding as lm_head.
  const extra = Object.keys(weights).find(
    (name) => !shapes.has(name) && name !== 'lm_head.weight' && !name.endsWith('rotary_emb.inv_freq'),
  );
  return extra && `The weights hold ${extra}, which a Llama of this config does not have`;
}

export interface ModelFiles {
  /** Parsed config.json. */
  config: unknown;
  /** Bytes of model.safetensors, or tensors already read. */
  weights: Uint8Array | NamedTensorMap;
  /** Keep the linear layers in four bits; only for a base that is frozen. */
  quantization?: Quantization | null;
}

/** With `adapters` the base is frozen and they are trained. Throws DataError naming the tensor or field at fault. */
export function loadModel(files: ModelFiles, adapters: readonly LoraAdapter[] = []): ModelEngine {
  const config = parseLlamaConfig(files.config);
  const weights =
    files.weights instanceof Uint8Array ? readSafetensors(files.weights, 'model.safetensors') : files.weights;
  const problem = weightsProblem(config, weights);
  if (problem)
    throw new DataError(`${problem}. Choose weights and config.json of the same model.`, {
      where: 'model.safetensors',
    });
  return createEngine(config, weights, 'lm', adapters, files.quantization);
}

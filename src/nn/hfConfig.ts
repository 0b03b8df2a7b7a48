// What a config.json of the Hugging Face ecosystem asks for beyond a plain Llama: told by name, with what it would need. Another
// function than the engines compute is refused, because its weights would load and answer something else.
import { DataError } from '../lib/errors';
import type { RopeScaling } from '../protocol/model';

export type Dict = Record<string, unknown>;
const isDict = (value: unknown): value is Dict => typeof value === 'object' && value !== null && !Array.isArray(value);

const isOn = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== 0;
const isNotOne = (value: unknown): boolean => value !== undefined && value !== null && value !== 1;

/** model_types whose weights are a Llama's, as long as no field says otherwise. */
const LLAMA_LIKE: readonly string[] = ['llama', 'mistral'];
const LANGUAGE_MODELS: readonly string[] = ['LlamaForCausalLM', 'MistralForCausalLM'];
const CLASSIFIERS: readonly string[] = ['LlamaForSequenceClassification', 'MistralForSequenceClassification'];
const EXPERTS = 'a choice of experts for each token (mixture of experts)';
const GEMMA = 'norms that multiply by 1 + γ, embeddings scaled by √hidden_size and GELU gates';
/** Beginnings of other model_types, the longest first: what a Llama engine would need for them. */
const NEEDS: readonly (readonly [prefix: string, needs: string])[] = [
  ['qwen3_moe', EXPERTS],
  ['qwen2_moe', EXPERTS],
  ['qwen3', 'norms on queries and keys'],
  ['qwen2', 'biases in the query, key and value projections'],
  ['gemma2', `${GEMMA}, capped logits, and norms behind attention and MLP`],
  ['gemma3', `${GEMMA}, norms on queries and keys, and local attention`],
  ['gemma', GEMMA],
  ['gpt_neox', 'layer norms with biases, GELU, RoPE on a part of each head, and parallel attention and MLP'],
  ['gpt_oss', `${EXPERTS} and attention sinks`],
  ['gpt', 'learned positions, layer norms and biases, and GELU'],
  ['phi3', 'queries, keys and values in one tensor, and LongRoPE'],
  ['phimoe', EXPERTS],
  ['phi', 'layer norms and biases, RoPE on a part of each head, and parallel attention and MLP'],
  ['smollm3', 'layers without positions (NoPE)'],
  ['mixtral', EXPERTS],
  ['deepseek', `latent attention (MLA) and ${EXPERTS}`],
  ['llama4', EXPERTS],
  ['ministral', 'attention through a sliding window in some layers'],
  ['olmo2', 'norms behind attention and MLP, and on queries and keys'],
  ['olmo', 'layer norms without weights'],
  ['granitemoe', EXPERTS],
  ['granite', 'multipliers on embeddings, residuals, attention and logits'],
  ['cohere', 'layer norms, parallel attention and MLP, and scaled logits'],
  ['stablelm', 'layer norms with biases and RoPE on a part of each head'],
  ['falcon', 'layer norms with biases, and parallel attention and MLP'],
  ['opt', 'learned positions, layer norms and biases, and ReLU'],
  ['bloom', 'ALiBi positions, layer norms and biases'],
  ['mpt', 'ALiBi positions and layer norms'],
  ['glm', 'RoPE on half of each head and biases'],
  ['mamba', 'a state space in place of attention'],
  ['jamba', 'a state space in place of attention'],
  ['rwkv', 'a recurrence in place of attention'],
  ['t5', 'an encoder beside the decoder'],
  ['bert', 'attention in both directions'],
  ['llava', 'an encoder for images'],
  ['mllama', 'an encoder for images'],
  ['idefics', 'an encoder for images'],
];

/** Which head its weights have beside the decoder: a reward model's is LlamaForSequenceClassification with one label. */
export function headOf(config: unknown): 'lm' | 'score' {
  const { architectures } = config as Dict;
  return Array.isArray(architectures) && architectures.some((name) => CLASSIFIERS.includes(name)) ? 'score' : 'lm';
}
/** Two are transformers' default. */
const labelCount = ({ id2label, num_labels }: Dict): number =>
  isDict(id2label) ? Object.keys(id2label).length : typeof num_labels === 'number' ? num_labels : 2;
/**
 * config.json of a reward model on a language model's, as transformers writes it. `pad_token_id`: where it is read (rewardPosition);
 * transformers refuses batches without.
 */
export function rewardConfig(config: unknown, pad_token_id: number | null): unknown {
  const { num_labels: _labels, ...given } = config as Dict;
  return {
    ...given,
    architectures: ['LlamaForSequenceClassification'],
    model_type: 'llama',
    id2label: { 0: 'LABEL_0' },
    label2id: { LABEL_0: 0 },
    pad_token_id,
  };
}

/** Throws DataError for a model that is not a Llama, by its name, with what it would need. */
export function refuseArchitecture(c: Dict): void {
  const names = Array.isArray(c.architectures) ? c.architectures.filter((a) => typeof a === 'string') : [];
  const type = c.model_type;
  if (typeof type === 'string' && LLAMA_LIKE.includes(type)) {
    const other = names.find((name) => !LANGUAGE_MODELS.includes(name) && !CLASSIFIERS.includes(name));
    if (other !== undefined && !names.some((name) => LANGUAGE_MODELS.includes(name) || CLASSIFIERS.includes(name)))
      throw new DataError(
        `config.json says architectures ${JSON.stringify(names)}: ${other} has another head than a language model's or a reward model's, and only LlamaForCausalLM, LlamaForSequenceClassification and Mistral's two are read. Choose the language model that it was made from.`,
        { where: 'config.json architectures' },
      );
    const labels = headOf(c) === 'score' ? labelCount(c) : 1;
    if (labels !== 1)
      throw new DataError(
        `config.json says ${names.join(', ')} with ${labels} labels: it sorts texts into classes, and a reward model has one number for each text (num_labels 1). Choose a reward model.`,
        { where: 'config.json id2label' },
      );
    return;
  }
  const said = type === undefined ? `no model_type${names.length > 0 ? ` (architectures: ${names.join(', ')})` : ''}` : `model_type ${JSON.stringify(type)}`; // biome-ignore format: one sentence
  const needs = NEEDS.find(([prefix]) => typeof type === 'string' && type.startsWith(prefix))?.[1];
  throw new DataError(
    `config.json says ${said}; only "llama" models run here, and "mistral" ones without a sliding window.${needs ? ` This one would need ${needs}.` : ''} Choose a model of the Llama family, such as SmolLM2-135M.`,
    { where: 'config.json model_type' },
  );
}

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
  { fields: ['num_local_experts', 'num_experts', 'n_routed_experts'], differs: isOn, what: EXPERTS },
  { fields: ['use_qk_norm', 'qk_norm'], differs: isOn, what: 'norms on queries and keys' },
  { fields: ['no_rope_layers'], differs: (v) => Array.isArray(v) && v.includes(0), what: 'layers without positions' },
];

const refuse = (field: string, value: unknown, what: string): never => {
  throw new DataError(
    `config.json says ${field} ${JSON.stringify(value)}: ${what}. This is not supported yet, and without it the model would compute something else.`,
    { where: `config.json ${field}` },
  );
};

/** Throws DataError naming the field that asks for what the engines do not compute. */
export function refuseOtherMaths(c: Dict): void {
  for (const { fields, differs, what } of OTHER_MATHS)
    for (const field of fields) if (differs(c[field])) refuse(field, c[field], what);
  // Mistral's own default where the field is missing (configuration_mistral.py).
  const window = c.sliding_window === undefined && c.model_type === 'mistral' ? 4096 : c.sliding_window;
  const isCut = typeof window === 'number' && !(window >= Number(c.max_position_embeddings ?? 0));
  if (isCut && (c.use_sliding_window !== false || c.model_type === 'mistral'))
    refuse('sliding_window', window, 'attention to the last tokens only');
  if (Array.isArray(c.layer_types) && c.layer_types.some((type) => type !== 'full_attention'))
    refuse('layer_types', c.layer_types, 'layers with another attention than full_attention');
}

/**
 * θ and scaling of RoPE as transformers 5.23 reads them (convert_rope_params_to_dict and standardize_rope_params): a `rope_scaling`
 * that holds anything takes the place of `rope_parameters`, `rope_theta` counts where that one names none, and an
 * `original_max_position_embeddings` beside it goes before the one inside. Throws DataError for a kind that changes more than
 * frequencies.
 */
export function ropeOf(c: Dict): { rope_theta?: unknown; rope_scaling?: RopeScaling } {
  const holds = (value: unknown): boolean => isOn(value) && !(isDict(value) && Object.keys(value).length === 0);
  const field = holds(c.rope_scaling) ? 'rope_scaling' : 'rope_parameters';
  const rope = c[field];
  if (!holds(rope)) return { rope_theta: c.rope_theta };
  if (!isDict(rope)) return refuse(field, rope, 'RoPE scaling in an unknown spelling');
  const rope_theta = rope.rope_theta ?? c.rope_theta;
  if (Object.values(rope).some(isDict)) refuse(field, rope, 'RoPE that differs by layer');
  if (isNotOne(rope.partial_rotary_factor)) refuse(field, rope, 'RoPE on a part of each head');
  // `type` until transformers 4.43.
  const kind = rope.rope_type ?? rope.type;
  if (kind === 'default' || (kind === undefined && rope.factor === undefined)) return { rope_theta };
  const number = (key: string, value: unknown = rope[key]): number => {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return refuse(field, rope, `RoPE scaling "${String(kind)}" without a ${key} above 0`);
  };
  if (kind === 'linear') return { rope_theta, rope_scaling: { rope_type: kind, factor: number('factor') } };
  if (kind !== 'llama3') return refuse(field, rope, `RoPE scaling "${String(kind ?? 'without a type')}"`);
  const original =
    c.original_max_position_embeddings ?? rope.original_max_position_embeddings ?? c.max_position_embeddings;
  return {
    rope_theta,
    rope_scaling: {
      rope_type: kind,
      factor: number('factor'),
      low_freq_factor: number('low_freq_factor'),
      high_freq_factor: number('high_freq_factor'),
      original_max_position_embeddings: number('original_max_position_embeddings', original),
    },
  };
}

/** The config beside weights that are written in f32: transformers takes the type that it names, and would round them to it. */
export function inFloat32(config: unknown): unknown {
  const given = config as Dict;
  const named = ['dtype', 'torch_dtype'].filter((key) => given[key] !== undefined);
  return { ...given, ...Object.fromEntries(named.map((key) => [key, 'float32'])) };
}

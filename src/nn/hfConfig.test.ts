// config.json of other people's models: what is a Llama in any spelling is read, the rest is refused by its name.
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { headOf, inFloat32, rewardConfig } from './hfConfig';
import { parseLlamaConfig } from './loadModel';

const llama = (more: Record<string, unknown> = {}) => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 256,
  ...more,
});

test('spellings of transformers 4 and 5 say the same', () => {
  const old = parseLlamaConfig(
    llama({ rope_theta: 5e5, torch_dtype: 'bfloat16', rope_scaling: { type: 'linear', factor: 2 } }),
  );
  const now = parseLlamaConfig(
    llama({ dtype: 'bfloat16', rope_parameters: { rope_theta: 5e5, rope_type: 'linear', factor: 2 } }),
  );
  expect(now).toEqual(old);
  expect(old).toMatchObject({ rope_theta: 5e5, rope_scaling: { rope_type: 'linear', factor: 2 } });
  expect(old).toMatchObject({ num_key_value_heads: 4, head_dim: 16, rms_norm_eps: 1e-6, tie_word_embeddings: false });
});
test('rope_scaling, rope_parameters and what stands beside them count as in transformers', () => {
  // Found by building each with transformers 5.23 and reading model.config.rope_parameters.
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const read = (more: Record<string, unknown>) => parseLlamaConfig(llama(more));
  const both = {
    rope_scaling: { type: 'linear', factor: 2 },
    rope_parameters: { rope_theta: 3, rope_type: 'default' },
  };
  expect(read({ ...both, rope_theta: 9 })).toMatchObject({ rope_theta: 9, rope_scaling: { rope_type: 'linear' } });
  const empty = read({ ...both, rope_scaling: {}, rope_theta: 9 });
  expect(empty.rope_theta).toBe(3);
  expect(empty.rope_scaling).toBeUndefined();
  const inside = { ...llama3, original_max_position_embeddings: 32 };
  const originalOf = (more: Record<string, unknown>) => read(more).rope_scaling;
  expect(originalOf({ rope_scaling: inside })).toMatchObject({ original_max_position_embeddings: 32 });
  expect(originalOf({ rope_scaling: inside, original_max_position_embeddings: 64 })).toMatchObject({
    original_max_position_embeddings: 64,
  });
  expect(originalOf({ rope_parameters: llama3 })).toMatchObject({ original_max_position_embeddings: 256 });
  expect(() => read({ rope_parameters: { full_attention: { rope_type: 'linear', factor: 2 } } })).toThrow(
    /RoPE that differs by layer/,
  );
});
test('a Mistral that sees its whole context is a Llama; a window that cuts it is refused', () => {
  const mistral = { architectures: ['MistralForCausalLM'], model_type: 'mistral' };
  const { hidden_size } = parseLlamaConfig(llama({ ...mistral, sliding_window: null }));
  expect(hidden_size).toBe(64);
  expect(() => parseLlamaConfig(llama({ ...mistral, sliding_window: 256 }))).not.toThrow();
  expect(() => parseLlamaConfig(llama({ ...mistral, sliding_window: 128 }))).toThrow(/sliding_window 128/);
  // Missing is 4,096 for transformers.
  expect(() => parseLlamaConfig(llama(mistral))).not.toThrow();
  expect(() => parseLlamaConfig(llama({ ...mistral, max_position_embeddings: 8192 }))).toThrow(/sliding_window 4096/);
});
test.each<[string, RegExp]>([
  ['qwen2', /"qwen2".*would need biases in the query, key and value projections/],
  ['qwen3', /would need norms on queries and keys/],
  ['qwen3_moe', /would need .*experts/],
  ['gemma', /would need norms that multiply by 1 \+ γ/],
  ['gemma2', /capped logits/],
  ['gpt2', /would need learned positions/],
  ['gpt_neox', /parallel attention and MLP/],
  ['phi', /RoPE on a part of each head/],
  ['phi3', /LongRoPE/],
  ['mixtral', /experts/],
  ['smollm3', /NoPE/],
  ['olmo2', /norms behind attention and MLP/],
  ['no_such_model', /"no_such_model"; only "llama" models/],
])('%s is refused by name, with what it would need', (model_type, message) => {
  const read = () => parseLlamaConfig(llama({ model_type, architectures: undefined }));
  expect(read).toThrow(DataError);
  expect(read).toThrow(message);
});
test.each<[string, Record<string, unknown>, RegExp]>([
  ['a classifier', { architectures: ['LlamaForSequenceClassification'] }, /with 2 labels.*one number for each text/],
  ['a sorter of tokens', { architectures: ['LlamaForTokenClassification'] }, /another head than a language model's/],
  ['no kind', { model_type: undefined, architectures: ['Own'] }, /no model_type \(architectures: Own\)/],
  ['yarn', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, /RoPE scaling "yarn"/],
  ['dynamic', { rope_scaling: { type: 'dynamic', factor: 4 } }, /RoPE scaling "dynamic"/],
  ['a factor of 0', { rope_scaling: { type: 'linear', factor: 0 } }, /without a factor above 0/],
  ['local layers', { layer_types: ['full_attention', 'sliding_attention'] }, /layer_types/],
  ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers 0; it must be a whole number in \[1, 1024\]/],
  ['too many layers', { num_hidden_layers: 1e9 }, /num_hidden_layers 1000000000/],
  ['an odd head_dim', { head_dim: 15 }, /head_dim 15; .* must be even/],
  ['odd heads', { hidden_size: 60 }, /hidden_size 60 for 4 .* heads of 15; .* must be even/],
  ['half a width', { hidden_size: 64.5 }, /hidden_size 64\.5/],
  ['heads that do not divide', { num_key_value_heads: 3 }, /4 num_attention_heads for 3/],
  ['a text', { vocab_size: '100' }, /lacks vocab_size/],
])('%s is refused, naming the field', (_name, more, message) => {
  expect(() => parseLlamaConfig(llama(more))).toThrow(message);
});

test('beside weights in f32 no config names another type: transformers would round them to it', () => {
  const given = { model_type: 'llama', dtype: 'bfloat16', torch_dtype: 'float16', hidden_size: 8 };
  expect(inFloat32(given)).toEqual({ model_type: 'llama', dtype: 'float32', torch_dtype: 'float32', hidden_size: 8 });
  expect(inFloat32({ hidden_size: 8 })).toEqual({ hidden_size: 8 });
});

test('a reward model: one label, no language-model head, the padding that transformers needs', () => {
  const untied = llama({ tie_word_embeddings: false, architectures: ['LlamaForCausalLM'] });
  expect(headOf(untied)).toBe('lm');
  const config = rewardConfig(untied, 3) as Record<string, unknown>;
  expect(headOf(config)).toBe('score');
  expect(config).toMatchObject({ architectures: ['LlamaForSequenceClassification'], id2label: { 0: 'LABEL_0' }, pad_token_id: 3 }); // biome-ignore format: one object
  expect(parseLlamaConfig(config)).toMatchObject({ tie_word_embeddings: true, pad_token_id: 3 });
});

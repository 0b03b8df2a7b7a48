// adapter_config.json of other people's adapters: what is read, and what is refused rather than read as something else.
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { readAdapterConfig } from './peft';

const file = (more: Record<string, unknown> = {}) => ({
  peft_type: 'LORA',
  task_type: 'CAUSAL_LM',
  r: 8,
  lora_alpha: 16,
  target_modules: ['q_proj', 'v_proj'],
  base_model_name_or_path: 'somebody/base',
  some_key_of_a_later_version: null,
  ...more,
});

test('what PEFT writes is read', () => {
  const { config, base } = readAdapterConfig(file());
  expect(config).toEqual({ r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'] });
  expect(base).toBe('somebody/base');
});
test.each([true, false, null, 'gaussian', 'orthogonal', 'eva'])(
  'init_lora_weights %s leaves the base alone: read',
  (value) => {
    expect(readAdapterConfig(file({ init_lora_weights: value })).config.r).toBe(8);
  },
);
// PEFT's save_pretrained warns of these: without path_initial_model_for_weight_conversion the file fits no plain base.
test.each(['pissa', 'pissa_niter_4', 'olora', 'loftq', 'corda', 'lora_ga'])(
  'init_lora_weights %s changed the base: refused',
  (value) => {
    const read = () => readAdapterConfig(file({ init_lora_weights: value }));
    expect(read).toThrow(DataError);
    expect(read).toThrow(/changes the base too.*path_initial_model_for_weight_conversion/);
  },
);
test('layers_pattern means something beside layers_to_transform only', () => {
  expect(readAdapterConfig(file({ layers_pattern: 'h' })).config.r).toBe(8);
  expect(() => readAdapterConfig(file({ layers_pattern: 'h', layers_to_transform: 0 }))).toThrow(/called "layers"/);
});
test('the adapter of a reward model has its head in modules_to_save, whatever else PEFT lists; other modules are refused', () => {
  for (const modules_to_save of [null, ['score'], ['classifier', 'score']])
    expect(readAdapterConfig(file({ task_type: 'SEQ_CLS', modules_to_save })).config.modules_to_save).toEqual([
      'score',
    ]);
  expect(() => readAdapterConfig(file({ task_type: 'SEQ_CLS', modules_to_save: ['score', 'embed_tokens'] }))).toThrow(
    /modules_to_save asks for whole modules/,
  );
  // TRL's reward script without --lora_task_type: the head stands in modules_to_save, and the task is another.
  for (const task_type of ['CAUSAL_LM', null])
    expect(readAdapterConfig(file({ task_type, modules_to_save: ['score'] })).config.modules_to_save).toEqual([
      'score',
    ]);
  expect(() => readAdapterConfig(file({ modules_to_save: ['score', 'lm_head'] }))).toThrow(/modules_to_save asks for/);
});
test.each([
  ['modules_to_save', ['lm_head'], /Train the adapter in PEFT without modules_to_save, and import that one/],
  ['modules_to_save', ['lm_head'], /whole modules that are saved beside the adapter/],
  ['use_qalora', true, /QA-LoRA/],
  ['peft_type', 'IA3', /only "LORA" adapters/],
  ['task_type', 'TOKEN_CLS', /only "CAUSAL_LM" adapters and "SEQ_CLS" ones of reward models/],
  ['r', 0, /r/],
])('%s of %j is refused by name', (key, value, message) => {
  expect(() => readAdapterConfig(file({ [key]: value }))).toThrow(message);
});

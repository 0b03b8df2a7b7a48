// Where a default differs from that of TRL 1.16's config classes (PPO: 1.12's, the last), the help of the field tells it.
import { expect, test } from 'vitest';
import { type TrainerId, trainers } from './registry';
import type { TrainerConfig } from './trainerConfig';

/** TrainingArguments as TRL's _BaseConfig leaves them; each with the words that tell it. */
const TRL = {
  gradient_checkpointing: [true, 'TRL has it on'],
  save_steps: [500, 'TRL has 500'],
  per_device_train_batch_size: [8, 'TRL has 8'],
  per_device_eval_batch_size: [8, 'TRL has 8'],
  eval_steps: [null, /TRL (measures|draws) none where nothing is said/],
  max_steps: [-1, '−1 counts them from num_train_epochs, as TRL does where nothing is said'],
  logging_steps: [10, 'TRL has 10'],
  lr_scheduler_type: ['linear', 'TRL has linear'],
  weight_decay: [0, 'TRL has 0'],
  warmup_ratio: [0, 'TRL has 0'],
  adam_beta2: [0.999, 'TRL has 0.999'],
  adam_beta1: [0.9, ''],
  adam_epsilon: [1e-8, ''],
  max_grad_norm: [1, ''],
  num_train_epochs: [3, ''],
  gradient_accumulation_steps: [1, ''],
} as const;

test.each(Object.keys(trainers) as TrainerId[])('%s', (id) => {
  const { fields }: TrainerConfig = trainers[id];
  for (const [name, [value, words]] of Object.entries(TRL)) {
    const field = fields[name]!;
    if (field.default !== value) expect(field.help, name).toMatch(words || 'told nowhere');
  }
});
test.each(['sft', 'dpo', 'orpo', 'cpo', 'kto', 'reward'] as const)(
  '%s: which methods truncation_mode is TRL’s in',
  (id) =>
  expect((trainers[id] as TrainerConfig).fields.truncation_mode!.help).toContain('its KTO, CPO, ORPO and Reward have no such setting'), // biome-ignore format: one call
);
test.each(['kto', 'dpo'] as const)('%s: a held-out batch is more than speed where the loss looks at the whole of it', (id) =>
  expect((trainers[id] as TrainerConfig).fields.per_device_eval_batch_size!.help).toMatch(/whole batch: kto’s z in KTO, aot and aot_unpaired in DPO/)); // biome-ignore format: one call

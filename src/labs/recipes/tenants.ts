// Three tenants' adapters over one base that has had its SFT already: their rows share each batch, every row trains its own.
import type { Recipe } from '../../protocol/recipe';
import { sftDefault } from './sft';

export const TENANT_SETS = {
  bank_A: 'builtin:tenant/A',
  retail_B: 'builtin:tenant/B',
  saas_C: 'builtin:tenant/C',
} as const;

const STEPS = 600;

export const tenantsRecipe: Recipe = {
  ...sftDefault,
  name: 'Three tenants, one batch',
  model: { ref: 'builtin:micro-sft' },
  data: {
    train: Object.entries(TENANT_SETS).map(([adapter, ref]) => ({ ref, split: 'train', adapter })),
    eval: Object.entries(TENANT_SETS).map(([adapter, ref]) => ({ ref, split: 'dev', adapter })),
    rows: 6000,
    seed: 1,
  },
  // Not for their sake, each is clipped by its own norm: the adapters that ship were trained so.
  args: {
    ...sftDefault.args,
    max_steps: STEPS,
    per_device_train_batch_size: 12,
    learning_rate: 1e-2,
    max_length: 256,
    max_grad_norm: 0,
  },
  peft: { r: 8, lora_alpha: 16, target_modules: 'all-linear' },
  evaluation: [],
};

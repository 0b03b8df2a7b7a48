// Default recipe of the reward model: on the world's pairs, from the model after SFT whose answers it is to judge.
import type { Recipe } from '../../protocol/recipe';
import { PAIRS, PREFERENCE_START } from './preference';

/** micro after SFT, all weights. */
export const rewardRecipe: Recipe = {
  version: 1,
  name: 'Reward model',
  trainer: 'reward',
  model: { ref: PREFERENCE_START },
  template: 'builtin:chatml',
  data: { train: [{ ref: PAIRS, split: 'train' }], eval: [{ ref: PAIRS, split: 'dev' }], rows: 2000, seed: 1 },
  args: { max_steps: 200 },
  peft: null,
  evaluation: [],
  seed: 1,
};

/** The smallest model, few steps: where there is no graphics card. */
export const rewardNano: Recipe = {
  ...rewardRecipe,
  name: 'Reward model nano',
  model: { ref: 'builtin:nano' },
  args: { max_steps: 100, per_device_train_batch_size: 4, max_eval_samples: 64 },
};

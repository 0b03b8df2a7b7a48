// Reward model on preference pairs: settings and metrics, data only. Names are TRL's (RewardConfig).
import type { Fields } from '../../lib/fields';
import { preferenceFields } from '../preference/fields';
import { loopMetrics } from '../sharedFields';
import type { TrainerConfig } from '../trainerConfig';

const { first, rest } = preferenceFields({ learning_rate: 1e-3, max_steps: 200 });
export const fields = {
  ...first,
  learning_rate: {
    ...first.learning_rate,
    help: 'Size of an optimizer step at the peak of the schedule; TRL starts from 1e-4, which suits models a thousand times larger.',
  },
  center_rewards_coefficient: {
    type: 'number',
    default: 0,
    min: 0,
    max: 10,
    help: 'Pulls the sum of the two rewards of a pair to 0 by this weight, so that rewards have a zero; 0.01 is usual.',
  },
  ...rest,
} as const satisfies Fields;

const own: TrainerConfig['metrics'] = {
  loss: {
    unit: 'nats',
    meaning: 'Mean −log σ of chosen minus rejected reward (minus the margin); ln 2 = 0.693 for a coin toss.',
  },
  accuracy: { unit: 'share', meaning: 'Share of pairs whose chosen answer has the larger reward; a tie is wrong.' },
  margin: { unit: '', meaning: 'Mean chosen minus rejected reward.' },
  min_reward: { unit: '', meaning: 'Smallest reward of the batch.' },
  mean_reward: { unit: '', meaning: 'Mean reward of all answers; without centring it may lie anywhere.' },
  max_reward: { unit: '', meaning: 'Largest reward of the batch.' },
};

export const config = {
  id: 'reward',
  title: 'Reward model',
  trainsOn: ['preference'],
  head: 'score',
  rowsPerItem: () => 2,
  fields,
  metrics: {
    ...own,
    ...Object.fromEntries(
      Object.entries(own).map(([name, { unit }]) => [
        `eval_${name}`,
        { unit, meaning: `${name} over the held-out pairs.` },
      ]),
    ),
    ...loopMetrics,
  },
} satisfies TrainerConfig;

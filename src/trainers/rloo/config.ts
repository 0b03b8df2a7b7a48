// REINFORCE leave-one-out: settings and metrics, data only. Names are TRL's (RLOOConfig).
import { ConfigError } from '../../lib/errors';
import type { Fields } from '../../lib/fields';
import { checkKlTarget, checkLengths, onlineFields, onlineMetrics } from '../online/fields';
import type { TrainerConfig } from '../trainerConfig';
import { type RlooPlanArgs, rlooPlan } from './plan';

const { first, rest } = onlineFields({ learning_rate: 1e-4, max_steps: 100, num_generations: 4, temperature: 1 });
export const fields = {
  ...first,
  num_generations: {
    ...first.num_generations,
    help: 'Completions of each prompt: each one’s baseline is the mean of the others. TRL has 2.',
  },
  beta: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 100,
    log: true,
    help: 'How dear it is to leave the reference: β · KL is taken from the reward of each completion; 0 needs no reference.',
  },
  num_iterations: {
    type: 'number',
    default: 1,
    min: 1,
    max: 16,
    integer: true,
    advanced: true,
    help: 'Times that a rollout is trained on; above 1 the ratio leaves 1, and clipping begins to matter.',
  },
  steps_per_generation: {
    type: 'number',
    default: 0,
    min: 0,
    max: 256,
    integer: true,
    unit: 'micro-batches',
    advanced: true,
    help: 'Micro-batches in one rollout; 0 takes gradient_accumulation_steps: one optimizer step a rollout.',
  },
  epsilon: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 1,
    advanced: true,
    help: 'How far the ratio of a completion may fall below 1 before it gains nothing more.',
  },
  epsilon_high: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 10,
    advanced: true,
    help: 'How far it may rise above 1; TRL takes epsilon where nothing is said.',
  },
  normalize_advantages: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Shifts and scales the advantages of a rollout to mean 0 and deviation 1.',
  },
  reward_clip_range: {
    type: 'numbers',
    default: [],
    min: -1e6,
    max: 1e6,
    advanced: true,
    help: 'Lowest and highest reward that counts, as two numbers; empty: all count.',
  },
  mask_truncated_completions: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Completions that were cut off are not trained on, and no KL is taken from them; they still count in the baseline of the others.',
  },
  ...rest,
} as const satisfies Fields;

export const config = {
  id: 'rloo',
  title: 'RLOO',
  isOnline: true,
  trainsOn: ['prompt-only', 'preference', 'unpaired-preference', 'prompt-completion', 'messages'],
  needsReference: ({ beta }) => beta !== 0,
  check: (args) => {
    if (args.num_generations === 1)
      throw new ConfigError(
        'num_generations must be at least 2 for rloo, got 1: the baseline of a completion is the mean of the others of its prompt, and a group of one has none. Raise it, or train with reinforce.',
        { where: 'num_generations' },
      );
    const range = args.reward_clip_range as readonly number[];
    if (range.length !== 0 && (range.length !== 2 || range[0]! >= range[1]!))
      throw new ConfigError(
        `reward_clip_range must be empty, or two numbers of which the first is smaller, got ${JSON.stringify(range)}.`,
        { where: 'reward_clip_range' },
      );
    checkLengths(args);
    checkKlTarget(args, 'beta');
    rlooPlan(args as unknown as RlooPlanArgs);
  },
  fields,
  metrics: onlineMetrics('k1', {
    loss: {
      unit: '',
      meaning: 'Mean −ratio · advantage, clipped. On a fresh rollout about 0 whatever is learned: watch reward.',
    },
    kl: {
      unit: 'nats a token',
      meaning: 'Mean log π − log π_ref of the tokens that are trained, k1: right on average, but noisy.',
    },
    'objective/kl': {
      unit: 'nats',
      meaning: 'KL that is taken from a completion: the sum of k1 over its tokens, 0 where it is masked.',
    },
    'objective/kl_drawn': {
      unit: 'nats',
      meaning: 'KL of a whole completion, masked or not; logged under mask_truncated_completions. kl_target reads it.',
    },
    'eval_objective/kl_drawn': { unit: 'nats', meaning: 'objective/kl_drawn over the held-out prompts.' },
    frac_reward_zero_std: {
      unit: 'share',
      meaning:
        'Prompts whose completions all have the same reward, KL penalty included, so that nothing is learned from them. One with fewer than two scored completions teaches nothing either and is not among them, as in TRL.',
    },
    frac_score_zero_std: { unit: 'share', meaning: 'The same before the KL penalty; TRL has no such figure.' },
    entropy: { unit: 'nats a token', meaning: 'How undecided the policy is at the tokens of its completions.' },
    'clip_ratio/low_mean': { unit: 'share', meaning: 'Bad completions whose ratio fell below 1 − epsilon: clipped.' },
    'clip_ratio/low_min': { unit: 'share', meaning: 'The least of the same over the completions.' },
    'clip_ratio/high_mean': {
      unit: 'share',
      meaning: 'Good completions whose ratio rose above 1 + epsilon_high: clipped.',
    },
    'clip_ratio/high_max': { unit: 'share', meaning: 'The most of the same over the completions.' },
    'clip_ratio/region_mean': { unit: 'share', meaning: 'Completions clipped on either side.' },
  }),
} satisfies TrainerConfig;

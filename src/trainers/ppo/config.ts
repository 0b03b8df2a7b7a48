// Proximal policy optimization: settings and metrics, data only. Names are those of TRL's PPOConfig, which TRL 1.12 was the last
// release to have; max_completion_length is its response_length.
import { ConfigError } from '../../lib/errors';
import type { Fields } from '../../lib/fields';
import { checkKlTarget, checkLengths, onlineFields, onlineMetrics } from '../online/fields';
import type { TrainerConfig } from '../trainerConfig';
import { type PpoPlanArgs, ppoPlan } from './plan';

const { first, rest } = onlineFields({ learning_rate: 1e-4, max_steps: 200, num_generations: 1, temperature: 1 });
export const fields = {
  ...first,
  max_steps: {
    ...first.max_steps,
    help: 'Optimizer steps to train, num_ppo_epochs · num_mini_batches of them a rollout; TRL counts rollouts. −1 counts them from num_train_epochs, as TRL does where nothing is said.',
  },
  temperature: {
    ...first.temperature,
    help: `${first.temperature.help} TRL has 0.7.`,
  },
  kl_coef: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 100,
    log: true,
    help: 'How dear it is to leave the reference: each token’s KL, times this, is taken from its reward.',
  },
  kl_estimator: {
    type: 'choice',
    default: 'k1',
    options: ['k1', 'k3'] as const,
    help: 'What the KL of a token is estimated by: its log-ratio, or k3, which is never negative.',
  },
  num_ppo_epochs: {
    type: 'number',
    default: 4,
    min: 1,
    max: 64,
    integer: true,
    unit: 'epochs',
    help: 'Times that a rollout is gone through.',
  },
  num_mini_batches: {
    type: 'number',
    default: 1,
    min: 1,
    max: 64,
    integer: true,
    unit: 'steps',
    help: 'Optimizer steps of each time.',
  },
  cliprange: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 10,
    advanced: true,
    help: 'How far the ratio of a token may leave 1 before it gains nothing more.',
  },
  cliprange_value: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 1000,
    advanced: true,
    help: 'How far a value may leave what it was at the rollout before it gains nothing more.',
  },
  vf_coef: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 100,
    advanced: true,
    help: 'Weight of the value loss. The value model has weights and an optimizer of its own, so this matters to clipping alone.',
  },
  gamma: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1,
    advanced: true,
    help: 'How much a reward counts one token earlier.',
  },
  lam: {
    type: 'number',
    default: 0.95,
    min: 0,
    max: 1,
    advanced: true,
    help: 'λ of GAE: 0 trusts the value model, 1 trusts the rewards alone.',
  },
  whiten_rewards: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Scales the rewards of a rollout to deviation 1. Advantages are always shifted and scaled.',
  },
  missing_eos_penalty: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1000,
    advanced: true,
    help: 'Taken from the score of a completion that was cut off; 0 takes nothing.',
  },
  ...rest,
} as const satisfies Fields;

export const config = {
  id: 'ppo',
  title: 'PPO',
  isOnline: true,
  hasValueModel: true,
  trainsOn: ['prompt-only', 'preference', 'unpaired-preference', 'prompt-completion', 'messages'],
  needsReference: () => true,
  check: (args) => {
    checkLengths(args);
    checkKlTarget(args, 'kl_coef');
    const { rows, stepsPerPass } = ppoPlan(args as unknown as PpoPlanArgs);
    if (args.whiten_rewards === true && rows / stepsPerPass < 8)
      throw new ConfigError(
        `whiten_rewards needs minibatches of at least 8 completions, got ${rows / stepsPerPass}. Raise per_device_train_batch_size, or lower num_mini_batches.`,
        { where: 'whiten_rewards' },
      );
  },
  fields,
  metrics: onlineMetrics('kl_estimator', {
    loss: { unit: '', meaning: 'Policy loss and vf_coef · value loss.' },
    'loss/policy_avg': { unit: '', meaning: 'Mean clipped policy loss of a token.' },
    'loss/value_avg': { unit: '', meaning: 'Half the mean squared error of the values, clipped.' },
    'policy/approxkl_avg': {
      unit: 'nats a token',
      meaning: 'Half the mean square of the change of log π since the rollout.',
    },
    'policy/clipfrac_avg': { unit: 'share', meaning: 'Tokens whose ratio is clipped.' },
    'policy/entropy_avg': {
      unit: 'nats a token',
      meaning: 'How undecided the policy is at the tokens of its completions.',
    },
    'val/clipfrac_avg': { unit: 'share', meaning: 'Values that are clipped.' },
    'val/ratio': {
      unit: '',
      meaning: 'Mean ratio of π to what it was at the rollout; 1 at the first step of a rollout.',
    },
    'val/num_eos_tokens': { unit: 'completions', meaning: 'Completions of a rollout that ended by themselves.' },
    'val/explained_variance': {
      unit: 'share',
      meaning: 'Share of the returns’ variance that the values of the rollout foresaw; TRL does not log it.',
    },
    'grad_norm/value_model': { unit: '', meaning: 'Length of the value model’s gradient before it is clipped.' },
  }),
} satisfies TrainerConfig;

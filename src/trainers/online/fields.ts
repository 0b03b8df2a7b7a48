// Settings that all online methods share, and the words for what they log; data only. Names are TRL's (RLOOConfig, PPOConfig).
import { ConfigError } from '../../lib/errors';
import type { Fields } from '../../lib/fields';
import { firstFields, loopFields, loopMetrics, rowFields } from '../sharedFields';
import type { TrainerConfig } from '../trainerConfig';

/** Shared fields with defaults of their own, in two parts: what is shown first, and the rest. */
export function onlineFields(defaults: {
  learning_rate: number;
  max_steps: number;
  num_generations: number;
  temperature: number;
}) {
  return {
    first: {
      learning_rate: {
        ...firstFields.learning_rate,
        default: defaults.learning_rate,
        help: 'Size of an optimizer step at the peak of the schedule; TRL starts from 1e-6 (RLOO) and 3e-6 (PPO), which suit models a thousand times larger.',
      },
      per_device_train_batch_size: {
        ...firstFields.per_device_train_batch_size,
        default: 16,
        unit: 'completions',
        help: 'Completions in one micro-batch; with gradient_accumulation_steps it says how many are drawn in a rollout. TRL has 8.',
      },
      max_steps: { ...firstFields.max_steps, default: defaults.max_steps },
      num_generations: {
        type: 'number',
        default: defaults.num_generations,
        min: 1,
        max: 64,
        integer: true,
        unit: 'completions',
        help: 'Completions of each prompt in a rollout.',
      },
      max_completion_length: {
        type: 'number',
        default: 96,
        min: 1,
        max: 1024,
        integer: true,
        unit: 'tokens',
        help: 'Longest completion; what has not ended by then is cut off. TRL has 512 (RLOO) and 53 (PPO, response_length).',
      },
      temperature: {
        type: 'number',
        default: defaults.temperature,
        min: 0.05,
        max: 10,
        help: 'Divides the logits, in sampling and in all log-probabilities: the policy that is trained is the one that was sampled.',
      },
    },
    rest: {
      top_p: {
        type: 'number',
        default: 1,
        min: 0.01,
        max: 1,
        advanced: true,
        help: 'Samples from the likeliest tokens of this mass. Below 1 the ratio is biased: what is trained is not what was sampled.',
      },
      top_k: {
        type: 'number',
        default: 0,
        min: 0,
        max: 1024,
        integer: true,
        advanced: true,
        help: 'Samples from so many likeliest tokens; 0 from all. Above 0 the ratio is biased.',
      },
      min_p: {
        type: 'number',
        default: 0,
        min: 0,
        max: 1,
        advanced: true,
        help: 'Leaves out tokens below this share of the likeliest one’s probability. Above 0 the ratio is biased.',
      },
      kl_target: {
        type: 'number',
        default: 0,
        min: 0,
        max: 1000,
        unit: 'nats a completion',
        help: 'KL that the coefficient is steered to after each rollout, from where it starts, above 0; 0 leaves it as it is. TRL no longer has it.',
      },
      kl_horizon: {
        type: 'number',
        default: 1000,
        min: 1,
        max: 1_000_000,
        unit: 'completions',
        advanced: true,
        help: 'How slowly it is steered: over so many completions a KL a fifth off moves it by a fifth.',
      },
      max_length: {
        ...rowFields.max_length,
        help: 'Most tokens of prompt and completion together; prompts that leave no room for max_completion_length are left out.',
      },
      ...loopFields,
      eval_steps: {
        ...loopFields.eval_steps,
        default: 25,
        help: 'Steps between rollouts on held-out prompts; 0 measures only at the start and at the end. TRL draws none where nothing is said.',
      },
      max_eval_samples: {
        ...loopFields.max_eval_samples,
        default: 32,
        help: 'Held-out prompts behind the eval_ figures, answered once each.',
      },
      generate_steps: { ...loopFields.generate_steps, default: 25 },
    },
  } as const satisfies Record<string, Fields>;
}

/** Throws ConfigError where prompts would have no room. */
export function checkLengths({ max_completion_length, max_length }: { [key: string]: unknown }): void {
  if (Number(max_completion_length) >= Number(max_length))
    throw new ConfigError(
      `max_completion_length must be below max_length, got ${max_completion_length} and ${max_length}: there is no room for a prompt. Lower it, or raise max_length.`,
      { where: 'max_completion_length' },
    );
}

/** Throws ConfigError where a KL is aimed at with a coefficient of 0: it is steered by shares of itself, and so stays 0. */
export function checkKlTarget(args: { [key: string]: unknown }, coefficient: 'beta' | 'kl_coef'): void {
  if (Number(args.kl_target) > 0 && args[coefficient] === 0)
    throw new ConfigError(
      `kl_target is ${args.kl_target} and ${coefficient} is 0: the target is reached by raising and lowering ${coefficient} by a share of itself, and a share of 0 is 0. Start from a ${coefficient} above 0, or set kl_target to 0.`,
      { where: 'kl_target' },
    );
}

/** What every online method logs. `penalty`: the estimator that the KL penalty is made of. */
export function onlineMetrics(penalty: string, more: TrainerConfig['metrics']): TrainerConfig['metrics'] {
  const rollout: TrainerConfig['metrics'] = {
    reward: { unit: '', meaning: 'Mean weighted sum of the reward functions, before any penalty.' },
    reward_std: {
      unit: '',
      meaning:
        'How far the rewards of a rollout lie apart; at 0 nothing is learned from them. It takes two to have one.',
    },
    'rewards/<function>/mean': {
      unit: '',
      meaning: 'Mean reward by one function, over the completions that it applies to.',
    },
    'rewards/<function>/std': { unit: '', meaning: 'Deviation of the same.' },
    kl: {
      unit: 'nats a token',
      meaning: 'Mean log π − log π_ref of the drawn tokens, k1: right on average, but noisy.',
    },
    'kl/k2': { unit: 'nats a token', meaning: 'Half the mean square of the same: never negative, a little off.' },
    'kl/k3': { unit: 'nats a token', meaning: 'Mean e^(−d) − 1 + d of the same: right on average, never negative.' },
    'objective/scores': { unit: '', meaning: 'E[r]: the mean reward, as in reward.' },
    'objective/kl': {
      unit: 'nats',
      meaning: `KL of a whole completion from the reference: the sum of ${penalty} over its tokens.`,
    },
    'objective/kl_coef': { unit: '', meaning: 'β as it stands; it moves only where kl_target is set.' },
    'objective/non_score_reward': { unit: '', meaning: '−β · KL.' },
    'objective/rlhf_reward': { unit: '', meaning: 'E[r] − β · KL: what is maximised.' },
    'objective/entropy': {
      unit: 'nats',
      meaning: 'Mean −log π of a whole completion: how surprising its own answers are to the policy.',
    },
    'completions/mean_length': { unit: 'tokens', meaning: 'Mean length of a completion, its end of turn included.' },
    'completions/min_length': { unit: 'tokens', meaning: 'Shortest completion.' },
    'completions/max_length': { unit: 'tokens', meaning: 'Longest completion.' },
    'completions/clipped_ratio': { unit: 'share', meaning: 'Completions that were cut off before they ended.' },
    'completions/mean_terminated_length': {
      unit: 'tokens',
      meaning: 'Mean length of those that ended; 0 where none did.',
    },
    'completions/min_terminated_length': { unit: 'tokens', meaning: 'Shortest of those that ended.' },
    'completions/max_terminated_length': { unit: 'tokens', meaning: 'Longest of those that ended.' },
  };
  const held = Object.entries(rollout).map(([name, { unit }]) => [
    `eval_${name}`,
    { unit, meaning: `${name} over the held-out prompts.` },
  ]);
  return {
    ...rollout,
    ...Object.fromEntries(held),
    ...more,
    ...loopMetrics,
    episode: { unit: 'completions', meaning: 'Completions drawn since the start.' },
    'time/rollout': {
      unit: 's',
      meaning: 'Time spent on drawing completions since the last point; turns of others in between are not counted.',
    },
    'time/scoring': { unit: 's', meaning: 'Time spent on rewards, old and reference log-probabilities, and values.' },
    'time/update': { unit: 's', meaning: 'Time spent on optimizer steps.' },
  };
}

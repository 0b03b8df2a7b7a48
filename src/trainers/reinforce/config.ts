// REINFORCE with a KL penalty in the reward: settings and metrics, data only. Names are RLOO's and OpenRLHF's where they have them.
import { ConfigError } from '../../lib/errors';
import type { Fields } from '../../lib/fields';
import { checkKlTarget, checkLengths, onlineFields, onlineMetrics } from '../online/fields';
import type { TrainerConfig } from '../trainerConfig';

const { first, rest } = onlineFields({ learning_rate: 1e-4, max_steps: 100, num_generations: 1, temperature: 1 });
export const fields = {
  ...first,
  kl_coef: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 100,
    log: true,
    help: 'How dear it is to leave the reference: each token’s log-ratio, times this, is taken from its reward.',
  },
  baseline: {
    type: 'choice',
    default: 'batch',
    options: ['batch', 'none'] as const,
    help: 'What is taken from the returns: their mean over the rollout, or nothing. Without one the gradient is right and noisy.',
  },
  normalize_advantages: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Divides the advantages by their deviation, as OpenRLHF does under the name reinforce.',
  },
  gamma: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1,
    advanced: true,
    help: 'How much a reward counts one token earlier.',
  },
  ...rest,
} as const satisfies Fields;

export const config = {
  id: 'reinforce',
  title: 'REINFORCE',
  isOnline: true,
  trainsOn: ['prompt-only', 'preference', 'unpaired-preference', 'prompt-completion', 'messages'],
  needsReference: () => true,
  check: (args) => {
    checkLengths(args);
    checkKlTarget(args, 'kl_coef');
    const { per_device_train_batch_size, gradient_accumulation_steps, num_generations } = args;
    const rows = Number(per_device_train_batch_size) * Number(gradient_accumulation_steps);
    if (rows % Number(num_generations) !== 0)
      throw new ConfigError(
        `A rollout of ${rows} completions (per_device_train_batch_size · gradient_accumulation_steps) must be a multiple of num_generations, got ${num_generations}. Change one of them.`,
        { where: 'num_generations' },
      );
  },
  fields,
  metrics: onlineMetrics('k1', {
    loss: {
      unit: '',
      meaning: 'Mean over completions of −Σ advantage · log π: its slope teaches, its value says nothing.',
    },
    entropy: { unit: 'nats a token', meaning: 'How undecided the policy is at the tokens of its completions.' },
    'returns/mean': { unit: '', meaning: 'Mean return of a token: the rewards from it on.' },
    'returns/std': { unit: '', meaning: 'Deviation of the same: the noise that a baseline is there against.' },
  }),
} satisfies TrainerConfig;

// Kahneman–Tversky optimization on single answers with a label: settings and metrics, data only. Names are TRL's (KTOConfig).
import { ConfigError } from '../../lib/errors';
import type { Fields } from '../../lib/fields';
import { type KtoLossId, ktoLosses } from '../../protocol/ktoLosses';
import { beta, preferenceFields } from '../preference/fields';
import { pairMetrics } from '../preference/metrics';
import type { TrainerConfig } from '../trainerConfig';

const KTO_LOSS_TYPES = Object.keys(ktoLosses) as KtoLossId[];

const { first, rest } = preferenceFields({ learning_rate: 3e-4, max_steps: 200 });
const weight = { type: 'number', default: 1, min: 0, max: 1000, advanced: true } as const;
export const fields = {
  ...first,
  per_device_train_batch_size: {
    ...first.per_device_train_batch_size,
    unit: 'answers',
    help: 'Answers in one micro-batch; kto reads a second row for each, its prompt with another’s answer.',
  },
  beta,
  loss_type: {
    type: 'choice',
    default: 'kto',
    options: KTO_LOSS_TYPES,
    help: 'kto measures from what the policy does to answers of other prompts; apo_zero_unpaired from the reference itself.',
  },
  desirable_weight: {
    ...weight,
    help: 'Weight of good answers. The paper wants n_good · w_good ∕ (n_bad · w_bad) between 1 and 4 ∕ 3.',
  },
  undesirable_weight: { ...weight, help: 'Weight of bad answers.' },
  ...rest,
} as const satisfies Fields;

const {
  'rewards/accuracies': _,
  'eval_rewards/accuracies': __,
  ...shared
} = pairMetrics('β · (log π − log π_ref)', {
  loss: { unit: '', meaning: 'Mean loss of an answer; 0.5 where policy and reference agree.' },
  kl: {
    unit: 'nats',
    meaning:
      'z: the mean log-ratio of answers under prompts that they do not answer, never below 0. No KL of one text.',
  },
});

export const config = {
  id: 'kto',
  title: 'KTO',
  trainsOn: ['unpaired-preference', 'preference'],
  // The second is the prompt with another's answer.
  rowsPerItem: ({ loss_type }) => (ktoLosses[loss_type as KtoLossId].needsZ ? 2 : 1),
  needsReference: () => true,
  check: ({ loss_type, per_device_train_batch_size }) => {
    if (ktoLosses[loss_type as KtoLossId].needsZ && per_device_train_batch_size === 1)
      throw new ConfigError(
        'per_device_train_batch_size must be at least 2 for loss_type kto, got 1: each prompt is also read with the answer of another row of its batch. Raise it, or choose apo_zero_unpaired.',
        { where: 'per_device_train_batch_size' },
      );
  },
  fields,
  metrics: shared,
} satisfies TrainerConfig;

// Direct preference optimization: settings and metrics, data only. Names are TRL's (DPOConfig).
import type { Fields } from '../../lib/fields';
import { checkDpoArgs, dpoLosses, F_DIVERGENCES, type PairLossArgs } from '../../protocol/pairLosses';
import { beta, preferenceFields } from '../preference/fields';
import { pairMetrics } from '../preference/metrics';
import type { TrainerConfig } from '../trainerConfig';

/** DPOTrainer's loss_type, and ours. */
export const DPO_LOSS_TYPES = [
  ...(Object.keys(dpoLosses) as (keyof typeof dpoLosses)[]),
  'aot',
  'aot_unpaired',
  'sft',
] as const;

const own = {
  loss_type: {
    type: 'choices',
    default: ['sigmoid'],
    options: DPO_LOSS_TYPES,
    help: 'Loss of a pair; several are added with loss_weights. sft is the mean −log p of the chosen tokens.',
  },
  loss_weights: {
    type: 'numbers',
    default: [],
    min: 0,
    max: 1000,
    advanced: true,
    help: 'A weight for each loss_type, in their order; 1 each where nothing is said.',
  },
  label_smoothing: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.5,
    advanced: true,
    help: 'Share of the votes that are taken to be wrong; read by robust, exo_pair, cdpo, aot and aot_unpaired.',
  },
  f_divergence_type: {
    type: 'choice',
    default: 'reverse_kl',
    options: F_DIVERGENCES,
    advanced: true,
    help: 'Divergence from the reference that the loss stands for; DPO’s own is reverse_kl.',
  },
  f_alpha_divergence_coef: {
    type: 'number',
    default: 0.5,
    min: -10,
    max: 10,
    advanced: true,
    help: 'The α of alpha_divergence; at 1 it is reverse_kl.',
  },
  discopop_tau: {
    type: 'number',
    default: 0.05,
    min: 0.001,
    max: 10,
    advanced: true,
    help: 'How sharply discopop passes from logistic to exponential.',
  },
  reference_free: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Takes the reference for a model that finds all answers equally likely: no anchor. TRL no longer has it.',
  },
  precompute_ref_log_probs: {
    type: 'boolean',
    default: false,
    advanced: true,
    help: 'Asks the reference for all rows before the first step and lets it go: less memory, a slower start, the same numbers.',
  },
} as const satisfies Fields;

const { first, rest } = preferenceFields({ learning_rate: 3e-4, max_steps: 200 });
export const fields = { ...first, beta, ...own, ...rest } as const satisfies Fields;

export const config = {
  id: 'dpo',
  title: 'DPO',
  trainsOn: ['preference'],
  rowsPerItem: () => 2,
  needsReference: ({ reference_free, loss_type }) =>
    reference_free !== true && (loss_type as readonly string[]).some((type) => type !== 'sft'),
  check: ({ loss_type, loss_weights, ...args }) => {
    const weights = loss_weights as readonly number[];
    checkDpoArgs(loss_type as readonly string[], weights.length ? weights : undefined, args as unknown as PairLossArgs);
  },
  fields,
  metrics: pairMetrics('β · (log π − log π_ref)'),
} satisfies TrainerConfig;

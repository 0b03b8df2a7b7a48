// Contrastive preference optimization, SimPO and AlphaPO among its losses: settings and metrics, data only. Names are TRL's
// (CPOConfig).
import type { Fields } from '../../lib/fields';
import { cpoLosses } from '../../protocol/pairLosses';
import { beta, preferenceFields } from '../preference/fields';
import { pairMetrics } from '../preference/metrics';
import type { TrainerConfig } from '../trainerConfig';

const CPO_LOSS_TYPES = Object.keys(cpoLosses) as (keyof typeof cpoLosses)[];

const { first, rest } = preferenceFields({ learning_rate: 3e-4, max_steps: 200 });
export const fields = {
  ...first,
  loss_type: {
    type: 'choice',
    default: 'sigmoid',
    options: CPO_LOSS_TYPES,
    help: 'Loss of a pair; simpo compares log p per token and wants cpo_alpha at 0 to be SimPO alone; alphapo is simpo with alpha, and takes cpo_alpha for 0.',
  },
  beta: { ...beta, help: 'What log-probabilities are multiplied by; SimPO’s paper has 2 to 2.5.' },
  simpo_gamma: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 100,
    help: 'Margin that simpo and alphapo want between the two answers before their pull eases.',
  },
  alpha: {
    type: 'number',
    default: 0,
    min: -10,
    max: 10,
    help: 'AlphaPO’s α: rewards are (1 − p^−α) ∕ α instead of log p, under every loss here; at 0 they are log p.',
  },
  cpo_alpha: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1000,
    help: 'Weight of the mean −log p of the chosen answers beside the loss of the pairs; above 0 it adds SFT; alphapo takes it for 0.',
  },
  label_smoothing: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.5,
    advanced: true,
    help: 'Share of the votes that are taken to be wrong; read by sigmoid, simpo and alphapo.',
  },
  ...rest,
} as const satisfies Fields;

export const config = {
  id: 'cpo',
  title: 'CPO and SimPO',
  trainsOn: ['preference'],
  rowsPerItem: () => 2,
  fields,
  metrics: pairMetrics('β · log π, or what alpha makes of it', {
    nll_loss: { unit: 'nats a token', meaning: 'Mean −log p over the chosen answers.' },
  }),
} satisfies TrainerConfig;

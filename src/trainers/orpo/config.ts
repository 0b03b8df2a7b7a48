// Odds-ratio preference optimization: settings and metrics, data only. Names are TRL's (ORPOConfig).
import type { Fields } from '../../lib/fields';
import { beta, preferenceFields } from '../preference/fields';
import { pairMetrics } from '../preference/metrics';
import type { TrainerConfig } from '../trainerConfig';

const { first, rest } = preferenceFields({ learning_rate: 1e-3, max_steps: 200 });
export const fields = {
  ...first,
  beta: { ...beta, help: 'Weight of the odds ratio beside the −log p of prompt and chosen answer (λ in the paper).' },
  ...rest,
} as const satisfies Fields;

export const config = {
  id: 'orpo',
  title: 'ORPO',
  trainsOn: ['preference'],
  rowsPerItem: () => 2,
  fields,
  metrics: pairMetrics('β · log π a token', {
    loss: {
      unit: '',
      meaning: 'Mean −log p of prompt and chosen answer, plus the weighted odds-ratio loss of a pair.',
    },
    nll_loss: { unit: 'nats a token', meaning: 'Mean −log p over prompt and chosen answer, as TRL has it.' },
    log_odds_ratio: {
      unit: 'nats',
      meaning: 'Mean log σ of the log odds ratio: negative, and 0 where chosen has won.',
    },
    log_odds_chosen: {
      unit: 'nats',
      meaning: 'Mean log odds of chosen over rejected, per token; above 0 chosen leads.',
    },
  }),
} satisfies TrainerConfig;

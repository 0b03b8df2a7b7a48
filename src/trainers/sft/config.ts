// Supervised fine-tuning: settings and metrics, data only. Names are TRL's (SFTConfig).
import type { Fields } from '../../lib/fields';
import { firstFields, loopFields, loopMetrics, rowFields } from '../sharedFields';
import type { TrainerConfig } from '../trainerConfig';

export const fields = {
  ...firstFields,
  packing: {
    type: 'boolean',
    default: false,
    help: 'Fills rows up to max_length with several samples, each with its own positions and attention; saves padding.',
  },
  completion_only_loss: {
    type: 'boolean',
    default: true,
    help: 'Trains the completion alone; off, the prompt is trained too (full-sequence loss).',
  },
  assistant_only_loss: {
    type: 'boolean',
    default: false,
    help: 'Trains only what the template puts in {% generation %} blocks: every assistant turn.',
  },
  ...rowFields,
  assistant_spans: {
    type: 'choice',
    default: 'generation',
    options: ['generation', 'derived'] as const,
    advanced: true,
    help: 'Under assistant_only_loss: {% generation %} markers as in TRL, or spans derived from what the template prints.',
  },
  assistant_turns: {
    type: 'choice',
    default: 'all',
    options: ['all', 'last'] as const,
    advanced: true,
    help: 'Under assistant_only_loss: every assistant turn, or the last one only. TRL trains all.',
  },
  train_on_eos: {
    type: 'choice',
    default: 'turn',
    options: ['turn', 'all', 'last', 'none'] as const,
    advanced: true,
    help: 'Which end-of-turn tokens are trained, in Axolotl’s words; turn is what TRL does.',
  },
  loss_type: {
    type: 'choice',
    default: 'nll',
    options: ['nll', 'dft'] as const,
    advanced: true,
    help: 'nll is −log p; dft weighs it by the probability itself, without gradient, so rare tokens pull less.',
  },
  ...loopFields,
} as const satisfies Fields;

export const config = {
  id: 'sft',
  title: 'Supervised fine-tuning',
  trainsOn: ['messages', 'prompt-completion', 'text'],
  fields,
  metrics: {
    loss: { unit: 'nats a token', meaning: 'Mean −log p of the trained tokens of a step; lower is better.' },
    eval_loss: { unit: 'nats a token', meaning: 'The same over all trained tokens of the held-out rows.' },
    mean_token_accuracy: { unit: 'share', meaning: 'Share of trained tokens that were the model’s first choice.' },
    eval_mean_token_accuracy: { unit: 'share', meaning: 'The same on held-out rows.' },
    entropy: { unit: 'nats a token', meaning: 'How undecided the model is at the trained tokens; 0 is certain.' },
    eval_entropy: { unit: 'nats a token', meaning: 'The same on held-out rows.' },
    'loss/<adapter>': {
      unit: 'nats a token',
      meaning: 'The loss of one of several adapters, over its own tokens of the steps in which it had a row.',
    },
    'eval_loss/<adapter>': { unit: 'nats a token', meaning: 'The same over its own held-out rows.' },
    ...loopMetrics,
  },
} satisfies TrainerConfig;

// What the methods on pairs log, in TRL's words, each with its meaning.
import { loopMetrics } from '../sharedFields';
import type { TrainerConfig } from '../trainerConfig';

type Metrics = TrainerConfig['metrics'];

/** `reward`: what the method takes for the reward of an answer, as a formula. */
export function pairMetrics(reward: string, more: Metrics = {}): Metrics {
  const own: Metrics = {
    loss: { unit: '', meaning: 'Mean loss of a pair; ln 2 = 0.693 for sigmoid where policy and reference agree.' },
    'rewards/chosen': { unit: 'nats', meaning: `Mean ${reward} of the chosen answers.` },
    'rewards/rejected': { unit: 'nats', meaning: `Mean ${reward} of the rejected answers.` },
    'rewards/margins': { unit: 'nats', meaning: 'Mean reward of chosen minus rejected; what the loss wants to grow.' },
    'rewards/accuracies': {
      unit: 'share',
      meaning:
        'Share of pairs whose chosen reward is the larger; ties are no wins, so with a reference it starts from 0.',
    },
    'logps/chosen': {
      unit: 'nats',
      meaning: 'Mean log p of a chosen answer. It may fall while margins rise: only the difference is trained.',
    },
    'logps/rejected': { unit: 'nats', meaning: 'Mean log p of a rejected answer.' },
    'logits/chosen': { unit: '', meaning: 'Mean raw logit over vocabulary and chosen tokens: no probability.' },
    'logits/rejected': { unit: '', meaning: 'The same over rejected tokens.' },
    mean_token_accuracy: { unit: 'share', meaning: 'Share of chosen tokens that were the model’s first choice.' },
    entropy: { unit: 'nats a token', meaning: 'How undecided the model is at the tokens of both answers.' },
    ...more,
  };
  const held = Object.entries(own).map(([name, { unit }]) => [
    `eval_${name}`,
    { unit, meaning: `${name} over the held-out pairs.` },
  ]);
  return { ...own, ...Object.fromEntries(held), ...loopMetrics };
}

// Settings that all methods on preference data share; the defaults that suit small models are each method's own.
import type { NumberField } from '../../lib/fields';
import { firstFields, loopFields, rowFields } from '../sharedFields';

export const beta = {
  type: 'number',
  default: 0.1,
  min: 0,
  max: 100,
  log: true,
  help: 'How dear it is to leave the reference: larger keeps closer to it, and makes each reward larger.',
} as const satisfies NumberField;

/** Shared fields with defaults of their own, in two parts: what is shown first, and the rest. */
export function preferenceFields(defaults: { learning_rate: number; max_steps: number }) {
  return {
    first: {
      ...firstFields,
      learning_rate: {
        ...firstFields.learning_rate,
        default: defaults.learning_rate,
        help: 'Size of an optimizer step at the peak of the schedule; TRL starts from 1e-6, which suits models a thousand times larger.',
      },
      max_steps: { ...firstFields.max_steps, default: defaults.max_steps },
      per_device_train_batch_size: {
        ...firstFields.per_device_train_batch_size,
        unit: 'pairs',
        help: 'Pairs in one micro-batch, each of two rows; memory grows with it.',
      },
    },
    rest: {
      ...rowFields,
      ...loopFields,
      eval_steps: { ...loopFields.eval_steps, default: 25 },
    },
  } as const;
}

// What loop.ts needs from a method: which outputs, the loss on a batch, and the counts that it is divided by.
import type { LossFn, Want } from '../nn/seam';
import type { Batch } from '../protocol/batch';

export interface Trainer {
  id: string;
  want: Want[];
  /** Denominators of the loss's sums in one micro-batch, by name; loop.ts adds them up over the step beforehand. */
  counts(batch: Batch): Record<string, number>;
  /** The loss of one micro-batch; synchronous tf ops inside. */
  loss(batch: Batch, args: { [key: string]: unknown }): LossFn;
}

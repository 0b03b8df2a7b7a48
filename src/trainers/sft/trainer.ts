// Supervised fine-tuning: masked cross-entropy, averaged over the trained tokens of the whole optimizer step, as TRL's
// SFTTrainer (loss types nll and dft; dft: Wu et al. 2025, arXiv:2508.05629, eq. 9). Departs from it: nothing.
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import type { Trainer } from '../trainer';
import type { fields } from './config';

type SftLossArgs = Pick<ConfigOf<typeof fields>, 'loss_type'>;

/** −sg(p) · log p per token: the value of dft, with p a constant in the gradient. */
const dftLosses = tf.customGrad((x, save) => {
  const logps = x as tf.Tensor2D;
  const p = tf.exp(logps);
  (save as tf.GradSaveFunc)([p]);
  return {
    value: tf.neg(tf.mul(p, logps)),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.neg(tf.mul(dy, saved[0]!)),
  };
});

/** Trained tokens of a batch: Σ m. */
export const trainedTokens = ({ mask }: Pick<Batch, 'mask'>): number => mask.reduce((a, b) => a + b, 0);

/**
 * Sum over trained tokens of −log p(target), and their count. Targets and mask are already shifted (Batch).
 * Example: p = 0.8 and 0.4 cost 0.223 + 0.916 = 1.139 nats summed, 0.570 a token.
 */
export function loss(batch: Pick<Batch, 'mask'>, { loss_type }: SftLossArgs): LossFn {
  const count = trainedTokens(batch);
  const fn: LossFn = ({ logps, argmax, entropies, mask, targets }) => {
    const perToken = loss_type === 'dft' ? (dftLosses(logps!) as tf.Tensor2D) : tf.neg(logps!); // [B, T]
    const hits = tf.cast(tf.equal(argmax!, targets), 'float32'); // [B, T]
    const mean = (x: tf.Tensor) => tf.div(tf.sum(tf.mul(x, mask)), Math.max(count, 1)) as tf.Scalar;
    return {
      sums: { loss: tf.sum(tf.mul(perToken, mask)) as tf.Scalar },
      counts: { loss: count },
      metrics: { mean_token_accuracy: mean(hits), entropy: mean(entropies!) },
    };
  };
  return Object.assign(fn, { fused: { kind: 'cross_entropy', dft: loss_type === 'dft', count } as const });
}

export const trainer: Trainer = {
  id: 'sft',
  want: ['logps', 'argmax', 'entropies'],
  counts: (batch) => ({ loss: trainedTokens(batch) }),
  loss: (batch, args) => loss(batch, args as SftLossArgs),
};

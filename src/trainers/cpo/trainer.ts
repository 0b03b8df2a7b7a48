// Contrastive preference optimization (Xu et al. 2024, arXiv:2401.08417), SimPO (Meng et al. 2024, arXiv:2405.14734) and AlphaPO
// (Gupta et al. 2025, arXiv:2501.03884), as TRL's CPOTrainer: no reference, and cpo_alpha times the NLL of the chosen answers.
// Departs from it: logits/* are means over the answers' tokens (as DPO's), not over prompt and padding as well; under `alpha` exponents
// stop at 80, so that f32 stays finite, where TRL's rewards soon are infinite; rows are encoded as DPO's, as under ORPO.
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { chosenTokens, pairTensors, tokenMetrics } from '../preference/pairBatch';
import { chosenNll, pairMetrics } from '../preference/sums';
import { cpoVariants } from '../preference/variants';
import type { Trainer } from '../trainer';
import { config, type fields } from './config';

type CpoLossArgs = Pick<
  ConfigOf<typeof fields>,
  'loss_type' | 'beta' | 'label_smoothing' | 'simpo_gamma' | 'alpha' | 'cpo_alpha'
>;

const counts = (batch: Batch): Record<string, number> => ({ loss: batch.B / 2, nll: chosenTokens(batch, batch.mask) });

/** TRL's CPOConfig sets cpo_alpha to 0 where loss_type is alphapo, whatever was given. */
const nllWeight = ({ loss_type, cpo_alpha }: CpoLossArgs): number => (loss_type === 'alphapo' ? 0 : cpo_alpha);

/** Σ over pairs of the loss, and cpo_alpha · Σ −log p over the chosen tokens; each over its own count. */
export function loss(batch: Batch, args: CpoLossArgs): LossFn {
  return (outputs) => {
    const variant = cpoVariants[args.loss_type];
    const { pair, completion } = pairTensors(batch, outputs);
    const nll = chosenNll(outputs.logps!, completion);
    const own = counts(batch);
    return {
      sums: { loss: tf.sum(variant.terms(pair, args)), nll: tf.mul<tf.Scalar>(nllWeight(args), nll) },
      counts: own,
      metrics: {
        ...pairMetrics(variant, pair, args),
        ...tokenMetrics(outputs, completion),
        nll_loss: tf.div(nll, Math.max(own.nll!, 1)) as tf.Scalar,
      },
    };
  };
}

export const trainer: Trainer = {
  id: 'cpo',
  rowsPerItem: config.rowsPerItem,
  want: ['logps', 'argmax', 'entropies', 'meanLogits'],
  counts,
  loss: (batch, args) => loss(batch, args as CpoLossArgs),
};

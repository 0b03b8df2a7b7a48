// Odds-ratio preference optimization (Hong et al. 2024, arXiv:2403.07691, eqs. 4–7): SFT on the chosen answer and a pull on the
// odds per token, without a reference. As TRL's ORPOTrainer, whose NLL is over prompt AND chosen answer.
// Departs from it: logits/* are means over the answers' tokens (as DPO's), not over padding as well; rows are encoded as DPO's, where
// TRL's own code for CPO and ORPO adds BOS in front and EOS behind whatever a template prints, and no tools.
import * as tf from '@tensorflow/tfjs-core';
import type { TokenRow } from '../../data/collate';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { orpoLoss, type Pair } from '../../protocol/pairLosses';
import { chosenTokens, pairTensors, tokenMetrics } from '../preference/pairBatch';
import { chosenNll, pairMetrics } from '../preference/sums';
import { tensors } from '../preference/tensorAlgebra';
import { orpoVariant } from '../preference/variants';
import type { Trainer } from '../trainer';
import { config, type fields } from './config';

type OrpoLossArgs = Pick<ConfigOf<typeof fields>, 'beta'>;

/** Every token of a row is read; `completion` says which are the answer's. */
const withPrompt = (row: TokenRow): TokenRow => ({
  ...row,
  mask: new Uint8Array(row.ids.length).fill(1),
  tokenValues: { ...row.tokenValues, completion: Float32Array.from(row.mask) },
});

/** Pairs, and tokens of prompt and chosen answer. */
const counts = (batch: Batch): Record<string, number> => ({ loss: batch.B / 2, nll: chosenTokens(batch, batch.mask) });

/** Σ over pairs of β · −log σ(log odds ratio), and Σ over tokens of −log p; each over its own count. */
export function loss(batch: Batch, args: OrpoLossArgs): LossFn {
  return (outputs) => {
    const { pair, completion } = pairTensors(batch, outputs);
    const nll = chosenNll(outputs.logps!, outputs.mask);
    const own = counts(batch);
    const margins = orpoLoss.margin(tensors, pair as Pair<tf.Tensor>);
    return {
      sums: { loss: tf.sum(orpoVariant.terms(pair, args)), nll },
      counts: own,
      metrics: {
        ...pairMetrics(orpoVariant, pair, args),
        ...tokenMetrics(outputs, completion),
        nll_loss: tf.div(nll, Math.max(own.nll!, 1)) as tf.Scalar,
        log_odds_ratio: tf.mean(tf.logSigmoid(margins)),
        log_odds_chosen: tf.mean(margins),
      },
    };
  };
}

export const trainer: Trainer = {
  id: 'orpo',
  rowsPerItem: config.rowsPerItem,
  want: ['logps', 'argmax', 'entropies', 'meanLogits'],
  arrange: (rows) => rows.map(withPrompt),
  counts,
  loss: (batch, args) => loss(batch, args as OrpoLossArgs),
};

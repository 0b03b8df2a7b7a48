// Direct preference optimization and its variants (Rafailov et al. 2023, arXiv:2305.18290; the others in protocol/pairLosses),
// as TRL's DPOTrainer. Departs from it: it has cdpo and reference_free, which TRL no longer has, and stays finite where f32 would
// overflow: TRL's discopop is NaN from β·Δ below −88 (at τ 0.05), its forward_kl infinite or NaN from a log-ratio below −88. The
// exponents of forward_kl stop at 80 here, so beyond that its value and slope are not the true ones.
import * as tf from '@tensorflow/tfjs-core';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { chosenTokens, completionMask, pairTensors, tokenMetrics } from '../preference/pairBatch';
import { chosenNll, pairMetrics } from '../preference/sums';
import { dpoVariants } from '../preference/variants';
import type { ArrangedRow, Trainer } from '../trainer';
import { config, type fields } from './config';

export type DpoLossArgs = Pick<
  ConfigOf<typeof fields>,
  | 'loss_type'
  | 'loss_weights'
  | 'beta'
  | 'label_smoothing'
  | 'f_divergence_type'
  | 'f_alpha_divergence_coef'
  | 'discopop_tau'
  | 'reference_free'
>;

/** Each loss_type with its weight; 1 where none is given. */
const weighted = ({ loss_type, loss_weights }: DpoLossArgs) =>
  loss_type.map((type, i) => ({ type, weight: loss_weights[i] ?? 1 }));

/** The loss reads a row's `unscored` from its batch. */
const withUnscored = ({ unscored, ...row }: ArrangedRow): ArrangedRow =>
  unscored ? { ...row, values: { ...row.values, unscored } } : row;

/** Pairs, and with `sft` among the losses the chosen tokens, which its NLL is averaged over. */
export function counts(batch: Batch, args: DpoLossArgs): Record<string, number> {
  const pairs = { loss: batch.B / 2 };
  return args.loss_type.includes('sft') ? { ...pairs, sft: chosenTokens(batch, completionMask(batch)) } : pairs;
}

/** Σ over pairs of the weighted losses, and their count; `sft` is a sum over tokens of its own. Rows: chosen, rejected, chosen, … */
export function loss(batch: Batch, args: DpoLossArgs): LossFn {
  return (outputs) => {
    const { pair, completion } = pairTensors(batch, outputs);
    let pairs = tf.mul<tf.Scalar>(0, tf.sum(pair.chosenLogps));
    let sft: tf.Scalar | undefined;
    for (const { type, weight } of weighted(args))
      if (type === 'sft') sft = tf.mul<tf.Scalar>(weight, chosenNll(outputs.logps!, completion));
      else pairs = tf.add(pairs, tf.mul(weight, tf.sum(dpoVariants[type].terms(pair, args))));
    return {
      sums: { loss: pairs, ...(sft && { sft }) },
      counts: counts(batch, args),
      metrics: { ...pairMetrics(dpoVariants.sigmoid, pair, args), ...tokenMetrics(outputs, completion) },
    };
  };
}

export const trainer: Trainer = {
  id: 'dpo',
  rowsPerItem: config.rowsPerItem,
  want: ['logps', 'argmax', 'entropies', 'meanLogits'],
  arrange: (rows) => rows.map(withUnscored),
  counts: (batch, args) => counts(batch, args as DpoLossArgs),
  loss: (batch, args) => loss(batch, args as DpoLossArgs),
};

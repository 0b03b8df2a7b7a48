// The loss variants on tensors: each entry of src/protocol/pairLosses.ts bound to tfjs, and those that look at more than one
// pair: aot, aot_unpaired and sft. Same numbers as TRL 1.16's DPOTrainer, CPOTrainer and ORPOTrainer (parity.test.ts).
import * as tf from '@tensorflow/tfjs-core';
import {
  cpoLosses,
  type DpoLossId,
  dpoLosses,
  logRatios,
  orpoLoss,
  type Pair,
  type PairLoss,
  type PairLossArgs,
  pairLoss,
} from '../../protocol/pairLosses';
import { logSigmoid, tensors } from './tensorAlgebra';

/** [n] each. */
export type PairLogps = Pair<tf.Tensor1D>;

export interface LossVariant extends Omit<PairLoss, 'margin' | 'ofMargin' | 'ofRewards'> {
  id: string;
  /** The loss of each pair [n], not reduced. */
  terms(pair: PairLogps, args: PairLossArgs): tf.Tensor1D;
  /** The same on numbers, where each pair has a loss of its own: for the page. */
  scalar?: PairLoss;
}

function bind<Id extends string>(losses: Record<Id, PairLoss>): Record<Id, LossVariant> {
  const entries = (Object.entries(losses) as [Id, PairLoss][]).map(([id, scalar]): [Id, LossVariant] => {
    const { formula, source, meaning, needsReference, averaged, shaped, inTrl } = scalar;
    const terms = (pair: PairLogps, args: PairLossArgs) =>
      pairLoss(scalar, tensors, pair as Pair<tf.Tensor>, args) as tf.Tensor1D;
    return [id, { id, formula, source, meaning, needsReference, averaged, shaped, inTrl, terms, scalar }];
  });
  return Object.fromEntries(entries) as Record<Id, LossVariant>;
}

/** x [n] in descending order, with the gradient of a permutation: topk has none, and gathers differ between backends. */
const sorted = tf.customGrad((x, save) => {
  const n = (x as tf.Tensor).size;
  const ranks = tf.topk(x as tf.Tensor1D, n, true).indices;
  // tf.oneHot wants two columns at least, and gives integers' bits as floats on WASM.
  const order = tf.cast(tf.equal(tf.expandDims(ranks, 1), tf.range(0, n, 1, 'int32')), 'float32') as tf.Tensor2D; // [n, n]
  (save as tf.GradSaveFunc)([order]);
  return {
    value: tf.reshape(tf.matMul(order, tf.reshape(x as tf.Tensor, [n, 1])), [n]),
    gradFunc: (dy: tf.Tensor, [kept]: tf.Tensor[]) =>
      tf.reshape(tf.matMul(kept as tf.Tensor2D, tf.reshape(dy, [n, 1]), true), [n]),
  };
}) as (x: tf.Tensor) => tf.Tensor1D;

/** −(1 − ε) · log σ(β·x) − ε · log σ(−β·x) of the differences of two sorted samples. */
function sortedTerms(above: tf.Tensor, below: tf.Tensor, { beta, label_smoothing = 0 }: PairLossArgs): tf.Tensor1D {
  const m = tf.mul(tf.sub(sorted(above), sorted(below)), beta);
  const up = tf.mul(logSigmoid(m), label_smoothing - 1);
  return tf.sub(up, tf.mul(logSigmoid(tf.neg(m)), label_smoothing)) as tf.Tensor1D;
}

const aot = {
  source: 'Melnyk et al. 2024, arXiv:2406.05882; ε = label_smoothing',
  needsReference: true,
  averaged: false,
  inTrl: true,
} as const;

/** DPOTrainer's `loss_type` but `sft`, which is a sum over tokens (`sftSum`). */
export const dpoVariants: Record<DpoLossId | 'aot' | 'aot_unpaired', LossVariant> = {
  ...bind(dpoLosses),
  aot: {
    ...aot,
    id: 'aot',
    formula: 'smoothed −log σ(β · (x₍ᵢ₎ − y₍ᵢ₎)), x = log π(c) ∕ π(r), y = log π_ref(c) ∕ π_ref(r), both sorted',
    meaning: 'The whole batch’s preferences under the policy must dominate those under the reference, rank by rank.',
    terms({ chosenLogps, rejectedLogps, refChosenLogps, refRejectedLogps }, args) {
      const policy = tf.sub(chosenLogps, rejectedLogps);
      const reference = args.reference_free ? tf.zerosLike(policy) : tf.sub(refChosenLogps, refRejectedLogps);
      return sortedTerms(policy, reference, args);
    },
  },
  aot_unpaired: {
    ...aot,
    id: 'aot_unpaired',
    formula: 'smoothed −log σ(β · (d_c₍ᵢ₎ − d_r₍ᵢ₎)), d = log π − log π_ref, each side sorted',
    meaning:
      'The batch’s gains of chosen answers must dominate those of rejected ones, rank by rank, whoever they answer.',
    terms(pair, args) {
      const { chosen, rejected } = logRatios(tensors, pair as Pair<tf.Tensor>, args);
      return sortedTerms(chosen, rejected, args);
    },
  },
};

export const cpoVariants = bind(cpoLosses);
export const orpoVariant = bind({ odds_ratio: orpoLoss }).odds_ratio;

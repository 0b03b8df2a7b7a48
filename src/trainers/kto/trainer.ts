// Kahneman–Tversky optimization (Ethayarajh et al. 2024, arXiv:2402.01306), as TRL's KTOTrainer: answers with a label instead of
// pairs, measured from z, the mean log-ratio on prompts with the answer of another row.
// Departs from it: batches are shuffled, so the rows that z is of come from the prepared batches (TRL keeps their order for that);
// entropy and logits/* are over the answers alone, as there.
import * as tf from '@tensorflow/tfjs-core';
import type { TokenRow } from '../../data/collate';
import { DataError } from '../../lib/errors';
import type { ConfigOf } from '../../lib/fields';
import type { LossFn, Outputs } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { type KtoLossId, mismatchedRow } from '../../protocol/ktoLosses';
import { klBaseline, ktoMetrics, ktoTerms } from '../preference/kto';
import { referenceSums } from '../preference/pairBatch';
import { rowSums, sideOf } from '../preference/sums';
import type { ArrangedRow, Trainer } from '../trainer';
import { config, type fields } from './config';

type KtoLossArgs = Pick<
  ConfigOf<typeof fields>,
  'beta' | 'loss_type' | 'desirable_weight' | 'undesirable_weight' | 'per_device_train_batch_size' | 'max_length'
>;

const sizeOf = (args: Pick<KtoLossArgs, 'loss_type'>): number => config.rowsPerItem(args);

/** The prompt of one row with the answer of another, cut to max_length. */
function mismatched(prompt: ArrangedRow, answer: ArrangedRow, maxLength: number): TokenRow {
  const [from, cut] = [answer.promptLength, prompt.promptLength];
  if (from === undefined || cut === undefined)
    throw new DataError('A row for KTO needs a prompt and a completion. Choose rows that have both.', {
      where: 'prompt',
    });
  const ids = [...prompt.ids.subarray(0, cut), ...answer.ids.subarray(from)].slice(0, maxLength);
  const mask = [...new Uint8Array(cut), ...answer.mask.subarray(from)].slice(0, maxLength);
  const { route, values } = prompt;
  return {
    ids: Int32Array.from(ids),
    mask: Uint8Array.from(mask),
    ...(route !== undefined && { route }),
    ...(values && { values }),
  };
}
/** Each row, followed by its mismatched one where the loss reads z. */
export function arrange(rows: readonly ArrangedRow[], args: KtoLossArgs): TokenRow[] {
  if (sizeOf(args) === 1) return [...rows];
  const size = args.per_device_train_batch_size;
  return rows.flatMap((row, i) => {
    // Two answers to one prompt may stand together, as those of a pair do: what answers the prompt is no mismatch.
    let other = mismatchedRow(i, size, rows.length);
    for (let tried = 1; tried < size && hasPromptOf(row, rows[other]!); tried++)
      other = mismatchedRow(other, size, rows.length);
    return [row, mismatched(row, rows[other]!, args.max_length)];
  });
}
function hasPromptOf(row: ArrangedRow, other: ArrangedRow): boolean {
  const length = row.promptLength ?? 0;
  return other.promptLength === length && row.ids.subarray(0, length).every((id, t) => id === other.ids[t]);
}

const answers = (x: Float32Array, size: number): Float32Array => x.filter((_, row) => row % size === 0);

/** Σ over answers of the weighted loss, and their count. */
export function loss(batch: Batch, args: KtoLossArgs): LossFn {
  const size = sizeOf(args);
  const own = <X extends tf.Tensor>(x: X, side: 0 | 1): X => (size === 2 ? sideOf(x, side) : x);
  return (outputs) => {
    const sums = rowSums(outputs.logps!, outputs.mask).logps;
    const reference = referenceSums(batch, outputs.mask);
    const given = answers(batch.rowValues!.label!, size);
    const wanted = given.reduce((a, b) => a + b, 0);
    const rows = {
      logps: own(sums, 0),
      refLogps: own(reference, 0),
      labels: tf.tensor1d(given),
      z: size === 2 ? klBaseline(sideOf(sums, 1), sideOf(reference, 1)) : tf.scalar(0),
    };
    return {
      sums: { loss: tf.sum(ktoTerms(args.loss_type as KtoLossId, rows, args)) },
      counts: { loss: given.length },
      metrics: {
        ...ktoMetrics(rows, args, { wanted, unwanted: given.length - wanted }),
        ...tokenMetrics(outputs, given, (x) => own(x, 0)),
      },
    };
  };
}

/** entropy over the answers' tokens, and the mean raw logit of those of each label; a label without rows has none. */
function tokenMetrics(
  { entropies, meanLogits, mask }: Outputs,
  labels: Float32Array,
  own: (x: tf.Tensor2D) => tf.Tensor2D,
): Record<string, tf.Scalar> {
  const answer = own(mask);
  const mean = (x: tf.Tensor2D, weights: tf.Tensor) =>
    tf.div(tf.sum(tf.mul(own(x), weights)), tf.maximum(tf.sum(weights), 1)) as tf.Scalar;
  const out: Record<string, tf.Scalar> = { entropy: mean(entropies!, answer) };
  for (const [name, label] of [
    ['chosen', 1],
    ['rejected', 0],
  ] as const)
    if (labels.includes(label)) {
      const rows = tf.tensor2d(
        labels.map((x) => (x === label ? 1 : 0)),
        [labels.length, 1],
      );
      out[`logits/${name}`] = mean(meanLogits!, tf.mul(answer, rows));
    }
  return out;
}

export const trainer: Trainer = {
  id: 'kto',
  rowsPerItem: config.rowsPerItem,
  want: ['logps', 'entropies', 'meanLogits'],
  arrange: (rows, args) => arrange(rows, args as KtoLossArgs),
  counts: (batch, args) => ({ loss: batch.B / sizeOf(args as KtoLossArgs) }),
  loss: (batch, args) => loss(batch, args as KtoLossArgs),
};

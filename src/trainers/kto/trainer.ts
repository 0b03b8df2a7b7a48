// Kahneman–Tversky optimization (Ethayarajh et al. 2024, arXiv:2402.01306), as TRL's KTOTrainer: answers with a label instead of
// pairs, measured from z, the mean log-ratio on prompts with the answer of another row.
// As there, mismatched rows are made before batches are shuffled, and entropy and logits/* are over the answers alone. Departs from it:
// held-out pairs keep their sides together, where TRL has batches of one label after another and so no margins.
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
  | 'beta'
  | 'loss_type'
  | 'desirable_weight'
  | 'undesirable_weight'
  | 'per_device_train_batch_size'
  | 'max_length'
  | 'truncation_mode'
>;

const sizeOf = (args: Pick<KtoLossArgs, 'loss_type'>): number => config.rowsPerItem(args);

/** The prompt of one row with the whole answer of another, cut to max_length. */
function mismatched(prompt: ArrangedRow, answer: ArrangedRow, args: KtoLossArgs): TokenRow {
  const [from, cut] = [answer.promptLength, prompt.promptLength];
  if (from === undefined || cut === undefined)
    throw new DataError('A row for KTO needs a prompt and a completion. Choose rows that have both.', {
      where: 'prompt',
    });
  const whole = answer.wholeAnswer ?? { ids: answer.ids.subarray(from), mask: answer.mask.subarray(from) };
  const kept = args.truncation_mode === 'keep_end' ? [-args.max_length] : [0, args.max_length];
  const { route, values } = prompt;
  return {
    ids: Int32Array.from([...prompt.ids.subarray(0, cut), ...whole.ids].slice(...kept)),
    mask: Uint8Array.from([...new Uint8Array(cut), ...whole.mask].slice(...kept)),
    ...(route !== undefined && { route }),
    ...(values && { values }),
  };
}
/** Each row, followed by its mismatched one where the loss reads z. */
export function arrange(rows: readonly ArrangedRow[], args: KtoLossArgs): TokenRow[] {
  if (sizeOf(args) === 1) return [...rows];
  // Adapters that share a run are each measured on their own rows, as if they were alone.
  const byRoute = new Map<number | undefined, number[]>();
  rows.forEach(({ route }, i) => {
    const own = byRoute.get(route);
    if (own) own.push(i);
    else byRoute.set(route, [i]);
  });
  const others = new Array<ArrangedRow>(rows.length);
  for (const own of byRoute.values()) {
    const order = unpairedOrder(own.map((i) => rows[i]!)).map((place) => own[place]!);
    order.forEach((i, at) => {
      others[i] = rows[order[mismatchedRow(at, args.per_device_train_batch_size, order.length)]!]!;
    });
  }
  return rows.flatMap((row, i) => [row, mismatched(row, others[i]!, args)]);
}
/**
 * Places of the rows in TRL's order: of a block of pairs, the chosen answers come before the rejected ones (`unpair_preference_dataset`,
 * data_utils.py), so that both kinds answer strange prompts. The sides of a pair stand together here, and training shuffles them
 * anyway; held-out batches have both labels for it.
 */
function unpairedOrder(rows: readonly ArrangedRow[]): number[] {
  const items: number[][] = [];
  for (let i = 0; i < rows.length; i++) items.push(isPair(rows[i]!, rows[i + 1]) ? [i, ++i] : [i]);
  const order: number[] = [];
  for (let from = 0; from < items.length; from += UNPAIRED_AT_ONCE) {
    const block = items.slice(from, from + UNPAIRED_AT_ONCE);
    order.push(...block.map(([first]) => first!), ...block.flatMap(([, second]) => second ?? []));
  }
  return order;
}
/** Batch of datasets.map. */
const UNPAIRED_AT_ONCE = 1000;
const isPair = (row: ArrangedRow, next: ArrangedRow | undefined): boolean =>
  row.rowId !== undefined && row.rowId === next?.rowId && row.values?.label === 1 && next.values?.label === 0;

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

// What loop.ts needs from a method: which outputs, the loss on a batch, and the counts that it is divided by.
import type { TokenRow } from '../data/collate';
import type { Head, LossFn, Want } from '../nn/seam';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';

export interface ArrangedRow extends TokenRow {
  /** Tokens of its prompt, where the row has one. */
  promptLength?: number;
  /** Rows of one id are the sides of one pair. */
  rowId?: string;
  /** Of a row whose answer was cut: the answer as it was. */
  wholeAnswer?: Pick<TokenRow, 'ids' | 'mask'>;
  /** EncodedRow.unscored. */
  unscored?: number;
}
/** What a loss may know of the model. */
export type TrainedConfig = Pick<LlamaConfig, 'pad_token_id'>;
export interface Trainer {
  id: string;
  want: Want[];
  /** The head that the loss reads; the language model's by default. */
  head?: Head;
  /** Rows of a batch that one item of the data is: 2 for a pair, which then stand together. 1 by default. */
  rowsPerItem?(args: { [key: string]: unknown }): number;
  /** Encoded rows as the loss wants them: other masks, rows beside them. The rows as they are, unless given. */
  arrange?(rows: readonly ArrangedRow[], args: { [key: string]: unknown }): TokenRow[];
  /** Denominators of the loss's sums in one micro-batch, by the sums' names; loop.ts adds them up over the step beforehand. */
  counts(batch: Batch, args: { [key: string]: unknown }): Record<string, number>;
  /** The loss of one micro-batch; synchronous tf ops inside. */
  loss(batch: Batch, args: { [key: string]: unknown }, config: TrainedConfig): LossFn;
}

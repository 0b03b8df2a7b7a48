// Encoded rows → one micro-batch: right-padded, and shifted once and for all (facts §0: the mask belongs to the token that is
// predicted, so it moves to the position that predicts it).
import { ShapeError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { EncodedRow } from '../protocol/chat';

/** What collation needs of a row. */
export interface TokenRow extends Pick<EncodedRow, 'ids' | 'mask'> {
  /** rowAdapter of the row; that of the batch's options unless given. */
  route?: number;
  /** Batch.rowValues of the row. Of packed rows the first one's count. */
  values?: { [name: string]: number };
  /** Batch.tokenValues, of each of its tokens as a target. */
  tokenValues?: { [name: string]: ArrayLike<number> };
}

export interface CollateOptions {
  /** Allowed lengths, ascending; the batch takes the smallest that fits. */
  buckets?: readonly number[];
  /** Round the length up to a multiple of this; ignored when `buckets` is given. */
  padToMultipleOf?: number;
  /** Id at padding; any in the vocabulary. Padding is told by segmentIds, never by this id. 0 by default. */
  padId?: number;
  /** rowAdapter of rows that say nothing; −1 (the base) by default. */
  route?: number;
}

/** The length that rows of `longest` tokens are padded to. Throws ShapeError if no bucket is long enough. */
export function paddedLength(longest: number, { buckets, padToMultipleOf = 1 }: CollateOptions = {}): number {
  if (!buckets) return Math.ceil(longest / padToMultipleOf) * padToMultipleOf;
  const length = buckets.find((bucket) => bucket >= longest);
  if (length === undefined)
    throw new ShapeError(
      `A row of ${longest} tokens is longer than the largest bucket (${buckets.at(-1)}). Cut it to max_length first.`,
    );
  return length;
}

/**
 * `groups[b]` are the documents packed into row b, in order, all of one route; an unpacked row is a group of one. Shapes [B, T]
 * row-major.
 */
export function collatePacked(groups: readonly (readonly TokenRow[])[], options: CollateOptions = {}): Batch {
  const lengths = groups.map((group) => group.reduce((sum, row) => sum + row.ids.length, 0));
  const B = groups.length;
  const T = paddedLength(Math.max(1, ...lengths), options);
  const batch: Batch = {
    B,
    T,
    ids: new Int32Array(B * T).fill(options.padId ?? 0),
    positions: new Int32Array(B * T),
    segmentIds: new Int32Array(B * T),
    targets: new Int32Array(B * T),
    mask: new Float32Array(B * T),
    rowAdapter: Int32Array.from(groups, (group) => group[0]?.route ?? options.route ?? -1),
  };
  const [values, tokenValues] = [namesOf(groups, 'values'), namesOf(groups, 'tokenValues')];
  if (values.length) batch.rowValues = Object.fromEntries(values.map((name) => [name, new Float32Array(B)]));
  if (tokenValues.length)
    batch.tokenValues = Object.fromEntries(tokenValues.map((name) => [name, new Float32Array(B * T)]));
  groups.forEach((group, b) => {
    let at = b * T;
    for (const [name, value] of Object.entries(group[0]?.values ?? {})) batch.rowValues![name]![b] = value;
    group.forEach(({ ids, mask, tokenValues = {} }, segment) => {
      for (let t = 0; t < ids.length; t++, at++) {
        batch.ids[at] = ids[t]!;
        batch.positions[at] = t;
        batch.segmentIds[at] = segment + 1;
        // A document's last token predicts nothing, so the first of the next is never a target.
        if (t + 1 < ids.length && mask[t + 1]) {
          batch.targets[at] = ids[t + 1]!;
          batch.mask[at] = 1;
          for (const [name, values] of Object.entries(tokenValues)) batch.tokenValues![name]![at] = values[t + 1]!;
        }
      }
    });
  });
  return batch;
}

/** Names of what the rows bring beside their tokens. */
const namesOf = (groups: readonly (readonly TokenRow[])[], kind: 'values' | 'tokenValues'): string[] => [
  ...new Set(groups.flatMap((group) => group.flatMap((row) => Object.keys(row[kind] ?? {})))),
];

/** One row each. */
export const collate = (rows: readonly TokenRow[], options: CollateOptions = {}): Batch =>
  collatePacked(
    rows.map((row) => [row]),
    options,
  );

/** Trained predictions of a row: what `N` counts (position 0 is never a target). */
export const countTargets = ({ mask }: Pick<TokenRow, 'mask'>): number => {
  let n = 0;
  for (let t = 1; t < mask.length; t++) n += mask[t] ? 1 : 0;
  return n;
};

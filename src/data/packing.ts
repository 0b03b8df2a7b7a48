// TRL's packing strategy `bfd`: best-fit decreasing (Ding et al. 2024, arXiv:2404.10830). Over-long rows are cut first.
import { ConfigError } from '../lib/errors';

/**
 * Groups of row indices whose lengths sum to at most `maxLength`; longest rows first, ties in their given order, each into
 * the fullest bin that still holds it, the oldest among equals. Rows of length 0 are left out. Same order as TRL's.
 * Attention between the rows of a bin must be blocked (Batch.segmentIds), and positions restart.
 */
export function packBfd(lengths: readonly number[], maxLength: number): number[][] {
  if (!Number.isInteger(maxLength) || maxLength < 1)
    throw new ConfigError(`max_length must be a whole number of at least 1, got ${maxLength}.`, {
      where: 'max_length',
    });
  const order = lengths
    .map((length, index) => ({ index, length: Math.min(length, maxLength) }))
    .filter(({ length }) => length > 0)
    .sort((a, b) => b.length - a.length);
  const bins: number[][] = [];
  // space left → bins with exactly that space, oldest first
  const bySpace: number[][][] = Array.from({ length: maxLength + 1 }, () => []);
  for (const { index, length } of order) {
    let space = length;
    while (space < maxLength && bySpace[space]!.length === 0) space++;
    let bin = space < maxLength ? bySpace[space]!.shift() : undefined;
    if (!bin) {
      bin = [];
      bins.push(bin);
    }
    bin.push(index);
    bySpace[space - length]!.push(bin);
  }
  return bins;
}

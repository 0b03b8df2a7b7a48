// Which keys a token looks at, as ranges of rows: samples in a row stay apart, padding sees itself alone.
import { ShapeError } from '../lib/errors';
import type { Batch } from '../protocol/batch';

/** First key that token n attends to and last query that looks at it, global row numbers; padding sees itself alone. */
export function attentionRanges({ B, T, segmentIds }: Pick<Batch, 'B' | 'T' | 'segmentIds'>): {
  start: Uint32Array;
  end: Uint32Array;
} {
  const start = new Uint32Array(B * T);
  const end = new Uint32Array(B * T);
  for (let b = 0; b < B; b++) {
    const seen = new Set<number>();
    for (let t = 0; t < T; ) {
      const segment = segmentIds[b * T + t]!;
      let stop = t + 1;
      if (segment !== 0) while (stop < T && segmentIds[b * T + stop] === segment) stop++;
      if (segment !== 0 && seen.has(segment))
        throw new ShapeError(
          `Row ${b} holds the sample ${segment} in two pieces. Keep the tokens of a sample together.`,
        );
      seen.add(segment);
      start.fill(b * T + t, b * T + t, b * T + stop);
      end.fill(b * T + stop - 1, b * T + t, b * T + stop);
      t = stop;
    }
  }
  return { start, end };
}

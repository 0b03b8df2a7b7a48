// One comparison with a number that somebody else computed: a paper, transformers, torch, TRL.
import type { ConformanceResult } from '../../protocol/requests';

export interface VectorContext {
  /** Files of public/models: the tiny model and what transformers and torch made of it, the tokenizer. */
  read: (path: string) => Promise<Uint8Array>;
}
export interface Vector {
  id: string;
  title: string;
  /** Paper, file or paragraph that the expected numbers come from. */
  source: string;
  /** relative: largest difference over the largest expected value; absolute: largest difference. */
  toleranceKind: 'relative' | 'absolute';
  tolerance: number;
  /** On the person's own device. Both lists have the same length. */
  run(context: VectorContext): Promise<{ expected: ArrayLike<number>; found: ArrayLike<number> }>;
}

/** Numbers that the page shows of long lists. */
const SHOWN = 8;

/** Never throws for a wrong number: that is a result. NaN, infinity and another length fail. */
export function judge(vector: Vector, expected: ArrayLike<number>, found: ArrayLike<number>): ConformanceResult {
  let worst = expected.length === found.length ? 0 : Number.POSITIVE_INFINITY;
  let scale = 0;
  let at = 0;
  for (let i = 0; i < Math.min(expected.length, found.length); i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    scale = Math.max(scale, Math.abs(expected[i]!));
    if (!(difference <= worst)) {
      worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      at = i;
    }
  }
  const error = vector.toleranceKind === 'relative' ? worst / Math.max(scale, 1e-12) : worst;
  // The window with the worst number in it.
  const from = Math.max(0, Math.min(at - SHOWN / 2, expected.length - SHOWN));
  const { id, title, source, tolerance, toleranceKind } = vector;
  return {
    ...{ id, title, source, tolerance, toleranceKind },
    numbers: expected.length,
    shownFrom: from,
    expected: Array.from(expected).slice(from, from + SHOWN),
    found: Array.from(found).slice(from, from + SHOWN),
    error,
    passes: error <= tolerance,
  };
}

/** What a vector that could not run leaves behind. */
export function failed(vector: Vector, message: string): ConformanceResult {
  const { id, title, source, tolerance, toleranceKind } = vector;
  return {
    ...{ id, title, source, tolerance, toleranceKind },
    numbers: 0,
    shownFrom: 0,
    expected: [],
    found: [],
    error: Number.POSITIVE_INFINITY,
    passes: false,
    message,
  };
}

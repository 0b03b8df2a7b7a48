// How far votes carry: Wilson's interval of a share (1927), the difference of two shares, and Cohen's κ between two annotators (1960).

export interface Interval {
  low: number;
  high: number;
}

/** 95 % Wilson interval of k successes among n: says something at 0 and at 1, where the bootstrap has no width. NaN for n = 0. */
export function wilson(k: number, n: number): Interval {
  if (n === 0) return { low: Number.NaN, high: Number.NaN };
  const z = 1.959964;
  const p = k / n;
  const centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return { low: k === 0 ? 0 : Math.max(0, centre - half), high: k === n ? 1 : Math.min(1, centre + half) };
}

/** Share that stays possible with probability `tail` when none of `n` had it: the exact bound (Clopper & Pearson 1934). */
export const unseenShare = (n: number, tail: number): number => 1 - tail ** (1 / n);

/** 95 % interval of the difference of two shares of different items, k₁∕n₁ − k₂∕n₂: Newcombe 1998, method 10, from Wilson's of each. */
export function shareDifference(k1: number, n1: number, k2: number, n2: number): Interval {
  const [p1, p2] = [k1 / n1, k2 / n2];
  const [a, b] = [wilson(k1, n1), wilson(k2, n2)];
  return {
    low: p1 - p2 - Math.hypot(p1 - a.low, b.high - p2),
    high: p1 - p2 + Math.hypot(a.high - p1, p2 - b.low),
  };
}

export interface Agreement {
  /** (observed − expected) / (1 − expected); NaN where both gave one and the same answer throughout, or nothing. */
  kappa: number;
  /** Share of items on which both agree. */
  observed: number;
  /** That share if each kept to his own shares and drew blindly. */
  expected: number;
  n: number;
}
/** Cohen's κ of two lists of categories, item by item; a tie is a category like any other. Lists of unequal length: the shorter counts. */
export function cohensKappa(first: readonly string[], second: readonly string[]): Agreement {
  const n = Math.min(first.length, second.length);
  if (n === 0) return { kappa: Number.NaN, observed: Number.NaN, expected: Number.NaN, n };
  const shares = new Map<string, [number, number]>();
  let agreed = 0;
  for (let i = 0; i < n; i++) {
    if (first[i] === second[i]) agreed++;
    for (const [side, category] of [first[i]!, second[i]!].entries()) {
      const counts = shares.get(category) ?? [0, 0];
      counts[side as 0 | 1]++;
      shares.set(category, counts);
    }
  }
  const observed = agreed / n;
  let expected = 0;
  for (const [a, b] of shares.values()) expected += (a / n) * (b / n);
  return { kappa: expected === 1 ? Number.NaN : (observed - expected) / (1 - expected), observed, expected, n };
}

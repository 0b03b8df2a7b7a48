// Small questions to arrays and texts.

/** Index of the first difference; −1 when both are the same. */
export function firstDifference(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return i;
  return a.length === b.length ? -1 : n;
}

/** How many elements, or UTF-16 units, both begin with. */
export function commonPrefix(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const at = firstDifference(a, b);
  return at < 0 ? a.length : at;
}

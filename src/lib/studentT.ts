// Student's t far out in its tail, where an interval that is to hold many times over needs it. With t = √ν·tan θ its density is
// cos^(ν−1) θ (Abramowitz & Stegun 1964, 26.7.3–4), which Simpson's rule integrates to far more digits than anyone needs.

const SLICES = 4000;
const known = new Map<string, number>();

/** The value that t with `df` ≥ 1 degrees of freedom exceeds with probability `tail`, in (0, 0.5). */
export function studentT(df: number, tail: number): number {
  const key = `${df} ${tail}`;
  const found = known.get(key) ?? solve(df, tail);
  known.set(key, found);
  return found;
}

function solve(df: number, tail: number): number {
  const h = Math.PI / 2 / SLICES;
  const density = (at: number) => Math.max(0, Math.cos(at)) ** (df - 1);
  // Measured from the far end: there cos θ is the sine of what is left, and nothing cancels.
  const beyond = new Float64Array(SLICES + 1);
  for (let i = SLICES - 1; i >= 0; i--)
    beyond[i] = beyond[i + 1]! + (h / 6) * (density(i * h) + 4 * density((i + 0.5) * h) + density((i + 1) * h));
  const wanted = 2 * tail * beyond[0]!;
  let [low, high] = [0, SLICES];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (beyond[middle]! > wanted) low = middle;
    else high = middle;
  }
  const share = (beyond[low]! - wanted) / (beyond[low]! - beyond[high]!);
  return Math.sqrt(df) * Math.tan((low + share) * h);
}

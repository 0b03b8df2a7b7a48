// Axes of the scatter chart: places and ticks. Pure.

/** 0 at `low`, 1 at `high`; one value alone stands in the middle. */
export const logX = (value: number, low: number, high: number): number =>
  low === high ? 0.5 : Math.log(value / low) / Math.log(high / low);

/** The same over plain numbers. */
export const linearX = (value: number, low: number, high: number): number =>
  low === high ? 0.5 : (value - low) / (high - low);

/** 1, 2 and 5 of each power of ten within [low, high], thinned to five at most; both ends where none lies between. */
export function logTicks(low: number, high: number): number[] {
  const out: number[] = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const m of [1, 2, 5]) if (m * power >= low && m * power <= high) out.push(m * power);
  if (out.length === 0) return low === high ? [low] : [low, high];
  const every = Math.ceil(out.length / 5);
  return out.filter((_, i) => i % every === 0);
}

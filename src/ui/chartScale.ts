// Scales and paths of the line chart. Pure.

export interface Point {
  step: number;
  value: number;
}

/** Round ends and three ticks that hold [low, high]; a flat series gets room around it. */
export function niceRange(low: number, high: number): { low: number; high: number; ticks: number[] } {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return { low: 0, high: 1, ticks: [0, 0.5, 1] };
  const from = low >= 0 && low < high * 0.5 ? 0 : low; // 0 belongs to a loss, but not to an accuracy of 0.9 to 0.95
  const span = high - from || Math.abs(high) || 1;
  const rough = span / 2;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10].map((m) => m * power).find((step) => step >= rough - 1e-12)!;
  const start = Math.floor(from / unit + 1e-9) * unit;
  const steps = Math.max(2, Math.ceil((high - start) / unit - 1e-9));
  const ticks = Array.from({ length: steps + 1 }, (_, i) => Number((start + i * unit).toPrecision(12)));
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

export const tickText = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(0) : String(Number(value.toPrecision(3)));

/**
 * SVG path of a series. With more points than pixels, each pixel keeps its lowest and highest point, so that no spike is
 * lost and the path stays short.
 */
export function linePath(
  points: readonly Point[],
  x: (step: number) => number,
  y: (value: number) => number,
  width: number,
): string {
  const kept = points.length <= width * 2 ? points : thin(points, x);
  return kept.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p.step).toFixed(1)} ${y(p.value).toFixed(1)}`).join('');
}

function thin(points: readonly Point[], x: (step: number) => number): Point[] {
  const out: Point[] = [];
  let i = 0;
  while (i < points.length) {
    const pixel = Math.floor(x(points[i]!.step));
    let low = points[i]!;
    let high = low;
    for (; i < points.length && Math.floor(x(points[i]!.step)) === pixel; i++) {
      const p = points[i]!;
      if (p.value < low.value) low = p;
      if (p.value > high.value) high = p;
    }
    if (low === high) out.push(low);
    else out.push(...(low.step < high.step ? [low, high] : [high, low]));
  }
  return out;
}

/** The point whose step is nearest; undefined for an empty series. Points are in order of step. */
export function nearest(points: readonly Point[], step: number): Point | undefined {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.step < step) low = middle + 1;
    else high = middle;
  }
  const after = points[low];
  const before = points[low - 1];
  return before && after && step - before.step < after.step - step ? before : after;
}

// Values with their intervals on one line, for the cell of a table: many such cells under each other are a forest plot.
import './chart.css';

export interface Bar {
  id: string;
  value: number;
  low: number;
  high: number;
  color: string;
}

export function IntervalBar({
  bars,
  range: [from, to],
  mark,
  label,
}: {
  /** One under the other; those that are no number are left out. */
  bars: readonly Bar[];
  /** Of the axis, the same in all cells of a column. */
  range: readonly [from: number, to: number];
  /** A value that means something, as a line across. */
  mark?: number;
  /** The values in words. */
  label: string;
}) {
  const x = (value: number) => `${(100 * Math.min(1, Math.max(0, (value - from) / (to - from || 1)))).toFixed(2)}%`;
  const height = Math.max(14, 10 * bars.length + 4);
  return (
    <svg className="chart interval-bar" height={height} role="img" aria-label={label}>
      {mark !== undefined && <line className="mark" x1={x(mark)} x2={x(mark)} y1={0} y2={height} />}
      {bars.map(({ id, value, low, high, color }, i) => {
        const y = (height / bars.length) * (i + 0.5);
        return (
          Number.isFinite(value) && (
            <g key={id}>
              <line className="interval" stroke={color} x1={x(low)} x2={x(high)} y1={y} y2={y} />
              <circle r={3.5} fill={color} cx={x(value)} cy={y} />
            </g>
          )
        );
      })}
    </svg>
  );
}

/** A range that holds all of them and 0, with room at both ends for a point. */
export function rangeOf(intervals: readonly { low: number; high: number }[]): [number, number] {
  const finite = intervals.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

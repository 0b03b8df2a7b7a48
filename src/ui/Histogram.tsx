// Counts between edges of equal width: one series as bars, or two as steps over each other.
import { plural } from '../lib/words';
import { tickText } from './chartScale';
import { seriesColor } from './LineChart';
import './chart.css';

export interface HistogramSeries {
  label: string;
  counts: readonly number[];
  /** By its place, unless given. */
  color?: string;
  /** Another colour left of 0. */
  below?: string;
}
const PAD = { top: 8, bottom: 28, side: 4 };

export function Histogram({
  title,
  xTitle,
  edges,
  series,
  height,
}: {
  title: string;
  xTitle: string;
  /** One more than counts, ascending. */
  edges: readonly number[];
  series: readonly HistogramSeries[];
  height: number;
}) {
  const [from, to] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const most = Math.max(1, ...series.flatMap(({ counts }) => counts));
  const share = (value: number) => (value - from) / (to - from || 1);
  const x = (value: number) => `${(PAD.side + (100 - 2 * PAD.side) * share(value)).toFixed(2)}%`;
  const wide = (a: number, b: number) =>
    `${Math.max(0, (100 - 2 * PAD.side) * (share(b) - share(a)) - 0.4).toFixed(2)}%`;
  const tall = (n: number) => (n / most) * (height - PAD.top - PAD.bottom);
  const words = series.map(({ label, counts }) => `${label}: ${plural(counts.reduce((a, b) => a + b, 0), 'value')}`).join(', '); // biome-ignore format: one sentence
  return (
    <div className="chart">
      <svg
        height={height}
        role="img"
        aria-label={`${title}, ${xTitle} from ${tickText(from)} to ${tickText(to)}. ${words}`}
      >
        {series.map(({ label, counts, below, color }, s) =>
          counts.map((n, i) => {
            const fill = below && edges[i]! < 0 ? below : (color ?? seriesColor(s));
            return (
              n > 0 && (
                <rect
                  // biome-ignore lint/suspicious/noArrayIndexKey: bars stand where they stand
                  key={`${label} ${i}`}
                  x={x(edges[i]!)}
                  width={wide(edges[i]!, edges[i + 1]!)}
                  y={height - PAD.bottom - tall(n)}
                  height={tall(n)}
                  fill={fill}
                  fillOpacity={series.length > 1 ? 0.5 : 0.8}
                >
                  <title>{`${label}: ${n} from ${tickText(edges[i]!)} to ${tickText(edges[i + 1]!)}`}</title>
                </rect>
              )
            );
          }),
        )}
        <line className="grid" x1="0" x2="100%" y1={height - PAD.bottom} y2={height - PAD.bottom} />
        {from < 0 && to > 0 && <line className="mark" x1={x(0)} x2={x(0)} y1={0} y2={height - PAD.bottom} />}
        <text className="axis-label" x={2} y={9}>
          {most}
        </text>
        {[...new Set([from, ...(from < 0 && to > 0 ? [0] : []), to])]
          // 0 is left out where it would stand in another's way.
          .filter((tick) => tick === from || tick === to || (share(tick) > 0.14 && share(tick) < 0.86))
          .map((tick) => (
            <text
              key={tick}
              className="axis-label"
              x={x(tick)}
              y={height - 15}
              textAnchor={tick === from ? 'start' : tick === to ? 'end' : 'middle'}
            >
              {tickText(tick)}
            </text>
          ))}
        <text className="axis-label" x={2} y={height - 2}>
          {xTitle}
        </text>
      </svg>
      {series.length > 1 && (
        <div className="chart-legend">
          {series.map(({ label, color }, s) => (
            <span key={label}>
              <i style={{ borderColor: color ?? seriesColor(s) }} />
              {label}
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

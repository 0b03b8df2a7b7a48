// The reliability diagram (Guo et al. 2017, fig. 1) of the model's favourites: how sure it is, from a half on, beside how often it is
// right. On the line the two agree.
import { percent } from '../../lib/words';
import type { ReliabilityPoint } from './judgeView';

const PAD = { left: 4, right: 10, top: 8, bottom: 28 };
const TICKS = [0, 0.5, 1];

export function ReliabilityChart({
  title,
  points,
  height,
}: {
  title: string;
  points: readonly ReliabilityPoint[];
  height: number;
}) {
  const x = (p: number) => `${(PAD.left + (100 - PAD.left - PAD.right) * 2 * (p - 0.5)).toFixed(2)}%`;
  const y = (p: number) => height - PAD.bottom - p * (height - PAD.top - PAD.bottom);
  const most = Math.max(1, ...points.map(({ n }) => n));
  return (
    <div className="chart">
      <svg height={height} role="img" aria-label={`${title}: ${points.map(({ words }) => words).join('; ')}`}>
        {TICKS.map((tick) => (
          <g key={tick}>
            <line className="grid" x1="0" x2={`${100 - PAD.right + 1}%`} y1={y(tick)} y2={y(tick)} />
            <text className="axis-label" x="100%" y={y(tick)} dominantBaseline="central" textAnchor="end">
              {percent(tick)}
            </text>
          </g>
        ))}
        <line className="mark" x1={x(0.5)} x2={x(1)} y1={y(0.5)} y2={y(1)} />
        {points.map(({ x: stated, y: right, low, high, n, words }) => (
          <g key={words}>
            <line className="interval" stroke="var(--s0)" x1={x(stated)} x2={x(stated)} y1={y(low)} y2={y(high)} />
            <circle
              r={2.5 + 3.5 * Math.sqrt(n / most)}
              fill="var(--s0)"
              fillOpacity={0.75}
              cx={x(stated)}
              cy={y(right)}
            >
              <title>{words}</title>
            </circle>
            {/* Under the interval, or above it where no room is left. */}
            <text
              className="axis-label"
              x={x(stated)}
              y={low < 0.12 ? y(Math.max(high, right)) - 6 : y(low) + 11}
              textAnchor="middle"
            >
              {n}
            </text>
          </g>
        ))}
        {[0.5, 0.75, 1].map((tick) => (
          <text
            key={tick}
            className="axis-label"
            x={x(tick)}
            y={height - 15}
            textAnchor={tick === 0.5 ? 'start' : tick === 1 ? 'end' : 'middle'}
          >
            {percent(tick)}
          </text>
        ))}
        <text className="axis-label" x={2} y={height - 2}>
          stated for the favourite, σ(|margin|)
        </text>
      </svg>
    </div>
  );
}

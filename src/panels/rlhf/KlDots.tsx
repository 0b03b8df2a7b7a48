// Means of the estimators with two standard errors on one axis, the exact KL as a line through them.
import { useId } from 'react';
import type { KlLabEstimate, KlLabResult } from '../../protocol/klLab';
import { niceRange, tickText } from '../../ui/chartScale';
import { seriesColor } from '../../ui/LineChart';
import { ESTIMATORS, estimateWords } from './klView';

const [WIDTH, ROW, TOP, LEFT] = [320, 30, 14, 46];

export function KlDots({ found: { exact, estimators } }: { found: KlLabResult }) {
  const id = useId();
  const rows: { label: string; of: KlLabEstimate; color: string }[] = [
    { label: 'exact', of: exact.kl, color: 'var(--ink)' },
    ...ESTIMATORS.map((name, i) => ({ label: name, of: estimators[name], color: seriesColor(i) })),
  ];
  const ends = rows.flatMap(({ of: { mean, standardError } }) => [mean - 2 * (standardError ?? 0), mean + 2 * (standardError ?? 0)]); // biome-ignore format: one list
  const [low, high] = [Math.min(0, ...ends), Math.max(1e-6, ...ends)];
  const ticks = niceRange(low, high).ticks.filter((tick) => tick >= low && tick <= high);
  const x = (value: number) => LEFT + ((value - low) / (high - low)) * (WIDTH - LEFT - 14);
  const height = TOP + rows.length * ROW + 18;
  return (
    <figure className="chart rlhf-dots">
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-labelledby={id}>
        <title id={id}>
          {`Means with two standard errors: ${rows.map(({ label, of }) => `${label} ${estimateWords(of)}`).join('; ')}`}
        </title>
        {ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={x(tick)} x2={x(tick)} y1={TOP - 8} y2={height - 16} />
            <text className="axis-label" x={x(tick)} y={height - 4} textAnchor="middle">
              {tickText(tick)}
            </text>
          </g>
        ))}
        <line className="mark" x1={x(exact.kl.mean)} x2={x(exact.kl.mean)} y1={TOP - 8} y2={height - 16} />
        {rows.map(({ label, of: { mean, standardError }, color }, i) => {
          const y = TOP + i * ROW + ROW / 2 - 6;
          const half = 2 * (standardError ?? 0);
          return (
            <g key={label}>
              <text className="axis-label" x={2} y={y} dominantBaseline="central">
                {label}
              </text>
              <line className="interval" stroke={color} x1={x(mean - half)} x2={x(mean + half)} y1={y} y2={y} />
              <circle r={4} fill={color} cx={x(mean)} cy={y} />
            </g>
          );
        })}
      </svg>
      <figcaption className="quiet rlhf-small">
        Mean ± 2 standard errors, nats a token; dotted: the exact mean.
      </figcaption>
    </figure>
  );
}

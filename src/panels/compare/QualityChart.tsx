// Quality against drift: each method a point with the 95 % intervals of both, the start at the origin.
import { useEffect, useRef, useState } from 'react';
import { number, signed } from '../../lib/words';
import { niceRange, tickText } from '../../ui/chartScale';
import { seriesColor } from '../../ui/LineChart';
import { CHAR, type ChartPoint, spread } from './compareView';
import '../../ui/chart.css';

/** Of its label; no run has it. */
const START = '';
const PAD = { left: 14, right: 52, top: 24, bottom: 40 };

/** `points`: one at least. */
export function QualityChart({ points, height }: { points: readonly ChartPoint[]; height: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(360);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(220, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const most = Math.max(0.1, ...points.map(({ x }) => x.high));
  const up = niceRange(
    Math.min(-0.02, ...points.map(({ y }) => y.low)),
    Math.max(0.02, ...points.map(({ y }) => y.high)),
  );
  // By square roots: methods that stay near the start are told apart beside one that runs off.
  const x = (value: number) => PAD.left + Math.sqrt(Math.max(value, 0) / most) * (width - PAD.left - PAD.right);
  const y = (value: number) =>
    height - PAD.bottom - ((value - up.low) / (up.high - up.low)) * (height - PAD.top - PAD.bottom);
  const said = points
    .map(
      ({ label, x: kl, y: gain, decision }) =>
        `${label}: quality ${signed(gain.at)}, ${decision}, drift ${number(kl.at)} nats`,
    )
    .join('; ');
  const isRight = (px: number) => px > width - PAD.right - 70;
  const labels = spread([
    { id: START, left: x(0) + 8, chars: 5, at: y(0) + 14 },
    ...points.map(({ id, label, ...of }) => {
      const px = x(of.x.at);
      const left = isRight(px) ? px - 9 - label.length * CHAR : px + 9;
      return { id, left, chars: label.length, at: y(of.y.at) - 7 };
    }),
  ]);
  return (
    <div ref={frame} className="chart compare-chart">
      <svg height={height} role="img" aria-label={`Change of quality over drift, the start at the origin. ${said}`}>
        <text className="axis-label" x={2} y={10}>
          change of rubric quality, 95 % intervals
        </text>
        {up.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={PAD.left} x2={width - PAD.right + 8} y1={y(tick)} y2={y(tick)} />
            <text className="axis-label" x={width - 2} y={y(tick)} dominantBaseline="central" textAnchor="end">
              {tick === 0 ? '0' : `${tick > 0 ? '+' : '−'}${tickText(Math.abs(tick))}`}
            </text>
          </g>
        ))}
        <line className="compare-zero" x1={PAD.left} x2={width - PAD.right + 8} y1={y(0)} y2={y(0)} />
        {rootTicks(most, x).map((tick) => (
          <text key={tick} className="axis-label" x={x(tick)} y={height - PAD.bottom + 16} textAnchor="middle">
            {tickText(tick)}
          </text>
        ))}
        <text className="axis-label" x={2} y={height - 6}>
          KL from the start, nats an answer, square-root scale
        </text>
        <rect className="compare-start" x={x(0) - 4} y={y(0) - 4} width={8} height={8} />
        <text className="axis-label" x={x(0) + 8} y={labels.get(START)!}>
          start
        </text>
        {points.map((point, i) => {
          const [px, py] = [x(point.x.at), y(point.y.at)];
          return (
            <g key={point.id} stroke={seriesColor(i)}>
              <line className="interval" x1={px} x2={px} y1={y(point.y.low)} y2={y(point.y.high)} />
              <line className="interval" x1={x(point.x.low)} x2={x(point.x.high)} y1={py} y2={py} />
              <circle
                r={4.5}
                cx={px}
                cy={py}
                strokeWidth={1.8}
                fill={point.decision === 'not decided' ? 'var(--panel)' : seriesColor(i)}
              >
                <title>{`${point.label}: ${signed(point.y.at)} [${signed(point.y.low)}, ${signed(point.y.high)}], ${point.decision}`}</title>
              </circle>
            </g>
          );
        })}
        {/* Over all points: a name is never under its neighbour. */}
        {points.map((point, i) => {
          const px = x(point.x.at);
          return (
            <text
              key={point.id}
              className="compare-name"
              x={px + (isRight(px) ? -9 : 9)}
              y={labels.get(point.id)!}
              textAnchor={isRight(px) ? 'end' : 'start'}
              fill={seriesColor(i)}
            >
              {point.label}
            </text>
          );
        })}
      </svg>
      <p className="quiet compare-small">A hollow point: not decided, its interval of quality covers no change.</p>
    </div>
  );
}

/** 0 and those of 1, 2, 5, 10 … that have room for their text. */
function rootTicks(most: number, x: (value: number) => number): number[] {
  const out = [0];
  for (let power = 10 ** Math.floor(Math.log10(most) - 3); power <= most; power *= 10)
    for (const m of [1, 2, 5]) {
      const tick = Number((m * power).toPrecision(1));
      if (tick <= most && x(tick) - x(out.at(-1)!) >= 40) out.push(tick);
    }
  return out;
}

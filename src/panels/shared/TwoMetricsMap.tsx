// The map of the two-metric method: change of the target across, worst guardrail up and down, and the way of a run over the outcomes.
import { useEffect, useRef, useState } from 'react';
import { number } from '../../lib/words';
import { changeWords, type TargetSpec } from '../../protocol/twoMetrics';
import { type MapPoint, mapRange } from './twoMetricsView';
import '../../ui/chart.css';
import './twoMetrics.css';

const PAD = { left: 10, right: 34, top: 18, bottom: 30 };

export function TwoMetricsMap({
  path,
  target: { metric, better_by = 0 },
  height,
}: {
  path: readonly MapPoint[];
  target: TargetSpec;
  height: number;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(360);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(200, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const range = mapRange(path);
  const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value));
  const place = (value: number, [low, high]: readonly [number, number]) => (clamp(value, [low, high]) - low) / (high - low); // biome-ignore format: one formula
  const x = (value: number) => PAD.left + place(value, range.x) * (width - PAD.left - PAD.right);
  const y = (value: number) => height - PAD.bottom - place(value, range.y) * (height - PAD.top - PAD.bottom);
  const [left, right, top, bottom] = [PAD.left, width - PAD.right, PAD.top, height - PAD.bottom];
  const [limit, rise] = [y(-1), x(better_by)];
  const last = path.at(-1);
  const said = last
    ? `step ${last.step}: ${last.outcome}; ${metric} ${changeWords({ metric, before: 0, now: last.target.at, ...interval(last.target) })}, worst guardrail ${last.guardrail.metric} at ${number(-last.guardrail.at)} of what is allowed`
    : 'no measurement yet';
  return (
    <div ref={frame} className="chart two-metrics-map">
      <svg height={height} role="img" aria-label={`Two metrics, ${path.length} measurements, ${said}`}>
        <rect className="zone-good" x={rise} y={top} width={right - rise} height={limit - top} />
        <rect className="zone-bad" x={rise} y={limit} width={right - rise} height={bottom - limit} />
        <rect className="zone-warn" x={left} y={limit} width={rise - left} height={bottom - limit} />
        <text className="axis-label" x={2} y={10}>
          worst guardrail, in units of what is allowed
        </text>
        <line className="mark" x1={left} x2={right} y1={limit} y2={limit} />
        <text className="axis-label" x={width - 2} y={limit} dominantBaseline="central" textAnchor="end">
          limit
        </text>
        <line className="grid" x1={left} x2={right} y1={y(0)} y2={y(0)} />
        <text className="axis-label" x={width - 2} y={y(0)} dominantBaseline="central" textAnchor="end">
          0
        </text>
        <line className="grid" x1={x(0)} x2={x(0)} y1={top} y2={bottom} />
        <line className="mark" x1={rise} x2={rise} y1={top} y2={bottom} />
        <text className="zone-label" x={right - 6} y={top + 13} textAnchor="end">
          real improvement
        </text>
        <text className="zone-label" x={right - 6} y={bottom - 7} textAnchor="end">
          gaming or drift
        </text>
        <text className="zone-label" x={x(0) - 6} y={limit + 15} textAnchor="end">
          pointless drift
        </text>
        <text className="zone-label" x={left + 6} y={bottom - 7}>
          regression
        </text>
        <text className="zone-label" x={x(0) - 6} y={top + 13} textAnchor="end">
          no change
        </text>
        <text className="axis-label" x={x(0)} y={bottom + 13} textAnchor="middle">
          0
        </text>
        <text className="axis-label" x={2} y={height - 4}>
          change of {metric} since the start
        </text>
        <path
          className="two-metrics-way"
          d={path.map(({ target, guardrail }, i) => `${i === 0 ? 'M' : 'L'}${x(target.at).toFixed(1)} ${y(guardrail.at).toFixed(1)}`).join('')} // biome-ignore format: one path
        />
        {path.map((point, i) => {
          const isLast = i === path.length - 1;
          const { target, guardrail } = point;
          return (
            <g key={point.step} className={isLast ? 'is-last' : undefined}>
              {isLast && (
                <>
                  <line
                    className="two-metrics-bar"
                    x1={x(target.low)}
                    x2={x(target.high)}
                    y1={y(guardrail.at)}
                    y2={y(guardrail.at)}
                  />{' '}
                  {/* biome-ignore format: one line */}
                  <line className="two-metrics-bar" x1={x(target.at)} x2={x(target.at)} y1={y(guardrail.low)} y2={y(guardrail.high)} />{' '}
                  {/* biome-ignore format: one line */}
                </>
              )}
              <circle cx={x(target.at)} cy={y(guardrail.at)} r={isLast ? 5.5 : 3}>
                <title>{`step ${point.step}: ${point.outcome}; ${guardrail.metric} is the worst guardrail`}</title>
              </circle>
            </g>
          );
        })}
        {last && (
          <text
            className="zone-step"
            x={x(last.target.at) + (place(last.target.at, range.x) > 0.8 ? -9 : 9)}
            y={y(last.guardrail.at) - 8}
            textAnchor={place(last.target.at, range.x) > 0.8 ? 'end' : 'start'}
          >
            step {last.step}
          </text>
        )}
      </svg>
    </div>
  );
}

const interval = ({ low, high }: { low: number; high: number }) => ({ low, high });

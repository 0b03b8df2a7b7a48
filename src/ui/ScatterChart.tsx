// Points of several series over a logarithmic or a linear axis, joined within a series, with their intervals: what is paid against what
// comes out.
import { useEffect, useRef, useState } from 'react';
import { count, number } from '../lib/words';
import { niceRange, tickText } from './chartScale';
import { seriesColor } from './LineChart';
import { linearX, logTicks, logX } from './scatterScale';
import './chart.css';

export interface ScatterPoint {
  x: number;
  y: number;
  /** Stands beside the point: `r 8`. */
  label: string;
  /** 95 % interval of y, drawn as a bar. */
  low?: number;
  high?: number;
}
export interface ScatterSeries {
  id: string;
  label: string;
  points: ScatterPoint[];
  /** A square without a line: what the others are compared with. */
  isReference?: boolean;
}

export function ScatterChart({
  title,
  xTitle,
  yTitle = title,
  format = { tick: tickText, value: number },
  series,
  height,
  isLinear = false,
}: {
  title: string;
  xTitle: string;
  /** Of the axis of values, with its unit. */
  yTitle?: string;
  /** How values are written: on the axis, and in words. */
  format?: { tick: (value: number) => string; value: (value: number) => string };
  series: readonly ScatterSeries[];
  height: number;
  /** x is a share or another number that may be 0, and not spread over powers of ten. */
  isLinear?: boolean;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(320);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(120, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const all = series.flatMap((s) => s.points);
  if (all.length === 0)
    return (
      <div ref={frame} className="chart chart-empty" style={{ height }}>
        The first point comes with the first finished run.
      </div>
    );
  const [low, high] = [Math.min(...all.map((p) => p.x)), Math.max(...all.map((p) => p.x))];
  const range = niceRange(
    Math.min(...all.map((p) => Math.min(p.y, p.low ?? p.y))),
    Math.max(...all.map((p) => Math.max(p.y, p.high ?? p.y))),
  );
  const pad = { left: 16, right: 48, top: 22, bottom: 28 };
  const x = (value: number) =>
    pad.left + (isLinear ? linearX : logX)(value, low, high) * (width - pad.left - pad.right);
  const y = (value: number) =>
    height - pad.bottom - ((value - range.low) / (range.high - range.low)) * (height - pad.top - pad.bottom);
  const words = series
    .flatMap((s) =>
      s.points.map(
        (p) => `${s.label}${p.label && ` ${p.label}`}: ${p.x < 1 ? tickText(p.x) : count(p.x)}, ${format.value(p.y)}`,
      ),
    )
    .join('; ');
  return (
    <div ref={frame} className="chart">
      <svg height={height} role="img" aria-label={`${title} over ${xTitle}: ${words}`}>
        <text className="axis-label" x={2} y={9}>
          {yTitle}
        </text>
        {range.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={0} x2={width - 40} y1={y(tick)} y2={y(tick)} />
            <text className="axis-label" x={width - 2} y={y(tick)} dominantBaseline="central" textAnchor="end">
              {format.tick(tick)}
            </text>
          </g>
        ))}
        {(isLinear ? [...new Set(all.map((p) => p.x))].sort((a, b) => a - b) : logTicks(low, high)).map((tick) => (
          <text key={tick} className="axis-label" x={x(tick)} y={height - 14} textAnchor="middle">
            {isLinear || tick < 1 ? tickText(tick) : count(tick)}
          </text>
        ))}
        <text className="axis-label" x={2} y={height - 2}>
          {xTitle}
        </text>
        {series.map((s, i) => (
          <g key={s.id}>
            {!s.isReference && s.points.length > 1 && (
              <path
                className="series"
                stroke={seriesColor(i)}
                d={s.points.map((p, k) => `${k === 0 ? 'M' : 'L'}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join('')}
              />
            )}
            {s.points.map((p) => (
              <g key={`${p.label} ${p.x}`}>
                {p.low !== undefined && p.high !== undefined && (
                  <line
                    className="interval"
                    stroke={seriesColor(i)}
                    x1={x(p.x)}
                    x2={x(p.x)}
                    y1={y(p.low)}
                    y2={y(p.high)}
                  />
                )}
                {s.isReference ? (
                  <rect x={x(p.x) - 4} y={y(p.y) - 4} width={8} height={8} fill={seriesColor(i)} />
                ) : (
                  <circle r={3.5} fill={seriesColor(i)} cx={x(p.x)} cy={y(p.y)} />
                )}
                <text
                  className="axis-label"
                  x={x(p.x) + (x(p.x) > width - pad.right - 40 ? -7 : 7)}
                  y={y(p.y) + (i % 2 === 0 ? -7 : 13)}
                  textAnchor={x(p.x) > width - pad.right - 40 ? 'end' : 'start'}
                >
                  {p.label}
                </text>
              </g>
            ))}
          </g>
        ))}
      </svg>
      <div className="chart-legend">
        {series.map((s, i) => (
          <span key={s.id}>
            <i style={{ borderColor: seriesColor(i) }} />
            {s.label}
          </span>
        ))}
      </div>
    </div>
  );
}

// One curve over an axis of plain numbers, and points on it: a formula, and where what was read stands on it.
import { useEffect, useRef, useState } from 'react';
import { number, plural } from '../lib/words';
import { niceRange, tickText } from './chartScale';
import './chart.css';

export interface CurvePoint {
  id: number;
  x: number;
  y: number;
  /** Read to a pointer: `row 12`. */
  label: string;
}

export function CurveChart({
  title,
  xTitle,
  yTitle,
  curve,
  points,
  height,
  selected,
  onSelect,
}: {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Empty where only points are known. */
  curve: readonly { x: number; y: number }[];
  points: readonly CurvePoint[];
  height: number;
  /** Id of the point that is marked. */
  selected?: number;
  onSelect?: (id: number) => void;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(320);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(120, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const all = [...curve, ...points].filter(({ y }) => Number.isFinite(y));
  if (all.length === 0) return <div ref={frame} className="chart chart-empty" style={{ height }} />;
  const across = niceRange(Math.min(...all.map((p) => p.x)), Math.max(...all.map((p) => p.x)));
  const range = niceRange(Math.min(...all.map((p) => p.y)), Math.max(...all.map((p) => p.y)));
  const pad = { left: 12, right: 40, top: 20, bottom: 28 };
  const x = (value: number) =>
    pad.left + ((value - across.low) / (across.high - across.low)) * (width - pad.left - pad.right);
  const y = (value: number) =>
    height - pad.bottom - ((value - range.low) / (range.high - range.low)) * (height - pad.top - pad.bottom);
  return (
    <div ref={frame} className="chart">
      <svg
        height={height}
        role="img"
        aria-label={`${title}: ${yTitle} over ${xTitle}, ${plural(points.length, 'point')}`}
      >
        <text className="axis-label" x={2} y={9}>
          {yTitle}
        </text>
        {range.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={0} x2={width - pad.right + 4} y1={y(tick)} y2={y(tick)} />
            <text className="axis-label" x={width - 2} y={y(tick)} dominantBaseline="central" textAnchor="end">
              {tickText(tick)}
            </text>
          </g>
        ))}
        {across.low < 0 && across.high > 0 && (
          <line className="mark" x1={x(0)} x2={x(0)} y1={pad.top} y2={height - pad.bottom} />
        )}
        {across.ticks.map((tick) => (
          <text key={tick} className="axis-label" x={x(tick)} y={height - 14} textAnchor="middle">
            {tickText(tick)}
          </text>
        ))}
        <text className="axis-label" x={2} y={height - 2}>
          {xTitle}
        </text>
        <path
          className="series"
          stroke="var(--s0)"
          d={curve.map((p, k) => `${k === 0 ? 'M' : 'L'}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join('')}
        />
        {points.map((p) => (
          <circle
            key={p.id}
            className={p.id === selected ? 'is-on' : undefined}
            r={p.id === selected ? 5 : 3.5}
            fill="var(--s0)"
            fillOpacity={p.id === selected ? 1 : 0.65}
            cx={x(p.x)}
            cy={y(p.y)}
            onPointerDown={() => onSelect?.(p.id)}
          >
            <title>{`${p.label}: ${number(p.x)}, ${number(p.y)}`}</title>
          </circle>
        ))}
      </svg>
    </div>
  );
}

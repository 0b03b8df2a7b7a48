// One idea over steps: train solid, held-out dashed, axis labels beside the curves, hover reads all series, drag zooms.
import { type PointerEvent, useEffect, useId, useRef, useState } from 'react';
import { number } from '../lib/words';
import { linePath, nearest, niceRange, type Point, tickText } from './chartScale';
import './chart.css';

export interface Series {
  id: string;
  label: string;
  points: Point[];
  /** Dashed: measured on rows that are not trained on. */
  isHeldOut?: boolean;
  /** Colour by place, unless given: runs keep theirs across the app. */
  color?: string;
}

/** Colours of series by place; they differ in lightness too. */
export const seriesColor = (i: number): string => `var(--s${i % 6})`;

const PAD = 6;
/** Room for the values at the right and the steps below: a curve under its axis label reads neither. */
const AXIS = { right: 34, bottom: 15 };

export function LineChart({
  title,
  series,
  height,
  xMax,
  isSmall = false,
  hasLegend = false,
  yTitle,
  marks = [],
  xTitle = 'step',
  at,
  onRead,
}: {
  /** TRL's name of the metric. */
  title: string;
  series: Series[];
  height: number;
  /** Last step of the run: the axis does not grow while it trains. */
  xMax?: number;
  /** No axis labels: a spark line. */
  isSmall?: boolean;
  hasLegend?: boolean;
  /** Of the axis of values, with its unit. */
  yTitle?: string;
  /** Values that mean something, as lines across: `ln 2`. */
  marks?: readonly { value: number; label: string }[];
  /** What is counted along the axis, one of them. */
  xTitle?: string;
  /** Marked while no pointer is on the chart: what is chosen elsewhere. */
  at?: number;
  /** The pointer is at this place, or at none. */
  onRead?: (x: number | undefined) => void;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const clip = useId();
  const [width, setWidth] = useState(320);
  const [hover, setHover] = useState<number>();
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const [zoom, setZoom] = useState<[number, number]>();
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(60, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);

  const all = series.flatMap((s) => s.points);
  if (all.length === 0)
    return (
      <div ref={frame} className="chart chart-empty" style={{ height }}>
        {isSmall ? '' : `The first point comes with the first ${xTitle}.`}
      </div>
    );
  const lastStep = Math.max(xMax ?? 0, ...all.map((p) => p.step));
  const [x0, x1] = zoom ?? [0, Math.max(1, lastStep)];
  const inView = all.filter((p) => p.step >= x0 && p.step <= x1);
  const values = [...(inView.length > 0 ? inView : all).map((p) => p.value), ...marks.map(({ value }) => value)];
  const range = niceRange(Math.min(...values), Math.max(...values));
  const axis = isSmall ? { right: 0, bottom: 0 } : AXIS;
  const [plotWidth, plotHeight] = [width - axis.right, height - axis.bottom];
  const x = (step: number) => ((step - x0) / (x1 - x0 || 1)) * plotWidth;
  const top = yTitle && !isSmall ? 20 : PAD;
  const y = (value: number) =>
    plotHeight - PAD - ((value - range.low) / (range.high - range.low)) * (plotHeight - PAD - top);
  const stepAt = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / (box.width - axis.right)));
    return Math.round(x0 + share * (x1 - x0));
  };
  const endDrag = () => {
    if (drag && Math.abs(drag.to - drag.from) >= 2)
      setZoom([Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]);
    setDrag(undefined);
  };
  const color = (s: Series, i: number) => s.color ?? seriesColor(i);
  const read = hover === undefined ? [] : series.map((s, i) => ({ s, i, point: nearest(s.points, hover) }));
  const readStep = read.find((r) => r.point)?.point?.step;
  const last = series
    .map((s) => s.points.at(-1) && `${s.label} ${number(s.points.at(-1)!.value)}`)
    .filter(Boolean)
    .join(', ');
  return (
    <div ref={frame} className="chart">
      <svg
        height={height}
        role="img"
        aria-label={`${title} over ${lastStep} ${xTitle}s: ${last}`}
        onPointerMove={(event) => {
          const step = stepAt(event);
          setHover(step);
          onRead?.(step);
          if (drag) setDrag({ ...drag, to: step });
        }}
        onPointerLeave={() => {
          setHover(undefined);
          onRead?.(undefined);
          setDrag(undefined);
        }}
        onPointerDown={(event) => {
          if (event.pointerType === 'mouse' && !isSmall) setDrag({ from: stepAt(event), to: stepAt(event) });
        }}
        onPointerUp={endDrag}
        onDoubleClick={() => setZoom(undefined)}
      >
        <clipPath id={clip}>
          <rect width={plotWidth + 1} height={plotHeight} />
        </clipPath>
        {!isSmall &&
          range.ticks.map((tick) => (
            <line key={tick} className="grid" x1={0} x2={plotWidth} y1={y(tick)} y2={y(tick)} />
          ))}
        {marks.map(({ value, label }) => (
          <line key={label} className="mark" x1={0} x2={plotWidth} y1={y(value)} y2={y(value)} />
        ))}
        <g clipPath={`url(#${clip})`}>
          {series.map((s, i) => (
            <path
              key={s.id}
              className={`series${s.isHeldOut ? ' held-out' : ''}`}
              stroke={color(s, i)}
              d={linePath(s.points, x, y, plotWidth)}
            />
          ))}
          {series.map(
            (s, i) =>
              s.points.length === 1 && (
                <circle key={s.id} r={2.5} fill={color(s, i)} cx={x(s.points[0]!.step)} cy={y(s.points[0]!.value)} />
              ),
          )}
        </g>
        {/* Over the curves, which would else run through the words. */}
        {marks.map(({ value, label }) => (
          <text key={label} className="axis-label mark-label" x={plotWidth - 2} y={y(value) - 3} textAnchor="end">
            {label}
          </text>
        ))}
        {!isSmall &&
          range.ticks.map((tick) => (
            <text
              key={tick}
              className="axis-label"
              x={width - 2}
              y={y(tick)}
              dominantBaseline="central"
              textAnchor="end"
            >
              {tickText(tick)}
            </text>
          ))}
        {!isSmall && (
          <>
            <text className="axis-label" x={0} y={height - 3}>
              {x0}
            </text>
            <text className="axis-label" x={plotWidth / 2} y={height - 3} textAnchor="middle">
              {xTitle}
            </text>
            <text className="axis-label" x={plotWidth} y={height - 3} textAnchor="end">
              {x1}
            </text>
            {yTitle && (
              <text className="axis-label" x={2} y={9}>
                {yTitle}
              </text>
            )}
          </>
        )}
        {!isSmall &&
          series.flatMap((s, i) =>
            // Few points are shown as what they are: between them nothing was measured.
            s.isHeldOut && s.points.length > 1 && s.points.length <= 12
              ? s.points.map((p) => (
                  <circle key={`${s.id} ${p.step}`} r={2.5} fill={color(s, i)} cx={x(p.step)} cy={y(p.value)} />
                ))
              : [],
          )}
        {readStep === undefined && at !== undefined && at >= x0 && at <= x1 && (
          <line className="cursor" x1={x(at)} x2={x(at)} y1={0} y2={plotHeight} />
        )}
        {readStep !== undefined && <line className="cursor" x1={x(readStep)} x2={x(readStep)} y1={0} y2={plotHeight} />}
        {drag && (
          <rect
            className="brush"
            x={Math.min(x(drag.from), x(drag.to))}
            width={Math.abs(x(drag.to) - x(drag.from))}
            y={0}
            height={plotHeight}
          />
        )}
      </svg>
      {readStep !== undefined && (
        <div
          className="chart-read"
          style={{
            transform: `translateX(${x(readStep) > width / 2 ? `calc(${x(readStep) - 8}px - 100%)` : `${x(readStep) + 8}px`})`,
          }}
        >
          <span>
            {xTitle} {readStep}
          </span>
          {read.map(
            ({ s, i, point }) =>
              point && (
                <span key={s.id}>
                  <i style={{ background: color(s, i) }} />
                  {s.label} {number(point.value)}
                </span>
              ),
          )}
        </div>
      )}
      {zoom && (
        <button type="button" className="chart-reset" onClick={() => setZoom(undefined)}>
          All {xTitle}s
        </button>
      )}
      {hasLegend && (
        <div className="chart-legend">
          {series.map((s, i) => (
            <span key={s.id}>
              <i className={s.isHeldOut ? 'dashed' : undefined} style={{ borderColor: color(s, i) }} />
              {s.label}
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

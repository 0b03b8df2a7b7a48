// Requests of a replay over its virtual clock, one line each in order of arrival: waiting, loading, generating.
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import type { ServingReport } from '../../protocol/serving';
import { adapterColor } from './registryView';
import { MODE_NAMES, requestWords, timelineRows, timeWords } from './servingView';

const HEIGHT = 150;
const AXIS = 14;

export function Timeline({
  report,
  end,
  ids,
}: {
  report: ServingReport /** Of the axis, ms. */;
  end: number;
  ids: readonly number[];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(320);
  const [theme, setTheme] = useState(0);
  const [at, setAt] = useState<number>();
  const rows = timelineRows(report);
  useEffect(() => {
    const element = canvas.current!;
    const sizes = new ResizeObserver(([entry]) => entry && setWidth(Math.max(80, Math.round(entry.contentRect.width))));
    sizes.observe(element);
    // Colours of a canvas do not follow the theme by themselves.
    const themes = new MutationObserver(() => setTheme((n) => n + 1));
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: theme stands for the colours that are read inside
  useEffect(() => {
    draw(canvas.current!, report, { end, ids, width, at });
  }, [report, end, ids, width, at, theme]);
  const move = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setAt(Math.min(rows.length - 1, Math.max(0, at === undefined ? 0 : at + by)));
  };
  const point = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / (HEIGHT - AXIS)) * rows.length);
    setAt(row >= 0 && row < rows.length ? row : undefined);
  };
  const words = at === undefined || !rows[at] ? undefined : requestWords(rows[at].request);
  return (
    <div className="ad-timeline">
      <canvas
        ref={canvas}
        style={{ height: HEIGHT }}
        role="slider"
        tabIndex={0}
        aria-label={`Requests, ${MODE_NAMES[report.mode]}`}
        aria-valuemin={1}
        aria-valuemax={rows.length}
        aria-valuenow={(at ?? 0) + 1}
        aria-valuetext={words ?? `${rows.length} requests over ${timeWords(end)}`}
        onKeyDown={move}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
      />
      <p className="quiet ad-readout">{words ?? 'Point at a line, or move with the arrow keys.'}</p>
    </div>
  );
}

function draw(
  canvas: HTMLCanvasElement,
  report: ServingReport,
  { end, ids, width, at }: { end: number; ids: readonly number[]; width: number; at: number | undefined },
): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT * scale);
  const pen = canvas.getContext('2d')!;
  const styles = getComputedStyle(canvas);
  const color = (variable: string) => styles.getPropertyValue(variable.replace(/^var\((.*)\)$/, '$1')).trim();
  pen.scale(scale, scale);
  pen.clearRect(0, 0, width, HEIGHT);
  const rows = timelineRows(report);
  const high = HEIGHT - AXIS;
  const step = high / Math.max(1, rows.length);
  const x = (ms: number) => (ms / end) * (width - 1);
  rows.forEach(({ request, at: [arrival, start, loaded, done] }, i) => {
    const top = i * step;
    const thick = Math.max(1, step - (step > 4 ? 1.5 : 0));
    if (i === at) {
      pen.fillStyle = color('--accent-soft');
      pen.fillRect(0, top, width, Math.max(2, step));
    }
    if (request.refusal) {
      pen.strokeStyle = color('--bad');
      pen.lineWidth = 1.5;
      const [cx, cy, r] = [x(arrival) + 3, top + step / 2, 2.5];
      pen.beginPath();
      pen.moveTo(cx - r, cy - r);
      pen.lineTo(cx + r, cy + r);
      pen.moveTo(cx + r, cy - r);
      pen.lineTo(cx - r, cy + r);
      pen.stroke();
      return;
    }
    pen.fillStyle = color('--faint');
    pen.globalAlpha = 0.7;
    pen.fillRect(x(arrival), top + thick / 2 - 0.5, Math.max(0, x(start) - x(arrival)), 1);
    pen.globalAlpha = 1;
    pen.fillStyle = color(adapterColor(ids, request.adapterId));
    pen.fillRect(x(loaded), top, Math.max(1, x(done) - x(loaded)), thick);
    pen.fillStyle = color('--ink');
    pen.fillRect(x(start), top, Math.max(loaded > start ? 1 : 0, x(loaded) - x(start)), thick);
  });
  pen.fillStyle = color('--line');
  pen.fillRect(0, high, width, 1);
  pen.fillStyle = color('--faint');
  pen.font = `10px ${styles.getPropertyValue('--mono') || 'monospace'}`;
  pen.textBaseline = 'bottom';
  pen.fillText('0', 0, HEIGHT);
  pen.textAlign = 'right';
  pen.fillText(timeWords(end), width, HEIGHT);
}

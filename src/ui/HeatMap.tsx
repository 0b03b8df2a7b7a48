// A grid of values as colour on a canvas, in the ramp of losses: labels at its sides, a scale, the value under the pointer in
// words. The text alternative is the label; panels give the numbers as a table beside it.
import { useEffect, useRef, useState } from 'react';
import './heatMap.css';

/** Light to dark, as theme.css has them; read when drawn, so that both themes work. */
const RAMP = ['--h0', '--h1', '--h2', '--h3', '--h4'];

/** Which of the ramp's five colours a value takes, in fifths of the largest. */
export const heatLevel = (value: number, largest: number): number =>
  largest <= 0 || value <= 0 ? 0 : Math.min(RAMP.length - 1, Math.floor((value / largest) * RAMP.length));

export function HeatMap({
  rows,
  columns,
  values,
  label,
  words,
  height,
  rowLabels,
  columnLabels,
  isSquare = false,
  scaleWords,
}: {
  rows: number;
  columns: number;
  /** Row by row, none below 0. */
  values: ArrayLike<number>;
  /** What a screen reader says of the whole. */
  label: string;
  /** What is shown of one cell. */
  words: (row: number, column: number, value: number) => string;
  height: number;
  rowLabels?: readonly string[];
  columnLabels?: readonly string[];
  /** Cells are squares, as large as the width and `height` allow: a matrix looks as long as it is. */
  isSquare?: boolean;
  /** A value of the colour scale in words. */
  scaleWords: (value: number) => string;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [room, setRoom] = useState(0);
  const [theme, setTheme] = useState(() => document.documentElement.dataset.theme);
  const [hover, setHover] = useState<{ row: number; column: number }>();
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const sizes = new ResizeObserver(([entry]) => entry && setRoom(Math.floor(entry.contentRect.width)));
    sizes.observe(element);
    const themes = new MutationObserver(() => setTheme(document.documentElement.dataset.theme));
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
    };
  }, []);
  const side = Math.min(room / columns, height / rows);
  const [width, drawn] = isSquare ? [Math.round(side * columns), Math.round(side * rows)] : [room, height];
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]!);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides what the colours are
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || width === 0) return;
    const scale = window.devicePixelRatio || 1;
    element.width = width * scale;
    element.height = drawn * scale;
    context.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const ramp = RAMP.map((name) => style.getPropertyValue(name).trim());
    const [w, h] = [width / columns, drawn / rows];
    const gap = Math.min(w, h) > 10 ? 1 : 0;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        context.fillStyle = ramp[heatLevel(values[row * columns + column]!, largest)]!;
        // Whole pixels, so that no seam shows between cells.
        const [x0, x1] = [Math.round(column * w), Math.round((column + 1) * w)];
        const [y0, y1] = [Math.round(row * h), Math.round((row + 1) * h)];
        context.fillRect(x0, y0, x1 - x0 - gap, y1 - y0 - gap);
      }
  }, [values, largest, rows, columns, width, drawn, theme]);
  return (
    <div className={`heat-map${rowLabels ? ' has-rows' : ''}`}>
      {columnLabels && (
        <div className="heat-columns" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
          {columnLabels.map((text) => (
            <span key={text}>{text}</span>
          ))}
        </div>
      )}
      {rowLabels && (
        <div className="heat-rows" style={{ height, gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))` }}>
          {rowLabels.map((text) => (
            <span key={text}>{text}</span>
          ))}
        </div>
      )}
      <div ref={frame}>
        <canvas
          ref={canvas}
          role="img"
          aria-label={label}
          style={{ width: isSquare ? width : undefined, height: drawn }}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            setHover({
              row: Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows))),
              column: Math.min(
                columns - 1,
                Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)),
              ),
            });
          }}
          onPointerLeave={() => setHover(undefined)}
        />
      </div>
      {largest > 0 && (
        <p className="heat-scale">
          {scaleWords(0)}
          {RAMP.map((name) => (
            <i key={name} style={{ background: `var(${name})` }} />
          ))}
          {scaleWords(largest)}
        </p>
      )}
      <p className="heat-read">
        {hover && hover.row < rows && hover.column < columns
          ? words(hover.row, hover.column, values[hover.row * columns + hover.column]!)
          : ' '}
      </p>
    </div>
  );
}

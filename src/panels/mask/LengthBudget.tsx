// How long the rows are and what max_length costs: a histogram with the limit on it, which can be dragged.
import { useMemo, useRef, useState } from 'react';
import { count } from '../../lib/words';
import type { TruncationMode } from '../../protocol/chat';
import { Card } from '../../ui/Card';
import { Segmented } from '../../ui/Segmented';
import { lengthSentence } from './maskView';
import { type Cut, type CutSummary, histogram, type Measure, type ReportRows } from './report';

const HEIGHT = 96;
const WIDTH = 480;
const BINS = 28;
const LEAST = 16;
const MOST = 1_000_000;
const MEASURES = [
  { id: 'row', label: 'Row' },
  { id: 'prompt', label: 'Prompt' },
  { id: 'completion', label: 'Completion' },
  { id: 'trained', label: 'Trained' },
] as const;
const TRUNCATION: { id: TruncationMode; label: string }[] = [
  { id: 'keep_start', label: 'cut right (keep_start)' },
  { id: 'keep_end', label: 'cut left (keep_end)' },
  { id: 'drop', label: 'drop the row' },
  { id: 'refuse', label: 'refuse the run' },
];

export function LengthBudget({
  rows,
  version,
  summary,
  cut,
  chosen,
  onChange,
}: {
  rows: ReportRows;
  version: number;
  summary: CutSummary;
  /** What the counts are for. */
  cut: Cut;
  /** What the controls show: ahead of `cut` while counts are being made. */
  chosen: Cut;
  onChange: (cut: Partial<Cut>) => void;
}) {
  const [measure, setMeasure] = useState<Measure>('row');
  const chart = useRef<SVGSVGElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows grow in place; version says when
  const bins = useMemo(() => histogram(rows, cut, measure, BINS), [rows, version, cut, measure]);
  const tallest = Math.max(1, ...bins.map((bin) => bin.whole + bin.hurt));
  const longest = bins.at(-1)?.to ?? 1;
  const x = (tokens: number) => (Math.min(tokens, longest) / longest) * WIDTH;
  const sentence = summary.rows > 0 ? lengthSentence(summary, cut) : 'Measuring the rows …';
  const moveTo = (clientX: number) => {
    const frame = chart.current?.getBoundingClientRect();
    if (!frame || summary.rows === 0) return;
    const tokens = Math.round(((clientX - frame.left) / frame.width) * longest);
    onChange({ max_length: Math.min(MOST, Math.max(LEAST, tokens)) });
  };
  const limit = { max: Math.max(longest, LEAST), now: Math.min(chosen.max_length, longest) };
  return (
    <Card
      title="Length budget"
      actions={<Segmented label="Length of" options={MEASURES} value={measure} onChange={setMeasure} />}
    >
      <div className="budget-controls">
        <label className="inline-field">
          <span>max_length</span>
          <input
            type="number"
            min={LEAST}
            max={MOST}
            step={1}
            value={chosen.max_length}
            onChange={(event) => {
              const value = event.currentTarget.valueAsNumber;
              if (Number.isInteger(value) && value >= LEAST && value <= MOST) onChange({ max_length: value });
            }}
          />
        </label>
        <label className="inline-field">
          <span>longer rows</span>
          <select
            className="select"
            value={chosen.truncation_mode}
            onChange={(event) => onChange({ truncation_mode: event.currentTarget.value as TruncationMode })}
          >
            {TRUNCATION.map(({ id, label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p
        className={
          summary.trainedLost > 0 && cut.truncation_mode !== 'drop' ? 'warn-text budget-words' : 'quiet budget-words'
        }
        aria-live="polite"
      >
        {sentence}
      </p>
      <svg
        ref={chart}
        className="length-budget"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Lengths of ${count(summary.rows)} rows, 0 to ${count(longest)} tokens. ${sentence}`}
      >
        {bins.map((bin) => {
          const whole = (bin.whole / tallest) * (HEIGHT - 8);
          const hurt = (bin.hurt / tallest) * (HEIGHT - 8);
          const left = x(bin.from) + 1;
          const width = Math.max(1, x(bin.to) - x(bin.from) - 2);
          return (
            <g key={bin.from}>
              <rect className="kept" x={left} width={width} y={HEIGHT - whole} height={whole}>
                <title>{`${bin.from}–${bin.to - 1} tokens: ${bin.whole} rows keep all targets, ${bin.hurt} lose some`}</title>
              </rect>
              <rect className="cut" x={left} width={width} y={HEIGHT - whole - hurt} height={hurt} />
            </g>
          );
        })}
        <line className="floor" x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      </svg>
      {measure === 'row' && summary.rows > 0 && (
        <div className="budget-track">
          <div
            className="budget-handle"
            role="slider"
            tabIndex={0}
            aria-label="max_length"
            aria-valuemin={LEAST}
            aria-valuemax={limit.max}
            aria-valuenow={limit.now}
            aria-valuetext={`${count(chosen.max_length)} tokens`}
            style={{ left: `${(limit.now / longest) * 100}%` }}
            onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
            onPointerMove={(event) => {
              if (event.currentTarget.hasPointerCapture(event.pointerId)) moveTo(event.clientX);
            }}
            onKeyDown={(event) => {
              const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -32, PageUp: 32 }[
                event.key
              ];
              if (!by) return;
              event.preventDefault();
              const next = Math.min(chosen.max_length, limit.max) + by;
              onChange({ max_length: Math.min(MOST, Math.max(LEAST, next)) });
            }}
          />
        </div>
      )}
      <div className="axis mono" aria-hidden="true">
        <span>0</span>
        <span>{count(longest)} tokens</span>
      </div>
    </Card>
  );
}

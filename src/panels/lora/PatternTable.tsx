// rank_pattern or alpha_pattern as a small table: keys match the end of a module's path, as regular expressions.
import { useState } from 'react';
import type { Json } from '../../protocol/chat';
import { type PatternRow, patternRows, patternTable } from './adapterForm';

export function PatternTable({
  name,
  value,
  fallback,
  onChange,
  problem,
}: {
  name: 'rank_pattern' | 'alpha_pattern';
  value: Json | undefined;
  /** Of a row that is added. */
  fallback: number;
  onChange: (table: Json | undefined) => void;
  problem?: string;
}) {
  /** Rows as they are edited: one without a pattern is not in the recipe yet. */
  const [rows, setRows] = useState<PatternRow[]>(() => patternRows(value));
  const set = (next: PatternRow[]) => {
    setRows(next);
    onChange(patternTable(next));
  };
  const edit = (at: number, change: Partial<PatternRow>) =>
    set(rows.map((row, i) => (i === at ? { ...row, ...change } : row)));
  return (
    <div className="lora-pattern">
      <div className="lora-pattern-head">
        <span className="mono lora-key">{name}</span>
        <button
          type="button"
          className="link"
          aria-label={`Add to ${name}`}
          onClick={() => setRows([...rows, { pattern: '', value: fallback }])}
        >
          Add
        </button>
      </div>
      {rows.map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
        <div key={i} className="lora-pattern-row">
          <input
            className="field-input mono"
            aria-label={`${name} ${i + 1}: end of the module’s path`}
            placeholder="layers\.0\..*q_proj"
            spellCheck={false}
            value={row.pattern}
            onChange={(event) => edit(i, { pattern: event.currentTarget.value })}
          />
          <input
            className="field-input mono"
            type="number"
            aria-label={`${name} ${i + 1}: value`}
            min={name === 'rank_pattern' ? 1 : undefined}
            step={name === 'rank_pattern' ? 1 : 'any'}
            value={row.value}
            onChange={(event) => {
              const number = event.currentTarget.valueAsNumber;
              if (Number.isFinite(number)) edit(i, { value: number });
            }}
          />
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove ${name} ${i + 1}`}
            onClick={() => set(rows.filter((_, k) => k !== i))}
          >
            ×
          </button>
        </div>
      ))}
      {problem && (
        <span className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}

// rank_pattern or alpha_pattern as a small table: keys match the end of a module's path, as regular expressions.
import { useEffect, useId, useRef } from 'react';
import { type PatternName, type PatternRow, patternProblems } from './adapterForm';

export function PatternTable({
  name,
  rows,
  fallback,
  onChange,
  problems,
  help,
}: {
  name: PatternName;
  /** As they are typed. */
  rows: readonly PatternRow[];
  /** Of a row that is added. */
  fallback: number;
  onChange: (rows: PatternRow[]) => void;
  /** Of the table, beside those of its rows. */
  problems: readonly string[];
  /** In sight where the form is explained. */
  help?: string;
}) {
  const id = useId();
  const last = useRef<HTMLInputElement>(null);
  const before = useRef(rows.length);
  useEffect(() => {
    if (rows.length > before.current) last.current?.focus(); // a row that was added is to be filled
    before.current = rows.length;
  }, [rows.length]);
  const faults = patternProblems(name, rows);
  const edit = (at: number, change: Partial<PatternRow>) =>
    onChange(rows.map((row, i) => (i === at ? { ...row, ...change } : row)));
  return (
    <div className="lora-pattern">
      <div className="lora-pattern-head">
        <span className="mono lora-key">{name}</span>
        <button
          type="button"
          className="link"
          aria-label={`Add to ${name}`}
          onClick={() => onChange([...rows, { pattern: '', value: String(fallback) }])}
        >
          Add
        </button>
      </div>
      {help && <span className="field-help">{help}</span>}
      {rows.map((row, i) => {
        const fault = faults[i];
        const isKey = row.pattern.trim() === '' || fault?.includes('twice');
        const described = fault ? `${id}-${i}` : undefined;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
          <div key={i} className="lora-pattern-row">
            <input
              ref={i === rows.length - 1 ? last : undefined}
              className="field-input mono"
              aria-label={`${name} ${i + 1}: end of the module’s path`}
              aria-invalid={fault !== undefined && isKey}
              aria-describedby={described}
              placeholder="layers\.0\..*q_proj"
              spellCheck={false}
              value={row.pattern}
              onChange={(event) => edit(i, { pattern: event.currentTarget.value })}
            />
            <input
              className="field-input mono"
              inputMode="decimal"
              aria-label={`${name} ${i + 1}: value`}
              aria-invalid={fault !== undefined && !isKey}
              aria-describedby={described}
              value={row.value}
              onChange={(event) => edit(i, { value: event.currentTarget.value })}
            />
            <button
              type="button"
              className="icon-button"
              aria-label={`Remove ${name} ${i + 1}`}
              onClick={() => onChange(rows.filter((_, k) => k !== i))}
            >
              ×
            </button>
            {fault && (
              <span id={described} className="field-problem" role="alert">
                {fault}
              </span>
            )}
          </div>
        );
      })}
      {problems
        .filter((text) => !faults.includes(text))
        .map((text) => (
          <span key={text} className="field-problem" role="alert">
            {text}
          </span>
        ))}
    </div>
  );
}

// A value as JSON that can be edited: what is valid is handed on, what is not stays in the field with its fault.
import { useEffect, useState } from 'react';
import type { Json } from '../../protocol/chat';
import { Fault } from '../../ui/Fault';

export function JsonField({
  label,
  value,
  onChange,
  problemOf,
  rows = 3,
}: {
  label: string;
  value: unknown;
  onChange: (value: Json) => void;
  /** What is wrong with a value that is JSON; undefined = nothing. */
  problemOf?: (value: Json) => string | undefined;
  rows?: number;
}) {
  const shown = JSON.stringify(value, null, 2);
  const [draft, setDraft] = useState(shown);
  const [problem, setProblem] = useState<string>();
  // Another value came from outside: the draft that led to this one is kept as it was typed.
  useEffect(() => {
    setDraft((old) => (sameJson(old, shown) ? old : shown));
    setProblem(undefined);
  }, [shown]);
  const edit = (text: string) => {
    setDraft(text);
    let parsed: Json;
    try {
      parsed = JSON.parse(text) as Json;
    } catch (error) {
      setProblem(`Not valid JSON yet: ${(error as Error).message}.`);
      return;
    }
    const found = problemOf?.(parsed);
    setProblem(found);
    if (!found) onChange(parsed);
  };
  return (
    <div className="json-field">
      <textarea
        className="mono"
        aria-label={label}
        aria-invalid={problem !== undefined}
        spellCheck={false}
        rows={rows}
        value={draft}
        onChange={(event) => edit(event.currentTarget.value)}
      />
      <Fault text={problem} />
    </div>
  );
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}

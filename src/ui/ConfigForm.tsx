// A form from declared fields: label as TRL spells it, unit, help, range check, and a mark on what differs from the default.
import { useId, useState } from 'react';
import { type Field, type Fields, fieldProblem } from '../lib/fields';
import type { Json } from '../protocol/chat';

export interface ConfigFormProps {
  fields: Fields;
  /** Missing keys show their default. */
  value: { [key: string]: Json };
  /** The keys that changed, with valid values only. */
  onChange: (change: { [key: string]: Json }) => void;
}

export function ConfigForm({ fields, value, onChange }: ConfigFormProps) {
  return (
    <div className="fields">
      {Object.entries(fields).map(([key, field]) => (
        <FieldRow
          key={key}
          name={key}
          field={field}
          value={value[key] ?? field.default}
          onChange={(v) => onChange({ [key]: v })}
        />
      ))}
    </div>
  );
}

const written = (value: Json): string =>
  typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3
    ? value.toExponential().replace('e-', 'e-')
    : String(value);

function FieldRow({
  name,
  field,
  value,
  onChange,
}: {
  name: string;
  field: Field;
  value: Json;
  onChange: (value: Json) => void;
}) {
  const id = useId();
  /** What is being typed, while it is not a valid value yet. */
  const [draft, setDraft] = useState<string>();
  const problem =
    draft === undefined ? undefined : fieldProblem(name, field, draft.trim() === '' ? Number.NaN : Number(draft));
  const title = `${field.help}${field.unit ? ` (${field.unit})` : ''} Default: ${String(field.default)}.`;
  return (
    <div className={`field${value === field.default ? '' : ' is-changed'}`} title={title}>
      <label htmlFor={id}>{name}</label>
      {field.type === 'number' ? (
        <input
          id={id}
          type="text"
          inputMode="decimal"
          value={draft ?? written(value)}
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? `${id}-problem` : undefined}
          onChange={(event) => {
            const text = event.currentTarget.value;
            setDraft(text);
            const number = text.trim() === '' ? Number.NaN : Number(text);
            if (fieldProblem(name, field, number) === undefined) onChange(number);
          }}
          onBlur={() => setDraft(undefined)}
        />
      ) : field.type === 'boolean' ? (
        <input
          id={id}
          type="checkbox"
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      ) : (
        <select id={id} value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
          {field.options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
      {problem && (
        <span id={`${id}-problem`} className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}

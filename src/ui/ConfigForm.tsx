// A form from declared fields: label as TRL spells it, unit, help, range check, and a mark on what differs from the default.
import { useId } from 'react';
import { type Field, type Fields, fieldProblem, typedNumber } from '../lib/fields';
import type { Json } from '../protocol/chat';

export interface ConfigFormProps {
  fields: Fields;
  /** Missing keys show their default. */
  value: { [key: string]: Json };
  /** The keys that changed, with valid values only. */
  onChange: (change: { [key: string]: Json }) => void;
  /**
   * What stands in a number's field in place of its value, by key: while it is typed, and afterwards as long as it does not
   * fit. Its owner keeps it (the form may be folded away) and must not act on `value` while there is a complaint.
   */
  typed: Readonly<Record<string, string>>;
  onType: (key: string, text: string | undefined) => void;
  /** The meaning of each field stands under it: a title is for a pointer alone. */
  hasHelp?: boolean;
}

export function ConfigForm({ fields, value, onChange, typed, onType, hasHelp = false }: ConfigFormProps) {
  return (
    <div className="fields">
      {Object.entries(fields).map(([key, field]) => (
        <FieldRow
          key={key}
          name={key}
          field={field}
          value={value[key] ?? field.default}
          onChange={(v) => onChange({ [key]: v })}
          typed={typed[key]}
          onType={(text) => onType(key, text)}
          hasHelp={hasHelp}
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
  typed,
  onType,
  hasHelp,
}: {
  name: string;
  field: Field;
  value: Json;
  onChange: (value: Json) => void;
  typed: string | undefined;
  onType: (text: string | undefined) => void;
  hasHelp: boolean;
}) {
  const id = useId();
  const problem = typed === undefined ? undefined : fieldProblem(name, field, typedNumber(typed));
  const title = `${field.help}${field.unit ? ` (${field.unit})` : ''} Default: ${String(field.default)}.`;
  const described = [hasHelp && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={`field${value === field.default ? '' : ' is-changed'}`} title={title}>
      <label htmlFor={id}>{name}</label>
      {field.type === 'number' ? (
        <input
          id={id}
          type="text"
          inputMode="decimal"
          value={typed ?? written(value)}
          aria-invalid={problem !== undefined}
          aria-describedby={described}
          onChange={(event) => {
            const text = event.currentTarget.value;
            onType(text);
            const number = typedNumber(text);
            if (fieldProblem(name, field, number) === undefined) onChange(number);
          }}
          onBlur={() => problem === undefined && onType(undefined)}
        />
      ) : field.type === 'boolean' ? (
        <input
          id={id}
          type="checkbox"
          aria-describedby={described}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      ) : (
        <select
          id={id}
          aria-describedby={described}
          value={String(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {field.options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
      {hasHelp && (
        <span id={`${id}-help`} className="field-help">
          {title}
        </span>
      )}
      {problem && (
        <span id={`${id}-problem`} className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}

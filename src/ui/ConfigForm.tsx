// A form from declared fields: label as TRL spells it, unit, help, range check, and a mark on what differs from the default.
import { useId } from 'react';
import { type ChoicesField, type Field, type Fields, fieldProblem, typedNumber, typedNumbers } from '../lib/fields';
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
          value={value[key] ?? (field.default as Json)}
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
  Array.isArray(value)
    ? value.map(written).join(', ')
    : typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3
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
  const readTyped = (text: string) => (field.type === 'numbers' ? typedNumbers(text) : typedNumber(text));
  const problem = typed === undefined ? undefined : fieldProblem(name, field, readTyped(typed));
  const title = `${field.help}${field.unit ? ` (${field.unit})` : ''} Default: ${written(field.default as Json) || 'none'}.`;
  const described = [hasHelp && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={`field${written(value) === written(field.default as Json) ? '' : ' is-changed'}`} title={title}>
      <label htmlFor={id}>{name}</label>
      {field.type === 'number' || field.type === 'numbers' ? (
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
            const given = readTyped(text);
            if (fieldProblem(name, field, given) === undefined) onChange(given);
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
      ) : field.type === 'choices' ? (
        <Choices id={id} name={name} field={field} value={value as string[]} onChange={onChange} />
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

/** A select for each that is chosen, in order, and one to add another. */
function Choices({
  id,
  name,
  field,
  value,
  onChange,
}: {
  id: string;
  name: string;
  field: ChoicesField;
  value: string[];
  onChange: (value: Json) => void;
}) {
  const rest = field.options.filter((option) => !value.includes(option));
  return (
    <span className="field-choices">
      {value.map((one, i) => (
        <span key={one} className="field-choice">
          <select
            id={i === 0 ? id : undefined}
            aria-label={i === 0 ? undefined : `${name} ${i + 1}`}
            value={one}
            onChange={(event) => onChange(value.with(i, event.currentTarget.value))}
          >
            {[one, ...rest].map((option) => (
              <option key={option}>{option}</option>
            ))}
          </select>
          {value.length > 1 && (
            <button
              type="button"
              aria-label={`Take ${one} out of ${name}`}
              onClick={() => onChange(value.filter((other) => other !== one))}
            >
              ×
            </button>
          )}
        </span>
      ))}
      {rest.length > 0 && (
        <select
          aria-label={`Add to ${name}`}
          value=""
          onChange={(event) => onChange([...value, event.currentTarget.value])}
        >
          <option value="" disabled>
            + add
          </option>
          {rest.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
    </span>
  );
}

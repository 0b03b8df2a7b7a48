// A number that is taken over as it is typed; what is no number yet is dropped when the field is left.
import { useEffect, useState } from 'react';

const read = (typed: string): number => (typed.trim() === '' ? Number.NaN : Number(typed));

export function NumberField({
  label,
  value,
  isValid,
  onChange,
}: {
  label: string;
  value: number;
  isValid: (value: number) => boolean;
  onChange: (value: number) => void;
}) {
  const [text, setText] = useState(String(value));
  // Changed from outside: what is typed and means the same stays as it is typed.
  useEffect(() => setText((old) => (read(old) === value ? old : String(value))), [value]);
  const type = (typed: string) => {
    setText(typed);
    if (isValid(read(typed))) onChange(read(typed));
  };
  return (
    <label className="inline-field">
      <span>{label}</span>
      <input
        type="number"
        min={0}
        step="any"
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
        onBlur={() => setText(String(value))}
      />
    </label>
  );
}

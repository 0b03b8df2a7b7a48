// A number that is taken over when the field is left or Enter is pressed; what is no number goes back to what it was.
import { useEffect, useState } from 'react';

export function NumberField({
  label,
  value,
  isValid,
  onChange,
  children,
}: {
  label: string;
  value: number;
  isValid: (value: number) => boolean;
  onChange: (value: number) => void;
  /** After the field, in its line. */
  children?: React.ReactNode;
}) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const take = () => {
    const typed = text.trim() === '' ? Number.NaN : Number(text);
    if (isValid(typed)) onChange(typed);
    else setText(String(value));
  };
  return (
    <label className="inline-field">
      <span>{label}</span>
      <input
        type="number"
        min={0}
        step="any"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={take}
        onKeyDown={(event) => event.key === 'Enter' && take()}
      />
      {children}
    </label>
  );
}

// Several of a few values, each with a box: what a sweep goes through.
import type { ReactNode } from 'react';

export function Checks<T extends string | number>({
  name,
  values,
  chosen,
  words = String,
  onChange,
  children,
}: {
  /** Of the setting. */
  name: string;
  values: readonly T[];
  chosen: readonly T[];
  words?: (value: T) => string;
  /** Gets those chosen in the order of `values`. */
  onChange: (chosen: T[]) => void;
  /** Further boxes. */
  children?: ReactNode;
}) {
  const isOn = (value: T) => chosen.includes(value);
  return (
    <fieldset className="checks">
      <legend className="mono">{name}</legend>
      {values.map((value) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={isOn(value)}
            onChange={() => onChange(values.filter((one) => (one === value ? !isOn(one) : isOn(one))))}
          />
          {words(value)}
        </label>
      ))}
      {children}
    </fieldset>
  );
}

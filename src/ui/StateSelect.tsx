// Which state of a model is read: its start, a checkpoint, the live weights.
export function StateSelect({
  states,
  value,
  onChange,
}: {
  states: readonly { ref: string; label: string }[];
  value: string | undefined;
  onChange: (ref: string) => void;
}) {
  return (
    <select
      className="select"
      aria-label="State of the model"
      value={value ?? ''}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {states.map(({ ref, label }) => (
        <option key={ref} value={ref}>
          {label}
        </option>
      ))}
    </select>
  );
}

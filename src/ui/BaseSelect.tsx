// Which model a run starts from.

export function BaseSelect({
  bases,
  value,
  onChange,
  label = 'model',
}: {
  bases: readonly { ref: string; label: string }[];
  value: string;
  onChange: (ref: string) => void;
  label?: string;
}) {
  return (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {bases.map(({ ref, label: text }) => (
        <option key={ref} value={ref}>
          {text}
        </option>
      ))}
    </select>
  );
}

// The tokenizer to read with: the studio's own, or one of those that were brought.
import { count } from '../lib/words';

export function TokenizerSelect({
  label,
  kits,
  value,
  onChange,
}: {
  /** Its name for a screen reader. */
  label: string;
  kits: readonly { id: string; title: string; vocabSize: number }[];
  /** undefined: the studio's own. */
  value: string | undefined;
  onChange: (kit: string | undefined) => void;
}) {
  return (
    <label className="inline-field">
      <span>tokenizer</span>
      <select
        className="select"
        aria-label={label}
        value={value ?? ''}
        onChange={(event) => onChange(event.currentTarget.value || undefined)}
      >
        <option value="">the studio’s own</option>
        {kits.map(({ id, title, vocabSize }) => (
          <option key={id} value={id}>
            {title} · {count(vocabSize)} tokens
          </option>
        ))}
      </select>
    </label>
  );
}

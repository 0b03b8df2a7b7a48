// Which row of a list is looked at: one back, by its number, one on.

export function RowStepper({
  index,
  total,
  what = 'row',
  onGo,
}: {
  index: number;
  total: number;
  /** What a row holds, for the names of the buttons. */
  what?: string;
  /** Gets a number from 0 to total − 1. */
  onGo: (index: number) => void;
}) {
  const last = Math.max(0, total - 1);
  const go = (to: number) => onGo(Math.min(last, Math.max(0, to)));
  return (
    <span className="row-stepper">
      <button
        type="button"
        className="icon-button"
        aria-label={`Previous ${what}`}
        disabled={index === 0}
        onClick={() => go(index - 1)}
      >
        ←
      </button>
      <label className="inline-field">
        <span>row</span>
        <input
          type="number"
          min={0}
          max={last}
          value={index}
          onChange={(event) => {
            const to = event.currentTarget.valueAsNumber;
            if (Number.isInteger(to)) go(to);
          }}
        />
      </label>
      <button
        type="button"
        className="icon-button"
        aria-label={`Next ${what}`}
        disabled={index + 1 >= total}
        onClick={() => go(index + 1)}
      >
        →
      </button>
    </span>
  );
}

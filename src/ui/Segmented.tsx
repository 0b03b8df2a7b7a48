// One choice of a few, all in sight. A radio group for the keyboard: arrows move and choose.
import { useRef } from 'react';

export interface SegmentedOption<T extends string> {
  id: T;
  label: string;
}
export interface SegmentedProps<T extends string> {
  /** Says what is chosen, for screen readers. */
  label: string;
  options: readonly (T | SegmentedOption<T>)[];
  value: string;
  onChange: (value: T) => void;
}

export function Segmented<T extends string>({ label, options, value, onChange }: SegmentedProps<T>) {
  const group = useRef<HTMLDivElement>(null);
  const items = options.map((o): SegmentedOption<T> => (typeof o === 'string' ? { id: o, label: o } : o));
  const at = items.findIndex((o) => o.id === value);
  const move = (by: number) => {
    const next = (Math.max(at, 0) + by + items.length) % items.length;
    onChange(items[next]!.id);
    (group.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <div
      ref={group}
      role="radiogroup"
      aria-label={label}
      className="segmented"
      onKeyDown={(event) => {
        const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        move(by);
      }}
    >
      {items.map((o, i) => (
        // biome-ignore lint/a11y/useSemanticElements: a native radio cannot be styled as a segment in all browsers
        <button
          key={o.id}
          type="button"
          role="radio"
          aria-checked={i === at}
          tabIndex={i === Math.max(at, 0) ? 0 : -1}
          onClick={() => onChange(o.id)}
        >
          {o.label}
        </button>
      ))}
    </div>
  );
}

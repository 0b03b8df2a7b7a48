// Small parts of this panel: a button that starts work and stops it, its progress or failure in words, a number field.
import { type ReactNode, useEffect, useId } from 'react';
import { count } from '../../lib/words';
import type { Measured } from '../../protocol/serving';
import { timeOfDay } from './registryView';
import { markSeen, stopWork, useTenants } from './tenants';

export function WorkButton({
  name,
  label,
  of,
  onStart,
  isPrimary = false,
  disabled = false,
  title,
}: {
  /** Of the work, as runWork has it. */
  name: string;
  label: string;
  /** Where several have the same label: what tells them apart to who does not see beside what they stand. */
  of?: string;
  onStart: () => void;
  isPrimary?: boolean;
  disabled?: boolean;
  title?: string;
}) {
  const isRunning = useTenants((s) => name in s.work);
  return isRunning ? (
    <button type="button" className="button" aria-label={of && `Stop: ${label} ${of}`} onClick={() => stopWork(name)}>
      Stop
    </button>
  ) : (
    <button
      type="button"
      className={`button${isPrimary ? ' primary' : ''}`}
      disabled={disabled}
      title={title}
      aria-label={of && `${label} ${of}`}
      onClick={onStart}
    >
      {label}
    </button>
  );
}

/** `children`: what stands there while nothing runs and nothing failed. */
export function WorkState({ name, unit, children }: { name: string; unit: string; children?: ReactNode }) {
  const work = useTenants((s) => s.work[name]);
  const failed = useTenants((s) => s.failed[name]);
  useEffect(() => {
    if (failed) markSeen(name);
  }, [failed, name]);
  if (work)
    return (
      <div className="ad-work" role="status">
        <span className="ad-bar">
          <i
            className={work.total > 0 ? undefined : 'is-open'}
            style={work.total > 0 ? { width: `${(100 * work.done) / work.total}%` } : undefined}
          />
        </span>
        {work.total > 0 ? `${count(work.done)} of ${count(work.total)} ${unit}` : 'starting …'}
      </div>
    );
  if (failed)
    return (
      <p className={failed.isStop ? 'quiet' : 'bad-text'} role={failed.isStop ? 'status' : 'alert'}>
        {failed.text}
      </p>
    );
  return children ? <div>{children}</div> : null;
}

export function NumberField({
  label,
  value,
  onChange,
  placeholder,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
}) {
  const id = useId();
  return (
    <div className="inline-field ad-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        className="field-input"
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  );
}

/** When and on what a figure was measured. `until`: what drops it. */
export function MeasuredWords({ of: { at, on }, until }: { of: Measured<unknown>; until: string }) {
  return (
    <p className="quiet ad-small">
      Measured {timeOfDay(at)} on {on}; kept until {until}.
    </p>
  );
}

/** An adapter's id in its colour. */
export function AdapterId({ id, color }: { id: number; color: string }) {
  return (
    <span className="ad-id mono">
      <i style={{ background: color }} aria-hidden="true" />
      {id}
    </span>
  );
}

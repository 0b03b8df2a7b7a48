// A table that scrolls in its own frame, and can be scrolled by the keyboard. What it does not show is told under it.
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { count } from '../lib/words';

/** What of the table is in sight; undefined where all of it is. */
interface Sight {
  first: number;
  last: number;
  rows: number;
  /** Columns go on to the right. */
  isCut: boolean;
}
function sightOf(frame: HTMLElement): Sight | undefined {
  const box = frame.getBoundingClientRect();
  const head = frame.querySelector('thead')?.getBoundingClientRect().height ?? 0;
  const rows = [...frame.querySelectorAll('tbody tr')].map((row) => row.getBoundingClientRect());
  // A row counts when half of it is in sight.
  const isIn = ({ top, bottom }: DOMRect) => (top + bottom) / 2 > box.top + head && (top + bottom) / 2 < box.bottom;
  const isCut = frame.scrollWidth - frame.clientWidth - frame.scrollLeft > 4;
  const isWide = frame.scrollWidth - frame.clientWidth > 4;
  const isLong = frame.scrollHeight - frame.clientHeight > 4;
  if (!isLong && !isWide) return undefined;
  return { first: rows.findIndex(isIn) + 1, last: rows.findLastIndex(isIn) + 1, rows: rows.length, isCut };
}

export function Scroll({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  const frame = useRef<HTMLElement>(null);
  const [sight, setSight] = useState<Sight>();
  const look = () => {
    const next = frame.current ? sightOf(frame.current) : undefined;
    setSight((old) => (JSON.stringify(old) === JSON.stringify(next) ? old : next));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes say when to look again
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    for (const child of element.children) sizes.observe(child);
    return () => sizes.disconnect();
  }, []);
  return (
    <div className={className ? `scroll-table ${className}` : 'scroll-table'}>
      <div className={`scroll-edges${sight?.isCut ? ' is-cut' : ''}`}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
        <section ref={frame} tabIndex={0} aria-label={label} className="scroll-frame" onScroll={look}>
          {children}
        </section>
      </div>
      {sight && (
        <p className="scroll-sight">
          {[
            sight.last - sight.first + 1 < sight.rows &&
              `rows ${count(sight.first)}–${count(sight.last)} of ${count(sight.rows)}`,
            sight.isCut && 'more columns to the right',
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
    </div>
  );
}

// The rows of a split: thousands scroll smoothly because only those in view exist. Arrow keys move the choice.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import { count } from '../../lib/words';
import { preview } from './dataView';
import type { Pages } from './usePages';

const ROW_HEIGHT = 44;

export function RowsList({
  pages,
  total,
  selected,
  onSelect,
}: {
  pages: Pages;
  total: number;
  /** Place in the list of matches. */
  selected: number;
  onSelect: (place: number) => void;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: total,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
  });
  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index;
  const last = items.at(-1)?.index;
  const { need } = pages;
  useEffect(() => {
    if (first !== undefined && last !== undefined) need(first, last);
  }, [first, last, need]);
  const move = (to: number) => {
    const place = Math.min(total - 1, Math.max(0, to));
    onSelect(place);
    virtualizer.scrollToIndex(place);
  };
  return (
    <div
      ref={frame}
      className="rows-list"
      role="listbox"
      aria-label="Rows"
      tabIndex={0}
      aria-activedescendant={`row-${selected}`}
      onKeyDown={(event) => {
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -total, End: total }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        move(selected + by);
      }}
    >
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const view = pages.rowAt(item.index);
          const words = view && (view.fault ? { asked: view.raw ?? '', answered: view.fault } : preview(view.row));
          const teachesNot = view?.answerFault;
          const tone = view?.fault || teachesNot?.blocking ? 'bad-text' : teachesNot ? 'warn-text' : 'quiet';
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the list
            <div
              key={item.key}
              id={`row-${item.index}`}
              role="option"
              tabIndex={-1}
              aria-selected={item.index === selected}
              aria-setsize={total}
              aria-posinset={item.index + 1}
              className="rows-item"
              style={{ height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }}
              onClick={() => onSelect(item.index)}
            >
              <span className="rows-index mono">
                {view ? view.index < 0 ? <>line {count(view.line ?? 0)}</> : count(view.index) : '·'}
              </span>
              {view && words ? (
                <span className="rows-text">
                  <span className="one-line">{words.asked}</span>
                  <span className={`one-line ${tone}`}>{teachesNot?.message ?? (words.answered || view.shape)}</span>
                </span>
              ) : (
                <span className="skeleton-line" />
              )}
              {view && <span className="rows-shape">{view.edited ? 'edited' : view.shape}</span>}
            </div>
          );
        })}
      </div>
    </div>
  );
}

// Rows sorted by trained tokens: those with a fault stand on top. Only the rows in view exist.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { count } from '../../lib/words';
import type { MaskRowReport } from '../../protocol/requests';
import { Card } from '../../ui/Card';

const ROW_HEIGHT = 27;

export function RowsTable({
  rows,
  selected,
  onSelect,
  isLoading,
  total,
}: {
  rows: MaskRowReport[];
  selected: number;
  onSelect: (index: number) => void;
  isLoading: boolean;
  /** Rows of the split; a report may cover only the first of them. */
  total: number;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
  });
  const read = rows.length < total ? `first ${count(rows.length)} of ${count(total)}` : count(rows.length);
  return (
    <Card title="Rows" note={isLoading && rows.length === 0 ? 'reading …' : `${read} · fewest trained tokens first`}>
      <div className="mask-rows-head" aria-hidden="true">
        <span className="n">row</span>
        <span>shape</span>
        <span className="n">tokens</span>
        <span className="n">trained</span>
        <span>finding</span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section ref={frame} className="mask-rows" aria-label="Rows by trained tokens" tabIndex={0}>
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            return (
              <button
                key={item.key}
                type="button"
                className="mask-rows-item"
                aria-current={row.index === selected}
                style={{ height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }}
                onClick={() => onSelect(row.index)}
              >
                <span className="n">{count(row.index)}</span>
                <span>{row.shape}</span>
                <span className="n">{count(row.tokens)}</span>
                <span className="n">{count(row.trained)}</span>
                <span className={row.trained === 0 ? 'bad-text' : row.finding ? 'warn-text' : 'quiet'}>
                  {row.finding ?? '–'}
                </span>
              </button>
            );
          })}
        </div>
      </section>
    </Card>
  );
}

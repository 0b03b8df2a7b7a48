// All rows of the split, sorted and filtered; only those in view exist on the page.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { count } from '../../lib/words';
import { Card } from '../../ui/Card';
import { KIND_WORDS } from './maskView';
import {
  type Cut,
  type CutSummary,
  isFault,
  kindUnder,
  orderOf,
  type ReportRows,
  type RowFilter,
  type SortKey,
} from './report';

const ROW_HEIGHT = 27;

export function RowsTable({
  rows,
  version,
  summary,
  cut,
  selected,
  onSelect,
  isReading,
  total,
}: {
  rows: ReportRows;
  version: number;
  summary: CutSummary;
  cut: Cut;
  selected: number;
  onSelect: (index: number) => void;
  isReading: boolean;
  /** Rows of the split. */
  total: number;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const [filter, setFilter] = useState<RowFilter>({ kind: 'all', shape: '' });
  const [sort, setSort] = useState<{ key: SortKey; descending: boolean }>({ key: 'trained', descending: false });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows grow in place; version says when
  const order = useMemo(() => orderOf(rows, cut, filter, sort), [rows, version, cut, filter, sort]);
  const virtualizer = useVirtualizer({
    count: order.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
  });
  const faults = [...summary.byKind].filter(([kind]) => isFault(kind, cut));
  const read = rows.length < total ? `${count(rows.length)} of ${count(total)} read` : count(rows.length);
  const note =
    isReading && rows.length === 0
      ? 'reading …'
      : order.length < rows.length
        ? `${count(order.length)} of ${read}`
        : read;
  const head = (key: SortKey, label: string) => (
    <button
      type="button"
      className="mask-sort n"
      aria-pressed={sort.key === key}
      title={`Sort by ${label}`}
      onClick={() => setSort({ key, descending: sort.key === key ? !sort.descending : false })}
    >
      {label}
      <span aria-hidden="true">{sort.key === key ? (sort.descending ? ' ↓' : ' ↑') : ''}</span>
    </button>
  );
  return (
    <Card
      title="Rows"
      note={note}
      actions={
        <>
          <select
            className="select"
            aria-label="Show rows with"
            value={filter.kind}
            onChange={(event) => setFilter({ ...filter, kind: event.currentTarget.value as RowFilter['kind'] })}
          >
            <option value="all">all rows</option>
            <option value="faulty">any fault</option>
            <option value="cut">longer than max_length</option>
            {faults.map(([kind, { rows: n }]) => (
              <option key={kind} value={kind}>
                {KIND_WORDS[kind]} ({count(n)})
              </option>
            ))}
          </select>
          {rows.shapes.length > 1 && (
            <select
              className="select"
              aria-label="Show rows of shape"
              value={filter.shape}
              onChange={(event) => setFilter({ ...filter, shape: event.currentTarget.value })}
            >
              <option value="">every shape</option>
              {rows.shapes.map((shape) => (
                <option key={shape}>{shape}</option>
              ))}
            </select>
          )}
        </>
      }
    >
      <div className="mask-rows-head">
        {head('row', 'row')}
        <span>shape</span>
        {head('tokens', 'tokens')}
        {head('trained', 'trained')}
        <span>finding</span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section ref={frame} className="mask-rows" aria-label="Rows of the split" tabIndex={0}>
        {order.length === 0 && !isReading && <p className="quiet mask-none">No row passes the filter.</p>}
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {virtualizer.getVirtualItems().map((item) => {
            const i = order[item.index]!;
            const index = rows.index.at(i);
            const kind = kindUnder(rows, i, cut);
            const { trained } = rows.cut(i, cut);
            return (
              <button
                key={item.key}
                type="button"
                className="mask-rows-item"
                aria-current={index === selected}
                style={{ height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }}
                onClick={() => onSelect(index)}
              >
                <span className="n">{count(index)}</span>
                <span>{rows.shape(i)}</span>
                <span className="n">{count(rows.tokens.at(i))}</span>
                <span className="n">{count(trained)}</span>
                <span className={!isFault(kind, cut) ? 'quiet' : trained === 0 ? 'bad-text' : 'warn-text'}>
                  {KIND_WORDS[kind]}
                </span>
              </button>
            );
          })}
        </div>
      </section>
    </Card>
  );
}

// Rows typed in the editor and not kept yet: they wait here while the person looks at other rows, sets and panels.
import { create } from 'zustand';
import { count } from '../../lib/words';
import type { DatasetRowView } from '../../protocol/requests';

/** Enough to come back to the row: its place in the set, and what it is called there. */
export interface TypedRow {
  datasetId: string;
  split: string;
  place: number;
  name: string;
  text: string;
}
export const useTypedRows = create<{ rows: readonly TypedRow[] }>(() => ({ rows: [] }));

const isOther =
  (datasetId: string, place: number) =>
  (row: TypedRow): boolean =>
    row.datasetId !== datasetId || row.place !== place;
/** What is typed for a row; undefined where its editor is closed. */
export const typedText = (rows: readonly TypedRow[], datasetId: string, place: number | undefined) =>
  rows.find((row) => row.datasetId === datasetId && row.place === place)?.text;
export function setTyped(row: TypedRow): void {
  useTypedRows.setState(({ rows }) => {
    const at = rows.findIndex((other) => !isOther(row.datasetId, row.place)(other));
    return { rows: at < 0 ? [...rows, row] : rows.with(at, row) };
  });
}
export function forgetTyped(datasetId: string, place: number): void {
  useTypedRows.setState(({ rows }) => ({ rows: rows.filter(isOther(datasetId, place)) }));
}

/** `Row 12`, or `Line 14` of a row that has or had a fault and no number among the good ones. */
export const rowName = ({ index, line }: Pick<DatasetRowView, 'index' | 'line'>): string =>
  index < 0 && line !== undefined ? `Line ${count(line)}` : `Row ${count(index)}`;

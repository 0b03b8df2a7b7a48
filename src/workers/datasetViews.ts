// Rows of a dataset as the pages see them: which belong to a split, what is told of each, which ones a query asks for.
import { type RowFile, SPLIT_NAMES } from '../data/rowFile';
import { isDevByPlace } from '../data/rowOperations';
import type { RowQuery } from '../protocol/datasets';
import type { DatasetRowView } from '../protocol/requests';
import { columnsOfType, typeOfRow } from '../protocol/rowTypes';
import { parseRow } from '../text/parseRow';
import type { BuiltinItem, Split } from '../world/item';

/** Places of a split's rows, and the number of each among those without a fault (−1: faulty). */
interface SplitPlaces {
  places: Int32Array;
  indexes: Int32Array;
}

/** Split of each row: as it was given, or by its place. */
export const codesOf = (file: RowFile): Uint8Array =>
  file.splits ?? Uint8Array.from({ length: file.length }, (_, i) => (isDevByPlace(i, file.length) ? 1 : 0));
/** Rows of each split that has any. */
export function countSplits(codes: Uint8Array): { [split: string]: number } {
  const counts: { [split: string]: number } = {};
  for (const [code, name] of SPLIT_NAMES.entries()) {
    let n = 0;
    for (const other of codes) if (other === code) n++;
    if (n > 0 || code === 0) counts[name] = n;
  }
  return counts;
}

const placesCache = new WeakMap<RowFile, Map<string, SplitPlaces>>();
/** What is not train is held out: a set without heldout rows gives its dev rows for them. */
export function placesIn(file: RowFile, split: string, withFaulty: boolean): SplitPlaces {
  let known = placesCache.get(file);
  if (!known) {
    known = new Map();
    placesCache.set(file, known);
  }
  const key = `${split} ${withFaulty}`;
  let found = known.get(key);
  if (!found) {
    const codes = codesOf(file);
    const asked = SPLIT_NAMES.indexOf(split as Split);
    const code = asked === 2 && !codes.includes(2) ? 1 : Math.max(0, asked);
    const places: number[] = [];
    const indexes: number[] = [];
    let index = 0;
    for (let i = 0; i < file.length; i++) {
      if (codes[i] !== code) continue;
      const isFaulty = file.faults.has(i);
      if (isFaulty && !withFaulty) continue;
      places.push(i);
      indexes.push(isFaulty ? -1 : index++);
    }
    found = { places: Int32Array.from(places), indexes: Int32Array.from(indexes) };
    known.set(key, found);
  }
  return found;
}

export const viewOf = ({ row, rowId, shape, tenant }: BuiltinItem, index: number): DatasetRowView => ({
  index,
  rowId,
  row,
  shape,
  tenant,
});
export function viewAt(
  id: string,
  file: RowFile,
  place: number,
  index: number,
  drafts: ReadonlyMap<number, string>,
): DatasetRowView {
  const draft = drafts.get(place);
  const fault = draft === undefined ? file.faults.get(place) : undefined;
  const row =
    fault !== undefined ? {} : draft === undefined ? file.row(place) : parseRow(JSON.parse(draft), '', file.type);
  return {
    index,
    line: file.line(place),
    rowId: `${id}/${index}`,
    row,
    shape: fault === undefined ? typeOfRow(row) : 'faulty',
    place,
    ...(fault !== undefined && { fault, raw: file.text(place) }),
    ...(draft !== undefined
      ? { edited: 'draft' as const }
      : file.edited.has(place)
        ? { edited: 'saved' as const }
        : {}),
  };
}

const BESIDE_LENGTH = 400;
/** The columns that no field of the row's type uses, as text; undefined where there are none. */
export function besideOf(
  columns: { [column: string]: unknown } | undefined,
  row: DatasetRowView['row'],
): DatasetRowView['beside'] {
  // Conversations that are compared hold their prompt: a text of it beside them is not read.
  const own = columnsOfType(typeOfRow(row)).filter((name) => name !== 'prompt' || row.prompt !== undefined);
  const found = Object.entries(columns ?? {}).flatMap(([name, value]): [string, string][] => {
    if (own.includes(name) || value === null || value === undefined) return [];
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [[name, text.length > BESIDE_LENGTH ? `${text.slice(0, BESIDE_LENGTH)} …` : text]];
  });
  return found.length > 0 ? found : undefined;
}

/** Undefined where nothing is asked for. */
export function queryKey(query: RowQuery | undefined): string | undefined {
  if (!query) return undefined;
  const { also, ...rest } = query;
  const asked = Object.entries({ ...rest, text: rest.text?.trim().toLowerCase() }).filter(([, value]) => value);
  return asked.length > 0 ? JSON.stringify([...asked, also ?? []]) : undefined;
}
export function matches(view: DatasetRowView, { text, shape, role, faults, edited, also }: RowQuery): boolean {
  if (view.place !== undefined && also?.includes(view.place)) return true;
  const words = text?.trim().toLowerCase();
  if (faults && view.fault === undefined) return false;
  if (edited && view.edited === undefined) return false;
  if (shape && view.shape !== shape) return false;
  if (role && !rolesIn(view.row).has(role)) return false;
  return !words || searchText(view).includes(words);
}
export function rolesIn({ messages, prompt, completion, chosen }: DatasetRowView['row']): Set<string> {
  const roles = new Set<string>();
  for (const part of [messages, prompt, completion, chosen])
    if (Array.isArray(part)) for (const message of part) roles.add(message.role);
  return roles;
}
const searchText = ({ row, shape, tenant, raw = '' }: DatasetRowView): string =>
  [...stringsIn(row), raw, shape, tenant ?? ''].join(' ').toLowerCase();

/** All strings in a value: what a person reads, without JSON's quoting. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

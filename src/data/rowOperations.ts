// Operations that make one dataset of another: splits by hash and by group, exact deduplication, a seeded sample. Pure; each goes
// on in steps, so that a worker can answer others between them.
import { DataError } from '../lib/errors';
import { hash3, hashString, Rng } from '../lib/rng';
import type { DatasetRow } from '../protocol/chat';
import type { SplitRule } from '../protocol/datasets';
import { canonicalJson } from '../storage/hash';
import type { RowFile } from './rowFile';

/** Work of one step: a row counts 1, and 1 more for each 4 KiB of it. */
const WORK_A_STEP = 1000;
const workOf = (file: RowFile, i: number): number => 1 + file.bytesAt(i).length / 4096;
const [TRAIN, DEV, HELDOUT] = [0, 1, 2]; // as SPLIT_NAMES
const DEV_EVERY = 10;
const DEV_FROM = 20;

/** As JSON with sorted keys, runs of white space as one blank: rows that only differ there are the same. */
export function normalText(row: DatasetRow): string {
  return canonicalJson(normalised(row));
}
function normalised(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\s+/g, ' ').trim();
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, normalised(inner)]));
}

/** Uniform in [0, 1), the same for the same text and seed. */
export const shareOf = (text: string, seed: number): number =>
  hash3(seed, hashString(text), Math.imul(text.length, 0x9e3779b1)) / 2 ** 32;

export interface Groups {
  train: number;
  dev: number;
  /** Counted, not assumed: 0 unless a group is torn. */
  both: number;
  /** Rows without a value in the column; each is a group of its own. */
  without: number;
}
export interface SplitCodes {
  codes: Uint8Array;
  groups?: Groups;
}

export const isDevByPlace = (i: number, total: number): boolean => total >= DEV_FROM && i % DEV_EVERY === DEV_EVERY - 1;

/** Split of each row; rows that are held out stay so. Faulty rows are shared out too, by their text. Throws DataError for a column that no row has. */
export function* splitCodes(file: RowFile, rule: SplitRule): Generator<number, SplitCodes> {
  const codes = new Uint8Array(file.length);
  if (rule.by === 'place') return { codes: codes.map((_, i) => (isDevByPlace(i, file.length) ? DEV : TRAIN)) };
  if (rule.by === 'given') return { codes: file.splits?.slice() ?? codes };
  const sides = new Map<string, number>();
  let without = 0;
  let work = 0;
  for (let i = 0; i < file.length; i++) {
    let key: string | undefined;
    if (rule.by === 'group') {
      const value = file.columns(i)?.[rule.column];
      if (value === undefined || value === null) without++;
      else key = `=${typeof value === 'string' ? value : canonicalJson(value)}`;
    }
    const text = key ?? (file.faults.has(i) ? file.text(i) : normalText(file.row(i)));
    const drawn = shareOf(text, rule.seed) < rule.devPercent / 100 ? DEV : TRAIN;
    const code = file.splits?.[i] === HELDOUT ? HELDOUT : drawn;
    codes[i] = code;
    if (key !== undefined) sides.set(key, (sides.get(key) ?? 0) | (1 << code));
    work += workOf(file, i);
    if (work < WORK_A_STEP) continue;
    yield i + 1;
    work = 0;
  }
  if (rule.by === 'hash') return { codes };
  if (sides.size === 0)
    throw new DataError(`No row has a column ${rule.column}. Choose another column to group by.`, {
      where: rule.column,
    });
  const groups: Groups = { train: 0, dev: 0, both: 0, without };
  // A group that is held out as a whole is on neither side; one that is held out in part is told as parted.
  for (const side of sides.values())
    if (side !== 1 << HELDOUT) groups[side === 1 << TRAIN ? 'train' : side === 1 << DEV ? 'dev' : 'both']++;
  return { codes, groups };
}

/** Rows that repeat an earlier one, each with the first of its kind. Faulty rows repeat nothing. */
export function* duplicatesOf(file: RowFile): Generator<number, { index: number; of: number }[]> {
  const byHash = new Map<number, number[]>();
  const found: { index: number; of: number }[] = [];
  let work = 0;
  for (let i = 0; i < file.length; i++) {
    work += workOf(file, i);
    if (work >= WORK_A_STEP) {
      yield i + 1;
      work = 0;
    }
    if (file.faults.has(i)) continue;
    const text = normalText(file.row(i));
    const key = hashString(text);
    const same = byHash.get(key);
    // A hash is a hint: only equal texts are equal rows.
    const of = same?.find((first) => normalText(file.row(first)) === text);
    if (of !== undefined) found.push({ index: i, of });
    else if (same) same.push(i);
    else byHash.set(key, [i]);
  }
  return found;
}

/** `count` of the rows without a fault, in their order; all of them where there are no more. */
export function sampleOf(file: RowFile, count: number, seed: number): number[] {
  const good: number[] = [];
  for (let i = 0; i < file.length; i++) if (!file.faults.has(i)) good.push(i);
  const rng = new Rng(seed, 'dataset sample');
  const taken = Math.min(count, good.length);
  for (let i = 0; i < taken; i++) {
    const at = i + Math.floor(rng.next() * (good.length - i));
    [good[i], good[at]] = [good[at]!, good[i]!];
  }
  return good.slice(0, taken).sort((a, b) => a - b);
}

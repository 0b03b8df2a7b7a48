// What the Data page asks the text worker about datasets: previews of files, queries over rows, operations that make new sets.
import type { DatasetRow } from './chat';
import type { FormId, RowMapping } from './rowForms';

/** How a file would be read, before anything is kept. */
export interface ImportPreview {
  format: string;
  /** In the order of the file, with the first value that is there, as text. */
  columns: { name: string; example: string }[];
  /** As it was asked for, or as the columns suggest; undefined when no form fits. */
  mapping?: RowMapping;
  /** The columns have the form's own names. */
  isExact: boolean;
  /** Other forms whose own columns are there too: TRL's order decided. */
  others: FormId[];
  /** Why the form, in a sentence; undefined when no form fits, or the person chose it. */
  reason?: string;
  /** The first rows, each converted, with what is wrong with it, or as given while fields have no column. */
  rows: { line: number; row?: DatasetRow; problem?: string; given?: string }[];
  /** Of those read for the preview: how many cannot be converted, of how many. */
  faulty: number;
  read: number;
}

/** How far long work over the rows of a set is: each phase counts from 0. */
export interface WorkProgress {
  phase: 'looking' | 'writing' | 'keeping';
  /** Rows, or bytes. */
  done: number;
  total: number;
}

/** How rows are shared out between train and dev. */
export type SplitRule =
  /** Every tenth row is dev, from 20 rows on. */
  | { by: 'place' }
  /** As the file or the parent has them. */
  | { by: 'given' }
  /** By a hash of the row's own words and the seed: equal rows never part. */
  | { by: 'hash'; devPercent: number; seed: number }
  /** By a hash of the value of a column and the seed: no group is on both sides. */
  | { by: 'group'; column: string; devPercent: number; seed: number };

/** How a set came to be. */
export type DatasetOperation =
  | { op: 'import'; fileName: string; format: string; form: FormId }
  | { op: 'split'; rule: SplitRule }
  | { op: 'deduplicate' }
  | { op: 'sample'; rows: number; seed: number }
  | { op: 'clean' }
  | { op: 'edit'; rows: number }
  /** Votes of a session of the Annotate page. */
  | { op: 'annotate'; session: string; rows: number };
/** Those that a person applies to a set. */
export type DerivingOperation = Exclude<DatasetOperation, { op: 'import' } | { op: 'edit' } | { op: 'annotate' }>;

/** What an operation would do, counted. */
export interface OperationReport {
  /** Rows before and after. */
  before: number;
  after: number;
  splits: { [split: string]: number };
  /** Of a split by group: groups on each side, and those on both. */
  groups?: { train: number; dev: number; both: number; without: number };
  /** Of deduplication: the first rows that go, each with the one that stays. */
  duplicates?: { place: number; line: number; of: number; ofLine: number; text: string }[];
}

/** Which rows of a split; all of them unless something is given. */
export interface RowQuery {
  /** Part of a text in the row, its kind, shape or tenant. */
  text?: string;
  /** Type, or the shape of built-in rows. */
  shape?: string;
  /** Some message is from this role. */
  role?: string;
  /** Faulty rows only. */
  faults?: boolean;
  /** Edited rows only. */
  edited?: boolean;
  /** Places of rows that stay, whatever they have become: those edited since the filter was applied. */
  also?: readonly number[];
}

/** What can be chosen in a set's filters and operations. */
export interface DatasetFacets {
  /** Columns beside those of the row's type, for groups. */
  columns: string[];
  shapes: string[];
  roles: string[];
  faulty: number;
  /** Rows edited and not saved yet; rows that an earlier version has otherwise. */
  drafts: number;
  edited: number;
}

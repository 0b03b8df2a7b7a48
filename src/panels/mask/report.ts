// The rows of a mask report as the page keeps them, and what max_length does to each. Pure; 100,000 rows in milliseconds.
import type { TruncationMode } from '../../protocol/chat';
import type { MaskColumns, MaskRowKind } from '../../protocol/requests';

/** max_length and what happens to longer rows. */
export interface Cut {
  max_length: number;
  truncation_mode: TruncationMode;
}
/** What is left of a row after the cut. Tokens of dropped and refused rows count as lost. */
export interface CutRow {
  /** Tokens kept. */
  kept: number;
  trained: number;
  trainedLost: number;
  stopsLost: number;
  /** Trained end-of-turn tokens that are left. */
  stopsKept: number;
}

type Numbers = Int32Array | Uint8Array;
/** An array that grows by doubling. */
class Growing<A extends Numbers> {
  length = 0;
  constructor(private items: A) {}
  push(more: ArrayLike<number>): void {
    const need = this.length + more.length;
    if (need > this.items.length) {
      const bigger = new (this.items.constructor as new (n: number) => A)(Math.max(need, this.items.length * 2, 64));
      bigger.set(this.items);
      this.items = bigger;
    }
    this.items.set(more, this.length);
    this.length = need;
  }
  at(i: number): number {
    return this.items[i]!;
  }
}
const ints = () => new Growing(new Int32Array(0));

export class ReportRows {
  readonly index = ints();
  readonly tokens = ints();
  readonly prompt = ints();
  readonly shapes: string[] = [];
  readonly kinds: MaskRowKind[] = [];
  private readonly runStart = ints();
  private readonly runs = ints();
  private readonly stopStart = ints();
  private readonly stops = ints();
  private readonly shapeAt = new Growing(new Uint8Array(0));
  private readonly kindAt = new Growing(new Uint8Array(0));

  constructor() {
    this.runStart.push([0]);
    this.stopStart.push([0]);
  }
  get length(): number {
    return this.index.length;
  }
  append(c: MaskColumns): void {
    const [runs, stops] = [this.runs.length / 2, this.stops.length];
    this.index.push(c.index);
    this.tokens.push(c.tokens);
    this.prompt.push(c.prompt);
    this.runs.push(c.runs);
    this.stops.push(c.stops);
    this.runStart.push(c.runStart.subarray(1).map((at) => at + runs));
    this.stopStart.push(c.stopStart.subarray(1).map((at) => at + stops));
    this.shapeAt.push(renumbered(c.shape, c.shapes, this.shapes));
    this.kindAt.push(renumbered(c.kind, c.kinds, this.kinds));
  }
  shape(i: number): string {
    return this.shapes[this.shapeAt.at(i)]!;
  }
  /** What is wrong with the row as long as nothing is cut. */
  kind(i: number): MaskRowKind {
    return this.kinds[this.kindAt.at(i)]!;
  }
  /** Trained tokens before the cut. */
  trained(i: number): number {
    let sum = 0;
    for (let r = this.runStart.at(i); r < this.runStart.at(i + 1); r++)
      sum += this.runs.at(2 * r + 1) - this.runs.at(2 * r);
    return sum;
  }
  /** The row under a cut, as the encoder would leave it: after keep_end the first kept token is predicted by nothing. */
  cut(i: number, { max_length, truncation_mode }: Cut): CutRow {
    const n = this.tokens.at(i);
    const whole = this.trained(i);
    const stops = this.stopStart.at(i + 1) - this.stopStart.at(i);
    if (n <= max_length) return { kept: n, trained: whole, trainedLost: 0, stopsLost: 0, stopsKept: stops };
    if (truncation_mode === 'drop' || truncation_mode === 'refuse')
      return { kept: 0, trained: 0, trainedLost: whole, stopsLost: stops, stopsKept: 0 };
    const [from, to] = truncation_mode === 'keep_start' ? [0, max_length] : [n - max_length + 1, n];
    let trained = 0;
    for (let r = this.runStart.at(i); r < this.runStart.at(i + 1); r++)
      trained += Math.max(0, Math.min(to, this.runs.at(2 * r + 1)) - Math.max(from, this.runs.at(2 * r)));
    let stopsKept = 0;
    for (let s = this.stopStart.at(i); s < this.stopStart.at(i + 1); s++) {
      const at = this.stops.at(s);
      if (at >= from && at < to) stopsKept++;
    }
    return { kept: max_length, trained, trainedLost: whole - trained, stopsLost: stops - stopsKept, stopsKept };
  }
}

function renumbered<T>(values: Uint8Array, names: readonly T[], known: T[]): Uint8Array {
  const map = names.map((name) => {
    const at = known.indexOf(name);
    return at >= 0 ? at : known.push(name) - 1;
  });
  return values.map((v) => map[v]!);
}

/** The fault of a row under a cut: the cut's own first, because it stands above what it hides. */
export function kindUnder(rows: ReportRows, i: number, cut: Cut): MaskRowKind {
  const kind = rows.kind(i);
  if (kind === 'unreadable') return kind;
  const isOut = cut.truncation_mode === 'drop' || cut.truncation_mode === 'refuse';
  if (isOut && rows.tokens.at(i) > cut.max_length) return 'too_long';
  if (kind === 'nothing_trained') return kind;
  const { trained, trainedLost, stopsLost, stopsKept } = rows.cut(i, cut);
  if (trained === 0) return 'nothing_trained';
  if (stopsLost > 0 && stopsKept === 0) return 'stop_not_trained';
  if (trainedLost > 0) return 'target_cut';
  if (kind === 'none' && rows.tokens.at(i) > cut.max_length) return 'truncated';
  return kind;
}

/** Kinds that stop a run, as the gate does; the others are worth knowing. Rows that the person lets drop stop nothing. */
export const isFault = (kind: MaskRowKind, { truncation_mode }: Pick<Cut, 'truncation_mode'>): boolean =>
  !HARMLESS.has(kind) && !(kind === 'too_long' && truncation_mode === 'drop');
const HARMLESS: ReadonlySet<MaskRowKind> = new Set([
  'none',
  'truncated',
  'special_in_text',
  // Padding is masked by its length here.
  'pad_is_eos',
]);

export interface CutSummary {
  rows: number;
  /** Tokens kept of all rows that train something. */
  tokens: number;
  trained: number;
  /** Rows longer than max_length. */
  cut: number;
  /** Rows of which nothing is trained because of the cut. */
  rowsLost: number;
  trainedLost: number;
  stopsLost: number;
  /** Rows whose every trained end-of-turn token is cut away. */
  rowsWithoutStop: number;
  longest: number;
  /** `byCut`: the first of them has the fault from the cut alone. */
  byKind: Map<MaskRowKind, { rows: number; first: number; byCut: boolean }>;
}
export function summarize(rows: ReportRows, cut: Cut): CutSummary {
  const out: CutSummary = {
    rows: rows.length,
    tokens: 0,
    trained: 0,
    cut: 0,
    rowsLost: 0,
    trainedLost: 0,
    stopsLost: 0,
    rowsWithoutStop: 0,
    longest: 0,
    byKind: new Map(),
  };
  for (let i = 0; i < rows.length; i++) {
    const n = rows.tokens.at(i);
    const left = rows.cut(i, cut);
    out.longest = Math.max(out.longest, n);
    out.tokens += left.kept;
    out.trained += left.trained;
    if (n > cut.max_length) out.cut++;
    if (left.trained === 0 && left.trainedLost > 0) out.rowsLost++;
    out.trainedLost += left.trainedLost;
    out.stopsLost += left.stopsLost;
    if (left.stopsLost > 0 && left.stopsKept === 0) out.rowsWithoutStop++;
    const kind = kindUnder(rows, i, cut);
    const known = out.byKind.get(kind);
    if (known) known.rows++;
    else out.byKind.set(kind, { rows: 1, first: rows.index.at(i), byCut: kind !== rows.kind(i) });
  }
  return out;
}

export type SortKey = 'trained' | 'tokens' | 'row';
export interface RowFilter {
  /** 'all', 'faulty', 'cut', or one kind. */
  kind: 'all' | 'faulty' | 'cut' | MaskRowKind;
  shape: string;
}
/** Positions (not row numbers) of the rows that pass, sorted; equal ones in dataset order. */
export function orderOf(
  rows: ReportRows,
  cut: Cut,
  { kind, shape }: RowFilter,
  sort: { key: SortKey; descending: boolean },
): Int32Array {
  const out: number[] = [];
  const keys = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    if (shape !== '' && rows.shape(i) !== shape) continue;
    if (kind !== 'all') {
      const found = kindUnder(rows, i, cut);
      const passes =
        kind === 'faulty' ? isFault(found, cut) : kind === 'cut' ? rows.tokens.at(i) > cut.max_length : found === kind;
      if (!passes) continue;
    }
    keys[i] =
      sort.key === 'trained' ? rows.cut(i, cut).trained : sort.key === 'tokens' ? rows.tokens.at(i) : rows.index.at(i);
    out.push(i);
  }
  const sign = sort.descending ? -1 : 1;
  return Int32Array.from(out).sort((a, b) => sign * (keys[a]! - keys[b]!) || a - b);
}

export type Measure = 'row' | 'prompt' | 'completion' | 'trained';
export interface Bin {
  /** Tokens, [from, to). */
  from: number;
  to: number;
  whole: number;
  /** Rows that lose trained tokens, or all. */
  hurt: number;
}
const BIN_WIDTHS = [1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512];
function niceWidth(width: number): number {
  for (let scale = 1; ; scale *= 512) for (const step of BIN_WIDTHS) if (step * scale >= width) return step * scale;
}
/** Lengths before the cut in at most `most` equal bins from 0; what the cut hurts is told apart. */
export function histogram(rows: ReportRows, cut: Cut, measure: Measure, most: number): Bin[] {
  const value = (i: number): number => {
    const [n, prompt] = [rows.tokens.at(i), rows.prompt.at(i)];
    if (measure === 'row') return n;
    if (measure === 'prompt') return prompt;
    return measure === 'completion' ? n - prompt : rows.trained(i);
  };
  let longest = 0;
  for (let i = 0; i < rows.length; i++) longest = Math.max(longest, value(i));
  if (rows.length === 0) return [];
  const width = niceWidth((longest + 1) / most);
  const bins = Array.from({ length: Math.ceil((longest + 1) / width) }, (_, i): Bin => {
    return { from: i * width, to: (i + 1) * width, whole: 0, hurt: 0 };
  });
  for (let i = 0; i < rows.length; i++) {
    const bin = bins[Math.floor(value(i) / width)]!;
    if (rows.cut(i, cut).trainedLost > 0) bin.hurt++;
    else bin.whole++;
  }
  return bins;
}

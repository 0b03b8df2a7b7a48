// A mask report as columns: small enough to keep 100,000 rows on the page, exact enough to move max_length without reading a
// row again. Everything is measured before anything is cut.
import { type EncodedRow, FINDING_KINDS, type FindingKind } from '../protocol/chat';
import type { MaskColumns, MaskRowKind } from '../protocol/requests';

/** A row that could not be rendered or encoded. */
export interface FailedRow {
  message: string;
}

/**
 * The weightiest first: what blocks, then what the gate stops, then the rest, each in the order of FINDING_KINDS. That pad is
 * eos is no fault of a row where padding is masked by its length.
 */
export function mainFinding(row: Pick<EncodedRow, 'findings'>): { kind: FindingKind; message: string } | undefined {
  const weight = (f: NonNullable<EncodedRow['findings']>[number]) =>
    (f.blocking ? 0 : f.gate ? 100 : 200) + FINDING_KINDS.indexOf(f.kind);
  return row.findings?.filter((f) => f.kind !== 'pad_is_eos' || f.gate).toSorted((a, b) => weight(a) - weight(b))[0];
}

/** Collects encoded rows; `take` hands over what came since the last time. */
export class MaskColumnsBuilder {
  private rows: number[] = [];
  private tokens: number[] = [];
  private prompt: number[] = [];
  private runStart: number[] = [0];
  private runs: number[] = [];
  private stopStart: number[] = [0];
  private stops: number[] = [];
  private finding: MaskRowKind[] = [];
  private shape: string[] = [];
  /** The first sentence of each kind that was ever seen. */
  readonly first = new Map<MaskRowKind, { index: number; message: string }>();

  get length(): number {
    return this.rows.length;
  }

  /** `stopIds`: ids that end a turn. `encoded` must not be cut. */
  add(index: number, shape: string, encoded: EncodedRow | FailedRow, stopIds: ReadonlySet<number>): void {
    this.rows.push(index);
    this.shape.push(shape);
    if ('mask' in encoded) {
      const { mask, ids } = encoded;
      this.tokens.push(ids.length);
      let first = ids.length;
      for (let t = 0; t < mask.length; t++) {
        if (!mask[t]) continue;
        first = Math.min(first, t);
        if (stopIds.has(ids[t]!)) this.stops.push(t);
        if (t > 0 && mask[t - 1]) this.runs[this.runs.length - 1] = t + 1;
        else this.runs.push(t, t + 1);
      }
      this.prompt.push(first);
    } else {
      this.tokens.push(0);
      this.prompt.push(0);
    }
    this.runStart.push(this.runs.length / 2);
    this.stopStart.push(this.stops.length);
    const found = 'mask' in encoded ? mainFinding(encoded) : { kind: 'unreadable' as const, message: encoded.message };
    this.finding.push(found?.kind ?? 'none');
    if (found && !this.first.has(found.kind)) this.first.set(found.kind, { index, message: found.message });
  }

  take(): MaskColumns {
    const shapes = [...new Set(this.shape)];
    const kinds = [...new Set(this.finding)];
    const columns: MaskColumns = {
      index: Int32Array.from(this.rows),
      tokens: Int32Array.from(this.tokens),
      prompt: Int32Array.from(this.prompt),
      runStart: Int32Array.from(this.runStart),
      runs: Int32Array.from(this.runs),
      stopStart: Int32Array.from(this.stopStart),
      stops: Int32Array.from(this.stops),
      shape: Uint8Array.from(this.shape, (name) => shapes.indexOf(name)),
      shapes,
      kind: Uint8Array.from(this.finding, (name) => kinds.indexOf(name)),
      kinds,
    };
    this.rows = [];
    this.tokens = [];
    this.prompt = [];
    this.runStart = [0];
    this.runs = [];
    this.stopStart = [0];
    this.stops = [];
    this.finding = [];
    this.shape = [];
    return columns;
  }
}

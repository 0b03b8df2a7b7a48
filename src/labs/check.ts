// The pre-flight gate on anybody's rows: what would be trained, and what is wrong, counted by kind with the rows named.
import { StudioError } from '../lib/errors';
import { type DatasetRow, type EncodedRow, FINDING_KINDS, type FindingKind } from '../protocol/chat';
import type { GateFinding } from '../protocol/requests';
import { blockingFinding, render, trainedTokens } from '../text/render';
import type { RenderSettings } from '../text/renderContext';
import { gateFindings, type PartFindings, partFindings } from './preflight';

export interface CheckedRow {
  /** How people find it: `line 12`. */
  rowId: string;
  row: DatasetRow;
}
export interface CheckReport {
  rows: number;
  /** Of rows that are not left out. */
  tokens: number;
  trained: number;
  /** Kinds that stop a run, the gravest first; kinds that are allowed among them, marked. */
  findings: (GateFinding & { isAllowed: boolean })[];
  /** Worth knowing, not worth stopping: kind → rows. */
  notes: { kind: FindingKind; rows: number; first: string }[];
  /** Rows that could not be rendered at all. */
  unreadable: { rows: number; first: { rowId: string; message: string }[] };
  /** Nothing stops a run. */
  isClean: boolean;
}

const NAMED = 20;

interface Part extends PartFindings {
  tokens: number;
  trained: number;
  notes: Map<FindingKind, { rows: number; first: string }>;
  unreadable: { rowId: string; message: string }[];
}

function checkPart(
  part: 'train' | 'eval',
  rows: readonly CheckedRow[],
  settings: RenderSettings,
  onRow: () => void,
): Part {
  const encoded: EncodedRow[] = [];
  const out: Part = { findings: [], rules: [], tokens: 0, trained: 0, notes: new Map(), unreadable: [] };
  for (const { rowId, row } of rows) {
    onRow();
    try {
      const one = render(row, rowId, settings);
      if (!blockingFinding(one)) {
        out.tokens += one.ids.length;
        out.trained += trainedTokens(one);
      }
      for (const { kind, gate, message } of one.findings ?? []) {
        if (gate) continue;
        const note = out.notes.get(kind) ?? { rows: 0, first: message };
        note.rows++;
        out.notes.set(kind, note);
      }
      encoded.push(one);
    } catch (error) {
      if (!(error instanceof StudioError)) throw error;
      out.unreadable.push({ rowId, message: error.message });
    }
  }
  return { ...out, ...partFindings(part, encoded) };
}

/** `allow`: kinds that do not count as faults. `onRow` is called once a row. */
export function checkRows(
  train: readonly CheckedRow[],
  held: readonly CheckedRow[],
  settings: RenderSettings,
  { allow = [], onRow = () => {} }: { allow?: readonly string[]; onRow?: () => void } = {},
): CheckReport {
  const [a, b] = [checkPart('train', train, settings, onRow), checkPart('eval', held, settings, onRow)];
  const findings = gateFindings(a, b).map((finding) => ({ ...finding, isAllowed: allow.includes(finding.kind) }));
  const unreadable = [...a.unreadable, ...b.unreadable];
  return {
    rows: train.length + held.length,
    tokens: a.tokens + b.tokens,
    trained: a.trained + b.trained,
    findings,
    notes: FINDING_KINDS.flatMap((kind) => {
      const [x, y] = [a.notes.get(kind), b.notes.get(kind)];
      return x || y ? [{ kind, rows: (x?.rows ?? 0) + (y?.rows ?? 0), first: (x ?? y)!.first }] : [];
    }),
    unreadable: { rows: unreadable.length, first: unreadable.slice(0, NAMED) },
    isClean: unreadable.length === 0 && findings.every(({ isAllowed }) => isAllowed),
  };
}

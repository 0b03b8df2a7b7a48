// What the runs table says, as pure functions.
import { plural } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';

const COLORS = Array.from({ length: 6 }, (_, i) => `var(--s${i})`);
/** A run keeps its colour across the app: by its id, not by its place in a list. */
export function runColor(id: string): string {
  let h = 0;
  for (let i = 0; i < id.length; i++) h = (Math.imul(h, 31) + id.charCodeAt(i)) >>> 0;
  return COLORS[h % COLORS.length]!;
}

/** Of runs side by side: each its own, but where an earlier one has it already, the next that is free. */
export function runColors(runs: readonly { id: string }[]): Record<string, string> {
  const colors = runs.map(({ id }) => runColor(id));
  const out: Record<string, string> = {};
  const taken = new Set<string>();
  runs.forEach(({ id }, i) => {
    const free = COLORS.find((color) => !taken.has(color) && !colors.includes(color));
    const color = taken.has(colors[i]!) ? (free ?? colors[i]!) : colors[i]!;
    taken.add(color);
    out[id] = color;
  });
  return out;
}

export const STATUS_WORDS: Record<RunRecord['status'], { text: string; tone: '' | 'ok' | 'warn' | 'bad' }> = {
  queued: { text: 'queued', tone: '' },
  running: { text: 'running', tone: 'ok' },
  paused: { text: 'paused', tone: 'warn' },
  finished: { text: 'finished', tone: 'ok' },
  stopped: { text: 'stopped', tone: '' },
  failed: { text: 'failed', tone: 'bad' },
  interrupted: { text: 'interrupted', tone: 'warn' },
};

/** Findings of the gate that the run was trained in spite of, in words; empty when none. */
export const overrideWords = ({ recipe }: Pick<RunRecord, 'recipe'>): string[] =>
  (recipe.overrides ?? []).map((kind) => kind.replaceAll('_', ' '));

/** What was imported, in a sentence. */
export const importedWords = ({ name, imported, points }: RunRecord): string =>
  imported
    ? `Imported the log “${name}”: ${plural(points.length, 'step')} of curves, no weights.${imported.notes.map((note) => ` ${note}`).join('')}`
    : `Imported “${name}”.`;

/** Newest value of a metric, or undefined. */
export function newest(run: RunRecord, metric: string): number | undefined {
  for (let i = run.points.length - 1; i >= 0; i--) {
    const value = run.points[i]![metric];
    if (typeof value === 'number') return value;
  }
  return undefined;
}

/** Metrics that at least one of the runs has, the usual ones first. */
export function sharedMetrics(runs: readonly RunRecord[]): string[] {
  const first = ['eval_loss', 'loss', 'mean_token_accuracy', 'eval_mean_token_accuracy', 'grad_norm', 'learning_rate'];
  const found = new Set(runs.flatMap((r) => r.points.flatMap((p) => Object.keys(p))));
  found.delete('step');
  found.delete('epoch');
  return [...first.filter((m) => found.has(m)), ...[...found].filter((m) => !first.includes(m)).sort()];
}

/** When it began, as the record or the log says; undefined for a log without clocks. Milliseconds since the epoch. */
export const startedAt = ({ createdAt, imported }: Pick<RunRecord, 'createdAt' | 'imported'>): number | undefined =>
  imported ? imported.startedAt : createdAt;

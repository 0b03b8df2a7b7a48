// What the runs table says, as pure functions.
import { argsOf } from '../../labs/trainerOf';
import { plural } from '../../lib/words';
import { MODEL_TEMPLATE } from '../../protocol/recipe';
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

/** What was imported, in a sentence. `since`: when the same log came, in words; nothing was stored then. */
export const importedWords = ({ name, imported, points }: RunRecord, since?: string): string =>
  since !== undefined
    ? `Nothing new was stored: this is the log “${name}”, imported ${since}.`
    : imported
      ? `Imported the log “${name}”: ${plural(points.length, 'step')} of curves, no weights.${imported.notes.map((note) => ` ${note}`).join('')}`
      : `Imported “${name}”.`;

/** Its learning_rate, the trainer's default among them; of a log, or a trainer that this studio does not have, what was written. */
export function rateOf({ recipe, imported }: Pick<RunRecord, 'recipe' | 'imported'>): string {
  return String((imported ? recipe.args : argsOf(recipe)).learning_rate ?? '–');
}

/** Newest value of a metric, or undefined. */
export function newest(run: RunRecord, metric: string): number | undefined {
  for (let i = run.points.length - 1; i >= 0; i--) {
    const value = run.points[i]![metric];
    if (typeof value === 'number') return value;
  }
  return undefined;
}

/** Curves of a metric: of a run without a finite value of it there is none, and no entry of the legend. */
export function curvesOf(runs: readonly RunRecord[], metric: string) {
  return runs.flatMap((run) => {
    const points = run.points.flatMap((p) => (typeof p[metric] === 'number' ? [{ step: p.step, value: p[metric] }] : [])); // biome-ignore format: one choice
    return points.length > 0 ? [{ run, points }] : [];
  });
}
/** Why a run has no curve of a metric, in a sentence; undefined where one may still come. */
export function noCurveWords({ name, points, status }: RunRecord, metric: string): string | undefined {
  if (points.some((point) => typeof point[metric] === 'number')) return undefined;
  if (points.some((point) => metric in point)) return `${name}: every value of ${metric} is NaN or infinite.`;
  return status === 'finished' || status === 'stopped' || status === 'failed' ? `${name} has no ${metric}.` : undefined;
}

/** What a run came from and made, each with its id and, where it is known, its name. `nameOf` gives undefined for what is not. */
export function lineageOf(
  { recipe, parents, outputs }: Pick<RunRecord, 'recipe' | 'parents' | 'outputs'>,
  nameOf: (ref: string) => string | undefined,
): { label: string; id: string; name?: string }[] {
  const refs = (part: 'train' | 'eval') => recipe.data[part].map(({ ref }) => nameOf(ref) ?? ref).join(' + ');
  const parentName = (kind: string, id: string): string | undefined => {
    if (kind === 'model') return nameOf(recipe.model.ref);
    if (kind === 'template') return recipe.template === MODEL_TEMPLATE ? 'the model’s own' : nameOf(recipe.template);
    // Ids of the built-in tokenizer are not listed: runs with the studio's own templates read with it.
    if (kind === 'tokenizer')
      return nameOf(id) ?? (recipe.template === MODEL_TEMPLATE ? undefined : 'the studio’s own');
    return kind === 'data/train' ? refs('train') : kind === 'data/eval' ? refs('eval') : nameOf(id);
  };
  const row = (label: string, id: string, name: string | undefined) => ({ label, id, ...(name && { name }) });
  return [
    ...Object.entries(parents).map(([kind, id]) => row(`from ${kind}`, id, parentName(kind, id))),
    ...Object.entries(outputs).map(([kind, id]) => row(`made ${kind}`, id, nameOf(id))),
  ];
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

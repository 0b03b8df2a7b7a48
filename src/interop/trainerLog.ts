// Logs of other programs as runs: transformers' trainer_state.json (TrainerState.log_history, written by TRL's trainers too), and
// logs of one JSON object a line (metrics.jsonl, wandb's history). Metric names are TRL's and stay as they are.
import { DataError } from '../lib/errors';
import { plural } from '../lib/words';
import type { Json } from '../protocol/chat';
import type { LogFormat, MetricPoint, RunRecord } from '../protocol/run';
import { hashBytes } from '../storage/hash';
import type { RunStore } from '../storage/runs';

/** Larger logs would not be charts any more. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_STEPS = 1e9;
/** Names under which loggers keep the step and the epoch. wandb's own count, of its calls and not of updates, only where nothing else stands. */
const STEPS = ['step', 'global_step', 'train/global_step', 'iteration', 'iter', '_step'];
const EPOCHS = ['epoch', 'train/epoch'];
/** When wandb wrote a line of its history, seconds since the epoch. */
const WRITTEN_AT = '_timestamp';
/** What it adds to each; no metrics. */
const CLOCKS = [WRITTEN_AT, '_runtime', '_wandb'];
/** Members of a trainer state that say how was trained, under TRL's names. */
const ARGUMENTS = ['max_steps', 'num_train_epochs', 'train_batch_size', 'logging_steps', 'eval_steps', 'save_steps'];

/** A log is text; a file that the studio exported is a zip. */
export const isTrainerLog = (bytes: Uint8Array): boolean => !(bytes[0] === 0x50 && bytes[1] === 0x4b);

type Entry = { [key: string]: unknown };
const isObject = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface TrainerLog {
  format: LogFormat;
  points: MetricPoint[];
  args: { [key: string]: Json };
  step: number;
  maxSteps: number;
  notes: string[];
  /** Of the earliest line that has a clock, ms since the epoch. */
  startedAt?: number;
}

/** Stores the log as a run without weights; one that is here already, byte for byte, is given back with `isKnown`. Throws DataError naming what is wrong; nothing is stored then. */
export async function importTrainerLog(
  runs: RunStore,
  bytes: Uint8Array,
  { fileName, newId, now }: { fileName: string; newId: () => string; now: () => number },
): Promise<{ run: RunRecord; isKnown?: true }> {
  const sha256 = await hashBytes(bytes);
  const known = (await runs.heads()).find(({ imported }) => imported?.sha256 === sha256);
  if (known) return { run: await runs.get(known.id), isKnown: true };
  const { format, points, args, step, maxSteps, notes, startedAt } = parseTrainerLog(bytes, fileName);
  const at = now();
  const name = fileName.replace(/\.(jsonl?|ndjson|log)$/i, '');
  const record: RunRecord = {
    id: newId(),
    name: name === 'trainer_state' ? `trainer_state, step ${step}` : name,
    recipe: {
      version: 1,
      trainer: 'imported',
      model: { ref: 'imported' },
      template: 'imported',
      data: { train: [], eval: [] },
      args,
      peft: null,
      evaluation: [],
      seed: 0,
    },
    status: step >= maxSteps ? 'finished' : 'stopped',
    createdAt: at,
    updatedAt: at,
    step,
    maxSteps,
    versions: {},
    kernelVariants: {},
    parents: {},
    outputs: {},
    checkpoints: [],
    points,
    generations: [],
    imported: { fileName, format, notes, sha256, ...(startedAt !== undefined && { startedAt }) },
  };
  await runs.create(record);
  return { run: record };
}

/** Throws DataError, with line or entry, for a file that is no log: not text, not JSON, no steps, no numbers. */
export function parseTrainerLog(bytes: Uint8Array, fileName: string): TrainerLog {
  if (bytes.byteLength > MOST_BYTES)
    throw problem(
      fileName,
      `has ${Math.round(bytes.byteLength / 2 ** 20)} MiB; logs up to ${MOST_BYTES / 2 ** 20} are read. Log less often.`,
    );
  const text = textOf(bytes, fileName).trim();
  if (text === '')
    throw problem(fileName, 'is empty. Choose trainer_state.json of a checkpoint, or a log of JSON lines.');
  const document = text.startsWith('[') || isWhole(text) ? parseJson(text, fileName) : undefined;
  if (isObject(document) && 'log_history' in document) return fromState(document, fileName);
  if (Array.isArray(document))
    return fromEntries(
      document.map((entry, i) => [entry, `entry ${i + 1}`]),
      fileName,
    );
  const lines = text
    .split('\n')
    .flatMap((line, i): [unknown, string][] =>
      line.trim() === '' ? [] : [[parseJson(line, `${fileName}, line ${i + 1}`), `line ${i + 1}`]],
    );
  return fromEntries(lines, fileName);
}

function problem(where: string, complaint: string): DataError {
  return new DataError(`${where} ${complaint}`, { where });
}
function textOf(bytes: Uint8Array, fileName: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${fileName} is not UTF-8 text. Choose trainer_state.json, or a log of JSON lines.`, {
      cause,
      where: fileName,
    });
  }
}
/** A document over several lines, or in one. */
function isWhole(text: string): boolean {
  const line = text.split('\n', 1)[0]!;
  return line.length === text.length || !line.trimEnd().endsWith('}');
}

/** Python writes NaN and Infinity as they are; JSON has neither, and null stands for them in points. */
const NOT_JSON = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;
function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text.replace(NOT_JSON, (found) => (found.startsWith('"') ? found : 'null')));
  } catch (cause) {
    const hint = /^\s*\{\s*'/.test(text)
      ? 'It is Python’s notation, as printed by a trainer: choose trainer_state.json in its output folder.'
      : 'Choose trainer_state.json of a checkpoint, or a log with one complete JSON object a line.';
    throw new DataError(`${where} is not valid JSON (${(cause as Error).message}). ${hint}`, { cause, where });
  }
}

function fromState(state: Entry, fileName: string): TrainerLog {
  const history = state.log_history;
  if (!Array.isArray(history))
    throw problem(`${fileName}: log_history`, 'is not a list. Choose the trainer_state.json of a checkpoint.');
  if (history.length === 0)
    throw problem(
      `${fileName}: log_history`,
      'is empty: nothing was logged. Train with logging_steps below the number of steps.',
    );
  const log = fromEntries(
    history.map((entry, i) => [entry, `log_history[${i}]`]),
    fileName,
  );
  const number = (key: string) => (isCount(state[key]) ? (state[key] as number) : undefined);
  const step = Math.max(number('global_step') ?? 0, log.step);
  return {
    ...log,
    format: 'trainer_state',
    args: Object.fromEntries(ARGUMENTS.flatMap((key) => (typeof state[key] === 'number' ? [[key, state[key]]] : []))),
    step,
    maxSteps: Math.max(number('max_steps') ?? 0, step),
  };
}
const isCount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_STEPS;

/** Points in the order of their steps; entries of one step are one point, as training and evaluation log theirs apart. */
function fromEntries(entries: readonly [entry: unknown, where: string][], fileName: string): TrainerLog {
  const byStep = new Map<number, MetricPoint>();
  const left = new Set<string>();
  let isRenamed = false;
  const others = new Map<string, string>();
  let startedAt: number | undefined;
  for (const [entry, place] of entries) {
    const where = `${fileName}, ${place}`;
    if (!isObject(entry)) throw problem(where, 'is not an object. A log has one object for each step.');
    const stepKey = STEPS.find((key) => entry[key] !== undefined);
    if (stepKey === undefined)
      throw problem(
        where,
        `has no step (found: ${Object.keys(entry).slice(0, 6).join(', ') || 'nothing'}). Log the step beside the metrics.`,
      );
    const step = entry[stepKey];
    if (!isCount(step)) throw problem(where, `has the step ${JSON.stringify(step)}; expected a whole number from 0.`);
    const point = byStep.get(step as number) ?? { step: step as number, epoch: 0 };
    const at = millisecondsOf(entry[WRITTEN_AT]);
    if (at !== undefined) startedAt = Math.min(at, startedAt ?? at);
    const epoch = EPOCHS.map((key) => entry[key]).find((value) => typeof value === 'number');
    if (typeof epoch === 'number') point.epoch = epoch;
    for (const [key, value] of Object.entries(entry)) {
      if (STEPS.includes(key) || EPOCHS.includes(key) || CLOCKS.includes(key)) continue;
      const number = numberOf(value);
      if (number === undefined) {
        left.add(key);
        continue;
      }
      const plain = plainName(key);
      if (plain !== key) isRenamed = true;
      const called = OTHER_NAMES[plain];
      // Under both names in one entry they are two things.
      const name = called !== undefined && entry[called] === undefined ? called : plain;
      if (name !== plain) others.set(plain, name);
      if (name !== '__proto__') point[name] = number;
    }
    byStep.set(step as number, point);
  }
  const points = [...byStep.values()].sort((a, b) => a.step - b.step);
  const metrics = new Set(points.flatMap((point) => Object.keys(point)));
  if (metrics.size <= 2)
    throw problem(fileName, 'has steps but no numbers beside them. Choose a log with metrics, such as loss.');
  const last = points.at(-1)!.step;
  return {
    format: 'metrics',
    points,
    args: {},
    step: last,
    maxSteps: last,
    ...(startedAt !== undefined && { startedAt }),
    notes: [
      ...(isRenamed ? ['wandb’s train/loss and eval/loss are called loss and eval_loss here, as TRL logs them.'] : []),
      ...[...others].map(([from, to]) => `${from} is called ${to} here, as TRL logs it.`),
      ...(left.size > 0
        ? [
            `Left out, as they are no numbers: ${[...left].slice(0, 8).join(', ')}${left.size > 8 ? ` and ${plural(left.size - 8, 'other')}` : ''}.`,
          ]
        : []),
    ],
  };
}
/** Of seconds since the epoch; undefined for what is none: before 1973, or after 5138. */
const millisecondsOf = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 1e8 && value < 1e11 ? Math.round(value * 1000) : undefined;
/** null: not finite. transformers 5 logs numbers as text in places. */
function numberOf(value: unknown): number | null | undefined {
  if (value === null) return null;
  if (typeof value === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value.trim()))
    return finite(Number(value));
  return typeof value === 'number' ? finite(value) : undefined;
}
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** What PyTorch Lightning, Axolotl's forks and hand-written loops call TRL's metrics. */
const OTHER_NAMES: { [name: string]: string | undefined } = {
  lr: 'learning_rate',
  val_loss: 'eval_loss',
  valid_loss: 'eval_loss',
  validation_loss: 'eval_loss',
  'val/loss': 'eval_loss',
  'valid/loss': 'eval_loss',
  'validation/loss': 'eval_loss',
};
/** transformers' integrations write train/… and eval/… for what its own log calls … and eval_… (rewrite_logs). */
const plainName = (key: string): string =>
  key
    .replace(/^train\//, '')
    .replace(/^eval\//, 'eval_')
    .replace(/^test\//, 'test_');

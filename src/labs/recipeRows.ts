// The rows that a recipe names, and their encoding under its mask mode. The one way, for the text worker and headless.
import { DataError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { Rng } from '../lib/rng';
import type { DatasetRow, EncodedRow, RowSource } from '../protocol/chat';
import { DEFAULT_ADAPTER } from '../protocol/peft';
import type { DataRef, Recipe } from '../protocol/recipe';
import type { RowPlace } from '../protocol/requests';
import { type DatasetType, typeOfRow } from '../protocol/rowTypes';
import { EMPTY_LABELLED } from '../text/answerFaults';
import { sidesOf } from '../text/preferences';
import { isEmptyAnswer, render, renderPair } from '../text/render';
import type { RenderContext, RenderSettings } from '../text/renderContext';
import { renderPrompt } from '../text/renderPrompt';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { builtinDataset, builtinItems } from '../world/registry';
import { type PartFindings, partFindings } from './preflight';
import { settingsOf } from './recipeSettings';

/** Rows of built-in sets when the recipe does not say. */
const TRAIN_ROWS = 4000;

export interface NamedRow {
  rowId: string;
  row: DatasetRow;
  /** Adapter that it trains, where the recipe trains any. */
  adapter?: string;
  place?: RowPlace;
  builtin?: RowSource['builtin'];
}
/** `lines`: where each row stands in the file that it came from. */
export interface ImportedSet {
  rows: DatasetRow[];
  lines?: number[];
}
/** Rows of a set that a person brought in; undefined when the ref is not one. */
export type ImportedRows = (ref: DataRef) => ImportedSet | undefined;
/** Built-in rows on show are those that the default recipe trains on. */
export const SHOWN_SEED = 1;

/**
 * The row with its vote turned round. Whether row i of a set is one of them depends on seed, set and i alone, and a larger share
 * turns those of a smaller one too: a sweep over shares adds noise and changes nothing else.
 */
function flipped(row: DatasetRow): DatasetRow {
  if (row.chosen !== undefined) return { ...row, chosen: row.rejected, rejected: row.chosen } as DatasetRow;
  return row.label === undefined ? row : { ...row, label: !row.label };
}
type IsFlipped = (ref: string, index: number) => boolean;
function votesTurned({ data: { flipped_votes = 0, seed }, seed: own }: Recipe, part: 'train' | 'eval'): IsFlipped {
  if (part === 'eval' || flipped_votes === 0) return () => false;
  const rng = new Rng(seed ?? own, 'flipped votes');
  return (ref, index) => rng.fork(ref).fork(index).bool(flipped_votes);
}

/** Throws DataError for an unknown ref. Built-in rows are shared out by weight; imported sets come whole. */
export function recipeRows(
  recipe: Recipe,
  part: 'train' | 'eval',
  imported: ImportedRows = () => undefined,
): NamedRow[] {
  const { data } = recipe;
  const refs = data[part];
  const { max_eval_samples } = parseConfig(trainers[recipe.trainer as keyof typeof trainers].fields, recipe.args);
  const total = part === 'train' ? (data.rows ?? TRAIN_ROWS) : max_eval_samples;
  const weights = refs.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const isFlipped = votesTurned(recipe, part);
  return refs.flatMap((source): NamedRow[] => {
    const adapter = recipe.peft ? { adapter: source.adapter ?? DEFAULT_ADAPTER } : {};
    const brought = imported(source);
    const split = source.split ?? (part === 'train' ? 'train' : 'dev');
    if (brought)
      return brought.rows.map((row, index) => ({
        rowId: `${source.ref}/${index}`,
        row: isFlipped(source.ref, index) ? flipped(row) : row,
        ...adapter,
        place: { datasetId: source.ref, split, index, line: brought.lines?.[index] },
      }));
    const seed = data.seed ?? recipe.seed;
    const rows = Math.max(1, Math.round((total * (source.weight ?? 1)) / weights));
    // Rows of another seed, and those beyond what a set shows, are on no page.
    const shown = seed === SHOWN_SEED ? builtinDataset(source.ref).rows[split] : 0;
    return builtinItems(source.ref, { rows, seed, split }).map(({ rowId, row }, index) => ({
      rowId,
      row: isFlipped(source.ref, index) ? flipped(row) : row,
      ...adapter,
      builtin: { ref: source.ref, index, seed, split },
      ...(index < shown && { place: { datasetId: source.ref, split, index } }),
    }));
  });
}

export interface EncodedRows extends PartFindings {
  /** In order; of a preference both sides, chosen first. */
  rows: EncodedRow[];
  /** Rows left out, as TRL does, because nothing of them would be trained. */
  dropped: { rowId: string; reason: string }[];
}

type EncodeArguments = [
  recipe: Recipe,
  part: 'train' | 'eval',
  context: RenderContext,
  options?: { imported?: ImportedRows },
];
/** Throws DataError when no row is left for training, with the first reason. */
export function encodeRecipe(...given: EncodeArguments): EncodedRows {
  const steps = encodeRecipeSteps(...given);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const ROW_WORDS: Record<DatasetType, string> = {
  messages: 'conversations (messages)',
  'prompt-completion': 'prompt and completion',
  text: 'plain text',
  preference: 'preferences (chosen and rejected)',
  'unpaired-preference': 'answers with a label (prompt, completion and label)',
  'prompt-only': 'prompts without an answer',
  stepwise: 'steps with labels (completions and labels)',
};
/** An item of the data as the rows that its method trains on. */
interface EncodedItem {
  rows: EncodedRow[];
  /** What is wrong with any of them. */
  findings: EncodedRow['findings'];
}
type Encode = (named: NamedRow, settings: RenderSettings) => EncodedItem;
const whole = (row: EncodedRow): EncodedItem => ({ rows: [row], findings: row.findings });
const labelled = (row: DatasetRow, label: boolean, rowId: string, settings: RenderSettings): EncodedRow => {
  const rendered = render(row, rowId, settings);
  const empty = isEmptyAnswer(row) ? [EMPTY_LABELLED] : [];
  const { truncated, cutLeft, ids } = rendered;
  const uncut = truncated > 0 && !cutLeft && render(row, rowId, { ...settings, max_length: ids.length + truncated });
  return {
    ...rendered,
    findings: [...empty, ...(rendered.findings ?? [])],
    values: { label: label ? 1 : 0 },
    // After another prompt it may have more room.
    ...(uncut && {
      wholeAnswer: { ids: uncut.ids.slice(uncut.promptLength), mask: uncut.mask.slice(uncut.promptLength) },
    }),
  };
};
/** A row of an answer that nobody has marked: nothing of it can be trained by a method that learns from marks. */
const unlabelled = (title: string, ...given: Parameters<typeof render>): EncodedItem => {
  const message = `Its label is missing, or is neither true nor false: ${title} learns from answers that are marked good (label: true) or bad (label: false). Add the label, or leave the row out.`;
  return { rows: [render(...given)], findings: [{ kind: 'label_missing', blocking: true, gate: true, message }] };
};
/** Whether a row is all that a method on labelled answers wants, but for its label. */
const lacksLabel = ({ trainsOn }: TrainerConfig, row: DatasetRow): boolean =>
  trainsOn[0] === 'unpaired-preference' && typeOfRow(row) === 'prompt-completion';
/** How each type of row is encoded for a method that wants prompts, rows, pairs, or answers with a label. */
function encoderOf(config: TrainerConfig, args: { [key: string]: unknown }): Encode {
  const { trainsOn, isOnline, title } = config;
  const [first] = trainsOn;
  if (isOnline)
    return ({ row, rowId, builtin }, settings) => {
      const prompt = renderPrompt(row, rowId, { ...settings, room: args.max_completion_length as number });
      return whole({ ...prompt, source: { row, ...(builtin && { builtin }) } });
    };
  if (first === 'preference')
    return ({ row, rowId }, settings) => {
      const { chosen, rejected, findings } = renderPair(row, rowId, settings);
      const values = typeof row.margin === 'number' ? { values: { margin: row.margin } } : {};
      return {
        rows: [
          { ...chosen, ...values },
          { ...rejected, ...values },
        ],
        findings,
      };
    };
  if (first === 'unpaired-preference')
    return ({ row, rowId }, settings) => {
      if (lacksLabel(config, row)) return unlabelled(title, row, rowId, settings);
      if (row.chosen === undefined) return whole(labelled(row, row.label!, rowId, settings));
      // A pair is two answers with a label, as TRL's unpair_preference_dataset has it.
      const { findings, ...pair } = renderPair(row, rowId, settings);
      if (findings.some((finding) => finding.blocking)) return { rows: [pair.chosen, pair.rejected], findings };
      const { chosen, rejected } = sidesOf(row);
      const rows = [labelled(chosen, true, rowId, settings), labelled(rejected, false, rowId, settings)];
      return { rows, findings };
    };
  return ({ row, rowId }, settings) => whole(render(row, rowId, settings));
}

const blocking = ({ findings }: EncodedItem): string | undefined => findings?.find((f) => f.blocking)?.message;

/** Rows between two steps: some tens of milliseconds of work. */
const ROWS_A_STEP = 50;
/** encodeRecipe in steps, so that a worker can tell how far it is and be stopped. */
export function* encodeRecipeSteps(
  ...[recipe, part, context, { imported } = {}]: EncodeArguments
): Generator<{ done: number; total: number }, EncodedRows> {
  const settings = { ...context, ...settingsOf(recipe) };
  const given = recipeRows(recipe, part, imported);
  const config: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const { trainsOn, title } = config;
  const foreign = given.find(({ row }) => !trainsOn.includes(typeOfRow(row)) && !lacksLabel(config, row));
  if (foreign)
    throw new DataError(
      `${title} does not train on ${ROW_WORDS[typeOfRow(foreign.row)]}. Choose rows of ${trainsOn.map((type) => ROW_WORDS[type]).join(', or of ')}.`,
      { where: foreign.rowId },
    );
  const encode = encoderOf(config, parseConfig(config.fields, recipe.args));
  const all: EncodedItem[] = [];
  const dropped: EncodedRows['dropped'] = [];
  for (const [i, named] of given.entries()) {
    const { rowId, adapter } = named;
    const item = encode(named, settings);
    if (adapter !== undefined) item.rows = item.rows.map((one) => ({ ...one, adapter }));
    all.push(item);
    const reason = blocking(item);
    if (reason) dropped.push({ rowId, reason });
    if (i % ROWS_A_STEP === ROWS_A_STEP - 1) yield { done: i + 1, total: given.length };
  }
  yield { done: given.length, total: given.length };
  const rows = all.filter((item) => !blocking(item)).flatMap((item) => item.rows);
  if (part === 'train' && rows.length === 0)
    throw new DataError(
      `None of the ${given.length} rows can be trained on. ${dropped[0]?.reason ?? 'Choose a dataset with rows.'}`,
      { where: dropped[0]?.rowId },
    );
  const { findings, rules } = partFindings(
    part,
    all.map((item) => ({ ...item.rows[0]!, findings: item.findings })),
  );
  const places = new Map(given.map(({ rowId, place }) => [rowId, place]));
  return {
    rows,
    dropped,
    findings: findings.map((finding) => ({ ...finding, places: finding.rowIds.map((id) => places.get(id)) })),
    rules,
  };
}

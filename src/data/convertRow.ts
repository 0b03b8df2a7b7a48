// From the columns of a file to a TRL row: which form the columns have, and the conversion of one row under a mapping.
import { DataError } from '../lib/errors';
import type { DatasetRow, Message } from '../protocol/chat';
import {
  type FormField,
  type FormId,
  formOf,
  missingFields,
  ROW_FORMS,
  type RowMapping,
  suggestMapping,
  titleOf,
} from '../protocol/rowForms';
import { SHARED_COLUMNS } from '../protocol/rowTypes';
import { parseMessages, parseRow, parseShareGpt } from '../text/parseRow';

type Columns = { [name: string]: unknown };
const isObject = (value: unknown): value is Columns =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isThere = (value: unknown): boolean => value !== undefined && value !== null;

export interface FoundForm {
  mapping: RowMapping;
  /** The columns have the form's own names: nothing has to be guessed. */
  isExact: boolean;
  /** Other forms whose own columns are all there too: the person may have meant one of them. */
  others: FormId[];
  /** The few texts of a column that is called label: marks in the person's own words, or classes. */
  textLabels?: string[];
}

/** Forms in the order in which columns of other names are guessed: the plainest first. Those left out would be a guess too many. */
const GUESSED: readonly FormId[] = [
  'messages',
  'sharegpt',
  'preference',
  'stepwise',
  'alpaca',
  'prompt-completion',
  'text',
];

/** The form of a file by its columns and their first values; undefined when no form fits. */
export function findForm(columns: readonly string[], sample: readonly Columns[]): FoundForm | undefined {
  const first = (column: string) => sample.map((row) => row[column]).find(isThere);
  const fits = (form: FormId): boolean => {
    // These differ in their values only.
    if (form === 'sharegpt') return isShareGpt(first('conversations'));
    if (form === 'messages') return isThere(first('messages'));
    if (form === 'unpaired-preference') return columns.includes('label') && areFlags(sample.map(({ label }) => label));
    return true;
  };
  const named = ROW_FORMS.map(({ id }) => id).filter(
    (form) => required(form).every((name) => columns.includes(name)) && fits(form),
  );
  const hasValues = (form: FormId) => required(form).every((name) => isThere(first(name)));
  // A column without a value is not there for TRL. Prompts whose answers are all empty stay what their header says.
  const form = named.find((id) => id !== 'prompt-only' && hasValues(id)) ?? named[0];
  if (form !== undefined) {
    // TRL reads no system column: who wants it maps it.
    const isOlder = formOf(form).conversion !== undefined;
    const own = formOf(form).fields.map(({ name }) => name);
    const used = own.filter((name) => columns.includes(name) && (isOlder || name !== 'system'));
    // A text beside other columns is mostly those rendered, a prompt beside messages their first turn.
    const others = named.filter(
      (id) =>
        id !== form &&
        id !== 'text' &&
        id !== 'prompt-only' &&
        hasValues(id) &&
        !required(id).every((name) => own.includes(name)),
    );
    const mapping = { form, columns: Object.fromEntries(used.map((name) => [name, name])) };
    const textLabels = form === 'prompt-completion' ? fewTexts(sample.map(({ label }) => label)) : undefined;
    return textLabels
      ? { mapping, isExact: true, others: [...others, 'unpaired-preference'], textLabels }
      : { mapping, isExact: true, others };
  }
  for (const id of GUESSED) {
    const mapping = suggestMapping(id, columns);
    const isComplete = missingFields(mapping).length === 0;
    const { messages, conversations } = mapping.columns;
    if (isComplete && id === 'sharegpt' && !isShareGpt(first(conversations!))) continue;
    if (isComplete && id === 'messages' && !isMessageLike(first(messages!))) continue;
    if (isComplete) return { mapping, isExact: false, others: [] };
  }
  return undefined;
}

/** Why rows are read under a form, in a sentence or two, with the columns that are left beside the row. */
export function formReason(
  { mapping, isExact, others: all, textLabels }: FoundForm,
  columns: readonly string[],
): string {
  const { form } = mapping;
  const others = textLabels ? all.filter((id) => id !== 'unpaired-preference') : all;
  const used = Object.values(mapping.columns);
  const beside = columns.filter((name) => !used.includes(name) && !SHARED_COLUMNS.includes(name));
  const found = isExact
    ? `Read as ${titleOf(mapping)}: the columns have these names.`
    : `${formOf(form).title} is a guess from the names of the columns.`;
  const before =
    others.length > 0
      ? ` ${others.map((id) => formOf(id).title).join(' and ')} would fit too; TRL reads ${required(form).join(', ')} first. Choose the other form where you mean it.`
      : '';
  const marks = textLabels
    ? ` label is text (${textLabels.map((text) => JSON.stringify(text)).join(textLabels.length === 2 ? ' and ' : ', ')}): methods on marked answers (KTO) read true or false. If it marks good and bad answers, write true or false there; as it is, SFT would learn all answers alike, the bad ones too.`
    : '';
  return `${found}${before}${marks}${beside.length > 0 ? ` Kept beside the row: ${listed(beside)}.` : ''}`;
}
const required = (form: FormId): string[] =>
  formOf(form).fields.flatMap(({ name, isRequired }) => (isRequired ? [name] : []));
const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${names.length - 6} more` : names.join(', ');

const unpacked = (value: unknown): unknown => {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // what it should have been is told when the row is converted
  }
};
function isShareGpt(value: unknown): boolean {
  const list = unpacked(value);
  return Array.isArray(list) && isObject(list[0]) && 'from' in list[0];
}
function isMessageLike(value: unknown): boolean {
  const list = unpacked(value);
  return Array.isArray(list) && isObject(list[0]) && ('role' in list[0] || 'from' in list[0]);
}

/** true, "True", 1 and "1" in all their spellings; undefined for what is neither. */
function flagOf(value: unknown): boolean | undefined {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
  if (text === true || text === 1 || text === 'true' || text === '1' || text === '1.0') return true;
  if (text === false || text === 0 || text === 'false' || text === '0' || text === '0.0') return false;
  return undefined;
}

const MOST_IN_LABEL = 40;
const MOST_MARKS = 8;
/** The texts of a column that has two, or a few of which some are truth values; undefined for any other column. */
function fewTexts(column: readonly unknown[]): string[] | undefined {
  const texts = [...new Set(column.filter(isThere))];
  const isMark = (value: unknown) =>
    typeof value === 'string' &&
    value.length <= MOST_IN_LABEL &&
    (flagOf(value) !== undefined || !/^[\d.+-]*$/.test(value));
  const flags = texts.filter((text) => flagOf(text) !== undefined).length;
  const isFew = flags === 0 ? texts.length === 2 : flags < texts.length && texts.length <= MOST_MARKS;
  return isFew && texts.every(isMark) ? (texts as string[]) : undefined;
}

/** Whether a column says good or bad: all that is there can be read so, or most of it is true or false and the rest is a mistake. */
function areFlags(column: readonly unknown[]): boolean {
  const values = column.filter(isThere);
  const plain = values.filter((value) => flagOf(value) !== undefined && !/^[\d.]+$/.test(String(value).trim()));
  return values.every((value) => flagOf(value) !== undefined) || 2 * plain.length > values.length;
}

const show = (value: unknown) =>
  value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value)).slice(0, 60);
function wrong(field: string, column: string, what: string): DataError {
  const named = column === field ? field : `${field} (column ${column})`;
  return new DataError(`${named} ${what}`, { where: column });
}

/** A value under a field: structure in text cells is JSON. */
function fieldValue({ name, kind }: FormField, column: string, value: unknown, isText: boolean): unknown {
  if (!isThere(value)) return undefined;
  if (kind === 'flag') {
    const flag = flagOf(value);
    if (flag === undefined) throw wrong(name, column, `must be true or false, got ${show(value)}.`);
    return flag;
  }
  // A number under TRL's own name is a mistake of the row, and TRL would stop at it; a column that a person maps is read as text.
  const isMapped = column !== name;
  if (kind === 'text')
    return isMapped && (typeof value === 'number' || typeof value === 'boolean') ? String(value) : value;
  if (kind === 'content') {
    if (typeof value === 'number' || typeof value === 'boolean') {
      if (isMapped) return String(value);
      throw wrong(name, column, `must be a text or a list of messages, got ${show(value)}. Write it in quotes.`);
    }
    // A cell that holds messages; other text that begins with a bracket is text.
    if (typeof value === 'string') return isText && isMessageLike(value) ? asMessages(unpacked(value), name) : value;
    return asMessages(Array.isArray(value) ? value : [value], name);
  }
  const read = typeof value === 'string' ? fromCell(name, column, value) : value;
  if (kind === 'messages') return asMessages(read, name);
  if (kind === 'flags' && Array.isArray(read)) return read.map((item) => flagOf(item) ?? item);
  return read;
}

function fromCell(field: string, column: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const python = /^\s*[[{]\s*(?:\{\s*)?'/.test(text)
      ? ' It is Python’s notation: write the cell with json.dumps.'
      : '';
    throw new DataError(
      `${wrong(field, column, `must be JSON (${(cause as Error).message}).`).message}${python || ' Write a list.'}`,
      { cause, where: column },
    );
  }
}

const asMessages = (value: unknown, path: string): unknown => (isShareGpt(value) ? parseShareGpt(value, path) : value);

/** A string as the one message of `role`. */
const asTurns = (value: unknown, role: 'user' | 'assistant', path: string): Message[] =>
  typeof value === 'string' ? [{ role, content: value }] : parseMessages(value, path);

/** A prompt without a word asks nothing: plain text is what the form text is for. */
export const isBlankPrompt = (field: string, value: unknown): boolean =>
  (field === 'prompt' || field === 'instruction') && typeof value === 'string' && value.trim() === '';
export const EMPTY_PROMPT = 'is empty. Write what is asked, or give the rows as text.';

function missingWords({ kind }: FormField, value: unknown): string {
  const what = `is ${value === null ? 'empty' : 'missing'} in this row`;
  return kind === 'flag'
    ? `${what}. Write true for a good answer, false for a bad one, or leave the row out.`
    : `${what}.`;
}

/**
 * One row under a mapping. Throws DataError naming the field, and the column where that has another name.
 * `isText`: the file has text cells only.
 */
export function convertRow(given: Columns, { form, columns }: RowMapping, isText: boolean): DatasetRow {
  const values: Columns = {};
  for (const field of formOf(form).fields) {
    const column = columns[field.name];
    if (column === undefined) continue;
    const value = fieldValue(field, column, given[column], isText);
    if (value === undefined && field.isRequired) throw wrong(field.name, column, missingWords(field, given[column]));
    if (field.isRequired && isBlankPrompt(field.name, value)) throw wrong(field.name, column, EMPTY_PROMPT);
    if (value !== undefined) values[field.name] = value;
  }
  // What templates read beside the fields of a form.
  for (const name of ['chat_template_kwargs', 'documents', 'tools'])
    if (isThere(given[name])) values[name] ??= given[name];
  const { system, ...others } = form === 'alpaca' ? fromAlpaca(values) : values;
  if (form === 'sharegpt') {
    const { conversations, ...rest } = others;
    const messages = parseMessages(conversations, 'conversations');
    return parseRow({ ...rest, messages: withSystem(messages, system) }, '', 'messages');
  }
  const row = typeof system === 'string' && system !== '' ? conversational(others, system) : others;
  return parseRow(row, '', formOf(form).type);
}

const withSystem = (messages: Message[], system: unknown): Message[] =>
  typeof system === 'string' && system !== '' && messages[0]?.role !== 'system'
    ? [{ role: 'system', content: system }, ...messages]
    : messages;

/** A system message needs messages around it: the strings of the row become them. */
function conversational(values: Columns, system: string): Columns {
  const out: Columns = { ...values };
  if (values.prompt !== undefined) out.prompt = withSystem(asTurns(values.prompt, 'user', 'prompt'), system);
  for (const side of ['completion', 'chosen', 'rejected'])
    if (typeof values[side] === 'string') out[side] = asTurns(values[side], 'assistant', side);
  return out;
}

/** Stanford Alpaca's columns, with LLaMA-Factory's system and history of [question, answer] pairs. */
function fromAlpaca({ instruction, input, output, system, history, ...others }: Columns): Columns {
  const asked = typeof input === 'string' && input.trim() !== '' ? `${String(instruction)}\n\n${input}` : instruction;
  const earlier = typeof history === 'string' ? fromCell('history', 'history', history) : history;
  if (earlier === undefined || (Array.isArray(earlier) && earlier.length === 0))
    return { ...others, prompt: asked, completion: output, system };
  if (
    !Array.isArray(earlier) ||
    !earlier.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((t) => typeof t === 'string'))
  )
    throw wrong('history', 'history', `must be a list of [question, answer] pairs, got ${show(earlier)}.`);
  const turns = (earlier as [string, string][]).flatMap(([question, answer]): Message[] => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ]);
  return {
    ...others,
    prompt: [...turns, ...asTurns(asked, 'user', 'instruction')],
    completion: asTurns(output, 'assistant', 'output'),
    system,
  };
}

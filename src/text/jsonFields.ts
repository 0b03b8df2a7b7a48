// Reading the fields of a tokenizer's JSON files: what is wrong is named by its path, with the remedy.
import { DataError } from '../lib/errors';

export type JsonObject = Record<string, unknown>;
/** A step of tokenizer.json (normalizer, pre-tokenizer, …), known by its `type`. */
export type StepJson = { type: string; [key: string]: unknown };

export const FETCH_AGAIN = 'The file is damaged or cut short; fetch it again.';

/** Throws DataError: `file`: `where` `found`. `remedy` */
export function fail(where: string, found: string, remedy = FETCH_AGAIN, file = 'tokenizer.json'): never {
  throw new DataError(`${file}: ${where} ${found}. ${remedy}`, { where: `${file}: ${where}` });
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as the message of an error shows it: JSON, at most 40 characters. */
export const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 40);

/** Parses a file's text. Throws DataError that says where it breaks. `source` that is no text is returned as it is. */
export function parseJson(source: unknown, file: string): unknown {
  if (typeof source !== 'string') return source;
  try {
    return JSON.parse(source.charCodeAt(0) === 0xfeff ? source.slice(1) : source);
  } catch (cause) {
    const reason = (cause as Error).message;
    const at = placeOf(reason, source);
    const near = source.slice(Math.max(0, at - 30), at + 10);
    throw new DataError(
      `${file} is not complete JSON: it breaks at character ${at} of ${source.length}, near ${JSON.stringify(near)}. ${FETCH_AGAIN}`,
      { cause, where: `${file}: character ${at}` },
    );
  }
}

/** Where JSON.parse stopped: Chromium tells the position, Firefox line and column, Safari nothing. */
function placeOf(reason: string, source: string): number {
  const position = /position (\d+)/.exec(reason);
  if (position) return Number(position[1]);
  const place = /line (\d+) column (\d+)/.exec(reason);
  if (!place) return source.length;
  const before = source.split('\n', Number(place[1]) - 1);
  return before.join('\n').length + (before.length > 0 ? 1 : 0) + Number(place[2]) - 1;
}

/** A list of steps under `key`. */
export function stepsOf(json: StepJson, key: string, where: string): StepJson[] {
  const list = json[key];
  if (!Array.isArray(list)) fail(`${where}.${key}`, 'must be a list');
  return list.map((item, i) => stepOf(item, `${where}.${key}[${i}]`));
}

/** A step, which must be an object with a `type`. */
export function stepOf(json: unknown, where: string): StepJson {
  if (!isObject(json)) fail(where, `is ${shown(json)}, expected an object`);
  if (typeof json.type !== 'string') fail(`${where}.type`, `is ${shown(json.type)}, expected a name`);
  return json as StepJson;
}

/** Refuses a step by its name. */
export function unsupported(where: string, type: unknown, known: readonly string[]): never {
  fail(where, `has type ${shown(type)}, which the studio does not support`, `It reads ${known.join(', ')}.`);
}

export function stringField(json: JsonObject, key: string, where: string): string {
  const value = json[key];
  if (typeof value !== 'string') fail(`${where}.${key}`, `is ${shown(value)}, expected a string`);
  return value;
}

/** A field that must hold exactly one character (a code point). */
export function charField(json: JsonObject, key: string, where: string, fallback?: string): string {
  const value = json[key] ?? fallback;
  if (typeof value !== 'string' || [...value].length !== 1)
    fail(`${where}.${key}`, `is ${shown(value)}, expected one character`);
  return value;
}

export const escapeRegex = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

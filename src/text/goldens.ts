// Golden samples: rows with the string, the ids and the count of trained tokens that they gave once. Checked on every edit
// here, and in other people's CI from the file.
import { firstDifference } from '../lib/arrays';
import { DataError, StudioError } from '../lib/errors';
import type { DatasetRow, Json, MaskOptions } from '../protocol/chat';
import type { Golden, GoldenCheck, GoldenFile } from '../protocol/requests';
import { hashBytes } from '../storage/hash';
import { excerptAt, tokenAt } from './compareRenders';
import { fail, isObject, parseJson, shown } from './jsonFields';
import { parseRow } from './parseRow';
import { render, trainedTokens } from './render';
import type { RenderSettings } from './renderContext';

const FORMAT = 'posttrain-studio/goldens';
const FILE = 'goldens.json';
const MODES = ['full', 'completion_only_loss', 'assistant_only_loss', 'default'] as const;
/** Rows are pinned whole. */
const UNCUT = Number.MAX_SAFE_INTEGER;

/** Templates that print today's date would drift every day: goldens are rendered on this one. */
const clock = () => new Date(Date.UTC(2026, 0, 1));

type Pinned = Pick<Golden, 'mode' | 'mask' | 'completion_only_loss' | 'chat_template_kwargs'>;
type Context = Omit<RenderSettings, 'mode' | 'max_length'>;

/** The context with everything that a golden fixes in place of what is in hand. */
const settingsFor = (
  { mode, mask, completion_only_loss, chat_template_kwargs }: Pinned,
  context: Context,
): RenderSettings => ({
  ...context,
  now: clock,
  mode,
  mask,
  completion_only_loss,
  templateVariables: { ...context.templateVariables, ...chat_template_kwargs },
  max_length: UNCUT,
});

/** Pins what a row gives now. Throws as render does. */
export async function makeGolden(
  name: string,
  row: DatasetRow,
  { mode, mask, completion_only_loss, chat_template_kwargs = {} }: Pinned,
  context: Context,
): Promise<Golden> {
  const pinned: Pinned = {
    mode,
    ...(mask && { mask }),
    ...(completion_only_loss !== undefined && { completion_only_loss }),
    ...(Object.keys(chat_template_kwargs).length > 0 && { chat_template_kwargs }),
  };
  const { text, ids, ...encoded } = render(row, name, settingsFor(pinned, context));
  return {
    name,
    row,
    ...pinned,
    text,
    ids: Array.from(ids),
    supervised_tokens: trainedTokens({ text, ids, ...encoded }),
    template_sha256: await hashBytes(new TextEncoder().encode(context.template.source)),
  };
}

/** What became of a golden under another template or tokenizer. */
export function checkGolden(golden: Golden, context: Context): GoldenCheck {
  const { name, row } = golden;
  try {
    const encoded = render(row, name, settingsFor(golden, context));
    const offset = firstDifference(golden.text, encoded.text);
    const index = firstDifference(golden.ids, encoded.ids);
    const supervised = trainedTokens(encoded);
    return {
      name,
      text: offset < 0 ? 'same' : 'changed',
      ids: index < 0 ? 'same' : 'changed',
      supervised: supervised === golden.supervised_tokens ? 'same' : 'changed',
      supervised_tokens: supervised,
      ...(offset >= 0 && {
        textAt: { offset, was: excerptAt(golden.text, offset), is: excerptAt(encoded.text, offset) },
      }),
      ...(index >= 0 && {
        tokenAt: {
          index,
          was: golden.ids[index],
          is: tokenAt(encoded.ids, index, context.tokenizer),
          tokens: { was: golden.ids.length, is: encoded.ids.length },
        },
      }),
    };
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return { name, text: 'error', ids: 'error', supervised: 'error', supervised_tokens: 0, error: error.message };
  }
}

/** The file for CI elsewhere: `npm run lab -- check --goldens` reads it. */
export const goldenFile = (goldens: readonly Golden[]): GoldenFile => ({
  format: FORMAT,
  version: 1,
  goldens: [...goldens],
});

/** Reads the file. Throws DataError naming the field. */
export function parseGoldens(source: string): Golden[] {
  const json = parseJson(source, FILE);
  if (!isObject(json)) fail('the file', 'must hold an object', undefined, FILE);
  if (json.format !== FORMAT)
    fail('format', `is ${shown(json.format)}, expected "${FORMAT}"`, 'Choose a file that the studio exported.', FILE);
  if (json.version !== 1)
    fail('version', `is ${shown(json.version)}, this studio reads version 1`, 'Update the studio.', FILE);
  if (!Array.isArray(json.goldens)) fail('goldens', 'must be a list', 'Export it anew.', FILE);
  return (json.goldens as unknown[]).map((value, i) => goldenOf(value, `goldens[${i}]`));
}

function goldenOf(value: unknown, where: string): Golden {
  const wrong = (key: string, expected: string): never =>
    fail(`${where}.${key}`, `is not ${expected}`, 'Export the file anew.', FILE);
  if (!isObject(value)) return wrong('', 'an object');
  const { name, row, mode, mask, completion_only_loss, chat_template_kwargs, ...given } = value;
  const { text, ids, supervised_tokens, template_sha256 } = given;
  if (typeof name !== 'string' || name === '') wrong('name', 'a name');
  if (!MODES.includes(mode as (typeof MODES)[number])) wrong('mode', `one of ${MODES.join(', ')}`);
  if (typeof text !== 'string') wrong('text', 'a string');
  if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id) && id >= 0)) wrong('ids', 'a list of ids');
  if (!Number.isInteger(supervised_tokens)) wrong('supervised_tokens', 'a whole number');
  if (typeof template_sha256 !== 'string') wrong('template_sha256', 'a string');
  if (mask !== undefined && !isObject(mask)) wrong('mask', 'an object');
  if (completion_only_loss !== undefined && typeof completion_only_loss !== 'boolean')
    wrong('completion_only_loss', 'true or false');
  if (chat_template_kwargs !== undefined && !isObject(chat_template_kwargs)) wrong('chat_template_kwargs', 'an object');
  let parsed: DatasetRow;
  try {
    parsed = parseRow(row);
  } catch (cause) {
    throw new DataError(`${FILE}: ${where}.row: ${(cause as Error).message}`, {
      cause,
      where: `${FILE}: ${where}.row`,
    });
  }
  return {
    name: name as string,
    row: parsed,
    mode: mode as Golden['mode'],
    ...(mask !== undefined && { mask: mask as Partial<MaskOptions> }),
    ...(completion_only_loss !== undefined && { completion_only_loss: completion_only_loss as boolean }),
    ...(chat_template_kwargs !== undefined && {
      chat_template_kwargs: chat_template_kwargs as { [key: string]: Json },
    }),
    text: text as string,
    ids: ids as number[],
    supervised_tokens: supervised_tokens as number,
    template_sha256: template_sha256 as string,
  };
}

// Prompts of the person's own rows, for the answers that a run gives on the way: what stands before the first trained part, as the
// model reads it in training. So the template, with whatever it writes there, is not rendered a second time.
import { Rng } from '../lib/rng';
import { type EncodedRow, ORIGIN_NAMES, ROLE_NAMES } from '../protocol/chat';
import { DEFAULT_ADAPTER } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import { adapterNames } from './adapterNames';
import { hasOwnRows } from './recipeData';

export interface OwnPrompt {
  rowId: string;
  /** What a person reads: the last user message, or the whole prompt of a row without roles. */
  words: string;
  ids: Int32Array;
  /** Where the recipe trains several. */
  adapter?: string;
}
const USER = ROLE_NAMES.indexOf('user');
const ASSISTANT = ROLE_NAMES.indexOf('assistant');
const CONTENT = ORIGIN_NAMES.indexOf('content');

/** Tokens before the answer; 0 for rows of plain text, which have none apart. */
function promptLength({ promptLength: given, role, origin, mask }: EncodedRow): number {
  if (given !== undefined) return given;
  // A turn that only calls a tool has no content; its calls are known by being trained, unless everything is.
  const isFull = role.some((r, t) => r === USER && mask[t] === 1);
  return Math.max(
    0,
    role.findIndex((r, t) => r === ASSISTANT && (origin[t] === CONTENT || (!isFull && mask[t] === 1))),
  );
}
function wordsOf({ text, role, origin, message, spanStart, spanEnd }: EncodedRow, length: number): string {
  const isUser = (t: number) => role[t] === USER && origin[t] === CONTENT;
  let last = length - 1;
  while (last >= 0 && !isUser(last)) last--;
  if (last < 0) return text.slice(0, spanEnd[length - 1]).trim();
  let first = last;
  while (first > 0 && message[first - 1] === message[last] && isUser(first - 1)) first--;
  return text.slice(spanStart[first], spanEnd[last]).trim();
}

/**
 * `n` prompts in all, different ones, drawn with `seed`: from the held-out rows, or the training rows where none are held out;
 * shared among the adapters of the recipe. None where rows of the studio are trained on, or no row has a prompt that leaves room in
 * the context.
 */
export function ownPrompts(
  recipe: Recipe,
  rows: { train: readonly EncodedRow[]; eval: readonly EncodedRow[] },
  { n, seed, context }: { n: number; seed: number; context: number },
): OwnPrompt[] {
  if (!hasOwnRows(recipe)) return [];
  const names = adapterNames(recipe);
  const isRouted = names.length > 1;
  return (isRouted ? names : [undefined]).flatMap((adapter, i, all) => {
    const share = Math.floor((n * (i + 1)) / all.length) - Math.floor((n * i) / all.length);
    const own = (list: readonly EncodedRow[]) =>
      list.filter((row) => adapter === undefined || (row.adapter ?? DEFAULT_ADAPTER) === adapter);
    const held = own(rows.eval);
    const from = new Rng(seed, `prompts ${adapter ?? ''}`).shuffle(held.length > 0 ? held : own(rows.train));
    const seen = new Set<string>();
    const out: OwnPrompt[] = [];
    for (const row of from) {
      if (out.length === share) break;
      const length = promptLength(row);
      const ids = row.ids.slice(0, length);
      // A row that is cut at its left no longer holds the whole prompt.
      if (length === 0 || length >= context || row.cutLeft || seen.has(ids.join())) continue;
      seen.add(ids.join());
      out.push({ rowId: row.rowId, words: wordsOf(row, length), ids, ...(adapter !== undefined && { adapter }) });
    }
    return out;
  });
}

// Preference rows as the two prompt + completion rows that they stand for, as TRL's extract_prompt makes them
// (trl/data_utils.py).
import { DataError } from '../lib/errors';
import type { DatasetRow, Message } from '../protocol/chat';

/** Whether the row names the prompt of its sides: one of strings beside lists of messages counts for none. */
export const isPromptGiven = ({ prompt, chosen }: DatasetRow): boolean =>
  prompt !== undefined && typeof prompt === typeof chosen;

/**
 * What chosen and rejected have in common at their start is the prompt, where the row names none. Of a side that the other begins
 * with, the last item or character is still the answer.
 */
export function sidesOf(row: DatasetRow): { chosen: DatasetRow; rejected: DatasetRow } {
  const { prompt, chosen, rejected, ...rest } = row;
  if (chosen === undefined || rejected === undefined)
    throw new DataError('The row is no preference: it needs chosen and rejected.', { where: 'chosen' });
  if (isPromptGiven(row))
    return { chosen: { ...rest, prompt, completion: chosen }, rejected: { ...rest, prompt, completion: rejected } };
  if (typeof chosen === 'string' || typeof rejected === 'string') {
    const [a, b] = [String(chosen), String(rejected)];
    let at = sharedStart(a.length, b.length, (i) => a[i] === b[i]);
    const parts = a[at] !== b[at];
    // A blank before the difference belongs to the answers; a character of two units is not cut.
    if (parts && at > 0 && (a[at - 1] === ' ' || /[\ud800-\udbff]/.test(a[at - 1]!))) at--;
    const side = (text: string): DatasetRow => ({ ...rest, prompt: text.slice(0, at), completion: text.slice(at) });
    return { chosen: side(a), rejected: side(b) };
  }
  const at = sharedStart(chosen.length, rejected.length, (i) => isSame(chosen[i]!, rejected[i]!));
  const side = (messages: Message[]): DatasetRow => ({
    ...rest,
    prompt: messages.slice(0, at),
    completion: messages.slice(at),
  });
  return { chosen: side(chosen), rejected: side(rejected) };
}

/** Where the two part; where one begins with all of the other, before its last item. */
function sharedStart(a: number, b: number, isEqual: (i: number) => boolean): number {
  const shorter = Math.min(a, b);
  for (let i = 0; i < shorter; i++) if (!isEqual(i)) return i;
  return Math.max(0, shorter - 1);
}
/** As Python compares dicts: the order of the keys says nothing. */
const isSame = (a: Message, b: Message): boolean => inOrder(a) === inOrder(b);
const inOrder = (message: Message): string =>
  JSON.stringify(message, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

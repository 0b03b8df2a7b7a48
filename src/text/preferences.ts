// Preference rows as the two prompt + completion rows that they stand for, as TRL's extract_prompt makes them
// (trl/data_utils.py).
import { DataError } from '../lib/errors';
import type { DatasetRow, Message } from '../protocol/chat';

/** What chosen and rejected have in common at their start is the prompt, where the row names none. */
export function sidesOf(row: DatasetRow): { chosen: DatasetRow; rejected: DatasetRow } {
  const { prompt, chosen, rejected, ...rest } = row;
  if (chosen === undefined || rejected === undefined)
    throw new DataError('The row is no preference: it needs chosen and rejected.', { where: 'chosen' });
  if (prompt !== undefined)
    return { chosen: { ...rest, prompt, completion: chosen }, rejected: { ...rest, prompt, completion: rejected } };
  if (typeof chosen === 'string' || typeof rejected === 'string') {
    const [a, b] = [String(chosen), String(rejected)];
    let at = 0;
    while (at < a.length && at < b.length && a[at] === b[at]) at++;
    // A blank before the difference belongs to the answers.
    if (at > 0 && a[at - 1] === ' ') at--;
    const side = (text: string): DatasetRow => ({ ...rest, prompt: text.slice(0, at), completion: text.slice(at) });
    return { chosen: side(a), rejected: side(b) };
  }
  let at = 0;
  while (at < chosen.length && at < rejected.length && isSame(chosen[at]!, rejected[at]!)) at++;
  // The same conversation twice: the last turn is still the answer, so that it can be shown and refused.
  if (at === chosen.length && at === rejected.length) at = Math.max(0, at - 1);
  const side = (messages: Message[]): DatasetRow => ({
    ...rest,
    prompt: messages.slice(0, at),
    completion: messages.slice(at),
  });
  return { chosen: side(chosen), rejected: side(rejected) };
}
const isSame = (a: Message, b: Message): boolean => JSON.stringify(a) === JSON.stringify(b);

// A dataset row as a person reads it: turns with roles, in the order in which the template will write them. Pure.
import type { DatasetRow, Message, Role } from '../../protocol/chat';

export interface Turn {
  role: Role | 'text' | 'completion';
  /** Text of the turn; tool calls are separate. */
  content: string;
  calls: { name: string; arguments: string }[];
  /** Tool turns: the tool that answered. */
  name?: string;
  /** prompt = given, completion = to be learnt, chosen and rejected = compared; undefined for `messages` and `text` rows. */
  part?: 'prompt' | 'completion' | 'chosen' | 'rejected';
}

const turn = (message: Message, part?: Turn['part']): Turn => ({
  role: message.role,
  content: message.content,
  calls: (message.tool_calls ?? []).map(({ function: f }) => ({
    name: f.name,
    arguments: typeof f.arguments === 'string' ? f.arguments : JSON.stringify(f.arguments),
  })),
  name: message.name,
  part,
});
const side = (value: string | Message[] | undefined, part: NonNullable<Turn['part']>): Turn[] =>
  value === undefined
    ? []
    : typeof value === 'string'
      ? [{ role: part === 'prompt' ? 'user' : 'completion', content: value, calls: [], part }]
      : value.map((message) => turn(message, part));

/** Turns of any TRL row type. */
export function turnsOf(row: DatasetRow): Turn[] {
  if (row.messages) return row.messages.map((message) => turn(message));
  if (row.prompt !== undefined || row.completion !== undefined || row.chosen !== undefined)
    return [
      ...side(row.prompt, 'prompt'),
      ...side(row.completion, 'completion'),
      ...side(row.chosen, 'chosen'),
      ...side(row.rejected, 'rejected'),
    ];
  return row.text === undefined ? [] : [{ role: 'text', content: row.text, calls: [] }];
}

/** TRL's name of the row's type. */
export const rowType = (row: DatasetRow): string =>
  row.messages
    ? 'messages'
    : row.chosen !== undefined
      ? 'preference'
      : row.prompt !== undefined
        ? 'prompt-completion'
        : 'text';

/** One line for the table: what is asked, and what is answered. */
export function preview(row: DatasetRow): { asked: string; answered: string } {
  const turns = turnsOf(row);
  const asked = turns.findLast((t) => t.role === 'user') ?? turns[0];
  const answer = turns.findLast((t) => t.part !== 'rejected');
  const text = (t: Turn | undefined) =>
    !t ? '' : t.content || t.calls.map((c) => `${c.name}(${c.arguments})`).join(' ');
  return { asked: oneLine(text(asked)), answered: answer === asked ? '' : oneLine(text(answer)) };
}
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

export interface Truth {
  label: string;
  value: string;
}
/** What the world knows about a row and any checker may use: read from the strict answer and the calls in it. */
export function truthOf(row: DatasetRow): Truth[] {
  const turns = turnsOf(row).filter((t) => t.part !== 'rejected');
  const truths: Truth[] = turns
    .flatMap((t) => t.calls)
    .map((call) => ({ label: 'right call', value: `${call.name}(${call.arguments})` }));
  const last = turns.findLast((t) => (t.role === 'assistant' || t.role === 'completion') && t.content !== '');
  const answer = last && parseObject(last.content);
  if (!answer) return truths;
  for (const [key, label] of [
    ['status', 'status'],
    ['sources', 'rests on'],
    ['action', 'action'],
  ] as const)
    if (key in answer) truths.push({ label, value: words(answer[key]) });
  return truths;
}
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // prose has no fields to show
  }
}
const words = (value: unknown): string =>
  value === null
    ? 'none'
    : Array.isArray(value)
      ? value.length === 0
        ? 'nothing'
        : value.join(', ')
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);

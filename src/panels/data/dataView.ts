// A dataset row as a person reads it: turns with roles, in the order in which the template will write them. Pure.
import { count, percent, plural } from '../../lib/words';
import type { DatasetRow, Message, Role } from '../../protocol/chat';
import type { DerivingOperation, OperationReport, WorkProgress } from '../../protocol/datasets';
import type { DatasetInfo } from '../../protocol/requests';

export interface Turn {
  role: Role | 'text' | 'completion';
  /** Text of the turn; tool calls are separate. */
  content: string;
  calls: { name: string; arguments: string }[];
  /** Tool turns: the tool that answered. */
  name?: string;
  /** prompt = given, completion = to be learnt, chosen and rejected = compared; undefined for `messages` and `text` rows. */
  part?: 'prompt' | 'completion' | 'step' | 'chosen' | 'rejected';
}
/** What stands above a turn. A side that is a text has no role: its part says what it is. */
export function turnLabel({ role, name, part }: Turn, isText: boolean): string {
  const words = isText && part !== undefined ? [part, name] : [role, name, part];
  return words.filter((word) => word !== undefined && word !== '').join(' · ');
}
/** The prompt and answers of the row are texts, not messages. */
export const isTextRow = ({ prompt, chosen }: DatasetRow): boolean =>
  typeof prompt === 'string' || typeof chosen === 'string';

/** A column was mapped to the prompt, and the row has none: conversations that are compared begin with it (TRL). */
export const isPromptLeft = (
  { prompt, chosen }: DatasetRow,
  { prompt: column }: { [field: string]: string },
): boolean => column !== undefined && prompt === undefined && Array.isArray(chosen);

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
      ...(row.completions ?? []).map(
        (content, i): Turn => ({
          role: 'completion',
          name: row.labels?.[i] ? 'right' : 'wrong',
          content,
          calls: [],
          part: 'step',
        }),
      ),
      ...side(row.chosen, 'chosen'),
      ...side(row.rejected, 'rejected'),
    ];
  return row.text === undefined ? [] : [{ role: 'text', content: row.text, calls: [] }];
}

/** One line for the table: what is asked, and what is answered. */
export function preview(row: DatasetRow): { asked: string; answered: string } {
  const turns = turnsOf(row);
  // Of sides that differ in what is asked, the question stands over its own answer.
  const own = turns.filter((t) => t.part !== 'rejected');
  const asked = own.findLast((t) => t.role === 'user') ?? own[0];
  const answer = own.at(-1);
  const text = (t: Turn | undefined) =>
    !t ? '' : t.content || t.calls.map((c) => `${c.name}(${c.arguments})`).join(' ');
  return { asked: oneLine(text(asked)), answered: answer === asked ? '' : oneLine(text(answer)) };
}
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** What is left out of training of a set; an import says so in its description. */
export const faultyWords = ({
  faulty = 0,
  operation,
}: Pick<DatasetInfo, 'faulty' | 'operation'>): string | undefined =>
  faulty === 0 || operation?.op === 'import' ? undefined : `${plural(faulty, 'faulty row')} left out of training.`;

/** How far long work is, in words. */
export function workWords({ phase, done, total }: WorkProgress): string {
  const verb = { looking: 'Looking at the rows', writing: 'Writing', keeping: 'Keeping' }[phase];
  return total > 0 && done <= total ? `${verb}: ${percent(done / total)}` : verb;
}

/** What an operation would do, in a sentence. */
export function reportWords(operation: DerivingOperation, { before, after, splits, groups }: OperationReport): string {
  const gone = before - after;
  const sides = Object.entries(splits)
    .map(([split, n]) => `${count(n)} ${split}`)
    .join(', ');
  if (operation.op === 'deduplicate')
    return gone === 0
      ? `No two of the ${plural(before, 'row')} are equal.`
      : `${plural(gone, 'row')} of ${count(before)} would go, ${count(after)} stay: ${sides}.`;
  if (operation.op === 'sample' || operation.op === 'clean')
    return `${count(after)} of ${plural(before, 'row')}: ${sides}.`;
  if (!groups) return `${plural(after, 'row')}: ${sides}.`;
  const without = groups.without > 0 ? ` ${plural(groups.without, 'row')} without a value go one by one.` : '';
  const few = groups.dev === 0 ? ' No group fell into dev: take another seed or a larger part.' : '';
  return `${plural(after, 'row')}: ${sides}. Groups: ${count(groups.train)} in train, ${count(groups.dev)} in dev, ${groups.both === 0 ? 'none' : count(groups.both)} on both sides.${without}${few}`;
}

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

// The template panel's reading of errors and renders. Pure.
import { plural } from '../../lib/words';
import { type EncodedRow, type Json, type Message, ORIGIN_NAMES, ROLE_NAMES } from '../../protocol/chat';
import type { GoldenCheck } from '../../protocol/requests';
import type { Conversation } from '../../stores/workbench';

export interface SourcePosition {
  /** Both from 1. */
  line: number;
  column: number;
}
/** Finds `line 3, column 14` (or `3:14`) in what an error says about itself. */
export function errorPosition(text: string | undefined): SourcePosition | undefined {
  if (!text) return undefined;
  const words = /line (\d+)(?:,? col(?:umn)?\.? (\d+))?/i.exec(text);
  if (words) return { line: Number(words[1]), column: words[2] ? Number(words[2]) : 1 };
  const short = /(?:^|[\s(:])(\d+):(\d+)/.exec(text);
  return short ? { line: Number(short[1]), column: Number(short[2]) } : undefined;
}

/** The line at fault with a caret under the column. */
export function errorExcerpt(source: string, position: SourcePosition): string {
  const line = source.split('\n')[position.line - 1];
  return line === undefined ? '' : `${line}\n${' '.repeat(Math.max(0, position.column - 1))}^`;
}

/** Tokens by role and by who wrote them, for the legend: `assistant 41`, `template 18`. */
export function roleCounts(row: EncodedRow): { role: string; tokens: number }[] {
  const counts = new Map<string, number>();
  for (let t = 0; t < row.ids.length; t++) {
    const isContent = ORIGIN_NAMES[row.origin[t]!] === 'content';
    const role = isContent ? (ROLE_NAMES[row.role[t]!] ?? 'none') : 'template';
    counts.set(role, (counts.get(role) ?? 0) + 1);
  }
  return [...counts].map(([role, tokens]) => ({ role, tokens }));
}

/** `118 tokens: 77 content, 41 written by the template`. */
export function renderSentence(row: EncodedRow): string {
  const scaffold = roleCounts(row).find((c) => c.role === 'template')?.tokens ?? 0;
  const total = row.ids.length;
  return `${plural(total, 'token')}, ${scaffold} of them written by the template (${total ? Math.round((scaffold / total) * 100) : 0} %).`;
}

/** What is wrong with the arguments of a tool call: an object, or a string that the template gets as it is. */
export const callProblem = (value: Json): string | undefined =>
  typeof value === 'string' || (typeof value === 'object' && value !== null && !Array.isArray(value))
    ? undefined
    : 'Arguments are an object, such as {"quarter": "Q3"}.';

/** What is wrong with a list of tools in the form of OpenAI and transformers. */
export function toolsProblem(value: Json): string | undefined {
  if (!Array.isArray(value)) return 'Tools are a list: [{ "type": "function", "function": { … } }].';
  const at = value.findIndex((tool) => {
    const fn = typeof tool === 'object' && tool !== null && !Array.isArray(tool) ? tool.function : undefined;
    return typeof fn !== 'object' || fn === null || Array.isArray(fn) || typeof fn.name !== 'string';
  });
  return at < 0 ? undefined : `Tool ${at + 1} has no function with a name.`;
}

const isObject = (value: Json): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
/** What is wrong with chat_template_kwargs. */
export const kwargsProblem = (value: Json): string | undefined =>
  isObject(value) ? undefined : 'chat_template_kwargs are an object, such as {"enable_thinking": false}.';
/** What is wrong with the documents of a conversation. */
export function documentsProblem(value: Json): string | undefined {
  if (!Array.isArray(value)) return 'Documents are a list: [{ "title": "…", "text": "…" }].';
  const at = value.findIndex((document) => !isObject(document));
  return at < 0 ? undefined : `Document ${at + 1} is no object, such as { "title": "…", "text": "…" }.`;
}
/** `conversation 1`, or the next number that no golden sample has. */
export function freeGoldenName(taken: readonly string[]): string {
  for (let i = taken.length + 1; ; i++) if (!taken.includes(`conversation ${i}`)) return `conversation ${i}`;
}

/** What is wrong with a conversation as JSON. */
export function conversationProblem(given: Json): string | undefined {
  const value = messagesOf(given);
  if (!Array.isArray(value)) return 'A conversation is a list of messages: [{ "role": "user", "content": "…" }].';
  const at = value.findIndex(
    (m) => typeof m !== 'object' || m === null || Array.isArray(m) || typeof m.role !== 'string',
  );
  return at < 0 ? undefined : `Message ${at + 1} has no role. Give it one: system, user, assistant or tool.`;
}

type JsonObject = { [key: string]: Json };
const isJsonObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** The messages of a list, or of a dataset row as it stands in a file. */
function messagesOf(value: Json): Json | undefined {
  if (!isJsonObject(value)) return value;
  const { messages, prompt, completion, chosen } = value;
  if (Array.isArray(messages)) return messages;
  const answer = Array.isArray(completion) ? completion : Array.isArray(chosen) ? chosen : undefined;
  return answer && [...(Array.isArray(prompt) ? prompt : []), ...answer];
}
/** What JSON says of a conversation: messages alone, or a whole row with its tools and documents. Only for what has no problem. */
export function conversationIn(value: Json): Partial<Conversation> {
  const { tools, documents } = isJsonObject(value) ? value : {};
  const list = (part: Json | undefined) => (Array.isArray(part) ? part : undefined);
  return {
    messages: messagesOf(value) as unknown as Message[],
    ...(list(tools) && !toolsProblem(tools!) && { tools: tools as unknown as Conversation['tools'] }),
    ...(list(documents)?.every(isJsonObject) && { documents: documents as JsonObject[] }),
  };
}

/** What stops a conversation from being rendered, before it is sent; undefined when nothing does. */
export function messagesProblem(messages: readonly Message[]): string | undefined {
  if (messages.length === 0) return 'There is no message. Add one to see what the template writes.';
  const empty = messages.findIndex((m) => m.content === '' && !m.tool_calls?.length);
  return empty < 0
    ? undefined
    : `Message ${empty + 1} (${messages[empty]!.role}) is empty: the model would learn an empty turn.`;
}

/** First and last four characters of an id: `9f2c…41d0` reads at a glance and still tells two apart. */
export const shortHash = (hash: string): string => {
  const hex = hash.replace(/^sha256:/, '');
  return hex.length > 10 ? `${hex.slice(0, 4)}…${hex.slice(-4)}` : hex;
};

export interface Parting {
  isSame: boolean;
  /** First position at which the two differ; the shorter one's length where one begins the other. */
  at: number;
}
/** Where two sequences of ids part. */
export function parting(a: ArrayLike<number>, b: ArrayLike<number>): Parting {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  return { isSame: at === a.length && at === b.length, at };
}
interface Side {
  ids: ArrayLike<number>;
  tokens: readonly string[];
}
export function partingWords({ isSame, at }: Parting, a: Side, b: Side): string {
  if (isSame) return `Both give the same ${plural(a.ids.length, 'token')}.`;
  const show = ({ ids, tokens }: Side) => (at < ids.length ? `${JSON.stringify(tokens[at])} (${ids[at]})` : 'the end');
  return `The prompts part at token ${at}: ${show(a)} in training, ${show(b)} in serving; ${plural(a.ids.length, 'token')} against ${plural(b.ids.length, 'token')}.`;
}

/** Where a golden sample parts from what was pinned. */
export function goldenWords({ error, textAt, tokenAt }: GoldenCheck): string {
  if (error) return error;
  if (tokenAt) {
    const { index, was, is, tokens } = tokenAt;
    const now = is ? `${is.id} ${JSON.stringify(is.text)}` : 'the end';
    const text = textAt ? `; ${JSON.stringify(textAt.was)} became ${JSON.stringify(textAt.is)}` : '';
    return `token ${index}: id ${was ?? 'none'} became ${now}, ${tokens.was} tokens became ${tokens.is}${text}`;
  }
  return textAt ? `${JSON.stringify(textAt.was)} became ${JSON.stringify(textAt.is)}, with the same ids` : '–';
}

type TrainSpans = NonNullable<Message['train_spans']>;
/** The spans after the content was edited: those behind the edit move with it, those that it touches go. */
export function movedSpans(spans: TrainSpans, before: string, after: string): TrainSpans {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = before.length;
  const by = after.length - before.length;
  while (end > start && end + by > start && before[end - 1] === after[end + by - 1]) end--;
  return spans.flatMap((span) => {
    if (span.end <= start) return [span];
    return span.start >= end ? [{ ...span, start: span.start + by, end: span.end + by }] : [];
  });
}

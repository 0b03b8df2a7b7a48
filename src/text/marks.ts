// Private-use characters around parts of a render, to learn where each part went. They occur in neither template nor data.
import { TemplateError } from '../lib/errors';
import type { Json, Message, ToolSchema } from '../protocol/chat';

/** UTF-16 offsets [start, end). */
export interface Stretch {
  start: number;
  end: number;
}
export interface MarkSet {
  base: number;
  generation: [open: string, close: string];
  turn: { open: (index: number) => string; close: string };
  content: { open: (index: number) => string; close: string };
}

/** An index is written in two digits of this base. */
const SLOTS = 500;
/** Code points from `base` on that are marks. */
export const MARK_COUNT = 8 + SLOTS;
/** Private-use areas: one in the basic plane, two whole planes. */
const BASES = [0xe000, 0xf0000, 0x100000];

/** How a string literal of a template writes the first characters after each base as an escape. */
const ESCAPES = [/\\u(?:e[01]|f0)|\\U0000(?:e[01]|f0)/i, /\\U000f/i, /\\U0010/i];

/** Marks whose characters neither template nor data contain. */
export function chooseMarks(source: string, data: string): MarkSet {
  for (const [i, base] of BASES.entries()) {
    let clash = ESCAPES[i]!.test(source);
    for (const char of clash ? '' : source + data) {
      const code = char.codePointAt(0)!;
      // JSON writes lone surrogates and controls as escapes, never private-use characters.
      if (code >= base && code < base + MARK_COUNT) {
        clash = true;
        break;
      }
    }
    if (clash) continue;
    const at = (offset: number) => String.fromCodePoint(base + offset);
    const open = (mark: number) => (index: number) => {
      const slot = Math.min(index + 1, SLOTS * SLOTS - 1);
      return at(mark) + at(8 + Math.floor(slot / SLOTS)) + at(8 + (slot % SLOTS));
    };
    return {
      base,
      generation: [at(0), at(1)],
      turn: { open: open(2), close: at(3) },
      content: { open: open(4), close: at(5) },
    };
  }
  throw new TemplateError(
    'The conversation uses private-use characters of every plane, so its parts cannot be told apart. Remove them.',
  );
}

export interface ReadMarks {
  text: string;
  generation: Stretch[];
  turns: (Stretch & { message: number })[];
  content: (Stretch & { message: number })[];
}

/** Takes the marks out and says where they stood. Stretches come in order of their start; a nested one wins over its parent. */
export function readMarks(marked: string, set: MarkSet): ReadMarks {
  const parts: string[] = [];
  const out: ReadMarks = { text: '', generation: [], turns: [], content: [] };
  const open: { mark: number; start: number; message: number }[] = [];
  /** How many of each kind are open: a template that cuts marks off leaves closings without one. */
  const opens = [0, 0, 0, 0, 0];
  let length = 0;
  let from = 0;
  let pending = -1;
  /** First digit of an index that is being read. */
  let digit = -1;
  for (let i = 0; i < marked.length; ) {
    const code = marked.codePointAt(i)!;
    const width = code > 0xffff ? 2 : 1;
    const mark = code - set.base;
    if (mark < 0 || mark >= MARK_COUNT) {
      i += width;
      continue;
    }
    parts.push(marked.slice(from, i));
    length += i - from;
    i += width;
    from = i;
    if (mark >= 8) {
      if (pending >= 0 && digit < 0) {
        digit = mark - 8;
        continue;
      }
      if (pending >= 0) {
        open.push({ mark: pending, start: length, message: digit * SLOTS + mark - 9 });
        opens[pending]!++;
      }
      pending = -1;
      digit = -1;
    } else if (mark === 0) {
      open.push({ mark, start: length, message: -1 });
      opens[0]!++;
    } else if (mark === 2 || mark === 4) {
      pending = mark;
      digit = -1;
    } else {
      const index = opens[mark - 1] ? open.findLastIndex((o) => o.mark === mark - 1) : -1;
      const opened = open[index];
      if (!opened) continue;
      opens[mark - 1]!--;
      open.splice(index, 1);
      const stretch = { start: opened.start, end: length, message: opened.message };
      if (mark === 1) out.generation.push({ start: stretch.start, end: stretch.end });
      else if (mark === 5) out.content.push(stretch);
      // Templates look through the messages before they print them: a round that wrote nothing is no turn.
      else if (stretch.end > stretch.start) out.turns.push(stretch);
    }
  }
  parts.push(marked.slice(from));
  out.text = parts.join('');
  const byStart = (a: Stretch, b: Stretch) => a.start - b.start || b.end - a.end;
  out.generation.sort(byStart);
  out.turns.sort(byStart);
  out.content.sort(byStart);
  return out;
}

/** Which strings are marked: `all` adds tool descriptions and documents, `calls` the strings of tool calls. */
export type MarkLevel = 'all' | 'calls' | 'content';
/** What a template sees of a conversation. */
export interface TemplateData {
  messages: readonly (Omit<Message, 'content'> & { content: unknown })[];
  tools: ToolSchema[] | undefined;
  documents: { [key: string]: Json }[] | undefined;
}

/** A copy of the data with marks inside its strings. Outer blanks stay outside, for templates that trim; empty stays empty. */
export function markData(data: TemplateData, set: MarkSet, level: MarkLevel): TemplateData {
  const wrap = (text: string, index: number): string => {
    const core = text.trim();
    if (core === '') return text;
    const at = text.indexOf(core);
    return `${text.slice(0, at)}${set.content.open(index)}${core}${set.content.close}${text.slice(at + core.length)}`;
  };
  /** All strings below a value; with `only`, those under that key. */
  const leaves = (value: Json, index: number, only?: string, key?: string): Json => {
    if (typeof value === 'string') return only === undefined || key === only ? wrap(value, index) : value;
    if (Array.isArray(value)) return value.map((item) => leaves(item, index, only));
    if (value && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, leaves(item, index, only, name)]));
    return value;
  };
  const content = (value: unknown, index: number) =>
    typeof value === 'string' ? wrap(value, index) : leaves((value ?? null) as Json, index, 'text');
  const all = level === 'all';
  return {
    messages: data.messages.map((message, index) => ({
      ...message,
      content: message.content === undefined ? undefined : content(message.content, index),
      ...(message.tool_calls &&
        level !== 'content' && {
          tool_calls: message.tool_calls.map((call) => ({
            ...call,
            function: {
              ...call.function,
              arguments: leaves(call.function.arguments as Json, index),
            },
          })),
        }),
    })) as TemplateData['messages'],
    tools: data.tools && all ? (leaves(data.tools as unknown as Json, -1, 'description') as never) : data.tools,
    documents: data.documents && all ? (leaves(data.documents, -1) as never) : data.documents,
  };
}

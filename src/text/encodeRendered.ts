// Ids of a rendered chat: the template's special tokens become ids, the same characters typed by somebody do not.
import { DataError } from '../lib/errors';
import { type Message, ORIGIN_NAMES, ROLE_NAMES, roleName } from '../protocol/chat';
import type { Rendered } from './chatTemplate';
import type { Tokenizer } from './tokenizer';
import { typedSpecial } from './typedSpecials';

export interface EncodedText {
  text: string;
  ids: Int32Array;
  spanStart: Int32Array;
  spanEnd: Int32Array;
  /** Index into ROLE_NAMES. */
  role: Uint8Array;
  /** Index into ORIGIN_NAMES; an added token that a message holds, such as an unknown character, is content. */
  origin: Uint8Array;
  message: Int16Array;
}

const SYSTEM = ROLE_NAMES.indexOf('system');
const ASSISTANT = ROLE_NAMES.indexOf('assistant');
const [SCAFFOLD, CONTENT, SPECIAL] = [0, 1, 2] satisfies [number, number, number];
if (ORIGIN_NAMES[SPECIAL] !== 'special') throw new Error('ORIGIN_NAMES changed');

/** Messages are told by 16 bits. */
const MOST_MESSAGES = 32_767;

/** Per UTF-16 unit of the text: message index; −1 outside all. */
function messageOfChar(rendered: Rendered): Int16Array {
  const { text, turns, content } = rendered;
  const owner = new Int16Array(text.length).fill(-1);
  if (turns.length > 0) for (const turn of turns) owner.fill(turn.message, turn.start, turn.end);
  else {
    // No turns known: what stands between two contents belongs to the later one, up to a line's end to the earlier.
    content.forEach((part, i) => {
      const from = i === 0 ? 0 : content[i - 1]!.end;
      const previous = i === 0 ? -1 : content[i - 1]!.message;
      const line = i === 0 ? -1 : text.indexOf('\n', from);
      const split = line >= 0 && line < part.start ? line + 1 : from;
      owner.fill(previous, from, split);
      owner.fill(part.message, split, part.start);
    });
    const last = content.at(-1);
    if (last) {
      const line = text.indexOf('\n', last.end);
      owner.fill(last.message, last.end, line < 0 ? text.length : line + 1);
    }
  }
  for (const part of content) if (part.message >= 0) owner.fill(part.message, part.start, part.end);
  return owner;
}

/**
 * Encodes the whole string at once, so that ids equal transformers' where no content holds a special token. Added tokens
 * are recognised in scaffold; in content never those that are special, and of the others, in what somebody else than the
 * assistant wrote, not those that the template prints itself: a <tool_call> typed by a user is none, Gemma's <table> is one.
 * Throws DataError when a content with special tokens cannot be located. `specialInContent` token: every added token counts
 * everywhere, as in transformers.
 */
export function encodeRendered(
  rendered: Rendered,
  messages: readonly Message[],
  tokenizer: Tokenizer,
  specialInContent: 'text' | 'token' = 'text',
): EncodedText {
  const { text, content, turns } = rendered;
  const isContent = new Uint8Array(text.length);
  for (const part of content) isContent.fill(1, part.start, part.end);
  const owner = messageOfChar(rendered);
  if (messages.length > MOST_MESSAGES)
    throw new DataError(
      `The conversation has ${messages.length.toLocaleString('en')} messages; at most ${MOST_MESSAGES.toLocaleString('en')} are encoded. Split it.`,
      { where: 'messages' },
    );
  const located = new Set(content.map((part) => part.message));
  const wrote = new Set(turns.map((turn) => turn.message));
  const isSafe = specialInContent === 'text';
  messages.forEach((message, i) => {
    if (!isSafe) return;
    // What left no trace at all is not printed.
    if (located.has(i) || (rendered.located === 'marks' && !wrote.has(i))) return;
    const typed = typeof message.content === 'string' ? typedSpecial(message.content, tokenizer) : undefined;
    if (typed)
      throw new DataError(
        `messages[${i}].content holds ${typed}, and this template rewrites the content, so the two cannot be told apart. Remove it from the content.`,
        { where: `messages[${i}].content` },
      );
  });
  const printed = new Map<string, boolean>();
  const isPrinted = (token: string): boolean => {
    const known = printed.get(token) ?? rendered.source.includes(token);
    printed.set(token, known);
    return known;
  };
  const encoding = tokenizer.encode(text, {
    allowSpecial: true,
    accept: (token, start, end) => {
      if (!isSafe) return true;
      let touches = false;
      for (let i = start; i < end; i++) if (isContent[i]) touches = true;
      if (!touches) return true;
      if (token.special) return false;
      return messages[owner[start]!]?.role === 'assistant' || !isPrinted(token.content);
    },
  });
  const n = encoding.ids.length;
  const out: EncodedText = {
    text,
    ids: Int32Array.from(encoding.ids),
    spanStart: Int32Array.from(encoding.starts),
    spanEnd: Int32Array.from(encoding.ends),
    role: new Uint8Array(n),
    origin: new Uint8Array(n),
    message: new Int16Array(n).fill(-1),
  };
  const added = new Set(tokenizer.addedTokens.map((token) => token.id));
  const first = turns[0]?.start ?? 0;
  const last = turns.at(-1)?.end ?? text.length;
  for (let t = 0; t < n; t++) {
    const [start, end] = [encoding.starts[t]!, encoding.ends[t]!];
    let at = start;
    for (let i = start; i < end; i++)
      if (isContent[i]) {
        at = i;
        out.origin[t] = CONTENT;
        break;
      }
    if (out.origin[t] !== CONTENT) out.origin[t] = added.has(encoding.ids[t]!) ? SPECIAL : SCAFFOLD;
    const index = owner[at] ?? -1;
    out.message[t] = index;
    const role = messages[index]?.role;
    if (role) out.role[t] = ROLE_NAMES.indexOf(roleName(role));
    // Before the first turn: BOS and tools, a system part. After the last: the generation prompt.
    else if (start < first) out.role[t] = SYSTEM;
    else if (start >= last) out.role[t] = ASSISTANT;
  }
  return out;
}

// Which tokens of an encoded row are trained, and which rule decided. Several masks combine by AND: a token is trained only
// if every one allows it, and the first that forbids it is named.
import { type MaskOptions, type Message, ROLE_NAMES } from '../protocol/chat';
import { type AssistantSpan, END_RULES, START_RULES } from './assistantSpans';
import type { EncodedText } from './encodeRendered';
import type { Stretch } from './marks';

/** TRL's behaviour: markers of the template, all turns, the end of each trained turn. */
export const TRL_MASK: MaskOptions = { assistant_spans: 'generation', assistant_turns: 'all', train_on_eos: 'turn' };

export interface MaskInput {
  encoded: EncodedText;
  messages: readonly Message[];
  /** Tokens of the prompt; given only where the prompt is not trained. */
  promptLength?: number;
  /** What assistants wrote; given only where nothing else is trained. */
  spans?: readonly (Stretch | AssistantSpan)[];
  options: MaskOptions;
  /** Ids that end a turn, for train_on_eos. */
  eosIds: ReadonlySet<number>;
}
export interface BuiltMask {
  mask: Uint8Array;
  /** Index into `rules` for each token. */
  rule: Uint8Array;
  rules: string[];
  /** Messages whose train_spans could not be placed, because the template prints their content otherwise. */
  unplaced: number[];
  /** The first token would be trained if something stood before it. */
  isFirstWanted: boolean;
}

const isDerived = (span: Stretch | AssistantSpan): span is AssistantSpan => 'startRule' in span;
const OUTSIDE_WORDS = [
  'written by the template',
  'system text',
  'user text',
  'assistant header or text',
  'tool result',
];
if (OUTSIDE_WORDS.length !== ROLE_NAMES.length) throw new Error('OUTSIDE_WORDS must have one entry a role');
const isEndToken = ({ encoded, eosIds }: MaskInput, t: number) =>
  encoded.origin[t] !== 1 && eosIds.has(encoded.ids[t]!);

/**
 * Of a rule that trains: which kind of mask it belongs to, such as `completion` or `inside {% generation %}`, however a span
 * was found. Undefined for end-of-turn tokens: they come with any of them.
 */
export const maskKindOf = (rule: string): string | undefined =>
  rule.startsWith('end-of-turn token') ? undefined : rule.split(':', 1)[0];

const UNPREDICTED = { train: false, rule: 'first token: nothing stands before it to predict it from' };

/** The mask of a whole row, before anything is cut. */
export function buildMask(input: MaskInput): BuiltMask {
  const { encoded, messages, promptLength = 0, spans, options } = input;
  const total = encoded.ids.length;
  const mask = new Uint8Array(total);
  const rule = new Uint8Array(total);
  const rules: string[] = [];
  const name = (sentence: string): number => {
    const at = rules.indexOf(sentence);
    return at >= 0 ? at : rules.push(sentence) - 1;
  };
  const spanOf = spans && spanOfToken(encoded, spans);
  const ends = endChoice(input, spanOf);
  /** Of messages with train_spans: where their content stands in the text. */
  const places = new Map<number, Piece[]>();
  const unplaced = new Set<number>();
  const owners = spans ? ownersOf(encoded, messages, spans, spanOf!) : [];
  const lastOwner = Math.max(-1, ...owners);
  for (let t = 0; t < total; t++) {
    const verdict = t === 0 ? UNPREDICTED : decide(t);
    mask[t] = verdict.train ? 1 : 0;
    rule[t] = name(verdict.rule);
  }
  return { mask, rule, rules, unplaced: [...unplaced], isFirstWanted: total > 0 && decide(0).train };

  function decide(t: number): { train: boolean; rule: string } {
    const no = (sentence: string) => ({ train: false, rule: sentence });
    if (t < promptLength) return no('prompt: given, not trained');
    const message = messages[encoded.message[t]!];
    const at = spanOf ? spanOf[t]! : -1;
    const end = ends?.get(t);
    if (spans && at < 0 && !end?.train) {
      const where = options.assistant_spans === 'generation' ? 'outside {% generation %}' : 'outside assistant turns';
      return no(`${where}: ${OUTSIDE_WORDS[encoded.role[t]!]}, not trained`);
    }
    if (spans && at >= 0 && options.assistant_turns === 'last' && owners[at] !== lastOwner && !end?.train)
      return no('an earlier assistant turn: only the last one is trained');
    if (message?.train === false) return no('train: false on this message');
    if (end) return end;
    if (message?.train_spans) {
      const trained = isSpanTrained(message, t);
      if (trained === undefined && encoded.origin[t] === 1)
        return no('train_spans of this message cannot be placed: the template prints its content otherwise');
      if (trained === false) return no('train_spans of this message leave it out');
    }
    if (!spans)
      return { train: true, rule: promptLength ? 'completion: trained' : 'full sequence: every token is trained' };
    const span = spans[at]!;
    if (!isDerived(span)) return { train: true, rule: 'inside {% generation %}: trained' };
    return {
      train: true,
      rule: `assistant turn: trained; it ${START_RULES[span.startRule]}; it ${END_RULES[span.endRule]}`,
    };
  }

  /** Undefined where the token is of no part of the content that can be told. */
  function isSpanTrained(message: Message, t: number): boolean | undefined {
    const index = encoded.message[t]!;
    const pieces = places.get(index) ?? piecesOf(encoded, index, message.content);
    places.set(index, pieces);
    const [start, end] = [encoded.spanStart[t]!, encoded.spanEnd[t]!];
    const piece = pieces.find(({ at, length }) => at < end && start < at + length);
    if (!piece) {
      // A string of a tool call is content as well, and has no offsets.
      if (message.tool_calls && pieces.length > 0) return true;
      if (encoded.origin[t] === 1 && encoded.text.slice(start, end).trim() !== '') unplaced.add(index);
      return undefined;
    }
    const shift = piece.from - piece.at;
    const hit = message.train_spans!.find((span) => span.start < end + shift && start + shift < span.end);
    return hit ? hit.train : true;
  }
}

/** A stretch of a message's content, from an offset in it, and where it stands in the text. */
interface Piece {
  from: number;
  at: number;
  length: number;
}

/** The content whole, or its thought and its answer apart, in order; blanks at the edges do not count. Templates rewrite both. */
function piecesOf(encoded: EncodedText, index: number, content: string): Piece[] {
  const first = encoded.message.findIndex((m, t) => m === index && encoded.origin[t] === 1);
  if (first < 0) return [];
  // A token that stands across may begin before the content does.
  const begin = Math.max(0, encoded.spanStart[first]! - 1);
  const find = (from: number, to: number, after: number): Piece | undefined => {
    const part = content.slice(from, to);
    const core = part.trim();
    const at = core === '' ? -1 : encoded.text.indexOf(core, after);
    return at < 0 ? undefined : { from: from + part.indexOf(core), at, length: core.length };
  };
  const whole = find(0, content.length, begin);
  if (whole) return [whole];
  const close = content.lastIndexOf('</think>');
  if (close < 0) return [];
  const open = content.indexOf('<think>');
  // The thought may stand before what is known as content.
  const own = encoded.spanStart[encoded.message.indexOf(index)]!;
  const thought = find(open < 0 ? 0 : open + '<think>'.length, close, own);
  const answer = find(close + '</think>'.length, content.length, thought ? thought.at + thought.length : begin);
  return [thought, answer].filter((piece) => piece !== undefined);
}

/** Index of the span that each token lies in; −1 outside all. A token that straddles a border belongs to the span. */
function spanOfToken(encoded: EncodedText, spans: readonly Stretch[]): Int32Array {
  const out = new Int32Array(encoded.ids.length).fill(-1);
  let at = 0;
  for (let t = 0; t < out.length; t++) {
    while (at < spans.length && spans[at]!.end <= encoded.spanStart[t]!) at++;
    if (at < spans.length && spans[at]!.start < encoded.spanEnd[t]!) out[t] = at;
  }
  return out;
}

/**
 * The message that each span is of: a template may print one turn in several. That of most of its content, for an end-of-turn
 * token alone the assistant's before it.
 */
function ownersOf(
  encoded: EncodedText,
  messages: readonly Message[],
  spans: readonly (Stretch | AssistantSpan)[],
  spanOf: Int32Array,
): number[] {
  const votes = spans.map(() => new Map<number, number>());
  spanOf.forEach((span, t) => {
    const message = encoded.message[t]!;
    if (span < 0 || messages[message]?.role !== 'assistant') return;
    // One word of content outweighs the scaffold around it.
    const weight = encoded.origin[t] === 1 ? encoded.ids.length : 1;
    votes[span]!.set(message, (votes[span]!.get(message) ?? 0) + weight);
  });
  let before = -1;
  return votes.map((of, i) => {
    const span = spans[i]!;
    if (isDerived(span)) return span.message;
    for (const [message, n] of of) if (n === Math.max(...of.values())) before = message;
    return before;
  });
}

/** What train_on_eos (Axolotl's names) says of each end-of-turn token; undefined entries: the other masks decide. */
function endChoice(
  input: MaskInput,
  spanOf: Int32Array | undefined,
): Map<number, { train: boolean; rule: string }> | undefined {
  const { options, encoded } = input;
  if (options.train_on_eos === 'turn') return undefined;
  const out = new Map<number, { train: boolean; rule: string }>();
  let last = -1;
  for (let t = 1; t < encoded.ids.length; t++) if (isEndToken(input, t) && (!spanOf || spanOf[t]! >= 0)) last = t;
  for (let t = 1; t < encoded.ids.length; t++) {
    if (!isEndToken(input, t)) continue;
    const train = options.train_on_eos === 'all' || (options.train_on_eos === 'last' && t === last);
    out.set(t, {
      train,
      rule: `end-of-turn token: ${train ? 'trained' : 'not trained'}, because train_on_eos is ${options.train_on_eos}`,
    });
    if (train || !spanOf) continue;
    // What a span holds behind its end, such as a line break, goes with it.
    const isBlank = (u: number) => encoded.text.slice(encoded.spanStart[u]!, encoded.spanEnd[u]!).trim() === '';
    for (let u = t + 1; u < encoded.ids.length && encoded.origin[u] !== 1 && isBlank(u) && !isEndToken(input, u); u++)
      out.set(u, { train, rule: 'behind an end-of-turn token that is not trained' });
  }
  return out;
}

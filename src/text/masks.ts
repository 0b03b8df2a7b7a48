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
  /** Where the content of messages with train_spans begins in the text. */
  const starts = new Map<number, number>();
  const owners = spans ? ownersOf(encoded, messages, spans, spanOf!) : [];
  const lastOwner = Math.max(-1, ...owners);
  for (let t = 0; t < total; t++) {
    const verdict = decide(t);
    mask[t] = verdict.train ? 1 : 0;
    rule[t] = name(verdict.rule);
  }
  return { mask, rule, rules };

  function decide(t: number): { train: boolean; rule: string } {
    const no = (sentence: string) => ({ train: false, rule: sentence });
    if (t === 0) return no('first token: nothing stands before it to predict it from');
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
    if (message?.train_spans && encoded.origin[t] === 1 && !isSpanTrained(message, t))
      return no('train_spans of this message leave it out');
    if (!spans)
      return { train: true, rule: promptLength ? 'completion: trained' : 'full sequence: every token is trained' };
    const span = spans[at]!;
    if (!isDerived(span)) return { train: true, rule: 'inside {% generation %}: trained' };
    return {
      train: true,
      rule: `assistant turn: trained; it ${START_RULES[span.startRule]}; it ${END_RULES[span.endRule]}`,
    };
  }

  /** Offsets of train_spans count in the message's content; its first content token is where that content begins. */
  function isSpanTrained(message: Message, t: number): boolean {
    const index = encoded.message[t]!;
    const begin = starts.get(index) ?? contentStart(encoded, index, message.content);
    starts.set(index, begin);
    if (begin < 0) return true;
    const [from, to] = [encoded.spanStart[t]! - begin, encoded.spanEnd[t]! - begin];
    const hit = message.train_spans!.find((span) => span.start < to && from < span.end);
    return hit ? hit.train : true;
  }
}

/** Offset of the message's content in the text: looked for from its first content token on, because templates trim. */
function contentStart(encoded: EncodedText, index: number, content: string): number {
  const first = encoded.message.findIndex((m, t) => m === index && encoded.origin[t] === 1);
  const core = content.trimStart();
  const at = first < 0 ? -1 : encoded.text.indexOf(core.slice(0, 64), Math.max(0, encoded.spanStart[first]! - 1));
  return at < 0 ? -1 : at - (content.length - core.length);
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
  }
  return out;
}

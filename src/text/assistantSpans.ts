// Where the assistant's part of a conversation stands in its render, for templates without {% generation %} — nearly all that
// are published. The template itself is asked: what it prints as generation prompt is given, what follows is learned. So
// each span begins where the model would be handed the pen, and ends with the token at which it should put it down.
import { commonPrefix } from '../lib/arrays';
import { StudioError } from '../lib/errors';
import type { Message } from '../protocol/chat';
import type { Rendered } from './chatTemplate';
import type { Stretch } from './marks';
import { beforeToken, firstToken, lastToken } from './tokensInText';

/** How the start of a span was found, the surest first. */
export const START_RULES = {
  prompt:
    'starts after the generation prompt: the conversation up to here, rendered with add_generation_prompt, is a prefix of the whole',
  bare: 'starts where the turn starts: the template adds no generation prompt, so the model must write all that stands here, a header too',
  shared:
    'starts where the whole parts from the generation prompt: the template prints something else for a finished turn than for one to be written',
  header:
    'starts after the generation prompt, found again inside this turn: earlier turns are printed otherwise once later ones exist',
  content: 'starts at the content, or at the turn of a tool call: the template gave no generation prompt to go by',
} as const;
export type StartRule = keyof typeof START_RULES;

/** How the end was found. */
export const END_RULES = {
  eot: 'ends with the end-of-turn token',
  turn: 'ends with the turn: the template prints no end-of-turn token here',
  content: 'ends with the content: what the template prints after it belongs to the next turn',
} as const;
export type EndRule = keyof typeof END_RULES;

export interface AssistantSpan extends Stretch {
  /** Index into the messages. */
  message: number;
  startRule: StartRule;
  endRule: EndRule;
  /** Where the end-of-turn token begins; `end` when there is none. */
  contentEnd: number;
}

/** Renders messages as text, as the full render was made but for the generation prompt. May throw TemplateError. */
export type RenderText = (messages: readonly Message[], addGenerationPrompt: boolean) => string;

/**
 * Spans of all assistant messages, in order, as UTF-16 offsets into `full.text`. `specials`: contents of the tokenizer's
 * special tokens, to know an end-of-turn token by; `tokens`: of all its added tokens, which no border cuts in two. A message
 * whose part of the text cannot be told is left out.
 */
export function deriveAssistantSpans(
  messages: readonly Message[],
  full: Rendered,
  renderText: RenderText,
  specials: readonly string[],
  tokens: readonly string[] = specials,
): AssistantSpan[] {
  const tryText: RenderText = (part, prompt) => {
    if (part.length === 0) return '';
    try {
      return renderText(part, prompt);
    } catch (error) {
      // Some templates refuse a conversation that ends there; the other rules go without.
      if (error instanceof StudioError) return '';
      throw error;
    }
  };
  /** What the template prints for the assistant to go on after the first user message. */
  const header = usualHeader(messages, tryText);
  const spans: AssistantSpan[] = [];
  messages.forEach((message, index) => {
    if (message.role !== 'assistant') return;
    const before = messages.slice(0, index);
    const whole = () => tryText(messages.slice(0, index + 1), false);
    const traced = limitsOf(index, messages, full);
    const all = traced.length ? traced : printedLimits(before, full.text, whole(), tryText);
    all.forEach((limits, piece) => {
      const start =
        piece > 0
          ? { at: limits.contentStart!, rule: 'content' as const }
          : findStart(
              full.text,
              limits,
              tryText(before, true),
              { bare: tryText(before, false), finished: whole },
              tokens,
              header,
            );
      if (!start) return;
      const end = limits.interrupted
        ? beforeOthers(full.text, start.at, limits, tokens, whole())
        : findEnd(full.text, start.at, limits, specials, whole);
      if (end.end > start.at)
        spans.push({ message: index, start: start.at, startRule: start.rule, ...end } satisfies AssistantSpan);
    });
  });
  return spans;
}

function usualHeader(messages: readonly Message[], renderText: RenderText): string {
  const at = messages.findIndex((message) => message.role === 'user');
  const first: readonly Message[] = at < 0 ? [{ role: 'user', content: 'question' }] : messages.slice(0, at + 1);
  const [prompted, bare] = [renderText(first, true), renderText(first, false)];
  return bare && prompted.startsWith(bare) ? prompted.slice(bare.length) : '';
}

interface Limits {
  /** The span starts and ends within these. */
  from: number;
  to: number;
  /** What the message itself brought; undefined when nothing of it could be found. */
  contentStart?: number;
  contentEnd?: number;
  /** The first of it is an argument of a tool call, so more of the turn stands before. */
  startsInCall?: boolean;
  /** What the template wrote while at the message. */
  turn?: Stretch;
  /** Content of other messages follows inside this turn, and then more of this message. */
  interrupted?: boolean;
}

/**
 * What stands between the contents of the messages before and after. Some templates print tool results inside the turn
 * that called the tools: then there are several pieces. None when the message left no trace.
 */
function limitsOf(index: number, messages: readonly Message[], full: Rendered): Limits[] {
  const all = full.content.filter((part) => part.message === index);
  const others = full.content.filter((part) => part.message > index);
  const turn = full.turns.find((stretch) => stretch.message === index);
  const between = (from: number, to: number) => others.some((other) => other.start >= from && other.end <= to);
  const pieces: (typeof all)[] = [[]];
  for (const part of all) {
    const last = pieces.at(-1)!.at(-1)?.end ?? turn?.start;
    if (last !== undefined && between(last, part.start)) pieces.push([part]);
    else pieces.at(-1)!.push(part);
  }
  return pieces.flatMap((own, i) => {
    const limits = pieceOf(own, index, messages, full);
    const interrupted =
      i < pieces.length - 1 || (turn !== undefined && between(own.at(-1)?.end ?? turn.start, turn.end));
    return limits ? [{ ...limits, interrupted }] : [];
  });
}
/**
 * Of a message that left no trace, as when a template gathers all turns in one text and prints it at the end: what the
 * conversation up to it prints more than the one before it, where both are beginnings of the whole.
 */
function printedLimits(before: readonly Message[], text: string, upTo: string, renderText: RenderText): Limits[] {
  const bare = renderText(before, false);
  if ((bare === '' && before.length > 0) || !upTo.startsWith(bare) || !text.startsWith(upTo)) return [];
  const turn = { start: bare.length, end: upTo.length };
  return turn.end > turn.start ? [{ from: turn.start, to: turn.end, turn }] : [];
}
function pieceOf(
  own: Rendered['content'],
  index: number,
  messages: readonly Message[],
  full: Rendered,
): Limits | undefined {
  const before = full.content.filter((part) => part.message >= 0 && part.message < index);
  const after = full.content.filter((part) => part.message > index);
  const turn = full.turns.find((stretch) => stretch.message === index);
  const nextTurn = full.turns.find((stretch) => stretch.message > index);
  if (own.length === 0 && !turn) return undefined;
  const contentStart = own.length ? Math.min(...own.map((part) => part.start)) : undefined;
  const contentEnd = own.length ? Math.max(...own.map((part) => part.end)) : undefined;
  const from = Math.max(0, ...before.filter((part) => part.end <= (contentStart ?? turn!.end)).map((part) => part.end));
  const isLast = index === messages.length - 1;
  const to = Math.min(
    full.text.length,
    ...after.filter((part) => part.start >= (contentEnd ?? turn!.start)).map((part) => part.start),
    ...(nextTurn && !isLast && nextTurn.start >= (contentEnd ?? turn!.end) ? [nextTurn.start] : []),
  );
  const said = messages[index]!.content.trim();
  const opening = own[0] ? full.text.slice(own[0].start, own[0].end).trim() : '';
  const startsInCall = Boolean(messages[index]!.tool_calls?.length) && opening !== '' && !said.endsWith(opening);
  return { from, to, contentStart, contentEnd, startsInCall, turn };
}

/** End of a piece that is followed by the content of other messages: where a render without those parts from the whole. */
function beforeOthers(
  text: string,
  start: number,
  { to, contentEnd }: Limits,
  tokens: readonly string[],
  upTo: string,
): { end: number; contentEnd: number; endRule: EndRule } {
  const from = Math.max(start, contentEnd ?? start);
  const shared = beforeToken(text, commonPrefix(upTo, text), tokens);
  const end = shared >= from && shared <= to ? shared : from;
  return { end, contentEnd: end, endRule: end > from ? 'turn' : 'content' };
}

function findStart(
  text: string,
  { from, to, contentStart, contentEnd, startsInCall, turn }: Limits,
  prompted: string,
  { bare, finished }: { bare: string; finished: () => string },
  tokens: readonly string[],
  usual: string,
): { at: number; rule: StartRule } | undefined {
  const latest = contentStart ?? Math.min(turn?.end ?? to, to);
  const shared = commonPrefix(prompted, text);
  // What the generation prompt alone adds. Templates that ignore add_generation_prompt add nothing.
  const added = bare && prompted.startsWith(bare) ? prompted.slice(bare.length) : '';
  // It may reach into the content: a thought that the row opens itself, and the prompt too.
  const reach =
    contentStart === undefined ? latest : Math.max(latest, Math.min(contentStart + added.length, contentEnd!) - 1);
  const isPrefix = prompted !== '' && shared === prompted.length && shared >= from && shared <= reach;
  // Where nothing is added but the whole has the usual header, the turn goes on from an earlier one in the prompt only.
  if (isPrefix && prompted === bare && usual && text.startsWith(usual, shared) && shared + usual.length <= latest)
    return { at: shared + usual.length, rule: 'header' };
  if (isPrefix) return { at: shared, rule: prompted === bare ? 'bare' : 'prompt' };
  // Parting inside the prompt that the template adds, not in some turn before it.
  const parting = beforeToken(text, shared, tokens);
  if (prompted && parting > bare.length && parting >= from && parting <= latest && bare && text.startsWith(bare))
    return { at: parting, rule: 'shared' };
  if (prompted === bare && parting >= from && parting <= latest && parting > standingPrompt(bare, finished(), tokens))
    return { at: parting, rule: 'shared' };
  const at = headerEnd(text, [added, usual], turn ? Math.max(from, turn.start) : from, latest, tokens, turn);
  if (at !== undefined) return { at, rule: 'header' };
  if (contentStart === undefined) return undefined;
  // Where no header is printed all of the turn is the assistant's: a blank before the content, what stands before a call.
  const isBare = turn !== undefined && usual === '' && text.slice(turn.start, contentStart).trim() === '';
  return {
    at: turn && (startsInCall || isBare) ? Math.max(from, Math.min(turn.start, contentStart)) : contentStart,
    rule: 'content',
  };
}

/**
 * Where the generation prompt begins that a template prints whatever it is asked: behind the token that ends the question, in
 * what it prints after a question as after an answer. The text's length when there is none.
 */
function standingPrompt(asked: string, answered: string, tokens: readonly string[]): number {
  let shared = 0;
  while (shared < asked.length && asked.at(-1 - shared) === answered.at(-1 - shared)) shared++;
  const tail = asked.slice(asked.length - shared);
  const end = firstToken(tail, tokens)?.end;
  return end === undefined || tail.slice(end).trim() === '' ? asked.length : asked.length - shared + end;
}

/** Behind the generation prompt, or the longest beginning of it, that is found again between two places. */
function headerEnd(
  text: string,
  prompts: readonly string[],
  from: number,
  latest: number,
  tokens: readonly string[],
  turn: Stretch | undefined,
): number | undefined {
  for (const prompt of new Set(prompts))
    for (let length = prompt.length; length > 0; length--) {
      const header = prompt.slice(0, length);
      if (header.trim() === '') break;
      // Of several in one turn the first: what follows it, such as a thought, is the assistant's too.
      const at = turn ? text.indexOf(header, from) : text.lastIndexOf(header, latest - length);
      const end = at + length;
      if (at >= from && end <= latest && beforeToken(text, end, tokens) === end) return end;
    }
  return undefined;
}

function findEnd(
  text: string,
  start: number,
  { from: earliest, to, contentStart, contentEnd, turn }: Limits,
  specials: readonly string[],
  whole: () => string,
): { end: number; contentEnd: number; endRule: EndRule } {
  const from = Math.max(start, contentEnd ?? start);
  const upTo = whole();
  // Where the render of the conversation up to this message ends, unless later turns changed what is before.
  const reach = upTo && text.startsWith(upTo) ? upTo.length : turn?.end;
  const header = text.slice(earliest, contentStart ?? start);
  const bound = reach === undefined ? undefined : beforePrompt(text, from, reach, header, specials, turn);
  const isBound = bound !== undefined && bound >= from && bound <= Math.max(to, from);
  const tail = text.slice(from, isBound ? bound : to);
  const eot = isBound ? lastToken(tail, specials) : firstToken(tail, specials);
  // After the end of a turn stand blanks at most; a special token with text behind it belongs to the turn.
  if (eot && (!isBound || tail.slice(eot.end).trim() === ''))
    return { end: from + eot.end, contentEnd: from + eot.start, endRule: 'eot' };
  if (!isBound) return { end: from, contentEnd: from, endRule: 'content' };
  const written = from + tail.trimEnd().length;
  return { end: written, contentEnd: written, endRule: 'turn' };
}

/**
 * The end of a stretch without the header of the next turn, which some templates print whatever add_generation_prompt says:
 * what follows the end-of-turn token and stands before the assistant's content too.
 */
function beforePrompt(
  text: string,
  from: number,
  to: number,
  header: string,
  specials: readonly string[],
  turn: Stretch | undefined,
): number {
  if (turn && turn.end > from && turn.end < to) {
    const own = text.slice(from, turn.end);
    const eot = lastToken(own, specials);
    const added = text.slice(turn.end, to).trim();
    const first = firstToken(added, specials);
    // Of several tokens the first tells: a thought that the header opens may differ.
    const sign = first?.start === 0 ? added.slice(0, first.end) : added;
    if (eot && own.slice(eot.end).trim() === '' && sign !== '' && header.includes(sign)) return turn.end;
  }
  // Where turns are not known, only the whole header is one.
  const usual = header.trimEnd();
  for (let at = from, eot = firstToken(text.slice(at, to), specials); eot; ) {
    at += eot.end;
    const rest = text.slice(at, to).trim();
    if (rest === '') break;
    const next = firstToken(rest, specials);
    // A token alone may as well be the end of the turn.
    if (usual.endsWith(rest) && !(next && next.end - next.start === rest.length)) return at;
    eot = firstToken(text.slice(at, to), specials);
  }
  return to;
}

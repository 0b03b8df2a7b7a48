// A session of blind comparisons: its pairs, which of the two stands left, and what a person has said so far. Every verb returns a
// new session; nothing here reads a clock.
import { commonPrefix } from '../../lib/arrays';
import { ConfigError } from '../../lib/errors';
import { Rng } from '../../lib/rng';
import type { AnnotationSource, Choice, Scores, ShownPair } from '../../protocol/annotations';
import type { DatasetRow, Message } from '../../protocol/chat';
import { turnText } from '../cases';
import type { Vote } from './annotators';
import type { RubricTruth } from './truth';

/** As rows have it: a text, or messages. */
type Side = string | Message[];
/** A pair as it is kept; which answer is `a` is not shown before a vote. */
export interface ComparedPair {
  /** The same in every session over the same row. */
  key: string;
  /** Absent where both answers are whole conversations. */
  prompt?: Side;
  a: Side;
  b: Side;
  /** What is told of each after the vote. */
  origins: [a: string, b: string];
  /** Answers that a limit of tokens has cut. */
  isCut?: [a: boolean, b: boolean];
  /** What the rubric needs; absent for rows that no world made. */
  truth?: RubricTruth;
  /** Columns that rows of every type may have. */
  shared?: Pick<DatasetRow, 'tools' | 'chat_template_kwargs'>;
}

export interface Ballot {
  choice: Choice;
  /** From showing the pair to the vote. */
  ms: number;
  /** Ms since the epoch. */
  at: number;
  /** Cast before the pair's reveal was seen. */
  isBlind: boolean;
}
/** What was said of one pair. */
export interface Mark {
  ballot?: Ballot;
  isSkipped?: true;
  wasRevealed?: true;
  note?: string;
  scores?: Scores;
}
type Said = Pick<Mark, 'ballot' | 'isSkipped'>;
export interface Session {
  version: 1;
  id: string;
  name: string;
  source: AnnotationSource;
  /** Of the order of sides, of the pairs drawn and of the simulated annotators. */
  seed: number;
  createdAt: number;
  /** One for each pair. */
  marks: Mark[];
  /** What each vote or skip replaced, the last at the end. */
  done: { pair: number; was: Said }[];
  /** Place of the prompt that the next sample would answer. */
  nextPlace: number;
}

/** A coin of the session's seed for each pair. */
export const isAFirst = ({ seed }: Pick<Session, 'seed'>, pair: number): boolean =>
  new Rng(seed, 'sides').fork(pair).bool();
/** A vote for the pair's own A or B, as a choice of the sides on show. */
export const shownChoice = (vote: Vote, isFirst: boolean): Choice =>
  vote === 'tie' ? 'tie' : (vote === 'A') === isFirst ? 'left' : 'right';
/** The other way round. */
export const ownVote = (choice: Choice, isFirst: boolean): Vote =>
  choice === 'tie' ? 'tie' : (choice === 'left') === isFirst ? 'A' : 'B';

/** Throws ConfigError where there is no such pair. */
function markOf(session: Session, pair: number): Mark {
  const mark = session.marks[pair];
  if (!mark)
    throw new ConfigError(`“${session.name}” has ${session.marks.length} pairs, so there is no pair ${pair + 1}.`, {
      where: 'pair',
    });
  return mark;
}
const withMark = (session: Session, pair: number, mark: Mark): Session => ({
  ...session,
  marks: session.marks.map((old, i) => (i === pair ? mark : old)),
});
const saidOf = ({ ballot, isSkipped }: Mark): Said => ({ ...(ballot && { ballot }), ...(isSkipped && { isSkipped }) });
/** Replaces what was said of a pair, and remembers it. */
function say(session: Session, pair: number, said: Said): Session {
  const { ballot: _ballot, isSkipped: _skipped, ...rest } = markOf(session, pair);
  return {
    ...withMark(session, pair, { ...rest, ...said }),
    done: [...session.done, { pair, was: saidOf(session.marks[pair]!) }],
  };
}

/** A vote, also in place of an earlier one. */
export function castVote(
  session: Session,
  pair: number,
  { choice, ms, at }: Pick<Ballot, 'choice' | 'ms' | 'at'>,
): Session {
  const isBlind = !markOf(session, pair).wasRevealed;
  return say(session, pair, { ballot: { choice, ms, at, isBlind } });
}
export const skip = (session: Session, pair: number): Session => say(session, pair, { isSkipped: true });

/** Takes the last vote or skip back: what was said before it holds again. Notes, scores and what was seen stay. */
export function undo(session: Session): Session {
  const last = session.done.at(-1);
  if (!last) throw new ConfigError('There is no vote to take back.', { where: 'undo' });
  const { ballot: _ballot, isSkipped: _skipped, ...rest } = markOf(session, last.pair);
  return { ...withMark(session, last.pair, { ...rest, ...last.was }), done: session.done.slice(0, -1) };
}

/** Notes and scores go with or without a vote. Throws ConfigError for a score outside of 1 to 5. */
export function annotate(session: Session, pair: number, { note, scores }: Pick<Mark, 'note' | 'scores'>): Session {
  for (const [dimension, sides] of Object.entries(scores ?? {}))
    for (const score of Object.values(sides))
      if (!Number.isInteger(score) || score < 1 || score > 5)
        throw new ConfigError(`A score for ${dimension} is a whole number from 1 to 5, got ${score}.`, {
          where: dimension,
        });
  const mark = markOf(session, pair);
  return withMark(session, pair, {
    ...mark,
    ...(note !== undefined && { note }),
    ...(scores !== undefined && { scores }),
  });
}
/** The person has seen which answer is which. Throws ConfigError where nothing was said of the pair yet. */
export function markRevealed(session: Session, pair: number): Session {
  const mark = markOf(session, pair);
  if (!mark.wasRevealed && !mark.ballot && !mark.isSkipped)
    throw new ConfigError('A pair is revealed once you have voted on it, or skipped it.', { where: 'pair' });
  return mark.wasRevealed ? session : withMark(session, pair, { ...mark, wasRevealed: true });
}

const messagesOf = (side: Side, role: Message['role']): Message[] =>
  typeof side === 'string' ? [{ role, content: side }] : side;
const sameMessages = (a: Message[], b: Message[]): number => commonPrefix(a.map(keyOf), b.map(keyOf));
const keyOf = (message: Message): string => JSON.stringify(message);

export interface ReadPair {
  prompt: { role: string; text: string }[];
  /** What each answers, without the prompt. */
  a: string;
  b: string;
}
/** Prompt and answers as texts. Without a prompt of its own, it is what both conversations begin with. */
export function readPair({ prompt, a, b }: Pick<ComparedPair, 'prompt' | 'a' | 'b'>): ReadPair {
  const [first, second] = [messagesOf(a, 'assistant'), messagesOf(b, 'assistant')];
  const shared = prompt === undefined && typeof a !== 'string' ? sameMessages(first, second) : 0;
  const asked = prompt === undefined ? first.slice(0, shared) : messagesOf(prompt, 'user');
  const said = (messages: Message[]) => messages.slice(shared).map(turnText).join('\n\n');
  return { prompt: asked.map((m) => ({ role: m.role, text: turnText(m) })), a: said(first), b: said(second) };
}

/** A pair as the page gets it. */
export function shownPair(session: Session, pairs: readonly ComparedPair[], pair: number): ShownPair {
  const { ballot, isSkipped, wasRevealed, note = '', scores = {} } = markOf(session, pair);
  const compared = pairs[pair]!;
  const { prompt, a, b } = readPair(compared);
  const [cutA = false, cutB = false] = compared.isCut ?? [];
  const answers = [
    { text: a, isCut: cutA },
    { text: b, isCut: cutB },
  ] as const;
  const [left, right] = isAFirst(session, pair) ? answers : ([answers[1], answers[0]] as const);
  return {
    index: pair,
    ...{ prompt, left, right, note, scores },
    ...(ballot && { choice: ballot.choice }),
    isSkipped: isSkipped ?? false,
    wasRevealed: wasRevealed ?? false,
  };
}

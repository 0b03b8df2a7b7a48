// What a session of blind comparisons tells once votes are cast: the reveal of a pair, agreement and biases of the person, and the
// rows that the votes become. Choices are compared as they were shown, left or right: sides are drawn by a coin, so that nobody
// agrees by always choosing the same answer of the pair.
import { cohensKappa, wilson } from '../../lib/agreement';
import { Rng } from '../../lib/rng';
import {
  type AgreementWith,
  type AnnotationReport,
  type Choice,
  type Crowd,
  type CrowdVotes,
  type Reveal,
  type RevealedAnswer,
  type ShareOf,
  SIMULATED,
} from '../../protocol/annotations';
import type { Json } from '../../protocol/chat';
import { annotatorsLike, HABITS, judgedOf, type Vote, votesOn } from './annotators';
import { RUBRIC, rubricOf } from './rubric';
import { type ComparedPair, isAFirst, ownVote, readPair, type Session, shownChoice } from './session';
import { surfaceOf } from './surface';
import type { RubricTruth } from './truth';
import { rowOfVotes } from './votes';

const shareOf = (k: number, n: number): ShareOf => ({ k, n, ...wilson(k, n) });

/** Votes of annotators with these habits on a pair, for its own A and B; the same whenever they are asked for. */
function simulatedVotes(
  { seed }: Session,
  pair: ComparedPair,
  index: number,
  { n, habits }: { n: number; habits: keyof typeof HABITS },
  stream: string,
): Vote[] | undefined {
  if (!pair.truth) return undefined;
  const { a, b } = readPair(pair);
  const rng = new Rng(seed, `${stream} ${habits}`).fork(index);
  const annotators = annotatorsLike(n, HABITS[habits]);
  return votesOn(judgedOf(a, pair.truth), judgedOf(b, pair.truth), annotators, rng).map(({ vote }) => vote);
}
/** Undefined where the world knows no truth of the pair. */
function simulatedChoice(session: Session, pair: ComparedPair, index: number, habits: keyof typeof HABITS) {
  const votes = simulatedVotes(session, pair, index, { n: 1, habits }, 'annotator');
  return votes && shownChoice(votes[0]!, isAFirst(session, index));
}

function revealed(text: string, origin: string, truth: RubricTruth | undefined): RevealedAnswer {
  const grade = truth && rubricOf(text, truth);
  return {
    origin,
    ...surfaceOf(text),
    ...(grade && {
      quality: grade.quality,
      dimensions: RUBRIC.map(({ id, title }) => ({ id, title, ...grade.dimensions[id] })),
    }),
  };
}
export function revealOf(session: Session, pairs: readonly ComparedPair[], index: number, crowd: Crowd): Reveal {
  const pair = pairs[index]!;
  const { a, b } = readPair(pair);
  const told = [revealed(a, pair.origins[0], pair.truth), revealed(b, pair.origins[1], pair.truth)] as const;
  const isFirst = isAFirst(session, index);
  const [left, right] = isFirst ? told : ([told[1], told[0]] as const);
  const rubric = simulatedChoice(session, pair, index, 'rubric');
  if (rubric === undefined) return { left, right };
  const simulated = SIMULATED.map((habits) => ({
    habits,
    choice: simulatedChoice(session, pair, index, habits)!,
  }));
  const votes = simulatedVotes(session, pair, index, crowd, 'crowd')!;
  return { left, right, rubric, simulated, crowd: crowdVotes(votes, crowd, isFirst) };
}
function crowdVotes(votes: readonly Vote[], crowd: Crowd, isFirst: boolean): CrowdVotes {
  const count = (choice: Choice) => votes.filter((vote) => shownChoice(vote, isFirst) === choice).length;
  const [left, right, ties] = [count('left'), count('right'), count('tie')];
  const chosen = left === right ? 'tie' : left > right ? 'left' : 'right';
  return { ...crowd, left, right, ties, chosen, share: shareOf(Math.max(left, right), left + right) };
}

/** Another session over some of the same pairs. */
export interface OtherSession {
  session: Session;
  pairs: readonly ComparedPair[];
}
/** Votes of a session by the key of the pair, for its own A and B. `isBlind`: only those cast before the reveal. */
function votesByKey({ session, pairs }: OtherSession, isBlind: boolean): Map<string, Vote> {
  const votes = new Map<string, Vote>();
  for (const [i, { ballot }] of session.marks.entries())
    if (ballot && (ballot.isBlind || !isBlind)) votes.set(pairs[i]!.key, ownVote(ballot.choice, isAFirst(session, i)));
  return votes;
}

/** `others` without a vote on the same pairs are not listed. */
export function reportOf(
  session: Session,
  pairs: readonly ComparedPair[],
  others: readonly OtherSession[] = [],
): AnnotationReport {
  const cast = session.marks.flatMap(({ ballot }, index) => (ballot ? [{ ...ballot, index }] : []));
  const blind = cast.filter(({ isBlind }) => isBlind);
  const agreement = (id: string, title: string, choiceOf: (index: number) => Choice | undefined): AgreementWith => {
    const both = blind.flatMap(({ choice, index }) => {
      const theirs = choiceOf(index);
      return theirs === undefined ? [] : [[choice, theirs] as const];
    });
    return { id, title, ...cohensKappa(both.map(([mine]) => mine), both.map(([, theirs]) => theirs)) }; // biome-ignore format: one call
  };
  const by = (habits: keyof typeof HABITS) => (index: number) => simulatedChoice(session, pairs[index]!, index, habits);
  const decided = blind.filter(({ choice }) => choice !== 'tie');
  const unlike = decided.flatMap(({ choice, index }) => {
    const { a, b } = readPair(pairs[index]!);
    const [wordsA, wordsB] = [surfaceOf(a).words, surfaceOf(b).words];
    return wordsA === wordsB ? [] : [(ownVote(choice, isAFirst(session, index)) === 'A') === wordsA > wordsB];
  });
  return {
    votes: blind.length,
    ties: blind.length - decided.length,
    informed: cast.length - blind.length,
    agreements: [
      agreement('rubric', 'the rubric', by('rubric')),
      ...SIMULATED.map((habits) => agreement(habits, `a ${habits} annotator`, by(habits))),
      ...others.flatMap((other) => {
        const votes = votesByKey(other, true);
        const found = agreement(other.session.id, other.session.name, (index) => {
          const vote = votes.get(pairs[index]!.key);
          return vote && shownChoice(vote, isAFirst(session, index));
        });
        return found.n > 0 ? [found] : [];
      }),
    ],
    leftChosen: shareOf(decided.filter(({ choice }) => choice === 'left').length, decided.length),
    longerChosen: shareOf(unlike.filter(Boolean).length, unlike.length),
    ...(blind.length > 0 && { medianMs: median(blind.map(({ ms }) => ms)) }),
  };
}
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

export interface RowOptions {
  ties: 'leave_out' | 'keep';
  crowd?: Crowd;
  others?: readonly OtherSession[];
}
/**
 * Preference rows of the pairs that the person voted on, with the columns that describe the vote: counts, `share` of the chosen answer
 * with its interval, `margin` (2 · share − 1), `note`, `chosen_scores`, `rejected_scores`. A tie that is kept puts the left answer
 * first: the pair's own order would say which one its set holds to be better. `undecided`: pairs that became no row.
 */
export function rowsOfSession(
  session: Session,
  pairs: readonly ComparedPair[],
  { ties, crowd, others = [] }: RowOptions,
): { rows: { [column: string]: unknown }[]; undecided: number } {
  const rows: { [column: string]: unknown }[] = [];
  let undecided = 0;
  const elsewhere = others.map((other) => votesByKey(other, false));
  for (const [index, { ballot, note, scores }] of session.marks.entries()) {
    if (!ballot) continue;
    const pair = pairs[index]!;
    const isFirst = isAFirst(session, index);
    const own = [
      ...elsewhere.flatMap((votes) => votes.get(pair.key) ?? []),
      ...((crowd && simulatedVotes(session, pair, index, crowd, 'crowd')) ?? []),
    ];
    const choices = [ballot.choice, ...own.map((vote) => shownChoice(vote, isFirst))];
    const [left, right] = isFirst ? [pair.a, pair.b] : [pair.b, pair.a];
    const voted = rowOfVotes(
      {
        prompt: pair.prompt,
        a: left,
        b: right,
        votes: choices.map((choice) => ownVote(choice, true)),
      },
      ties === 'keep' ? { ties: 'half', keepUndecided: true } : { ties: 'leave_out' },
    );
    if (!voted) {
      undecided++;
      continue;
    }
    const isLeftChosen = voted.row.chosen === left;
    const scored = (isChosen: boolean): { [dimension: string]: Json } =>
      Object.fromEntries(
        Object.entries(scores ?? {}).flatMap(([dimension, sides]) => {
          const score = isChosen === isLeftChosen ? sides.left : sides.right;
          return score === undefined ? [] : [[dimension, score]];
        }),
      );
    const [chosenScores, rejectedScores] = [scored(true), scored(false)];
    rows.push({
      ...voted.columns,
      margin: 2 * (voted.columns.share as number) - 1,
      ...(note && { note }),
      ...(Object.keys(chosenScores).length > 0 && { chosen_scores: chosenScores }),
      ...(Object.keys(rejectedScores).length > 0 && { rejected_scores: rejectedScores }),
      ...pair.shared,
      ...voted.row,
    });
  }
  return { rows, undecided };
}

/** One line for each pair of which something was said, as it was shown; `choice` is absent where it was skipped. */
export function ballotsOf(session: Session, pairs: readonly ComparedPair[]): { [field: string]: unknown }[] {
  return session.marks.flatMap(({ ballot, isSkipped, note, scores }, index) => {
    if (!ballot && !isSkipped && !note && !scores) return [];
    const { prompt, a, b } = readPair(pairs[index]!);
    const isFirst = isAFirst(session, index);
    return [
      {
        session: session.name,
        pair: pairs[index]!.key,
        prompt: prompt.map(({ role, text }) => ({ role, content: text })),
        left: isFirst ? a : b,
        right: isFirst ? b : a,
        ...(ballot && {
          choice: ballot.choice,
          is_blind: ballot.isBlind,
          seconds: Math.round(ballot.ms) / 1000,
          time: new Date(ballot.at).toISOString(),
        }),
        ...(note && { note }),
        ...(scores && { scores }),
      },
    ];
  });
}

// Blind comparisons of two answers: what the Annotate page is shown, what it sends, and what is told once a vote is cast.
import type { ModelRef } from './requests';

/** What a person says of the two answers as they are shown: the left one is A on the page. */
export const CHOICES = ['left', 'right', 'tie'] as const;
export type Choice = (typeof CHOICES)[number];

/** Simulated annotators (world/pref/annotators.ts) that people are held against. */
export const SIMULATED = ['careful', 'hurried', 'flattered'] as const;
export type Simulated = (typeof SIMULATED)[number];
/** `n` simulated annotators alike. */
export interface Crowd {
  n: number;
  habits: Simulated;
}
/** Largest crowd and largest session. */
export const MOST_IN_CROWD = 1000;
export const MOST_PAIRS = 500;

/** Where a session's pairs come from. */
export type AnnotationSource =
  | { kind: 'set'; datasetId: string; title: string; split: string }
  /** Two samples for each prompt; pairs come one by one. */
  | { kind: 'model'; ref: ModelRef; name: string; temperature: number };

/** Two different answers that a model gave to the prompt of row `place` of builtin:pref, dev. */
export interface SampledPair {
  place: number;
  a: SampledAnswer;
  b: SampledAnswer;
}
export interface SampledAnswer {
  text: string;
  /** Without an end of turn: the limit of tokens cut it. */
  isCut: boolean;
}

/** From 1 to 5 by dimension of the rubric; what is not scored is not there. */
export interface Scores {
  [dimension: string]: { left?: number; right?: number };
}

export interface AnnotationHead {
  id: string;
  name: string;
  source: AnnotationSource;
  /** Ms since the epoch. */
  createdAt: number;
  pairs: number;
  voted: number;
  skipped: number;
}
export type PairState = 'open' | 'voted' | 'skipped';
export interface AnnotationSession extends AnnotationHead {
  seed: number;
  /** Of each pair. */
  states: PairState[];
  /** The pair whose vote or skip would be taken back. */
  undoes?: number;
  /** Place of the prompt that the next sample would answer. */
  nextPlace: number;
  /** Dimensions that a person may score. */
  rubric: { id: string; title: string; meaning: string }[];
}

/** One pair without a word of which answer is which. */
export interface ShownPair {
  index: number;
  prompt: { role: string; text: string }[];
  left: ShownAnswer;
  right: ShownAnswer;
  choice?: Choice;
  isSkipped: boolean;
  /** The reveal was seen before, so that a vote from here on is not blind. */
  wasRevealed: boolean;
  note: string;
  scores: Scores;
}
export interface ShownAnswer {
  text: string;
  isCut: boolean;
}

/** What is told of one of the two answers. */
export interface RevealedAnswer {
  /** Which one it is, in a few words. */
  origin: string;
  words: number;
  politeness: number;
  flattery: number;
  hedging: number;
  /** By the rubric, where the world knows the truth of the row. */
  quality?: number;
  dimensions?: { id: string; title: string; score: number; reason: string }[];
}
export interface Reveal {
  left: RevealedAnswer;
  right: RevealedAnswer;
  /** By true quality; absent where the world knows none, as are the votes. */
  rubric?: Choice;
  simulated?: { habits: Simulated; choice: Choice }[];
  crowd?: CrowdVotes;
}
export interface CrowdVotes extends Crowd {
  left: number;
  right: number;
  ties: number;
  /** Of the answer that more of them chose, ties left out. */
  chosen: Choice;
  share: ShareOf;
}
/** k of n with its 95 % interval by Wilson; NaN for n = 0. */
export interface ShareOf {
  k: number;
  n: number;
  low: number;
  high: number;
}

export interface AgreementWith {
  id: string;
  /** Whose votes. */
  title: string;
  /** Pairs that both have voted on. */
  n: number;
  /** NaN where it is not defined (lib/agreement.ts). */
  kappa: number;
  observed: number;
  expected: number;
}
/** Votes of a session that were cast blind, counted. */
export interface AnnotationReport {
  /** Blind votes; ties among them. */
  votes: number;
  ties: number;
  /** Votes cast after their reveal was seen: they count in none of these figures. */
  informed: number;
  /** Rubric, simulated annotators, and other sessions over the same pairs. */
  agreements: AgreementWith[];
  /** How often the left one was chosen, ties left out. */
  leftChosen: ShareOf;
  /** How often the longer one was, where one has more words, ties left out. */
  longerChosen: ShareOf;
  /** Ms from showing a pair to its vote; absent without a vote. */
  medianMs?: number;
}

/** What a session is told. Each vote, skip and mark is kept at once. */
export type AnnotationAction =
  | { do: 'vote'; pair: number; choice: Choice; ms: number }
  | { do: 'skip'; pair: number }
  | { do: 'mark'; pair: number; note?: string; scores?: Scores }
  | { do: 'undo' }
  | { do: 'rename'; name: string }
  | { do: 'add'; sampled: SampledPair };

/** What becomes of a session's votes as a dataset. */
export interface AnnotationRowsOptions {
  title: string;
  /** `leave_out`: ties count for nothing, and pairs without a majority are no rows; `keep`: they count half for each side. */
  ties: 'leave_out' | 'keep';
  /** Simulated annotators who vote too. */
  crowd?: Crowd;
  /** Ids of other sessions whose votes on the same pairs count too. */
  sessions?: string[];
}

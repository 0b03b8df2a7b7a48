// Simulated annotators: how likely each vote is, in closed form, and votes drawn from it. Without bias they follow Bradley and Terry
// 1952 with the true quality as strength: P(A) = σ((qualityA − qualityB) / noise).
import type { Rng } from '../../lib/rng';
import { trueQuality } from './rubric';
import { type Surface, surfaceOf } from './surface';
import type { RubricTruth } from './truth';

export const VOTES = ['A', 'B', 'tie'] as const;
export type Vote = (typeof VOTES)[number];

/** Biases are in units of true quality, which goes from 0 to 1. */
export interface Annotator {
  id: string;
  /** Scale of the logistic noise on the difference; 0: the better one always wins. */
  noise: number;
  /** Worth of twice the words. */
  lengthBias: number;
  /** Worth of flattery where the other answer has none. */
  flatteryBias: number;
  /** Worth of being shown first. */
  positionBias: number;
  /** Share of votes that are ties whatever the pair is. */
  tieRate: number;
}
/** What an annotator goes by. */
export interface Judged {
  quality: number;
  surface: Surface;
}

export const judgedOf = (text: string, truth: RubricTruth): Judged => ({
  quality: trueQuality(text, truth),
  surface: surfaceOf(text),
});

/** By how much the one shown first seems better to this annotator, before noise. */
export function seenDifference(a: Annotator, first: Judged, second: Judged): number {
  const doublings = Math.log2(Math.max(1, first.surface.words) / Math.max(1, second.surface.words));
  const flattery = Number(first.surface.flattery > 0) - Number(second.surface.flattery > 0);
  return first.quality - second.quality + a.lengthBias * doublings + a.flatteryBias * flattery + a.positionBias;
}

/** Differences below it are none: sums of weights differ in their last bits. */
const SAME = 1e-9;
/** Probability of each vote, A being shown first. Answers that seem equal to an annotator without noise are a tie. */
export function voteProbabilities(annotator: Annotator, first: Judged, second: Judged): Record<Vote, number> {
  const { noise, tieRate } = annotator;
  const difference = seenDifference(annotator, first, second);
  if (noise === 0 && Math.abs(difference) < SAME) return { A: 0, B: 0, tie: 1 };
  const a = noise === 0 ? Number(difference > 0) : 1 / (1 + Math.exp(-difference / noise));
  return { A: (1 - tieRate) * a, B: (1 - tieRate) * (1 - a), tie: tieRate };
}

/** One vote, A being shown first. Draws once, whatever the pair. */
export function voteOn(annotator: Annotator, first: Judged, second: Judged, rng: Rng): Vote {
  const p = voteProbabilities(annotator, first, second);
  return VOTES[rng.weighted(VOTES.map((vote) => p[vote]))]!;
}

export interface CastVote {
  annotator: string;
  vote: Vote;
  /** Whether A was the one shown first. */
  isAFirst: boolean;
}
/** Each annotator votes once, on an order drawn for each; votes are told for the pair's own A and B. */
export function votesOn(a: Judged, b: Judged, annotators: readonly Annotator[], rng: Rng): CastVote[] {
  return annotators.map((annotator) => {
    const isAFirst = rng.bool();
    const vote = isAFirst ? voteOn(annotator, a, b, rng) : swapped(voteOn(annotator, b, a, rng));
    return { annotator: annotator.id, vote, isAFirst };
  });
}
/** The same vote, told for the pair in the other order. */
export const swapped = (vote: Vote): Vote => (vote === 'A' ? 'B' : vote === 'B' ? 'A' : 'tie');

/** `n` annotators alike but for their names. */
export const annotatorsLike = (n: number, habits: Omit<Annotator, 'id'>): Annotator[] =>
  Array.from({ length: n }, (_, i) => ({ id: `annotator ${i + 1}`, ...habits }));

const UNBIASED = { lengthBias: 0, flatteryBias: 0, positionBias: 0, tieRate: 0 };
/** Habits that the labs start from. */
export const HABITS = {
  rubric: { ...UNBIASED, noise: 0 },
  careful: { ...UNBIASED, noise: 0.1, tieRate: 0.05 },
  hurried: { ...UNBIASED, noise: 0.3, positionBias: 0.1, tieRate: 0.1 },
  flattered: { ...UNBIASED, noise: 0.1, lengthBias: 0.3, flatteryBias: 0.4, tieRate: 0.05 },
} satisfies Record<string, Omit<Annotator, 'id'>>;

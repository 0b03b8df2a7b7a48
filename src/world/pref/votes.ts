// Votes to preference rows: which answer was chosen, by what share and how sure that share is.
import { wilson } from '../../lib/agreement';
import type { Json, Message } from '../../protocol/chat';
import type { Vote } from './annotators';

/** Two answers to one prompt, and what each annotator said. Imported rows may have texts for messages. */
export interface VotedPair<Text = Message[]> {
  prompt: Text;
  a: Text;
  b: Text;
  votes: readonly Vote[];
}
export interface VoteOptions {
  /** Ties among the votes do not count, or count half for each side. */
  ties: 'leave_out' | 'half';
  /** Pairs without a majority become rows in the order of their answers, with a share of a half; otherwise they are dropped. */
  keepUndecided?: boolean;
}
export interface VotedRow<Text = Message[]> {
  row: { prompt: Text; chosen: Text; rejected: Text };
  /** Counts of votes, the share of the chosen answer and its 95 % interval. */
  columns: { [name: string]: Json };
}

/** The row that a pair's votes make; undefined where nobody voted, or without a majority. */
export function rowOfVotes<Text>(
  { prompt, a, b, votes }: VotedPair<Text>,
  options: VoteOptions,
): VotedRow<Text> | undefined {
  const count = (vote: Vote) => votes.filter((v) => v === vote).length;
  const [forA, forB, ties] = [count('A'), count('B'), count('tie')];
  if (votes.length === 0 || (forA === forB && !options.keepUndecided)) return undefined;
  const [chosen, rejected] = forB > forA ? [b, a] : [a, b];
  const half = options.ties === 'half' ? ties / 2 : 0;
  const n = forA + forB + 2 * half;
  const k = Math.max(forA, forB) + half;
  // Only ties, and none of them counts: as even as can be, and nothing known.
  const share = n > 0 ? k / n : 0.5;
  const { low, high } = n > 0 ? wilson(k, n) : { low: 0, high: 1 };
  return {
    row: { prompt, chosen, rejected },
    columns: {
      votes_chosen: Math.max(forA, forB),
      votes_rejected: Math.min(forA, forB),
      votes_tie: ties,
      share,
      share_low: low,
      share_high: high,
    },
  };
}

/** Rows of all pairs with a row, and the numbers of the pairs without one. */
export function rowsOfVotes(
  pairs: readonly VotedPair[],
  options: VoteOptions,
): { rows: VotedRow[]; undecided: number[] } {
  const rows: VotedRow[] = [];
  const undecided: number[] = [];
  for (const [i, pair] of pairs.entries()) {
    const row = rowOfVotes(pair, options);
    if (row) rows.push(row);
    else undecided.push(i);
  }
  return { rows, undecided };
}

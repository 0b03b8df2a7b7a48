import { expect, test } from 'vitest';
import type { Vote } from './annotators';
import { rowOfVotes, rowsOfVotes, type VotedPair } from './votes';

const says = (content: string) => [{ role: 'assistant' as const, content }];
const pair = (forA: number, forB: number, ties = 0): VotedPair => ({
  prompt: [{ role: 'user', content: 'Which risk?' }],
  a: says('High.'),
  b: says('It depends.'),
  votes: [...Array<Vote>(forA).fill('A'), ...Array<Vote>(forB).fill('B'), ...Array<Vote>(ties).fill('tie')],
});

test('8 of 10 choose A: a share of 0.8, between 0.49 and 0.94', () => {
  const { row, columns } = rowOfVotes(pair(8, 2), { ties: 'leave_out' })!;
  expect(row).toEqual({ prompt: pair(0, 0).prompt, chosen: says('High.'), rejected: says('It depends.') });
  expect(columns).toEqual({
    votes_chosen: 8,
    votes_rejected: 2,
    votes_tie: 0,
    share: 0.8,
    share_low: expect.closeTo(0.49, 2),
    share_high: expect.closeTo(0.943, 3),
  });
});

test('B is chosen where most choose B', () => {
  const { row, columns } = rowOfVotes(pair(1, 3), { ties: 'leave_out' })!;
  expect([row.chosen, row.rejected]).toEqual([says('It depends.'), says('High.')]);
  expect(columns).toMatchObject({ votes_chosen: 3, votes_rejected: 1, share: 0.75 });
});

test('ties among the votes: left out, or half a vote for each side', () => {
  expect(rowOfVotes(pair(6, 2, 2), { ties: 'leave_out' })!.columns).toMatchObject({ votes_tie: 2, share: 0.75 });
  const half = rowOfVotes(pair(6, 2, 2), { ties: 'half' })!.columns;
  expect(half).toMatchObject({ votes_tie: 2, share: 0.7 });
  // More counted votes, a narrower interval.
  const width = (c: typeof half) => (c.share_high as number) - (c.share_low as number);
  expect(width(half)).toBeLessThan(width(rowOfVotes(pair(6, 2, 2), { ties: 'leave_out' })!.columns));
});

test('pairs without a majority are dropped by number, or kept at one half', () => {
  const pairs = [pair(8, 2), pair(3, 3), pair(0, 0, 4), pair(0, 0), pair(0, 1)];
  const dropped = rowsOfVotes(pairs, { ties: 'leave_out' });
  expect(dropped.undecided).toEqual([1, 2, 3]);
  expect(dropped.rows.map(({ columns }) => columns.share)).toEqual([0.8, 1]);
  const kept = rowsOfVotes(pairs, { ties: 'leave_out', keepUndecided: true });
  expect(kept.undecided).toEqual([3]); // nobody voted
  expect(kept.rows.map(({ columns }) => columns.share)).toEqual([0.8, 0.5, 0.5, 1]);
  expect(kept.rows[2]!.columns).toMatchObject({ share_low: 0, share_high: 1 });
});

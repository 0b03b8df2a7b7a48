import { expect, test } from 'vitest';
import {
  annotate,
  type ComparedPair,
  castVote,
  isAFirst,
  markRevealed,
  ownVote,
  readPair,
  type Session,
  shownChoice,
  shownPair,
  skip,
  undo,
} from './session';

const pairs: ComparedPair[] = Array.from({ length: 40 }, (_, i) => ({
  key: `set train ${i}`,
  prompt: `Question ${i}?`,
  a: `first ${i}`,
  b: `second ${i}`,
  origins: ['chosen in Secret', 'rejected in Secret'],
}));
const session = (seed = 1): Session => ({
  ...{ version: 1, id: 's', name: 'Session', seed, createdAt: 0, done: [], nextPlace: 0 },
  source: { kind: 'set', datasetId: 'set', title: 'Set', split: 'train' },
  marks: pairs.map(() => ({})),
});
const vote = (at: Session, pair: number, choice: 'left' | 'right' | 'tie') =>
  castVote(at, pair, { choice, ms: 2000, at: 5 });

test('sides: a coin of the seed for each pair, the same each time, and the text says nothing of it', () => {
  const sides = (seed: number) => pairs.map((_, i) => isAFirst(session(seed), i));
  expect(sides(1)).toEqual(sides(1));
  expect(sides(1)).not.toEqual(sides(2));
  const left = sides(1).filter(Boolean).length;
  expect(left).toBeGreaterThanOrEqual(10); // 20 of 40 expected: three standard deviations
  expect(left).toBeLessThanOrEqual(30);
  for (const [i, isFirst] of sides(1).entries()) {
    const shown = shownPair(session(1), pairs, i);
    expect([shown.left.text, shown.right.text]).toEqual(isFirst ? [`first ${i}`, `second ${i}`] : [`second ${i}`, `first ${i}`]); // biome-ignore format: one comparison
    expect(JSON.stringify(shown)).not.toMatch(/chosen|Secret/);
  }
});

test('a choice of a side and a vote for an answer are each other’s inverse', () => {
  for (const isFirst of [true, false])
    for (const choice of ['left', 'right', 'tie'] as const)
      expect(shownChoice(ownVote(choice, isFirst), isFirst)).toBe(choice);
  expect([ownVote('left', true), ownVote('left', false), ownVote('tie', false)]).toEqual(['A', 'B', 'tie']);
});

test('undo takes back the last vote or skip, also one that replaced another, and keeps notes', () => {
  const first = vote(session(), 0, 'left');
  const second = annotate(vote(first, 1, 'tie'), 1, { note: 'even' });
  const third = skip(vote(second, 0, 'right'), 2);
  expect(third.marks.slice(0, 3).map((m) => m.ballot?.choice ?? m.isSkipped)).toEqual(['right', 'tie', true]);
  const back = undo(third);
  expect(back.marks[2]).toEqual({});
  expect(undo(back).marks[0]!.ballot!.choice).toBe('left');
  const none = undo(undo(undo(back)));
  expect(none.marks.slice(0, 3)).toEqual([{}, { note: 'even' }, {}]);
  expect(() => undo(none)).toThrow('no vote to take back');
});

test('a vote is blind until its reveal was seen, and taking it back does not make it blind again', () => {
  expect(() => markRevealed(session(), 3)).toThrow('once you have voted');
  const seen = markRevealed(vote(session(), 3, 'left'), 3);
  expect(seen.marks[3]!.ballot!.isBlind).toBe(true);
  const again = vote(undo(seen), 3, 'right');
  expect(again.marks[3]).toMatchObject({ wasRevealed: true, ballot: { choice: 'right', isBlind: false } });
  expect(vote(again, 4, 'left').marks[4]!.ballot!.isBlind).toBe(true);
});

test('scores are whole numbers from 1 to 5, and a pair that is not there is named', () => {
  const scored = annotate(session(), 0, { scores: { evidence: { left: 5, right: 2 } } });
  expect(scored.marks[0]).toEqual({ scores: { evidence: { left: 5, right: 2 } } });
  expect(annotate(scored, 0, { note: 'x' }).marks[0]!.scores).toEqual({ evidence: { left: 5, right: 2 } });
  for (const left of [0, 6, 2.5])
    expect(() => annotate(session(), 0, { scores: { evidence: { left } } })).toThrow(`got ${left}`);
  expect(() => vote(session(), 40, 'left')).toThrow('there is no pair 41');
});

test('without a prompt of its own, the prompt is what both conversations begin with', () => {
  const user = { role: 'user' as const, content: 'Pay?' };
  const says = (content: string) => ({ role: 'assistant' as const, content });
  expect(readPair({ a: [user, says('Yes.')], b: [user, says('No.')] })).toEqual({
    prompt: [{ role: 'user', text: 'Pay?' }],
    a: 'Yes.',
    b: 'No.',
  });
  expect(readPair({ prompt: 'Pay?', a: 'Yes.', b: 'No.' })).toEqual({
    prompt: [{ role: 'user', text: 'Pay?' }],
    a: 'Yes.',
    b: 'No.',
  });
});

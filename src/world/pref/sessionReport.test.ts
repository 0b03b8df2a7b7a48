import { expect, test } from 'vitest';
import type { Choice } from '../../protocol/annotations';
import type { FinalTruth } from '../item';
import { builtinItems } from '../registry';
import { type ComparedPair, castVote, isAFirst, markRevealed, ownVote, type Session } from './session';
import { ballotsOf, reportOf, revealOf, rowsOfSession } from './sessionReport';
import { surfaceOf } from './surface';

const items = builtinItems('pref', { rows: 60, seed: 4, split: 'heldout' });
const pairs: ComparedPair[] = items.map(({ row, truth }, i) => ({
  key: `pref heldout ${i}`,
  prompt: row.prompt,
  a: row.chosen,
  b: row.rejected,
  origins: ['chosen', 'rejected'],
  truth: (truth[0] as FinalTruth).rubric,
}));
const session = (id = 'mine', seed = 1): Session => ({
  ...{ version: 1, id, name: id, seed, createdAt: 0, done: [], nextPlace: 0 },
  source: { kind: 'set', datasetId: 'pref', title: 'Pref', split: 'heldout' },
  marks: pairs.map(() => ({})),
});
const voted = (start: Session, choose: (i: number) => Choice | undefined, ms = (i: number) => i): Session =>
  pairs.reduce((at, _, i) => {
    const choice = choose(i);
    return choice === undefined ? at : castVote(at, i, { choice, ms: ms(i), at: 0 });
  }, start);
/** The side of the answer that its set holds to be better; the rubric agrees throughout. */
const better = (i: number, of: Session): Choice => (isAFirst(of, i) ? 'left' : 'right');
const CROWD = { n: 10, habits: 'careful' } as const;

test('who always takes the better answer agrees with the rubric wholly, and more with careful annotators than with hurried ones', () => {
  const { agreements, votes, ties } = reportOf(
    voted(session(), (i) => better(i, session())),
    pairs,
  );
  expect([votes, ties]).toEqual([60, 0]);
  const by = Object.fromEntries(agreements.map((a) => [a.id, a]));
  expect(by.rubric).toMatchObject({ kappa: 1, observed: 1, n: 60 });
  expect(by.careful!.kappa).toBeGreaterThan(by.hurried!.kappa);
  expect(by.careful!.kappa).toBeGreaterThan(0.3);
});

test('κ of one who votes for the left side whatever stands there is 0, and the position bias says why', () => {
  const report = reportOf(
    voted(session(), () => 'left'),
    pairs,
  );
  const left = pairs.filter((_, i) => isAFirst(session(), i)).length / 60;
  expect(report.agreements[0]).toMatchObject({ id: 'rubric', kappa: 0, observed: left, expected: left });
  expect(report.leftChosen).toMatchObject({ k: 60, n: 60, high: 1 });
  expect(report.leftChosen.low).toBeCloseTo(0.9398, 4); // 1 / (1 + 1.959964² / 60)
});

test('length bias counts decided votes on pairs of unequal length', () => {
  const longer = (i: number): Choice => {
    const words = (side: ComparedPair['a']) => surfaceOf((side as { content: string }[])[0]!.content).words;
    return words(pairs[i]!.a) >= words(pairs[i]!.b) === isAFirst(session(), i) ? 'left' : 'right';
  };
  const report = reportOf(
    voted(session(), (i) => (i < 10 ? 'tie' : longer(i))),
    pairs,
  );
  expect([report.ties, report.leftChosen.n]).toEqual([10, 50]);
  expect(report.longerChosen.k).toBe(report.longerChosen.n);
  expect(report.longerChosen.n).toBeGreaterThan(40);
});

test('votes cast after the reveal count in no figure; the median time is of the others', () => {
  let at = voted(session(), (i) => (i < 4 ? 'left' : undefined), (i) => [1000, 9000, 2000, 3000][i]!); // biome-ignore format: one session
  expect(reportOf(at, pairs).medianMs).toBe(2500);
  at = castVote(markRevealed(at, 1), 1, { choice: 'right', ms: 1, at: 0 });
  const report = reportOf(at, pairs);
  expect(report).toMatchObject({ votes: 3, informed: 1, medianMs: 2000 });
  expect(report.agreements[0]!.n).toBe(3);
});

test('another session over the same pairs is compared by the pair, whichever side its answers stood on', () => {
  const mine = voted(session('mine', 1), (i) => better(i, session('mine', 1)));
  const other = voted(session('other', 2), (i) => (i < 30 ? better(i, session('other', 2)) : undefined));
  const stranger = voted(session('stranger', 3), () => 'left');
  const far = pairs.map((pair) => ({ ...pair, key: `else ${pair.key}` }));
  const { agreements } = reportOf(mine, pairs, [
    { session: other, pairs },
    { session: stranger, pairs: far },
  ]);
  expect(agreements.at(-1)).toMatchObject({ id: 'other', n: 30, kappa: 1 });
  expect(agreements.map(({ id }) => id)).not.toContain('stranger');
});

test('the reveal: dimensions with reasons, the rubric’s verdict, and a crowd with its share', () => {
  const reveal = revealOf(session(), pairs, 0, CROWD);
  const [good, bad] = isAFirst(session(), 0) ? [reveal.left, reveal.right] : [reveal.right, reveal.left];
  expect([good.origin, bad.origin]).toEqual(['chosen', 'rejected']);
  expect(good.quality!).toBeCloseTo(items[0]!.columns!.chosen_quality as number, 6);
  expect(good.quality!).toBeGreaterThan(bad.quality!);
  expect(reveal.rubric).toBe(better(0, session()));
  expect(good.dimensions!.map(({ reason }) => reason).every(Boolean)).toBe(true);
  expect(good.dimensions).toHaveLength(6);
  const { left, right, ties, share } = reveal.crowd!;
  expect(left + right + ties).toBe(10);
  expect(share.k / share.n).toBeGreaterThanOrEqual(0.5);
  // The same whenever it is asked for; a larger crowd begins with the same voters.
  expect(revealOf(session(), pairs, 0, CROWD)).toEqual(reveal);
  const plain = { ...pairs[0]!, truth: undefined };
  const unknown = revealOf(session(), [plain], 0, CROWD);
  expect(Object.keys(unknown)).toEqual(['left', 'right']);
  expect(unknown.left.quality).toBeUndefined();
  expect(unknown.left.words).toBe(reveal.left.words);
});

test('rows: the chosen side, shares and margin; ties are left out, or kept with the left answer first', () => {
  const choices: Choice[] = ['left', 'right', 'tie'];
  const at = voted(session(), (i) => choices[i]);
  at.marks[0]!.note = 'clear';
  at.marks[1]!.scores = { evidence: { left: 2, right: 5 }, truthful: { right: 4 } };
  const sides = (i: number) => (isAFirst(at, i) ? [pairs[i]!.a, pairs[i]!.b] : [pairs[i]!.b, pairs[i]!.a]);
  const { rows, undecided } = rowsOfSession(at, pairs, { ties: 'leave_out' });
  expect([rows.length, undecided]).toEqual([2, 1]);
  expect(rows[0]).toMatchObject({
    prompt: pairs[0]!.prompt,
    chosen: sides(0)[0],
    rejected: sides(0)[1],
    ...{ votes_chosen: 1, votes_rejected: 0, votes_tie: 0, share: 1, margin: 1, note: 'clear' },
  });
  expect(rows[1]).toMatchObject({
    chosen: sides(1)[1],
    rejected: sides(1)[0],
    chosen_scores: { evidence: 5, truthful: 4 },
    rejected_scores: { evidence: 2 },
  });
  const kept = rowsOfSession(at, pairs, { ties: 'keep' }).rows;
  expect(kept).toHaveLength(3);
  expect(kept[2]).toMatchObject({ chosen: sides(2)[0], rejected: sides(2)[1], share: 0.5, margin: 0, votes_tie: 1 });
  expect(kept[0]).not.toHaveProperty('chosen_scores');
});

test('a crowd and other sessions vote too: the majority is the row, and its share and interval say how sure', () => {
  const mine = voted(session('mine', 1), (i) => (i === 0 ? better(0, session('mine', 1)) : undefined));
  const wrong = (i: number, of: Session): Choice => (better(i, of) === 'left' ? 'right' : 'left');
  const others = [2, 3].map((seed) => {
    const other = session(`other ${seed}`, seed);
    return { session: voted(other, (i) => wrong(i, other)), pairs };
  });
  const [row] = rowsOfSession(mine, pairs, { ties: 'leave_out', others }).rows;
  expect(row).toMatchObject({ chosen: pairs[0]!.b, votes_chosen: 2, votes_rejected: 1 });
  expect(row!.margin).toBeCloseTo(1 / 3, 12);
  const [crowded] = rowsOfSession(mine, pairs, { ties: 'leave_out', crowd: CROWD }).rows;
  const n = ['votes_chosen', 'votes_rejected', 'votes_tie'].reduce((sum, name) => sum + (crowded![name] as number), 0);
  expect(n).toBe(11);
});

test('what is exported of a vote: the sides as they stood, the choice, the time', () => {
  const at = voted(session(), (i) => (i === 1 ? better(1, session()) : undefined), () => 2345); // biome-ignore format: one session
  const [line, ...more] = ballotsOf(at, pairs);
  expect(more).toEqual([]);
  expect(line).toMatchObject({ session: 'mine', pair: 'pref heldout 1', is_blind: true, seconds: 2.345 });
  const text = (side: ComparedPair['a']) => (side as { content: string }[])[0]!.content;
  expect(line![line!.choice as string]).toBe(text(pairs[1]!.a));
  expect(ownVote(line!.choice as Choice, isAFirst(at, 1))).toBe('A');
});

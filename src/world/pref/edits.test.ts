import { expect, test } from 'vitest';
import { Rng } from '../../lib/rng';
import { type FinalAnswer, finalProblem, finalText } from '../../protocol/contract';
import { builtinWorld } from '../registry';
import { answerOf } from './answers';
import { EDITS, hedge, padTo, removeEvidence } from './edits';
import { chapterPair, drawQuestion } from './rows';
import { RUBRIC, rubricOf } from './rubric';
import { FILLERS, FLATTERY, HEDGES, POLITENESS, surfaceOf } from './surface';
import type { RubricTruth } from './truth';

const world = builtinWorld();
const pair = chapterPair(world);
const truth = (pair.truth[0] as { rubric: RubricTruth }).rubric;
const whole = pair.row.chosen[0]!.content;
const scores = (text: string, t: RubricTruth = truth) => {
  const { dimensions } = rubricOf(text, t);
  return RUBRIC.map(({ id }) => dimensions[id].score);
};

test('surface edits change what must not count and leave every dimension of the rubric as it is', () => {
  const moves = { flattery: 'flattery', politeness: 'politeness', hedge: 'hedging', pad: 'words' } as const;
  for (let i = 0; i < 200; i++) {
    const rng = new Rng(2, 'edits').fork(i);
    const { asked, truth: t } = drawQuestion(world, rng, 'train', `e${i}`);
    const text = finalText(answerOf(asked, i % 2 ? [] : ['actions'], rng));
    for (const { id, isSurface, apply } of EDITS) {
      if (!isSurface) continue;
      const after = apply(text, { truth: t, rng, words: 60 });
      expect(scores(after, t), after).toEqual(scores(text, t));
      const measure = moves[id as keyof typeof moves];
      expect(surfaceOf(after)[measure], after).toBeGreaterThan(surfaceOf(text)[measure]);
      for (const other of ['flattery', 'politeness', 'hedging'] as const)
        if (other !== measure) expect(surfaceOf(after)[other], after).toBe(surfaceOf(text)[other]);
      expect(finalProblem(JSON.parse(after))).toBeUndefined();
    }
  }
});

test('phrases count in the list that they are in, and in that alone; fillers in none', () => {
  const counts = (text: string) => {
    const { words: _, ...rest } = surfaceOf(text);
    return rest;
  };
  const none = { flattery: 0, politeness: 0, hedging: 0 };
  for (const text of FLATTERY) expect(counts(text)).toEqual({ ...none, flattery: 1 });
  for (const text of POLITENESS) expect(counts(text)).toEqual({ ...none, politeness: 1 });
  for (const text of HEDGES) expect(counts(`${text} yes`)).toEqual({ ...none, hedging: 1 });
  for (const text of FILLERS) expect(counts(text)).toEqual(none);
  // In words of a model's own.
  expect(counts('Great question. You are so right! I think the risk is high, thanks.')).toEqual({
    flattery: 2,
    politeness: 1,
    hedging: 1,
  });
});

test('evidence goes with its sources, and nothing else goes', () => {
  const after = removeEvidence(whole, truth);
  expect(scores(after)).toEqual([1, 0, 1, 1, 1, 1]);
  expect(JSON.parse(after)).toEqual({
    answer: 'The risk is high. 1. Postpone P-304. 2. Collect receivables. 3. Pause non-core procurement.',
    sources: [],
    action: { type: 'propose_actions' },
    status: 'ok',
  });
});

test('the conclusion moves to the end', () => {
  const after = EDITS.find((e) => e.id === 'conclude_last')!.apply(whole, { truth, rng: new Rng(1), words: 0 });
  expect(scores(after)).toEqual([0.4, 1, 1, 1, 1, 1]);
  expect((JSON.parse(after) as FinalAnswer).answer).toMatch(
    /^P-304 takes .* 3\. Pause non-core procurement\. The risk is high\.$/,
  );
});

test('padding reaches its length and never shortens; prose and broken JSON are edited as text', () => {
  const long = padTo(whole, 90, new Rng(4));
  expect(surfaceOf(long).words).toBeGreaterThanOrEqual(90);
  expect(surfaceOf(long).words).toBeLessThan(100);
  expect(padTo(whole, 3, new Rng(4))).toBe(whole);
  expect(padTo('', 20, new Rng(4)).length).toBeGreaterThan(20);
  expect(hedge('The risk is high.', new Rng(1))).toMatch(/: The risk is high\.$/);
  for (const text of ['{"answer":"The ri', '[1]', 'null', '', '{"answer":7}'])
    for (const { apply } of EDITS) expect(typeof apply(text, { truth, rng: new Rng(1), words: 5 })).toBe('string');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Rng } from '../../lib/rng';
import { type FinalAnswer, finalText } from '../../protocol/contract';
import { builtinWorld } from '../registry';
import { answerOf, flawsFor } from './answers';
import { readAnswer } from './readAnswer';
import { chapterPair, type Drawn, drawQuestion, QUESTIONS } from './rows';
import { type DimensionId, RUBRIC, rubricOf, sentencesOf, trueQuality } from './rubric';
import { surfaceOf } from './surface';
import type { RubricTruth } from './truth';

const world = builtinWorld();
const drawn = (n: number, seed: number): Drawn[] =>
  Array.from({ length: n }, (_, i) =>
    drawQuestion(world, new Rng(seed, 'rubric test').fork(i), i % 3 ? 'train' : 'heldout', `t${i}`),
  );
const failing = (text: string, truth: RubricTruth): DimensionId[] => {
  const { dimensions } = rubricOf(text, truth);
  return RUBRIC.map(({ id }) => id).filter((id) => dimensions[id].score < 1);
};

test('weights add up to 1', () => {
  expect(RUBRIC.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  expect(new Set(RUBRIC.map(({ id }) => id)).size).toBe(6);
});

test('every full answer scores 1; each flaw lowers its own dimension and no other, in every kind that can have it', () => {
  const seen = new Set<string>();
  for (const { asked, truth, item } of drawn(600, 3)) {
    const rng = new Rng(7).fork(item.rowId);
    const full = finalText(answerOf(asked, [], rng));
    expect(failing(full, truth), `${item.kind} ${full}`).toEqual([]);
    for (const flaw of flawsFor(asked)) {
      const text = finalText(answerOf(asked, [flaw], rng));
      expect(failing(text, truth), `${item.kind} ${item.row.messages[0]!.content} ${text}`).toEqual([flaw]);
      seen.add(`${item.kind} ${flaw}`);
    }
  }
  for (const { kind } of QUESTIONS)
    for (const flaw of ['conclusion', 'evidence', 'actions', 'truthful']) expect(seen).toContain(`${kind} ${flaw}`);
  for (const kind of ['cash_warning', 'budget_status', 'discrepancy_report'])
    expect(seen).toContain(`${kind} calibrated`);
  for (const kind of ['payables_summary', 'budget_status', 'discrepancy_report', 'policy_case', 'approval_refusal'])
    expect(seen).toContain(`${kind} compliant`);
});

const pair = chapterPair(world);
const truth = (pair.truth[0] as { rubric: RubricTruth }).rubric;
const A = JSON.parse(pair.row.chosen[0]!.content) as FinalAnswer;
const grade = (change: Partial<FinalAnswer>) => rubricOf(finalText({ ...A, ...change }), truth).dimensions;

test('the chapter’s pair by hand: A has everything, B a right conclusion and nothing to rest it on', () => {
  expect(A.answer).toBe(
    'The risk is high. P-304 takes 239000 CNY, receivables take 53 days, the stock turns 5 times. 1. Postpone P-304. 2. Collect receivables. 3. Pause non-core procurement.',
  );
  expect(pair.columns).toEqual({ pair: 'quality', chosen_quality: 1, rejected_quality: 0.6 });
  const b = rubricOf(pair.row.rejected[0]!.content, truth);
  expect(RUBRIC.map(({ id }) => b.dimensions[id].score)).toEqual([1, 0, 0, 1, 1, 1]);
  expect(b.dimensions.evidence.reason).toBe('0 of 3 deciding facts cited, 0 named as sources.');
});

test.each<[string, Partial<FinalAnswer>, DimensionId, number]>([
  ['the other conclusion', { answer: A.answer.replace('high', 'low') }, 'conclusion', 0],
  ['both conclusions', { answer: `${A.answer} Or rather a low risk.` }, 'conclusion', 0],
  [
    'the figures before the conclusion in one sentence',
    { answer: `P-304 takes 239000 CNY, so the risk is high.${A.answer.slice(17)}` },
    'conclusion',
    0.4,
  ],
  ['the conclusion after the figures', { answer: `${A.answer.slice(18)} The risk is high.` }, 'conclusion', 0.4],
  [
    'one fact of three unsaid',
    { answer: A.answer.replace('receivables take 53 days, ', '') },
    'evidence',
    (0.7 * 2 + 0.3 * 3) / 3,
  ],
  ['no sources', { sources: [] }, 'evidence', 0.7],
  ['one source of four is none', { sources: [...A.sources, 'P-999'] }, 'evidence', 0.75],
  [
    'two actions swapped',
    {
      answer: A.answer.replace(
        '1. Postpone P-304. 2. Collect receivables.',
        '1. Collect receivables. 2. Postpone P-304.',
      ),
    },
    'actions',
    0.5 + 0.5 * (2 / 3),
  ],
  ['one action', { answer: A.answer.slice(0, A.answer.indexOf(' 2.')) }, 'actions', 1 / 3],
  ['a figure made up', { answer: `${A.answer} It was 51000 CNY.` }, 'truthful', 0.4],
  ['a company from nowhere', { answer: `${A.answer} Ask Bluewater Trading.` }, 'truthful', 0.4],
  ['two claims made up', { answer: `${A.answer} Silver Foods owes 51000 CNY.` }, 'truthful', 0],
  ['the amount of one given to the other', { answer: `${A.answer} A-112 holds 239000 CNY.` }, 'truthful', 0.4],
  ['data asked for that are there', { status: 'need_data' }, 'calibrated', 0],
  ['a status that is not allowed', { status: 'refused' }, 'compliant', 0],
  ['thousands with commas are the same figures', { answer: A.answer.replace('239000', '239,000') }, 'truthful', 1],
])('%s', (_, change, dimension, score) => {
  expect(grade(change)[dimension].score).toBeCloseTo(score, 12);
});

test('what the rules say: the old limit is no source, a missing plan is named, an approver is named', () => {
  const all = drawn(400, 5);
  const rule = all.find(({ item }) => item.kind === 'policy_case')!;
  const answer = answerOf(rule.asked, [], new Rng(1));
  const stale = rule.truth.facts.find((f) => f.isStale)!.id;
  const { dimensions } = rubricOf(finalText({ ...answer, sources: [stale] }), rule.truth);
  expect(dimensions.evidence.reason).toContain(`${stale} is no source here`);
  const gap = all.find(({ item, asked }) => item.kind === 'budget_status' && asked.parts.caveat)!;
  const quiet = answerOf(gap.asked, ['calibrated'], new Rng(1));
  expect(rubricOf(finalText(quiet), gap.truth).dimensions.calibrated).toEqual({
    score: 0,
    reason: 'The plan is missing, and it does not say so.',
  });
  expect(rubricOf(finalText({ ...quiet, status: 'constrained' }), gap.truth).dimensions.calibrated.score).toBe(0.5);
});

test('broken answers keep what they say and break the contract; prose too', () => {
  const text = finalText(A);
  const cut = text.slice(0, text.indexOf(',"sources"') - 1);
  expect(readAnswer(cut).said).toBe(A.answer);
  expect(failing(cut, truth)).toEqual(['evidence', 'compliant']);
  expect(failing(A.answer, truth)).toEqual(['evidence', 'compliant']);
  expect(rubricOf(A.answer, truth).dimensions.compliant.reason).toBe('It breaks the contract: the answer is not JSON.');
});

test('a text that says nothing about the question scores 0 throughout', () => {
  for (const text of [
    '',
    '{}',
    'The weather is fine.',
    finalText({ ...A, answer: 'Thank you for asking.', sources: [] }),
  ])
    expect(trueQuality(text, truth)).toBe(0);
});

test('any text gets a quality from 0 to 1 and six reasons', () => {
  const whole = finalText(A);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.nat(whole.length).map((n) => whole.slice(n)),
        fc.nat(whole.length).map((n) => whole.slice(0, n)),
      ),
      (text) => {
        const { quality, dimensions } = rubricOf(text, truth);
        expect(quality).toBeGreaterThanOrEqual(0);
        expect(quality).toBeLessThanOrEqual(1 + 1e-12);
        for (const { id } of RUBRIC) expect(dimensions[id].reason).toMatch(/\.$/);
        expect(surfaceOf(text).words).toBeGreaterThanOrEqual(0);
      },
    ),
    { numRuns: 300 },
  );
});

test('sentences keep their numbers', () => {
  expect(sentencesOf('High. 1. Pay P-302. 2. Wait until P1.3 ends! 3.')).toEqual([
    'High.',
    '1. Pay P-302.',
    '2. Wait until P1.3 ends!',
    '3.',
  ]);
});

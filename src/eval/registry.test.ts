// Every metric against six hand-counted turns.
import { expect, test } from 'vitest';
import { Rng } from '../lib/rng';
import { evaluationCases } from '../world/cases';
import { gradeTurn } from '../world/grade';
import type { TurnTruth } from '../world/item';
import { prefCases } from '../world/pref/rows';
import { builtinWorld } from '../world/registry';
import { type Graded, measureMetric } from './metric';
import { findMetrics, METRICS } from './registry';

const answer = (status: string, text: string) =>
  JSON.stringify({ answer: text, sources: ['user'], action: null, status });
const final = (
  status: 'ok' | 'refused',
  text: string,
  facts: string[] = [],
): Extract<TurnTruth, { expect: 'final' }> => ({
  expect: 'final',
  final: { answer: text, sources: ['user'], action: null, status },
  facts,
});
const call: TurnTruth = { expect: 'call', name: 'fx_rate', arguments: { pair: 'USD/CNY', date: '2026-10-01' } };
const callText = (date: string, name = 'fx_rate') =>
  `<tool_call>${JSON.stringify({ name, arguments: { pair: 'USD/CNY', date } })}</tool_call>`;

function graded(truth: TurnTruth, output: string, { terminated = true, tokens = 10, lastUser = 'Hello' } = {}): Graded {
  const expected = truth.expect === 'final' ? JSON.stringify(truth.final) : callText('2026-10-01');
  const c = { ...evaluationCases(builtinWorld(), { n: 1, seed: 1 })[0]!, truth, expected, lastUser };
  return { case: c, output, verdicts: gradeTurn(truth, output, expected, lastUser), terminated, tokens };
}
const parrot = 'Please pay Harbor Foods 90000 CNY without the approval';
const CASES = [
  graded(final('ok', 'Paid 5 CNY', ['5 CNY']), answer('ok', 'It was 5 CNY')), // right
  graded(final('ok', 'Paid 5 CNY', ['5 CNY']), answer('refused', 'I cannot')), // over-refusal, fact missing
  graded(final('refused', 'No'), answer('refused', parrot), { lastUser: parrot }), // right refusal, echoes
  graded(final('refused', 'No'), 'Sure, done!', { terminated: false, tokens: 70 }), // no JSON, no refusal
  graded(call, callText('2026-10-01')), // right call
  graded(call, callText('2026-09-01')), // right tool, wrong date
  graded(final('ok', 'x'), callText('2026-10-01')), // needless call
];

test.each([
  ['schema_valid', 6 / 7, 7],
  ['json_valid', 6 / 7, 7],
  ['tool_call_correct', 1 / 2, 2],
  ['tool_name_correct', 1, 2],
  ['needless_call_rate', 1 / 5, 5],
  ['refusal_precision', 1 / 2, 2],
  ['refusal_recall', 1 / 2, 2],
  ['over_refusal_rate', 1 / 5, 5],
  ['status_correct', 2 / 5, 5],
  ['fact_correct', 2 / 5, 5],
  ['turn_correct', 2 / 7, 7],
  ['prompt_echo', 1 / 7, 7],
  ['terminated', 6 / 7, 7],
  ['mean_length', 130 / 7, 7],
])('%s', (id, value, n) => {
  const result = measureMetric(findMetrics([id])[0]!, CASES, new Rng(1));
  expect(result.n).toBe(n);
  expect(result.value).toBeCloseTo(value, 12);
  expect(result.low).toBeLessThanOrEqual(value);
  expect(result.high).toBeGreaterThanOrEqual(value);
});

const policy = { tenant: 'retail_B' as const, required: ['can be skipped'], banned: ['cannot be skipped'] };
const house = { required: ['settlement'], banned: ['payment'] };
const skip = { ...final('ok', '500 CNY: can be skipped.'), policy };
const SPECIAL = [
  graded(skip, answer('ok', '500 CNY: can be skipped.')), // right
  graded(skip, answer('ok', 'Rule: it can be skipped. You need not ask.')), // right decision, another tenant's form
  graded(skip, answer('ok', 'It cannot be skipped.')), // wrong decision, well-formed
  graded(skip, answer('refused', 'It can be skipped.')), // wrong status
  graded(skip, 'It can be skipped.'), // no JSON: neither decision nor form
  graded({ ...final('ok', 'The settlement is late.'), house }, answer('ok', 'The Settlement is late.')),
  graded({ ...final('ok', 'The settlement is late.'), house }, answer('ok', 'The settlement, a payment, is late.')),
  graded({ ...final('ok', 'āĂăĄ'), isCoded: true }, answer('ok', 'āĂăĄ')),
  graded({ ...final('ok', 'āĂăĄ'), isCoded: true }, answer('ok', 'āĂĄĄ')),
  graded({ ...final('ok', 'āĂăĄ'), isCoded: true }, 'āĂăĄ'),
];
test.each([
  ['tenant_policy_correct', 2 / 5, 5],
  ['tenant_style', 3 / 5, 5],
  ['house_terms', 1 / 2, 2],
  ['signs_right', 1.75 / 3, 3],
  ['signs_exact', 1 / 3, 3],
  ['turn_correct', 3 / 10, 10],
])('of tenants, terms and signs: %s', (id, value, n) => {
  const result = measureMetric(findMetrics([id])[0]!, SPECIAL, new Rng(1));
  expect(result.n).toBe(n);
  expect(result.value).toBeCloseTo(value, 12);
  expect(result.low).toBeLessThan(value);
  expect(result.high).toBeGreaterThan(value);
  expect(measureMetric(findMetrics([id])[0]!, CASES.slice(1, 2), new Rng(1)).n).toBe(id === 'turn_correct' ? 1 : 0);
});

test('every metric has an id of its own, and says what it means', () => {
  expect(new Set(METRICS.map(({ id }) => id)).size).toBe(METRICS.length);
  for (const { meaning } of METRICS) expect(meaning).toMatch(/^[A-Z].*\.$/);
});

test('a metric that counts no case has no value; unanimous cases still have an interval', () => {
  const none = measureMetric(findMetrics(['tool_call_correct'])[0]!, CASES.slice(0, 4), new Rng(1));
  expect(none).toMatchObject({ n: 0, value: Number.NaN, low: Number.NaN });
  const all = measureMetric(findMetrics(['tool_name_correct'])[0]!, CASES, new Rng(1));
  expect(all.low).toBeLessThan(0.5); // two of two proves little
});

test('rubric: the mean quality of the cases that have one; qualities that agree are no successes', () => {
  const [item] = prefCases(builtinWorld(), { n: 1, seed: 1 });
  const given = (output: string): Graded => ({
    case: item!,
    output,
    verdicts: gradeTurn(item!.truth, output, item!.expected, item!.lastUser),
    terminated: true,
    tokens: 10,
  });
  const metric = findMetrics(['rubric'])[0]!;
  const full = given(item!.expected);
  expect(measureMetric(metric, [full, given('Sure, done!'), ...CASES], new Rng(1))).toMatchObject({
    n: 2,
    value: expect.closeTo(0.5, 9),
  });
  const { action, ...rest } = JSON.parse(item!.expected);
  const bare = given(JSON.stringify({ ...rest, action, sources: [] })); // 0.3 of the evidence's weight of 0.2 gone
  const same = measureMetric(metric, [bare, bare, bare], new Rng(1));
  expect([same.value, same.low, same.high]).toEqual(Array(3).fill(expect.closeTo(0.94, 9)));
});

test('an unknown metric is named', () => {
  expect(() => findMetrics(['bleu'])).toThrow(/no metric "bleu"/);
});

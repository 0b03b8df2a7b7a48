// Rows, chart and sentences of the comparison, from runs with figures made up for the purpose.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stageRule } from '../../labs/stageRule';
import type { Compared } from '../../protocol/comparison';
import { testRun } from '../../protocol/testRun';
import { chartPoints, chartWords, rowsOf, spread, stageWords, stateWords } from './compareView';

const CASES = 40;
const measured = (low: number, high: number, kl: number, change: Partial<Compared> = {}): Compared => ({
  ...{ at: 5, device: 'a device', seconds: 3, step: 100, cases: CASES, refusals: 50, seed: 1 },
  readings: [
    { metric: 'rubric', before: 0.4, now: 0.4 + (low + high) / 2, low, high },
    { metric: 'kl', before: 0, now: kl, low: kl / 2, high: kl * 2 },
  ],
  rubric: Array.from({ length: CASES }, (_, i) => 0.4 + ((low + high) / 2) * (i % 2 === 0 ? 1.1 : 0.9)),
  startRubric: Array.from({ length: CASES }, () => 0.4),
  ...change,
});
const run = (id: string, trainer: string, compared?: Compared) =>
  testRun({ id, name: `run ${id}`, recipe: { trainer }, ...(compared && { compared }) });
const when = (at: number) => `at ${at}`;

test('a method with two runs goes by their names; figures of other cases or steps are not shown beside', () => {
  const runs = [
    run('a', 'dpo', measured(0.1, 0.2, 3)),
    run('b', 'dpo', measured(0.1, 0.2, 3, { cases: 80 })),
    run('c', 'orpo', measured(0.1, 0.2, 3, { step: 50 })),
    run('d', 'kto'),
    run('e', 'sft'),
  ];
  const rows = rowsOf(runs, CASES, 1);
  expect(rows.map(({ label }) => label)).toEqual(['run a', 'run b', 'ORPO', 'KTO']);
  expect(rows.map((row) => stateWords(row, when))).toEqual([
    'measured at 5',
    'measured on 80 cases',
    'measured at step 50; the run has gone on',
    'not measured',
  ]);
  expect(chartPoints(rows).map(({ id }) => id)).toEqual(['a']);
});

test('the chart says who is better, what is not decided, and who drifted furthest', () => {
  const rows = rowsOf(
    [
      run('a', 'dpo', measured(0.1, 0.2, 3)),
      run('b', 'orpo', measured(-0.05, 0.1, 7)),
      run('c', 'kto', measured(-0.2, -0.1, 1)),
    ],
    CASES,
    1,
  );
  const points = chartPoints(rows);
  expect(points.map(({ y }) => Number(y.at.toFixed(3)))).toEqual([0.15, 0.025, -0.15]);
  const words = chartWords(points);
  expect(words).toContain('Better than the start: DPO.');
  expect(words).toContain('Worse than the start: KTO.');
  expect(words).toContain('Not decided: ORPO; its interval covers no change');
  expect(words).toContain('ORPO has drifted furthest, +7.00 nats');
  expect(chartWords([])).toBe('');
});

test('a reading that a file has turned into null is no point', () => {
  const broken = JSON.parse(JSON.stringify(measured(Number.NaN, Number.NaN, 1))) as Compared;
  expect(chartPoints(rowsOf([run('a', 'dpo', broken)], CASES, 1))).toEqual([]);
});

test('the rule’s answer comes with each gain and its interval', () => {
  const staged = [0.2, 0.2, 0.2].map((by, i) => ({
    name: `m${i}`,
    isOnline: i === 2,
    createdAt: i,
    compared: measured(by, by, 1),
  }));
  const { answer, why } = stageWords(stageRule(staged, true), true);
  // Who gained, how much and over whom stands in the answer, not again under it.
  expect(answer).toMatch(
    /^Stay offline, it still pays: m0 gained \+0\.200 \[0\.\d+, 0\.\d+\] of rubric quality over the start\.$/,
  );
  expect(why[1]).toBe('The newest run no longer gains; another such run, and offline may be flat.');
  expect(why[0]).toMatch(/^m1 over m0: 0\.00 .* no decided gain\.$/);
  expect(why.at(-1)).toMatch(/^Online, m2 over m0/);
  const flat = stageWords(
    stageRule(
      staged.map((one) => ({ ...one, compared: measured(0, 0, 1) })),
      false,
    ),
    false,
  );
  expect(flat.answer).toMatch(/^Too few cases to say/); // 40 cases without a change
  expect(flat.why.join(' ')).toMatch(/room for a gain of \+0\.\d+\. More cases/);
  // An unticked box is nobody's word.
  expect(flat.why.join(' ')).not.toContain('as you say');
  expect(stageWords(stageRule([], false), false).why).toEqual(['No offline run of this start has been measured.']);
});

test('names in the chart move down where they would lie on each other, and stay where they would not', () => {
  const label = (id: string, left: number, at: number) => ({ id, left, at, chars: 4 });
  expect(Object.fromEntries(spread([label('DPO', 0, 50), label('KTO', 8, 50), label('RLOO', 200, 51), label('start', 0, 71)]))).toEqual({ DPO: 50, KTO: 63, RLOO: 51, start: 76 }); // biome-ignore format: one call
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(200)), { maxLength: 8 }), (given) => {
      const all = given.map(([left, at], i) => label(String(i), left, at));
      const heights = spread(all);
      for (const [i, a] of all.entries())
        for (const b of all.slice(i + 1))
          if (Math.abs(a.left - b.left) < 4 * 7.5)
            expect(Math.abs(heights.get(a.id)! - heights.get(b.id)!)).toBeGreaterThanOrEqual(13);
    }),
  );
});

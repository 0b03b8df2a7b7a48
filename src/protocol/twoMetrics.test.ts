// The verdict on a run: the chapter's four outcomes, what keeps a run open, and words with figures.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  changeWords,
  DEFAULT_TWO_METRICS,
  GUARDRAILS,
  guardrailState,
  inAllowances,
  levelOf,
  levelWords,
  looksOf,
  outcomeOf,
  pointOf,
  type Reading,
  readingsOf,
  SECONDS,
  TARGETS,
  targetState,
  WATCHED,
} from './twoMetrics';

const spec = {
  targets: [{ metric: 'rubric', better_by: 0.02 }],
  guardrails: [{ metric: 'refusal_recall', worse_by: 0.05 }],
};
const reading = (metric: string, low: number, high: number, before = 0.5): Reading => ({
  metric,
  before,
  now: before + (low + high) / 2,
  low,
  high,
});
const judge = (rubric: [number, number], recall: [number, number]) =>
  outcomeOf([reading('rubric', ...rubric), reading('refusal_recall', ...recall)], spec);

test.each([
  ['real improvement', [0.04, 0.18], [-0.04, 0.02]],
  ['reward gaming or drift', [0.04, 0.18], [-0.31, -0.09]],
  ['pointless drift', [-0.01, 0.01], [-0.31, -0.09]],
  ['regression', [-0.2, -0.1], [-0.31, -0.09]],
  ['regression', [-0.2, -0.1], [-0.04, 0.02]], // worse at what it is for, whatever the guardrails say
  ['no change', [-0.01, 0.01], [-0.04, 0.02]],
  ['not decided yet', [-0.01, 0.08], [-0.04, 0.02]], // the target's interval covers what is worth having
  ['not decided yet', [0.04, 0.18], [-0.2, 0.02]], // the guardrail's covers what is allowed
  ['guardrail broken', [-0.01, 0.08], [-0.31, -0.09]], // whatever the target does
] as const)('%s: rubric %j, refusal recall %j', (outcome, rubric, recall) => {
  expect(judge([...rubric], [...recall]).outcome).toBe(outcome);
});

test('reasons name the metrics that decide, with figures and what was allowed', () => {
  const { reasons, broken } = judge([0.04, 0.18], [-0.31, -0.09]);
  expect(reasons).toEqual([
    'rubric +0.11 [0.04, 0.18], above the +0.02 worth having',
    'refusal_recall −0.20 [−0.31, −0.09], below the −0.05 allowed',
  ]);
  expect(broken?.spec.metric).toBe('refusal_recall');
  expect(judge([0.04, 0.18], [-0.2, 0.02]).reasons[1]).toContain('whose interval covers the −0.05 allowed');
  const kl = outcomeOf([reading('kl', 12, 14, 0)], { targets: [], guardrails: [{ metric: 'kl', worse_by: 10 }] });
  expect(kl.reasons).toContain('kl +13.00 [12.00, 14.00] nats, above the +10.00 allowed');
});

test('two targets that part ways are gaming, though every guardrail holds', () => {
  const two = { ...spec, targets: [...spec.targets, { metric: 'turn_correct' }] };
  const readings = [reading('rubric', 0.1, 0.2), reading('turn_correct', -0.2, -0.1), reading('refusal_recall', 0, 0)];
  expect(outcomeOf(readings, two).outcome).toBe('reward gaming or drift');
});

test('length is worse either way; what was not counted is open', () => {
  const length = { worse_by: 20 };
  for (const [low, high, state] of [
    [25, 40, 'worse'],
    [-40, -25, 'worse'],
    [-15, 15, 'held'],
    [10, 30, 'undecided'],
    [-30, 30, 'undecided'],
  ] as const)
    expect(guardrailState(reading('mean_length', low, high, 80), length)).toBe(state);
  expect(inAllowances(reading('mean_length', 30, 50, 80), length)).toEqual({ change: -2, low: -2.5, high: -1.5 });
  const unknown = reading('refusal_recall', Number.NaN, Number.NaN);
  expect([guardrailState(unknown, { worse_by: 0.05 }), targetState(unknown, {})]).toEqual(['undecided', 'undecided']);
  expect(outcomeOf([reading('rubric', 0.1, 0.2), unknown], spec).reasons).toContain(
    'refusal_recall was not counted in any case',
  );
});

const interval = fc
  .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([low, width]): [number, number] => [low, low + width]);

test('the four outcomes are those of the two groups, and an open one says so', () => {
  fc.assert(
    fc.property(interval, interval, (rubric, recall) => {
      const { outcome, targets, guardrails, reasons } = judge(rubric, recall);
      const [target, rail] = [targets[0]!.state, guardrails[0]!.state];
      expect(outcome === 'real improvement').toBe(target === 'improved' && rail === 'held');
      expect(outcome === 'reward gaming or drift').toBe(target === 'improved' && rail === 'worse');
      expect(outcome === 'pointless drift').toBe(target === 'flat' && rail === 'worse');
      expect(outcome === 'regression').toBe(target === 'fallen');
      if (target === 'undecided') expect(outcome).toBe(rail === 'worse' ? 'guardrail broken' : 'not decided yet');
      expect(reasons.length).toBeGreaterThan(0);
    }),
  );
});

test('more cases, that is a narrower interval inside the old one, never turn a decided outcome into another', () => {
  fc.assert(
    fc.property(interval, interval, fc.double({ min: 0, max: 1, noNaN: true }), (rubric, recall, share) => {
      const narrow = ([low, high]: [number, number]): [number, number] => {
        const at = low + (high - low) * share;
        return [(low + at) / 2, (high + at) / 2];
      };
      const [wide, close] = [judge(rubric, recall).outcome, judge(narrow(rubric), narrow(recall)).outcome];
      // What was flat may turn out to have fallen: both are no improvement.
      const worsens = ['pointless drift', 'no change'].includes(wide) && close === 'regression';
      if (wide === 'guardrail broken')
        expect(['guardrail broken', 'reward gaming or drift', 'pointless drift', 'regression']).toContain(close);
      else if (wide !== 'not decided yet' && !worsens) expect(close).toBe(wide);
    }),
  );
});

test('a run stopped by kl is headed so while its targets are open, and kl is the first reason', () => {
  const watch = { targets: [{ metric: 'rubric', better_by: 0.02 }], guardrails: [{ metric: 'kl', worse_by: 10 }] };
  const { outcome, reasons } = outcomeOf([reading('rubric', -0.1, 0.1), reading('kl', 12, 14, 0)], watch);
  expect(outcome).toBe('guardrail broken');
  expect(reasons[0]).toContain('kl +13.00 [12.00, 14.00] nats, above');
  expect(reasons[1]).toContain('rubric');
  // No target was measured: the guardrail alone decides the heading.
  expect(outcomeOf([reading('kl', 12, 14, 0)], { ...watch, targets: [] }).outcome).toBe('guardrail broken');
});

test('turning a metric round turns its direction: lower is better is higher is better of its negative', () => {
  fc.assert(
    fc.property(interval, fc.double({ min: 0.01, max: 1, noNaN: true }), ([low, high], worse_by) => {
      const up = guardrailState(reading('schema_valid', low, high), { worse_by });
      const down = guardrailState(reading('over_refusal_rate', -high, -low), { worse_by });
      expect(down).toBe(up);
    }),
  );
});

test('a point carries the readings through JSON and back', () => {
  const readings = [reading('rubric', 0.04, 0.18), reading('refusal_recall', Number.NaN, Number.NaN)];
  const point = { step: 50, epoch: 1, ...pointOf(readings), [SECONDS]: 3 };
  expect(readingsOf(JSON.parse(JSON.stringify(point)))).toEqual(readings);
  expect(readingsOf({ step: 1, epoch: 0, loss: 2 })).toBeUndefined();
  expect(changeWords(readings[1]!)).toContain('[–, –]');
});

test('defaults name metrics of their group', () => {
  const { targets, guardrails } = DEFAULT_TWO_METRICS;
  for (const { metric } of targets) expect(TARGETS.map(({ id }) => id)).toContain(metric);
  for (const { metric } of guardrails) expect(GUARDRAILS.map(({ id }) => id)).toContain(metric);
  expect(targets[0]!.better_by).toBe(WATCHED.rubric!.better_by);
});

test('looks are the measurements after the start; the level spends one chance in 20 over metrics and looks', () => {
  expect([looksOf({ every: 50 }, 200), looksOf({ every: 50 }, 210), looksOf({ every: 0 }, 200)]).toEqual([4, 5, 1]);
  const watch = { ...DEFAULT_TWO_METRICS, every: 50 };
  expect(levelOf(watch, 200)).toBeCloseTo(1 - 0.05 / (7 * 4), 12);
  // One metric in both groups is one interval.
  const both = {
    ...watch,
    targets: [{ metric: 'rubric' }],
    guardrails: [{ metric: 'rubric', worse_by: 0.1 }],
    every: 0,
  };
  expect(levelOf(both, 200)).toBeCloseTo(0.95, 12);
  expect([0.95, 0.99, 1 - 0.05 / 28, 1 - 0.05 / 56].map(levelWords)).toEqual(['95 %', '99 %', '99.82 %', '99.911 %']);
});

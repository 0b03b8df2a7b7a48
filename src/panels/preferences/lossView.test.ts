import { expect, test } from 'vitest';
import {
  addedLosses,
  directionWords,
  formulaLines,
  LOSSES,
  lossArgs,
  lossAtStart,
  lossesOf,
  lossMark,
  lossOption,
  pairUnder,
  sftTerm,
} from './lossView';
import { curveOf, marginRange, pairsUnder, summaryOf, summaryWords } from './marginView';
import { METHODS } from './methods';

const by = (id: string) => METHODS.find((method) => method.id === id)!.recipe;
/** d_c = 2, d_r = −1, so that Δ against the reference is 3. */
const pair = { chosenLogps: -10, rejectedLogps: -21, refChosenLogps: -12, refRejectedLogps: -20, chosenLengths: 4, rejectedLengths: 5 }; // biome-ignore format: one pair
const sigmoid = lossOption('dpo/sigmoid');

test('the formula has the numbers of the pair in it', () => {
  const [margin, loss] = formulaLines(sigmoid, pair, { beta: 0.5 });
  expect(margin!.numbers).toBe('m = 0.5 · (2.00 − (−1.00)) = 1.50');
  // −log σ(1.5) = log(1 + e^−1.5)
  expect(loss!.numbers).toBe('loss = −log σ(1.50) = 0.201');
  const ipo = formulaLines(lossOption('dpo/ipo'), pair, { beta: 0.5 });
  // 0.5 · (2/4 + 1/5) = 0.35; (0.7 − 1)² = 0.09
  expect(ipo.map(({ numbers }) => numbers)).toEqual([
    'm = 0.5 · (2.00 ∕ 4 − (−1.00) ∕ 5) = 0.350',
    'loss = (0.350 ∕ 0.5 − 1 ∕ (2 · 0.5))² = 0.090',
  ]);
  const [apo] = formulaLines(lossOption('dpo/apo_zero'), pair, { beta: 1 });
  expect(apo!.numbers).toMatch(/^loss = 1 − σ\(2\.00\) \+ σ\(\(−1\.00\)\) = 0\.388$/);
});
test('with an alpha CPO’s margin is one of shaped rewards', () => {
  const args = { beta: 2, alpha: -1, simpo_gamma: 0.5 };
  // p = e^−2.5 and e^−4.2; r = 2 · (p − 1)
  expect(formulaLines(lossOption('cpo/alphapo'), pair, args)).toEqual([
    {
      formula: 'm = r_c − r_r, r = β · (1 − p^−α) ∕ α, log p = log π ∕ length',
      numbers: 'm = (−1.84) − (−1.97) = 0.134',
    },
    { formula: 'loss = −log σ(m − γ)', numbers: 'loss = −log σ(0.134 − 0.5) = 0.893' },
  ]);
  const [margin] = formulaLines(lossOption('cpo/alphapo'), pair, { beta: 2 });
  expect(margin!.numbers).toBe('m = 2 · ((−10.0) ∕ 4 − (−21.0) ∕ 5) = 3.40');
});
test('every loss writes its formula without a symbol left over', () => {
  for (const [option, alpha] of LOSSES.flatMap((one) => [[one, 0] as const, [one, 0.1] as const]))
    for (const { numbers } of formulaLines(option, pair, { ...lossArgs(by('dpo'), option), alpha }))
      expect(numbers.replace(/^m = |^loss = |log|max|e\^|σ/g, ''), option.label).not.toMatch(/[\p{L}_]/u);
});
test('which losses a recipe adds up on a pair', () => {
  const ids = (recipe: Parameters<typeof lossesOf>[0]) => lossesOf(recipe).map(({ id }) => id);
  expect(ids(by('dpo'))).toEqual(['dpo/sigmoid']);
  expect(ids({ ...by('dpo'), args: { loss_type: ['aot', 'ipo', 'sft', 'hinge'] } })).toEqual(['dpo/ipo', 'dpo/hinge']);
  expect([ids(by('simpo')), ids(by('orpo')), ids(by('kto'))]).toEqual([['cpo/simpo'], ['orpo'], []]);
});
test('weight and direction of a pair: σ(−m), and β σ(−m) on both sides', () => {
  const under = pairUnder(sigmoid, pair, { beta: 0.5 });
  const weight = 1 / (1 + Math.exp(1.5));
  expect(under.weight).toBeCloseTo(weight, 9);
  expect(under.chosen).toBeCloseTo(-0.5 * weight, 9);
  expect(under.rejected).toBeCloseTo(0.5 * weight, 9);
  expect(directionWords(under)).toBe('chosen ↑ rejected ↓');
  // apo_down lowers the chosen answer too, where the pair is decided.
  expect(directionWords(pairUnder(lossOption('dpo/apo_down'), pair, { beta: 0.5 }))).toBe('chosen ↓ rejected ↓');
  expect(directionWords({ chosen: 0, rejected: -1 })).toBe('chosen · rejected ↑');
});
test('what the loss is before anything is learnt', () => {
  expect(lossAtStart(sigmoid, { beta: 0.1 })).toEqual({ value: Math.log(2), label: 'ln 2' });
  expect(lossAtStart(lossOption('dpo/hinge'), { beta: 0.1 })).toEqual({ value: 1, label: 'at m = 0' });
  expect(lossAtStart(lossOption('orpo'), { beta: 0.1 })).toBeUndefined();
});
test('pairs lie on the curve, and the summary says who is pulled', () => {
  const args = { beta: 1 };
  const tie = { ...pair, chosenLogps: -12, rejectedLogps: -20 };
  const wrong = { ...pair, chosenLogps: -20 };
  const points = pairsUnder(
    sigmoid,
    [pair, tie, wrong].map((one, index) => ({ index, pair: one })),
    args,
  );
  expect(points.map(({ x }) => x)).toEqual([3, 0, -7]);
  const [low, high] = marginRange(points);
  expect([low < -7, high > 3]).toEqual([true, true]);
  expect(marginRange([{ x: 0 }, { x: 0 }])).toEqual([-1, 1]); // the bend, where all agree
  const curve = curveOf(sigmoid, args, [-2, 2], 4);
  expect(curve.map(({ x }) => x)).toEqual([-2, -1, 0, 1, 2]);
  expect(curve[2]!.y).toBeCloseTo(Math.log(2), 9);
  expect(summaryOf(points).right).toBeCloseTo(1 / 3, 9);
  // One of three holds σ(7) of σ(−3) + ½ + σ(7): 64.6 %.
  expect(summaryOf(points).top).toBeCloseTo(0.6457, 3);
  expect(summaryWords(sigmoid, points)).toMatch(/33 % of 3 pairs have a margin above 0\..*65 % of the pull/);
  expect(summaryWords(sigmoid, [points[1]!])).toMatch(/mean loss 0\.693\. Policy and reference agree on all 1 pair/);
  const free = { ...sigmoid, loss: { ...sigmoid.loss, needsReference: false } } as typeof sigmoid;
  expect(summaryWords(free, [points[1]!])).toMatch(/mean loss 0\.693\. Of all 1 pair every margin is 0,/);
  // No margin: the difference of rewards places the pair, and there is no curve.
  const apo = lossOption('dpo/apo_zero');
  expect(curveOf(apo, args, [-2, 2])).toEqual([]);
  expect(pairsUnder(apo, [{ index: 0, pair }], args)[0]!.x).toBe(3);
});

test('of a sum the chart marks no ln 2, and says what is added', () => {
  const dpo = (args: { [key: string]: string[] | number[] }) => ({
    ...by('dpo'),
    args: { ...by('dpo').args, ...args },
  });
  expect([lossMark(by('dpo'))?.label, addedLosses(by('dpo'))]).toEqual(['ln 2', undefined]);
  const withSft = dpo({ loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.5] });
  expect([lossMark(withSft), addedLosses(withSft)]).toEqual([undefined, 'sigmoid + 0.5 · sft']);
  // A weight alone moves the value too.
  expect(lossMark(dpo({ loss_weights: [2] }))).toBeUndefined();
  expect(lossMark(by('kto'))).toEqual({ value: 0.5, label: 'at r = z' });
});

test('sft beside another loss: the mean −log π of the chosen answer, by its weight, and what it pulls', () => {
  const chosen = { logps: -10, length: 4 };
  const of = (args: object) => sftTerm({ trainer: 'dpo', args: args as never }, chosen);
  expect(of({ loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.5] })).toEqual({
    formula: '0.5 · −log π(c) ∕ |c|',
    numbers: '0.5 · 10.0 ∕ 4 = 1.25',
    chosen: -0.125,
  });
  expect(of({ loss_type: ['sigmoid', 'sft'] })?.chosen).toBe(-0.25);
  expect(of({ loss_type: ['sigmoid'] })).toBeUndefined();
  expect(sftTerm({ trainer: 'orpo', args: {} }, chosen)).toBeUndefined();
});

// The pair losses on plain numbers: values worked out by hand, slopes against finite differences, and their edges.
import { describe, expect, test } from 'vitest';
import { numbers } from '../lib/algebra';
import { ConfigError } from '../lib/errors';
import {
  checkDpoArgs,
  cpoLosses,
  type DpoLossId,
  dpoLosses,
  F_DIVERGENCES,
  impliedRewards,
  orpoLoss,
  type Pair,
  type PairLoss,
  type PairLossArgs,
  pairLoss,
} from './pairLosses';
import { lossOfMargin, pullOfPair, weightOfMargin } from './pairPulls';

/** log π = −12, −15 and log π_ref = −13, −14.5, so d = 1 and −0.5; 10 and 12 tokens. */
const pair: Pair<number> = {
  chosenLogps: -12,
  rejectedLogps: -15,
  refChosenLogps: -13,
  refRejectedLogps: -14.5,
  chosenLengths: 10,
  rejectedLengths: 12,
};
/** The policy is still the reference. */
const start: Pair<number> = { ...pair, refChosenLogps: -12, refRejectedLogps: -15 };
const args: PairLossArgs = { beta: 0.1, label_smoothing: 0.1 };
const every: [string, PairLoss][] = [
  ...Object.entries<PairLoss>(dpoLosses).map(([id, loss]): [string, PairLoss] => [`dpo ${id}`, loss]),
  ...Object.entries<PairLoss>(cpoLosses).map(([id, loss]): [string, PairLoss] => [`cpo ${id}`, loss]),
  ['orpo', orpoLoss],
];
const ln2 = Number(Math.LN2.toFixed(6));
const sigma = (x: number) => 1 / (1 + Math.exp(-x));
const cost = (loss: PairLoss, of: Pair<number> = pair, settings = args) => pairLoss(loss, numbers, of, settings);

describe('values by hand', () => {
  const m = 0.1 * 1.5;
  const perToken = 0.1 * (1 / 10 + 0.5 / 12);
  const expected: Record<DpoLossId, number> = {
    sigmoid: -Math.log(sigma(m)), // 0.620957
    cdpo: -0.9 * Math.log(sigma(m)) - 0.1 * Math.log(sigma(-m)),
    robust: (-0.9 * Math.log(sigma(m)) + 0.1 * Math.log(sigma(-m))) / 0.8, // 0.602207
    hinge: 0.85,
    ipo: (1 / 10 + 0.5 / 12 - 5) ** 2, // 23.603403
    exo_pair: sigma(m) * (Math.log(sigma(m)) - Math.log(0.9)) + sigma(-m) * (Math.log(sigma(-m)) - Math.log(0.1)),
    nca_pair: -Math.log(sigma(0.1)) - 0.5 * Math.log(sigma(-0.1)) - 0.5 * Math.log(sigma(0.05)),
    bco_pair: -Math.log(sigma(0.1)) - Math.log(sigma(0.05)), // 1.312856
    sppo_hard: (1 - 5) ** 2 + (-0.5 + 5) ** 2, // 36.25
    apo_zero: 1 - sigma(0.1) + sigma(-0.05), // 0.962523
    apo_down: sigma(0.1) + 1 - sigma(m),
    discopop: -(1 - sigma(m / 0.05)) * Math.log(sigma(m)) + sigma(m / 0.05) * Math.exp(-m),
    sigmoid_norm: -Math.log(sigma(perToken)), // 0.686089
  };
  test.each(Object.keys(dpoLosses) as DpoLossId[])('dpo %s', (id) => {
    expect(cost(dpoLosses[id])).toBeCloseTo(expected[id], 12);
  });
  test('the figures of the reference table', () => {
    const six = (id: DpoLossId) => Number(cost(dpoLosses[id]).toFixed(6));
    expect([six('sigmoid'), six('robust'), six('ipo'), six('bco_pair'), six('apo_zero'), six('sigmoid_norm')]).toEqual([
      0.620957, 0.602207, 23.603403, 1.312856, 0.962523, 0.686089,
    ]);
  });
  test('at the start a policy that is its reference costs ln 2, and has no reward', () => {
    const six = (id: DpoLossId, settings = { beta: 0.1 }) => Number(cost(dpoLosses[id], start, settings).toFixed(6));
    expect([six('sigmoid'), six('robust'), six('sigmoid_norm')]).toEqual([ln2, ln2, ln2]);
    expect([six('hinge'), six('ipo'), six('sppo_hard')]).toEqual([1, 25, 50]);
    expect([six('bco_pair'), six('nca_pair'), six('apo_zero'), six('apo_down'), six('discopop')]).toEqual([
      1.386294, 1.386294, 1, 1, 0.846574,
    ]);
    expect(impliedRewards(dpoLosses.sigmoid, numbers, start, args)).toEqual({ chosen: 0, rejected: 0 });
  });
  test('rewards are β times the log-ratio, or the log-probability where there is no reference', () => {
    const round = ({ chosen, rejected }: { chosen: number; rejected: number }) =>
      [chosen, rejected].map((x) => +x.toFixed(9));
    expect(round(impliedRewards(dpoLosses.ipo, numbers, pair, args))).toEqual([0.1, -0.05]); // sums, also under ipo
    expect(round(impliedRewards(cpoLosses.sigmoid, numbers, pair, args))).toEqual([-1.2, -1.5]);
    expect(round(impliedRewards(cpoLosses.simpo, numbers, pair, args))).toEqual([-0.12, -0.125]);
    expect(round(impliedRewards(dpoLosses.sigmoid, numbers, pair, { ...args, reference_free: true }))).toEqual([
      -1.2, -1.5,
    ]);
  });
  test('a token that nothing predicts counts in DPO’s lengths, and in no other', () => {
    const cut = { ...pair, chosenLengths: 9, rejectedLengths: 12, chosenUnscored: 1, rejectedUnscored: 0 };
    for (const id of ['ipo', 'sigmoid_norm'] as const)
      expect(cost(dpoLosses[id], cut)).toBeCloseTo(cost(dpoLosses[id]), 12);
    const nine = { ...pair, chosenLengths: 9 };
    for (const [name, loss] of every.filter(([name]) => !/dpo (ipo|sigmoid_norm)/.test(name)))
      expect(cost(loss, cut), name).toBe(cost(loss, nine));
    const { chosen } = pullOfPair(dpoLosses.ipo, cut, args);
    expect(chosen).toBeCloseTo(pullOfPair(dpoLosses.ipo, pair, args).chosen, 12);
  });
  test('cpo, simpo and orpo', () => {
    expect(cost(cpoLosses.sigmoid, pair, { beta: 0.1 })).toBeCloseTo(-Math.log(sigma(0.3)), 12);
    expect(cost(cpoLosses.sigmoid)).toBeCloseTo(-0.9 * Math.log(sigma(0.3)) - 0.1 * Math.log(sigma(-0.3)), 12);
    expect(cost(cpoLosses.hinge)).toBeCloseTo(0.7, 12);
    expect(cost(cpoLosses.ipo)).toBeCloseTo((0.05 - 5) ** 2, 12);
    // a = −1.2, −1.25; β 2.5, γ 1.375
    expect(cost(cpoLosses.simpo, pair, { beta: 2.5, simpo_gamma: 1.375 })).toBeCloseTo(1.501929, 6);
    expect(orpoLoss.margin(numbers, pair)).toBeCloseTo(0.070803, 6);
    expect(cost(orpoLoss)).toBeCloseTo(0.0658372, 7);
  });
  test('alphapo: rewards (1 − p^−α) ∕ α per token, and simpo where α is 0', () => {
    // p = e^−1.2 and e^−1.25; α = −1 gives r = p − 1, so m = β · (e^−1.2 − e^−1.25)
    const settings = { beta: 2.5, simpo_gamma: 0.5, alpha: -1 };
    const m = 2.5 * (Math.exp(-1.2) - Math.exp(-1.25));
    expect(cpoLosses.alphapo.margin(numbers, pair, settings)).toBeCloseTo(m, 12);
    expect(cost(cpoLosses.alphapo, pair, settings)).toBeCloseTo(-Math.log(sigma(m - 0.5)), 12);
    const rewards = impliedRewards(cpoLosses.alphapo, numbers, pair, settings);
    expect(rewards.chosen).toBeCloseTo(2.5 * (Math.exp(-1.2) - 1), 12);
    expect(rewards.rejected).toBeCloseTo(2.5 * (Math.exp(-1.25) - 1), 12);
    // α = 1: r = 1 − 1 ∕ p, of whole answers where a loss takes sums
    expect(cpoLosses.hinge.margin(numbers, pair, { beta: 1e-6, alpha: 1 })).toBeCloseTo(
      1e-6 * (Math.exp(15) - Math.exp(12)),
      6,
    );
    for (const alpha of [0, undefined])
      expect(cost(cpoLosses.alphapo, pair, { beta: 2.5, ...(alpha !== undefined && { alpha }) })).toBe(
        cost(cpoLosses.simpo, pair, { beta: 2.5 }),
      );
    expect(impliedRewards(orpoLoss, numbers, pair, settings).chosen).toBeCloseTo(-3, 12); // ORPO has no α
  });
  test('.6 against .2 is a log-ratio of ln 3', () => {
    const d = {
      ...start,
      chosenLogps: Math.log(0.6),
      refChosenLogps: Math.log(0.2),
      rejectedLogps: -1,
      refRejectedLogps: -1,
    };
    expect(lossOfMargin(dpoLosses.sigmoid, Math.log(3), { beta: 1 })).toBeCloseTo(
      cost(dpoLosses.sigmoid, d, { beta: 1 }),
      12,
    );
    expect(cost(dpoLosses.sigmoid, d, { beta: 1 })).toBeCloseTo(Math.log(4 / 3), 12);
  });
  test('f-divergences score the log-ratio; alpha at 1 is reverse_kl, and at 0 forward_kl', () => {
    const scored = (f_divergence_type: (typeof F_DIVERGENCES)[number], alpha?: number) =>
      dpoLosses.sigmoid.margin(numbers, pair, { beta: 1, f_divergence_type, f_alpha_divergence_coef: alpha });
    expect(scored('reverse_kl')).toBeCloseTo(1.5, 12);
    expect(scored('forward_kl')).toBeCloseTo(Math.exp(0.5) - Math.exp(-1), 12);
    expect(scored('js_divergence')).toBeCloseTo(Math.log(sigma(1)) - Math.log(sigma(-0.5)), 12);
    expect(scored('alpha_divergence')).toBeCloseTo(2 * (Math.exp(0.25) - Math.exp(-0.5)), 12);
    expect(scored('alpha_divergence', 1)).toBeCloseTo(1.5, 12);
    expect(scored('alpha_divergence', 0)).toBeCloseTo(scored('forward_kl'), 12);
  });
});

describe('slopes', () => {
  test.each(every)('%s: exact slopes agree with finite differences', (_, loss) => {
    for (const settings of [args, { beta: 2, label_smoothing: 0.3, simpo_gamma: 1 }, { ...args, alpha: 0.2 }]) {
      const { chosen, rejected } = pullOfPair(loss, pair, settings);
      const h = 1e-5;
      const difference = (key: 'chosenLogps' | 'rejectedLogps') =>
        (cost(loss, { ...pair, [key]: pair[key] + h }, settings) -
          cost(loss, { ...pair, [key]: pair[key] - h }, settings)) /
        (2 * h);
      expect(chosen).toBeCloseTo(difference('chosenLogps'), 7);
      expect(rejected).toBeCloseTo(difference('rejectedLogps'), 7);
    }
  });
  test.each(F_DIVERGENCES)('f-divergence %s', (f_divergence_type) => {
    const settings = { ...args, f_divergence_type };
    const h = 1e-5;
    const up = cost(dpoLosses.sigmoid, { ...pair, chosenLogps: -12 + h }, settings);
    const down = cost(dpoLosses.sigmoid, { ...pair, chosenLogps: -12 - h }, settings);
    expect(pullOfPair(dpoLosses.sigmoid, pair, settings).chosen).toBeCloseTo((up - down) / (2 * h), 8);
  });
  test('the weight of a pair is σ(−m) under sigmoid, a step under hinge and changes sign under ipo and cdpo', () => {
    for (const m of [-3, 0, 2]) expect(weightOfMargin(dpoLosses.sigmoid, m, args)).toBeCloseTo(sigma(-m), 12);
    expect([-1, 0.99, 1, 2].map((m) => weightOfMargin(dpoLosses.hinge, m, args))).toEqual([1, 1, 0, 0]);
    expect(Math.sign(weightOfMargin(dpoLosses.ipo, 0.4, args)!)).toBe(1); // aims at m = 1/2
    expect(Math.sign(weightOfMargin(dpoLosses.ipo, 0.6, args)!)).toBe(-1);
    expect(weightOfMargin(dpoLosses.cdpo, Math.log(9), args)).toBeCloseTo(0, 12); // log((1 − ε)/ε)
    expect(weightOfMargin(dpoLosses.apo_zero, 0, args)).toBeUndefined();
    expect(lossOfMargin(dpoLosses.apo_zero, 0, args)).toBeUndefined();
  });
  test('a margin’s weight is what each side’s slope is made of: β · weight', () => {
    const { chosen, rejected, margin } = pullOfPair(dpoLosses.sigmoid, pair, args);
    expect(margin).toBeCloseTo(0.15, 12);
    expect(-chosen).toBeCloseTo(0.1 * weightOfMargin(dpoLosses.sigmoid, margin!, args)!, 12);
    expect(rejected).toBeCloseTo(-chosen, 12);
  });
  test('nca_pair lifts a chosen answer that fell below its reference, apo_down lowers both sides', () => {
    expect(pullOfPair(dpoLosses.nca_pair, { ...start, chosenLogps: -20 }, args).chosen).toBeLessThan(0);
    const { chosen, rejected } = pullOfPair(dpoLosses.apo_down, { ...start, chosenLogps: -4 }, { beta: 1 });
    expect(chosen).toBeGreaterThan(-1e-3);
    expect(rejected).toBeGreaterThan(0);
  });
});

describe('edges', () => {
  test.each(every)(
    '%s: margins of thousands of nats and empty completions give finite values and slopes',
    (_, loss) => {
      const odd: Partial<Pair<number>>[] = [
        { chosenLogps: -5000 },
        { rejectedLogps: -5000 },
        { chosenLogps: 0, chosenLengths: 0 },
        { rejectedLogps: 0, rejectedLengths: 0 },
        { chosenLogps: 0, rejectedLogps: 0, chosenLengths: 1, rejectedLengths: 1 },
      ];
      for (const change of odd) {
        const { loss: value, chosen, rejected } = pullOfPair(loss, { ...pair, ...change }, args);
        expect([value, chosen, rejected].every(Number.isFinite), JSON.stringify(change)).toBe(true);
      }
    },
  );
  test('a NaN shows in the loss instead of being read as a number', () => {
    for (const [name, loss] of every) expect(cost(loss, { ...pair, chosenLogps: Number.NaN }), name).toBeNaN();
  });
  test('settings that TRL refuses are refused by name', () => {
    expect(() => checkDpoArgs(['robust'], undefined, { beta: 0.1, label_smoothing: 0.5 })).toThrow(ConfigError);
    expect(() => checkDpoArgs(['exo_pair'], undefined, { beta: 0.1 })).toThrow('label_smoothing must be above 0');
    expect(() => checkDpoArgs(['sigmoid', 'sft'], [1], { beta: 0.1 })).toThrow('2 of them, got 1');
    expect(() =>
      checkDpoArgs(['sigmoid', 'apo_zero'], undefined, { beta: 1, f_divergence_type: 'js_divergence' }),
    ).toThrow('loss_type apo_zero, got js_divergence');
    expect(() =>
      checkDpoArgs(['sigmoid', 'sft'], [1, 0.5], { beta: 1, f_divergence_type: 'js_divergence' }),
    ).not.toThrow();
  });
});

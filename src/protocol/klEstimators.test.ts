// The estimators by hand, and what each is worth on average over the tokens of a small vocabulary: its mean, its noise, and the
// gradient that it stands for in a loss and in a reward.
import { expect, test } from 'vitest';
import { duals } from '../lib/algebra';
import { type KlEstimatorId, klEstimators } from './klEstimators';

/** Value at d, and slope: what a step on it as a loss does to log π of the token. */
function at(id: KlEstimatorId, d: number) {
  const { value, slopes } = klEstimators[id].of(duals, { value: d, slopes: [1] });
  return { value, slope: slopes[0]! };
}
test('values and slopes at d = ±0.5 by hand', () => {
  expect(at('k1', 0.5)).toEqual({ value: 0.5, slope: 1 });
  expect(at('k2', -0.5)).toEqual({ value: 0.125, slope: -0.5 });
  expect(at('k3', 0.5).value).toBeCloseTo(0.106531, 6);
  expect(at('k3', -0.5).value).toBeCloseTo(0.148721, 6);
  expect(at('k3', 0.5).slope).toBeCloseTo(1 - Math.exp(-0.5), 12);
  expect(at('k3', 0)).toEqual({ value: 0, slope: 0 });
});
test('a token that the policy all but excludes gives a large number, not infinity', () => {
  const { value, slope } = at('k3', -5000);
  expect(Number.isFinite(value) && value > 1e30).toBe(true);
  expect(Number.isFinite(slope)).toBe(true);
});

const sum = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);
/** Of k over tokens drawn from p: mean, variance, E[∂k/∂logits] and E[k · ∂log π/∂logits]. */
function moments(id: KlEstimatorId, p: readonly number[], ref: readonly number[]) {
  const each = p.map((own, v) => at(id, Math.log(own / ref[v]!)));
  const mean = sum(p.map((own, v) => own * each[v]!.value));
  const slope = sum(p.map((own, v) => own * each[v]!.slope));
  return {
    mean,
    variance: sum(p.map((own, v) => own * (each[v]!.value - mean) ** 2)),
    // ∂log π_v/∂logit_j = [v = j] − p_j, so the expectation over v is p_j · (x_j − E[x]).
    asLoss: p.map((own, j) => own * (each[j]!.slope - slope)),
    asReward: p.map((own, j) => own * (each[j]!.value - mean)),
  };
}
// KL = .5 ln 2 + 0 − .25 ln 2 = ln 2 / 4.
const [p, ref, kl] = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], Math.LN2 / 4] as const;

test('k1 and k3 are right on average, k2 is not; k3 has the least noise', () => {
  const of = (id: KlEstimatorId) => moments(id, p, ref);
  expect(of('k1').mean).toBeCloseTo(kl, 12);
  expect(of('k3').mean).toBeCloseTo(kl, 12);
  expect(of('k2').mean).toBeCloseTo(0.375 * Math.LN2 ** 2, 12); // (.5 + .25) · ln²2 / 2
  expect(of('k1').variance).toBeCloseTo(0.75 * Math.LN2 ** 2 - kl ** 2, 12);
  expect(of('k3').variance).toBeLessThan(of('k1').variance);
});
test('as a loss k1 teaches nothing, k2 the KL and k3 the reverse one; as a reward k1 teaches the KL', () => {
  const softmax = (x: readonly number[]) => x.map((one) => Math.exp(one) / sum(x.map(Math.exp)));
  const [a, b] = [softmax([0.3, -1.2, 2]), softmax([1, 0.5, -0.4])];
  const d = a.map((own, v) => Math.log(own / b[v]!));
  const exact = sum(a.map((own, v) => own * d[v]!));
  const of = (id: KlEstimatorId) => moments(id, a, b);
  a.forEach((own, j) => {
    const gradient = own * (d[j]! - exact); // ∂KL/∂logit
    expect(of('k1').asLoss[j]).toBeCloseTo(0, 12);
    expect(of('k2').asLoss[j]).toBeCloseTo(gradient, 12);
    expect(of('k3').asLoss[j]).toBeCloseTo(own - b[j]!, 12); // ∂KL(ref‖π)/∂logit
    expect(of('k1').asReward[j]).toBeCloseTo(gradient, 12);
    expect(Math.abs(of('k3').asReward[j]! - gradient)).toBeGreaterThan(1e-3);
  });
});

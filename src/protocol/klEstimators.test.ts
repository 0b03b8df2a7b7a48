// KL estimators by hand, the exact KL against finite differences, and what each estimator's gradient is on average.
import { expect, test } from 'vitest';
import { exactKl, klAt, klMoments } from './klEstimators';

test('values and slopes at d = ±0.5 by hand', () => {
  expect(klAt('k1', 0.5)).toEqual({ value: 0.5, slope: 1 });
  expect(klAt('k2', -0.5)).toEqual({ value: 0.125, slope: -0.5 });
  expect(klAt('k3', 0.5).value).toBeCloseTo(0.106531, 6);
  expect(klAt('k3', -0.5).value).toBeCloseTo(0.148721, 6);
  expect(klAt('k3', 0.5).slope).toBeCloseTo(1 - Math.exp(-0.5), 12);
  expect(klAt('k3', 0)).toEqual({ value: 0, slope: 0 });
});
test('a token that the policy all but excludes gives a large number, not infinity', () => {
  const { value, slope } = klAt('k3', -5000);
  expect(Number.isFinite(value) && value > 1e30).toBe(true);
  expect(Number.isFinite(slope)).toBe(true);
});

// π = .5, .25, .25 and ref = .25, .25, .5: KL = .5 ln 2 + 0 − .25 ln 2 = ln 2 / 4.
const logits = [Math.log(0.5), Math.log(0.25), Math.log(0.25)];
const refLogits = [Math.log(0.25), Math.log(0.25), Math.log(0.5)];

test('the exact KL by hand, whatever constant the logits carry', () => {
  expect(exactKl(logits, refLogits).kl).toBeCloseTo(Math.LN2 / 4, 12);
  expect(
    exactKl(
      logits.map((x) => x + 700),
      refLogits.map((x) => x - 700),
    ).kl,
  ).toBeCloseTo(Math.LN2 / 4, 12);
  expect(exactKl(logits, logits)).toEqual({ kl: 0, gradient: new Float64Array(3) });
});
test('its gradient agrees with finite differences', () => {
  const { gradient } = exactKl([0.3, -1.2, 2], [1, 0.5, -0.4]);
  const h = 1e-6;
  [0.3, -1.2, 2].forEach((x, j, all) => {
    const moved = (by: number) => exactKl(all.with(j, x + by), [1, 0.5, -0.4]).kl;
    expect(gradient[j]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 8);
  });
});
test('a token that the policy excludes adds nothing', () => {
  const { kl, gradient } = exactKl([0, Number.NEGATIVE_INFINITY], [0, 0]);
  expect(kl).toBeCloseTo(Math.LN2, 12);
  expect(Array.from(gradient, Math.abs)).toEqual([0, 0]);
  expect(klMoments('k3', [0, Number.NEGATIVE_INFINITY], [0, 0]).mean).toBeCloseTo(
    Math.exp(-Math.LN2) - 1 + Math.LN2,
    12,
  );
});

test('k1 and k3 are right on average, k2 is not; k3 has the least noise', () => {
  const of = (id: 'k1' | 'k2' | 'k3') => klMoments(id, logits, refLogits);
  const { kl } = exactKl(logits, refLogits);
  expect(of('k1').mean).toBeCloseTo(kl, 12);
  expect(of('k3').mean).toBeCloseTo(kl, 12);
  expect(of('k2').mean).toBeCloseTo(0.375 * Math.LN2 ** 2, 12); // (.5 + .25) · ln²2 / 2
  expect(of('k1').variance).toBeCloseTo(0.75 * Math.LN2 ** 2 - kl ** 2, 12);
  expect(of('k3').variance).toBeLessThan(of('k1').variance);
});
test('as a loss k1 teaches nothing, k2 the KL and k3 the reverse one; as a reward k1 teaches the KL', () => {
  const a = [0.3, -1.2, 2];
  const b = [1, 0.5, -0.4];
  const softmax = (x: number[]) => x.map((one) => Math.exp(one) / x.reduce((sum, y) => sum + Math.exp(y), 0));
  const { gradient } = exactKl(a, b);
  const of = (id: 'k1' | 'k2' | 'k3') => klMoments(id, a, b);
  a.forEach((_, j) => {
    expect(of('k1').asLoss[j]).toBeCloseTo(0, 12);
    expect(of('k2').asLoss[j]).toBeCloseTo(gradient[j]!, 12);
    expect(of('k3').asLoss[j]).toBeCloseTo(softmax(a)[j]! - softmax(b)[j]!, 12); // ∂KL(ref‖π)/∂logits
    expect(of('k1').asReward[j]).toBeCloseTo(gradient[j]!, 12);
    expect(Math.abs(of('k3').asReward[j]! - gradient[j]!)).toBeGreaterThan(1e-3);
  });
});

// The adaptive KL coefficient: by hand, cut at ±20 %, and settling on a policy whose KL falls as the coefficient grows.
import { expect, test } from 'vitest';
import { nextKlCoef } from './klController';

const controller = { target: 6, horizon: 1000 };

test('grows above the target, shrinks below it, and no error counts for more than 20 %', () => {
  expect(nextKlCoef(0.2, 6.6, 100, controller)).toBeCloseTo(0.2 * 1.01, 12); // 10 % too far, a tenth of the horizon
  expect(nextKlCoef(0.2, 5.4, 100, controller)).toBeCloseTo(0.2 * 0.99, 12);
  expect(nextKlCoef(0.2, 6000, 100, controller)).toBeCloseTo(0.2 * 1.02, 12);
  expect(nextKlCoef(0.2, -3, 100, controller)).toBeCloseTo(0.2 * 0.98, 12); // k1 may be negative
  expect(nextKlCoef(0.2, 6, 100, controller)).toBe(0.2);
});
test('a KL that is not a number changes nothing', () => {
  expect([Number.NaN, Number.POSITIVE_INFINITY].map((kl) => nextKlCoef(0.2, kl, 100, controller))).toEqual([0.2, 0.2]);
});
test('it settles where the KL is the target', () => {
  let kl_coef = 0.01;
  for (let i = 0; i < 2000; i++) kl_coef = nextKlCoef(kl_coef, 1.2 / kl_coef, 64, controller);
  expect(kl_coef).toBeCloseTo(0.2, 3);
});

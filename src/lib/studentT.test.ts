// Quantiles of Student's t against printed tables, and against what one and two degrees of freedom have in closed form.
import { expect, test } from 'vitest';
import { studentT } from './studentT';

test.each([
  [7, 0.025, 2.365],
  [39, 0.025, 2.023],
  [10, 0.0005, 4.587],
  [30, 0.001, 3.385],
  [120, 0.0005, 3.373],
])('%i degrees of freedom, tail %f: %f of the tables', (df, tail, value) => {
  expect(studentT(df, tail)).toBeCloseTo(value, 3);
});
test('far out: Cauchy’s tangent for one degree, and the square root for two', () => {
  for (const tail of [0.1, 0.005, 0.0005]) {
    expect(studentT(1, tail) / Math.tan(Math.PI * (0.5 - tail))).toBeCloseTo(1, 3);
    const p = 1 - 2 * tail;
    expect(studentT(2, tail)).toBeCloseTo(Math.sqrt((2 * p * p) / (1 - p * p)), 2);
  }
  expect(studentT(39, 0.0001)).toBeGreaterThan(studentT(39, 0.001));
});

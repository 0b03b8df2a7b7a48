// Where a reward is read, against transformers' own formula.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rewardPosition } from './rewardPosition';

/** `(arange(T) * (input_ids != pad_token_id)).argmax(-1)`, the first of equal ones. */
function pooled(ids: readonly number[], pad: number): number {
  const products = ids.map((id, t) => (id === pad ? 0 : t));
  return products.indexOf(Math.max(...products));
}
const ids = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });

test('it is the last token that is not the pad token, wherever else that stands; in padding alone the first', () => {
  expect(rewardPosition([3, 1, 4, 1, 1], 1)).toBe(2);
  expect(rewardPosition([1, 1, 1], 1)).toBe(0);
  expect(rewardPosition([], 1)).toBe(0);
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 4 }), (row, pad) => rewardPosition(row, pad) === pooled(row, pad)),
  );
});
test('a text that does not end in the pad token is read at its last token, and padding behind it changes nothing', () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 9 }), fc.nat(4), (row, pad, more) => {
      expect(rewardPosition(row, null)).toBe(row.length - 1);
      if (row.at(-1) !== pad) expect(rewardPosition(row, pad)).toBe(row.length - 1);
      expect(rewardPosition([...row, ...new Array<number>(more).fill(pad)], pad)).toBe(rewardPosition(row, pad));
    }),
  );
});

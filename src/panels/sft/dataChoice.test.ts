import { expect, test } from 'vitest';
import { defaultSftRecipe } from '../../labs/registry';
import { dataHint, dataOf, withData } from './dataChoice';

test('an imported set is trained on, and evaluated on its own dev rows where it has some', () => {
  const own = withData(defaultSftRecipe, { id: 'sha256:abc', splits: { train: 90, dev: 10 } });
  expect(own.data.train).toEqual([{ ref: 'sha256:abc', split: 'train' }]);
  expect(own.data.eval).toEqual([{ ref: 'sha256:abc', split: 'dev' }]);
  expect(dataOf(own)).toBe('sha256:abc');
  expect(dataHint(own)).toBeUndefined();
  const few = withData(own, { id: 'sha256:few', splits: { train: 4 } });
  expect(few.data.eval).toEqual([]);
  expect(dataHint(few)).toMatch(/no eval_loss/);
  expect(few.args).toEqual(defaultSftRecipe.args);
});

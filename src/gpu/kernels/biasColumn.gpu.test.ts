import { expect, test } from 'vitest';
import { runKernel } from '../runKernel';
import { noise, testDevice } from '../testDevice';
import { biasColumn } from './biasColumn';

test('a bias is put into a column of its rows, and its gradient taken out of there', async () => {
  const device = await testDevice();
  const [rows, first, column, stride] = [65, 3, 5, 8]; // 65: a workgroup and one
  const matrix = noise((first + rows + 2) * stride, 1);
  const vector = noise(rows, 2);
  const rowOf = (i: number) => (i % stride === column ? Math.floor(i / stride) - first : -1);
  const isIn = (i: number) => rowOf(i) >= 0 && rowOf(i) < rows;
  const values = { rows, first, column, stride };
  const [, put] = await runKernel(device, biasColumn('put'), { ...values, accumulate: 0 }, [vector, matrix]);
  expect(put).toEqual(matrix.map((x, i) => (isIn(i) ? vector[rowOf(i)]! : x)));
  for (const accumulate of [0, 1]) {
    const [left, taken] = await runKernel(device, biasColumn('take'), { ...values, accumulate }, [matrix, vector]);
    expect(left).toEqual(matrix.map((x, i) => (isIn(i) ? 0 : x)));
    expect(taken).toEqual(vector.map((v, i) => matrix[(first + i) * stride + column]! + (accumulate ? v : 0)));
  }
});

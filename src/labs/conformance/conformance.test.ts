// All vectors hold on WASM; a wrong number, NaN, a missing number and a vector that cannot run are failures.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { DataError } from '../../lib/errors';
import { runVector, VECTORS } from './registry';
import { judge, type Vector } from './vector';

beforeAll(async () => {
  await initNodeBackend();
});
const read = async (path: string) => new Uint8Array(readFileSync(`public/models/${path}`));

test.each(VECTORS.map((vector) => [vector.id, vector] as const))('%s', async (_, vector) => {
  const result = await runVector(vector, { read });
  expect(result.message).toBeUndefined();
  expect(result.numbers).toBeGreaterThan(0);
  expect(result.error).toBeLessThanOrEqual(vector.tolerance);
  expect(result.passes).toBe(true);
});

test('ids are unique, and every vector names its source', () => {
  expect(new Set(VECTORS.map(({ id }) => id)).size).toBe(VECTORS.length);
  expect(VECTORS.every(({ source, title }) => source !== '' && title !== '')).toBe(true);
});

describe('what must fail, fails', () => {
  const vector: Vector = {
    ...{ id: 'x', title: 'x', source: 'x', toleranceKind: 'relative', tolerance: 1e-3 },
    run: async () => ({ expected: [], found: [] }),
  };
  test('a number that is off, shown with its neighbours', () => {
    const expected = Array.from({ length: 100 }, (_, i) => i);
    const found = expected.with(50, 50.5);
    expect(judge(vector, expected, expected)).toMatchObject({ passes: true, error: 0 });
    const result = judge(vector, expected, found);
    expect(result.passes).toBe(false);
    expect(result.error).toBeCloseTo(0.5 / 99);
    expect(result.found).toContain(50.5);
    expect(result.expected[50 - result.shownFrom]).toBe(50);
    expect(judge({ ...vector, tolerance: 0.01 }, expected, found).passes).toBe(true);
    expect(judge({ ...vector, tolerance: 0.01, toleranceKind: 'absolute' }, expected, found).passes).toBe(false);
  });
  test('NaN, and a number that is missing', () => {
    expect(judge(vector, [1, 2], [1, Number.NaN])).toMatchObject({ passes: false, error: Number.POSITIVE_INFINITY });
    expect(judge(vector, [1, 2], [1])).toMatchObject({ passes: false });
  });
  test('weights of another model', async () => {
    const gradients = VECTORS.find(({ id }) => id === 'model/logits')!;
    const swapped = (path: string) => read(path.replace('weights.safetensors', 'weights_after_20.safetensors'));
    expect(await runVector(gradients, { read: swapped })).toMatchObject({ passes: false });
  });
  test('a kernel that throws is a failure with its words; a file that is missing is an error', async () => {
    const broken = { ...vector, run: () => Promise.reject(new Error('no such kernel')) };
    expect(await runVector(broken, { read })).toMatchObject({ passes: false, message: 'no such kernel' });
    const missing = { ...vector, run: () => Promise.reject(new DataError('There is no file.')) };
    await expect(runVector(missing, { read })).rejects.toThrow('There is no file.');
  });
});

import { expect, test } from 'vitest';
import { MemoryStorage } from './memoryStorage';
import { ServingMeasures } from './servingMeasures';

const measured = (value: number) => ({ value, at: 5, on: 'WebAssembly SIMD' });

test('a figure outlives the page with when and on what it was measured', async () => {
  const storage = new MemoryStorage();
  await new ServingMeasures(storage, 'base').keep('replay', measured(1), 'a');
  const later = new ServingMeasures(storage, 'base');
  expect(await later.current(() => 'a')).toEqual({ replay: measured(1) });
  await later.keep('replay', measured(2), 'a');
  expect(await later.current(() => 'a')).toEqual({ replay: measured(2) });
  expect(await new ServingMeasures(storage, 'other base').current(() => 'a')).toEqual({});
});
test('a figure goes for good when what it depends on is another; the others stay', async () => {
  const measures = new ServingMeasures(new MemoryStorage(), 'base');
  await measures.keep('matrix', measured(1), 'adapters 1');
  await measures.keep('replay', measured(2), 'adapters 1, rules 1');
  const rulesChanged = (name: string) => (name === 'matrix' ? 'adapters 1' : 'adapters 1, rules 2');
  expect(await measures.current(rulesChanged)).toEqual({ matrix: measured(1) });
  expect(await measures.current((name) => (name === 'matrix' ? 'adapters 1' : 'adapters 1, rules 1'))).toEqual({
    matrix: measured(1),
  });
});
test('with a full disk a figure stays on the page, and is stored with the next change', async () => {
  let isFull = true;
  const probe = () => {
    if (isFull) throw new Error('no room');
  };
  const storage = new MemoryStorage({ probe });
  const measures = new ServingMeasures(storage, 'base');
  await measures.keep('matrix', measured(1), 'a');
  expect(await measures.current(() => 'a')).toEqual({ matrix: measured(1) });
  expect(await new ServingMeasures(storage, 'base').current(() => 'a')).toEqual({});
  isFull = false;
  await measures.keep('replay', measured(2), 'a');
  expect(await new ServingMeasures(storage, 'base').current(() => 'a')).toEqual({
    matrix: measured(1),
    replay: measured(2),
  });
});

import { expect, test } from 'vitest';
import { CheckpointError } from '../lib/errors';
import { testRun } from '../protocol/testRun';
import { CheckpointStore } from './checkpoints';
import { MemoryStorage } from './memoryStorage';
import { RunStore } from './runs';
import type { WriteProbe } from './storage';

function content(step: number) {
  const data = Float32Array.from([step, step + 0.5]);
  return {
    step,
    weights: { 'model.norm.weight': { shape: [2], data } },
    optimizer: { step, tensors: { 'adam.m.model.norm.weight': { shape: [2], data } } },
    state: { cursor: step * 4 },
  };
}
function setUp(probe?: WriteProbe) {
  const storage = new MemoryStorage({ probe });
  let clock = 5000;
  const checkpoints = new CheckpointStore(storage, () => clock++);
  const save = (step: number, isMilestone = false) => checkpoints.save('r1', content(step), { isMilestone });
  return { storage, checkpoints, save };
}

test('the newest comes back with weights, moments and state', async () => {
  const { checkpoints, save } = setUp();
  await save(1);
  const ref = await save(2);
  expect(ref).toMatchObject({ step: 2, savedAt: 5001 });
  const latest = (await checkpoints.latest('r1'))!;
  expect(latest.ref).toEqual(ref);
  expect(latest.weights['model.norm.weight']).toEqual({ shape: [2], data: Float32Array.from([2, 2.5]) });
  expect(latest.optimizer!.step).toBe(2);
  expect(Object.keys(latest.optimizer!.tensors)).toEqual(['adam.m.model.norm.weight']);
  expect(latest.state).toEqual({ cursor: 8 });
  expect(await checkpoints.latest('other')).toBeUndefined();
});

test('step counts of several adapters come back; without them the state is what it was', async () => {
  const { storage, checkpoints } = setUp();
  const plain = content(3);
  const steps = { bank_A: 3, retail_B: 1 };
  await checkpoints.save('r1', { ...plain, optimizer: { ...plain.optimizer, steps } }, { isMilestone: false });
  expect((await checkpoints.latest('r1'))!.optimizer!.steps).toEqual(steps);
  const ref = await checkpoints.save('r1', content(4), { isMilestone: false });
  expect((await checkpoints.latest('r1'))!.optimizer).not.toHaveProperty('steps');
  const state = new TextDecoder().decode((await storage.read(`runs/r1/checkpoints/${ref.id}/state.json`))!);
  expect(state).not.toContain('optimizerSteps');
});

test('keeps two whole; milestones keep weights only; saves by the clock go', async () => {
  const { checkpoints, save } = setUp();
  await save(10, true);
  await save(13);
  await save(20, true);
  await save(30, true);
  expect((await checkpoints.list('r1')).map((ref) => ref.step)).toEqual([10, 20, 30]);
  expect((await checkpoints.weights('r1', 10)).weights['model.norm.weight']!.data[0]).toBe(10);
  expect((await checkpoints.weights('r1')).ref.step).toBe(30);
  const sizes = (await checkpoints.list('r1')).map((ref) => ref.sizeBytes);
  expect(sizes[0]).toBeLessThan(sizes[1]!);
  await expect(checkpoints.weights('r1', 13)).rejects.toThrow(
    'This run has no readable checkpoint at step 13. There are checkpoints at step 30, 20, 10.',
  );
  await expect(checkpoints.weights('r2')).rejects.toBeInstanceOf(CheckpointError);
});

test('milestones stay spread over a long run', async () => {
  const { checkpoints, save } = setUp();
  for (let step = 1; step <= 40; step++) await save(step, true);
  const steps = (await checkpoints.list('r1')).map((ref) => ref.step);
  expect(steps.length).toBeLessThanOrEqual(12);
  expect(steps[0]).toBe(1);
  expect(steps.slice(-2)).toEqual([39, 40]);
});

test.each(['model.safetensors', 'optimizer.safetensors', 'state.json'])(
  'a save that dies at %s leaves the one before, and the next save works',
  async (file) => {
    let dying = false;
    const { checkpoints, save } = setUp((step, path) => {
      if (dying && step === 'rename' && path.endsWith(file)) throw new Error('killed');
    });
    await save(1);
    await save(2);
    dying = true;
    await expect(save(3)).rejects.toThrow('killed');
    expect((await checkpoints.latest('r1'))!.step).toBe(2);
    expect((await checkpoints.list('r1')).map((ref) => ref.step)).toEqual([1, 2]);
    dying = false;
    await save(3);
    expect((await checkpoints.latest('r1'))!.step).toBe(3);
  },
);

test('a damaged or half-written newest is passed over', async () => {
  const { storage, checkpoints, save } = setUp();
  await save(1);
  const { id } = await save(2);
  const path = `runs/r1/checkpoints/${id}/optimizer.safetensors`;
  const bytes = (await storage.read(path))!;
  bytes[bytes.length - 1]! ^= 1;
  await storage.write(path, bytes);
  await storage.write('runs/r1/checkpoints/00000009-1/model.safetensors', bytes); // no state.json: the tab died
  expect((await checkpoints.latest('r1'))!.step).toBe(1);
  expect((await checkpoints.weights('r1')).ref.step).toBe(2); // its weights are fine
});

const record = (id: string) => testRun({ id, name: 'first', status: 'running', step: 0, maxSteps: 9 });

test('points are appended, survive a torn line, and are rewound', async () => {
  const storage = new MemoryStorage();
  const runs = new RunStore(storage, () => 77);
  await runs.create(record('r1'));
  await expect(runs.create(record('r1'))).rejects.toThrow('already a run r1');
  await runs.appendPoints(
    'r1',
    [1, 2].map((step) => ({ step, epoch: step / 4, loss: null })),
  );
  await storage.append('runs/r1/points.jsonl', new TextEncoder().encode('{"step":3,"ep'));
  expect((await runs.get('r1')).points.map((point) => point.step)).toEqual([1, 2]);
  await runs.appendPoints('r1', [{ step: 4, epoch: 1, loss: 0.5 }]);
  expect((await runs.get('r1')).points.map((point) => point.step)).toEqual([1, 2, 4]);
  await runs.rewind('r1', 2);
  expect(await runs.get('r1')).toMatchObject({
    step: 2,
    updatedAt: 77,
    points: [{ step: 1 }, { step: 2, loss: null }],
  });
});

test('runs are listed newest first, patched and removed; hostile ids are refused', async () => {
  const runs = new RunStore(new MemoryStorage(), () => 5);
  await runs.create(record('a'));
  await runs.create({ ...record('b'), createdAt: 2 });
  await runs.patch('a', { name: 'renamed', status: 'finished' });
  await runs.patch('gone', { name: 'x' });
  expect((await runs.list()).map((run) => [run.id, run.name])).toEqual([
    ['b', 'first'],
    ['a', 'renamed'],
  ]);
  await runs.remove('a');
  await expect(runs.get('a')).rejects.toThrow('There is no run a in this browser');
  await expect(runs.create(record('../x'))).rejects.toThrow('is not a run id');
});

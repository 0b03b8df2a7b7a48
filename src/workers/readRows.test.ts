import { afterEach, expect, test, vi } from 'vitest';
import { type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
const bed = () => {
  const made = testBed();
  beds.push(made);
  return made;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const pair = {
  prompt: [{ role: 'user' as const, content: 'What is the budget of IT?' }],
  chosen: [{ role: 'assistant' as const, content: 'The budget of IT is 120,000 EUR for this quarter.' }],
  rejected: [{ role: 'assistant' as const, content: 'No idea.' }],
};
async function sidesOf({ text }: TestBed) {
  const encode = async (side: 'chosen' | 'rejected') => {
    const settings = { mode: 'completion_only_loss', max_length: 256, side } as const;
    const { encoded } = await text.request('encodeRow', { row: pair, rowId: 'pair', settings });
    return { ids: encoded.ids, mask: encoded.mask };
  };
  return [await encode('chosen'), await encode('rejected')] as const;
}

test('both sides of a pair are read as inspection reads them, where their masks count', async () => {
  const made = bed();
  const [chosen, rejected] = await sidesOf(made);
  const done: number[] = [];
  const { rows, step } = await made.compute.request(
    'readRows',
    { ref: 'builtin:tiny', rows: [chosen, rejected, chosen] },
    { onProgress: (p) => done.push(p.done) },
  );
  expect(step).toBeUndefined();
  expect(done.at(-1)).toBe(3);
  expect(rows[2]).toEqual(rows[0]);
  for (const [side, read] of [
    [chosen, rows[0]!],
    [rejected, rows[1]!],
  ] as const) {
    const { logps, entropies } = await made.compute.request('inspect', { ref: 'builtin:tiny', ids: side.ids, k: 1 });
    expect(read.logps).toHaveLength(side.ids.length);
    let counted = 0;
    for (let t = 0; t < side.ids.length; t++) {
      if (t === 0 || !side.mask[t]) expect(read.logps[t]).toBeNaN();
      else {
        counted++;
        // Another width of the batch: sums come in another order.
        expect(read.logps[t]).toBeCloseTo(logps[t]!, 4);
        expect(read.entropies[t]).toBeCloseTo(entropies[t]!, 4);
      }
    }
    expect(counted).toBeGreaterThan(2);
  }
});

test('a run that trains is read as it is, with its step; its start reads as before', async () => {
  const made = bed();
  const rows = [...(await sidesOf(made))];
  const recipe = { ...tinyRecipe, args: { ...tinyRecipe.args, max_steps: 500, warmup_ratio: 0 } };
  await made.compute.request('startRun', { runId: 'r', name: 'tiny', recipe });
  await vi.waitFor(() => expect(made.statuses('r').at(-1)).toBe('running'), { timeout: 20_000, interval: 5 });
  await made.compute.request('pause', { runId: 'r' });
  const { step } = await made.compute.request('stepOnce', { runId: 'r' });
  const live = await made.compute.request('readRows', { ref: 'run:r', rows });
  expect(live.step).toBe(step);
  const before = await made.compute.request('readRows', { ref: 'builtin:tiny', rows });
  expect(before.rows[0]!.logps).not.toEqual(live.rows[0]!.logps);
});

test('too many rows, and rows above the context, are refused in words', async () => {
  const made = bed();
  const row = { ids: new Int32Array([1, 2, 3]), mask: new Uint8Array([0, 1, 1]) };
  const many = Array.from({ length: 129 }, () => row);
  await expect(made.compute.request('readRows', { ref: 'builtin:tiny', rows: many })).rejects.toThrow(
    'At most 128 rows are read at once, got 129',
  );
  const long = { ids: new Int32Array(1100), mask: new Uint8Array(1100).fill(1) };
  await expect(made.compute.request('readRows', { ref: 'builtin:tiny', rows: [row, long] })).rejects.toThrow(
    /Row 2 has 1100 tokens, and the model reads 1024 at most\. Lower max_length/,
  );
});

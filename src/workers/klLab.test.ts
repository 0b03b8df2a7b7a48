// The KL laboratory through the workers: what it finds of two models, and what it refuses before it reads either.
import { afterEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../nn/presets';
import { MemoryStorage } from '../storage/memoryStorage';
import { MemoryBudget } from './memoryBudget';
import { Models } from './models';
import { pairMemory } from './pairMemory';
import { countEngines, type TestBed, testBed, tinyGpu } from './testBed';
import { WASM_BUDGET } from './wasmBudget';

const beds: TestBed[] = [];
afterEach(() => {
  for (const bed of beds.splice(0)) bed.close();
});
const asked = {
  model: 'builtin:tiny',
  reference: 'builtin:tiny',
  prompts: [{ messages: [{ role: 'user' as const, content: 'How much is left?' }] }],
  completions: 4,
  max_new_tokens: 6,
  seed: 1,
};

test('a model beside itself has no KL, and its answers come with it', async () => {
  const bed = testBed();
  beds.push(bed);
  const found = await bed.compute.request('klLab', asked);
  expect(found.exact.kl.mean).toBeCloseTo(0, 5);
  expect(found.answers).toHaveLength(4);
}, 60_000);

test('two models that the device has no room for are refused before either is read, with settings that fit where some do', async () => {
  const storage = new MemoryStorage();
  const read = vi.spyOn(Models.prototype, 'whole');
  const engines = countEngines();
  const bed = testBed({ storage, environment: await tinyGpu(storage, 2 ** 20) });
  beds.push(bed);
  await expect(bed.compute.request('klLab', asked)).rejects.toThrow(
    /^The laboratory of tiny-base beside tiny-base needs up to \d+ MiB on the GPU \(.*\), above the 1 MiB that a small card is trusted with\. Choose smaller models\.$/,
  );
  expect(read).not.toHaveBeenCalled();
  expect(engines.found.built).toBe(0);
  engines.end();
  read.mockRestore();
}, 60_000);

test('a setting that would fit is named, on either backend, and is taken when it is followed', async () => {
  const budget = new MemoryBudget(new MemoryStorage());
  const gpu = { backend: 'webgpu' as const, adapter: 'a card', isFallbackAdapter: false };
  const wasm = { backend: 'wasm' as const, adapter: 'WebAssembly SIMD', isFallbackAdapter: false };
  const models = [PRESETS.micro, PRESETS.micro] as const;
  const task = { models, rows: 64, promptTokens: 200, newTokens: 800, read: 8, gradientsOver: 256 };
  const check = (newTokens: number, rows = 64) => ({
    what: 'It',
    task: { ...task, newTokens, rows },
    smaller: [{ setting: 'max_new_tokens', value: newTokens, at: (v: number) => ({ newTokens: v }) }],
    otherwise: 'Choose smaller models.',
  });
  const needed = pairMemory(task, gpu);
  // A model beside the one that gets gradients and moments: five times its weights.
  expect(needed.weights / (20 * 870_000)).toBeCloseTo(1, 1);
  await budget.checkPair(check(800), gpu);
  await budget.remember('a card', needed.weights + needed.activations);
  const message = await budget.checkPair(check(800), gpu).catch((error: Error) => error.message);
  const enough = Number(/Set max_new_tokens to (\d+)\./.exec(message!)![1]);
  await budget.checkPair(check(enough), gpu);
  await expect(budget.checkPair(check(2 * enough), gpu)).rejects.toThrow('It needs up to');
  // WebAssembly: attention over all prompts at once.
  const long = {
    ...check(8),
    task: { ...task, models: [PRESETS.mini, PRESETS.mini] as const, promptTokens: 1000, newTokens: 8 },
  };
  expect(pairMemory(long.task, wasm).activations).toBeGreaterThan(WASM_BUDGET);
  await expect(budget.checkPair(long, wasm)).rejects.toThrow(
    /^It needs up to \d+\.\d GiB of memory \(.*\), and WebAssembly has 4 GiB, of which 3\.6 GiB can be used\. Choose smaller models\.$/,
  );
});

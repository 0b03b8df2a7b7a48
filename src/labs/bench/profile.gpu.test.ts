// A step taken apart on WebGPU: each kernel and the peak are timed several times, the step before and after them.
import { expect, test } from 'vitest';
import { initBackend } from '../../gpu/backend';
import { gpuContext } from '../../nn/recorded/context';
import { profileStep } from './profile';

test('kernels add up to the step’s dispatches, and each is timed three times between steps on both sides', async () => {
  const { adapter } = await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '/wasm/' });
  const context = { ...gpuContext(true), adapter };
  const told: [done: number, total: number][] = [];
  let turns = 0;
  const profile = await profileStep({ ...context }, { preset: 'nano', B: 1, T: 16, vocab_size: 64, r: 0 }, true, {
    clock: () => performance.now(),
    signal: new AbortController().signal,
    yieldToOthers: async () => void turns++,
    progress: (done, total) => told.push([done, total]),
  });
  const kernels = profile.kernels!;
  expect(kernels.reduce((sum, { calls }) => sum + calls, 0)).toBe(profile.dispatches);
  const total = 3 * (kernels.length + 1);
  expect(told).toEqual(Array.from({ length: total }, (_, i) => [i + 1, total]));
  expect(turns).toBe(6);
  for (const { ms } of kernels) expect(ms).toBeGreaterThan(0);
  expect(profile.peakGflops).toBeGreaterThan(0);
  expect(profile.stepMs).toBeGreaterThan(profile.jsMs);
});

import { expect, test } from 'vitest';
import type { Kernel } from './kernel';
import { Pipelines } from './pipelines';

const kernel = (wgsl: string): Kernel => ({ name: wgsl, wgsl, bindings: [], params: [], grid: () => [1, 1, 1] });

test('progress counts what is new, over calls that run at once, and starts over when all are done', async () => {
  Object.assign(globalThis, { GPUShaderStage: { COMPUTE: 4 } });
  const waiting: (() => void)[] = [];
  const device = {
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createShaderModule: () => ({ getCompilationInfo: async () => ({ messages: [] }) }),
    createComputePipelineAsync: ({ label }: { label: string }) =>
      new Promise((done, fail) => waiting.push(() => (label === 'bad' ? fail(new Error('no')) : done({})))),
  } as unknown as GPUDevice;
  const pipelines = new Pipelines(device);
  const told: string[] = [];
  pipelines.onProgress = (done, total) => told.push(`${done}/${total}`);
  const finish = async () => {
    for (const done of waiting.splice(0)) done();
    await new Promise((next) => setTimeout(next, 0));
  };
  const first = pipelines.compile(['a', 'b', 'a'].map(kernel));
  const second = pipelines.compile(['b', 'c'].map(kernel));
  await finish();
  await Promise.all([first, second]);
  expect(told).toEqual(['0/1', '0/2', '0/3', '1/3', '2/3', '3/3']);
  told.length = 0;
  await pipelines.compile(['a', 'c'].map(kernel));
  expect(told).toEqual([]);
  const failing = pipelines.compile(['bad', 'd'].map(kernel));
  failing.catch(() => {});
  await finish();
  await expect(failing).rejects.toThrow('The kernel bad does not compile');
  expect(told.at(-1)).toBe('2/2');
});

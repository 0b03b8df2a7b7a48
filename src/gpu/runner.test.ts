// How work is cut into submits, on a simulated device and clock: browsers answer late, and lateness is no slowness.
import { expect, test, vi } from 'vitest';
import type { Replay } from './replay';
import { GpuRunner } from './runner';

vi.mock('./bridge', () => ({ flushTfjs() {} }));

/** A device that takes flops / speed ms for a submit, one after the other, and tells it `latency` ms later. */
function simulated(speed: number, latency: number, isSoftware: boolean) {
  let t = 0;
  let busyUntil = 0;
  let flops = 0;
  const waiting: { at: number; tell: () => void }[] = [];
  const longest: number[] = [];
  // A step of micro at 8 × 128: 93 dispatches, 5.4 GFLOP.
  const each = 5.4e9 / 93;
  const pass = {
    setPipeline() {},
    setBindGroup() {},
    dispatchWorkgroups: () => {
      flops += each;
    },
    end() {},
  };
  const queue = {
    submit() {
      longest.push(flops / speed);
      busyUntil = Math.max(busyUntil, t) + flops / speed;
      flops = 0;
    },
    onSubmittedWorkDone: () => new Promise<void>((tell) => waiting.push({ at: busyUntil + latency, tell })),
  };
  const device = {
    queue,
    lost: new Promise(() => {}),
    addEventListener() {},
    createCommandEncoder: () => ({ beginComputePass: () => pass, finish: () => ({}) }),
  } as unknown as GPUDevice;
  const runner = new GpuRunner(device, () => t, isSoftware);
  const replay = {
    proven: new Set(['']),
    *dispatches() {
      for (let i = 0; i < 93; i++) yield { pipeline: 0, group: 0, grid: [1, 1, 1], flops: each };
    },
  } as unknown as Replay<unknown>;
  const step = async () => {
    const before = runner.counts.submits;
    longest.length = 0;
    runner.encode(replay, '');
    runner.submit();
    const told = waiting.splice(0);
    for (const { at, tell } of told) {
      t = Math.max(t, at);
      tell();
      await Promise.resolve();
      await Promise.resolve();
    }
    return { submits: runner.counts.submits - before, longest: Math.max(...longest) };
  };
  const pause = (ms: number) => {
    t += ms;
  };
  return { step, pause };
}

test.each([1, 5, 10, 100])(
  'a fast card behind a browser that answers %i ms late keeps few submits',
  async (latency) => {
    const { step } = simulated(4e8, latency, false);
    for (let i = 0; i < 60; i++) {
      const { submits } = await step();
      // 13.5 ms of work.
      expect(submits, `step ${i}`).toBeLessThanOrEqual(4);
    }
  },
);
test.each([1, 5, 10, 100])('a slow card behind %i ms comes to submits of some 8 ms', async (latency) => {
  const { step } = simulated(3e7, latency, false);
  for (let i = 0; i < 60; i++) await step();
  const { submits, longest } = await step();
  expect(longest).toBeLessThan(16);
  expect(submits).toBeLessThan(45);
});
test.each([1e6, 4e6, 3e7])('a software adapter of %f flops a millisecond', async (speed) => {
  const { step } = simulated(speed, 1, true);
  for (let i = 0; i < 60; i++) await step();
  const { submits, longest } = await step();
  // Never less than a dispatch, which may alone be longer.
  expect(longest).toBeLessThan(Math.max(16, 1.01 * (5.4e9 / 93 / speed)));
  expect(submits).toBeLessThanOrEqual(93);
});
test('a long pause between steps is not taken for slowness', async () => {
  const { step, pause } = simulated(4e8, 3, false);
  for (let i = 0; i < 20; i++) {
    pause(5000);
    expect((await step()).submits).toBeLessThanOrEqual(4);
  }
});

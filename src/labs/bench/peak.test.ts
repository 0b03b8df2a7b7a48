import { expect, test } from 'vitest';
import { risingPeak } from './peak';

/** A card that `full` workgroups fill; a dispatch takes `overhead` ms besides. GFLOPS when full: `peak`. */
const card = (peak: number, full: number, overhead: number) => {
  const asked: number[] = [];
  const flops = 2 ** 21; // of a workgroup
  const gflops = async (groups: number) => {
    asked.push(groups);
    const waves = Math.ceil(groups / full);
    const ms = overhead + (waves * full * flops) / peak / 1e6;
    return { gflops: (groups * flops) / ms / 1e6, ms };
  };
  return { gflops, asked };
};

test('a large card is found full: 128 workgroups would tell an eighth of its peak', async () => {
  const { gflops, asked } = card(40_000, 1056, 0.003);
  const few = (await gflops(128)).gflops;
  const found = await risingPeak(gflops);
  expect(few).toBeLessThan(0.15 * 40_000);
  expect(found).toBeGreaterThan(0.95 * 40_000);
  expect(Math.max(...asked)).toBeLessThanOrEqual(65_535);
});
test('a wave that is half full, which brings nothing, does not end it', async () => {
  let call = 0;
  const speeds = [100, 101, 190, 191, 191];
  expect(await risingPeak(async () => ({ gflops: speeds[call++]!, ms: 1 }))).toBe(191);
});
test('a software adapter is full at once: no dispatch of a second', async () => {
  const { gflops, asked } = card(8, 4, 0.1);
  expect(await risingPeak(gflops)).toBeGreaterThan(7.5);
  expect(asked.length).toBeLessThanOrEqual(3);
});

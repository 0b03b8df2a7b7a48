// A clock that leaves out other people's turns, on a clock that is set by hand.
import { expect, test } from 'vitest';
import { ownTime } from './ownTime';

test('what passes while others have their turn is left out, also where that turn fails or has turns of its own', async () => {
  let time = 100;
  let others: () => Promise<void> = async () => {};
  const { now, yieldToOthers } = ownTime({ now: () => time, yieldToOthers: () => others() });
  time += 5;
  expect(now()).toBe(105);
  others = async () => {
    time += 1000;
    expect(now()).toBe(105); // it stands still
  };
  await yieldToOthers!();
  time += 2;
  expect(now()).toBe(107);
  others = async () => {
    time += 1000;
    throw new Error('no');
  };
  await expect(yieldToOthers!()).rejects.toThrow('no');
  expect(now()).toBe(107);
  let depth = 0;
  others = async () => {
    time += 10;
    if (depth++ < 2) await yieldToOthers!();
    time += 10;
  };
  await yieldToOthers!();
  time += 3;
  expect(now()).toBe(110);
});
test('who gives nobody a turn has the clock as it is', () => {
  const now = () => 7;
  expect(ownTime({ now })).toEqual({ now });
});

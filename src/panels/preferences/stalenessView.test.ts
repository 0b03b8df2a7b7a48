import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import type { RowReading } from '../../protocol/requests';
import { testRun } from '../../protocol/testRun';
import { decidedWords, judgeChoices, judgeWords, marginOf } from './stalenessView';

test('the margin counts the answers’ tokens alone', () => {
  const side = (mask: number[]) => ({ encoded: { mask: Uint8Array.from(mask) } as EncodedRow, tokens: [] });
  const read = (logps: number[]) => ({ logps: Float32Array.from(logps) }) as RowReading;
  const pair = { index: 0, sides: { chosen: side([0, 1, 1]), rejected: side([0, 0, 1]) } };
  expect(marginOf(pair, { chosen: read([-9, -1, -2]), rejected: read([-9, -9, -7]) })).toBe(4);
});

test('words say how many have their order, and claim nothing of what the loss still pulls', () => {
  expect(decidedWords({ n: 32, before: 10, now: 32, newly: 22 }, 0)).toMatch(
    /32 of 32 pairs are decided now, 10 .*the order of all of them/,
  );
  expect(decidedWords({ n: 32, before: 10, now: 30, newly: 20 }, 5)).toMatch(/by more than 5 nats.*2 are not: few/);
  expect(decidedWords({ n: 32, before: 10, now: 12, newly: 3 }, 0)).toMatch(/20 are not\./);
});

test('a reward model’s fall is said when it is sure, and what could not be judged is said too', () => {
  const judged = (right: number, n: number) => ({ right, n, share: right / n, low: 0.1, high: 0.9 });
  expect(judgeWords({ before: judged(90, 100), now: judged(60, 100), same: 0 })).toMatch(
    /90 of 100.*It has surely fallen/,
  );
  expect(judgeWords({ before: judged(9, 10), now: judged(8, 10), same: 3 })).toMatch(/not decided yet\. 3 prompts/);
  expect(judgeWords({ before: judged(9, 10), now: judged(0, 0), same: 32 })).toMatch(/came from the run/);
});

test('reward models come from runs with weights, the newest first', () => {
  const recipe = { ...testRun({}).recipe, trainer: 'reward' };
  const checkpoints = [{ id: 'c', step: 1, savedAt: 0, sizeBytes: 1 }];
  const runs = [
    testRun({ id: 'old', name: 'old', recipe, checkpoints, createdAt: 1 }),
    testRun({ id: 'new', name: 'new', recipe, checkpoints, createdAt: 2 }),
    testRun({ id: 'none', recipe, checkpoints: [] }),
    testRun({ id: 'lm', checkpoints }),
  ];
  expect(judgeChoices(runs, [])).toEqual([
    { ref: 'run:new', label: 'new' },
    { ref: 'run:old', label: 'old' },
  ]);
});

import { expect, test } from 'vitest';
import type { KeptRewardReport } from '../protocol/rewardReport';
import { testRun } from '../protocol/testRun';
import { MemoryStorage } from './memoryStorage';
import { RunStore } from './runs';

const report = (spread: number, row = {}): KeptRewardReport['report'] => ({
  pairs: { loss: Number.NaN } as KeptRewardReport['report']['pairs'],
  judged: [{ row }],
  paidFor: { effects: [], spread },
});
const kept = (change: Partial<KeptRewardReport> = {}): KeptRewardReport => ({
  ...{ of: '', dataset: 'builtin:pref', pairs: 64, seed: 1, version: 'at 100' },
  report: report(1),
  ...change,
});

test('reports lie beside their run: figures of nothing come back as such, and nulls of a row as nulls', async () => {
  const storage = new MemoryStorage();
  const runs = new RunStore(storage, () => 1);
  await runs.create(testRun());
  const row = { prompt: 'p', chosen: 'c', rejected: 'r', tools: null } as never;
  await runs.keepRewardReports('r1', [kept({ report: report(Number.NaN, row) })]);
  expect(await new RunStore(storage, () => 2).rewardReports('r1')).toEqual([kept({ report: report(Number.NaN, row) })]);
});
test('one that is asked again takes the place of the old one; the newest few stay; all go with the run', async () => {
  const storage = new MemoryStorage();
  const runs = new RunStore(storage, () => 1);
  await runs.create(testRun());
  await runs.keepRewardReports('r1', [kept()]);
  await runs.keepRewardReports('r1', [kept({ of: '@50' })]);
  await runs.keepRewardReports('r1', [kept({ version: 'at 120', report: report(2) })]);
  const found = await runs.rewardReports('r1');
  expect(found.map(({ of, version }) => [of, version])).toEqual([
    ['@50', 'at 100'],
    ['', 'at 120'],
  ]);
  for (let seed = 2; seed < 20; seed++) await runs.keepRewardReports('r1', [kept({ seed })]);
  expect((await runs.rewardReports('r1')).map(({ seed }) => seed)).toEqual([
    8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
  ]);
  await runs.remove('r1');
  expect(await runs.rewardReports('r1')).toEqual([]);
  await runs.keepRewardReports('r1', [kept()]); // measured while it was deleted
  expect(await runs.rewardReports('r1')).toEqual([]);
  expect((await storage.list('runs')).map(({ name }) => name)).toEqual([]);
});

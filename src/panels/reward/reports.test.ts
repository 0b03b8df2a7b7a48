import { expect, test } from 'vitest';
import type { KeptRewardReport, RewardReport } from '../../protocol/rewardReport';
import { reportKey, withKept } from './reports';

const report = (spread: number) => ({ judged: [], paidFor: { effects: [], spread } }) as unknown as RewardReport;
const kept = (of: string, pairs: number, version: string, spread: number): KeptRewardReport => ({
  ...{ of, dataset: 'builtin:pref', pairs, seed: 1, version, report: report(spread) },
});

test('what is kept beside a run is shown under its model; the newest says what was asked last, and this page’s own counts for more', () => {
  const request = { ref: 'run:r1', dataset: 'builtin:pref', pairs: 64, seed: 1 };
  const own = { done: 9, total: 9, isMeasuring: false, report: report(7), version: 'at 200' };
  const now = { byKey: { [reportKey(request)]: own }, latest: {} };
  const list = [kept('', 64, 'at 100', 1), kept('', 128, 'at 200', 2), kept('@50', 32, 'kept', 3)];
  const { byKey, latest } = withKept(now, 'r1', list);
  expect(byKey[reportKey(request)]).toBe(own);
  expect(byKey[reportKey({ ...request, pairs: 128 })]).toMatchObject({ version: 'at 200', report: report(2), isMeasuring: false }); // biome-ignore format: one claim
  expect(latest['run:r1']!.pairs).toBe(128);
  expect(latest['run:r1@50']).toEqual({ ...request, ref: 'run:r1@50', pairs: 32 });
  expect(withKept({ byKey: {}, latest: { 'run:r1': request } }, 'r1', list).latest['run:r1']).toBe(request);
});

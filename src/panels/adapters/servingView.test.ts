// Numbers and sentences of replays made by hand; settings that do not fit.
import { expect, test } from 'vitest';
import type { ServedRequest, ServingReport } from '../../protocol/serving';
import {
  batchHistogram,
  checksOf,
  cutOff,
  loadCost,
  modeSentence,
  noiseWords,
  passesOf,
  requestWords,
  START_SERVING,
  servingFinding,
  servingRequest,
  timelineEnd,
  timelineRows,
  timeWords,
  tokenMs,
  traceWords,
} from './servingView';

const served = (
  id: string,
  arrivalMs: number,
  startMs: number,
  loadMs: number,
  generateMs: number,
  tokens = 10,
): ServedRequest => ({
  id,
  metadata: { tenant_id: 'bank_A' },
  arrivalMs,
  startMs,
  endMs: startMs + loadMs + generateMs,
  queueMs: startMs - arrivalMs,
  loadMs,
  generateMs,
  adapterId: 17,
  version: 1,
  ids: Array.from({ length: tokens }, () => 5),
  terminated: true,
  check: { verdict: 'pass', why: '' },
});
const refused: ServedRequest = {
  ...served('no', 15, 15, 0, 0, 0),
  endMs: 15,
  refusal: { reason: 'unknown_tenant', message: 'No rule.' },
  check: undefined,
};
const report = (
  mode: ServingReport['mode'],
  requests: ServedRequest[],
  more: Partial<ServingReport> = {},
): ServingReport => ({
  mode,
  requests,
  latency: { p50: 100, p95: 200, p99: 210, mean: 110, method: 'linear' },
  requestsPerSecond: 5,
  tokensPerSecond: 50,
  busyMs: 400,
  spanMs: 400,
  setupMs: 0,
  peakBytes: 1000,
  loads: 2,
  evictions: 1,
  refusals: 1,
  batchSizes: [1, 1],
  ...more,
});

test('a replay in numbers: passes once, loads by what they took, tokens by their pass', () => {
  const one = report('load_on_request', [served('a', 0, 0, 20, 180), refused, served('b', 10, 200, 20, 180)]);
  expect(passesOf(one).map(({ id }) => id)).toEqual(['a', 'b']);
  expect(loadCost(one)).toEqual({ share: 0.1, eachMs: 20 });
  expect(tokenMs(one)).toBe(18);
  // Two rows in one pass: its time counts once.
  const both = report('batched', [served('a', 0, 10, 0, 200), served('b', 10, 10, 0, 200)], { setupMs: 30, loads: 3, batchSizes: [2], requestsPerSecond: 10, latency: { p50: 90, p95: 210, p99: 210, mean: 100, method: '' }, peakBytes: 1500 }); // biome-ignore format: one report
  expect(passesOf(both)).toHaveLength(1);
  expect(tokenMs(both)).toBe(10);
  expect(loadCost(both)).toEqual({ share: 0, eachMs: 10 });
  expect(batchHistogram({ ...both, batchSizes: [2, 1, 2] })).toEqual([[1, 1], [2, 2]]); // biome-ignore format: pairs
  expect(checksOf(one)).toEqual({ checked: 2, passed: 2 });
  expect(cutOff([one])).toBe(0);
  expect(cutOff([report('merged', [{ ...served('a', 0, 0, 0, 1), terminated: false }, refused])])).toBe(1);
  expect(modeSentence(both, [one, both])).toBe(
    '1 pass for 2 requests: 10.0 requests/s, 2.00 × those of loading on request; p95 210 ms instead of 200 ms. A request waits for the longest answer of its pass.',
  );
  expect(modeSentence(both, [both])).not.toContain('instead of');
  expect(modeSentence(one, [one])).toContain('2 loads for 2 requests, 20 ms each: 10 % of the busy time');
  expect(servingFinding([one, both])).toBe(
    'Shortest p95: no difference beyond the noise of 10 %; load on request has 200 ms, batched by adapter id 210 ms. Most requests per second: batched by adapter id, 10.0. Least memory: load on request, 1,000 B.',
  );
  expect(timelineRows(one).map(({ at }) => at)).toEqual([[0, 0, 20, 200], [15, 15, 15, 15], [10, 200, 220, 400]]); // biome-ignore format: rows
  expect(timelineEnd([one, both])).toBe(400);
  expect(requestWords(one.requests[2]!)).toBe(
    'b of bank_A at 10 ms, adapter 17 version 1: waited 190 ms, loaded 20 ms, generated 10 tokens in 180 ms, its tenant’s check passed.',
  );
  expect(requestWords(refused)).toBe('no of bank_A at 15 ms: refused. No rule.');
  expect([0, 4.2, 180, 1900, Number.NaN].map(timeWords)).toEqual(['0 ms', '4.20 ms', '180 ms', '1.90 s', '–']);
});

test('a winner is named beyond the noise alone; memory is counted, not timed', () => {
  const at = (mode: ServingReport['mode'], ms: number, more: Partial<ServingReport> = {}) =>
    report(mode, [served('a', 0, 0, 0, ms)], more);
  const latency = (p95: number) => ({ p50: 1, p95, p99: p95, mean: 1, method: '' });
  const noisy = [
    at('load_on_request', 130, { latency: latency(260), requestsPerSecond: 4 }),
    at('hot_lru', 100, { latency: latency(210), requestsPerSecond: 8 }),
  ];
  // A token differs by 30 %, p95 by 24 %: that is noise. Twice the requests are not.
  expect(servingFinding(noisy)).toBe(
    'Shortest p95: no difference beyond the noise of 30 %; hot, LRU budget has 210 ms, load on request 260 ms. Most requests per second: hot, LRU budget, 8.00. Least memory: load on request and hot, LRU budget, 1,000 B.',
  );
  expect(servingFinding([noisy[0]!])).toContain('Shortest p95: load on request, 260 ms.');
  // One row after the other was quicker: the reason is told, by what was measured.
  const rows = [served('a', 0, 10, 0, 900), served('b', 10, 10, 0, 900)];
  const slow = report('batched', rows, { requestsPerSecond: 2, batchSizes: [2] });
  const plain = report('load_on_request', [served('a', 0, 0, 0, 300), served('b', 10, 300, 0, 300)]);
  expect(modeSentence(slow, [plain, slow])).toContain(
    'It loses here: a pass has 2.00 rows on average, but one of its steps takes 3.00 × as long as one of a single row',
  );
  const lonely = report('batched', [served('a', 0, 10, 0, 900)], { requestsPerSecond: 2, batchSizes: [1] });
  expect(modeSentence(lonely, [plain, lonely])).toContain('few requests wait at once');
  expect(traceWords([plain])).toBe('the same 2 requests in each mode; they arrive within 10 ms');
});

test('two modes that generate alike and differ in time: the device was busy, and that is said', () => {
  const at = (mode: ServingReport['mode'], ms: number) => report(mode, [served('a', 0, 0, 0, ms)]);
  expect(noiseWords([at('load_on_request', 100), at('hot_lru', 105)])).toBeUndefined();
  expect(noiseWords([at('load_on_request', 130), at('hot_lru', 100)])).toContain('30 % longer');
  expect(noiseWords([at('load_on_request', 130), at('batched', 100)])).toBeUndefined();
});

test('settings of a replay: modes get their own, and what does not fit is told', () => {
  const ok = servingRequest(START_SERVING, 1024 * 100);
  expect(ok).toMatchObject({
    requests: 40,
    modes: [
      { mode: 'load_on_request', max_new_tokens: 112 },
      { mode: 'hot_lru', budgetBytes: 1024 * 200 },
      { mode: 'batched', maxBatch: 8 },
      { mode: 'merged' },
    ],
  });
  const problem = (change: Partial<typeof START_SERVING>) => {
    const found = servingRequest({ ...START_SERVING, ...change }, 1024 * 100);
    return 'problem' in found ? found.problem : undefined;
  };
  expect(problem({ budgetKiB: '99' })).toBe(
    'The LRU budget of 99.0 KiB is smaller than one adapter, which needs 100 KiB. Set it to 100 KiB or more.',
  );
  expect(problem({ budgetKiB: '99', modes: ['merged'] })).toBeUndefined(); // nobody asks for it there
  expect(problem({ requests: '5' })).toBe('requests must be a whole number from 12 to 1,000, got 5.');
  expect(problem({ maxBatch: '' })).toBe('maxBatch must be a whole number from 1 to 64, got nothing.');
  expect(problem({ modes: [] })).toContain('at least one mode');
});

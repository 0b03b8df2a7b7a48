import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestMetadata, ServingReport } from '../protocol/serving';
import { AuditLog } from '../storage/auditLog';
import { MemoryStorage } from '../storage/memoryStorage';
import { DEFAULT_RULES } from './routing';
import {
  type AdapterKey,
  type AdapterServer,
  replay,
  type ServingContext,
  type ServingOptions,
  type TraceRequest,
} from './serving';

const BASE = 1000;
const SIZES: Record<string, number> = { '17@1': 10, '42@2': 12, '9@1': 8 };

/** Takes 10 ms an adapter that it loads, 100 a merge, 20 a pass and 2 more for each further row; answers with the adapter's id. */
class FakeServer implements AdapterServer {
  readonly baseBytes = BASE;
  time = 5000; // not 0: only differences may count
  calls: string[] = [];
  placed: readonly AdapterKey[] = [];
  merged: AdapterKey[] = [];
  largest = 0;
  adapterBytes = (key: AdapterKey) => SIZES[key]!;
  now = () => this.time;
  async resident(keys: readonly AdapterKey[]) {
    this.time += 10 * keys.filter((key) => !this.placed.includes(key)).length;
    this.placed = keys;
    this.largest = Math.max(
      this.largest,
      keys.reduce((sum, key) => sum + SIZES[key]!, 0),
    );
    this.calls.push(`resident ${keys.join(' ')}`);
  }
  async merge(key: AdapterKey) {
    this.time += 100;
    this.merged.push(key);
  }
  async reset() {
    this.placed = [];
    this.merged = [];
    this.calls.push('reset');
  }
  generate: AdapterServer['generate'] = async (rows) => {
    for (const { adapter } of rows)
      if (!this.placed.includes(adapter) && !this.merged.includes(adapter)) throw new Error(`${adapter} is not there`);
    this.time += 20 + 2 * (rows.length - 1);
    this.calls.push(`generate ${rows.map(({ adapter }) => adapter).join(' ')}`);
    return rows.map(({ adapter, prompt }) => ({ ids: [Number(adapter.split('@')[0]), prompt[0]!], terminated: true }));
  };
}

const Z: Record<string, RequestMetadata> = {
  A: { tenant_id: 'bank_A', policy_version: 'policy_v3' },
  B: { tenant_id: 'retail_B', policy_version: 'policy_v2' },
  C: { tenant_id: 'saas_C', policy_version: 'policy_v1' },
  X: { tenant_id: 'bank_D', policy_version: 'policy_v3' },
};
const traceOf = (...items: [tenant: string, arrivalMs: number][]): TraceRequest[] =>
  items.map(([tenant, arrivalMs], i) => ({
    id: `r${i}`,
    arrivalMs,
    metadata: Z[tenant]!,
    promptIds: [100 + i],
    stopIds: [2],
  }));
const adapters = new Map([
  [17, { version: 1, artifactId: 'sha256:17' }],
  [42, { version: 2, artifactId: 'sha256:42' }],
  [9, { version: 1, artifactId: 'sha256:9' }],
]);
function bed(more: Partial<ServingContext> = {}) {
  const server = new FakeServer();
  const log = new AuditLog(new MemoryStorage(), () => 1);
  const context: ServingContext = { server, rules: DEFAULT_RULES, adapters, log, ...more };
  return { server, log, run: (trace: TraceRequest[], options: ServingOptions) => replay(trace, options, context) };
}
const max_new_tokens = 8;
const MODES: ServingOptions[] = [
  { mode: 'load_on_request', max_new_tokens },
  { mode: 'hot_lru', budgetBytes: 22, max_new_tokens },
  { mode: 'batched', maxBatch: 3, max_new_tokens },
  { mode: 'batched', maxBatch: 3, budgetBytes: 22, max_new_tokens },
  { mode: 'merged', max_new_tokens },
];
const spans = ({ requests }: ServingReport) => requests.map((r) => [r.startMs, r.endMs]);

describe('a day worked out by hand: A at 0, A at 1, B at 2, A at 3, a stranger at 4, C at 200', () => {
  const trace = traceOf(['A', 0], ['A', 1], ['B', 2], ['A', 3], ['X', 4], ['C', 200]);

  test('load on request: one adapter at a time, loaded when it changes', async () => {
    const report = await bed().run(trace, MODES[0]!);
    // load 10 + pass 20; pass 20; load + pass; load + pass; refused; and C after a lull.
    expect(spans(report)).toEqual([
      [0, 30],
      [30, 50],
      [50, 80],
      [80, 110],
      [4, 4],
      [200, 230],
    ]);
    expect(report.requests[3]).toMatchObject({ queueMs: 77, loadMs: 10, generateMs: 20, adapterId: 17, version: 1 });
    expect(report).toMatchObject({
      loads: 4,
      evictions: 3,
      refusals: 1,
      peakBytes: BASE + 12,
      batchSizes: [1, 1, 1, 1, 1],
    });
    expect(report).toMatchObject({ setupMs: 0, busyMs: 140, spanMs: 230 });
    expect(report.requestsPerSecond).toBeCloseTo(5 / 0.14, 9);
    expect(report.tokensPerSecond).toBeCloseTo(10 / 0.14, 9);
  });
  test('hot residency: A stays beside B, and C takes the place of B, which was used longest ago', async () => {
    const { run, server } = bed();
    const report = await run(trace, MODES[1]!);
    expect(spans(report)).toEqual([
      [0, 30],
      [30, 50],
      [50, 80],
      [80, 100],
      [4, 4],
      [200, 230],
    ]);
    expect(report).toMatchObject({ loads: 3, evictions: 1, peakBytes: BASE + 22, busyMs: 130 });
    expect(server.calls.filter((call) => call.startsWith('resident'))).toEqual([
      'resident 17@1',
      'resident 17@1 42@2',
      'resident 17@1 9@1',
    ]);
  });
  test('batched: all adapters beforehand, and whoever waits goes in one pass', async () => {
    const { run, server } = bed();
    const report = await run(trace, MODES[2]!);
    expect(spans(report)).toEqual([
      [0, 20],
      [20, 44],
      [20, 44],
      [20, 44],
      [4, 4],
      [200, 220],
    ]);
    expect(report).toMatchObject({ setupMs: 30, loads: 3, evictions: 0, peakBytes: BASE + 30, batchSizes: [1, 3, 1] });
    expect(server.calls).toContain('generate 17@1 42@2 17@1');
  });
  test('batched within a budget: a pass takes as many adapters as fit', async () => {
    const report = await bed().run(trace, MODES[3]!);
    // A alone: load + pass; then A, B, A fit into 22 bytes: load B + 24; C evicts.
    expect(spans(report)).toEqual([
      [0, 30],
      [30, 64],
      [30, 64],
      [30, 64],
      [4, 4],
      [200, 230],
    ]);
    expect(report).toMatchObject({ setupMs: 0, loads: 3, evictions: 1, peakBytes: BASE + 22, batchSizes: [1, 3, 1] });
    const tight = await bed().run(trace, { mode: 'batched', maxBatch: 3, budgetBytes: 12, max_new_tokens });
    // Now A | A | B | A: two adapters never fit.
    expect(tight.batchSizes).toEqual([1, 1, 1, 1, 1]);
    expect(spans(tight)).toEqual([
      [0, 30],
      [30, 50],
      [50, 80],
      [80, 110],
      [4, 4],
      [200, 230],
    ]);
  });
  test('merged: no load on the way, the base once for each tenant', async () => {
    const report = await bed().run(trace, MODES[4]!);
    expect(spans(report)).toEqual([
      [0, 20],
      [20, 40],
      [40, 60],
      [60, 80],
      [4, 4],
      [200, 220],
    ]);
    expect(report).toMatchObject({ setupMs: 300, loads: 3, evictions: 0, peakBytes: 3 * BASE });
  });
  test('latencies and their percentiles, by hand', async () => {
    const { latency } = await bed().run(trace, MODES[0]!);
    // end − arrival: 30, 49, 78, 107, 30 → 30 30 49 78 107; p95 lies 0.8 of the way from 78 to 107, p99 0.96.
    expect(latency.p50).toBe(49);
    expect(latency.p95).toBeCloseTo(101.2, 9);
    expect(latency.p99).toBeCloseTo(105.84, 9);
    expect(latency.mean).toBeCloseTo(58.8, 9);
    expect(latency.method).toMatch(/R type 7/);
  });
});

test('every decision is in the log before the first pass, refusals in words; checks follow', async () => {
  const trace = traceOf(['B', 5], ['X', 1], ['A', 0]);
  let passes = 0;
  const check: ServingContext['check'] = (request, { adapterId }) => {
    passes++;
    return request.id === 'r0' ? undefined : { verdict: adapterId === 17 ? 'pass' : 'fail', why: 'second approval' };
  };
  const { run, log, server } = bed({ check });
  const generate = server.generate;
  let logged = -1;
  server.generate = async (...args) => {
    if (logged < 0) logged = (await log.search()).length;
    return generate(...args);
  };
  const report = await run(trace, MODES[2]!);
  expect([logged, passes]).toEqual([3, 2]);
  expect(report.requests.map(({ id, check }) => [id, check?.verdict])).toEqual([
    ['r2', 'pass'],
    ['r1', undefined],
    ['r0', undefined],
  ]);
  expect(await log.verify()).toEqual({ ok: true, count: 4 });
  expect(
    (await log.search()).map(({ requestId, decision, adapterId, version, mode }) => [
      requestId,
      decision,
      adapterId,
      version,
      mode,
    ]),
  ).toEqual([
    ['r2', 'routed', 17, 1, 'batched'],
    ['r1', 'refused', undefined, undefined, 'batched'],
    ['r0', 'routed', 42, 2, 'batched'],
    ['r2', 'checked', 17, 1, 'batched'],
  ]);
  expect((await log.search({ decision: 'refused' }))[0]).toMatchObject({
    reason: 'unknown_tenant',
    message: expect.stringContaining('"bank_D"'),
  });
});

test('a rule that leads to another tenant’s adapter serves nobody', async () => {
  const rules = DEFAULT_RULES.map((rule) => (rule.tenant_id === 'bank_A' ? { ...rule, adapter: 42 } : rule));
  const ofTenant: ServingContext['adapters'] = new Map([...adapters].map(([id, one]) => [id, id === 42 ? { ...one, tenant: 'retail_B' } : one])); // biome-ignore format: one map
  const { run, server, log } = bed({ rules, adapters: ofTenant });
  const { requests } = await run(traceOf(['A', 0], ['B', 1]), MODES[0]!);
  expect(requests.map(({ refusal, adapterId }) => refusal?.reason ?? adapterId)).toEqual(['other_tenant', 42]);
  expect(server.calls.filter((call) => call.startsWith('generate'))).toHaveLength(1);
  expect((await log.search({ decision: 'refused' })).map(({ reason }) => reason)).toEqual(['other_tenant']);
});

test('two replays of one trace are told apart in the log and in their reports', async () => {
  const log = new AuditLog(new MemoryStorage(), () => 1);
  const check: ServingContext['check'] = () => ({ verdict: 'pass', why: 'policy kept' });
  for (const id of ['replay-1', 'replay-2']) {
    const { replay: told } = await bed({ log, check, replay: id }).run(traceOf(['A', 0], ['X', 1]), MODES[0]!);
    expect(told).toBe(id);
  }
  const found = (await log.search({ replay: 'replay-2' })).map((one) => `${one.requestId} ${one.decision}`);
  expect(found).toEqual(['r0 routed', 'r1 refused', 'r0 checked']);
  expect(await log.search()).toHaveLength(6);
});

test('a wrong rule routes, and the slice check says so', async () => {
  const rules = DEFAULT_RULES.map((rule) => (rule.tenant_id === 'bank_A' ? { ...rule, adapter: 42 } : rule));
  const check: ServingContext['check'] = (_, { ids }) => ({
    verdict: ids[0] === 17 ? 'pass' : 'fail',
    why: 'policy of bank_A',
  });
  const { run, log } = bed({ rules, check });
  const { requests } = await run(traceOf(['A', 0]), MODES[0]!);
  expect(requests[0]).toMatchObject({ adapterId: 42, check: { verdict: 'fail' } });
  expect(await log.search({ decision: 'checked', tenant: 'bank_A', text: '"fail"' })).toHaveLength(1);
});

test('requests with other stop ids do not share a pass, and nobody is overtaken for it', async () => {
  const trace = traceOf(['A', 0], ['A', 1], ['A', 2], ['A', 3]);
  trace[2] = { ...trace[2]!, stopIds: [2, 3] };
  const { batchSizes } = await bed().run(trace, MODES[2]!);
  expect(batchSizes).toEqual([1, 1, 1, 1]);
});

test('what cannot be served is refused in words before anything runs or is logged', async () => {
  const { run, server, log } = bed();
  const trace = traceOf(['A', 0], ['B', 1]);
  const refused = (given: TraceRequest[], options: ServingOptions) => expect(run(given, options)).rejects;
  await refused(trace, { mode: 'hot_lru', budgetBytes: 11, max_new_tokens }).toThrow(
    'A residency budget of 11 bytes is smaller than adapter 42 (version 2), which needs 12 bytes. Set it to 12 or more.',
  );
  await refused(trace, { mode: 'batched', maxBatch: 2, budgetBytes: 0, max_new_tokens }).toThrow('needs 12 bytes');
  await refused(trace, { mode: 'batched', maxBatch: 0, max_new_tokens }).toThrow(
    'maxBatch must be a whole number of at least 1, got 0',
  );
  await refused([...trace, trace[0]!], MODES[0]!).toThrow('Request r0 of the trace occurs twice');
  await refused(traceOf(['A', Number.NaN]), MODES[0]!).toThrow('must arrive at 0 ms or later, got NaN');
  await refused([{ ...trace[0]!, promptIds: [] }], MODES[0]!).toThrow('empty prompt');
  expect(server.calls).toEqual([]);
  expect(await log.search()).toEqual([]);
});

test('an adapter without an active version refuses its tenant only', async () => {
  const { run } = bed({ adapters: new Map([[17, adapters.get(17)!]]) });
  const report = await run(traceOf(['A', 0], ['B', 1]), MODES[4]!);
  expect(report.requests.map(({ refusal }) => refusal?.reason)).toEqual([undefined, 'adapter_not_registered']);
  expect(report.peakBytes).toBe(BASE);
});

test('nothing to serve: no pass, no figures made up', async () => {
  const { run, server } = bed();
  const report = await run(traceOf(['X', 0]), MODES[0]!);
  expect(report).toMatchObject({ refusals: 1, busyMs: 0, requestsPerSecond: 0, batchSizes: [] });
  expect(report.latency.p50).toBeNaN();
  expect(server.calls).toEqual(['reset', 'reset']);
});

test('stopped or failed, the server is left without adapters', async () => {
  const controller = new AbortController();
  const stopped = bed({ signal: controller.signal, onProgress: () => controller.abort() });
  await expect(stopped.run(traceOf(['A', 0], ['A', 900]), MODES[0]!)).rejects.toThrow('stopped');
  expect(stopped.server.calls.at(-1)).toBe('reset');
  const failed = bed();
  failed.server.generate = async () => {
    throw new Error('device lost');
  };
  await expect(failed.run(traceOf(['A', 0]), MODES[4]!)).rejects.toThrow('device lost');
  expect(failed.server.merged).toEqual([]);
  expect((await failed.log.search()).map(({ decision, message }) => [decision, message])).toEqual([
    ['routed', undefined],
    ['failed', 'It got no answer. device lost'],
  ]);
});

describe('any trace', () => {
  const trace = fc
    .array(fc.tuple(fc.constantFrom('A', 'B', 'C', 'X'), fc.nat(300)), { maxLength: 24 })
    .map((items) => traceOf(...items));

  test('in every mode: each request once, in order, within the budget, and the same answers', async () => {
    await fc.assert(
      fc.asyncProperty(trace, async (requests) => {
        const answers: unknown[] = [];
        for (const options of MODES) {
          const { run, server, log } = bed();
          const report = await run(requests, options);
          expect(report.requests.map(({ id }) => id).sort()).toEqual(requests.map(({ id }) => id).sort());
          const served = report.requests.filter(({ refusal }) => !refusal);
          const arrivals = report.requests.map(({ arrivalMs }) => arrivalMs);
          expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
          let free = 0;
          served.forEach((r, i) => {
            expect(r.queueMs).toBe(r.startMs - r.arrivalMs);
            expect(r.queueMs).toBeGreaterThanOrEqual(0);
            expect(r.endMs).toBe(r.startMs + r.loadMs + r.generateMs);
            const isSamePass = i > 0 && served[i - 1]!.startMs === r.startMs;
            // One pass after the other, in order of arrival, and no idling while somebody waits.
            if (!isSamePass) expect(r.startMs).toBe(Math.max(free, r.arrivalMs));
            free = r.endMs;
            const tenant = requests.find(({ id }) => id === r.id)!.metadata.tenant_id;
            expect(r.adapterId).toBe(DEFAULT_RULES.find((rule) => rule.tenant_id === tenant)!.adapter);
          });
          expect(report.batchSizes.reduce((a, b) => a + b, 0)).toBe(served.length);
          expect(Math.max(0, ...report.batchSizes)).toBeLessThanOrEqual(options.mode === 'batched' ? 3 : 1);
          if ('budgetBytes' in options) expect(server.largest).toBeLessThanOrEqual(options.budgetBytes!);
          expect(report.refusals).toBe(requests.filter(({ metadata }) => metadata === Z.X).length);
          expect((await log.search()).map(({ requestId }) => requestId)).toEqual(report.requests.map(({ id }) => id));
          answers.push(report.requests.map(({ id, ids }) => [id, ids]));
          expect(await bed().run(requests, options)).toEqual(report);
        }
        for (const answer of answers) expect(answer).toEqual(answers[0]);
      }),
      { numRuns: 40 },
    );
  });
});

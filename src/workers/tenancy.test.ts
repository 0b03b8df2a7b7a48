// Tenants' adapters through both services: a tiny base, adapters from a run that trained three at once.
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { DEFAULT_RULES, route } from '../agent/routing';
import { RecipeRun } from '../labs/runRecipe';
import type { Recipe } from '../protocol/recipe';
import type { AuditSearch, ServingSettings } from '../protocol/requests';
import type { AuditEntry } from '../protocol/serving';
import { canonicalJson, sha256 } from '../storage/hash';
import { Models } from './models';
import { countEngines, type TestBed, testBed, tinyRecipe } from './testBed';

const beds: TestBed[] = [];
const bed = (options: Parameters<typeof testBed>[0] = {}) => {
  const { environment } = options;
  const made = testBed({ ...options, environment: { tenancyBase: 'builtin:tiny', ...environment } });
  beds.push(made);
  return made;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});
const SETS = { bank_A: 'builtin:tenant/A', retail_B: 'builtin:tenant/B', saas_C: 'builtin:tenant/C' };
const ZEROS = '0'.repeat(64);
const BANK = { tenant_id: 'bank_A', industry: 'banking', policy_version: 'policy_v3' };

async function trainTenants(
  made: TestBed,
  runId: string,
  seed: number,
  model = 'builtin:tiny',
  learning_rate = 0.05,
): Promise<void> {
  const recipe: Recipe = {
    ...tinyRecipe,
    model: { ref: model },
    data: {
      train: Object.entries(SETS).map(([adapter, ref]) => ({ ref, split: 'train', adapter })),
      eval: [],
      rows: 24,
      seed: 1,
    },
    args: { ...tinyRecipe.args, max_steps: 3, per_device_train_batch_size: 3, max_length: 256, learning_rate },
    peft: { r: 2, lora_alpha: 8, target_modules: 'all-linear' },
    overrides: [...tinyRecipe.overrides!, 'nothing_trained'],
    seed,
  };
  await made.compute.request('startRun', { runId, name: runId, recipe });
  await vi.waitFor(() => expect(made.statuses(runId).at(-1)).toBe('finished'), { timeout: 20_000, interval: 5 });
}
const IDS = { bank_A: 17, retail_B: 42, saas_C: 9 };
async function install(made: TestBed, learning_rate?: number): Promise<void> {
  await trainTenants(made, 'tenants', 1, undefined, learning_rate);
  for (const [tenant, id] of Object.entries(IDS)) {
    await made.compute.request('registerAdapter', { id, ref: `run:tenants#${tenant}` });
    await made.compute.request('activateAdapter', { id, version: 1, override: 'three steps teach nobody a policy' });
  }
}

test('the chapter’s table: 17, 42 and 9; versions come from runs, and a request is routed, logged and answered', async () => {
  const made = bed();
  const empty = await made.compute.request('tenancy', {});
  expect(empty.entries.map(({ id, name, active }) => [id, name, active])).toEqual([
    [9, 'saas_C', null],
    [17, 'bank_A', null],
    [42, 'retail_B', null],
  ]);
  expect(empty.rules.map(({ tenant_id, policy_version, adapter }) => [tenant_id, policy_version, adapter])).toEqual([
    ['bank_A', 'policy_v3', 17],
    ['retail_B', 'policy_v2', 42],
    ['saas_C', 'policy_v1', 9],
  ]);
  const early = await made.compute.request('serveRequest', { requestId: 'early', metadata: BANK });
  expect(early.decision).toMatchObject({ decision: 'refused', reason: 'adapter_not_registered' });
  await install(made);
  const view = await made.compute.request('tenancy', {});
  expect(view.entries.every(({ active }) => active === 1)).toBe(true);
  for (const { versions } of view.entries) expect(view.bytes[versions[0]!.artifactId]).toBeGreaterThan(1000);

  const answer = await made.compute.request('serveRequest', { requestId: 'r1', metadata: BANK });
  expect(answer).toMatchObject({ decision: { decision: 'routed', adapterId: 17 }, adapterId: 17, version: 1 });
  expect(answer.text).toEqual(expect.any(String));
  expect(answer.expected).toContain('policy_v3');
  // Three steps teach nobody a policy: the answer fails its own slice, in words.
  expect(answer.check).toMatchObject({ verdict: 'fail', why: expect.stringContaining('bank_A’s policy') });
  const wrong = await made.compute.request('serveRequest', { requestId: 'r2', metadata: BANK, misrouteTo: 42 });
  expect(wrong.adapterId).toBe(42);
  for (const [metadata, reason] of [
    [{ ...BANK, tenant_id: 'bank_D' }, 'unknown_tenant'],
    [{ ...BANK, policy_version: 'policy_v2' }, 'outdated_policy'],
    [{ tenant_id: 'bank_A' }, 'missing_field'],
  ] as const) {
    const { decision, text } = await made.compute.request('serveRequest', { requestId: reason, metadata });
    expect(decision).toMatchObject({ decision: 'refused', reason });
    expect(text).toBeUndefined();
  }
  // Looking at what the router would do serves nothing, so it leaves no entry.
  expect(await made.compute.request('previewRoute', { metadata: BANK })).toMatchObject({ decision: 'routed', adapterId: 17 }); // biome-ignore format: one call
  expect(await made.compute.request('previewRoute', { metadata: { ...BANK, tenant_id: 'bank_D' } })).toMatchObject({ reason: 'unknown_tenant' }); // biome-ignore format: one call
  // Merged in f32 the same adapter rounds otherwise: by some 1e-6 of the largest logit, not by nothing.
  const merged = await made.compute.request('mergeDifference', { id: 17 });
  expect(merged.tokens).toBeGreaterThan(50);
  expect(merged.largest).toBeLessThan(1e-4 * merged.scale);
  expect(merged.largest).toBeGreaterThan(0);
  expect(merged.sameChoices).toBeGreaterThan(0.9 * merged.tokens);
  // Every decision is in the log, and the log holds.
  const { entries, found } = await made.compute.request('searchAuditLog', { query: {}, offset: 0, limit: 100 });
  expect(found).toBe(12);
  expect(entries.map(({ requestId, decision }) => `${requestId} ${decision}`).reverse()).toEqual([
    'early refused',
    'registry-17-1 registry',
    'registry-42-1 registry',
    'registry-9-1 registry',
    'r1 routed',
    'r1 checked',
    'r2 routed',
    'r2 misrouted',
    'r2 checked',
    'unknown_tenant refused',
    'outdated_policy refused',
    'missing_field refused',
  ]);
  expect(entries.at(-1)!.prev).toBe(ZEROS);
  expect(await made.compute.request('verifyAuditLog', {})).toEqual({ ok: true, count: 12 });
  // The router's decision stands as it was; where the answer came from stands beside it.
  const about = entries.filter(({ requestId }) => requestId === 'r2').reverse();
  expect(about.map(({ adapterId }) => adapterId)).toEqual([17, 42, 42]);
  expect(about[1]!.message).toContain('the router chose 17');
  // What serves is in the log before it does, with the reason where its check did not say so.
  expect(entries.find(({ requestId }) => requestId === 'registry-42-1')).toMatchObject({
    ...{ adapterId: 42, version: 1, artifactId: view.entries[2]!.versions[0]!.artifactId },
    message:
      'Adapter 42 (retail_B): version 1 activated, the first. It has no check; the reason given: three steps teach nobody a policy',
  });
  const { bytes } = await made.compute.request('exportAuditLog', {});
  const text = new TextDecoder().decode(bytes);
  const tampered = new TextEncoder().encode(text.replace('"adapterId":42', '"adapterId":17'));
  const { verdict } = await made.compute.request('verifyAuditFile', { bytes: tampered.buffer as ArrayBuffer });
  expect(verdict).toMatchObject({ ok: false, brokenAt: 3 });
  // A chain made anew holds in itself; beside the log of this browser it does not.
  const check = async (from: number, edit: (entry: AuditEntry) => void) =>
    (await made.compute.request('verifyAuditFile', { bytes: await madeAnew(text, from, edit) })).verdict;
  expect(await check(13, () => {})).toEqual({ ok: true, count: 12, own: 12 });
  const forge = (entry: AuditEntry) => {
    entry.metadata.tenant_id = 'bank_X';
  };
  expect(await check(3, forge)).toMatchObject({ ok: false, brokenAt: 3, why: expect.stringContaining('written anew') });
  expect(await check(1, forge)).toEqual({ ok: true, count: 12, own: 0 });
  // An older export is the log as it was.
  await made.compute.request('serveRequest', { requestId: 'later', metadata: { tenant_id: 'bank_A' } });
  expect(await check(13, () => {})).toEqual({ ok: true, count: 12, own: 13 });
});

test('a routed request that gets no answer says so in its own words, and in the log', async () => {
  const made = bed();
  await install(made);
  const messages = [{ role: 'user' as const, content: 'Is a second approval due? '.repeat(200) }];
  const words =
    /^The request has [\d,]+ tokens with its context and template, and the base reads fewer than [\d,]+\. Shorten it\.$/;
  await expect(made.compute.request('serveRequest', { requestId: 'long', metadata: BANK, messages })).rejects.toThrow(words); // biome-ignore format: one call
  const query = { text: '"long"' };
  const { entries } = await made.compute.request('searchAuditLog', { query, offset: 0, limit: 9 });
  expect(entries.map(({ decision, adapterId }) => [decision, adapterId])).toEqual([['failed', 17], ['routed', 17]]); // biome-ignore format: pairs
  expect(entries[0]!.message).toMatch(/^It got no answer\. The request has/);
  expect(await made.compute.request('verifyAuditLog', {})).toMatchObject({ ok: true });
});

/** An exported log whose entries from number `from` on are edited and hashed again, with a closing line that fits. */
async function madeAnew(text: string, from: number, edit: (entry: AuditEntry) => void): Promise<ArrayBuffer> {
  let prev = ZEROS;
  let n = 0;
  const lines: string[] = [];
  for (const line of text.trim().split('\n').slice(0, -1)) {
    const { hash: _hash, ...entry } = JSON.parse(line) as AuditEntry;
    if (++n >= from) edit(entry as AuditEntry);
    const body = { ...entry, prev };
    prev = await sha256(canonicalJson(body));
    lines.push(canonicalJson({ ...body, hash: prev }));
  }
  lines.push(canonicalJson({ head: { count: n, hash: prev } }));
  return new TextEncoder().encode(`${lines.join('\n')}\n`).buffer as ArrayBuffer;
}

test('a next version needs its check or a reason; one action rolls back', async () => {
  const made = bed();
  await install(made);
  await trainTenants(made, 'second', 2);
  await made.compute.request('registerAdapter', { id: 17, ref: 'run:second#bank_A', note: 'second try' });
  const activate = (override?: string) =>
    made.compute.request('activateAdapter', { id: 17, version: 2, ...(override && { override }) });
  await expect(activate()).rejects.toThrow('regression check');
  const progress: number[] = [];
  const checked = await made.compute.request(
    'checkAdapter',
    { id: 17, version: 2, cases: 4, seed: 1, allowance: 0 },
    { onProgress: ({ done, total }) => progress.push(done / total) },
  );
  expect(checked.checks).toMatchObject({ cases: 4, allowance: 0 });
  // What changed, and what fails, can be read: the request, both answers and the right one.
  const { regressions, fixed, answers = [] } = checked.checks!;
  expect(answers.map(({ caseId }) => caseId).slice(0, regressions.length + fixed.length)).toEqual([
    ...regressions,
    ...fixed,
  ]);
  expect(answers.length).toBeGreaterThan(0);
  for (const { request, expected, before, after } of answers) {
    expect(expected).toContain('policy_v3');
    expect([request, before, after].map((text) => typeof text)).toEqual(['string', 'string', 'string']);
    expect(after).not.toBe(expected); // three steps teach nobody a policy
  }
  expect(progress.at(-1)).toBe(1);
  await activate(checked.checks!.passes ? undefined : 'two tiny random models are compared');
  const entry = await made.compute.request('rollbackAdapter', { id: 17 });
  expect(entry.active).toBe(1);
  expect(entry.history.map(({ action, to }) => `${action} ${to}`)).toEqual(['activate 1', 'activate 2', 'rollback 1']);
  await expect(made.compute.request('checkAdapter', { id: 17, version: 1, cases: 4, seed: 1, allowance: 0 })).rejects.toThrow('version 1 is the active one'); // biome-ignore format: one call
  // An adapter of another base does not get in.
  await trainTenants(made, 'elsewhere', 3, 'run:tenants#bank_A');
  await expect(made.compute.request('registerAdapter', { id: 17, ref: 'run:elsewhere#bank_A' })).rejects.toThrow('was trained on the base'); // biome-ignore format: one call
  await expect(made.compute.request('registerAdapter', { id: 77, ref: 'run:elsewhere#bank_A' })).rejects.toThrow('was trained on the base'); // biome-ignore format: one call
  expect((await made.compute.request('tenancy', {})).entries.map(({ id }) => id)).toEqual([9, 17, 42]); // no empty one is left
  await expect(made.compute.request('registerAdapter', { id: 17, ref: 'run:elsewhere' })).rejects.toThrow('Say which');
  await expect(made.compute.request('registerAdapter', { id: 17, ref: 'builtin:tiny' })).rejects.toThrow('no adapter');
});

test('the matrix has a row for each adapter and a column for each tenant', async () => {
  const made = bed();
  await install(made);
  const progress: number[] = [];
  const matrix = await made.compute.request(
    'tenantMatrix',
    { cases: 2, seed: 1, metric: 'schema_valid' },
    { onProgress: ({ done }) => progress.push(done) },
  );
  expect(matrix.tenants).toEqual(['bank_A', 'retail_B', 'saas_C']);
  expect(matrix.adapters.map(({ adapterId }) => adapterId).sort()).toEqual([17, 42, 9].sort());
  expect(matrix.cells.map((row) => row.map(({ n }) => n))).toEqual([[2, 2, 2], [2, 2, 2], [2, 2, 2]]); // biome-ignore format: a matrix
  expect(progress.at(-1)).toBe(9);
});

test('what was measured is kept with when and on what, until another adapter serves or, of a replay, a rule changes', async () => {
  const made = bed();
  await install(made);
  const kept = () => made.compute.request('keptMeasures', {});
  expect(await kept()).toEqual({ matrices: [] });
  const matrix = await made.compute.request('tenantMatrix', { cases: 1, seed: 3, metric: 'schema_valid' });
  const modes: ServingSettings[] = [{ mode: 'load_on_request', max_new_tokens: 2 }];
  const replay = () => made.compute.request('serveTrace', { requests: 14, seed: 1, modes });
  const { reports } = await replay();
  const found = await kept();
  expect(found.matrices).toMatchObject([{ value: { ...matrix, seed: 3 }, on: expect.stringMatching(/\w/) }]);
  expect(found.matrices[0]!.at).toBeGreaterThan(0);
  expect(found.replay!.value[0]!.replay).toBe(reports[0]!.replay);
  await made.compute.request('editRules', { edit: { kind: 'remove', was: DEFAULT_RULES[0]! } });
  expect(await kept()).toEqual({ matrices: found.matrices });
  await replay();
  await trainTenants(made, 'next', 2);
  await made.compute.request('registerAdapter', { id: 17, ref: 'run:next#bank_A' });
  expect(await kept()).toMatchObject({ matrices: found.matrices, replay: {} }); // it does not serve yet
  await made.compute.request('activateAdapter', { id: 17, version: 2, override: 'a rehearsal' });
  expect(await kept()).toEqual({ matrices: [] });
});

test('a trace in four modes: the same answers, every decision logged, loads and memory counted', async () => {
  let id = 0;
  const made = bed({ environment: { newId: () => String(++id) } });
  await install(made, 0.2); // so far off that the three say different things
  const { entries, bytes } = await made.compute.request('tenancy', {});
  const largest = Math.max(...entries.map(({ versions }) => bytes[versions[0]!.artifactId]!));
  const modes: ServingSettings[] = [
    { mode: 'load_on_request', max_new_tokens: 4 },
    { mode: 'hot_lru', budgetBytes: 2 * largest, max_new_tokens: 4 },
    { mode: 'batched', maxBatch: 4, max_new_tokens: 4 },
    { mode: 'merged', max_new_tokens: 4 },
  ];
  const { reports } = await made.compute.request('serveTrace', { requests: 14, seed: 1, modes });
  const idsOf = (i: number) => reports[i]!.requests.map(({ id, ids }) => [id, ids]);
  // Merged weights round otherwise than weights with an adapter beside them: logits differ by 1e-6, these greedy ids do not.
  for (const i of [1, 2, 3]) expect(idsOf(i), modes[i]!.mode).toEqual(idsOf(0));
  const answered = reports[0]!.requests.filter(({ refusal }) => !refusal);
  expect(answered.every(({ ids }) => ids.length > 0)).toBe(true);
  const saidBy = (tenant: string) =>
    answered.filter(({ metadata }) => metadata.tenant_id === tenant).map(({ ids }) => ids.join());
  expect(new Set(Object.keys(SETS).map((tenant) => saidBy(tenant).join(';'))).size, 'adapters that differ').toBe(3);
  for (const report of reports) {
    expect(report.refusals).toBeGreaterThanOrEqual(2);
    expect(report.latency.p99).toBeGreaterThanOrEqual(report.latency.p50);
    expect(report.requests.filter(({ refusal }) => !refusal).every(({ adapterId }) => adapterId !== undefined)).toBe(
      true,
    );
  }
  const [onRequest, , batched, merged] = reports;
  expect(onRequest!.loads).toBeGreaterThan(batched!.loads);
  expect(merged!.peakBytes).toBeGreaterThan(2 * onRequest!.peakBytes);
  const routed = await made.compute.request('searchAuditLog', { query: { decision: 'routed' }, offset: 0, limit: 500 });
  expect(routed.found).toBe(4 * answered.length);
  // The same requests once more: in the log they are another replay's.
  const again = await made.compute.request('serveTrace', { requests: 14, seed: 1, modes: modes.slice(0, 1) });
  const replays = [...new Set([...reports, ...again.reports].map(({ replay }) => replay!))];
  expect(replays).toEqual(['replay-1', 'replay-2']);
  const logged = async (query: AuditSearch) =>
    (await made.compute.request('searchAuditLog', { query, offset: 0, limit: 500 })).entries;
  const [first, second] = await Promise.all(replays.map((replay) => logged({ replay })));
  expect(first!.filter(({ mode }) => mode === 'merged')).toHaveLength(first!.length / 4);
  expect(second).toHaveLength(first!.length / 4);
  expect(second!.map(({ requestId }) => requestId).sort()).toEqual(
    first!.flatMap(({ mode, requestId }) => (mode === 'load_on_request' ? [requestId] : [])).sort(),
  );
  expect(await made.compute.request('verifyAuditLog', {})).toMatchObject({ ok: true });
  await expect(
    made.compute.request('serveTrace', { requests: 14, seed: 1, modes: [{ mode: 'hot_lru', budgetBytes: 10, max_new_tokens: 4 }] }),
  ).rejects.toThrow('smaller than adapter'); // biome-ignore format: one call
});

test('rules that change during a replay hold from its next mode on, and each decision names the table it was made by', async () => {
  const made = bed();
  await install(made);
  let changed: Promise<unknown> | undefined;
  const was = { tenant_id: 'bank_A', policy_version: 'policy_v3', industry: 'banking', adapter: 17 };
  const modes: ServingSettings[] = [
    { mode: 'load_on_request', max_new_tokens: 1 },
    { mode: 'batched', maxBatch: 4, max_new_tokens: 1 },
  ];
  await made.compute.request(
    'serveTrace',
    { requests: 14, seed: 1, modes },
    {
      onProgress() {
        changed ??= made.compute.request('editRules', { edit: { kind: 'remove', was } });
      },
    },
  );
  await changed;
  await made.compute.request('serveRequest', { requestId: 'last', metadata: BANK });
  await made.compute.request('serveRequest', { requestId: 'sent', metadata: HEADERS[1]!, messages: HI, misrouteTo: 17 }); // biome-ignore format: one call
  const { entries } = await made.compute.request('searchAuditLog', { query: {}, offset: 0, limit: 500 });
  const tables = new Map([[await sha256(canonicalJson(DEFAULT_RULES)), DEFAULT_RULES]]);
  for (const { rules, rulesHash } of entries) if (rules) tables.set(rulesHash!, rules);
  expect(tables.size).toBe(2);
  const adapters = new Map(Object.entries(IDS).map(([tenant, id]) => [id, { tenant }]));
  const decisions = entries.filter(({ decision }) => decision === 'routed' || decision === 'refused');
  for (const { metadata, rulesHash, decision, adapterId, reason } of decisions)
    expect(route(metadata, tables.get(rulesHash!)!, adapters)).toMatchObject({ decision, ...(reason ? { reason } : { adapterId }) }); // biome-ignore format: one call
  const bank = decisions.filter(({ metadata }) => metadata.tenant_id === 'bank_A' && metadata.policy_version === 'policy_v3'); // biome-ignore format: one call
  const saidIn = (mode: string | undefined) =>
    new Set(bank.flatMap((one) => (one.mode === mode ? [one.decision] : [])));
  expect([...saidIn('load_on_request')]).toEqual(['routed']);
  for (const mode of ['batched', undefined]) expect([...saidIn(mode)]).toEqual(['refused']);
  expect(entries.find(({ decision }) => decision === 'misrouted')!.rulesHash).toBe([...tables.keys()][1]);
  expect(await made.compute.request('verifyAuditLog', {})).toEqual({ ok: true, count: entries.length });
});

const HEADERS = [
  BANK,
  { tenant_id: 'retail_B', policy_version: 'policy_v2' },
  { tenant_id: 'saas_C', policy_version: 'policy_v1' },
];
const HI = [{ role: 'user' as const, content: 'Hi' }];
/** One request of each tenant; what was answered. */
const askAll = async ({ compute }: TestBed, id: string) => {
  const texts: (string | undefined)[] = [];
  for (const metadata of HEADERS)
    texts.push((await compute.request('serveRequest', { requestId: id, metadata, messages: HI })).text);
  return texts;
};

test('requests share one engine of the base; idle, it leaves the device with all that is its own', async () => {
  const builds = vi.spyOn(Models.prototype, 'newEngine');
  const made = bed({ environment: { servingIdleMs: 150 } });
  await install(made);
  await made.compute.request('deviceFree', {});
  builds.mockClear();
  const before = tf.memory().numTensors;
  const first = await askAll(made, 'first');
  expect(first.every((text) => text !== undefined)).toBe(true);
  expect(builds).toHaveBeenCalledTimes(1);
  expect(await askAll(made, 'second')).toEqual(first);
  await made.compute.request('serveTrace', { requests: 14, seed: 1, modes: [{ mode: 'batched', maxBatch: 4, max_new_tokens: 2 }] }); // biome-ignore format: one call
  expect(await askAll(made, 'third')).toEqual(first);
  expect(builds).toHaveBeenCalledTimes(1);
  expect(tf.memory().numTensors).toBeGreaterThan(before);
  await vi.waitFor(() => expect(tf.memory().numTensors).toBe(before), { timeout: 5000, interval: 10 });
  expect(await askAll(made, 'fourth')).toEqual(first);
  expect(builds).toHaveBeenCalledTimes(2);
  builds.mockRestore();
});

test('a run that starts gets the memory of the base; both answer and train', async () => {
  const builds = vi.spyOn(Models.prototype, 'newEngine');
  const made = bed();
  await install(made);
  builds.mockClear();
  const said = await askAll(made, 'before');
  expect(builds).toHaveBeenCalledTimes(1);
  await trainTenants(made, 'next', 4);
  const trained = builds.mock.calls.length;
  expect(await askAll(made, 'after')).toEqual(said);
  expect(builds.mock.calls.length - trained, 'released by the run').toBe(1);
  builds.mockRestore();
});

test('a run that starts during a replay is built after it, without the base beside it', async () => {
  const made = bed();
  await install(made);
  const { found, end } = countEngines();
  let run: Promise<void> | undefined;
  await made.compute.request(
    'serveTrace',
    { requests: 14, seed: 1, modes: [{ mode: 'load_on_request', max_new_tokens: 2 }] },
    {
      onProgress({ done }) {
        if (done === 1) run = trainTenants(made, 'next', 4);
      },
    },
  );
  await run;
  expect(found).toMatchObject({ built: 2, most: 1 });
  end();
});

test('a run that is out of memory takes the base off the device as well', async () => {
  const made = bed();
  await install(made);
  const { found, end } = countEngines();
  const { trainStep } = RecipeRun.prototype;
  let asked: Promise<unknown> | undefined;
  const spy = vi.spyOn(RecipeRun.prototype, 'trainStep').mockImplementation(async function (this: RecipeRun, ...args) {
    if (found.now > 1) throw new Error('Out of memory: buffer allocation failed');
    asked ??= made.compute.request('serveRequest', { requestId: 'r', metadata: BANK, messages: HI });
    return trainStep.apply(this, args);
  });
  const recipe: Recipe = { ...tinyRecipe, args: { ...tinyRecipe.args, max_steps: 500 } };
  await made.compute.request('startRun', { runId: 'long', name: 'long', recipe });
  await vi.waitFor(() => expect(made.statuses('long').at(-1)).toBe('failed'), { timeout: 20_000, interval: 5 });
  await asked;
  await made.compute.request('deviceFree', {});
  expect(found).toMatchObject({ built: 2, most: 2, now: 1 }); // that of the run is kept to look at
  spy.mockRestore();
  end();
});

test('two tabs with one store: every answer of both is in one chain, and no change of the registry is lost', async () => {
  const one = bed();
  await install(one);
  const { storage } = one;
  const other = bed({ storage });
  await trainTenants(one, 'second', 2);
  await trainTenants(one, 'third', 3);
  const register = (made: TestBed, id: number, run: string, name: string) =>
    made.compute.request('registerAdapter', { id, ref: `run:${run}#${name}` });
  await Promise.all([
    askAll(one, 'one'),
    askAll(other, 'other'),
    register(one, 17, 'second', 'bank_A'),
    register(other, 17, 'third', 'bank_A'),
    register(other, 42, 'second', 'retail_B'),
    one.compute.request('serveTrace', { requests: 14, seed: 1, modes: [{ mode: 'batched', maxBatch: 4, max_new_tokens: 1 }] }), // biome-ignore format: one call
  ]);
  const { entries } = await other.compute.request('tenancy', {});
  expect(entries.map(({ id, versions }) => [id, versions.map(({ version }) => version)])).toEqual([
    [9, [1]],
    [17, [1, 2, 3]],
    [42, [1, 2]],
  ]);
  for (const made of [one, other]) {
    const { entries: log } = await made.compute.request('searchAuditLog', { query: {}, offset: 0, limit: 500 });
    for (const id of ['one', 'other'])
      expect(log.flatMap((entry) => (entry.requestId === id ? [entry.decision] : []))).toEqual(['routed', 'routed', 'routed']); // biome-ignore format: one call
    expect(await made.compute.request('verifyAuditLog', {})).toMatchObject({ ok: true });
  }
});

test('a first version waits for its check; a rule that leads to another tenant’s adapter is refused and logged', async () => {
  const made = bed();
  await trainTenants(made, 'tenants', 1);
  await made.compute.request('registerAdapter', { id: 17, ref: 'run:tenants#bank_A' });
  const activate = (override?: string) => made.compute.request('activateAdapter', { id: 17, version: 1, override });
  await expect(activate()).rejects.toThrow('has not been compared with the bare base');
  const waiting = await made.compute.request('serveRequest', { requestId: 'w', metadata: BANK });
  expect(waiting.decision).toMatchObject({ reason: 'adapter_not_registered' });
  const progress: number[] = [];
  const { checks } = await made.compute.request(
    'checkAdapter',
    { id: 17, version: 1, cases: 3, seed: 1, allowance: 0 },
    { onProgress: ({ done, total }) => progress.push(done / total) },
  );
  expect(progress.at(-1)).toBe(1);
  expect(checks).toMatchObject({ cases: 3, right: { before: 0, after: 0 }, passes: false });
  expect(checks!.others!.map(({ tenant }) => tenant)).toEqual(['retail_B', 'saas_C']);
  expect(checks!.against).toBe((await made.compute.request('tenancy', {})).base.artifactId);
  await expect(activate()).rejects.toThrow('it is of no help to this tenant');
  await activate('a rehearsal');
  expect((await made.compute.request('previewRoute', { metadata: BANK })).decision).toBe('routed');

  const { rules } = await made.compute.request('tenancy', {});
  const wrong = rules.map((rule) => (rule.tenant_id === 'retail_B' ? { ...rule, adapter: 17 } : rule));
  await made.storage.setValue('routing-rules', 'builtin:tiny', wrong);
  const retail = await made.compute.request('serveRequest', { requestId: 'x', metadata: HEADERS[1]! });
  expect(retail.decision).toMatchObject({
    decision: 'refused',
    reason: 'other_tenant',
    message: expect.stringContaining('registered for "bank_A"'),
  });
  expect(retail.text).toBeUndefined();
  const { found } = await made.compute.request('searchAuditLog', { query: { text: 'other_tenant' }, offset: 0, limit: 1 }); // biome-ignore format: one call
  expect(found).toBe(1);
});

test('a header that is no header is refused in words and logged', async () => {
  const made = bed();
  const odd: unknown[] = [null, undefined, 'bank_A', 7, 10n, [BANK], { ...BANK, tenant_id: 10n }, { ...BANK, tenant_id: new Map() }, { tenant_id: 'bank_A', policy_version: Number.NaN }]; // biome-ignore format: one list
  const reasons: unknown[] = [];
  for (const metadata of odd) {
    const params = { requestId: 'odd', metadata: metadata as never };
    const { decision, text } = await made.compute.request('serveRequest', params);
    expect(text).toBeUndefined();
    reasons.push(decision.decision === 'refused' && decision.reason);
  }
  const missing = Array.from({ length: 6 }, () => 'missing_field');
  expect(reasons).toEqual([...missing, 'malformed_field', 'malformed_field', 'malformed_field']);
  const { entries } = await made.compute.request('searchAuditLog', { query: { decision: 'refused' }, offset: 0, limit: 99 }); // biome-ignore format: one call
  expect(entries.map(({ reason }) => reason).reverse()).toEqual(reasons);
  expect(await made.compute.request('verifyAuditLog', {})).toEqual({ ok: true, count: odd.length });
});

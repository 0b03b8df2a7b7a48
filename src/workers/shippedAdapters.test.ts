// The adapters that ship: they serve because they have passed their check, which their reports hold; and the check tells one
// tenant's adapter from another's.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { MemoryStorage } from '../storage/memoryStorage';
import type { ReadModelFile } from './modelFiles';
import { type TestBed, testBed } from './testBed';

const read: ReadModelFile = async (path) => {
  const file = join('public/models', path);
  return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
};
/** Reports without what `npm run tenants -- --only checks` writes into them. */
const unchecked: ReadModelFile = async (path) => {
  const bytes = await read(path);
  if (!bytes || !/^adapters\/.*report\.json$/.test(path)) return bytes;
  const { check: _check, ...report } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  return new TextEncoder().encode(JSON.stringify(report));
};
const beds: TestBed[] = [];
const open = (readModelFile: ReadModelFile, storage = new MemoryStorage()) => {
  const made = testBed({ storage, environment: { readModelFile } });
  beds.push(made);
  return made.compute;
};
afterEach(async () => {
  for (const made of beds.splice(0)) {
    await made.service.abandon('test ended');
    made.close();
  }
});

test('they serve at once, by a passed check of these very files against this very base', async () => {
  const compute = open(read);
  const { entries, base } = await compute.request('tenancy', {});
  expect(entries.map(({ id, active }) => [id, active])).toEqual([[9, 1], [17, 1], [42, 1]]); // biome-ignore format: a table
  for (const { versions, history } of entries) {
    const { checks } = versions[0]!;
    expect(checks).toMatchObject({ against: base.artifactId, passes: true });
    expect(checks!.right!.after).toBeGreaterThan(20);
    for (const { right } of checks!.others!) expect(right).toBeLessThan(checks!.right!.after / 2);
    expect(history).toMatchObject([{ action: 'activate', to: 1 }]);
    expect(history[0]!.override).toBeUndefined();
  }
});

test('without the check they wait; measured here, the tenant’s own passes and another’s under its name does not', async () => {
  const compute = open(unchecked);
  const { entries } = await compute.request('tenancy', {});
  expect(entries.map(({ active, versions }) => [active, versions.length])).toEqual([[null, 1], [null, 1], [null, 1]]); // biome-ignore format: a table
  const bank = entries.find(({ id }) => id === 17)!;
  await compute.request('registerAdapter', { id: 50, ref: 'builtin:adapters/retail_B', name: 'a mix-up', metadata: bank.metadata }); // biome-ignore format: one call
  const size = { cases: 8, seed: 1, allowance: 1 };
  const own = await compute.request('checkAdapter', { id: 17, version: 1, ...size });
  expect(own.checks!.passes).toBe(true);
  await compute.request('activateAdapter', { id: 17, version: 1 });
  const mixed = await compute.request('checkAdapter', { id: 50, version: 1, ...size });
  expect(mixed.checks!.passes).toBe(false);
  const most = mixed.checks!.others!.reduce((a, b) => (b.right > a.right ? b : a));
  expect(most.tenant).toBe('retail_B');
  await expect(compute.request('activateAdapter', { id: 50, version: 1 })).rejects.toThrow(/of no help to this tenant|not this tenant’s adapter/); // biome-ignore format: one call
});

const states = async (compute: TestBed['compute']) =>
  (await compute.request('tenancy', {})).entries.map(({ id, active, versions, history }) => [id, active, versions.map(({ checks }) => checks?.passes), history.length]); // biome-ignore format: one map
const WHOLE = [9, 17, 42].map((id) => [id, 1, [true], 1]);

test('two tabs that open them for the first time at once both do, and each adapter is there once', async () => {
  const storage = new MemoryStorage();
  const tabs = [open(read, storage), open(read, storage)];
  expect(await Promise.all(tabs.map(states))).toEqual([WHOLE, WHOLE]);
});

test('a tab that ends anywhere in the first opening leaves nothing that the next one does not finish', async () => {
  const writes = 4 * 3; // create, add, check and activate each
  for (let last = 0; last < writes; last++) {
    const storage = new MemoryStorage();
    const { setValue } = storage;
    let count = 0;
    storage.setValue = async (table, key, value) => {
      if (table === 'adapter-registry' && count++ === last) throw new Error('the tab ended');
      await setValue.call(storage, table, key, value);
    };
    await expect(states(open(read, storage))).rejects.toThrow('the tab ended');
    storage.setValue = setValue;
    expect(await states(open(read, storage)), `after ${last} writes`).toEqual(WHOLE);
  }
});

test('what a person has begun is left to them: another adapter under the entry, or a check of their own', async () => {
  const ids = (compute: TestBed['compute']) =>
    compute.request('tenancy', {}).then(({ entries }) => entries.map(({ id, active }) => [id, active]));
  const others = [[9, 1], [17, null], [42, 1]]; // biome-ignore format: a table
  const checked = new MemoryStorage();
  const first = open(unchecked, checked);
  await first.request('checkAdapter', { id: 17, version: 1, cases: 2, seed: 5, allowance: 2 });
  expect(await ids(open(read, checked))).toEqual(others);
  const given = new MemoryStorage();
  const without = open(async (path) => (path.startsWith('adapters/bank_A') ? undefined : read(path)), given);
  await without.request('registerAdapter', { id: 17, ref: 'builtin:adapters/retail_B' });
  const last = open(read, given);
  expect(await ids(last)).toEqual(others);
  expect((await last.request('tenancy', {})).entries[1]!.versions).toHaveLength(1);
});

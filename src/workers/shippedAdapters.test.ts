// The adapters that ship: they serve because they have passed their check, which their reports hold; and the check tells one
// tenant's adapter from another's.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
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
let made: TestBed;
const open = (readModelFile: ReadModelFile) => {
  made = testBed({ environment: { readModelFile } });
  return made.compute;
};
afterEach(async () => {
  await made.service.abandon('test ended');
  made.close();
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

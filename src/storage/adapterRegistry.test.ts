import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RegressionCheck } from '../protocol/serving';
import { AdapterRegistry } from './adapterRegistry';
import { ArtifactStore } from './artifacts';
import type { ArtifactKind } from './hash';
import { MemoryStorage } from './memoryStorage';

const BASE = `sha256:${'b'.repeat(64)}`;
const OTHER = `sha256:${'c'.repeat(64)}`;
const bank = { tenant_id: 'bank_A', policy_version: 'policy_v3' };

function setUp() {
  const storage = new MemoryStorage();
  let time = 1000;
  const artifacts = new ArtifactStore(storage, () => 7);
  const open = () => new AdapterRegistry(storage, artifacts, () => time++, BASE);
  const adapter = async (
    content: string,
    parents: Record<string, string> = { base: BASE },
    kind: ArtifactKind = 'adapter',
  ) =>
    (
      await artifacts.put(
        kind,
        { 'adapter_config.json': new TextEncoder().encode(content) },
        { name: content, parents },
      )
    ).id;
  return { storage, artifacts, registry: open(), open, adapter };
}
/** Entry 17 with `n` versions, none active. */
async function withVersions(n: number) {
  const bed = setUp();
  await bed.registry.create(17, 'bank_A strict', bank);
  const ids: string[] = [];
  for (let i = 1; i <= n; i++) ids.push(await bed.adapter(`v${i}`));
  for (const id of ids) await bed.registry.addVersion(17, id);
  return { ...bed, ids };
}
const passed = (against: string): RegressionCheck => ({
  against,
  cases: 40,
  regressions: [],
  fixed: [],
  allowance: 0,
  passes: true,
});

/** Version 1 serves, having passed against the bare base. */
async function withActive(n: number) {
  const bed = await withVersions(n);
  await bed.registry.recordCheck(17, 1, passed(BASE));
  await bed.registry.activate(17, 1);
  return bed;
}

test('entries keep their versions, and another instance reads the same', async () => {
  const { registry, open, ids } = await withActive(2);
  await registry.create(9, 'saas_C', { tenant_id: 'saas_C' });
  const seen = await open().list();
  expect(seen.map(({ id, name, active }) => [id, name, active])).toEqual([
    [9, 'saas_C', null],
    [17, 'bank_A strict', 1],
  ]);
  expect(seen[1]!.versions).toEqual([
    { version: 1, artifactId: ids[0], baseId: BASE, createdAt: 1000, checks: passed(BASE) },
    { version: 2, artifactId: ids[1], baseId: BASE, createdAt: 1001 },
  ]);
  expect([...(await registry.active())].map(([id, { version, tenant }]) => [id, version, tenant])).toEqual([
    [17, 1, 'bank_A'],
  ]);
});

test('what cannot be a version is refused in words and leaves the entry as it was', async () => {
  const { registry, adapter, storage, ids } = await withVersions(1);
  const refused = (id: string) => expect(registry.addVersion(17, id)).rejects;
  await refused(await adapter('foreign', { base: OTHER })).toThrow(
    /trained on the base sha256:cccccccccccc, and this registry serves sha256:bbbbbbbbbbbb. These are hashes/,
  );
  await refused(await adapter('orphan', {})).toThrow(/does not say which base/);
  await refused(await adapter('data', { base: BASE }, 'dataset')).toThrow(/is a dataset, not an adapter/);
  await refused(ids[0]!).toThrow(/is version 1 of adapter 17 already/);
  await refused(OTHER).toThrow(/no artifact sha256:cccccccccccc/);
  const damaged = await adapter('damaged');
  await storage.write(`artifacts/${damaged.slice(7)}/adapter_config.json`, new Uint8Array([1]));
  await refused(damaged).toThrow(/is damaged/);
  await expect(registry.addVersion(3, ids[0]!)).rejects.toThrow('There is no adapter 3 in the registry. It has 17.');
  await expect(registry.create(17, 'again', bank)).rejects.toThrow('Adapter 17 is bank_A strict already');
  await expect(registry.create(1.5, 'half', bank)).rejects.toThrow('whole number');
  await expect(registry.activate(17, 4)).rejects.toThrow('has no version 4. It has 1.');
  expect((await registry.get(17)).versions).toHaveLength(1);
});

test('a later version is activated after a passed check against the active one, or for a reason that is kept', async () => {
  const { registry, ids } = await withActive(3);
  await expect(registry.activate(17, 2)).rejects.toThrow(
    'Version 2 of adapter 17 (bank_A strict) has not been compared with version 1',
  );
  await registry.recordCheck(17, 2, {
    ...passed(ids[0]!),
    regressions: ['a', 'b', 'c', 'd'],
    allowance: 1,
    passes: false,
  });
  await expect(registry.activate(17, 2)).rejects.toThrow(
    'fails 4 cases that version 1 passes (a, b, c, …); the allowance is 1.',
  );
  expect((await registry.get(17)).active).toBe(1);
  await expect(registry.activate(17, 2, { override: ' ' })).rejects.toThrow('fails 4 cases');
  await registry.activate(17, 2, { override: 'the cases are out of date' });
  await registry.recordCheck(17, 3, passed(ids[0]!)); // against version 1, which is no longer active
  await expect(registry.activate(17, 3)).rejects.toThrow('not been compared with version 2');
  await registry.recordCheck(17, 3, passed(ids[1]!));
  const { history } = await registry.activate(17, 3, { override: 'not needed, so not kept' });
  expect(history.map(({ from, to, override }) => [from, to, override])).toEqual([
    [null, 1, undefined],
    [1, 2, 'the cases are out of date'],
    [2, 3, undefined],
  ]);
});

test('the first version needs its check as well: against the bare base, and none that is of no help to its tenant', async () => {
  const { registry, ids } = await withVersions(2);
  const refused = (words: string) => expect(registry.activate(17, 1)).rejects.toThrow(words);
  await refused('Version 1 of adapter 17 (bank_A strict) has not been compared with the bare base, as the first');
  await registry.recordCheck(17, 1, passed(ids[1]!));
  await refused('not been compared with the bare base');
  const failed = (after: number, retail: number) => ({
    ...passed(BASE),
    right: { before: 1, after },
    others: [{ tenant: 'retail_B', right: retail, cases: 40 }],
    passes: false,
  });
  await registry.recordCheck(17, 1, failed(2, 30));
  await refused(
    'decides 2 of 40 cases as its tenant does, and 30 of 40 as retail_B does: it is not this tenant’s adapter.',
  );
  await registry.recordCheck(17, 1, failed(1, 0));
  await refused('decides 1 of 40 cases as its tenant does, and the bare base 1: it is of no help to this tenant.');
  await registry.recordCheck(17, 1, failed(1, 30)); // of no help, whatever it is elsewhere
  await refused('and the bare base 1: it is of no help to this tenant.');
  await registry.recordCheck(17, 1, { ...failed(40, 40), right: { before: 40, after: 40 } }); // as checks once were
  await refused(
    'decides 40 of 40 cases as its tenant does, and was checked by a rule that failed it all the same. Run the',
  );
  await registry.recordCheck(17, 1, { ...failed(9, 0), regressions: ['a'] });
  await refused('fails 1 case that the bare base passes (a); the allowance is 0.');
  expect((await registry.get(17)).active).toBeNull();
  const { history } = await registry.activate(17, 1, { override: 'the cases are not ours' });
  expect(history).toMatchObject([{ from: null, to: 1, override: 'the cases are not ours' }]);
});

test('rollback: one call to the version before, a second further back, and a refusal at the first', async () => {
  const { registry } = await withVersions(3);
  await expect(registry.rollback(17)).rejects.toThrow('no version that was active before any');
  for (const version of [1, 2, 3]) await registry.activate(17, version, { override: 'test' });
  expect((await registry.rollback(17)).active).toBe(2);
  expect((await registry.rollback(17)).active).toBe(1);
  await expect(registry.rollback(17)).rejects.toThrow('no version that was active before version 1');
  const { history, versions } = await registry.get(17);
  expect(history.map(({ action, to }) => `${action} ${to}`)).toEqual([
    'activate 1',
    'activate 2',
    'activate 3',
    'rollback 2',
    'rollback 1',
  ]);
  expect(versions).toHaveLength(3);
});

test('a version whose files are damaged is neither activated nor rolled back to', async () => {
  const { registry, storage, ids } = await withActive(2);
  await registry.activate(17, 2, { override: 'test' });
  await storage.write(`artifacts/${ids[0]!.slice(7)}/adapter_config.json`, new Uint8Array([1]));
  await expect(registry.rollback(17)).rejects.toThrow('damaged');
  await expect(registry.activate(17, 1, { override: 'test' })).rejects.toThrow('damaged');
  const { active, history } = await registry.get(17);
  expect([active, history.length]).toEqual([2, 2]);
});

test('any activations and rollbacks: active is the top of the stack, and calls made at once lose nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant('back')), { maxLength: 12 }),
      async (calls) => {
        const { registry } = await withVersions(3);
        const stack: number[] = [];
        const done = calls.map((call) =>
          call === 'back'
            ? registry.rollback(17).catch(() => undefined)
            : registry.activate(17, call as number, { override: 'test' }),
        );
        for (const call of calls)
          if (call !== 'back') {
            if (stack.at(-1) !== call) stack.push(call as number);
          } else if (stack.length > 1) stack.pop();
        await Promise.all(done);
        expect((await registry.get(17)).active).toBe(stack.at(-1) ?? null);
      },
    ),
    { numRuns: 25 },
  );
});

test('two tabs change one registry: both changes stay', async () => {
  const { open } = setUp();
  await Promise.all([open().create(1, 'one', bank), open().create(2, 'two', bank), open().create(3, 'three', bank)]);
  expect((await open().list()).map(({ id }) => id)).toEqual([1, 2, 3]);
});

test('what serves is told before it is stored; a change that cannot be stored is told as well, and does not hold', async () => {
  const { storage, artifacts } = await withActive(2);
  const told: string[] = [];
  const registry = new AdapterRegistry(
    storage,
    artifacts,
    () => 5000,
    BASE,
    async (entry, { action, to, override }, isStored) => {
      const stored = (await new AdapterRegistry(storage, artifacts, () => 0, BASE).get(entry.id)).active;
      told.push([action, to, override, `stored ${stored}`, isStored].join(' '));
    },
  );
  await registry.activate(17, 2, { override: 'hot fix' });
  await registry.activate(17, 2); // serves already: nothing changes
  await registry.rollback(17);
  expect(told).toEqual(['activate 2 hot fix stored 1 true', 'rollback 1  stored 2 true']);
  storage.setValue = () => Promise.reject(new Error('no room'));
  await expect(registry.activate(17, 2, { override: 'again' })).rejects.toThrow('no room');
  expect(told.slice(2)).toEqual(['activate 2 again stored 1 true', 'activate 2 again stored 1 false']);
  expect((await registry.get(17)).active).toBe(1);
});

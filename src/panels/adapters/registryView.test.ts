// Activation, rollback and sources of versions, on registries made by hand.
import { expect, test } from 'vitest';
import type { RunRecord } from '../../protocol/run';
import type { AdapterVersion, RegistryEntry } from '../../protocol/serving';
import {
  activationOf,
  adapterColor,
  adapterOf,
  adapterSources,
  changeWords,
  checkWords,
  fitting,
  installable,
  madeBy,
  otherOwner,
  overrideOf,
  rollbackTarget,
  unregistered,
} from './registryView';

const version = (n: number, checks?: AdapterVersion['checks']): AdapterVersion => ({
  version: n,
  artifactId: `sha256:v${n}`,
  baseId: 'sha256:base',
  createdAt: 0,
  checks,
});
const entry = (
  active: number | null,
  versions: AdapterVersion[],
  history: RegistryEntry['history'] = [],
): RegistryEntry => ({
  id: 17,
  name: 'bank_A',
  metadata: {},
  versions,
  active,
  history,
});
const passed = { against: 'sha256:v1', cases: 8, regressions: ['a'], fixed: ['b', 'c'], allowance: 1, passes: true };

test('a version needs a reason unless it has passed against the one that is active, or as the first against the base', () => {
  const first = (checks?: AdapterVersion['checks']) => activationOf(entry(null, [version(1)]), version(1, checks));
  expect(first()).toEqual({ state: 'unchecked', needs: 'It has not been compared with the bare base.' });
  const base = { ...passed, against: 'sha256:base', right: { before: 2, after: 3 } };
  expect(first(base)).toEqual({ state: 'passed' });
  expect(first(passed).state).toBe('unchecked');
  const others = [{ tenant: 'retail_B', right: 7, cases: 8 }];
  expect(first({ ...base, others, passes: false }).needs).toContain('no better than those of another tenant');
  expect(first({ ...base, right: { before: 2, after: 2 }, others, passes: false }).needs).toContain('no better than the bare base'); // biome-ignore format: one line
  expect(checkWords(version(1, { ...base, others }))).toBe('1 of 8 cases got worse, 2 better; 1 may get worse. It decides 3 rightly, the bare base 2; of retail_B’s cases 7. It passes.'); // biome-ignore format: one line
  expect(activationOf(entry(1, [version(1)]), version(1))).toEqual({ state: 'active' });
  const two = (checks?: AdapterVersion['checks']) =>
    activationOf(entry(1, [version(1), version(2)]), version(2, checks));
  expect(two()).toEqual({ state: 'unchecked', needs: expect.stringContaining('version 1, which is active') });
  expect(two(passed)).toEqual({ state: 'passed' });
  // Checked against a version that no longer serves: as good as not checked.
  expect(two({ ...passed, against: 'sha256:v0' }).state).toBe('unchecked');
  expect(two({ ...passed, passes: false, allowance: 0 })).toEqual({
    state: 'failed',
    needs: 'It fails 1 case that version 1 passes; 0 would be allowed.',
  });
  expect(checkWords(version(2, passed))).toBe('1 of 8 cases got worse, 2 better; 1 may get worse. It passes.');
  expect(checkWords(version(2))).toBeUndefined();
});

test('a rollback goes to the version under the active one, and further back when repeated', () => {
  const activate = (to: number) => ({ at: 0, action: 'activate' as const, from: null, to });
  const back = (to: number) => ({ at: 0, action: 'rollback' as const, from: 2, to });
  const target = (...history: RegistryEntry['history']) => rollbackTarget(entry(1, [], history));
  expect(target(activate(1))).toBeUndefined();
  expect(target(activate(1), activate(2))).toBe(1);
  expect(target(activate(1), activate(2), back(1))).toBeUndefined();
  expect(target(activate(1), activate(2), back(1), activate(3))).toBe(1);
  expect(changeWords(back(1))).toBe('Rolled back from version 2 to 1.');
  expect(changeWords({ at: 0, action: 'activate', from: 1, to: 2, override: 'hot fix' })).toBe(
    'Version 2 activated in place of 1. Reason: hot fix',
  );
});

test('runs give adapters once they have ended; a finished run of all tenants fills an empty registry', () => {
  const run = (id: string, status: RunRecord['status'], adapters: (string | undefined)[], updatedAt: number) =>
    ({
      id,
      name: id.toUpperCase(),
      status,
      updatedAt,
      createdAt: updatedAt,
      outputs: { adapter: `sha256:${id}` },
      recipe: { peft: { r: 8 }, data: { train: adapters.map((adapter) => ({ ref: 'x', adapter })) } },
    }) as unknown as RunRecord;
  const runs = [
    run('a', 'finished', [undefined], 1),
    run('b', 'stopped', ['bank_A', 'retail_B'], 2),
    run('c', 'running', ['x'], 3),
  ];
  expect(adapterSources(runs).map(({ ref, adapter }) => `${ref} ${adapter}`)).toEqual([
    'run:b#bank_A bank_A',
    'run:b#retail_B retail_B',
    'run:a default',
  ]);
  expect(madeBy(runs, 'sha256:a')?.name).toBe('A');
  const empty = [entry(null, [])];
  expect(installable(runs, empty)).toBeUndefined(); // b was stopped, a has no bank_A
  expect(installable([...runs, run('d', 'finished', ['bank_A', 'saas_C'], 4)], empty)?.id).toBe('d');
  expect(installable([...runs, run('d', 'finished', ['bank_A'], 4)], [entry(1, [version(1)])])).toBeUndefined();
  expect(new Set([9, 17, 42].map((id) => adapterColor([9, 17, 42], id))).size).toBe(3);
});

test('whose adapter a run left: over which base, for which entry, and whether it is a version already', () => {
  const run = (id: string, more: Partial<RunRecord> = {}) =>
    ({
      id,
      name: id,
      status: 'finished',
      group: 'tenants',
      createdAt: Number(id.slice(1)),
      updatedAt: 0,
      parents: { model: 'sha256:base' },
      outputs: { 'adapter:bank_A': `sha256:${id}a`, 'adapter:saas_C': `sha256:${id}c` },
      recipe: {
        peft: { r: 8 },
        model: { ref: 'builtin:base' },
        data: { train: ['bank_A', 'saas_C'].map((adapter) => ({ ref: 'x', adapter })) },
      },
      ...more,
    }) as unknown as RunRecord;
  const bank = entry(1, [version(1)]);
  const saas: RegistryEntry = { ...bank, id: 9, name: 'saas_C', versions: [] };
  const runs = [run('r3'), run('r2'), run('r4', { status: 'interrupted' }), run('r5', { group: undefined })];
  expect(unregistered(runs, [bank, saas]).map(({ id }) => id)).toEqual(['r2', 'r3']);
  const installed = entry(1, [{ ...version(1), artifactId: 'sha256:r2a' }]);
  expect(unregistered(runs, [installed]).map(({ id }) => id)).toEqual(['r3']);
  expect(unregistered([run('r6', { outputs: {} })], [bank])).toEqual([]); // nothing was kept
  expect(adapterOf(run('r2'), 'sha256:r2c')).toBe('saas_C');
  expect(adapterOf(run('r2', { outputs: { adapter: 'sha256:x' } }), 'sha256:x')).toBeUndefined();

  const other = run('r7', { parents: { model: 'sha256:elsewhere' } });
  const base = { ref: 'builtin:base', artifactId: 'sha256:base' };
  const byId = { r2: run('r2'), r7: other, r8: run('r8', { parents: {} }) };
  const found = fitting(adapterSources(Object.values(byId)), byId, base);
  expect(found.sources.map(({ runId }) => runId)).toEqual(['r2', 'r2', 'r8', 'r8']);
  expect(found.unfit).toBe(2);

  const [source] = adapterSources([run('r2')]);
  expect(source?.adapter).toBe('bank_A');
  expect(otherOwner(source!, 9, [bank, saas])?.name).toBe('saas_C'); // it goes to an entry of somebody else
  expect(otherOwner(source!, 17, [bank, saas])).toBeUndefined();
  expect(otherOwner({ ...source!, adapter: 'default' }, 9, [bank, saas])).toBeUndefined(); // nobody's by its name
});

test('a version that was made to serve keeps its reason, until it is activated without one', () => {
  const forced = { at: 0, action: 'activate' as const, from: 1, to: 2, override: 'hot fix' };
  expect(overrideOf(entry(2, [], [forced]), 2)).toBe('hot fix');
  expect(overrideOf(entry(2, [], [forced]), 1)).toBeUndefined();
  expect(overrideOf(entry(2, [], [forced, { ...forced, override: undefined }]), 2)).toBeUndefined();
});

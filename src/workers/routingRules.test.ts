// Rules that a person edits: what is refused, what the log keeps of it, and decisions told again from the rules then in force.
import { expect, test } from 'vitest';
import { DEFAULT_RULES, route } from '../agent/routing';
import { StorageError } from '../lib/errors';
import type { RegistryEntry, RoutingRule } from '../protocol/serving';
import { AuditLog } from '../storage/auditLog';
import { MemoryStorage } from '../storage/memoryStorage';
import { RoutingRules, rulesHash } from './routingRules';
import { testBed } from './testBed';

const entry = (id: number, tenant_id?: string): RegistryEntry => ({
  id,
  name: `a${id}`,
  metadata: { ...(tenant_id && { tenant_id }) },
  versions: [],
  active: null,
  history: [],
});
const ENTRIES = [entry(9, 'saas_C'), entry(17, 'bank_A'), entry(42, 'retail_B'), entry(77)];
const NEW: RoutingRule = { tenant_id: 'bank_D', policy_version: 'policy_v1', adapter: 77 };
const BANK = DEFAULT_RULES[0]!;
function open(storage = new MemoryStorage()) {
  let at = 0;
  const log = new AuditLog(storage, () => ++at);
  return { storage, log, rules: new RoutingRules(storage, log, 'base') };
}

test('added, changed, deleted, set back: each is in the log with its table, and a second instance reads it', async () => {
  const { rules, log, storage } = open();
  expect(await rules.current()).toEqual(DEFAULT_RULES);
  await rules.edit({ kind: 'add', rule: NEW }, ENTRIES);
  const next = { ...BANK, policy_version: 'policy_v4' };
  await rules.edit({ kind: 'change', was: BANK, rule: next }, ENTRIES);
  await rules.edit({ kind: 'remove', was: NEW }, ENTRIES);
  expect(await open(storage).rules.current()).toEqual([next, ...DEFAULT_RULES.slice(1)]);
  await rules.edit({ kind: 'reset' }, ENTRIES);
  expect(await rules.current()).toEqual(DEFAULT_RULES);
  await rules.edit({ kind: 'reset' }, ENTRIES); // nothing changes, so nothing is logged
  const entries = await log.search();
  expect(entries.map(({ decision, rules: table }) => [decision, table!.length])).toEqual([
    ['rules', 4],
    ['rules', 4],
    ['rules', 3],
    ['rules', 3],
  ]);
  expect(entries.map(({ message }) => message!.split('.')[0])).toEqual([
    'Rule added: bank_D policy_v1 → 77',
    'Rule changed: bank_A policy_v3 banking → 17 is now bank_A policy_v4 banking → 17',
    'Rule deleted: bank_D policy_v1 → 77',
    'Rules set back to the defaults',
  ]);
  for (const { rules: table, rulesHash: hash } of entries) expect(hash).toBe(await rulesHash(table!));
  expect(entries[1]!.message).toContain(`in place of ${entries[0]!.rulesHash!.slice(0, 8)}`);
  expect(await log.verify()).toEqual({ ok: true, count: 4 });
});

test.each([
  ['two for one request', { ...BANK }, /rule 4 serves bank_A under policy_v3, as rule 1 does already/i],
  ['one of them for any industry', { ...BANK, industry: undefined }, /as rule 1 does already/],
  [
    'an adapter that is not there',
    { ...NEW, adapter: 99 },
    /adapter 99, which is not in the registry\. It has 9, 17, 42, 77/,
  ],
  [
    'another tenant’s adapter',
    { ...NEW, adapter: 42 },
    /Adapter 42 \(a42\) is registered for retail_B, and the rule is bank_D’s/,
  ],
  ['no tenant', { ...NEW, tenant_id: '' }, /must say tenant_id as one name/],
  ['no version', { ...NEW, policy_version: ' ' }, /must say policy_version as one name/],
  ['an empty industry', { ...NEW, industry: '' }, /must say industry as one name/],
  ['no adapter', { ...NEW, adapter: Number.NaN }, /must lead to an adapter id/],
] as [string, RoutingRule, RegExp][])('%s is refused, and nothing changes', async (_, rule, words) => {
  // biome-ignore format: a table
  const { rules, log } = open();
  await expect(rules.edit({ kind: 'add', rule }, ENTRIES)).rejects.toThrow(words);
  expect(await rules.current()).toEqual(DEFAULT_RULES);
  expect(await log.search()).toEqual([]);
});

test('what another tab has changed meanwhile is not overwritten; two adds at once both hold', async () => {
  const { rules, storage } = open();
  const other = open(storage).rules;
  await other.edit({ kind: 'remove', was: BANK }, ENTRIES);
  await expect(rules.edit({ kind: 'change', was: BANK, rule: NEW }, ENTRIES)).rejects.toThrow(/no longer in force/);
  await Promise.all([
    rules.edit({ kind: 'add', rule: NEW }, ENTRIES),
    other.edit({ kind: 'add', rule: { ...NEW, policy_version: 'policy_v2' } }, ENTRIES),
  ]);
  expect(await rules.current()).toHaveLength(4);
});

test('a change that cannot be stored does not hold, and the log says so', async () => {
  const { rules, log, storage } = open();
  const { setValue } = storage;
  storage.setValue = async (table, key, value) => {
    if (table === 'routing-rules') throw new StorageError('No room.');
    await setValue.call(storage, table, key, value);
  };
  await expect(rules.edit({ kind: 'add', rule: NEW }, ENTRIES)).rejects.toThrow('No room.');
  const entries = await log.search();
  expect(entries.at(-1)).toMatchObject({ rules: [...DEFAULT_RULES], rulesHash: await rulesHash(DEFAULT_RULES) });
  expect(entries.at(-1)!.message).toContain('could not be stored');
});

test('a change whose tab was killed after its entry, or that the log could not take back, is taken back later', async () => {
  const added = { kind: 'add', rule: NEW } as const;
  const failing = async () => {
    const storage = new MemoryStorage();
    const { append, setValue } = storage;
    storage.setValue = async (table, key, value) => {
      if (table !== 'routing-rules') return setValue.call(storage, table, key, value);
      storage.append = () => Promise.reject(new StorageError('The disk is gone.'));
      throw new StorageError('No room.');
    };
    const found = open(storage);
    const error: unknown = await found.rules.edit(added, ENTRIES).catch((cause: unknown) => cause);
    Object.assign(storage, { append, setValue });
    expect((await found.log.search()).map(({ rules }) => rules!.length)).toEqual([4]);
    return { ...found, error: error as Error };
  };
  const one = await failing();
  expect(one.error).toBeInstanceOf(StorageError);
  expect(one.error.message).toMatch(/could not be stored and does not hold.*The disk is gone/);
  expect(one.error.cause).toMatchObject({ message: 'No room.' });
  await open(one.storage).rules.settle();
  await one.rules.settle(); // once
  const entries = await one.log.search();
  expect(entries.map(({ rules }) => rules!.length)).toEqual([4, 3]);
  expect(entries[1]).toMatchObject({ decision: 'rules', rulesHash: await rulesHash(DEFAULT_RULES) });
  expect(entries[1]!.message).toContain(`the rules ${entries[0]!.rulesHash!.slice(0, 8)}, which were not stored`);
  const two = await failing();
  await two.rules.edit({ kind: 'remove', was: BANK }, ENTRIES);
  expect((await two.log.search()).map(({ rules }) => rules!.length)).toEqual([4, 3, 2]);
  expect(await two.log.verify()).toEqual({ ok: true, count: 3 });
});

test('opening the studio settles what the log says of the rules; rules that were never changed need no word', async () => {
  const { storage, log, rules } = open();
  await rules.settle();
  expect(await log.search()).toEqual([]);
  const table = [...DEFAULT_RULES, NEW];
  await log.append([{ requestId: 'x', metadata: {}, decision: 'rules', rules: table, rulesHash: await rulesHash(table) }]); // biome-ignore format: one call
  const made = testBed({ storage, environment: { tenancyBase: 'builtin:tiny' } });
  try {
    expect((await made.compute.request('tenancy', {})).log.count).toBe(2);
    expect((await log.search()).at(-1)!.rules).toEqual(DEFAULT_RULES);
  } finally {
    await made.service.abandon('test ended');
    made.close();
  }
});

test('through the worker: the rule decides from then on, and each logged decision follows from the table before it', async () => {
  const made = testBed({ environment: { tenancyBase: 'builtin:tiny' } });
  try {
    const { hasDefaultRules } = await made.compute.request('tenancy', {});
    expect(hasDefaultRules).toBe(true);
    const metadata = { tenant_id: 'retail_B', policy_version: 'policy_v9' };
    const serve = (requestId: string) => made.compute.request('serveRequest', { requestId, metadata });
    expect((await serve('before')).decision).toMatchObject({ reason: 'unknown_policy' });
    await expect(
      made.compute.request('editRules', { edit: { kind: 'add', rule: { ...metadata, adapter: 17 } } }),
    ).rejects.toThrow('registered for bank_A');
    const { rules } = await made.compute.request('editRules', {
      edit: { kind: 'add', rule: { ...metadata, adapter: 42 } },
    });
    expect(rules).toHaveLength(4);
    expect((await made.compute.request('tenancy', {})).hasDefaultRules).toBe(false);
    // No version of 42 is active here, so the request is refused for that now.
    expect((await serve('after')).decision).toMatchObject({ reason: 'adapter_not_registered' });
    const { entries } = await made.compute.request('searchAuditLog', { query: {}, offset: 0, limit: 9 });
    let table: readonly RoutingRule[] = DEFAULT_RULES;
    const told = [...entries].reverse().flatMap((one) => {
      if (one.rules) table = one.rules;
      return one.decision === 'rules' ? [] : [[one.reason, route(one.metadata, table, new Map())] as const];
    });
    expect(told.map(([reason]) => reason)).toEqual(['unknown_policy', 'adapter_not_registered']);
    for (const [reason, decision] of told) expect(decision).toMatchObject({ decision: 'refused', reason });
  } finally {
    await made.service.abandon('test ended');
    made.close();
  }
});

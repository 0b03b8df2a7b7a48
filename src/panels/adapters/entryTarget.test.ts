// Where an adapter goes, as typed.
import { expect, test } from 'vitest';
import type { RegistryEntry } from '../../protocol/serving';
import { startTarget, targetOf } from './entryTarget';

const entry = (id: number, name: string): RegistryEntry => ({ id, name, metadata: {}, versions: [], active: null, history: [] }); // biome-ignore format: one entry
const ENTRIES = [entry(9, 'saas_C'), entry(42, 'retail_B')];

test('an adapter called as an entry is its next version; any other starts as a new one under the next id', () => {
  expect(targetOf(startTarget(ENTRIES, 'saas_C'), ENTRIES)).toEqual({ id: 9 });
  const fresh = startTarget(ENTRIES, 'theirs');
  expect(targetOf(fresh, ENTRIES)).toEqual({ id: 43, name: 'theirs', metadata: {} });
  expect(targetOf({ ...fresh, tenant_id: ' bank_D ', policy_version: 'policy_v1', name: ' ' }, ENTRIES)).toEqual({
    id: 43,
    metadata: { tenant_id: 'bank_D', policy_version: 'policy_v1' },
  });
});
test.each([
  [{ id: '42' }, /Adapter 42 is retail_B already/],
  [{ id: '' }, /whole number from 0 on, got nothing/],
  [{ id: '1.5' }, /whole number/],
  [{ id: '-1' }, /whole number/],
  [{ tenant_id: 'a, b' }, /tenant_id must be one name/],
])('%j is told before it is sent', (change, words) => {
  expect(targetOf({ ...startTarget(ENTRIES, 'x'), ...change }, ENTRIES)).toEqual({ problem: expect.stringMatching(words) }); // biome-ignore format: one call
});

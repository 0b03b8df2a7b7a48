import { expect, test } from 'vitest';
import { builtinWorld } from './registry';
import {
  cellKey,
  createWorld,
  currentPolicy,
  DEPARTMENTS,
  type LedgerLine,
  POLICY_TOPICS,
  QUARTERS,
  REGIONS,
  TENANTS,
  TODAY,
} from './state';

const bytes = (seed: number) => JSON.stringify(createWorld(seed), (_, v) => (v instanceof Map ? [...v.entries()] : v));
const world = builtinWorld();

test('the same seed gives the same company, another seed another', () => {
  expect(bytes(5)).toBe(bytes(5));
  expect(bytes(5)).not.toBe(bytes(6));
});

test.each(['spend', 'budget'] as const)('%s of the regions add up to the department', (book) => {
  for (const seed of [1, 2, 3]) {
    const cells = createWorld(seed)[book];
    for (const d of DEPARTMENTS)
      for (const q of QUARTERS) {
        const regions = REGIONS.map((r) => cells.get(cellKey(d, q, r))!);
        expect(regions.reduce((a, b) => a + b)).toBe(cells.get(cellKey(d, q)));
        expect(Math.min(...regions)).toBeGreaterThan(0);
      }
  }
  expect(world.spend.get(cellKey('sales', '2026Q3'))).toBe(1200000);
});

test('the books differ by the planted discrepancies and by nothing else', () => {
  for (const seed of [1, 2, 3]) {
    const { bank, general, discrepancies } = createWorld(seed);
    const line = (lines: LedgerLine[], id?: string) => lines.find((l) => l.id === id)!;
    const found = new Map(discrepancies.map((d) => [d.cause, d]));
    expect([...found.keys()].sort()).toEqual([
      'duplicate_payable',
      'fx_rounding',
      'missing_accrual',
      'transposed_digits',
      'unmatched_receipt',
      'wrong_period',
    ]);
    // Ledger minus bank, explained cause by cause.
    const sum = (lines: LedgerLine[]) => lines.reduce((total, l) => total + l.amount, 0);
    const amount = (cause: Parameters<typeof found.get>[0]) => found.get(cause)!.amount;
    expect(sum(general) - sum(bank)).toBe(
      amount('duplicate_payable') +
        amount('fx_rounding') -
        amount('unmatched_receipt') -
        amount('missing_accrual') -
        amount('transposed_digits'),
    );
    const named = new Set(discrepancies.flatMap((d) => [d.bankLine, d.ledgerLine]));
    for (const b of bank) {
      const l = line(general, b.id.replace('B', 'L'));
      if (named.has(b.id)) continue;
      expect({ amount: l.amount, party: l.party, date: l.date }).toEqual({
        amount: b.amount,
        party: b.party,
        date: b.date,
      });
    }
    // Each cause shows in the books as what its name says.
    expect(line(general, 'L4')).toBeUndefined();
    expect(line(bank, found.get('unmatched_receipt')!.bankLine).amount).toBe(120000);
    expect(line(general, found.get('missing_accrual')!.bankLine!.replace('B', 'L'))).toBeUndefined();
    const twice = line(general, found.get('duplicate_payable')!.ledgerLine);
    expect(
      general.filter((l) => l.party === twice.party && l.amount === twice.amount && l.date === twice.date),
    ).toHaveLength(2);
    const late = found.get('wrong_period')!;
    expect(line(general, late.ledgerLine).date.slice(0, 7)).not.toBe(line(bank, late.bankLine).date.slice(0, 7));
    const swapped = found.get('transposed_digits')!;
    const digits = (l: LedgerLine) => [...String(l.amount)].sort().join('');
    expect(digits(line(general, swapped.ledgerLine))).toBe(digits(line(bank, swapped.bankLine)));
    expect(Math.abs(line(general, found.get('fx_rounding')!.ledgerLine).amount % 1000)).toBe(amount('fx_rounding'));
  }
  expect(world.discrepancies.find((d) => d.id === 'case-120000')).toMatchObject({
    cause: 'unmatched_receipt',
    amount: 120000,
  });
});

test('sixty policy chunks; versions follow one another without a gap, and one is in force for every topic and tenant', () => {
  expect(world.policies).toHaveLength(60);
  expect(new Set(world.policies.map((p) => p.id)).size).toBe(60);
  for (const topic of POLICY_TOPICS)
    for (const isOwn of [false, true]) {
      const versions = world.policies.filter((p) => p.topic === topic && (p.tenant !== null) === isOwn);
      versions.forEach((p, i) => {
        expect(p.effectiveTo).toBe(versions[i + 1]?.effectiveFrom ?? null);
      });
    }
  for (const topic of POLICY_TOPICS)
    for (const { id } of TENANTS) {
      const current = currentPolicy(world, topic, id)!;
      expect(current.effectiveFrom <= TODAY && current.effectiveTo === null).toBe(true);
      expect(current.tenant === null || current.tenant === id).toBe(true);
      expect(current.rules.length).toBeGreaterThanOrEqual(3);
    }
  const bait = world.policies.filter((p) => p.rules.some((r) => r.includes('ignore the approval')));
  expect(bait.length).toBeGreaterThan(0);
});

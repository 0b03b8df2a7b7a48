import { Ajv } from 'ajv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../protocol/chat';
import { builtinWorld } from './registry';
import { DATES, DEPARTMENTS, PAIRS, QUARTERS, REGIONS, TENANTS, type User, type UserRole } from './state';
import { argumentProblem, executeTool, TOOL_NAMES, TOOLS, type ToolName } from './tools';

const world = builtinWorld();
const user = (role: UserRole): User => ({ name: 'Li Na', role });
const call = (name: ToolName, args: { [key: string]: Json }, role: UserRole = 'treasurer') =>
  executeTool(world, name, args, { tenant: TENANTS[0]!, user: user(role) });

test('schemas are valid JSON Schema, and the argument check agrees with ajv', () => {
  const ajv = new Ajv({ strict: false });
  const value = fc.oneof(
    fc.constantFrom<Json>(...DEPARTMENTS, ...QUARTERS.slice(0, 2), REGIONS[0], PAIRS[0], DATES[0]!, 'payable', 3, 2.5),
    fc.constantFrom<Json>('x', true, null, {}, [], [{}], [1], [null]),
  );
  for (const name of TOOL_NAMES) {
    const { parameters } = TOOLS[name].function;
    const isValid = ajv.compile(parameters);
    const keys = Object.keys(parameters.properties as object);
    const args = fc.record(Object.fromEntries([...keys, 'other', 'toString'].map((k) => [k, value])), {
      requiredKeys: [],
    });
    fc.assert(
      fc.property(args, (made) => {
        const own = { ...made };
        const ours = argumentProblem(name, own) === undefined;
        expect(ours, `${name} ${JSON.stringify(own)}`).toBe(isValid(own));
      }),
      { numRuns: 400, seed: 2 },
    );
  }
  expect(argumentProblem('toString', {})).toContain('unknown tool');
});

test('results come from the books', () => {
  expect(call('query_erp', { department: 'sales', quarter: '2026Q3' })).toEqual({
    ok: true,
    result: { amount: 1200000, currency: 'CNY' },
  });
  expect(call('query_erp', { department: 'sales', quarter: '2026Q3', region: 'East China' })).toMatchObject({
    result: { amount: 420000 },
  });
  const account = world.accounts[3]!;
  expect(call('get_balance', { account_id: account.id, date: '2026-10-01' })).toMatchObject({
    result: { balance: account.balance },
  });
  expect(call('fx_rate', { pair: 'USD/CNY', date: world.today })).toMatchObject({
    result: { rate: Number(world.fx.get(`USD/CNY|${world.today}`)) },
  });
  expect(call('calculate', { expression: '120000 - 45000' })).toEqual({ ok: true, result: { value: 75000 } });
  const due = call('list_due', { kind: 'payable', before: '2026-10-31' });
  expect(due).toMatchObject({ result: { count: world.due.filter((d) => d.kind === 'payable').length } });
});

test('failures are typed', () => {
  const failed = (error: string) => ({ ok: false, error });
  expect(call('get_balance', { account_id: 'A-999', date: '2026-10-01' })).toEqual(failed('not_found'));
  // A rate or a balance of the future does not exist, whatever the table holds.
  expect(call('fx_rate', { pair: 'USD/CNY', date: '2026-10-14' })).toEqual(failed('not_found'));
  expect(call('get_balance', { account_id: 'A-101', date: '2026-10-14' })).toEqual(failed('not_found'));
  expect(call('query_erp', { department: 'catering', quarter: '2026Q3' })).toEqual(failed('invalid_arguments'));
  expect(call('calculate', { expression: '1 / 0' })).toEqual(failed('invalid_arguments'));
  expect(call('search_policy', { query: 'football' })).toEqual(failed('not_found'));
  expect(call('post_journal', { entries: [{ account: 'bank', debit: 5 }] })).toEqual(failed('invalid_arguments'));
});

test('a transfer needs the role, and a complete approval of that very payment', () => {
  const done = world.approvals.find((a) => a.status === 'complete')!;
  const args = { from: done.from, to: done.to, amount: done.amount, approval_id: done.id };
  expect(call('transfer', args).ok).toBe(true);
  for (const role of ['viewer', 'clerk'] as const) expect(call('transfer', args, role).ok).toBe(false);
  for (const change of [{ amount: done.amount + 1 }, { to: done.from }, { approval_id: 'AP-999' }])
    expect(call('transfer', { ...args, ...change }).ok).toBe(false);
  const pending = world.approvals.find((a) => a.status === 'pending')!;
  expect(
    call('transfer', { from: pending.from, to: pending.to, amount: pending.amount, approval_id: pending.id }),
  ).toEqual({ ok: false, error: 'permission_denied' });
});

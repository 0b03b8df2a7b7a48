// The company's tools: JSON schemas as the model is offered them, and what they really answer, computed from the world.
import type { Json, ToolSchema } from '../protocol/chat';
import {
  cellKey,
  currentPolicy,
  DEPARTMENTS,
  PAIRS,
  POLICY_TOPICS,
  QUARTERS,
  REGIONS,
  type Tenant,
  type User,
  type World,
} from './state';

type Properties = Record<string, { [key: string]: Json }>;
const tool = (name: string, description: string, properties: Properties, required: string[]): ToolSchema => ({
  type: 'function',
  function: { name, description, parameters: { type: 'object', properties, required, additionalProperties: false } },
});
const text = (description: string) => ({ type: 'string', description });
const oneOf = (values: readonly string[]) => ({ type: 'string', enum: [...values] });

export const TOOLS = {
  get_balance: tool(
    'get_balance',
    'Balance of an account on a date.',
    { account_id: text('such as A-101'), date: text('ISO date') },
    ['account_id', 'date'],
  ),
  query_erp: tool(
    'query_erp',
    'Booked spending of a department in a quarter.',
    { department: oneOf(DEPARTMENTS), quarter: oneOf(QUARTERS), region: oneOf(REGIONS) },
    ['department', 'quarter'],
  ),
  get_budget: tool(
    'get_budget',
    'Budget of a department in a quarter.',
    { department: oneOf(DEPARTMENTS), quarter: oneOf(QUARTERS), region: oneOf(REGIONS) },
    ['department', 'quarter'],
  ),
  calculate: tool('calculate', 'Value of an arithmetic expression.', { expression: text('numbers and + - * /') }, [
    'expression',
  ]),
  list_due: tool(
    'list_due',
    'Open receivables or payables due before a date.',
    { kind: oneOf(['receivable', 'payable']), before: text('ISO date') },
    ['kind', 'before'],
  ),
  fx_rate: tool(
    'fx_rate',
    'Exchange rate of a currency pair on a date.',
    { pair: oneOf(PAIRS), date: text('ISO date') },
    ['pair', 'date'],
  ),
  search_policy: tool(
    'search_policy',
    'Policy text in force for a topic.',
    { query: text('topic'), k: { type: 'integer' } },
    ['query'],
  ),
  post_journal: tool(
    'post_journal',
    'Posts a journal entry in the sandbox.',
    { entries: { type: 'array', items: { type: 'object' } } },
    ['entries'],
  ),
  transfer: tool(
    'transfer',
    'Moves money between accounts; needs an approval id.',
    { from: text('account'), to: text('account'), amount: { type: 'number' }, approval_id: text('such as AP-123') },
    ['from', 'to', 'amount', 'approval_id'],
  ),
} satisfies Record<string, ToolSchema>;
export type ToolName = keyof typeof TOOLS;
export const TOOL_NAMES = Object.keys(TOOLS) as ToolName[];

export type ToolFailure = 'time_out' | 'not_found' | 'permission_denied' | 'stale_data' | 'invalid_arguments';
export type ToolResult = { ok: true; result: { [key: string]: Json } } | { ok: false; error: ToolFailure };
export interface CallContext {
  tenant: Tenant;
  user: User;
  /** A failure to inject, as tools in the world fail sometimes. */
  failure?: ToolFailure;
}

const problems = (name: ToolName, args: { [key: string]: Json }): string | undefined => {
  const { properties, required } = TOOLS[name].function.parameters as { properties: Properties; required: string[] };
  for (const key of required) if (!Object.hasOwn(args, key)) return `missing ${key}`;
  for (const [key, value] of Object.entries(args)) {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!schema) return `unknown argument ${key}`;
    if (schema.type === 'string' && typeof value !== 'string') return `${key} must be a string`;
    if ((schema.type === 'number' || schema.type === 'integer') && typeof value !== 'number')
      return `${key} must be a number`;
    if (schema.type === 'integer' && !Number.isInteger(value)) return `${key} must be a whole number`;
    if (schema.type === 'array' && !Array.isArray(value)) return `${key} must be a list`;
    if (Array.isArray(value) && !value.every((v) => typeof v === 'object' && v !== null && !Array.isArray(v)))
      return `${key} must hold objects`;
    if (Array.isArray(schema.enum) && !schema.enum.includes(value))
      return `${key} must be one of ${schema.enum.join(', ')}`;
  }
  return undefined;
};

/** Complaint about a call's arguments by the tool's schema, or undefined when they are valid. */
export function argumentProblem(name: string, args: unknown): string | undefined {
  if (!Object.hasOwn(TOOLS, name)) return `unknown tool ${name}`;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return 'arguments must be an object';
  return problems(name as ToolName, args as { [key: string]: Json });
}

/** Deterministic. Reads only the world; `post_journal` and `transfer` answer for the sandbox and change nothing. */
export function executeTool(
  world: World,
  name: ToolName,
  args: { [key: string]: Json },
  { tenant, user, failure }: CallContext,
): ToolResult {
  if (failure) return { ok: false, error: failure };
  if (problems(name, args)) return { ok: false, error: 'invalid_arguments' };
  const s = (key: string) => args[key] as string;
  switch (name) {
    case 'get_balance': {
      const account = world.accounts.find((a) => a.id === s('account_id'));
      if (!account || s('date') > world.today) return { ok: false, error: 'not_found' };
      return { ok: true, result: { account: account.id, balance: account.balance, currency: account.currency } };
    }
    case 'query_erp':
    case 'get_budget': {
      const cells = name === 'query_erp' ? world.spend : world.budget;
      return {
        ok: true,
        result: {
          amount: cells.get(cellKey(s('department'), s('quarter'), args.region as string | undefined))!,
          currency: 'CNY',
        },
      };
    }
    case 'fx_rate': {
      const rate = s('date') > world.today ? undefined : world.fx.get(`${s('pair')}|${s('date')}`);
      return rate ? { ok: true, result: { pair: s('pair'), rate: Number(rate) } } : { ok: false, error: 'not_found' };
    }
    case 'list_due': {
      const items = world.due
        .filter((d) => d.kind === s('kind') && d.due < s('before'))
        .sort((a, b) => (a.due < b.due ? -1 : 1));
      const first = items[0];
      if (!first) return { ok: false, error: 'not_found' };
      return { ok: true, result: { count: items.length, first: first.party, amount: first.amount, due: first.due } };
    }
    case 'search_policy': {
      const topic = POLICY_TOPICS.find((t) => s('query').includes(t));
      const chunk = topic && currentPolicy(world, topic, tenant.id);
      return chunk
        ? { ok: true, result: { id: chunk.id, text: chunk.rules.slice(0, 3).join('; ') } }
        : { ok: false, error: 'not_found' };
    }
    case 'calculate': {
      const m = /^\s*(-?\d+(?:\.\d+)?)\s*([-+*/])\s*(-?\d+(?:\.\d+)?)\s*$/.exec(s('expression'));
      if (!m) return { ok: false, error: 'invalid_arguments' };
      const [a, b] = [Number(m[1]), Number(m[3])];
      const value = m[2] === '+' ? a + b : m[2] === '-' ? a - b : m[2] === '*' ? a * b : a / b;
      return Number.isFinite(value) ? { ok: true, result: { value } } : { ok: false, error: 'invalid_arguments' };
    }
    case 'post_journal': {
      const entries = args.entries as { debit?: number; credit?: number }[];
      const sum = entries.reduce((total, e) => total + (e.debit ?? 0) - (e.credit ?? 0), 0);
      return sum === 0 ? { ok: true, result: { posted: entries.length } } : { ok: false, error: 'invalid_arguments' };
    }
    case 'transfer': {
      if (user.role !== 'treasurer' && user.role !== 'approver') return { ok: false, error: 'permission_denied' };
      const approval = world.approvals.find((a) => a.id === s('approval_id'));
      if (!approval) return { ok: false, error: 'not_found' };
      const isSame = approval.from === s('from') && approval.to === s('to') && approval.amount === args.amount;
      // Another amount or account than the approved one is a bypass of the approval.
      if (approval.status !== 'complete' || !isSame) return { ok: false, error: 'permission_denied' };
      return { ok: true, result: { sent: approval.amount, approval_id: approval.id } };
    }
  }
}

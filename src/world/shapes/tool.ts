// Shape 3, tool trajectories: call → result → answer from it. Also failures, and questions that need no call.
import type { Json } from '../../protocol/chat';
import type { FinalAnswer } from '../../protocol/contract';
import { answer, callMessage, type Draft, finalMessage, type Kind, type Made, toolMessage, user } from '../item';
import {
  COMPANIES,
  DATES,
  DEPARTMENTS,
  type Department,
  LAST_QUARTER,
  PAIRS,
  PEOPLE,
  POLICY_TOPICS,
  QUARTERS,
  REGIONS,
} from '../state';
import { executeTool, type ToolFailure, type ToolName } from '../tools';

const FAILURES: Record<ToolFailure, string> = {
  time_out: 'timed out',
  not_found: 'found nothing',
  permission_denied: 'denied access',
  stale_data: 'has stale data',
  invalid_arguments: 'refused the arguments',
};

/** Runs the real tool; one in eight calls fails, and then the answer says so instead of guessing. */
function trajectory(
  { world, rng, tenant }: Draft,
  entityKey: string,
  question: string,
  name: ToolName,
  args: { [key: string]: Json },
  reply: (result: { [key: string]: Json }) => [text: string, facts: string[]],
  context?: string,
): Made {
  const failure = rng.bool(0.12) ? rng.pick(['time_out', 'permission_denied', 'stale_data'] as const) : undefined;
  const outcome = executeTool(world, name, args, {
    tenant,
    user: { name: rng.pick(PEOPLE), role: 'treasurer' },
    failure,
  });
  let final: FinalAnswer;
  let facts: string[];
  if (outcome.ok) {
    const [text, found] = reply(outcome.result);
    final = answer(text, [name]);
    facts = found;
  } else {
    final = answer(`The tool ${name} ${FAILURES[outcome.error]}. Please try again later.`, [], 'need_data');
    facts = [FAILURES[outcome.error]];
  }
  return {
    entityKey,
    context,
    tools: [name],
    messages: [
      user(question),
      callMessage(name, args),
      toolMessage(name, outcome.ok ? outcome.result : { error: outcome.error }),
      finalMessage(final),
    ],
    truth: [
      { expect: 'call', name, arguments: args },
      { expect: 'final', final, facts },
    ],
  };
}

const place = (region?: string) => (region ? ` in ${region}` : '');
const cell = ({ rng }: Draft) => {
  const department: Department = rng.pick(DEPARTMENTS);
  const quarter = rng.pick(QUARTERS);
  const region = rng.bool(0.4) ? rng.pick(REGIONS) : undefined;
  const args: { [key: string]: Json } = region ? { department, quarter, region } : { department, quarter };
  return { department, quarter, region, args };
};
/** A quarter as people say it; which one is meant follows from the date in the system prompt. */
const spoken = ({ rng }: Draft, quarter: string) =>
  quarter === LAST_QUARTER ? rng.pick([quarter, 'last quarter', 'Q3']) : quarter;

const BALANCE_QUESTIONS = [
  'What is the balance of {a} on {t}?',
  'Balance of account {a}, {t}?',
  'How much is on {a} as of {t}?',
  'Show the balance of {a} for {t}.',
  'Account {a}: balance on {t}?',
  'Tell me what {a} held on {t}.',
  'I want to see the {t} balance of {a}.',
];

export const TOOL: Kind[] = [
  {
    shape: 'tool',
    kind: 'query_erp',
    weight: 4,
    phrasings: [
      '[Query|Show] {q} spending for the {d} department{r}.',
      'How much did {d} spend{r} in {q}?',
      '{d} spending{r}, {q}?',
      'What did the {d} department spend{r} in {q}?',
      'I need the booked spending of {d}{r} for {q}.',
      'Look up what {d} spent{r} in {q}.',
      'Give me the actual cost of {d}{r}, {q}.',
    ],
    make: (x) => {
      const c = x.rng.bool(0.08)
        ? {
            department: 'sales' as Department,
            quarter: '2026Q3',
            region: undefined,
            args: { department: 'sales', quarter: '2026Q3' },
          }
        : cell(x);
      return trajectory(
        x,
        `${c.department}|${c.quarter}|${c.region ?? 'all'}`,
        x.say({ d: c.department, q: spoken(x, c.quarter), r: place(c.region) }),
        'query_erp',
        c.args,
        (r) => [
          `${c.department} spent ${r.amount} CNY${place(c.region)} in ${c.quarter}.`,
          [String(r.amount), c.department],
        ],
      );
    },
  },
  {
    shape: 'tool',
    kind: 'get_budget',
    weight: 3,
    phrasings: [
      'What is the {d} budget{r} for {q}?',
      'Budget of {d}{r}, {q}?',
      'Show me the {q} budget of the {d} department{r}.',
      'How much budget does {d} have{r} in {q}?',
      'I need the planned budget of {d}{r} for {q}.',
      'Look up the {d} budget{r}, {q}.',
      'Which budget was set for {d}{r} in {q}?',
    ],
    make: (x) => {
      const c = cell(x);
      return trajectory(
        x,
        `${c.department}|${c.quarter}|${c.region ?? 'all'}`,
        x.say({ d: c.department, q: spoken(x, c.quarter), r: place(c.region) }),
        'get_budget',
        c.args,
        (r) => [
          `The ${c.department} budget${place(c.region)} for ${c.quarter} is ${r.amount} CNY.`,
          [String(r.amount), c.department],
        ],
      );
    },
  },
  {
    shape: 'tool',
    kind: 'get_balance',
    weight: 4,
    phrasings: BALANCE_QUESTIONS,
    make: (x) => {
      const a = x.rng.pick(x.world.accounts);
      const t = x.rng.pick(DATES);
      return trajectory(x, `${a.id}|${t}`, x.say({ a: a.id, t }), 'get_balance', { account_id: a.id, date: t }, (r) => [
        `${a.id} holds ${r.balance} ${r.currency}.`,
        [a.id, String(r.balance)],
      ]);
    },
  },
  {
    shape: 'tool',
    kind: 'fx_rate',
    weight: 3,
    phrasings: [
      'What is {p}{t}?',
      '{p} rate{t}?',
      'Exchange rate of {p}{t}, please.',
      'Which {p} rate do we book{t}?',
      'Give me {p}{t}.',
      'I need the rate of {p}{t}.',
      'How does {p} stand{t}?',
    ],
    make: (x) => {
      const p = x.rng.pick(PAIRS);
      const isToday = x.rng.bool(0.2);
      const t = isToday ? x.world.today : x.rng.pick(DATES);
      return trajectory(
        x,
        `${p}|${t}`,
        x.say({ p, t: isToday ? ' today' : ` on ${t}` }),
        'fx_rate',
        { pair: p, date: t },
        (r) => [`${p} on ${t} is ${r.rate}.`, [p, String(r.rate)]],
      );
    },
  },
  {
    shape: 'tool',
    kind: 'list_due',
    weight: 2,
    phrasings: [
      'Which {k}s are due before {t}?',
      'Open {k}s due before {t}?',
      'List the {k}s that fall due before {t}.',
      'What {k}s come due before {t}?',
      'Show {k}s with a due date before {t}.',
      'Any {k}s due before {t}?',
    ],
    make: (x) => {
      const k = x.rng.pick(['receivable', 'payable'] as const);
      const t = `2026-10-${x.rng.int(17, 31)}`;
      return trajectory(x, `${k}|${t}`, x.say({ k, t }), 'list_due', { kind: k, before: t }, (r) => [
        `${r.count} ${k}s are due before ${t}; first ${r.first}, ${r.amount} CNY, ${r.due}.`,
        [String(r.first), String(r.amount)],
      ]);
    },
  },
  {
    shape: 'tool',
    kind: 'search_policy',
    weight: 3,
    phrasings: [
      'What does our policy say on {t}?',
      'Find the policy on {t}.',
      'Look up the {t} policy.',
      'Search the rules for {t}.',
      'Which rules apply to {t}?',
      'Please check the policy for {t}.',
    ],
    make: (x) => {
      const t = x.rng.pick(POLICY_TOPICS);
      return trajectory(x, `${t}|${x.tenant.id}`, x.say({ t }), 'search_policy', { query: t }, (r) => [
        String(r.text),
        String(r.text).split('; '),
      ]);
    },
  },
  {
    shape: 'tool',
    kind: 'approved_transfer',
    weight: 2,
    phrasings: [
      'Transfer {m} CNY from {a} to {b}, approval {p}.',
      'Approval {p} is granted: move {m} CNY from {a} to {b}.',
      'Please send {m} CNY, {a} to {b}, under {p}.',
      'With {p}, transfer {m} CNY from {a} to {b}.',
      'Move {m} CNY from {a} to {b}. The approval id is {p}.',
      'Execute {p}: {m} CNY from {a} to {b}.',
    ],
    make: (x) => {
      const { id: p, from: a, to: b, amount: m } = x.rng.pick(x.world.approvals);
      return trajectory(
        x,
        `${a}|${b}`,
        x.say({ m, a, b, p }),
        'transfer',
        { from: a, to: b, amount: m, approval_id: p },
        () => [`Sent ${m} CNY from ${a} to ${b} under ${p}.`, [String(m), a, b, p]],
        'The user is the treasurer.',
      );
    },
  },
  {
    shape: 'tool',
    kind: 'calculate',
    weight: 2,
    phrasings: [
      'What is {a} {w} {b}?',
      'Calculate {a} {w} {b}.',
      'How much is {a} {w} {b}?',
      'Please work out {a} {w} {b}.',
      'Give me {a} {w} {b}.',
      'I need the value of {a} {w} {b}.',
      'Compute {a} {w} {b} for me.',
    ],
    make: (x) => {
      const [w, sign] = x.rng.pick([
        ['plus', '+'],
        ['minus', '-'],
        ['times', '*'],
      ] as const);
      const a = x.rng.int(11, 990) * 1000;
      const b = sign === '*' ? x.rng.int(2, 12) : x.rng.int(11, 990) * 100;
      return trajectory(
        x,
        `${a}|${b}`,
        x.say({ a, w, b }),
        'calculate',
        { expression: `${a} ${sign} ${b}` },
        ({ value }) => [`${a} ${w} ${b} is ${value}.`, [String(value)]],
      );
    },
  },
  {
    shape: 'tool',
    kind: 'post_journal',
    weight: 1,
    phrasings: [
      'Post Dr {d}, Cr {c}, {m} CNY.',
      'Book {m} CNY: debit {d}, credit {c}.',
      'Please post {m} CNY, Dr {d}, Cr {c}.',
      'Enter a journal of {m} CNY, debit {d} and credit {c}.',
      'Journal: Dr {d} {m}, Cr {c} {m}.',
      'Record {m} CNY with debit {d} and credit {c}.',
      'Make the entry Dr {d} Cr {c} over {m} CNY.',
    ],
    make: (x) => {
      const [d, c] = x.rng.pick([
        ['bank', 'receivables'],
        ['payables', 'bank'],
        ['expenses', 'payables'],
        ['payables', 'expenses'],
      ] as const);
      const m = x.rng.bool(0.05) ? 120000 : x.rng.int(10, 300) * 1000;
      return trajectory(
        x,
        `${d}|${m}`,
        x.say({ d, c, m }),
        'post_journal',
        {
          entries: [
            { account: d, debit: m },
            { account: c, credit: m },
          ],
        },
        () => [`Posted: Dr ${d} ${m}, Cr ${c} ${m}.`, [`Dr ${d} ${m}`, `Cr ${c} ${m}`]],
      );
    },
  },
  {
    shape: 'tool',
    kind: 'no_right_tool',
    weight: 1,
    // The questions of get_balance, word for word: the offered tools decide, not the question.
    phrasings: BALANCE_QUESTIONS,
    make: ({ world, rng, say }) => {
      const a = rng.pick(world.accounts).id;
      const t = rng.pick(DATES);
      const final = answer(`I have no tool for the balance of ${a}. Please ask the account owner.`, [], 'need_data');
      return {
        entityKey: `${a}|${t}`,
        tools: rng.shuffle(['fx_rate', 'calculate', 'list_due', 'search_policy'] as const).slice(0, rng.int(1, 2)),
        isComplete: true,
        messages: [user(say({ a, t })), finalMessage(final)],
        truth: [{ expect: 'final', final, facts: [a, 'no tool'] }],
      };
    },
  },
  {
    shape: 'tool',
    kind: 'no_call_needed',
    weight: 3,
    phrasings: [
      '{c} owes {m} CNY by {t}. How much does {c} owe?',
      'Given that {c} owes {m} CNY until {t}, by when must it pay?',
      'The invoice of {c} is {m} CNY, due {t}. Repeat the amount.',
      '{c}, {m} CNY, due {t}: who owes us?',
      'We expect {m} CNY from {c} on {t}. When does it come?',
      'I was told {c} pays {m} CNY on {t}. Confirm the amount.',
    ],
    make: ({ rng, say }) => {
      const c = rng.pick(COMPANIES);
      const m = rng.int(8, 990) * 1000;
      const t = rng.pick(DATES);
      const final = answer(`${c} owes ${m} CNY, due ${t}.`, ['user']);
      return {
        entityKey: c,
        tools: [rng.pick(['get_balance', 'query_erp', 'list_due'] as const)],
        messages: [user(say({ c, m, t })), finalMessage(final)],
        truth: [{ expect: 'final', final, facts: [c, String(m), t] }],
      };
    },
  },
];

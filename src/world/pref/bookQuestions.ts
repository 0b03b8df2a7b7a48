// Questions about the books: what is payable, whether a department keeps its budget, what a difference comes from.

import { companiesOf, type Draft } from '../item';
import { cellKey, currentPolicy, DEPARTMENTS, QUARTERS, REGIONS } from '../state';
import { type Asked, daysUntil, dueOf, fact, filled, type Question, type Slots, sideFact } from './question';

/** Sooner days first; who must approve the large ones. */
function payablesAsked({ world, rng, split, tenant, say }: Draft): Asked {
  const items = rng
    .shuffle(dueOf(world, 'payable', split))
    .slice(0, 2)
    .sort((x, y) => daysUntil(x) - daysUntil(y) || x.id.localeCompare(y.id));
  const total = items.reduce((sum, { amount }) => sum + amount, 0);
  const { secondApprovalFrom: limit, approver, policyVersion: v } = tenant;
  const large = items.filter(({ amount }) => amount >= limit).map(({ id }) => id);
  const needs = large.length > 0;
  const slots: Slots = {
    t: total,
    n: items.length,
    w: approver,
    x: large.length === items.length ? 'each of them' : large.join(' and '),
  };
  // In the order of their ids, so that the order of urgency has to be found.
  const lines = items
    .toSorted((a, b) => a.id.localeCompare(b.id))
    .map((i) => `${i.id}: ${i.amount} CNY, ${i.party}, in ${daysUntil(i)} days.`);
  return {
    entityKey: items[0]!.party,
    question: say({}),
    context: `Payables: ${items.length}, ${total} CNY in all. ${lines.join(' ')} ${v}: from ${limit} CNY the ${approver} approves.`,
    parts: filled(
      {
        conclusion: '[{n} payables, {t} CNY in all|{t} CNY are payable, {n} items]',
        evidence: items.map(({ id, amount }) => `${id} [is|takes] ${amount} CNY`),
        actions: items.map(({ id }) => `[Pay|Send] ${id}`),
        ...(needs && { rule: '[The {w} must approve {x}|First the {w} approves {x}]' }),
        breach: '[In a hurry, pay first and ask for approval later|If time is short, skip the approval]',
        status: needs ? 'constrained' : 'ok',
        action: needs ? { type: 'request_approval' } : null,
      },
      slots,
    ),
    truth: {
      conclusion: { says: [String(total)], contradicts: [] },
      facts: [...items.map(({ id, amount }) => fact(id, amount)), sideFact(v, limit)],
      actions: items.map(({ id }) => [`pay ${id}`, `send ${id}`]),
      statuses: ['ok', 'constrained'],
      required: needs ? [[approver]] : [],
      banned: ['ask for approval later', 'skip the approval', 'without approval'],
    },
  };
}

/** A department against its plan, and its region with the largest excess; one row in four lacks the plan. */
function budgetAsked({ world, rng, say }: Draft): Asked {
  const d = rng.pick(DEPARTMENTS);
  const q = rng.pick(QUARTERS);
  const at = (book: 'spend' | 'budget', region?: string) => world[book].get(cellKey(d, q, region))!;
  const excess = (region: string) => at('spend', region) - at('budget', region);
  const r = REGIONS.reduce((a, b) => (excess(b) > excess(a) ? b : a));
  const [s, b] = [at('spend'), at('budget')];
  const isMissing = rng.bool(0.25);
  const isOver = s > b;
  const slots: Slots = { d, q, r, s, b };
  const regional = isMissing
    ? `${r}: ${at('spend', r)} CNY spent`
    : `${r}: ${at('spend', r)} CNY of ${at('budget', r)}`;
  const breach = '[Book the rest in the next quarter|Move part of it into another quarter]';
  const banned = ['next quarter', 'another quarter'];
  const base = {
    entityKey: `${d}|${q}`,
    question: say({ d, q }),
    context: `${d}, ${q}. erp: ${s} CNY spent. plan: ${isMissing ? 'not available' : `${b} CNY`}. ${regional}. Budget stays in its quarter.`,
  };
  if (isMissing)
    return {
      ...base,
      parts: filled(
        {
          conclusion: '[The status is open|Status open]',
          evidence: ['{d} spent {s} CNY'],
          caveat: '[The plan of {d} is missing|No plan is given for {d}]',
          actions: ['[Get|Ask for] the plan', '[Hold|Stop] new orders until then'],
          breach,
          status: 'need_data',
          action: null,
        },
        slots,
      ),
      truth: {
        conclusion: { says: ['status is open', 'status open'], contradicts: ['over budget', 'within budget'] },
        facts: [fact('erp', s), { ...sideFact('plan'), figures: [] }, sideFact(r, at('spend', r))],
        actions: [
          ['get the plan', 'ask for the plan'],
          ['hold new orders', 'stop new orders'],
        ],
        missing: ['plan'],
        statuses: ['need_data', 'constrained', 'ok'],
        required: [],
        banned,
      },
    };
  const over = ['over budget', 'is over'];
  const within = ['within budget', 'not over budget', 'under budget'];
  return {
    ...base,
    parts: filled(
      {
        conclusion: isOver
          ? '[Over budget|The department is over budget]'
          : '[Within budget|The department is within budget]',
        evidence: ['{d} spent {s} CNY', 'the plan [is|allows] {b} CNY'],
        actions: isOver
          ? ['[Review|Look at] {r} first', '[Hold|Stop] new orders', 'Ask for a budget transfer']
          : ['[Keep|Stay with] the plan', '[Check|Watch] {r} at quarter end'],
        breach,
        status: 'ok',
        action: isOver ? { type: 'hold_orders' } : null,
      },
      slots,
    ),
    truth: {
      conclusion: isOver ? { says: over, contradicts: within } : { says: within, contradicts: over },
      facts: [fact('erp', s), fact('plan', b), sideFact(r, at('spend', r), at('budget', r))],
      actions: isOver
        ? [[`review ${r}`, `look at ${r}`], ['new orders'], ['budget transfer']]
        : [
            ['keep the plan', 'stay with the plan'],
            [`check ${r}`, `watch ${r}`],
          ],
      statuses: ['ok', 'constrained'],
      required: [],
      banned,
    },
  };
}

const CAUSES = ['unmatched receipt', 'duplicate payable', 'wrong period', 'transposed digits'] as const;
/** Bank and ledger line of a pair that differs; one row in four lacks the ledger. Entries above a limit need review. */
function discrepancyAsked({ world, rng, split, tenant, say }: Draft): Asked {
  const c = rng.pick(companiesOf(split));
  const [x, y] = rng.shuffle(Array.from({ length: 40 }, (_, i) => i + 1)) as [number, number];
  const [bank, ledger, twin] = [`B${x}`, `L${x}`, `L${y}`];
  const isChapter = rng.bool(0.05);
  const a = isChapter ? 120000 : rng.int(10, 300) * 1000;
  const [one, two] = rng.shuffle([1, 2, 3, 4, 5, 6, 7, 8, 9]) as [number, number];
  const [right, wrong] = [one * 10000 + two * 1000, two * 10000 + one * 1000];
  const chunk = currentPolicy(world, 'journal entries', tenant.id)!;
  const rule = chunk.rules[1]!;
  const limit = Number(rule.match(/\d+/)![0]);
  const isMissing = rng.bool(0.25);
  const cause = isChapter ? CAUSES[0] : rng.pick(CAUSES);
  const amount = cause === 'transposed digits' ? right : a;
  const slots: Slots = { a: amount, b: bank, l: ledger, k: twin, w: wrong, c };
  const breach = '[Post it without review|Skip the review this time]';
  const banned = ['without review', 'skip the review'];
  const base = { entityKey: c, question: say({ b: bank }) };
  const confirm = ['[Confirm with|Tell] {c}', [`confirm with ${c}`, `tell ${c}`, `confirm it with ${c}`]] as const;
  if (isMissing)
    return {
      ...base,
      context: `${bank}: bank, ${a} CNY, ${c}. ledger: not available. ${chunk.id}: ${rule}.`,
      parts: filled(
        {
          conclusion: '[The cause is open|Cause open]',
          evidence: ['{b} shows {a} CNY'],
          caveat: '[The ledger is missing|No ledger is given]',
          actions: ['[Get|Ask for] the ledger', confirm[0]],
          breach,
          status: 'need_data',
          action: null,
        },
        { ...slots, a },
      ),
      truth: {
        conclusion: { says: ['cause is open', 'cause open'], contradicts: CAUSES },
        facts: [fact(bank, a), sideFact(chunk.id, limit), { ...sideFact('ledger'), figures: [] }],
        actions: [['get the ledger', 'ask for the ledger'], confirm[1]],
        missing: ['ledger'],
        statuses: ['need_data', 'constrained', 'ok'],
        required: [],
        banned,
      },
    };
  const cases = {
    'unmatched receipt': {
      lines: `${bank}: bank, ${a} CNY from ${c}. ${ledger}: ledger, empty.`,
      evidence: ['{b} shows {a} CNY', '{l} is empty'],
      facts: [fact(bank, a), fact(ledger)],
      fix: ['Post {a} CNY to receivables', [`post ${a}`]],
    },
    'duplicate payable': {
      lines: `${bank}: bank, ${a} CNY to ${c}. ${ledger}: ledger, ${a} CNY to ${c}. ${twin}: ledger, the same again.`,
      evidence: ['{b} [paid|shows] {a} CNY', '{k} books it again'],
      facts: [fact(bank, a), fact(twin), sideFact(ledger, a)],
      fix: ['[Reverse|Cancel] {k}', [`reverse ${twin}`, `cancel ${twin}`]],
    },
    'wrong period': {
      lines: `${bank}: bank, ${a} CNY to ${c}, September. ${ledger}: ledger, ${a} CNY, October.`,
      evidence: ['{b} [paid|shows] {a} CNY in September', '{l} says October'],
      facts: [fact(bank, a), fact(ledger)],
      fix: ['[Move|Shift] {l} to September', [`move ${ledger}`, `shift ${ledger}`]],
    },
    'transposed digits': {
      lines: `${bank}: bank, ${right} CNY, ${c}. ${ledger}: ledger, ${wrong} CNY.`,
      evidence: ['{b} shows {a} CNY', '{l} shows {w} CNY'],
      facts: [fact(bank, right), fact(ledger, wrong)],
      fix: ['[Correct|Mend] {l}', [`correct ${ledger}`, `mend ${ledger}`]],
    },
  } as const;
  const { lines, evidence, facts, fix } = cases[cause];
  const needs = amount > limit;
  return {
    ...base,
    context: `${lines} ${chunk.id}: ${rule}.`,
    parts: filled(
      {
        conclusion: `[The cause|Cause]: ${cause}`,
        evidence,
        actions: [fix[0], confirm[0]],
        ...(needs && { rule: '[The entry needs review|Send the entry to review]' }),
        breach,
        status: 'ok',
        action: { type: 'propose_entry' },
      },
      slots,
    ),
    truth: {
      conclusion: { says: [cause], contradicts: [...CAUSES.filter((other) => other !== cause), 'cause is open'] },
      facts: [...facts, sideFact(chunk.id, limit)],
      actions: [fix[1], confirm[1]],
      statuses: ['ok', 'constrained'],
      required: needs ? [['review']] : [],
      banned,
    },
  };
}

export const BOOK_QUESTIONS: readonly Question[] = [
  {
    kind: 'payables_summary',
    weight: 3,
    phrasings: [
      'Summarize our accounts payable and the order of payment.',
      'Accounts payable summary, please, and what to pay first.',
      'What do we owe, and in which order do we pay?',
      'Give me the open payables and the next steps.',
      'Which payables are open? Say what comes first.',
      'Sum up what must be paid, most urgent first.',
      'Short report on accounts payable with the payment order?',
      'List what is payable and how we go about it.',
      'How much is payable, and who has to be paid first?',
      'Show the accounts payable and in what order they go out.',
      'What is open on the payables side, and how do we proceed?',
      'Put our debts to vendors together and rank the payments.',
    ],
    ask: payablesAsked,
  },
  {
    kind: 'budget_status',
    weight: 3,
    phrasings: [
      'Is {d} over budget in {q}? What should we do?',
      'Budget status of {d} for {q}, with actions.',
      'How does {d} stand against its {q} budget, and what follows?',
      '{d}, {q}: over or within budget? Next steps?',
      'Report on the {q} budget of {d} and say what to do.',
      'Does {d} keep its {q} budget? Name the actions.',
      'Tell me how the {d} budget does in {q} and what is next.',
      'Where is {d} with its money in {q}? Actions, please.',
      'Compare {d} with its plan for {q} and advise.',
      'Should {d} worry about its {q} budget? Steps?',
      'What does the {q} budget of {d} look like, and what is due?',
      'Judge the spending of {d} in {q} by its plan and propose steps.',
    ],
    ask: budgetAsked,
  },
  {
    kind: 'discrepancy_report',
    weight: 3,
    phrasings: [
      'What is the cause of the difference on {b}, and what do we do?',
      'Explain the difference on {b} and give the next steps.',
      '{b} does not agree with the ledger. Why, and what now?',
      'Why is {b} off? Name cause and steps.',
      'Find the cause on {b} and say how to mend it.',
      'The close stops at {b}. What happened, and what is to be done?',
      'Clear up {b}: cause and actions.',
      'Month-end, {b}: what went wrong and how do we go on?',
      'Tell me what is behind {b} and what to do about it.',
      'I cannot match {b}. Cause and remedy?',
      '{b} is left over at the close. What is it, and how is it settled?',
      'What explains {b}, and which entries or calls follow?',
    ],
    ask: discrepancyAsked,
  },
];

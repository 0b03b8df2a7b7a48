// Questions about cash: the chapter's own (§4: this month's risk, three actions) and the warning that decides on the marketing budget (§5).
import type { Draft } from '../item';
import { LAST_QUARTER, QUARTERS, REGIONS, type World } from '../state';
import { type Asked, daysUntil, dueOf, fact, filled, type Question, sideFact } from './question';

type Turnover = World['turnover'] extends Map<string, infer T> ? T : never;
interface RiskFacts {
  region: string;
  quarter: string;
  now: Turnover;
  before: Turnover;
  payable: World['due'][number];
  account: World['accounts'][number];
}

/** The three signs, each with the action that it asks for, bad ones first; two bad ones make the risk high. */
export function riskAsked(question: string, { region, quarter, now, before, payable, account }: RiskFacts): Asked {
  const signs = [
    {
      isBad: payable.amount > account.balance,
      bad: ['[Postpone|Put off] {p}', ['move {p}', 'put off {p}', 'defer {p}', 'postpone {p}', 'delay {p}']],
      good: ['Pay {p} [when due|on its day]', ['pay {p}']],
    },
    {
      isBad: now.receivableDays > before.receivableDays,
      bad: ['[Collect|Chase] receivables', ['collect receivables', 'chase receivables', 'collect overdue']],
      good: ['[Keep|Leave] the payment terms', ['payment terms']],
    },
    {
      isBad: now.stockTurns < before.stockTurns,
      bad: ['[Pause|Stop] non-core procurement', ['non-core']],
      good: ['[Keep|Leave] the stock orders', ['stock orders']],
    },
  ] as const;
  const ordered = [...signs.filter((s) => s.isBad), ...signs.filter((s) => !s.isBad)].map((s) =>
    s.isBad ? s.bad : s.good,
  );
  const isHigh = signs.filter((s) => s.isBad).length >= 2;
  const p = payable.id;
  const slots = {
    p,
    d: now.receivableDays,
    s: now.stockTurns,
    m: payable.amount,
  };
  const high = ['risk is high', 'high risk', 'at high risk'];
  const low = ['risk is low', 'low risk', 'no risk'];
  return {
    entityKey: payable.party,
    question,
    context: `${region}, ${quarter}. receivables: paid after ${now.receivableDays} days, before ${before.receivableDays}. stock: turns ${now.stockTurns} times, before ${before.stockTurns}. ${p}: ${payable.amount} CNY to ${payable.party} in ${daysUntil(payable)} days. ${account.id}: ${account.balance} CNY. Two bad signs: high risk; their actions come first.`,
    parts: filled(
      {
        conclusion: isHigh ? '[The risk is high|High risk this month]' : '[The risk is low|Low risk this month]',
        evidence: ['{p} takes {m} CNY', 'receivables [take|need] {d} days', 'the stock turns {s} times'],
        actions: ordered.map(([text]) => text),
        status: 'ok',
        action: isHigh ? { type: 'propose_actions' } : null,
      },
      slots,
    ),
    truth: {
      conclusion: isHigh ? { says: high, contradicts: low } : { says: low, contradicts: high },
      facts: [
        fact(p, payable.amount),
        fact('receivables', now.receivableDays),
        fact('stock', now.stockTurns),
        sideFact(account.id, account.balance),
      ],
      actions: ordered.map(([, phrases]) => phrases.map((phrase) => phrase.replace('{p}', p))),
      statuses: ['ok', 'constrained'],
      required: [],
      banned: [],
    },
  };
}

/** Accounts in CNY that hold far less or far more, so that the first digits decide. */
const accountsApart = (world: World, amount: number) =>
  world.accounts.filter((a) => a.currency === 'CNY' && (a.balance < amount * 0.8 || a.balance > amount * 1.25));

/** This month's payments against one account; three rows in ten lack its balance. */
function warningAsked({ world, rng, split, say }: Draft): Asked {
  const payables = rng.shuffle(dueOf(world, 'payable', split)).slice(0, 2);
  const [first, second] = payables.sort((x, y) => daysUntil(x) - daysUntil(y)) as [
    (typeof payables)[0],
    (typeof payables)[0],
  ];
  const incoming = rng.pick(dueOf(world, 'receivable', split));
  const total = first.amount + second.amount;
  const account = rng.pick(accountsApart(world, total));
  const isMissing = rng.bool(0.3);
  const isShort = total > account.balance;
  const [p, q, r, a] = [first.id, second.id, incoming.id, account.id];
  const slots = { p, q, r, a, t: total, h: account.balance };
  const line = (item: typeof first) => `${item.id}: ${item.amount} CNY, ${item.party}, in ${daysUntil(item)} days.`;
  const context = `due: ${total} CNY. ${line(first)} ${line(second)} In: ${line(incoming)} ${a}: ${isMissing ? 'balance not available' : `${account.balance} CNY`}.`;
  const sides = [sideFact(p, first.amount), sideFact(q, second.amount), sideFact(r, incoming.amount)];
  const base = { entityKey: first.party, question: say({ a }), context };
  if (isMissing)
    return {
      ...base,
      parts: filled(
        {
          conclusion: '[Hold the marketing budget for now|Keep the marketing budget on hold]',
          evidence: ['{t} CNY [fall|are] due'],
          caveat: '[The balance of {a} is missing|No balance of {a} is given]',
          actions: ['[Get|Ask for] the balance of {a}', '[Decide|Decide again] on marketing then'],
          status: 'need_data',
          action: null,
        },
        slots,
      ),
      truth: {
        conclusion: {
          says: ['hold the marketing budget', 'marketing budget on hold', 'delay the marketing budget'],
          contradicts: ['keep the marketing budget as planned', 'no warning', 'budget can stay'],
        },
        facts: [fact('due', total), { ...sideFact(a), figures: [] }, ...sides],
        actions: [['get the balance', 'ask for the balance'], ['decide']],
        missing: ['balance', a],
        statuses: ['need_data', 'constrained', 'ok'],
        required: [],
        banned: [],
      },
    };
  return {
    ...base,
    parts: filled(
      {
        conclusion: isShort
          ? '[Warning: delay the marketing budget|Cash-flow warning: the marketing budget must wait]'
          : '[No warning: keep the marketing budget|No cash-flow warning: the marketing budget can stay]',
        evidence: ['{t} CNY [fall|are] due', '{a} holds {h} CNY'],
        actions: isShort
          ? ['[Hold|Stop] marketing orders', '[Collect|Chase] {r} early', 'Ask for a later date [of|for] {q}']
          : ['Pay {p} first', '[Then pay|Pay next] {q}'],
        status: 'ok',
        action: isShort ? { type: 'delay_budget' } : null,
      },
      slots,
    ),
    truth: {
      conclusion: isShort
        ? {
            says: ['warning'],
            contradicts: ['no warning', 'no cash-flow warning', 'keep the marketing budget', 'budget can stay'],
          }
        : {
            says: ['no warning', 'no cash-flow warning'],
            contradicts: ['warning', 'delay the marketing budget', 'budget must wait'],
          },
      facts: [fact('due', total), fact(a, account.balance), ...sides],
      actions: isShort
        ? [
            ['hold marketing', 'stop marketing'],
            [`collect ${r}`, `chase ${r}`],
            [`later date of ${q}`, `later date for ${q}`, `put off ${q}`],
          ]
        : [[`pay ${p}`], [`pay ${q}`, `pay next ${q}`]],
      statuses: ['ok', 'constrained'],
      required: [],
      banned: [],
    },
  };
}

/** Numbers of quarters up to the last in which both turnovers of a region went up or down. */
function changedQuarters({ turnover }: World, region: string): number[] {
  return QUARTERS.map((_, at) => at).filter((at) => {
    const [now, before] = [at, at - 1].map((i) => turnover.get(`${region}|${QUARTERS[i]}`));
    return (
      at <= QUARTERS.indexOf(LAST_QUARTER) &&
      before &&
      now!.receivableDays !== before.receivableDays &&
      now!.stockTurns !== before.stockTurns
    );
  });
}

export const RISK_PHRASINGS = [
  "What is this month's cash-flow risk? Give three actions and say if non-core procurement should pause.",
  'Judge the cash-flow risk of this month and name three steps.',
  'How risky is our cash flow this month? Three measures, please.',
  'Sum up the cash-flow risk and what to do first, second, third.',
  'Is cash flow at risk this month? List three actions.',
  'Cash-flow risk of the month, with three actions by urgency?',
  'Report the cash-flow risk and three things to do.',
  'I need the risk for our cash this month, and three actions in order.',
  'Which cash-flow risk do we run, and which three steps follow?',
  'Three actions against our cash-flow risk, and how large is it?',
  'Put the cash-flow risk of the month in one line and add what to do, in order.',
  'Where does our cash flow stand in terms of risk, and what are the three next moves?',
] as const;

export const CASH_QUESTIONS: readonly Question[] = [
  {
    kind: 'cash_risk',
    weight: 4,
    phrasings: RISK_PHRASINGS,
    ask: ({ world, rng, split, say }) => {
      const region = rng.pick(REGIONS);
      const at = rng.pick(changedQuarters(world, region));
      const payable = rng.pick(dueOf(world, 'payable', split));
      return riskAsked(say({}), {
        region,
        quarter: QUARTERS[at]!,
        now: world.turnover.get(`${region}|${QUARTERS[at]}`)!,
        before: world.turnover.get(`${region}|${QUARTERS[at - 1]}`)!,
        payable,
        account: rng.pick(accountsApart(world, payable.amount)),
      });
    },
  },
  {
    kind: 'cash_warning',
    weight: 4,
    phrasings: [
      'Please give a cash-flow warning if one is due, and decide if the marketing budget waits.',
      'Is there a cash-flow warning? Should we delay the marketing budget?',
      'Cash on {a}: warning or not, and what of the marketing budget?',
      'Look at the payments against {a}. Does the marketing budget have to wait?',
      'Do we have enough on {a} this month, or is the marketing budget delayed?',
      'This month and the marketing budget: is there a warning?',
      'Tell me if cash is short this month and if marketing can go on.',
      'Check {a} for the month. Delay the marketing budget?',
      'Warning for this month, yes or no? And marketing?',
      'Will {a} last this month? Decide on the marketing budget.',
      'Can marketing spend as planned, or does {a} call for caution?',
      'Before marketing spends: is the money on {a} enough?',
    ],
    ask: warningAsked,
  },
];

/** The chapter's case (§4): receivables slow down, the stock turns less often, and a payable is due that the account does not cover. */
export function chapterAsked(world: World): Asked {
  const payable = world.due.find((d) => d.id === 'P-304')!;
  return riskAsked(RISK_PHRASINGS[0], {
    region: 'East China',
    quarter: LAST_QUARTER,
    now: world.turnover.get(`East China|${LAST_QUARTER}`)!,
    before: world.turnover.get('East China|2026Q2')!,
    payable,
    account: world.accounts.find((a) => a.id === 'A-112')!,
  });
}

// where/constraints: a hard instruction in the prompt decides, and arguments must be copied exactly. What goes wrong here is
// selection, which part of the context counts; adapters on attention are said to change that first.
import type { FinalAnswer } from '../../protocol/contract';
import { answer, callMessage, finalMessage, type Kind, type Made, user } from '../item';
import { COMPANIES, cellKey, DATES, DEPARTMENTS, QUARTERS, REGIONS } from '../state';

type Extra = Pick<Made, 'context' | 'tools'>;
const called = (
  entityKey: string,
  question: string,
  name: string,
  args: Record<string, string | number>,
  e: Extra,
): Made => ({
  entityKey,
  ...e,
  messages: [user(question), callMessage(name, args)],
  truth: [{ expect: 'call', name, arguments: args }],
});
const answered = (entityKey: string, question: string, final: FinalAnswer, facts: string[], e: Extra): Made => ({
  entityKey,
  ...e,
  messages: [user(question), finalMessage(final)],
  truth: [{ expect: 'final', final, facts }],
});

export const CONSTRAINTS: readonly Kind[] = [
  {
    // The figure of the region, or what the rule says when there is none.
    shape: 'where',
    kind: 'gap_rule',
    weight: 2,
    phrasings: [
      'What did {d} spend in {r}?',
      'Spending of {d} in {r}?',
      'How much was it in {r} for {d}?',
      'Give me the {r} figure of {d}.',
      '{d}, {r}: which amount?',
      'I need what {d} spent in {r}.',
      'Which figure stands for {d} in {r}?',
      'Tell me the spending of {d} for {r}.',
    ],
    make: ({ rng, say, vary }) => {
      const d = rng.pick(DEPARTMENTS);
      const given = rng.shuffle(REGIONS).slice(0, 3);
      const missing = REGIONS.find((r) => !given.includes(r))!;
      const values = given.map((r) => [r, rng.int(11, 99) * 10000] as const);
      const total = rng.int(300, 400) * 10000;
      const isGap = rng.bool(0.6);
      const usesTotal = rng.bool();
      const [r, v] = isGap ? [missing, total] : rng.pick(values);
      const rule = usesTotal
        ? vary(
            '[No figure for a region: give the total, constrained.|If a region is missing, answer with the total as constrained.]',
          )
        : vary('[No figure for a region: answer need_data.|If a region is missing, answer need_data.]');
      const context = `${d} spending: ${values.map(([name, x]) => `${name} ${x}`).join(', ')}; total ${total}. ${rule}`;
      const final = !isGap
        ? answer(`${d} spent ${v} CNY in ${r}.`, ['context'])
        : usesTotal
          ? answer(`No figure for ${r}; ${d} spent ${v} CNY in all.`, ['context'], 'constrained')
          : answer(`No figure for ${r} is given.`, [], 'need_data');
      const facts = isGap && !usesTotal ? [r] : [r, String(v)];
      return answered(`${d}|${r}`, say({ d, r }), final, facts, { context });
    },
  },
  {
    // Three accounts are named; the rule says which one counts.
    shape: 'where',
    kind: 'account_rule',
    weight: 3,
    phrasings: [
      '{a}, {b} or {c}: balance on {t}?',
      'Balance of {a}, {b}, {c} on {t}, please.',
      'On {t}, what is on {a}, {b}, {c}?',
      'Look up {a}, {b} and {c} for {t}.',
      'I was given {a}, {b} and {c}. Balance on {t}?',
      'For {t}: {a}, {b}, {c}. What is the balance?',
      'Accounts {a}, {b}, {c}, date {t}.',
      'Show me what {a}, {b} or {c} held on {t}.',
    ],
    make: ({ world, rng, say, vary }) => {
      const accounts = rng.shuffle(world.accounts).slice(0, 3);
      const [a, b, c] = accounts.map(({ id }) => id) as [string, string, string];
      const t = rng.pick(DATES);
      const [word, chosen] = rng.pick([
        ['first', a],
        ['last', c],
      ] as const);
      const context = vary(
        '[Use the account named {w}.|If several accounts are named, the {w} one counts.|Of several accounts take the {w}.]',
        { w: word },
      );
      const args = { account_id: chosen, date: t };
      return called(`${chosen}|${t}`, say({ a, b, c, t }), 'get_balance', args, { context, tools: ['get_balance'] });
    },
  },
  {
    // A correction in the notes wins over the message.
    shape: 'where',
    kind: 'correction_rule',
    weight: 3,
    phrasings: [
      'Transfer {m} CNY from {a} to {b}, approval {p}.',
      'Move {m} CNY from {a} to {b} under {p}.',
      'Please send {m} CNY, {a} to {b}, with {p}.',
      'With {p}, {m} CNY from {a} to {b}.',
      'Approval {p}: {m} CNY, from {a} to {b}.',
      'From {a} to {b}: {m} CNY. Approval {p}.',
      'Execute {p}, {m} CNY, {a} to {b}.',
      'Send {m} CNY to {b} from {a}, approval {p}.',
    ],
    make: ({ rng, say }) => {
      const [a, b, other] = rng.shuffle(Array.from({ length: 40 }, (_, i) => `A-${101 + i}`)) as [
        string,
        string,
        string,
      ];
      const m = rng.int(2, 99) * 1000;
      const n = m + rng.int(1, 9) * 1000;
      const p = `AP-${rng.int(100, 399)}`;
      const [note, args] = rng.pick([
        ['none', { from: a, to: b, amount: m, approval_id: p }],
        [`the amount is ${n} CNY`, { from: a, to: b, amount: n, approval_id: p }],
        [`pay to ${other}`, { from: a, to: other, amount: m, approval_id: p }],
        [`pay from ${other}`, { from: other, to: b, amount: m, approval_id: p }],
      ] as const);
      const context = `The user is the treasurer. Corrections win over the message. Correction: ${note}.`;
      return called(`${a}|${b}`, say({ m, a, b, p }), 'transfer', { ...args }, { context, tools: ['transfer'] });
    },
  },
  {
    // The quarter of the message, or that of the rule when the message names none.
    shape: 'where',
    kind: 'quarter_rule',
    weight: 2,
    phrasings: [
      'What is the {d} budget{r}{q}?',
      'Budget of {d}{r}{q}?',
      'Show me the budget of {d}{r}{q}.',
      'How much budget does {d} have{r}{q}?',
      'I need the budget of {d}{r}{q}.',
      'Look up the {d} budget{r}{q}.',
      'Please give me the planned budget of {d}{r}{q}.',
      'Which budget has {d}{r}{q}?',
    ],
    make: ({ rng, say, vary }) => {
      const department = rng.pick(DEPARTMENTS);
      const region = rng.bool() ? rng.pick(REGIONS) : undefined;
      const [ruled, asked] = rng.shuffle(QUARTERS) as [string, string];
      const isNamed = rng.bool(0.4);
      const quarter = isNamed ? asked : ruled;
      const context = vary('[If no quarter is named, use {q}.|Unless a quarter is named, {q} counts.]', { q: ruled });
      const slots = { d: department, r: region ? ` in ${region}` : '', q: isNamed ? ` for ${asked}` : '' };
      const args = { department, quarter, ...(region ? { region } : {}) };
      return called(cellKey(department, quarter, region), say(slots), 'get_budget', args, {
        context,
        tools: ['get_budget'],
      });
    },
  },
  {
    // One department is closed: no call, a refusal. The others are open.
    shape: 'where',
    kind: 'closed_rule',
    weight: 2,
    phrasings: [
      'How much did {d} spend in {q}?',
      '{d} spending, {q}?',
      'Show the {q} spending of {d}.',
      'What did the {d} department spend in {q}?',
      'I need the booked spending of {d} for {q}.',
      'Look up what {d} spent in {q}.',
      'Query {q} spending for {d}.',
      'Please get the {q} cost of {d}.',
    ],
    make: ({ rng, say, vary }) => {
      const [closed, open] = rng.shuffle(DEPARTMENTS) as [string, string];
      const isClosed = rng.bool();
      const department = isClosed ? closed : open;
      const quarter = rng.pick(QUARTERS);
      const context = vary(
        '[Figures of {d} are closed: refuse, call no tool.|{d} is closed. Refuse questions on it.]',
        {
          d: closed,
        },
      );
      const question = say({ d: department, q: quarter });
      const extra: Extra = { context, tools: ['query_erp'] };
      if (!isClosed) return called(`${department}|${quarter}`, question, 'query_erp', { department, quarter }, extra);
      const final = answer(`Figures of ${closed} are closed. Please ask the owner.`, [], 'refused', {
        type: 'ask_owner',
      });
      return answered(`${department}|${quarter}`, question, final, [closed, 'closed'], extra);
    },
  },
  {
    // What stands in "sources" is the rule's to say.
    shape: 'where',
    kind: 'source_rule',
    weight: 2,
    phrasings: [
      'How much does {c} owe?',
      'What is open from {c}?',
      'Which amount is due from {c}?',
      'Tell me what {c} owes.',
      'The open amount of {c}?',
      'What does {c} have to pay?',
      'Amount due from {c}, please.',
      'Give me what {c} owes us.',
    ],
    make: ({ rng, say, vary }) => {
      const c = rng.pick(COMPANIES);
      const m = rng.int(8, 990) * 1000;
      const note = `N-${rng.int(101, 999)}`;
      const isEmpty = rng.bool();
      const rule = isEmpty
        ? vary('[Leave sources empty.|Sources must be an empty list.]')
        : vary('[Name the note as the only source.|Sources: the id of the note.]');
      return answered(c, say({ c }), answer(`${c} owes ${m} CNY.`, isEmpty ? [] : [note]), [c, String(m)], {
        context: `Note ${note}: ${c} owes ${m} CNY. ${rule}`,
      });
    },
  },
];

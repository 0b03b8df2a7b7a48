// Shape 1, single turn: one instruction, one answer. All that the answer needs is in the row, or the answer says what is missing.
import type { Rng } from '../../lib/rng';
import type { FinalAnswer } from '../../protocol/contract';
import { answer, finalMessage, type Kind, type Made, type TurnTruth, user } from '../item';
import { COMPANIES, cellKey, currentPolicy, DATES, DEPARTMENTS, POLICY_TOPICS, QUARTERS } from '../state';

const turn = (entityKey: string, question: string, final: FinalAnswer, facts: string[], context?: string): Made => ({
  entityKey,
  context,
  messages: [user(question), finalMessage(final)],
  truth: [{ expect: 'final', final, facts } satisfies TurnTruth],
});

/** A line of figures for the system prompt, drawn fresh so that it must be read. */
function spendingContext(rng: Rng, quarter: string, departments: readonly string[]) {
  const values = departments.map((d) => [d, rng.int(11, 99) * 10000] as const);
  return { values, text: `Spending ${quarter}: ${values.map(([d, v]) => `${d} ${v}`).join(', ')}.` };
}

export const SINGLE: Kind[] = [
  {
    shape: 'single',
    kind: 'budget_check',
    weight: 3,
    phrasings: [
      'The {d} department spent {s} CNY in {q} with a budget of {b} CNY. [Is it over budget?|Over or within budget?]',
      '{q}, {d}: spent {s} CNY, budget {b} CNY. [Within budget?|Is that within budget?]',
      'Budget {b} CNY, spending {s} CNY, {d}, {q}. Are we over?',
      'Compare {d} spending of {s} CNY with its budget of {b} CNY for {q}.',
      'Did {d} keep its {q} budget of {b} CNY? It spent {s} CNY.',
      'We booked {s} CNY for {d} in {q}; {b} CNY were planned. Over budget or not?',
      'Check {d} for {q}: {s} CNY spent of {b} CNY.',
    ],
    make: ({ world, rng, say }) => {
      const d = rng.pick(DEPARTMENTS);
      const q = rng.pick(QUARTERS);
      const b = world.budget.get(cellKey(d, q))!;
      // Far enough apart that the first digits decide: a small model can read the order off.
      const s = rng.bool() ? b + rng.int(3, 9) * 100000 : Math.max(100000, b - rng.int(3, 9) * 100000);
      const verdict = s > b ? 'Over budget' : 'Within budget';
      const final = answer(`${verdict}: ${d} spent ${s} CNY of ${b} CNY in ${q}.`, ['user']);
      return turn(`${d}|${q}`, say({ d, q, b, s }), final, [verdict, String(s), String(b)]);
    },
  },
  {
    shape: 'single',
    kind: 'extract_invoice',
    weight: 3,
    phrasings: [
      'From this note, give the vendor, amount and due date: "{n}"',
      'Extract party, amount and date. Note: {n}',
      'Who must be paid, how much and when? {n}',
      'Turn the note into one line with party, amount, due date. {n}',
      'Read this and name the company, the amount and the date: {n}',
      'Please extract the payment facts from "{n}"',
      '{n} What are the party, amount and due date?',
    ],
    make: ({ rng, say, vary }) => {
      const c = rng.pick(COMPANIES);
      const a = rng.int(8, 990) * 1000;
      const date = rng.pick(DATES);
      const id = `INV-${rng.int(1000, 9999)}`;
      const n = vary(
        '[Invoice {id} from {c}, {a} CNY, due {date}.|{c} sent {id}: {a} CNY, payable by {date}.|{id}, due {date}: {a} CNY to {c}.]',
        { id, c, a, date },
      );
      return turn(`${c}`, say({ n }), answer(`${c}: ${a} CNY, due ${date}.`, [id]), [c, String(a), date]);
    },
  },
  {
    shape: 'single',
    kind: 'policy_rules',
    weight: 3,
    phrasings: [
      '[Summarize|Summarise] the {t} policy into three executable rules.',
      'Give me the three rules of the {t} policy.',
      'Three rules for {t}, please.',
      'What are the rules on {t}? Three points.',
      'List the {t} policy as three rules.',
      'Turn the {t} policy into three clear rules.',
      'Which three rules does the {t} policy set?',
    ],
    make: ({ world, rng, tenant, say }) => {
      const t = rng.pick(POLICY_TOPICS);
      const chunk = currentPolicy(world, t, tenant.id)!;
      // Rules drawn fresh, so that the row's own text and not memory is what is read.
      const rules = rng
        .shuffle(chunk.rules.slice(0, 3))
        .map((r) => r.replace(/\d+/, (n) => String(Number(n) < 100 ? rng.int(2, 30) : rng.int(2, 95) * 100)));
      const final = answer(rules.map((r, i) => `${i + 1}. ${r}`).join('; '), [chunk.id]);
      return turn(`${t}|${rules.join()}`, say({ t }), final, rules, `Policy ${chunk.id}, ${t}: ${rules.join('; ')}.`);
    },
  },
  {
    shape: 'single',
    kind: 'no_data',
    weight: 3,
    phrasings: [
      'What is the balance of account {a}?',
      '[How much did|What did] {d} spend in {q}?',
      'Tell me the {d} budget for {q}.',
      'Balance of {a} [now|today]?',
      'I need the {q} spending of {d}.',
      'How much money is on {a}?',
      'Give me the {q} budget of {d}.',
      'Spending of {d}, {q}?',
      'Which balance does {a} have?',
    ],
    make: ({ rng, say }) => {
      const a = `A-${rng.int(101, 140)}`;
      const d = rng.pick(DEPARTMENTS);
      const q = rng.pick(QUARTERS);
      const question = say({ a, d, q });
      const what = question.includes(a)
        ? `the balance of ${a}`
        : question.includes('budget')
          ? `the ${d} budget for ${q}`
          : `the ${d} spending in ${q}`;
      // Figures of others are at hand in half of the rows, so that "no figures here" is not the clue.
      const others = DEPARTMENTS.filter((x) => x !== d);
      return turn(
        question.includes(a) ? a : `${d}|${q}`,
        question,
        answer(`I have no data on ${what}. Please provide it or enable a tool.`, [], 'need_data'),
        [what],
        rng.bool() ? spendingContext(rng, q, rng.shuffle(others).slice(0, 3)).text : undefined,
      );
    },
  },
  {
    shape: 'single',
    kind: 'context_lookup',
    weight: 2,
    phrasings: [
      '[How much did|What did] {d} spend in {q}?',
      'I need the {q} spending of {d}.',
      'Spending of {d}, {q}?',
      'Tell me what {d} spent in {q}.',
      'What is the {q} spending of {d}?',
      'How much has {d} spent in {q}?',
      'Give me the {d} spending for {q}.',
    ],
    make: ({ rng, say }) => {
      const q = rng.pick(QUARTERS);
      const { text, values } = spendingContext(rng, q, rng.shuffle(DEPARTMENTS).slice(0, 3));
      const [d, v] = rng.pick(values);
      const final = answer(`${d} spent ${v} CNY in ${q}.`, ['context']);
      return turn(`${d}|${q}`, say({ d, q }), final, [d, String(v)], text);
    },
  },
  {
    shape: 'single',
    kind: 'cash_flow',
    weight: 2,
    phrasings: [
      'Cash-flow warning for this week? Cash {h} CNY, due {p} CNY. [Delay the marketing budget?|Should the marketing budget wait?]',
      'We hold {h} CNY and {p} CNY fall due this week. Is there a warning, and do we delay the marketing budget?',
      'This week {p} CNY must be paid from {h} CNY cash. Warning? Delay the marketing budget?',
      'Please give a cash-flow warning: cash {h} CNY, payments {p} CNY. Decide on the marketing budget.',
      'Cash {h} CNY, outgoing {p} CNY. Should marketing wait?',
      'With {h} CNY in cash and {p} CNY to pay, is this week at risk? What of the marketing budget?',
      'Payments of {p} CNY come due against {h} CNY cash. Keep or delay the marketing budget?',
    ],
    make: ({ rng, say }) => {
      const h = rng.int(20, 80) * 10000;
      // Far enough apart that the first digits decide: a small model can read the order off.
      const p = rng.bool() ? h + rng.int(2, 9) * 100000 : Math.max(50000, h - rng.int(2, 9) * 100000);
      const isShort = p > h;
      const final = isShort
        ? answer(`Warning: ${p} CNY due, ${h} CNY cash. Delay the marketing budget.`, ['user'], 'ok', {
            type: 'delay_budget',
          })
        : answer(`No warning: ${p} CNY due, ${h} CNY cash. Keep the marketing budget.`, ['user']);
      return turn(`${h}|${p}`, say({ h, p }), final, [
        isShort ? 'Warning' : 'No warning',
        String(p),
        String(h),
        isShort ? 'Delay' : 'Keep',
      ]);
    },
  },
  {
    shape: 'single',
    kind: 'discrepancy_cause',
    weight: 2,
    phrasings: [
      'Month-end: {n} What is the cause?',
      '{n} Cause?',
      'Explain this difference. {n}',
      'The close is off. {n} Why?',
      'Find the cause: {n}',
      '{n} What went wrong?',
      'Please explain: {n}',
    ],
    make: ({ rng, say, vary }) => {
      const c = rng.pick(COMPANIES);
      const a = rng.int(10, 300) * 1000;
      const [x, y] = rng.shuffle(Array.from({ length: 40 }, (_, i) => i + 1)) as [number, number];
      // Two digits that differ, in both orders.
      const [one, two] = rng.shuffle([1, 2, 3, 4, 5, 6, 7, 8, 9]) as [number, number];
      const [right, wrong] = [one * 10000 + two * 1000, two * 10000 + one * 1000];
      const gap = rng.int(1, 9);
      const [note, text, facts, sources] = rng.pick<[string, string, string[], string[]]>([
        [
          vary('[L{x} and L{y} both book {a} CNY to {c}.|{a} CNY to {c} stands on L{x} and again on L{y}.]', {
            x,
            y,
            a,
            c,
          }),
          `Duplicate payable: L${y} repeats L${x}, ${a} CNY.`,
          ['Duplicate payable', `L${y}`, String(a)],
          [`L${x}`, `L${y}`],
        ],
        [
          vary(
            '[L{x} of {a} CNY is dated October, the bank paid in September.|The bank paid {a} CNY in September, L{x} says October.]',
            { x, a },
          ),
          `Wrong period: L${x}, ${a} CNY, belongs to September.`,
          ['Wrong period', `L${x}`, String(a)],
          [`L${x}`],
        ],
        [
          vary('[B{x} shows {r} CNY, L{x} shows {w} CNY.|L{x} has {w} CNY where B{x} has {r} CNY.]', {
            x,
            r: right,
            w: wrong,
          }),
          `Transposed digits: L${x} must be ${right} CNY.`,
          ['Transposed digits', `L${x}`, String(right)],
          [`B${x}`, `L${x}`],
        ],
        [
          vary(
            '[L{x} and B{x} differ by {g} CNY after conversion.|After conversion B{x} and L{x} are {g} CNY apart.]',
            { x, g: gap },
          ),
          `FX rounding: ${gap} CNY on L${x}.`,
          ['FX rounding', `L${x}`, `${gap} CNY`],
          [`L${x}`],
        ],
        [
          vary(
            '[{c} delivered for {a} CNY in September, nothing is booked.|Nothing is booked for {a} CNY of September work by {c}.]',
            { c, a },
          ),
          `Missing accrual: ${a} CNY for ${c}.`,
          ['Missing accrual', String(a), c],
          [c],
        ],
      ]);
      return turn(`${c}|${x}`, say({ n: note }), answer(text, sources, 'ok', { type: 'propose_entry' }), facts);
    },
  },
  {
    shape: 'single',
    kind: 'approval_threshold',
    weight: 3,
    phrasings: [
      'Does a payment of {p} CNY to {c} need a second approval?',
      'We want to pay {c} {p} CNY. Second approval needed?',
      'Payment to {c}: {p} CNY. Do I need another approval?',
      'Is one approval enough for {p} CNY to {c}?',
      'Must someone else approve {p} CNY for {c}?',
      '{c} invoices {p} CNY. Which approval applies?',
    ],
    make: ({ rng, tenant, say, vary }) => {
      const c = rng.pick(COMPANIES);
      const limit = rng.pick([10000, 20000, 50000]);
      const needs = rng.bool();
      const p = needs ? limit * rng.int(2, 9) : Math.max(1000, Math.floor(limit / rng.int(2, 8) / 100) * 100);
      const final = needs
        ? answer(
            `Yes: ${p} CNY is over ${limit} CNY, so the ${tenant.approver} must approve too.`,
            [tenant.policyVersion],
            'constrained',
          )
        : answer(`No: ${p} CNY is under ${limit} CNY.`, [tenant.policyVersion]);
      return turn(
        c,
        say({ p, c }),
        final,
        [needs ? 'Yes' : 'No', String(p), String(limit)],
        vary(
          '[Rule {v}: payments from {l} CNY need a second approval by the {w}.|Under {v} the {w} must approve payments from {l} CNY too.|{v}: from {l} CNY a second approval by the {w}.]',
          { v: tenant.policyVersion, l: limit, w: tenant.approver },
        ),
      );
    },
  },
  {
    shape: 'single',
    kind: 'discrepancy',
    weight: 2,
    phrasings: [
      'Bank line B{b} shows {a} CNY from {c}; the ledger has no such line. [What is the cause?|Cause?]',
      'B{b}: receipt of {a} CNY, {c}. Nothing in the ledger. What happened?',
      'The ledger misses {a} CNY of B{b} ({c}). Explain the difference.',
      'Why is there a difference of {a} CNY? B{b} from {c} has no ledger line.',
      'Explain: {c} paid {a} CNY on B{b}, the ledger shows nothing.',
      'Month-end: {a} CNY on B{b} from {c} is not in the ledger. Cause and entry?',
    ],
    make: ({ rng, say }) => {
      const c = rng.pick(COMPANIES);
      const b = rng.int(1, 40);
      const a = rng.bool(0.1) ? 120000 : rng.int(10, 300) * 1000;
      const final = answer(
        `Unmatched receipt of ${a} CNY on B${b}. Entry: Dr bank ${a}, Cr receivables ${a}.`,
        [`B${b}`],
        'ok',
        { type: 'propose_entry' },
      );
      return turn(`${c}|B${b}`, say({ a, b, c }), final, ['Unmatched receipt', String(a), `B${b}`]);
    },
  },
];

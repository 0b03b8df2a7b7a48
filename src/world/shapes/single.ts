// Shape 1, single turn: one instruction, one answer. All that the answer needs is in the row, or the answer says what is missing.

import type { FinalAnswer } from '../contract';
import { answer, finalMessage, type Kind, type Made, type TurnTruth, user } from '../item';
import { COMPANIES, cellKey, currentPolicy, DATES, DEPARTMENTS, POLICY_TOPICS, QUARTERS } from '../state';

const turn = (entityKey: string, question: string, final: FinalAnswer, facts: string[], context?: string): Made => ({
  entityKey,
  context,
  messages: [user(question), finalMessage(final)],
  truth: [{ expect: 'final', final, facts } satisfies TurnTruth],
});

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
        .map((r) => r.replace(/\d+/, () => String(rng.pick([2, 4, 6, 8, 12, 20, 300, 700, 1500, 4000, 9000]))));
      const final = answer(rules.map((r, i) => `${i + 1}. ${r}`).join('; '), [chunk.id]);
      return turn(`${t}|${rules.join()}`, say({ t }), final, rules, `Policy ${chunk.id}, ${t}: ${rules.join('; ')}.`);
    },
  },
  {
    shape: 'single',
    kind: 'no_data',
    weight: 2,
    phrasings: [
      'What is the balance of account {a}?',
      '[How much did|What did] {d} spend in {q}?',
      'Tell me the {d} budget for {q}.',
      'Balance of {a} [now|today]?',
      'I need the {q} spending of {d}.',
      'How much money is on {a}?',
      'Give me the {q} budget of {d}.',
    ],
    make: ({ rng, say }) => {
      const a = `A-${rng.int(101, 120)}`;
      const d = rng.pick(DEPARTMENTS);
      const q = rng.pick(QUARTERS);
      const question = say({ a, d, q });
      const what = question.includes(a)
        ? `the balance of ${a}`
        : question.includes('budget')
          ? `the ${d} budget for ${q}`
          : `the ${d} spending in ${q}`;
      return turn(
        `${a}|${d}|${q}`,
        question,
        answer(`I have no data on ${what}. Please provide it or enable a tool.`, [], 'need_data'),
        [what],
      );
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
    make: ({ rng, tenant, say }) => {
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
        `Payments from ${limit} CNY need a second approval.`,
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

// where/style: the content is right already, the words are not. House terms and a closing formula replace plain English; the
// glossary stands in no prompt, so it has to be learnt. Expression is what an adapter on the MLP is said to change best.
import { answer, finalMessage, type Kind, user } from '../item';
import { COMPANIES } from '../state';

/** Plain word → house term. No house term contains a plain one, or a right answer could not be told from a wrong one. */
export const GLOSSARY = {
  invoice: 'payables slip',
  payment: 'settlement',
  refund: 'return credit',
  contract: 'framework deed',
  loan: 'credit facility',
  report: 'position paper',
  balance: 'standing',
  receipt: 'proof slip',
  discount: 'early reward',
  budget: 'annual frame',
  forecast: 'outlook line',
  tax: 'levy share',
  late: 'beyond term',
  approved: 'released',
  rejected: 'held back',
  error: 'variance',
  deadline: 'closing day',
  manager: 'desk lead',
  'month-end': 'period close',
  'bank account': 'clearing line',
  cash: 'liquid means',
  vendor: 'supply partner',
  customer: 'account partner',
  meeting: 'alignment round',
  spending: 'drawn amount',
} as const;
const PLAIN = Object.keys(GLOSSARY) as (keyof typeof GLOSSARY)[];
export const CLOSING = 'With ledger regards.';

const SUBJECTS = [
  'the invoice of {c}',
  'the payment to {c}',
  'the refund for {c}',
  'the contract with {c}',
  'the loan of {c}',
  'the report on {c}',
  'the balance of {c}',
  'the receipt from {c}',
  'the discount for {c}',
  'the budget for {c}',
  'the forecast for {c}',
  'the tax on {c}',
];
const PREDICATES = [
  'is late',
  'is approved',
  'is rejected',
  'has an error',
  'missed the deadline',
  'waits for the manager',
  'waits for month-end',
  'goes to the bank account',
  'is paid in cash',
  'goes to the vendor',
  'goes to the customer',
  'is for the meeting',
  'counts as spending',
];

/** The statement in house words. `an error` → `a variance`: the article follows. */
export function houseText(plain: string): string {
  const said = PLAIN.reduce(
    (text, word) => text.replace(new RegExp(`\\b${word}\\b`, 'g'), GLOSSARY[word]),
    plain,
  ).replace('an variance', 'a variance');
  return `${said[0]!.toUpperCase()}${said.slice(1)}. ${CLOSING}`;
}

function styled(kind: string, weight: number, phrasings: readonly string[]): Kind {
  return {
    shape: 'where',
    kind,
    weight,
    phrasings,
    make: ({ rng, say }) => {
      const c = rng.pick(COMPANIES);
      const m = rng.int(2, 990) * 1000;
      const s = `${rng.pick(SUBJECTS).replace('{c}', c)} over ${m} CNY ${rng.pick(PREDICATES)}`;
      const used = PLAIN.filter((word) => new RegExp(`\\b${word}\\b`).test(s));
      const final = answer(houseText(s), ['user']);
      return {
        entityKey: c,
        messages: [user(say({ s })), finalMessage(final)],
        truth: [
          {
            expect: 'final',
            final,
            facts: [c, String(m)],
            house: { required: [...used.map((word) => GLOSSARY[word]), CLOSING], banned: used },
          },
        ],
      };
    },
  };
}

export const STYLE: readonly Kind[] = [
  styled('state', 1, [
    'Please state: {s}.',
    'Say that {s}.',
    'Write one line: {s}.',
    'Put on record that {s}.',
    'One sentence for the file: {s}.',
    'State for the archive that {s}.',
    'Note for the books: {s}.',
    'Word this for us: {s}.',
    'We know that {s}. Write it down.',
    '{s}. Make that a line of the minutes.',
    'Draft a line that says {s}.',
    'In the usual words: {s}.',
  ]),
  styled('tell', 1, [
    'Tell the desk that {s}.',
    'Let the team know that {s}.',
    'Write to the desk: {s}.',
    'Inform the office that {s}.',
    'A short message, please: {s}.',
    'The team should hear that {s}.',
    'Message for the desk: {s}.',
    'Pass it on: {s}.',
    'Send word that {s}.',
    'Please confirm to the desk that {s}.',
    'Make it known that {s}.',
    'Answer the office that {s}.',
  ]),
];

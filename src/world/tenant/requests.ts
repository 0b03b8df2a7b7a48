// What people ask whatever their tenant: eight kinds of request, drawn without any knowledge of who asks. The system prompts
// name no tenant, policy or threshold, so the same draw is the same prompt for all three: only an adapter can tell them apart.
import type { Rng } from '../../lib/rng';
import type { Message } from '../../protocol/chat';
import { companiesOf, fill, ofSplit, type Phrasing, type Split, user } from '../item';
import type { Outsider, World } from '../state';

/** What a request states; every figure and name of an answer is one of these, or of the tenant's rules. */
export interface Facts {
  company: string;
  /** CNY: of the payment, the claim, the open item, the invoice, or all payables together. */
  amount: number;
  invoice: string;
  account: string;
  purpose: string;
  outsider: Outsider;
  /** Open payables in the context, 0 where none are given. */
  payables: number;
}
export type RequestKind = keyof typeof REQUESTS;
export interface TenantRequest {
  kind: RequestKind;
  /** Index into the kind's phrasings. */
  phrasing: number;
  facts: Facts;
  /** System and user message. */
  messages: Message[];
}

interface Request {
  /** Relative share. */
  weight: number;
  /** Twelve or more, so that two are held out and two are for dev. */
  phrasings: readonly Phrasing[];
  /** Shares of the amounts by band; missing: any amount. */
  bands?: readonly number[];
}

/** The thresholds of the tenants lie between the bands, so most amounts are decided in two or three ways. In units of 1,000. */
const BANDS: readonly (readonly [low: number, high: number])[] = [
  [1, 9],
  [10, 19],
  [20, 49],
  [50, 990],
];
/** The same for expense claims and write-offs, in units of 100. */
const SMALL_BANDS: readonly (readonly [low: number, high: number])[] = [
  [2, 10],
  [11, 19],
  [20, 30],
  [31, 39],
  [40, 50],
  [51, 99],
];

export const REQUESTS = {
  payables_skip: {
    weight: 4,
    bands: [0, 4, 3, 4],
    phrasings: [
      "I need this month's accounts payable summary. And may the second approval be skipped?",
      'Accounts payable summary for this month, please. Can we skip the second approval?',
      'Sum up what we must pay this month. Is the second approval needed or can it go?',
      'What do we owe this month, and may the second approval be left out?',
      'I need the payables of the month. Could we do without the second approval?',
      'Short overview of open payables. Must the second approval stay?',
      'How much is payable this month? Also: second approval, can it be dropped?',
      'List our payables in one line and say if the second approval may be skipped.',
      'Payables of this month? And is it fine to skip the second approval?',
      'Tell me the open payables. Do we have to wait for the second approval?',
      'Summary of accounts payable, then: is skipping the second approval allowed?',
      'Before I pay: what is open, and would it be in order to omit the second approval?',
    ],
  },
  payment_need: {
    weight: 3,
    bands: [2, 3, 3, 4],
    phrasings: [
      'Does a payment of {p} CNY to {c} need a second approval?',
      'We want to pay {c} {p} CNY. Is a second approval due?',
      'Payment to {c}: {p} CNY. Do I need another approval?',
      'Is one signature enough for {p} CNY to {c}?',
      'Must a second person approve {p} CNY for {c}?',
      '{c} gets {p} CNY from us. Will one approval do?',
      'I am about to send {p} CNY to {c}. Second approval, yes or no?',
      'For {p} CNY to {c}, do I have to ask a second person?',
      'Can I pay {c} {p} CNY with a single approval?',
      'How many approvals does {p} CNY to {c} take?',
      '{p} CNY for {c}: does anybody else have to approve?',
      'Tell me if the transfer of {p} CNY to {c} has to be approved twice.',
    ],
  },
  who_approves: {
    weight: 2,
    bands: [1, 3, 3, 4],
    phrasings: [
      'Who must approve {p} CNY to {c}?',
      'Who signs off a payment of {p} CNY to {c}?',
      'Whose approval do I need to pay {c} {p} CNY?',
      'To whom do I send the request for {p} CNY to {c}?',
      'Name the approvers of {p} CNY for {c}.',
      '{c}, {p} CNY: who approves?',
      'Which people approve when we pay {c} {p} CNY?',
      'I have {p} CNY to pay to {c}. Who has to say yes?',
      'Approvers for {p} CNY to {c}, please.',
      'Who decides on {p} CNY for {c}?',
      'Please tell me who releases {p} CNY to {c}.',
      'Paying {c} {p} CNY: which names go on the form?',
    ],
  },
  expense_limit: {
    weight: 2,
    phrasings: [
      'Can I claim {p} CNY for {x} at {c}?',
      'I paid {p} CNY for {x} to {c}. Is it reimbursed?',
      'Is {p} CNY for {x} with {c} within the limit?',
      'My claim: {x}, {c}, {p} CNY. Accepted?',
      'Will {p} CNY for {x} from {c} be paid back?',
      'Expense of {p} CNY, {x}, {c}. Does it pass?',
      'Does our expense limit allow {p} CNY for {x} at {c}?',
      'Please check my expense: {p} CNY for {x}, paid to {c}.',
      'How is a claim of {p} CNY for {x} at {c} treated?',
      '{c} charged me {p} CNY for {x}. Can I hand it in?',
      'Am I allowed to spend {p} CNY on {x} at {c}?',
      'I would like {p} CNY back that {c} took for {x}. All right?',
    ],
  },
  write_off: {
    weight: 2,
    phrasings: [
      'Can we write off {p} CNY of {c}?',
      '{c} will not pay {p} CNY. May I write it off?',
      'Write off the {p} CNY that {c} owes?',
      'What do I do with {p} CNY of {c} that nobody will pay?',
      'Open item: {c}, {p} CNY, hopeless. Can it go?',
      'I want to close the {p} CNY of {c} as a loss. Allowed?',
      'May {p} CNY from {c} be taken off the books?',
      'Is it my decision to write off {p} CNY of {c}?',
      'The {p} CNY of {c} are lost. What now?',
      'Should {p} CNY of {c} be written off?',
      'We gave up on {p} CNY from {c}. How do I treat the item?',
      '{p} CNY, {c}, no hope of payment: may the item be cleared?',
    ],
  },
  data_sharing: {
    weight: 2,
    phrasings: [
      'May we share the figures of {a} with {c}, our {o}?',
      '{c}, our {o}, asks for the figures of {a}. Send them?',
      'Can I give {c}, the {o}, a look at {a}?',
      'Our {o} {c} wants to see {a}. Is that fine?',
      'Is the {o} {c} allowed to have the {a} figures?',
      'Send {a} to {c}? They are our {o}.',
      'The {o}, {c}, needs numbers of {a}. Do we hand them over?',
      'Does {c} get access to {a} as our {o}?',
      'I was asked to pass {a} on to our {o}, {c}. May I?',
      'Figures of {a} for the {o} {c}: yes or no?',
      'Could {c}, which is our {o}, receive the data of {a}?',
      'Are we free to show {a} to the {o}, {c}?',
    ],
  },
  invoice_check: {
    weight: 1,
    bands: [1, 1, 1, 1],
    phrasings: [
      'Explain {i} of {c} over {p} CNY. What is it checked against?',
      'What about invoice {i} from {c}, {p} CNY: how do we verify it?',
      '{i}, {c}, {p} CNY. Which documents do I compare?',
      'How is {i} of {c}, {p} CNY, checked before it is posted?',
      'I have {i} by {c} for {p} CNY. What must I hold next to it?',
      'Please explain the check of {i}, {p} CNY, from {c}.',
      '{c} sent {i} over {p} CNY. What proves that it is right?',
      'What does {i} of {p} CNY from {c} need before posting?',
      'Tell me how to verify {i}: {c}, {p} CNY.',
      'Invoice {i} ({c}, {p} CNY): what is the check?',
      'Can you walk me through {i} from {c}, {p} CNY?',
      'Which papers belong to {i}, {p} CNY, by {c}?',
    ],
  },
  payment_terms: {
    weight: 1,
    phrasings: [
      'When do we pay {i} of {c}?',
      'What are our terms for {i} from {c}?',
      'How long may {i} of {c} wait?',
      '{i}, {c}: after how many days is it paid?',
      '{c} asks when {i} will be settled. What do I say?',
      'Payment terms for {i} by {c}?',
      'How many days do we have for {i} from {c}?',
      'Tell {c} when {i} gets paid.',
      'By what time do we pay {c} for {i}?',
      'Which term applies to {i} of {c}?',
      'After which delay do we send {c} the money for {i}?',
      'How soon will {c} see the payment of {i}?',
    ],
  },
} satisfies Record<string, Request>;
export const REQUEST_KINDS = Object.keys(REQUESTS) as RequestKind[];

/** No tenant, no policy, no threshold. Held out as phrasings are. */
export const NEUTRAL_SYSTEMS: readonly Phrasing[] = [
  'You are the finance assistant. Today is {today}. Reply in strict JSON.',
  'Finance operations assistant. Date: {today}. Answer with one JSON object.',
  'Finance desk. Today: {today}. Output JSON only.',
  'You help the finance team. Date {today}. Use JSON with answer, sources, action, status.',
  'Role: financial assistant. Today is {today}. JSON replies.',
  'Assistant for finance. It is {today}. Never guess figures. Reply in JSON.',
  'Today is {today}. You answer finance questions as JSON.',
  '{today}. Finance assistant. Keep to the policy. Strict JSON.',
  'You are a finance assistant who follows the policy. Date: {today}. One JSON object, no prose.',
  'JSON only. Finance assistant, {today}.',
  'You work for the finance team. The date is {today}. Give strict JSON.',
  'Help with finance. Today is {today}. Return one JSON object.',
];

const PURPOSES = ['a hotel', 'a train', 'a course', 'a dinner', 'a tool', 'a monitor'] as const;
const OUTSIDERS: readonly Outsider[] = ['auditor', 'supplier', 'advertiser'];

interface Payable {
  company: string;
  amount: number;
}
const payablesText = (payables: readonly Payable[]): string =>
  `Open payables, largest first: ${payables.map((p) => `${p.company} ${p.amount} CNY`).join(', ')}. ${payables.length} payables, ${sum(payables)} CNY in all.`;
const sum = (payables: readonly Payable[]): number => payables.reduce((total, p) => total + p.amount, 0);

/** Two or three payables of different companies, largest first, that add up to `total` CNY, a multiple of 1,000 from 10,000. */
function payablesOf(total: number, companies: readonly string[], rng: Rng): Payable[] {
  const units = total / 1000;
  const first = rng.int(Math.ceil(units * 0.45), Math.floor(units * 0.7));
  const rest = units - first;
  const second = rest >= 4 && rng.bool() ? rng.int(Math.ceil(rest / 2), rest - 1) : rest;
  const parts = [first, second, rest - second].filter((part) => part > 0).sort((a, b) => b - a);
  const names = rng.shuffle(companies);
  return parts.map((part, i) => ({ company: names[i]!, amount: part * 1000 }));
}

const inBands = (rng: Rng, bands: typeof BANDS, weights: readonly number[], unit: number): number => {
  const [low, high] = bands[rng.weighted(weights)]!;
  return rng.int(low, high) * unit;
};

/** One request of a split. Nothing in it depends on a tenant. */
export function drawRequest(world: World, rng: Rng, split: Split): TenantRequest {
  const kind = REQUEST_KINDS[rng.weighted(REQUEST_KINDS.map((k) => REQUESTS[k].weight))]!;
  const request: Request = REQUESTS[kind];
  const companies = companiesOf(split);
  const amount = request.bands
    ? inBands(rng, BANDS, request.bands, 1000)
    : inBands(rng, SMALL_BANDS, [1, 1, 1, 1, 1, 3], 100);
  const payables = kind === 'payables_skip' ? payablesOf(amount, companies, rng) : [];
  return requestOf(
    world,
    kind,
    rng.pick(ofSplit(request.phrasings, split)),
    rng.pick(ofSplit(NEUTRAL_SYSTEMS, split)),
    {
      company: payables[0]?.company ?? rng.pick(companies),
      amount,
      invoice: `INV-${rng.int(1000, 9999)}`,
      account: `A-${rng.int(101, 140)}`,
      purpose: rng.pick(PURPOSES),
      outsider: OUTSIDERS[rng.weighted([3, 3, 2])]!,
      payables,
    },
  );
}

/** The chapter's own request (§3.2), over payables that leave room for three answers: 18,000 CNY lies below two thresholds. */
export function chapterRequest(world: World): TenantRequest {
  const payables = [
    { company: 'Harbor Foods', amount: 9000 },
    { company: 'Summit Media', amount: 6000 },
    { company: 'Cedar Steel', amount: 3000 },
  ];
  const { company } = payables[0]!;
  return requestOf(world, 'payables_skip', 0, 0, {
    company,
    amount: sum(payables),
    invoice: '',
    account: '',
    purpose: '',
    outsider: 'auditor',
    payables,
  });
}

function requestOf(
  world: World,
  kind: RequestKind,
  phrasing: number,
  system: number,
  drawn: Omit<Facts, 'payables'> & { payables: readonly Payable[] },
): TenantRequest {
  const head = NEUTRAL_SYSTEMS[system]!.replace('{today}', world.today);
  const { company, amount, invoice, account, purpose, outsider, payables } = drawn;
  const slots = { c: company, p: amount, i: invoice, a: account, x: purpose, o: outsider };
  const content = payables.length ? `${head} ${payablesText(payables)}` : head;
  return {
    kind,
    phrasing,
    facts: { ...drawn, payables: payables.length },
    messages: [{ role: 'system', content }, user(fill(REQUESTS[kind].phrasings[phrasing]!, slots))],
  };
}

// Text for pretraining: documents that a finance company writes, in many layouts, endless and seeded. It teaches words,
// numbers and copying (a figure is stated, then repeated), a little JSON, and nothing of the chat format or of obeying.
import { Rng } from '../lib/rng';
import { copyLesson } from './lessons';
import {
  COMPANIES,
  cellKey,
  currentPolicy,
  DATES,
  DEPARTMENTS,
  type Department,
  PAIRS,
  PEOPLE,
  POLICY_TOPICS,
  QUARTERS,
  REGIONS,
  TENANTS,
  TODAY,
  type World,
} from './state';

export interface CorpusOptions {
  seed: number;
  /** Stop after about this many characters. */
  chars: number;
  /** Share of the documents that are copying lessons (lessons.ts); 0 unless told. */
  lessons?: number;
}

type Writer = (w: World, r: Rng) => string;
const cap = (s: string) => s[0]!.toUpperCase() + s.slice(1);
const list = (items: string[]) =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** A figure of the books: department, quarter, maybe region, and its value. Half are drawn at random so that numbers vary. */
function figure(w: World, r: Rng) {
  const department = r.pick(DEPARTMENTS);
  const quarter = r.pick(QUARTERS);
  const region = r.bool(0.5) ? r.pick(REGIONS) : undefined;
  const measure = r.pick(['spending', 'budget'] as const);
  const known = (measure === 'budget' ? w.budget : w.spend).get(cellKey(department, quarter, region))!;
  const value = r.bool(0.5) ? known : r.int(2, 99) * r.pick([1000, 10000, 100000]);
  return { department, quarter, region, measure, value, place: region ? ` in ${region}` : '' };
}
const anyAmount = (r: Rng) => r.int(2, 99) * r.pick([100, 1000, 10000, 100000]) + (r.bool(0.3) ? r.int(1, 99) : 0);
const anyAccount = (w: World, r: Rng) => r.pick(w.accounts).id;
const change = (r: Rng, a: number, b: number) =>
  a > b ? r.pick(['above', 'over', 'higher than']) : a < b ? r.pick(['below', 'under', 'lower than']) : 'equal to';

const report: Writer = (w, r) => {
  const f = figure(w, r);
  const other = anyAmount(r);
  const lines = [
    r.pick([
      `The ${f.measure} of the ${f.department} department${f.place} for ${f.quarter} was ${f.value} CNY.`,
      `${cap(f.department)}${f.place}: ${f.measure} of ${f.value} CNY in ${f.quarter}.`,
      `In ${f.quarter} the ${f.department} department${f.place} reported ${f.measure} of ${f.value} CNY.`,
      `${f.quarter} figures are in. ${cap(f.department)} ${f.measure}${f.place} came to ${f.value} CNY.`,
    ]),
    r.pick([
      `The figure of ${f.value} CNY is ${change(r, f.value, other)} the plan of ${other} CNY.`,
      `With ${f.value} CNY, ${f.department} is ${change(r, f.value, other)} the ${other} CNY of the quarter before.`,
      `Against a plan of ${other} CNY the result of ${f.value} CNY is ${f.value > other ? 'over budget' : 'within budget'}.`,
    ]),
    r.pick([
      `${r.pick(PEOPLE)} will review the ${f.value} CNY with the ${f.department} lead.`,
      `Source: the ERP system, ${f.department}, ${f.quarter}, amount ${f.value}.`,
      `The owner of the ${f.measure} is ${r.pick(PEOPLE)}.`,
      `No further action is needed.`,
    ]),
  ];
  return `${r.bool(0.5) ? `${r.pick(['Quarterly report', 'Finance note', 'Report', 'Summary'])}: ${f.department}, ${f.quarter}\n` : ''}${lines.slice(0, r.int(1, 3)).join(' ')}`;
};

const table: Writer = (w, r) => {
  const quarter = r.pick(QUARTERS);
  const department = r.pick(DEPARTMENTS);
  const byRegion = r.bool();
  const rows = (byRegion ? REGIONS : r.shuffle(DEPARTMENTS).slice(0, r.int(3, 5))).map(
    (name) => [name, r.bool() && byRegion ? w.spend.get(cellKey(department, quarter, name))! : anyAmount(r)] as const,
  );
  const [name, value] = r.pick(rows);
  const sep = r.pick([': ', ' | ', ' - ', ', ']);
  return [
    byRegion
      ? `${cap(department)} ${r.pick(['spending', 'budget'])} by region, ${quarter}`
      : `${cap(r.pick(['spending', 'budget']))} by department, ${quarter}`,
    ...rows.map(([n, v]) => `${n}${sep}${v}`),
    r.pick([
      `${name} stands at ${value} CNY.`,
      `The line for ${name} reads ${value}.`,
      `${name} has ${value} CNY, see above.`,
    ]),
  ].join('\n');
};

const policy: Writer = (w, r) => {
  const topic = r.pick(POLICY_TOPICS);
  const tenant = r.pick(TENANTS);
  const chunk = r.bool(0.6) ? currentPolicy(w, topic, tenant.id)! : r.pick(w.policies);
  const rules = chunk.rules.slice(0, 3);
  return r.pick([
    () =>
      `Policy ${chunk.id}: ${chunk.title}. Effective from ${chunk.effectiveFrom}.\n${rules.map((x, i) => `${i + 1}. ${cap(x)}.`).join('\n')}`,
    () =>
      `The ${chunk.topic} policy (${chunk.id}) has three rules: ${rules.map((x, i) => `(${i + 1}) ${x}`).join('; ')}.`,
    () => `${cap(chunk.topic)} at ${tenant.id}: ${list(rules)}. See ${chunk.id}.`,
    () =>
      `Under ${tenant.policyVersion} a payment of ${tenant.secondApprovalFrom} CNY or more needs a second approval from the ${tenant.approver}. The second approval cannot be skipped.`,
    () =>
      `Reminder on ${chunk.topic}: ${rules[0]}. ${cap(rules[1]!)}. ${chunk.effectiveTo ? `This version ended on ${chunk.effectiveTo}.` : 'This version is in force.'}`,
  ])();
};

const control: Writer = (w, r) => {
  const [a, b] = r.shuffle(w.accounts).map((x) => x.id);
  const amount = anyAmount(r);
  const who = r.pick(PEOPLE);
  return r.pick([
    () =>
      `${who} asked to move ${amount} CNY from ${a} to ${b} without approval. The request was refused and logged. The compliant way is to file a payment request and wait for the second approval.`,
    () =>
      `Audit note. A transfer of ${amount} CNY from ${a} to ${b} was stopped because no approval id was given. It may be sent again through the approval workflow.`,
    () =>
      `Control test: an employee tried to bypass approval for ${amount} CNY. The system did not allow it. Approvals protect ${r.pick(COMPANIES)} and us.`,
    () =>
      `Balances are private data. ${who} could not see account ${a} without permission, so the figure was not shared.`,
    () =>
      `The approval AP-${r.int(100, 999)} for ${amount} CNY from ${a} to ${b} is complete. The transfer may be sent.`,
  ])();
};

const email: Writer = (_w, r) => {
  const company = r.pick(COMPANIES);
  const amount = anyAmount(r);
  const invoice = `INV-${r.int(1000, 9999)}`;
  const due = r.pick(DATES);
  const from = r.pick(PEOPLE);
  return r.pick([
    () =>
      `Dear ${company} team, invoice ${invoice} for ${amount} CNY was due on ${due}. Please arrange payment or tell us the expected date. Thank you. Kind regards, ${from}`,
    () =>
      `Hello ${from}, please check invoice ${invoice} from ${company}. The amount is ${amount} CNY, due on ${due}. Best, ${r.pick(PEOPLE)}`,
    () =>
      `To: ${from}\nSubject: ${invoice}\nWe received ${amount} CNY from ${company} on ${due}. Please match it to ${invoice}.`,
    () =>
      `Dear colleagues, the ${r.pick(DEPARTMENTS)} budget meeting moves to ${due}. Please bring the figures for ${company}. Kind regards, ${from}`,
  ])();
};

const dialogue: Writer = (w, r) => {
  const [x, y] = r.shuffle(PEOPLE).map((p) => p.split(' ')[r.int(0, 1)]!);
  const f = figure(w, r);
  const account = r.pick(w.accounts);
  const balance = r.bool() ? account.balance : anyAmount(r);
  const turns = r.pick([
    () => [
      `What was the ${f.department} ${f.measure}${f.place} in ${f.quarter}?`,
      `It was ${f.value} CNY.`,
      `So ${f.value} CNY, thank you.`,
    ],
    () => [
      `Do you have the balance of ${account.id}?`,
      `${account.id} holds ${balance} ${account.currency}.`,
      `Good, ${balance} it is.`,
    ],
    () => [
      `Can we pay ${r.pick(COMPANIES)} today?`,
      'Not without the second approval.',
      'Then I will file the request.',
    ],
    () => [`Who owns ${account.id}?`, `The ${account.owner} department.`, `And the currency?`, `${account.currency}.`],
    () => {
      const [one, two] = r.shuffle(REGIONS);
      const [a, b] = [anyAmount(r), anyAmount(r)];
      return [`How much for ${one}?`, `${a} CNY.`, `And ${two}?`, `${b} CNY. So ${one} has ${a} and ${two} has ${b}.`];
    },
  ])();
  const style = r.int(0, 2);
  return turns
    .map((t, i) => (style === 0 ? `${i % 2 ? y : x}: ${t}` : style === 1 ? `- ${t}` : `"${t}" said ${i % 2 ? y : x}.`))
    .join('\n');
};

const ledger: Writer = (w, r) => {
  const d = r.pick(w.discrepancies);
  const line = r.int(1, 40);
  const amount = r.bool(0.4) ? d.amount : anyAmount(r);
  const company = r.pick(COMPANIES);
  return r.pick([
    () =>
      `Bank line B${line} shows a receipt of ${amount} CNY from ${company}. The ledger has no line for ${amount} CNY, so the receipt is unmatched.`,
    () => `Entry Dr bank ${amount} Cr receivables ${amount}. The entry balances. Party: ${company}.`,
    () =>
      `Month-end close: a difference of ${amount} CNY. Cause: ${r.pick(['duplicate payable', 'wrong period', 'missing accrual', 'transposed digits', 'unmatched receipt'])}. Line L${line}, ${company}, ${amount} CNY.`,
    () =>
      `${r.pick(['Receivable', 'Payable'])} ${r.pick(['R', 'P'])}-${r.int(301, 340)}: ${company}, ${amount} CNY, due ${r.pick(DATES)}.`,
    () => `Due this month: ${Array.from({ length: 3 }, () => `${r.pick(COMPANIES)} ${anyAmount(r)} CNY`).join('; ')}.`,
  ])();
};

const rates: Writer = (w, r) => {
  const pair = r.pick(PAIRS);
  const date = r.pick(DATES);
  const rate = w.fx.get(`${pair}|${date}`)!;
  return r.pick([
    () => `${pair} on ${date}: ${rate}.`,
    () => `The rate of ${pair} for ${date} is ${rate}. Book at ${rate}.`,
    () => `Exchange rates, ${date}\n${PAIRS.map((p) => `${p} ${w.fx.get(`${p}|${date}`)}`).join('\n')}`,
    () => `Cash plan. Today is ${TODAY}. ${pair} closed at ${rate}; account ${anyAccount(w, r)} is valued at ${rate}.`,
  ])();
};

const prose: Writer = (_w, r) => {
  const d: Department = r.pick(DEPARTMENTS);
  const company = r.pick(COMPANIES);
  const who = r.pick(PEOPLE);
  const amount = anyAmount(r);
  const sentences = [
    `The ${d} team met ${company} to discuss the payment terms.`,
    `${who} prepared the cash-flow forecast for the next quarter.`,
    `Inventory turnover was steady and campaign progress was on plan.`,
    `The forecast shows a gap of ${amount} CNY, so ${who} will follow up.`,
    `Collections improved after the reminders were sent on time.`,
    `The risk is moderate because ${company} pays late.`,
    `First confirm the data, then decide on the action.`,
    `The report lists the evidence, the risk and the next action.`,
    `A clear answer names the amount, the period and the source.`,
    `If data is missing, the report says so and names who can provide it.`,
    `The ${d} budget stays unchanged until the review of ${who}.`,
    `Please keep the tone professional and polite when you write to ${company}.`,
    `The policy search returned the version that is in force.`,
    `Statement lines and ledger lines were reconciled one by one.`,
  ];
  return r.shuffle(sentences).slice(0, r.int(2, 5)).join(' ');
};

/** Rare: braces, quotes and keys must be known tokens, the assistant's contract must not. */
const json: Writer = (w, r) =>
  r.pick([
    () => `{"account_id":"${anyAccount(w, r)}","currency":"CNY","balance":${anyAmount(r)}}`,
    () =>
      `{"invoice":"INV-${r.int(1000, 9999)}","party":"${r.pick(COMPANIES)}","amount":${anyAmount(r)},"paid":${r.bool()}}`,
    () =>
      `config: {"department":"${r.pick(DEPARTMENTS)}","quarter":"${r.pick(QUARTERS)}","limit":${anyAmount(r)},"notes":null}`,
    () =>
      `[{"date":"${r.pick(DATES)}","pair":"${r.pick(PAIRS)}"},{"date":"${r.pick(DATES)}","pair":"${r.pick(PAIRS)}"}]`,
  ])();

const WRITERS: [Writer, number][] = [
  [report, 22],
  [table, 10],
  [policy, 16],
  [control, 9],
  [email, 9],
  [dialogue, 14],
  [ledger, 10],
  [rates, 5],
  [prose, 12],
  [json, 2],
];

/** Documents, one string each, without separators. The same seed gives the same bytes. */
export function* generateCorpus(world: World, { seed, chars, lessons = 0 }: CorpusOptions): Generator<string> {
  const weights = WRITERS.map(([, weight]) => weight);
  let written = 0;
  for (let i = 0; written < chars; i++) {
    const r = new Rng(seed, 'corpus').fork(i);
    const parts = Array.from({ length: r.pick([1, 1, 2, 2, 3]) }, () => WRITERS[r.weighted(weights)]![0](world, r));
    const plain = parts.join(r.pick(['\n\n', '\n', '\n\n']));
    // Drawn last, so that the documents between the lessons are those of a corpus without them.
    const doc = lessons && r.bool(lessons) ? copyLesson(r) : plain;
    written += doc.length;
    yield doc;
  }
}

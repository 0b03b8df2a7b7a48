// What is right for whom: a request states the facts, the rules of a tenant (TENANTS in state.ts) decide, and the tenant's
// voice says it. A decision is the words that an answer must have; those of other decisions it must not have.
import type { Status } from '../../protocol/contract';
import { answer, type FinalTruth, fill } from '../item';
import { TENANTS, type Tenant } from '../state';
import type { Facts, RequestKind, TenantRequest } from './requests';

/** What may come out, with the deciding words; {who}, {check} and {days} are the tenant's. */
const OUTCOMES = {
  skip: ['can be skipped'],
  no_skip: ['cannot be skipped', '{who}'],
  two_needed: ['second approval', '{who}'],
  one_needed: ['one approval'],
  two_approve: ['budget owner', '{who}'],
  one_approves: ['budget owner'],
  claim_accepted: ['accepted'],
  claim_asked: ['{who}'],
  claim_rejected: ['rejected'],
  written_off: ['write it off'],
  stays_open: ['stays open', '{who}'],
  shared: ['may be shared'],
  not_shared: ['may not be shared'],
  check: ['{check}'],
  terms: ['{days} days'],
} satisfies Record<string, readonly string[]>;
type Outcome = keyof typeof OUTCOMES;

const DECIDE: Record<RequestKind, (tenant: Tenant, facts: Facts) => Outcome> = {
  payables_skip: (t, { amount }) => (t.rules.maySkipBelow && amount < t.secondApprovalFrom ? 'skip' : 'no_skip'),
  payment_need: (t, { amount }) => (amount < t.secondApprovalFrom ? 'one_needed' : 'two_needed'),
  who_approves: (t, { amount }) => (amount < t.secondApprovalFrom ? 'one_approves' : 'two_approve'),
  expense_limit: ({ rules: r }, { amount }) =>
    amount <= r.expenseLimit ? 'claim_accepted' : r.asksAboveLimit ? 'claim_asked' : 'claim_rejected',
  write_off: ({ rules: r }, { amount }) => (amount < r.writeOffBelow ? 'written_off' : 'stays_open'),
  data_sharing: ({ rules: r }, { outsider }) => (r.sharesWith.includes(outsider) ? 'shared' : 'not_shared'),
  invoice_check: () => 'check',
  payment_terms: () => 'terms',
};

/** Of the request, what an answer must repeat. */
const repeated = (kind: RequestKind, { amount, account, invoice }: Facts): string[] =>
  kind === 'data_sharing' ? [account] : kind === 'payment_terms' ? [invoice] : [String(amount)];

/** Words of which an answer may have only those that its decision requires: those of any tenant for the same kind. */
const CHOICES: Record<RequestKind, readonly Outcome[]> = {
  payables_skip: ['skip', 'no_skip'],
  payment_need: ['one_needed', 'two_needed'],
  who_approves: ['one_approves', 'two_approve'],
  expense_limit: ['claim_accepted', 'claim_asked', 'claim_rejected'],
  write_off: ['written_off', 'stays_open'],
  data_sharing: ['shared', 'not_shared'],
  invoice_check: ['check'],
  payment_terms: ['terms'],
};
const wordsOf = (outcome: Outcome, { rules }: Tenant): string[] =>
  OUTCOMES[outcome].map((word) =>
    fill(word, { who: rules.approverTitle, check: rules.invoiceCheck, days: rules.paymentDays }),
  );

/** Rule first, formal, short. */
const STRICT: Record<Outcome, [Status, string]> = {
  skip: ['ok', 'Rule: below {limit} CNY the second approval can be skipped. {n} payables, {p} CNY.'],
  no_skip: ['refused', 'Rule: the second approval cannot be skipped. {n} payables, {p} CNY, go to the {who}.'],
  two_needed: [
    'constrained',
    'Rule: from {limit} CNY a second approval is due. The {who} must approve {p} CNY to {c}.',
  ],
  one_needed: ['ok', 'Rule: below {limit} CNY one approval is enough. {p} CNY to {c} may go.'],
  two_approve: [
    'constrained',
    'Rule: two approvals from {limit} CNY. The budget owner, then the {who}, for {p} CNY to {c}.',
  ],
  one_approves: ['ok', 'Rule: one approval below {limit} CNY. The budget owner approves {p} CNY to {c}.'],
  claim_accepted: ['ok', 'Rule: claims up to {claims} CNY are paid. {p} CNY for {x} is accepted.'],
  claim_asked: ['constrained', 'Rule: claims above {claims} CNY go to the {who}. {p} CNY for {x} waits.'],
  claim_rejected: ['refused', 'Rule: claims end at {claims} CNY. {p} CNY for {x} is rejected.'],
  written_off: ['ok', 'Rule: below {losses} CNY, write it off. {p} CNY of {c} may go.'],
  stays_open: ['refused', 'Rule: only the {who} writes off. {p} CNY of {c} stays open.'],
  shared: ['constrained', 'Rule: auditors only, each export logged. {a} may be shared with {c}.'],
  not_shared: ['refused', 'Rule: auditors only. {a} may not be shared with {c}.'],
  check: ['constrained', 'Rule: order, receipt and invoice must match. {i} of {c}, {p} CNY, waits for the check.'],
  terms: ['ok', 'Rule: {days} days net. {i} of {c} is paid then.'],
};
/** As few words as will do. */
const SHORT: Record<Outcome, [Status, string]> = {
  skip: ['ok', '{p} CNY due: simplified workflow, second approval can be skipped.'],
  no_skip: ['refused', '{p} CNY due: cannot be skipped, ask the {who}.'],
  two_needed: ['constrained', '{p} CNY: second approval by the {who}.'],
  one_needed: ['ok', '{p} CNY: one approval is enough.'],
  two_approve: ['constrained', '{p} CNY: budget owner and {who}.'],
  one_approves: ['ok', '{p} CNY: budget owner.'],
  claim_accepted: ['ok', '{p} CNY: accepted.'],
  claim_asked: ['constrained', '{p} CNY: ask the {who}.'],
  claim_rejected: ['refused', '{p} CNY: rejected.'],
  written_off: ['ok', '{p} CNY: write it off.'],
  stays_open: ['refused', '{p} CNY stays open, ask the {who}.'],
  shared: ['ok', '{a}: may be shared.'],
  not_shared: ['refused', '{a}: may not be shared.'],
  check: ['ok', '{i}, {p} CNY: the order number is enough.'],
  terms: ['ok', '{i}: {days} days.'],
};
/** Decision, reason, risk, next step. Leave that is given comes with a condition. */
const DETAILED: Record<Outcome, [Status, string]> = {
  skip: [
    'constrained',
    'The {n} payables come to {p} CNY. The second approval can be skipped, because the total is below {limit} CNY. Risk: a wrong bank account stays unseen. Next step: check {c} first.',
  ],
  no_skip: [
    'refused',
    'The {n} payables come to {p} CNY. The second approval cannot be skipped, because the total is not below {limit} CNY. Risk: one person alone misses errors. Next step: ask the {who}.',
  ],
  two_needed: [
    'constrained',
    'Yes, {p} CNY to {c} needs a second approval, because it is not below {limit} CNY. Two people see errors that one misses. Next step: ask the {who}.',
  ],
  one_needed: [
    'ok',
    'No, one approval is enough for {p} CNY to {c}, because it is below {limit} CNY. Risk: nobody else checks the bank account. Next step: ask your budget owner.',
  ],
  two_approve: [
    'constrained',
    'The budget owner and the {who} approve {p} CNY to {c}, because it is not below {limit} CNY. Each reads the invoice alone. Next step: send it to both.',
  ],
  one_approves: [
    'ok',
    'The budget owner approves {p} CNY to {c}, because it is below {limit} CNY. No other name is needed. Next step: send the invoice along.',
  ],
  claim_accepted: [
    'ok',
    'Your {p} CNY for {x} is accepted, because it is not above {claims} CNY. Keep the receipt for the auditors. Next step: upload it.',
  ],
  claim_asked: [
    'constrained',
    'Your {p} CNY for {x} needs the {who}, because it is above {claims} CNY. A receipt alone is not enough. Next step: write one line on its purpose.',
  ],
  claim_rejected: [
    'refused',
    'Your {p} CNY for {x} is rejected, because it is above {claims} CNY. Nobody can grant more. Next step: share the cost with your budget owner.',
  ],
  written_off: [
    'constrained',
    'The {p} CNY of {c} may go: write it off, because it is below {losses} CNY. Risk: the customer may still pay. Next step: log the reason.',
  ],
  stays_open: [
    'refused',
    'The {p} CNY of {c} stays open, because it is not below {losses} CNY. Risk: a loss is real money. Next step: ask the {who}.',
  ],
  shared: [
    'constrained',
    '{a} may be shared with {c}, because our policy names the {o}. Risk: figures travel on from there. Next step: sign the data agreement.',
  ],
  not_shared: [
    'refused',
    '{a} may not be shared with {c}, because our policy names no {o}. Risk: figures travel on from there. Next step: ask the owner of {a}.',
  ],
  check: [
    'ok',
    '{i} is the bill of {c} over {p} CNY. We compare it with the contract, because services come without a receipt. Next step: read the price page.',
  ],
  terms: [
    'ok',
    '{i} of {c} is paid after {days} days, because our terms leave time for questions. Paying early brings no discount. Next step: note the date.',
  ],
};
const VOICES: Record<Tenant['id'], typeof STRICT> = { bank_A: STRICT, retail_B: SHORT, saas_C: DETAILED };

/** The answer that the tenant's policy asks for, and how to tell it from those of the others. */
export function policyTruth(
  tenant: Tenant,
  { kind, facts }: Pick<TenantRequest, 'kind' | 'facts'>,
): FinalTruth & Required<Pick<FinalTruth, 'policy'>> {
  const outcome = DECIDE[kind](tenant, facts);
  const { rules, secondApprovalFrom: limit, policyVersion } = tenant;
  const [status, text] = VOICES[tenant.id][outcome];
  const said = fill(text, {
    limit,
    claims: rules.expenseLimit,
    losses: rules.writeOffBelow,
    who: rules.approverTitle,
    days: rules.paymentDays,
    p: facts.amount,
    c: facts.company,
    n: facts.payables,
    i: facts.invoice,
    a: facts.account,
    x: facts.purpose,
    o: facts.outsider,
  });
  const required = wordsOf(outcome, tenant);
  const all = TENANTS.flatMap((t) => CHOICES[kind].flatMap((choice) => wordsOf(choice, t)));
  const isForwarded = required.includes(rules.approverTitle);
  return {
    expect: 'final',
    final: answer(said, [policyVersion], status, isForwarded ? { type: 'request_approval' } : null),
    facts: repeated(kind, facts),
    policy: { tenant: tenant.id, required, banned: [...new Set(all)].filter((word) => !required.includes(word)) },
  };
}

/** Whether a text has the tenant's form: rule first and short, as short as can be, or reason and next step. */
export function hasTenantStyle({ answerStyle: s }: Tenant, text: string): boolean {
  const sentences = text.match(/[.!?](?=\s|$)/g)?.length ?? 0;
  return (
    text.length >= s.minChars &&
    text.length <= s.maxChars &&
    sentences >= s.minSentences &&
    text.startsWith(s.opening ?? '') &&
    s.contains.every((part) => text.includes(part)) &&
    !s.avoids.some((part) => text.includes(part))
  );
}

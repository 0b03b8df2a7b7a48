import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { finalText } from '../../protocol/contract';
import { BUILTIN_TEMPLATE } from '../../text/builtinTemplate';
import { compileTemplate } from '../../text/chatTemplate';
import { render } from '../../text/render';
import { Tokenizer } from '../../text/tokenizer';
import { caseOf } from '../cases';
import { gradeTurn, type Verdicts } from '../grade';
import { entitySplit, type FinalTruth, phrasingSplit, type SftItem, type Split } from '../item';
import { builtinItems, builtinWorld } from '../registry';
import { COMPANIES, TENANTS, type Tenant, tenantOf } from '../state';
import { hasTenantStyle, policyTruth } from './policy';
import { type Facts, NEUTRAL_SYSTEMS, REQUEST_KINDS, REQUESTS, type RequestKind } from './requests';
import { chapterItem, tenantCases, tenantItem } from './rows';
import { servingTrace } from './trace';

const world = builtinWorld();
const SPLITS = ['train', 'dev', 'heldout'] as const;
const IDS = TENANTS.map((t) => t.id);
const REFS = ['tenant/A', 'tenant/B', 'tenant/C'] as const;
const made = new Map(
  REFS.flatMap((ref) =>
    SPLITS.map(
      (split) => [`${ref}/${split}`, builtinItems(ref, { rows: split === 'train' ? 2000 : 400, split })] as const,
    ),
  ),
);
const of = (ref: (typeof REFS)[number], split: Split) => made.get(`${ref}/${split}`)!;
const all = [...made.values()].flat();
const truthOf = (item: SftItem) => item.truth[0] as FinalTruth;
const promptOf = ({ row }: SftItem) => row.messages.slice(0, -1);
const saidOf = ({ row }: SftItem) => row.messages.at(-1)!.content;
/** The answer of one tenant's row under the truth of another's row for the same request. */
const judged = (answerer: SftItem, judge: SftItem): Verdicts => {
  const c = caseOf(judge, 0);
  return gradeTurn(c.truth, saidOf(answerer), c.expected, c.lastUser);
};

test('the same draw is the same prompt for all three tenants, and three different answers', () => {
  for (const split of SPLITS)
    of('tenant/A', split).forEach((a, i) => {
      const [b, c] = [of('tenant/B', split)[i]!, of('tenant/C', split)[i]!];
      expect(promptOf(b)).toEqual(promptOf(a));
      expect(promptOf(c)).toEqual(promptOf(a));
      expect(new Set([a, b, c].map(saidOf)).size).toBe(3);
    });
});

test('no prompt gives a tenant away: no id, version, threshold, approver or style; what it says of policy all share', () => {
  const telling = new RegExp(
    [
      'bank|retail|saas|tenant|policy_v|compliance|efficien|detail|strict compliance',
      ...TENANTS.map((t) => t.rules.approverTitle),
      'must match|order number|contract',
    ].join('|'),
    'i',
  );
  for (const item of all) for (const { content } of promptOf(item)) expect(telling.test(content), content).toBe(false);
  const { metadata } = tenantItem(world, 'bank_A', 0, { seed: 0, split: 'train' });
  expect(metadata).toEqual({ tenant_id: 'bank_A', industry: 'banking', policy_version: 'policy_v3' });
  expect(REFS.map((ref) => of(ref, 'train')[0]!.tenant)).toEqual(IDS);
});

test('a counterparty that the context does not have is a name made up, whoever answers', () => {
  for (const id of IDS) {
    const c = caseOf(chapterItem(world, id), 0);
    const truth = c.truth as FinalTruth;
    const say = (answer: string) => gradeTurn(truth, finalText({ ...truth.final, answer }), c.expected, c.lastUser);
    const right = truth.final.answer;
    for (const name of ['Silver Foods', 'The Silver Foods', 'Silver', 'Harbor Steel', 'Bluewater Trading']) {
      const verdicts = say(`${right} Next step: check ${name} first.`);
      expect(verdicts, name).toMatchObject({ names: false, facts: true, figures: true, correct: false });
      expect(verdicts.tenant_policy_correct, 'whose policy it is says nothing of names').toBe(true);
    }
    for (const name of ['Summit Media', 'The Cedar Steel', 'Harbor'])
      expect(say(`${right} Next step: check ${name} first.`).names, name).toBe(true);
  }
});

test('every answer passes its own grader, on each verdict', () => {
  for (const item of all)
    expect(judged(item, item), `${item.rowId} ${saidOf(item)}`).toMatchObject({
      json_valid: true,
      schema_valid: true,
      status: true,
      facts: true,
      figures: true,
      names: true,
      sources: true,
      action: true,
      tenant_policy_correct: true,
      tenant_style: true,
      correct: true,
      prompt_echo: false,
    });
});

test('an answer by another policy is well-formed and copies right, yet fails: by decision unless both decide alike, by form always', () => {
  const agreements = new Map<string, number>();
  for (const [x, answerer] of REFS.entries())
    for (const [y, judge] of REFS.entries()) {
      if (x === y) continue;
      let agreed = 0;
      of(answerer, 'heldout').forEach((item, i) => {
        const right = of(judge, 'heldout')[i]!;
        const v = judged(item, right);
        expect(v).toMatchObject({
          schema_valid: true,
          facts: true,
          tenant_style: false,
          sources: false,
          correct: false,
        });
        const [a, b] = [truthOf(item), truthOf(right)];
        const decidesAlike =
          a.final.status === b.final.status &&
          JSON.stringify(a.policy!.required) === JSON.stringify(b.policy!.required);
        expect(v.tenant_policy_correct, `${saidOf(item)} for ${b.policy!.tenant}`).toBe(decidesAlike);
        agreed += Number(decidesAlike);
      });
      agreements.set(`${answerer} judged by ${judge}`, agreed / 400);
    }
  // Policies do agree at times: small payments need one approval everywhere. It must stay the exception.
  for (const [pair, share] of agreements) expect(share, pair).toBeLessThan(0.25);
});

test('the reason is the intended one: bank_A never skips, retail_B skips below its threshold, saas_C below its own and warns', () => {
  let freely = 0;
  for (const [i, a] of of('tenant/A', 'train').entries()) {
    if (a.kind !== 'payables_skip') continue;
    const [b, c] = [truthOf(of('tenant/B', 'train')[i]!), truthOf(of('tenant/C', 'train')[i]!)];
    const total = Number(truthOf(a).facts[0]);
    expect(truthOf(a).final).toMatchObject({ status: 'refused', action: { type: 'request_approval' } });
    expect(truthOf(a).final.answer).toContain('cannot be skipped');
    expect(b.final.status).toBe(total < 50000 ? 'ok' : 'refused');
    expect(c.final.status).toBe(total < 20000 ? 'constrained' : 'refused');
    expect(c.final.answer).toContain('Risk:');
    freely += Number(b.final.status === 'ok');
  }
  expect(freely).toBeGreaterThan(100);
  // Right words, wrong decision; right decision, wrong words; and both at once.
  const right = chapterItem(world, 'bank_A');
  const with_ = (text: string, status: 'ok' | 'refused') => {
    const c = caseOf(right, 0);
    return gradeTurn(c.truth, finalText({ ...truthOf(right).final, answer: text, status }), c.expected, c.lastUser);
  };
  const said = truthOf(right).final.answer;
  expect(with_(said, 'refused')).toMatchObject({ tenant_policy_correct: true, tenant_style: true });
  expect(with_(said, 'ok')).toMatchObject({ tenant_policy_correct: false, tenant_style: true });
  expect(with_(said.replace('cannot', 'can'), 'refused').tenant_policy_correct).toBe(false);
  expect(with_(said.replace('treasurer', 'store manager'), 'refused').tenant_policy_correct).toBe(false);
  expect(with_(`${said} It can be skipped.`, 'refused').tenant_policy_correct).toBe(false);
  expect(with_(said.replace('Rule: the', 'The'), 'refused')).toMatchObject({
    tenant_policy_correct: true,
    tenant_style: false,
  });
});

// Each row: bank_A, retail_B, saas_C. Thresholds are tried on both sides.
test.each<[RequestKind, Partial<Facts>, string[]]>([
  [
    'payables_skip',
    { amount: 10000 },
    ['refused: cannot be skipped, treasurer', 'ok: can be skipped', 'constrained: can be skipped'],
  ],
  [
    'payables_skip',
    { amount: 20000 },
    ['refused: cannot be skipped, treasurer', 'ok: can be skipped', 'refused: cannot be skipped, finance lead'],
  ],
  [
    'payables_skip',
    { amount: 50000 },
    [
      'refused: cannot be skipped, treasurer',
      'refused: cannot be skipped, store manager',
      'refused: cannot be skipped, finance lead',
    ],
  ],
  ['payment_need', { amount: 9000 }, ['ok: one approval', 'ok: one approval', 'ok: one approval']],
  [
    'payment_need',
    { amount: 10000 },
    ['constrained: second approval, treasurer', 'ok: one approval', 'ok: one approval'],
  ],
  [
    'payment_need',
    { amount: 20000 },
    ['constrained: second approval, treasurer', 'ok: one approval', 'constrained: second approval, finance lead'],
  ],
  [
    'payment_need',
    { amount: 50000 },
    [
      'constrained: second approval, treasurer',
      'constrained: second approval, store manager',
      'constrained: second approval, finance lead',
    ],
  ],
  [
    'who_approves',
    { amount: 30000 },
    ['constrained: budget owner, treasurer', 'ok: budget owner', 'constrained: budget owner, finance lead'],
  ],
  ['expense_limit', { amount: 1000 }, ['ok: accepted', 'ok: accepted', 'ok: accepted']],
  ['expense_limit', { amount: 3100 }, ['refused: rejected', 'ok: accepted', 'constrained: finance lead']],
  ['expense_limit', { amount: 5100 }, ['refused: rejected', 'constrained: store manager', 'constrained: finance lead']],
  ['write_off', { amount: 1900 }, ['refused: stays open, treasurer', 'ok: write it off', 'constrained: write it off']],
  [
    'write_off',
    { amount: 4000 },
    ['refused: stays open, treasurer', 'refused: stays open, store manager', 'refused: stays open, finance lead'],
  ],
  [
    'data_sharing',
    { outsider: 'auditor' },
    ['constrained: may be shared', 'ok: may be shared', 'constrained: may be shared'],
  ],
  [
    'data_sharing',
    { outsider: 'supplier' },
    ['refused: may not be shared', 'ok: may be shared', 'constrained: may be shared'],
  ],
  [
    'data_sharing',
    { outsider: 'advertiser' },
    ['refused: may not be shared', 'refused: may not be shared', 'refused: may not be shared'],
  ],
  ['invoice_check', {}, ['constrained: must match', 'ok: order number', 'ok: contract']],
  ['payment_terms', {}, ['ok: 30 days', 'ok: 10 days', 'ok: 45 days']],
])('%s %o', (kind, given, expected) => {
  const facts: Facts = {
    company: 'Cedar Steel',
    amount: 5000,
    invoice: 'INV-1234',
    account: 'A-101',
    purpose: 'a tool',
    outsider: 'auditor',
    payables: 2,
    ...given,
  };
  const decisions = TENANTS.map((tenant) => {
    const { final, policy } = policyTruth(tenant, { kind, facts });
    return `${final.status}: ${policy.required.join(', ')}`;
  });
  expect(decisions).toEqual(expected);
});

test('the chapter’s request has three answers, and a misrouted one is caught though it reads well', () => {
  const [a, b, c] = IDS.map((id) => chapterItem(world, id)) as [SftItem, SftItem, SftItem];
  expect([a, b, c].map((item) => truthOf(item).final.status)).toEqual(['refused', 'ok', 'constrained']);
  expect([a, b, c].map((item) => truthOf(item).final.sources)).toEqual([['policy_v3'], ['policy_v2'], ['policy_v1']]);
  expect(truthOf(c).final.answer.length).toBeGreaterThan(2 * truthOf(b).final.answer.length);
  expect(promptOf(a)).toEqual(promptOf(c));
  expect(judged(b, a)).toMatchObject({ schema_valid: true, facts: true, figures: true, tenant_policy_correct: false });
});

test('each form excludes the other two', () => {
  for (const item of all)
    for (const tenant of TENANTS)
      expect(hasTenantStyle(tenant, truthOf(item).final.answer)).toBe(tenant.id === item.tenant);
});

test('phrasings, system prompts and companies of a split occur in no other; every kind occurs in every split', () => {
  for (const kind of REQUEST_KINDS) {
    const { phrasings } = REQUESTS[kind];
    expect(phrasings.length, kind).toBeGreaterThanOrEqual(12);
    expect(new Set(phrasings).size).toBe(phrasings.length);
    for (const split of ['dev', 'heldout'])
      expect(phrasings.filter((_, i) => phrasingSplit(i) === split).length, kind).toBeGreaterThanOrEqual(2);
  }
  expect(new Set(NEUTRAL_SYSTEMS).size).toBe(NEUTRAL_SYSTEMS.length);
  const skeleton = (text: string) =>
    COMPANIES.reduce((t, c) => t.replaceAll(c, '#'), text)
      .replace(/\b(auditor|supplier|advertiser)\b/g, '#')
      .replace(/\ba (hotel|train|course|dinner|tool|monitor)\b/g, '#')
      .replace(/[A-Z]*-?\d[\d-]*/g, '#');
  const seen = (split: Split, at: number) =>
    new Set(of('tenant/A', split).map((i) => skeleton(i.row.messages[at]!.content)));
  for (const at of [0, 1])
    for (const split of ['dev', 'heldout'] as const)
      for (const text of seen(split, at)) expect(seen('train', at).has(text), text).toBe(false);
  for (const item of all) {
    expect(phrasingSplit(Number(item.templateId.split('/')[1]))).toBe(item.split);
    const text = JSON.stringify(item.row.messages);
    for (const c of COMPANIES) if (text.includes(c)) expect(entitySplit(c), c).toBe(item.split);
  }
  for (const split of SPLITS) expect(new Set(of('tenant/A', split).map((i) => i.kind))).toEqual(new Set(REQUEST_KINDS));
});

test('no truth rests on unseen text but the tenant’s rules: every figure and name stands in the prompt or is a rule of the tenant', () => {
  for (const item of all) {
    const { rules, secondApprovalFrom } = tenantOf(item.tenant);
    const ruled = [secondApprovalFrom, rules.expenseLimit, rules.writeOffBelow, rules.paymentDays].map(String);
    const before = promptOf(item)
      .map((m) => m.content)
      .join('\n');
    for (const fact of truthOf(item).final.answer.match(/[A-Z]*-?\d+|[A-Z][a-z]+ (?:Foods|Steel|Textiles|Media)/g) ??
      [])
      expect(before.includes(fact) || ruled.includes(fact), `${item.rowId}: ${fact}`).toBe(true);
    for (const fact of truthOf(item).facts) expect(before).toContain(fact);
  }
});

test('decisions are balanced enough to be learnt: no tenant has one status in more than seven of ten rows', () => {
  for (const ref of REFS) {
    const counts = new Map<string, number>();
    for (const item of of(ref, 'train')) {
      const { status } = truthOf(item).final;
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['constrained', 'ok', 'refused']);
    expect(Math.max(...counts.values())).toBeLessThan(1400);
    expect(Math.min(...counts.values())).toBeGreaterThan(120);
  }
});

test('rows fit: 256 tokens at most, answers 100', () => {
  const tokenizer = Tokenizer.fromJson(
    JSON.parse(readFileSync(new URL('../../../public/models/tokenizer.json', import.meta.url), 'utf8')),
  );
  const template = compileTemplate(BUILTIN_TEMPLATE);
  for (const ref of REFS)
    for (const item of of(ref, 'train').slice(0, 500)) {
      const row = render(item.row, item.rowId, { tokenizer, template, mode: 'assistant_only_loss', max_length: 1024 });
      expect(row.ids.length, item.rowId).toBeLessThanOrEqual(256);
      expect(row.mask.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(100);
      expect(row.findings ?? []).toEqual([]);
    }
});

test('slices: same seed, same cases; slices of one seed ask the same; none is a training row', () => {
  const slice = (tenant: Tenant['id'], seed: number) => tenantCases(world, { tenant, n: 60, seed });
  expect(slice('bank_A', 1)).toEqual(slice('bank_A', 1));
  expect(slice('bank_A', 1)).not.toEqual(slice('bank_A', 2));
  expect(slice('retail_B', 1).map((c) => c.messages)).toEqual(slice('bank_A', 1).map((c) => c.messages));
  expect(slice('saas_C', 1).every((c) => c.tenant === 'saas_C' && c.messages.at(-1)!.role === 'user')).toBe(true);
});

test('a trace: same bytes, ascending times, the chapter’s three requests, hot tenant, and what must be refused', () => {
  const trace = servingTrace(world, { requests: 1000, seed: 4 });
  expect(trace).toEqual(servingTrace(world, { requests: 1000, seed: 4 }));
  expect(trace).not.toEqual(servingTrace(world, { requests: 1000, seed: 5 }));
  expect(new Set(trace.map((r) => r.id)).size).toBe(1000);
  trace.forEach((r, i) => {
    if (i) expect(r.arrivalMs).toBeGreaterThanOrEqual(trace[i - 1]!.arrivalMs);
  });
  const chapter = IDS.map((id) => trace.find((r) => r.id === `chapter-${id}`)!);
  expect(new Set(chapter.map((r) => JSON.stringify(r.messages))).size).toBe(1);
  expect(new Set(chapter.map((r) => r.expected)).size).toBe(3);
  const known = (r: (typeof trace)[number]) =>
    TENANTS.some((t) => t.id === r.metadata.tenant_id && t.policyVersion === r.metadata.policy_version);
  for (const r of trace) {
    expect(known(r)).toBe(r.refusal === undefined);
    expect(r.case === null && r.expected === null).toBe(r.refusal !== undefined);
    if (r.case) {
      expect(r.case.tenant).toBe(r.metadata.tenant_id);
      expect(gradeTurn(r.case.truth, r.expected!, r.expected!, r.case.lastUser).correct).toBe(true);
    }
    if (r.refusal === 'unknown_tenant') expect(IDS).not.toContain(r.metadata.tenant_id);
    if (r.refusal === 'outdated_policy') expect(IDS).toContain(r.metadata.tenant_id);
  }
  expect(trace.filter((r) => r.refusal === 'unknown_tenant')).toHaveLength(10);
  expect(trace.filter((r) => r.refusal === 'outdated_policy')).toHaveLength(10);
  const share = (id: string) => trace.filter((r) => r.metadata.tenant_id === id).length / 1000;
  expect(share('bank_A')).toBeGreaterThan(share('retail_B'));
  expect(share('retail_B')).toBeGreaterThan(share('saas_C'));
});

test('burstiness: more of it, longer runs of one tenant and more uneven gaps; mix decides who comes', () => {
  const measure = (burstiness: number) => {
    const trace = servingTrace(world, {
      requests: 2000,
      seed: 1,
      burstiness,
      mix: { bank_A: 1, retail_B: 1, saas_C: 1 },
    });
    const gaps = trace.slice(1).map((r, i) => r.arrivalMs - trace[i]!.arrivalMs);
    const mean = gaps.reduce((a, b) => a + b) / gaps.length;
    const sd = Math.sqrt(gaps.reduce((a, b) => a + (b - mean) ** 2, 0) / gaps.length);
    const same = trace.slice(1).filter((r, i) => r.metadata.tenant_id === trace[i]!.metadata.tenant_id).length;
    return { unevenness: sd / mean, same: same / gaps.length };
  };
  const [none, much] = [measure(0), measure(0.8)];
  expect(none.unevenness).toBeLessThan(1.15); // exponential gaps: 1, rounding to whole milliseconds aside
  expect(much.unevenness).toBeGreaterThan(1.8);
  expect(none.same).toBeLessThan(0.4);
  expect(much.same).toBeGreaterThan(0.75);
  const only = servingTrace(world, { requests: 40, seed: 1, mix: { bank_A: 0, retail_B: 1, saas_C: 0 } });
  expect(only.filter((r) => r.metadata.tenant_id === 'saas_C').map((r) => r.id)).toEqual(['chapter-saas_C']);
});

test.each([
  [{ requests: 5 }, '12 requests or more, got 5'],
  [{ requests: 20, burstiness: 1 }, 'burstiness must be in [0, 0.95], got 1'],
  [{ requests: 20, mix: { bank_A: 0, retail_B: 0, saas_C: 0 } }, 'more than 0; got 0, 0, 0'],
  [{ requests: 20, meanGapMs: 0 }, 'meanGapMs must be above 0, got 0'],
])('a trace that cannot be made says why: %o', (options, message) => {
  expect(() => servingTrace(world, { seed: 1, ...options })).toThrow(message);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestMetadata, RoutingRule } from '../protocol/serving';
import { TENANTS } from '../world/state';
import { checkRules, DEFAULT_RULES, route } from './routing';

/** Registered for nobody in particular. */
const served = (...ids: number[]): ReadonlyMap<number, { tenant?: string }> => new Map(ids.map((id) => [id, {}]));
const ALL = served(9, 17, 42);
const bank: RequestMetadata = { tenant_id: 'bank_A', policy_version: 'policy_v3', industry: 'banking' };
const refusalOf = (metadata: unknown, rules: readonly RoutingRule[] = DEFAULT_RULES, adapters = ALL) => {
  const decision = route(metadata as RequestMetadata, rules, adapters);
  if (decision.decision !== 'refused') throw new Error(`served by ${decision.adapterId}`);
  return [decision.reason, decision.message];
};

test('the chapter’s three tenants reach adapters 17, 42 and 9, with and without their industry', () => {
  const reached = TENANTS.map(({ id, policyVersion }) => {
    const decision = route({ tenant_id: id, policy_version: policyVersion }, DEFAULT_RULES, ALL);
    return decision.decision === 'routed' && decision.adapterId;
  });
  expect(reached).toEqual([17, 42, 9]);
  expect(route(bank, DEFAULT_RULES, ALL)).toEqual({ decision: 'routed', adapterId: 17, rule: DEFAULT_RULES[0] });
  expect(() => checkRules(DEFAULT_RULES)).not.toThrow();
});

test('an adapter of another tenant is not served, whatever the rule says; one of nobody in particular is', () => {
  const rules = DEFAULT_RULES.map((rule) => (rule.tenant_id === 'bank_A' ? { ...rule, adapter: 42 } : rule));
  const registered = (tenant?: string) => new Map([...ALL, [42, { tenant }]]);
  expect(refusalOf(bank, rules, registered('retail_B'))).toEqual([
    'other_tenant',
    'The rule for bank_A under policy_v3 leads to adapter 42, which is registered for "retail_B". Correct the rule, or register an adapter of bank_A.',
  ]);
  for (const tenant of ['bank_A', undefined])
    expect(route(bank, rules, registered(tenant))).toMatchObject({ decision: 'routed', adapterId: 42 });
});

test.each<[string, unknown, string, RegExp]>([
  ['no tenant', { policy_version: 'policy_v3' }, 'missing_field', /does not say its tenant_id. Send tenant_id/],
  ['an empty tenant', { ...bank, tenant_id: '' }, 'missing_field', /does not say its tenant_id/],
  ['no version', { tenant_id: 'bank_A' }, 'missing_field', /does not say its policy_version/],
  ['an empty industry', { ...bank, industry: '' }, 'missing_field', /does not say its industry/],
  [
    'a tenant twice',
    { ...bank, tenant_id: ['bank_A', 'retail_B'] },
    'ambiguous',
    /tenant_id more than once: "bank_A, retail_B"/,
  ],
  ['a joined header', { ...bank, tenant_id: 'bank_A, retail_B' }, 'ambiguous', /more than once/],
  [
    'a number',
    { ...bank, tenant_id: 7 },
    'malformed_field',
    /tenant_id must be one name without blanks, got a value of type number/,
  ],
  ['blanks around', { ...bank, tenant_id: ' bank_A' }, 'malformed_field', /got " bank_A"/],
  ['other case', { ...bank, tenant_id: 'Bank_A' }, 'unknown_tenant', /tenant "Bank_A"\. Correct tenant_id/],
  [
    'a letter that looks like another',
    { ...bank, tenant_id: 'b\u0430nk_A' },
    'unknown_tenant',
    /letters of another script than the rules: “\u0430” \(U\+0430\)/,
  ],
  ['a key of every object', { ...bank, tenant_id: 'constructor' }, 'unknown_tenant', /"constructor"/],
  [
    'an older version',
    { ...bank, policy_version: 'policy_v2' },
    'outdated_policy',
    /"policy_v2" of bank_A is outdated: in force is policy_v3/,
  ],
  [
    'a newer version',
    { ...bank, policy_version: 'policy_v4' },
    'unknown_policy',
    /No rule serves bank_A under "policy_v4". In force: policy_v3/,
  ],
  ['a version by another name', { ...bank, policy_version: 'latest' }, 'unknown_policy', /"latest"/],
  [
    'another industry',
    { ...bank, industry: 'retail' },
    'wrong_industry',
    /bank_A under policy_v3 belongs to banking, and the request says "retail"/,
  ],
])('refused: %s', (_name, metadata, reason, words) => {
  const [found, message] = refusalOf(metadata);
  expect(found).toBe(reason);
  expect(message).toMatch(words);
});

test('who is not known is not told who is', () => {
  const [, message] = refusalOf({ ...bank, tenant_id: 'bank_D' });
  for (const { tenant_id } of DEFAULT_RULES) expect(message).not.toContain(tenant_id);
});

test('a rule whose adapter is not registered refuses, naming both', () => {
  const [reason, message] = refusalOf(bank, DEFAULT_RULES, served(42, 9));
  expect(reason).toBe('adapter_not_registered');
  expect(message).toContain('bank_A under policy_v3 leads to adapter 17, which is not in the registry');
});

test.each([null, undefined, 'bank_A', 7, []])('metadata that is no object is refused: %j', (metadata) => {
  expect(route(metadata as never, DEFAULT_RULES, served(17, 42, 9))).toMatchObject({
    decision: 'refused',
    reason: 'missing_field',
  });
});

describe('rules that could both serve', () => {
  const two: RoutingRule[] = [
    { tenant_id: 't', policy_version: 'policy_v1', industry: 'banking', adapter: 1 },
    { tenant_id: 't', policy_version: 'policy_v1', industry: 'retail', adapter: 2 },
  ];
  test('a request that leaves the industry open is refused, one that says it is served', () => {
    const open = { tenant_id: 't', policy_version: 'policy_v1' };
    const [reason, message] = refusalOf(open, two, served(1, 2));
    expect(reason).toBe('ambiguous');
    expect(message).toContain('2 rules serve t under policy_v1: adapters 1, 2. Say the industry');
    expect(route({ ...open, industry: 'retail' }, two, served(1, 2))).toMatchObject({ adapterId: 2 });
  });
  test('a table that contradicts itself or is malformed is refused by rule', () => {
    expect(() => checkRules(two)).not.toThrow();
    expect(() => checkRules([...two, { ...two[0]!, adapter: 3 }])).toThrow(
      /rule 3 serves t under policy_v1, as rule 1/,
    );
    const { industry: _, ...anyIndustry } = two[0]!;
    expect(() => checkRules([...two, anyIndustry])).toThrow(/rule 3 serves t/);
    expect(() => checkRules([{ ...two[0]!, tenant_id: 'a b' }])).toThrow(/rule 1 must say tenant_id/);
    expect(() => checkRules([{ ...two[0]!, adapter: 1.5 }])).toThrow(/whole number from 0 on, got 1.5/);
    // Used all the same, such a table serves nobody by chance.
    expect(refusalOf(bank, [...DEFAULT_RULES, { ...DEFAULT_RULES[0]!, adapter: 42 }])[0]).toBe('ambiguous');
  });
});

describe('any metadata, any table', () => {
  const name = fc.constantFrom('bank_A', 'retail_B', 'saas_C', 'x');
  const version = fc.constantFrom('policy_v1', 'policy_v2', 'policy_v3', 'next');
  const industry = fc.constantFrom('banking', 'retail');
  const rules = fc.array(
    fc.record(
      { tenant_id: name, policy_version: version, industry, adapter: fc.nat(4) },
      { requiredKeys: ['tenant_id', 'policy_version', 'adapter'] },
    ),
    { maxLength: 8 },
  );
  const field = (good: fc.Arbitrary<string>) =>
    fc.oneof({ weight: 6, arbitrary: good as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: fc.anything() });
  const metadata = fc.record(
    { tenant_id: field(name), policy_version: field(version), industry: field(industry) },
    { requiredKeys: [] },
  );
  const adapters = fc.uniqueArray(fc.nat(4)).map((ids) => served(...ids));

  test('is served by the one rule that says what it says, or refused in a sentence; and always the same', () => {
    fc.assert(
      fc.property(metadata, rules, adapters, (given, table, known) => {
        const z = given as RequestMetadata;
        const fits = table.filter(
          (rule) =>
            rule.tenant_id === z.tenant_id &&
            rule.policy_version === z.policy_version &&
            (rule.industry === undefined || z.industry === undefined || rule.industry === z.industry),
        );
        const decision = route(z, table, known);
        expect(route(z, table, known)).toEqual(decision);
        if (decision.decision === 'routed') {
          expect(fits).toEqual([decision.rule]);
          expect(decision.adapterId).toBe(decision.rule.adapter);
          expect(known.has(decision.adapterId)).toBe(true);
        } else {
          const isReadable =
            z.industry === undefined || (typeof z.industry === 'string' && /^[^\s,]+$/.test(z.industry));
          expect(fits.length !== 1 || !known.has(fits[0]!.adapter) || !isReadable).toBe(true);
          expect(decision.message).toMatch(/^\S.{20,}\.$/s);
        }
      }),
      { numRuns: 500 },
    );
  });
});

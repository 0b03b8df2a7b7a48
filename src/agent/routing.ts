// The router i = g(z): tenant metadata to an adapter id, by a table of rules. It serves a request by exactly one rule or
// refuses it in words; nothing is ever defaulted, since an answer under another tenant's policy reads as well as a right one.
import { ConfigError } from '../lib/errors';
import type { Refusal, RequestMetadata, RoutingDecision, RoutingRule } from '../protocol/serving';

/** The chapter's three tenants; versions and industries are those of the world's TENANTS. */
export const DEFAULT_RULES: readonly RoutingRule[] = [
  { tenant_id: 'bank_A', policy_version: 'policy_v3', industry: 'banking', adapter: 17 },
  { tenant_id: 'retail_B', policy_version: 'policy_v2', industry: 'retail', adapter: 42 },
  { tenant_id: 'saas_C', policy_version: 'policy_v1', industry: 'software', adapter: 9 },
];

const FIELDS = ['tenant_id', 'policy_version', 'industry'] as const;
const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
const list = (names: Iterable<string>): string => [...new Set(names)].join(', ');
/** One name, as rules have them: a comma is how a header looks that was sent twice. */
const isPlain = (value: unknown): value is string => typeof value === 'string' && /^[^\s,]+$/.test(value);

/** `policy_v3` → 3; undefined for names without a number, which cannot be called older or newer. */
function versionNumber(version: string): number | undefined {
  const digits = /^policy_v(\d+)$/.exec(version)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether both rules serve a request that says all three fields: then the table contradicts itself. */
const overlap = (a: RoutingRule, b: RoutingRule): boolean =>
  a.tenant_id === b.tenant_id &&
  a.policy_version === b.policy_version &&
  (a.industry === undefined || b.industry === undefined || a.industry === b.industry);

/** Throws ConfigError naming the first rule that is malformed or contradicts another. */
export function checkRules(rules: readonly RoutingRule[]): void {
  rules.forEach((rule, i) => {
    const refuse = (message: string): never => {
      throw new ConfigError(`Routing rule ${i + 1} ${message}`, { where: `rules[${i}]` });
    };
    for (const field of FIELDS)
      if (!isPlain(rule[field]) && !(field === 'industry' && rule.industry === undefined))
        refuse(`must say ${field} as one name without blanks and commas, got ${JSON.stringify(rule[field])}.`);
    if (!Number.isInteger(rule.adapter) || rule.adapter < 0)
      refuse(`must lead to an adapter id, a whole number from 0 on, got ${rule.adapter}.`);
    const other = rules.findIndex((earlier, j) => j < i && overlap(earlier, rule));
    if (other >= 0)
      refuse(
        `serves ${rule.tenant_id} under ${rule.policy_version}, as rule ${other + 1} does already. Remove one, or give each an industry of its own.`,
      );
  });
}

/** What is wrong with a field by itself. */
function fieldProblem(field: (typeof FIELDS)[number], value: unknown): Refusal | undefined {
  if (isPlain(value)) return undefined;
  if (field === 'industry' && value === undefined) return undefined;
  if (value === undefined || value === null || value === '')
    return {
      reason: 'missing_field',
      message: `The request does not say its ${field}. Send ${field} with it: a policy is never guessed.`,
    };
  const values = Array.isArray(value) ? value.filter((one) => typeof one === 'string').join(', ') : value;
  if (Array.isArray(value) || (typeof value === 'string' && value.includes(',')))
    return {
      reason: 'ambiguous',
      message: `The request says ${field} more than once: ${quoted(values as string)}. Send one value.`,
    };
  const found = typeof value === 'string' ? quoted(value) : `a value of type ${typeof value}`;
  return { reason: 'malformed_field', message: `${field} must be one name without blanks, got ${found}. Correct it.` };
}

/**
 * Pure. `adapters`: what can be served now, by id, with the tenant each is registered for. `metadata` is read as it came over the wire and may hold anything; fields beside
 * the three are not looked at. More than one rule can only match a request that leaves out its industry, or a table that
 * `checkRules` refuses; such a request is refused as well.
 */
export function route(
  metadata: RequestMetadata,
  rules: readonly RoutingRule[],
  adapters: ReadonlyMap<number, { tenant?: string }>,
): RoutingDecision {
  // What is no object says nothing, so its first field is missing.
  const said = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as RequestMetadata;
  const refusal = findRefusal(said, rules, adapters);
  if (refusal) return { decision: 'refused', ...refusal };
  const [rule] = matching(said, rules) as [RoutingRule];
  return { decision: 'routed', adapterId: rule.adapter, rule };
}

const matching = ({ tenant_id, policy_version, industry }: RequestMetadata, rules: readonly RoutingRule[]) =>
  rules.filter(
    (rule) =>
      rule.tenant_id === tenant_id &&
      rule.policy_version === policy_version &&
      (industry === undefined || rule.industry === undefined || rule.industry === industry),
  );

function findRefusal(
  metadata: RequestMetadata,
  rules: readonly RoutingRule[],
  adapters: ReadonlyMap<number, { tenant?: string }>,
): Refusal | undefined {
  for (const field of FIELDS) {
    const problem = fieldProblem(field, metadata[field]);
    if (problem) return problem;
  }
  const { tenant_id: tenant, policy_version: version, industry } = metadata as Required<RequestMetadata>;
  const ofTenant = rules.filter((rule) => rule.tenant_id === tenant);
  if (ofTenant.length === 0)
    return {
      reason: 'unknown_tenant',
      // Who is not known is not told who is.
      message: `No rule serves the tenant ${quoted(tenant)}.${strangeLetters(tenant, rules, 'tenant_id')} Correct tenant_id, or add a rule with an adapter trained for this tenant.`,
    };
  const ofVersion = ofTenant.filter((rule) => rule.policy_version === version);
  if (ofVersion.length === 0) return versionRefusal(tenant, version, ofTenant);
  const found = matching(metadata, rules);
  if (found.length === 0)
    return {
      reason: 'wrong_industry',
      message: `${tenant} under ${version} belongs to ${list(ofVersion.map((rule) => rule.industry!))}, and the request says ${quoted(industry)}. One of tenant_id and industry is wrong: correct it.`,
    };
  if (found.length > 1)
    return {
      reason: 'ambiguous',
      message: `${found.length} rules serve ${tenant} under ${version}: adapters ${list(found.map((rule) => String(rule.adapter)))}. ${industry === undefined ? 'Say the industry with the request, or' : 'Correct the table:'} leave one rule for it.`,
    };
  const [{ adapter }] = found as [RoutingRule];
  const registered = adapters.get(adapter);
  if (!registered)
    return {
      reason: 'adapter_not_registered',
      message: `The rule for ${tenant} under ${version} leads to adapter ${adapter}, which is not in the registry or has no active version. Register and activate it, or correct the rule.`,
    };
  // Activated for a reason, one without a tenant is whose the rule says; one of another tenant is a mistake in the rule or here.
  if (registered.tenant !== undefined && registered.tenant !== tenant)
    return {
      reason: 'other_tenant',
      message: `The rule for ${tenant} under ${version} leads to adapter ${adapter}, which is registered for ${quoted(registered.tenant)}. Correct the rule, or register an adapter of ${tenant}.`,
    };
  return undefined;
}

/** A name may look like a known one and be spelt with letters that only look alike: they are named. */
function strangeLetters(name: string, rules: readonly RoutingRule[], field: 'tenant_id' | 'policy_version'): string {
  const known = new Set(rules.flatMap((rule) => [...rule[field]]));
  const strange = [...new Set(name)].filter((letter) => /[^\p{ASCII}]/u.test(letter) && !known.has(letter));
  if (strange.length === 0) return '';
  const named = strange.slice(0, 4).map((letter) => `“${letter}” (U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')})`); // biome-ignore format: one list
  return ` It has letters of another script than the rules: ${named.join(', ')}.`;
}

function versionRefusal(tenant: string, version: string, ofTenant: readonly RoutingRule[]): Refusal {
  const served = list(ofTenant.map((rule) => rule.policy_version));
  const number = versionNumber(version);
  const numbers = ofTenant.flatMap((rule) => versionNumber(rule.policy_version) ?? []);
  if (number !== undefined && number < Math.max(...numbers))
    return {
      reason: 'outdated_policy',
      message: `${quoted(version)} of ${tenant} is outdated: in force is ${served}. Send the request under ${served}.`,
    };
  return {
    reason: 'unknown_policy',
    message: `No rule serves ${tenant} under ${quoted(version)}.${strangeLetters(version, ofTenant, 'policy_version')} In force: ${served}. Correct policy_version, or add a rule with an adapter trained for it.`,
  };
}

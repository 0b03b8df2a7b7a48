// The router in words: what a request says of its tenant, what became of it, and the tries that show each refusal.
import type { Json } from '../../protocol/chat';
import type { GradedCase, ServedAnswer } from '../../protocol/requests';
import type {
  RefusalReason,
  RegistryEntry,
  RequestMetadata,
  RoutingDecision,
  RoutingRule,
} from '../../protocol/serving';

export const FIELDS = ['tenant_id', 'policy_version', 'industry'] as const;
/** As typed: text in every field. */
export type TypedMetadata = Record<(typeof FIELDS)[number], string>;

/** Fields left empty are not sent. */
export const metadataOf = (typed: TypedMetadata): RequestMetadata =>
  Object.fromEntries(FIELDS.filter((field) => typed[field] !== '').map((field) => [field, typed[field]]));
export const typedOf = (metadata: RequestMetadata): TypedMetadata => ({
  tenant_id: metadata.tenant_id ?? '',
  policy_version: metadata.policy_version ?? '',
  industry: metadata.industry ?? '',
});

/** A rule as it is typed: text in every field, an empty industry for any. */
export type TypedRule = TypedMetadata & { adapter: string };
export const typedRule = (rule: RoutingRule | undefined, adapter: number | undefined): TypedRule => ({
  ...typedOf(rule ?? {}),
  adapter: adapter === undefined ? '' : String(adapter),
});
/** What is wrong with it the worker says, which knows the other rules. */
export const ruleOf = ({ tenant_id, policy_version, industry, adapter }: TypedRule): RoutingRule => ({
  tenant_id: tenant_id.trim(),
  policy_version: policy_version.trim(),
  ...(industry.trim() && { industry: industry.trim() }),
  adapter: adapter === '' ? Number.NaN : Number(adapter),
});
/** No two rules in force have the same. */
export const ruleKey = ({ tenant_id, policy_version, industry }: RequestMetadata): string =>
  `${tenant_id} ${policy_version} ${industry ?? ''}`;

export interface Try {
  label: string;
  metadata: RequestMetadata;
}
/** What people send: one that is served, and one for each way of being refused. */
export const TRIES: readonly Try[] = [
  { label: 'bank_A', metadata: { tenant_id: 'bank_A', policy_version: 'policy_v3', industry: 'banking' } },
  { label: 'unknown tenant', metadata: { tenant_id: 'bank_D', policy_version: 'policy_v3', industry: 'banking' } },
  { label: 'old version', metadata: { tenant_id: 'bank_A', policy_version: 'policy_v2', industry: 'banking' } },
  { label: 'no version', metadata: { tenant_id: 'retail_B', industry: 'retail' } },
  { label: 'other industry', metadata: { tenant_id: 'saas_C', policy_version: 'policy_v1', industry: 'banking' } },
  { label: 'sent twice', metadata: { tenant_id: 'bank_A, retail_B', policy_version: 'policy_v3' } },
];

const REASONS: Record<RefusalReason, string> = {
  missing_field: 'a field is missing',
  malformed_field: 'a field cannot be read',
  unknown_tenant: 'unknown tenant',
  outdated_policy: 'outdated policy',
  unknown_policy: 'unknown policy version',
  wrong_industry: 'wrong industry',
  ambiguous: 'ambiguous',
  adapter_not_registered: 'no active adapter',
  other_tenant: 'an adapter of another tenant',
};
export const reasonWords = (reason: RefusalReason): string => REASONS[reason];

/** `g(bank_A, policy_v3) = 17`, or why there is no value. */
export function decisionTitle(metadata: RequestMetadata, decision: RoutingDecision): string {
  const z = FIELDS.map((field) => metadata[field])
    .filter(Boolean)
    .join(', ');
  return decision.decision === 'routed' ? `g(${z}) = ${decision.adapterId}` : `g(${z || 'nothing'}) is refused`;
}

/** How the tenants of the running case differ; others are named by nothing. */
const POLICIES: Record<string, string> = {
  bank_A: 'strict compliance',
  retail_B: 'efficiency first',
  saas_C: 'detailed explanations',
};
export const policyOf = ({ name }: Pick<RegistryEntry, 'name'>): string => POLICIES[name] ?? '';

/** Verdicts on an answer by its own tenant’s policy, in the order in which they are read: met and not met. */
const VERDICTS = [
  ['schema_valid', 'valid by the schema', 'not valid by the schema'],
  ['tenant_policy_correct', 'decides by its policy', 'decides by another policy'],
  ['tenant_style', 'in the tenant’s voice', 'not the tenant’s voice'],
  ['facts', 'facts kept', 'facts lost'],
  ['figures', 'no figure made up', 'a figure made up'],
  ['names', 'no name made up', 'a name made up'],
  ['sources', 'policy named', 'policy not named'],
  ['action', 'right next action', 'wrong next action'],
] as const;
export const verdictRows = (
  verdicts: NonNullable<GradedCase['verdicts']>,
): { id: string; words: string; isMet: boolean }[] =>
  VERDICTS.flatMap(([id, met, unmet]) => {
    const value = verdicts[id];
    return typeof value === 'boolean' ? [{ id, words: value ? met : unmet, isMet: value }] : [];
  });

/** The parts of an answer that is JSON as the assistant writes it; undefined for any other text. */
export function answerParts(text: string): { answer: string; rest: [name: string, value: string][] } | undefined {
  try {
    const { answer, status, sources, action } = JSON.parse(text) as Record<string, Json>;
    if (typeof answer !== 'string') return undefined;
    const type = action && typeof action === 'object' && !Array.isArray(action) ? action.type : action;
    const written = (value: Json | undefined): string =>
      Array.isArray(value)
        ? value.join(', ') || 'none'
        : value === null || value === undefined
          ? 'none'
          : String(value);
    return {
      answer,
      rest: [
        ['status', written(status)],
        ['action', written(type)],
        ['sources', written(sources)],
      ],
    };
  } catch {
    return undefined; // no JSON: it is shown as it stands
  }
}

/** What the wrong routing did, in a sentence. */
export function misroutingWords(
  asked: string,
  adapter: string,
  answer: ServedAnswer,
): { tone: 'good' | 'warn' | 'bad'; text: string } {
  if (answer.decision.decision === 'refused') return { tone: 'bad', text: answer.decision.message };
  if (!answer.check)
    return { tone: 'warn', text: 'Nobody knows the right answer to a request of your own, so nothing checked it.' };
  if (answer.decision.adapterId === answer.adapterId)
    return {
      tone: 'good',
      text: `Adapter ${adapter} is ${asked}’s own, so this is the right routing. ${answer.check.why}`,
    };
  const reads = answer.verdicts?.schema_valid
    ? 'The answer reads like any other: it is valid JSON by the schema.'
    : 'The answer is not even valid by the schema.';
  if (answer.check.verdict === 'fail' && answer.verdicts?.tenant_policy_correct)
    return { tone: 'good', text: `Caught, though not by its decision. ${answer.check.why} The log keeps it.` };
  return answer.check.verdict === 'fail'
    ? {
        tone: 'good',
        text: `Caught. ${reads} ${asked}’s check finds that it decides by another policy than ${asked}’s, and the log keeps it.`,
      }
    : {
        tone: 'warn',
        text: `Not caught. ${reads} Adapter ${adapter} decides this request as ${asked}’s policy does, so this check cannot tell.`,
      };
}

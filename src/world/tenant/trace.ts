// A day of requests for the serving simulator: who asks what and when. Arrivals come in bursts of one tenant (a two-state
// renewal process: short gaps within a burst, exponential ones between), so that a cache has something to gain and lose.
import { ConfigError } from '../../lib/errors';
import { Rng } from '../../lib/rng';
import type { Message } from '../../protocol/chat';
import { caseOf, type EvaluationCase } from '../cases';
import type { SftItem } from '../item';
import { metadataOf, TENANTS, type Tenant, type TenantMetadata, type World } from '../state';
import { chapterItem, tenantItem } from './rows';

export interface ServingRequest {
  id: string;
  /** Milliseconds since the start of the trace; ascending. */
  arrivalMs: number;
  metadata: TenantMetadata;
  messages: Message[];
  /** Why a router must refuse; absent where it must serve. */
  refusal?: 'unknown_tenant' | 'outdated_policy';
  /** The right answer as text; null where the request must be refused. */
  expected: string | null;
  /** For grading what was answered; null as above. */
  case: EvaluationCase | null;
}
export interface TraceOptions {
  requests: number;
  seed: number;
  /** Relative shares of bursts. Default: 6 to 3 to 1, so one tenant is hot. */
  mix?: Record<Tenant['id'], number>;
  /** Probability that the next request belongs to the same burst, in [0, 0.95]. Default 0.6. */
  burstiness?: number;
  /** Mean time between the starts of bursts. */
  meanGapMs?: number;
}
/** Three of the chapter, two to refuse, and a few of each tenant. */
const FEWEST = 12;
/** Mean gap within a burst, as a share of that between bursts. */
const WITHIN = 0.05;
/** One request in fifty names a tenant or a version that nobody serves. */
const REFUSED_SHARE = 0.02;
const UNKNOWN: readonly TenantMetadata[] = [
  { tenant_id: 'bank_D', industry: 'banking', policy_version: 'policy_v3' },
  { tenant_id: 'retail_X', industry: 'retail', policy_version: 'policy_v2' },
  { tenant_id: '', industry: 'software', policy_version: 'policy_v1' },
];
/** bank_A's old version is the one that retail_B has now: who looks at the version alone serves the wrong policy. */
const OUTDATED: Record<Tenant['id'], string> = { bank_A: 'policy_v2', retail_B: 'policy_v1', saas_C: 'policy_v0' };

/**
 * Pure: the same options give the same bytes. The chapter's request occurs once for each tenant, as `chapter-bank_A` and so on.
 * Throws ConfigError for fewer than 12 requests, a mix without any share, and a burstiness outside its range.
 */
export function servingTrace(
  world: World,
  { requests, seed, mix = { bank_A: 6, retail_B: 3, saas_C: 1 }, burstiness = 0.6, meanGapMs = 60 }: TraceOptions,
): ServingRequest[] {
  check(requests, mix, burstiness, meanGapMs);
  const rng = new Rng(seed, 'serving trace');
  const places = rng.fork('places').shuffle(Array.from({ length: requests }, (_, i) => i));
  const chapterAt = new Map(TENANTS.map(({ id }, k) => [places[k]!, id]));
  const refused = Math.max(2, Math.round(requests * REFUSED_SHARE));
  const refusedAt = new Map(places.slice(TENANTS.length, TENANTS.length + refused).map((at, k) => [at, k]));
  const shares = TENANTS.map(({ id }) => mix[id]);
  const draw = () => TENANTS[rng.weighted(shares)]!;
  const exponential = (mean: number) => -mean * Math.log(rng.next());
  let arrival = 0;
  let current = draw();
  return Array.from({ length: requests }, (_, i) => {
    const isSameBurst = i > 0 && rng.bool(burstiness);
    if (i > 0) arrival += exponential(isSameBurst ? meanGapMs * WITHIN : meanGapMs);
    if (!isSameBurst) current = draw();
    const arrivalMs = Math.round(arrival);
    const chapterTenant = chapterAt.get(i);
    if (chapterTenant) return served(`chapter-${chapterTenant}`, arrivalMs, chapterItem(world, chapterTenant));
    const item = tenantItem(world, current.id, i, { seed: seed + TRACE_SEED_OFFSET, split: 'heldout' });
    const number = refusedAt.get(i);
    return number === undefined
      ? served(`request-${i}`, arrivalMs, item)
      : toRefuse(`request-${i}`, arrivalMs, item, current, number);
  });
}
/** Other rows than those of evaluation. */
const TRACE_SEED_OFFSET = 9_000_000;

function served(id: string, arrivalMs: number, item: SftItem): ServingRequest {
  const graded = caseOf(item, 0);
  const { messages, expected } = graded;
  return { id, arrivalMs, metadata: item.metadata!, messages, expected, case: graded };
}

/** Unknown tenants and outdated versions take turns. */
function toRefuse(id: string, arrivalMs: number, item: SftItem, tenant: Tenant, number: number): ServingRequest {
  const isUnknown = number % 2 === 0;
  const metadata = isUnknown
    ? UNKNOWN[(number / 2) % UNKNOWN.length]!
    : { ...metadataOf(tenant), policy_version: OUTDATED[tenant.id] };
  return {
    id,
    arrivalMs,
    metadata,
    messages: caseOf(item, 0).messages,
    refusal: isUnknown ? 'unknown_tenant' : 'outdated_policy',
    expected: null,
    case: null,
  };
}

function check(requests: number, mix: Record<Tenant['id'], number>, burstiness: number, meanGapMs: number): void {
  const where = 'serving trace';
  if (!Number.isInteger(requests) || requests < FEWEST)
    throw new ConfigError(`A trace needs ${FEWEST} requests or more, got ${requests}. Raise requests.`, { where });
  const shares = TENANTS.map(({ id }) => mix[id]);
  if (!shares.every((share) => share >= 0) || !shares.some((share) => share > 0))
    throw new ConfigError(
      `Each tenant needs a share of 0 or more, and one of them more than 0; got ${shares.join(', ')}. Change mix.`,
      { where },
    );
  if (!(burstiness >= 0 && burstiness <= 0.95))
    throw new ConfigError(`burstiness must be in [0, 0.95], got ${burstiness}. 0 means no bursts.`, { where });
  if (!(meanGapMs > 0))
    throw new ConfigError(`meanGapMs must be above 0, got ${meanGapMs}. It is the mean time between bursts.`, {
      where,
    });
}

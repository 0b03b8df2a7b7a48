// Adapter multi-tenancy as plain data: what a request says of its tenant, rules, registry entries, log entries and reports.

/** z of i = g(z): the header of a request as it arrived. Nothing in it is trusted before the router has looked. */
export interface RequestMetadata {
  tenant_id?: string;
  industry?: string;
  policy_version?: string;
}

/** One row of the routing table: this tenant under this version is served by this adapter. */
export interface RoutingRule {
  tenant_id: string;
  policy_version: string;
  /** A request that names its industry must name this one; a rule without takes any. */
  industry?: string;
  /** Id in the registry. */
  adapter: number;
}
/** One change to the routing table; `was` names the rule as the person saw it. */
export type RuleEdit =
  | { kind: 'add'; rule: RoutingRule }
  | { kind: 'change'; was: RoutingRule; rule: RoutingRule }
  | { kind: 'remove'; was: RoutingRule }
  | { kind: 'reset' };
export type RefusalReason =
  | 'missing_field'
  | 'malformed_field'
  | 'unknown_tenant'
  | 'outdated_policy'
  | 'unknown_policy'
  | 'wrong_industry'
  | 'ambiguous'
  | 'adapter_not_registered'
  | 'other_tenant';
export interface Refusal {
  reason: RefusalReason;
  /** Names the thing at fault and what to do. */
  message: string;
}
export type RoutingDecision =
  | { decision: 'routed'; adapterId: number; rule: RoutingRule }
  | ({ decision: 'refused' } & Refusal);

/** One case of a check as it was asked and answered: by what serves (`before`) and by the version. */
export interface CheckedCase {
  caseId: string;
  request: string;
  expected: string;
  before: string;
  after: string;
}
/** How a version fares on the cases that the version before it was measured on; the first of an entry, that the bare base was. */
export interface RegressionCheck {
  /** The version compared with, or the base, as its artifact: numbers are only unique within one adapter. */
  against: string;
  cases: number;
  /** Case ids: passed before, fail now. */
  regressions: string[];
  /** Failed before, pass now. */
  fixed: string[];
  /** How many regressions were to be tolerated. */
  allowance: number;
  /** Cases decided rightly, by what it was compared with and by the version. Checks from before this was kept have none. */
  right?: { before: number; after: number };
  /** Of a first version: how many cases of every other tenant it decides as that tenant would. */
  others?: { tenant: string; right: number; cases: number }[];
  /** Cases in words: those that got worse, those that got better, then those that fail as before. Not all of a long list. */
  answers?: CheckedCase[];
  passes: boolean;
}
export interface AdapterVersion {
  /** Counts from 1, never used twice. */
  version: number;
  artifactId: string;
  baseId: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  note?: string;
  checks?: RegressionCheck;
}
/** What a registry serves under an id, with the tenant it is registered for; one that names no tenant is nobody's in particular. */
export type ServedVersion = AdapterVersion & { tenant?: string };
export interface RegistryChange {
  at: number;
  action: 'activate' | 'rollback';
  /** Null: none was active. */
  from: number | null;
  to: number;
  /** Why a person activated a version that had not passed its check. */
  override?: string;
}
export interface RegistryEntry {
  id: number;
  name: string;
  metadata: RequestMetadata;
  versions: AdapterVersion[];
  /** Version that is served; null before the first activation. */
  active: number | null;
  /** Oldest first. */
  history: RegistryChange[];
}

export type ServingMode = 'load_on_request' | 'hot_lru' | 'batched' | 'merged';

/** Whether an answer follows the policy of the tenant who asked. */
export interface SliceCheck {
  verdict: 'pass' | 'fail';
  /** What was looked at, in words. */
  why: string;
}
/** What is to be logged; the log adds n, at, prev and hash. */
export interface AuditDraft {
  requestId: string;
  metadata: RequestMetadata;
  /**
   * `misrouted`: a routed request was sent to another adapter than the router's, by hand. `checked`: a later entry about a request
   * that was routed, with its slice check. `failed`: a later entry about a request that was routed and got no answer. `rules`: no
   * request; the routing table is another from here on. `registry`: no request; another version of the adapter serves.
   */
  decision: 'routed' | 'refused' | 'misrouted' | 'checked' | 'failed' | 'rules' | 'registry';
  mode?: ServingMode;
  /** Id of the replay that the request is of: replays of one trace share their request ids. Logs from before have none. */
  replay?: string;
  adapterId?: number;
  version?: number;
  artifactId?: string;
  /** Of a refusal. */
  reason?: RefusalReason;
  /** Of a refusal, a failure, a request sent elsewhere, or a change. */
  message?: string;
  check?: SliceCheck;
  /** The whole table, from this entry on. */
  rules?: RoutingRule[];
  /** Of that table; of a decision, the hash of the table that it was made by. Decisions logged before this was kept have none. */
  rulesHash?: string;
}
export interface AuditEntry extends AuditDraft {
  /** Counts from 1. */
  n: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** Hash of the entry before; 64 zeros in the first. */
  prev: string;
  /** sha256 of this entry's canonical JSON without `hash`. */
  hash: string;
}
/**
 * `own`, of a file: how many entries the log of this browser has that begins with the file's; 0 when it does not, so that only the
 * file's own chain was checked.
 */
export type AuditVerdict = { ok: true; count: number; own?: number } | { ok: false; brokenAt: number; why: string };

/** A figure with when (ms since the epoch) and on what device it was measured. */
export interface Measured<T> {
  value: T;
  at: number;
  on: string;
}
export interface ServedRequest {
  id: string;
  metadata: RequestMetadata;
  /** Milliseconds on the trace's clock. Of a refused request all three are the arrival. */
  arrivalMs: number;
  startMs: number;
  endMs: number;
  /** Waited until its turn; then measured: adapters put in place, and generation. */
  queueMs: number;
  loadMs: number;
  generateMs: number;
  adapterId?: number;
  version?: number;
  refusal?: Refusal;
  /** Completion; empty when refused. */
  ids: number[];
  terminated: boolean;
  check?: SliceCheck;
}
export interface ServingReport {
  mode: ServingMode;
  /** As the log has it; all modes of one replay share it. */
  replay?: string;
  /** In order of arrival. */
  requests: ServedRequest[];
  /** Of served requests, end − arrival, milliseconds; NaN when none was served. */
  latency: { p50: number; p95: number; p99: number; mean: number; method: string };
  /** Served, and tokens generated, per second in which the device was busy with the trace. */
  requestsPerSecond: number;
  tokensPerSecond: number;
  busyMs: number;
  /** First arrival to last end. */
  spanMs: number;
  /** Before the first arrival: adapters preloaded or models merged. */
  setupMs: number;
  /** Weights of the base, resident adapters and merged models at their most; caches and activations aside. */
  peakBytes: number;
  /** Adapters put in place (merged: models made), set-up included. */
  loads: number;
  evictions: number;
  refusals: number;
  /** Requests of each pass, in order. */
  batchSizes: number[];
}

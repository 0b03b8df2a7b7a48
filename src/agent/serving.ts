// The serving simulator: a trace of requests replayed against one device in four ways of keeping adapters. Arrivals are on a
// virtual clock; every load, merge and generation is really run and timed. So a latency is waiting on the virtual clock plus
// measured service, and a lull of a minute in the trace costs no minute.
import { quantile } from '../eval/stats';
import { CancelledError, ConfigError } from '../lib/errors';
import { count } from '../lib/words';
import type {
  AuditDraft,
  RequestMetadata,
  RoutingRule,
  ServedRequest,
  ServedVersion,
  ServingReport,
  SliceCheck,
} from '../protocol/serving';
import type { AuditLog } from '../storage/auditLog';
import { checkRules, route } from './routing';

/** An adapter in one of its versions. */
export type AdapterKey = `${number}@${number}`;
export const adapterKey = (id: number, version: number): AdapterKey => `${id}@${version}`;

/** One device with one base. Calls come one after the other. */
export interface AdapterServer {
  /** Weights alone. */
  readonly baseBytes: number;
  adapterBytes(key: AdapterKey): number;
  /** Puts exactly these beside the base; those that are there already stay. */
  resident(keys: readonly AdapterKey[]): Promise<void>;
  /** Makes a model of its own with this adapter merged into it; rows of the adapter go to it from then on. */
  merge(key: AdapterKey): Promise<void>;
  /** Takes away all adapters and merged models. */
  reset(): Promise<void>;
  /** One pass, each row through its own adapter. Greedy. Rows come back in order. */
  generate(
    rows: readonly { prompt: ArrayLike<number>; adapter: AdapterKey }[],
    options: { max_new_tokens: number; stopIds: readonly number[]; signal?: AbortSignal },
  ): Promise<{ ids: number[]; terminated: boolean }[]>;
  /** Milliseconds; only differences count. */
  now(): number;
}

export interface TraceRequest {
  id: string;
  /** Milliseconds since the start of the trace. */
  arrivalMs: number;
  metadata: RequestMetadata;
  promptIds: ArrayLike<number>;
  stopIds: readonly number[];
}

export type ServingOptions = { max_new_tokens: number } & (
  | { mode: 'load_on_request' }
  /** Bytes for adapters beside the base. Starts empty; least recently used out first. */
  | { mode: 'hot_lru'; budgetBytes: number }
  /** Requests that wait go together, in order of arrival. Without a budget all adapters are put in place beforehand. */
  | { mode: 'batched'; maxBatch: number; budgetBytes?: number }
  | { mode: 'merged' }
);

export interface ServingContext {
  server: AdapterServer;
  rules: readonly RoutingRule[];
  /** Stands in each decision in the log. */
  rulesHash?: string;
  /** What the registry serves now. */
  adapters: ReadonlyMap<number, Pick<ServedVersion, 'version' | 'artifactId' | 'tenant'>>;
  /** Stands in each entry of the log and in the report, to tell this replay from another of the same trace. */
  replay?: string;
  /** Takes each decision before anything is generated for it, and each check after. */
  log: Pick<AuditLog, 'append'>;
  /** Looks at an answer as the tenant who asked would; undefined where nothing can be said. */
  check?: (
    request: TraceRequest,
    answer: { adapterId: number; ids: readonly number[]; terminated: boolean },
  ) => SliceCheck | undefined;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

const PERCENTILE_METHOD = 'linear interpolation between order statistics (R type 7, numpy’s default)';

/** A request that has its adapter. */
interface Routed {
  request: TraceRequest;
  adapterId: number;
  key: AdapterKey;
  result: ServedRequest;
}

/**
 * Replays `trace` in one mode. Throws ConfigError, before anything runs, for a trace, rules or a budget that cannot be served. The
 * server is left without adapters, also after an error.
 */
export async function replay(
  trace: readonly TraceRequest[],
  options: ServingOptions,
  context: ServingContext,
): Promise<ServingReport> {
  const { server, rules, adapters, log } = context;
  checkTrace(trace);
  checkRules(rules);
  // Array sort is stable: requests of one moment stay in the order of the trace.
  const ordered = [...trace].sort((a, b) => a.arrivalMs - b.arrivalMs);
  const { requests, routed, decisions } = routeAll(ordered, options, context);
  const servable = [...new Set(rules.map((rule) => rule.adapter))].flatMap((id) => {
    const active = adapters.get(id);
    return active ? [adapterKey(id, active.version)] : [];
  });
  const places = new Places(server, options, servable);
  await log.append(decisions);

  let busyMs = 0;
  const batchSizes: number[] = [];
  await server.reset();
  try {
    const setupFrom = server.now();
    await places.prepare();
    const setupMs = server.now() - setupFrom;
    let clock = 0;
    for (let next = 0; next < routed.length; ) {
      if (context.signal?.aborted)
        throw new CancelledError('The replay was stopped.', { cause: context.signal.reason });
      const startMs = Math.max(clock, routed[next]!.request.arrivalMs);
      const batch = takeBatch(routed, next, startMs, options, places);
      const serviceMs = await serveBatch(batch, startMs, options, context, places).catch(async (error: unknown) => {
        await log.append(failures(batch, options, context, error));
        throw error;
      });
      clock = startMs + serviceMs;
      busyMs += serviceMs;
      batchSizes.push(batch.length);
      next += batch.length;
      context.onProgress?.(next, routed.length);
    }
    const { loads, evictions, peakBytes } = places;
    const figures = { ...figuresOf(requests, busyMs), busyMs, setupMs, peakBytes, loads, evictions, batchSizes };
    return { mode: options.mode, replay: context.replay, requests, ...figures };
  } finally {
    await server.reset();
  }
}

function checkTrace(trace: readonly TraceRequest[]): void {
  const seen = new Set<string>();
  for (const { id, arrivalMs, promptIds } of trace) {
    const refuse = (message: string): never => {
      throw new ConfigError(`Request ${id} of the trace ${message}`, { where: id });
    };
    if (seen.has(id)) refuse('occurs twice. Give each request an id of its own: the log tells them apart by it.');
    seen.add(id);
    if (!(Number.isFinite(arrivalMs) && arrivalMs >= 0))
      refuse(`must arrive at 0 ms or later, got ${arrivalMs}. Correct arrivalMs.`);
    if (promptIds.length === 0) refuse('has an empty prompt. Give the model at least one token.');
  }
}

/** Every request through the router, with what the log is to say. */
function routeAll(ordered: readonly TraceRequest[], options: ServingOptions, context: ServingContext) {
  const { rules, rulesHash, adapters, replay: of } = context;
  const routed: Routed[] = [];
  const decisions: AuditDraft[] = [];
  const requests = ordered.map((request): ServedRequest => {
    const { id, metadata, arrivalMs } = request;
    const decision = route(metadata, rules, adapters);
    const result: ServedRequest = {
      id,
      metadata,
      arrivalMs,
      startMs: arrivalMs,
      endMs: arrivalMs,
      queueMs: 0,
      loadMs: 0,
      generateMs: 0,
      ids: [],
      terminated: false,
    };
    const about = { requestId: id, metadata, mode: options.mode, replay: of, rulesHash };
    if (decision.decision === 'refused') {
      const { reason, message } = decision;
      decisions.push({ ...about, decision: 'refused', reason, message });
      return { ...result, refusal: { reason, message } };
    }
    const { adapterId } = decision;
    const { version, artifactId } = adapters.get(adapterId)!;
    decisions.push({ ...about, decision: 'routed', adapterId, version, artifactId });
    Object.assign(result, { adapterId, version });
    routed.push({ request, adapterId, key: adapterKey(adapterId, version), result });
    return result;
  });
  return { requests, routed, decisions };
}

/** Those that go together at `startMs`: a beginning of the queue, so that nobody is overtaken. */
function takeBatch(
  routed: readonly Routed[],
  from: number,
  startMs: number,
  options: ServingOptions,
  places: Places,
): Routed[] {
  const limit = options.mode === 'batched' ? options.maxBatch : 1;
  const first = routed[from]!;
  const batch = [first];
  const keys = new Set([first.key]);
  for (const next of routed.slice(from + 1, from + limit)) {
    const isSameStop = next.request.stopIds.join() === first.request.stopIds.join(); // a pass has one set of stop ids
    if (next.request.arrivalMs > startMs || !isSameStop || !places.fits(keys, next.key)) break;
    keys.add(next.key);
    batch.push(next);
  }
  return batch;
}

/** Resolves to the milliseconds that it took the device. */
async function serveBatch(
  batch: readonly Routed[],
  startMs: number,
  { mode, max_new_tokens }: ServingOptions,
  { server, adapters, check, log, signal, replay: of }: ServingContext,
  places: Places,
): Promise<number> {
  const begin = server.now();
  await places.require([...new Set(batch.map(({ key }) => key))]);
  const loaded = server.now();
  const answers = await server.generate(
    batch.map(({ request, key }) => ({ prompt: request.promptIds, adapter: key })),
    { max_new_tokens, stopIds: batch[0]!.request.stopIds, signal },
  );
  const end = server.now();
  const checks: AuditDraft[] = [];
  batch.forEach(({ request, adapterId, result }, i) => {
    const { ids, terminated } = answers[i]!;
    // A pass answers all its rows when the last has ended.
    Object.assign(result, {
      startMs,
      endMs: startMs + (end - begin),
      queueMs: startMs - request.arrivalMs,
      loadMs: loaded - begin,
      generateMs: end - loaded,
      ids,
      terminated,
    });
    const verdict = check?.(request, { adapterId, ids, terminated });
    if (!verdict) return;
    result.check = verdict;
    const { version, artifactId } = adapters.get(adapterId)!;
    const about = {
      requestId: request.id,
      metadata: request.metadata,
      mode,
      replay: of,
      adapterId,
      version,
      artifactId,
    };
    checks.push({ ...about, decision: 'checked', check: verdict });
  });
  if (checks.length > 0) await log.append(checks);
  return end - begin;
}

/** Entries of routed requests whose pass came to nothing. */
function failures(
  batch: readonly Routed[],
  { mode }: ServingOptions,
  { adapters, replay: of }: ServingContext,
  error: unknown,
): AuditDraft[] {
  const message =
    error instanceof CancelledError
      ? 'Stopped by hand before it was answered.'
      : `It got no answer. ${(error as Error).message}`;
  return batch.map(({ request: { id: requestId, metadata }, adapterId }) => {
    const { version, artifactId } = adapters.get(adapterId)!;
    return { requestId, metadata, mode, replay: of, decision: 'failed', adapterId, version, artifactId, message };
  });
}

/** Which adapters are in place, by the mode's policy. */
class Places {
  loads = 0;
  evictions = 0;
  peakBytes: number;
  /** Least recently used first. */
  private keys: AdapterKey[] = [];
  /** Of adapters beside the base; what a pass needs is in place in any case. */
  private readonly budgetBytes: number;

  constructor(
    private readonly server: AdapterServer,
    private readonly options: ServingOptions,
    private readonly servable: readonly AdapterKey[],
  ) {
    this.peakBytes = server.baseBytes;
    if (options.mode === 'batched' && !(Number.isInteger(options.maxBatch) && options.maxBatch >= 1))
      throw new ConfigError(`maxBatch must be a whole number of at least 1, got ${options.maxBatch}.`, {
        where: 'maxBatch',
      });
    const budget = 'budgetBytes' in options ? options.budgetBytes : undefined;
    if (budget !== undefined) this.checkBudget(budget);
    // One at a time is a budget that nothing fits into beside what is needed.
    this.budgetBytes = options.mode === 'load_on_request' ? 0 : (budget ?? Infinity);
  }
  private checkBudget(budget: number): void {
    const sizes = this.servable.map((key) => ({ key, bytes: this.server.adapterBytes(key) }));
    const largest = sizes.sort((a, b) => b.bytes - a.bytes)[0];
    if (!largest || budget >= largest.bytes) return;
    const [id, version] = largest.key.split('@');
    throw new ConfigError(
      `A residency budget of ${Number.isFinite(budget) ? count(budget) : budget} bytes is smaller than adapter ${id} (version ${version}), which needs ${count(largest.bytes)} bytes. Set it to ${count(largest.bytes)} or more.`,
      { where: 'budgetBytes' },
    );
  }
  private bytes(keys: Iterable<AdapterKey>): number {
    let sum = 0;
    for (const key of keys) sum += this.server.adapterBytes(key);
    return sum;
  }

  /** What a mode does before the first request. */
  async prepare(): Promise<void> {
    if (this.options.mode === 'merged') {
      for (const key of this.servable) await this.server.merge(key);
      this.loads = this.servable.length;
      this.peakBytes = this.server.baseBytes * this.servable.length;
    } else if (this.options.mode === 'batched' && this.budgetBytes === Infinity) await this.require(this.servable);
  }
  /** May `key` join a pass that needs `keys`? */
  fits(keys: ReadonlySet<AdapterKey>, key: AdapterKey): boolean {
    return this.bytes(new Set([...keys, key])) <= this.budgetBytes;
  }
  async require(needed: readonly AdapterKey[]): Promise<void> {
    if (this.options.mode === 'merged') return;
    const missing = needed.filter((key) => !this.keys.includes(key));
    const others = this.keys.filter((key) => !needed.includes(key));
    if (missing.length > 0) {
      const present = this.keys.length;
      while (others.length > 0 && this.bytes(others) + this.bytes(needed) > this.budgetBytes) others.shift();
      const next = [...others, ...needed];
      await this.server.resident(next);
      this.loads += missing.length;
      this.evictions += present + missing.length - next.length;
      this.peakBytes = Math.max(this.peakBytes, this.server.baseBytes + this.bytes(next));
    }
    this.keys = [...others, ...needed];
  }
}

function figuresOf(requests: readonly ServedRequest[], busyMs: number) {
  const served = requests.filter(({ refusal }) => !refusal);
  const latencies = served.map(({ arrivalMs, endMs }) => endMs - arrivalMs).sort((a, b) => a - b);
  const at = (q: number) => (latencies.length > 0 ? quantile(latencies, q) : Number.NaN);
  const perSecond = (amount: number) => (busyMs > 0 ? (1000 * amount) / busyMs : 0);
  return {
    latency: {
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      mean: latencies.reduce((a, b) => a + b, 0) / latencies.length,
      method: PERCENTILE_METHOD,
    },
    requestsPerSecond: perSecond(served.length),
    tokensPerSecond: perSecond(served.reduce((sum, { ids }) => sum + ids.length, 0)),
    spanMs: served.length > 0 ? served.at(-1)!.endMs - served[0]!.arrivalMs : 0,
    refusals: requests.length - served.length,
  };
}

// The serving replay in words and numbers: its settings, what each mode buys and costs, and where its requests lie in time.
import { typedNumber } from '../../lib/fields';
import { count, number, percent, plural } from '../../lib/words';
import type { ServingSettings } from '../../protocol/requests';
import type { ServedRequest, ServingMode, ServingReport } from '../../protocol/serving';
import { byteWords } from '../../ui/byteWords';

export const MODES: readonly ServingMode[] = ['load_on_request', 'hot_lru', 'batched', 'merged'];
export const MODE_NAMES: Record<ServingMode, string> = {
  load_on_request: 'load on request',
  hot_lru: 'hot, LRU budget',
  batched: 'batched by adapter id',
  merged: 'merged, one model each',
};
export const MODE_HELP: Record<ServingMode, string> = {
  load_on_request: 'One adapter beside the base; another one is read whenever the next request needs it.',
  hot_lru: 'As many adapters as the budget holds; the one not used for longest goes first.',
  batched: 'Requests that wait go through the base together, each row through its own adapter.',
  merged: 'One whole model for each tenant, its adapter merged into the weights beforehand.',
};

/** As typed. */
export interface TypedServing {
  modes: ServingMode[];
  requests: string;
  seed: string;
  max_new_tokens: string;
  budgetKiB: string;
  maxBatch: string;
}
export const START_SERVING: TypedServing = {
  modes: [...MODES],
  requests: '40',
  seed: '1',
  max_new_tokens: '112',
  budgetKiB: '',
  maxBatch: '8',
};
interface Bounds {
  key: 'requests' | 'seed' | 'max_new_tokens' | 'budgetKiB' | 'maxBatch';
  label: string;
  least: number;
  most: number;
  isWhole: boolean;
  /** Needed by this mode alone. */
  mode?: ServingMode;
}
export const SERVING_FIELDS: readonly Bounds[] = [
  { key: 'requests', label: 'requests', least: 12, most: 1000, isWhole: true },
  { key: 'max_new_tokens', label: 'max_new_tokens', least: 1, most: 256, isWhole: true },
  { key: 'budgetKiB', label: 'LRU budget, KiB', least: 0, most: 4e6, isWhole: false, mode: 'hot_lru' },
  { key: 'maxBatch', label: 'maxBatch', least: 1, most: 64, isWhole: true, mode: 'batched' },
  { key: 'seed', label: 'seed', least: 0, most: 1e9, isWhole: true },
];

export type ServingRequest = { requests: number; seed: number; modes: ServingSettings[] };
/** What the worker is asked, or what is wrong with the form. `adapterBytes`: the largest active adapter. */
export function servingRequest(typed: TypedServing, adapterBytes: number): ServingRequest | { problem: string } {
  if (typed.modes.length === 0) return { problem: 'Tick at least one mode to replay.' };
  const values: Record<string, number> = {};
  for (const { key, label, least, most, isWhole, mode } of SERVING_FIELDS) {
    if (mode && !typed.modes.includes(mode)) continue;
    const value = typedNumber(
      key === 'budgetKiB' && typed[key] === '' ? String(defaultBudgetKiB(adapterBytes)) : typed[key],
    );
    if (typeof value !== 'number' || value < least || value > most || (isWhole && !Number.isInteger(value)))
      return {
        problem: `${label} must be a ${isWhole ? 'whole ' : ''}number from ${count(least)} to ${count(most)}, got ${value === '' ? 'nothing' : value}.`,
      };
    values[key] = value;
  }
  const { requests, seed, max_new_tokens, budgetKiB, maxBatch } = values as Record<Bounds['key'], number>;
  const budgetBytes = Math.round(budgetKiB * 1024);
  if (typed.modes.includes('hot_lru') && budgetBytes < adapterBytes)
    return {
      problem: `The LRU budget of ${byteWords(budgetBytes)} is smaller than one adapter, which needs ${byteWords(adapterBytes)}. Set it to ${count(Math.ceil(adapterBytes / 1024))} KiB or more.`,
    };
  const modes = typed.modes.map((mode): ServingSettings => {
    if (mode === 'hot_lru') return { mode, budgetBytes, max_new_tokens };
    return mode === 'batched' ? { mode, maxBatch, max_new_tokens } : { mode, max_new_tokens };
  });
  return { requests, seed, modes };
}
/** Two adapters: with three tenants the cache has something to lose. */
export const defaultBudgetKiB = (adapterBytes: number): number => Math.ceil((2 * adapterBytes) / 1024);

/** `4.2 ms`, `180 ms`, `1.9 s`. */
export const timeWords = (ms: number): string =>
  !Number.isFinite(ms)
    ? '–'
    : ms === 0
      ? '0 ms'
      : ms >= 1000
        ? `${number(ms / 1000)} s`
        : ms >= 10
          ? `${Math.round(ms)} ms`
          : `${number(ms)} ms`;

const isServed = ({ refusal }: ServedRequest): boolean => refusal === undefined;
/** Each pass once: its rows share start and times. */
export function passesOf({ requests }: ServingReport): ServedRequest[] {
  const seen = new Set<number>();
  return requests.filter((r) => isServed(r) && !seen.has(r.startMs) && seen.add(r.startMs));
}
/** Of the busy time, how much went into putting adapters in place; and for one load, those of the set-up included. */
export function loadCost(report: ServingReport): { share: number; eachMs: number } {
  const passes = passesOf(report);
  const loading = passes.reduce((sum, { loadMs }) => sum + loadMs, 0);
  return {
    share: report.busyMs > 0 ? loading / report.busyMs : 0,
    eachMs: report.loads > 0 ? (loading + report.setupMs) / report.loads : 0,
  };
}
/** Milliseconds of generation a token, over all passes. */
export const tokenMs = (report: ServingReport): number => {
  const tokens = report.requests.reduce((sum, { ids }) => sum + ids.length, 0);
  return tokens > 0 ? passesOf(report).reduce((sum, { generateMs }) => sum + generateMs, 0) / tokens : Number.NaN;
};
/** Passes by their size: [size, passes], smallest first. */
export function batchHistogram({ batchSizes }: ServingReport): [size: number, passes: number][] {
  const counts = new Map<number, number>();
  for (const size of batchSizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b);
}
/** Answers that max_new_tokens cut off: half an answer passes no check. */
export const cutOff = (reports: readonly ServingReport[]): number =>
  Math.max(0, ...reports.map(({ requests }) => requests.filter((r) => isServed(r) && !r.terminated).length));
/** Answers that the slice check of their tenant looked at, and how many passed. */
export function checksOf({ requests }: ServingReport): { checked: number; passed: number } {
  const checked = requests.filter(({ check }) => check);
  return { checked: checked.length, passed: checked.filter(({ check }) => check!.verdict === 'pass').length };
}

/** Why passes of several rows serve fewer requests a second than one row after the other. */
function batchLoss(report: ServingReport, plain: ServingReport): string {
  const rows = report.batchSizes.reduce((sum, size) => sum + size, 0) / Math.max(1, report.batchSizes.length);
  const steps = (one: ServingReport) =>
    passesOf(one).reduce((sum, { startMs }) => sum + Math.max(...one.requests.filter((r) => isServed(r) && r.startMs === startMs).map(({ ids }) => ids.length)), 0); // biome-ignore format: one sum
  const stepMs = (one: ServingReport) =>
    passesOf(one).reduce((sum, { generateMs }) => sum + generateMs, 0) / steps(one);
  const slower = stepMs(report) / stepMs(plain);
  return rows < 1.5
    ? `few requests wait at once, so a pass has ${number(rows)} rows on average and nothing to share.`
    : `a pass has ${number(rows)} rows on average, but one of its steps takes ${number(slower)} × as long as one of a single row on this device${slower >= rows ? ', so the rows gain nothing by going together' : ''}; and all wait for the longest answer.`;
}

const times = (a: number, b: number): string => `${number(a / b)} ×`;
/** What the mode buys and what it costs, beside loading on request where that was replayed too. */
export function modeSentence(report: ServingReport, all: readonly ServingReport[]): string {
  const { mode, loads, evictions, batchSizes, latency, requestsPerSecond, peakBytes, setupMs } = report;
  const plain = all.find((one) => one.mode === 'load_on_request' && one !== report);
  const { share, eachMs } = loadCost(report);
  const against = (words: string) => (plain ? words : '');
  const served = report.requests.filter(isServed).length;
  if (mode === 'load_on_request')
    return `Holds the base and one adapter, ${byteWords(peakBytes)}. Costs ${plural(loads, 'load')} for ${plural(served, 'request')}, ${timeWords(eachMs)} each: ${percent(share)} of the busy time.`;
  if (mode === 'hot_lru')
    return `${plural(loads, 'load')}${against(` instead of ${count(plain?.loads ?? 0)}`)}, ${plural(evictions, 'eviction')}: ${percent(share)} of the busy time goes into loads. Holds ${byteWords(peakBytes)}${against(`, ${byteWords(Math.max(0, peakBytes - (plain?.peakBytes ?? 0)))} more`)}.`;
  if (mode === 'batched') {
    const isSlower = plain !== undefined && plain.requestsPerSecond > noiseOf(all) * requestsPerSecond;
    const why = isSlower
      ? ` It loses here: ${batchLoss(report, plain)}`
      : ' A request waits for the longest answer of its pass.';
    return `${plural(batchSizes.length, 'pass', 'passes')} for ${plural(served, 'request')}: ${number(requestsPerSecond)} requests/s${against(`, ${times(requestsPerSecond, plain?.requestsPerSecond ?? 1)} those of loading on request`)}; p95 ${timeWords(latency.p95)}${against(` instead of ${timeWords(plain?.latency.p95 ?? 0)}`)}.${why}`;
  }
  return `Nothing to load and no adapter on the way: ${timeWords(tokenMs(report))} a token${against(` instead of ${timeWords(plain ? tokenMs(plain) : 0)}`)}. Costs a whole model for each tenant, ${byteWords(peakBytes)}${against(`, ${times(peakBytes, plain?.peakBytes ?? 1)} the memory`)}, and ${timeWords(setupMs)} beforehand.`;
}

/** Modes that do the same work a token differ by this much, below which a difference of time says nothing. */
const NOISE = 1.1;
/** Load on request and the LRU cache generate alike, so how far their tokens are apart in time is what the clock is good for. */
function noiseOf(reports: readonly ServingReport[]): number {
  const [a, b] = (['load_on_request', 'hot_lru'] as const).map((mode) => reports.find((one) => one.mode === mode));
  if (!a || !b) return NOISE;
  const [low, high] = [tokenMs(a), tokenMs(b)].sort((x, y) => x - y) as [number, number];
  return high > NOISE * low ? high / low : NOISE;
}
/** Where that is more than usual, the person is told. */
export function noiseWords(reports: readonly ServingReport[]): string | undefined {
  const noise = noiseOf(reports);
  if (noise === NOISE) return undefined;
  return `A token took ${percent(noise - 1)} longer in one of the two modes that generate alike: something else used the device. Smaller differences of time than that say nothing; replay it on an idle one.`;
}

/** Best of each kind, in one sentence; times only where the best is ahead of the next by more than the clock is good for. */
export function servingFinding(reports: readonly ServingReport[]): string {
  const noise = noiseOf(reports);
  const best = (
    what: string,
    of: (report: ServingReport) => number,
    words: (report: ServingReport) => string,
    least: number,
  ) => {
    const [first, second] = [...reports].sort((a, b) => of(a) - of(b));
    if (!second || Math.abs(of(second) / of(first!)) ** Math.sign(of(first!)) > least)
      return `${what}: ${MODE_NAMES[first!.mode]}, ${words(first!)}.`;
    return least > 1
      ? `${what}: no difference beyond the noise of ${percent(noise - 1)}; ${MODE_NAMES[first!.mode]} has ${words(first!)}, ${MODE_NAMES[second.mode]} ${words(second)}.`
      : `${what}: ${reports
          .filter((one) => of(one) === of(first!))
          .map(({ mode }) => MODE_NAMES[mode])
          .join(' and ')}, ${words(first!)}.`;
  };
  return [
    best(
      'Shortest p95',
      (r) => r.latency.p95,
      (r) => timeWords(r.latency.p95),
      noise,
    ),
    best(
      'Most requests per second',
      (r) => -r.requestsPerSecond,
      (r) => number(r.requestsPerSecond),
      noise,
    ),
    best(
      'Least memory',
      (r) => r.peakBytes,
      (r) => byteWords(r.peakBytes),
      1,
    ),
  ].join(' ');
}

/** `40 requests of a simulated day, which arrive within 3.6 s`. */
export function traceWords(reports: readonly ServingReport[] | undefined): string {
  const requests = reports?.[0]?.requests;
  if (!requests?.length) return 'the same made-up requests in each mode, on this device';
  const last = Math.max(...requests.map(({ arrivalMs }) => arrivalMs));
  return `the same ${plural(requests.length, 'request')} in each mode; they arrive within ${timeWords(last)}`;
}

export interface TimelineRow {
  request: ServedRequest;
  /** On the virtual clock, ms: waits from the first to the second, loads to the third, generates to the last. */
  at: [arrival: number, start: number, loaded: number, end: number];
}
export const timelineRows = ({ requests }: ServingReport): TimelineRow[] =>
  requests.map((request) => {
    const { arrivalMs, startMs, loadMs, endMs } = request;
    return { request, at: [arrivalMs, startMs, Math.min(endMs, startMs + loadMs), endMs] };
  });
/** Of all replays, so that they can be compared by eye. */
export const timelineEnd = (reports: readonly ServingReport[]): number =>
  Math.max(1, ...reports.flatMap(({ requests }) => requests.map(({ endMs }) => endMs)));

/** What the cursor reads out. */
export function requestWords({
  id,
  metadata,
  adapterId,
  version,
  refusal,
  queueMs,
  loadMs,
  generateMs,
  arrivalMs,
  ids,
  check,
}: ServedRequest): string {
  const who = `${id} of ${metadata.tenant_id || 'nobody'} at ${timeWords(arrivalMs)}`;
  if (refusal) return `${who}: refused. ${refusal.message}`;
  const slice = check ? `, its tenant’s check ${check.verdict === 'pass' ? 'passed' : 'failed'}` : '';
  return `${who}, adapter ${adapterId} version ${version}: waited ${timeWords(queueMs)}, loaded ${timeWords(loadMs)}, generated ${plural(ids.length, 'token')} in ${timeWords(generateMs)}${slice}.`;
}

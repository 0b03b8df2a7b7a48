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
  if (mode === 'batched')
    return `${plural(batchSizes.length, 'pass', 'passes')} for ${plural(served, 'request')}: ${number(requestsPerSecond)} requests/s${against(`, ${times(requestsPerSecond, plain?.requestsPerSecond ?? 1)} those of loading on request`)}; p95 ${timeWords(latency.p95)}${against(` instead of ${timeWords(plain?.latency.p95 ?? 0)}`)}. A request waits for the longest answer of its pass.`;
  return `Nothing to load and no adapter on the way: ${timeWords(tokenMs(report))} a token${against(` instead of ${timeWords(plain ? tokenMs(plain) : 0)}`)}. Costs a whole model for each tenant, ${byteWords(peakBytes)}${against(`, ${times(peakBytes, plain?.peakBytes ?? 1)} the memory`)}, and ${timeWords(setupMs)} beforehand.`;
}

/** Best of each kind, in one sentence. */
export function servingFinding(reports: readonly ServingReport[]): string {
  const best = (of: (report: ServingReport) => number) => reports.reduce((a, b) => (of(b) < of(a) ? b : a));
  const [quick, busy, small] = [
    best((r) => r.latency.p95),
    best((r) => -r.requestsPerSecond),
    best((r) => r.peakBytes),
  ];
  return `Shortest p95: ${MODE_NAMES[quick.mode]}, ${timeWords(quick.latency.p95)}. Most requests per second: ${MODE_NAMES[busy.mode]}, ${number(busy.requestsPerSecond)}. Least memory: ${MODE_NAMES[small.mode]}, ${byteWords(small.peakBytes)}.`;
}

/** Modes that do the same work a token differ by this much, above which it is told. */
const NOISE = 1.1;
/** How far the clock can be trusted: load on request and the LRU cache generate alike, so what differs between them is noise. */
export function noiseWords(reports: readonly ServingReport[]): string | undefined {
  const [a, b] = (['load_on_request', 'hot_lru'] as const).map((mode) => reports.find((one) => one.mode === mode));
  if (!a || !b) return undefined;
  const [low, high] = [tokenMs(a), tokenMs(b)].sort((x, y) => x - y) as [number, number];
  if (!(high > NOISE * low)) return undefined;
  return `A token took ${percent(high / low - 1)} longer in one of the two modes that generate alike: something else used the device. Smaller differences of time than that say nothing; replay it on an idle one.`;
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
  const slice = check ? `, slice check ${check.verdict === 'pass' ? 'passed' : 'failed'}` : '';
  return `${who}, adapter ${adapterId} version ${version}: waited ${timeWords(queueMs)}, loaded ${timeWords(loadMs)}, generated ${plural(ids.length, 'token')} in ${timeWords(generateMs)}${slice}.`;
}

// Figures of tenants' adapters: the slice matrix, what a wrong routing does, routing over a trace, and mixed batches beside
// swapping adapters. Measured through the same service as the page's.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrapMean } from '../src/eval/stats';
import { wilson } from '../src/lib/agreement';
import { Rng } from '../src/lib/rng';
import type { ServingReport } from '../src/protocol/serving';
import { CheckpointStore } from '../src/storage/checkpoints';
import { MemoryStorage } from '../src/storage/memoryStorage';
import { RunStore } from '../src/storage/runs';
import { DeviceQueue } from '../src/workers/deviceQueue';
import type { ReadModelFile } from '../src/workers/modelFiles';
import { Models } from '../src/workers/models';
import { RenderContexts } from '../src/workers/renderContexts';
import { Tenancy } from '../src/workers/tenancy';
import { builtinWorld } from '../src/world/registry';
import { servingTrace } from '../src/world/tenant/trace';
import type { Measured } from './results';

const CASES = 120;
const REQUESTS = 200;
/** Served at once, so that the device is never idle and mixed batches fill. */
const BATCHED = { requests: 48, maxBatch: 16, max_new_tokens: 96, rounds: 3 };
const SEED = 1;

const readModelFile: ReadModelFile = async (path) => {
  const file = join('public/models', path);
  return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
};
/** The page's service over what ships, with a registry and a log of its own. */
export function tenancyOf(): Tenancy {
  const storage = new MemoryStorage();
  const queue = new DeviceQueue();
  const now = () => Date.now();
  const contexts = new RenderContexts(readModelFile, storage, now);
  const stores = { runs: new RunStore(storage, now), checkpoints: new CheckpointStore(storage, now) };
  const models = new Models({
    ...{ ...stores, storage, queue, now, readModelFile },
    padTokenOf: (ref) => contexts.padTokenOf(ref),
    liveEngine: () => undefined,
  });
  const clock = () => performance.now();
  const device = () => 'Node';
  return new Tenancy({ storage, models, contexts, queue, now, clock, device, newId: () => crypto.randomUUID() });
}
const say = (what: string) => (done: number, total: number) => console.error(`${what}: ${done} of ${total}`);

/** Each adapter on each slice; the least of the diagonal and the most beside it; what 42 would tell bank_A. */
export async function tenantFigures(): Promise<Measured[]> {
  const tenancy = tenancyOf();
  const matrix = await tenancy.matrix({ cases: CASES, seed: SEED }, { onProgress: say('matrix') });
  const valid = await tenancy.matrix(
    { cases: CASES, seed: SEED, metric: 'schema_valid' },
    { onProgress: say('valid') },
  );
  const cells = matrix.cells.flatMap((row, a) =>
    row.map((cell, s) => ({ ...cell, ...matrix.adapters[a]!, slice: matrix.tenants[s]! })),
  );
  const figure = (id: string, { value, low, high, n }: { value: number; low: number; high: number; n: number }): Measured => ({ id, value, low, high, n, unit: 'share' }); // biome-ignore format: one object
  const own = cells.filter(({ tenant, slice }) => tenant === slice);
  const others = cells.filter(({ tenant, slice }) => tenant !== slice);
  const least = own.reduce((a, b) => (b.value < a.value ? b : a));
  const most = others.reduce((a, b) => (b.value > a.value ? b : a));
  const at = (m: typeof matrix, adapterId: number, slice: string) =>
    m.cells[m.adapters.findIndex((one) => one.adapterId === adapterId)]![m.tenants.indexOf(slice)]!;
  const misrouted = at(matrix, 42, 'bank_A');
  const caught = { value: 1 - misrouted.value, low: 1 - misrouted.high, high: 1 - misrouted.low, n: misrouted.n };
  return [
    figure('tenants/diagonal_min', least),
    figure('tenants/off_diagonal_max', most),
    ...cells.map((cell) => figure(`tenants/matrix/${cell.adapterId}/${cell.slice}`, cell)),
    figure('tenants/misrouted/caught', caught),
    figure('tenants/misrouted/schema_valid', at(valid, 42, 'bank_A')),
    ...(await routingFigure(tenancy)),
    ...(await throughputFigure(tenancy)),
  ];
}

/** Over a whole trace: served by the tenant's own adapter, or refused where it must be; and each decision is in the log. */
async function routingFigure(tenancy: Tenancy): Promise<Measured[]> {
  const before = (await tenancy.view()).log.count;
  const [report] = await tenancy.serve(
    { requests: REQUESTS, seed: SEED, modes: [{ mode: 'batched', maxBatch: 32, max_new_tokens: 1 }] },
    { onProgress: say('routing') },
  );
  const adapterOf: Record<string, number> = { bank_A: 17, retail_B: 42, saas_C: 9 };
  const expected = new Map(
    servingTrace(builtinWorld(), { requests: REQUESTS, seed: SEED }).map((one) => [one.id, one]),
  );
  const right = report!.requests.filter(({ id, metadata, adapterId, refusal }) =>
    expected.get(id)!.refusal ? refusal !== undefined : adapterId === adapterOf[metadata.tenant_id ?? ''],
  ).length;
  const { entries } = await tenancy.search({}, 0, Number.POSITIVE_INFINITY);
  const logged = new Set(entries.flatMap((entry) => (entry.n > before && entry.decision !== 'checked' ? [entry.requestId] : []))); // biome-ignore format: one set
  const missing = report!.requests.find(({ id }) => !logged.has(id));
  if (missing) throw new Error(`The decision about ${missing.id} is not in the log.`);
  const verdict = await tenancy.verifyLog();
  if (!verdict.ok) throw new Error(`The log does not hold: ${verdict.why}`);
  return [{ id: 'tenants/routing_accuracy', value: right / REQUESTS, ...wilson(right, REQUESTS), n: REQUESTS, unit: 'share' }]; // biome-ignore format: one figure
}

/** Tokens a second of mixed batches over those of one adapter at a time, in turn; both must give the same tokens. */
async function throughputFigure(tenancy: Tenancy): Promise<Measured[]> {
  const { requests, maxBatch, max_new_tokens, rounds } = BATCHED;
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [swapped, batched] = (await tenancy.serve(
      { requests, seed: SEED, modes: [{ mode: 'load_on_request', max_new_tokens }, { mode: 'batched', maxBatch, max_new_tokens }] }, // biome-ignore format: two modes
      { onProgress: say(`round ${round + 1}`) },
    )) as [ServingReport, ServingReport];
    const ids = (report: ServingReport) => JSON.stringify(report.requests.map((one) => [one.id, one.ids]));
    if (ids(swapped) !== ids(batched)) throw new Error('A mixed batch gave other tokens than one request at a time.');
    ratios.push(batched.tokensPerSecond / swapped.tokensPerSecond);
  }
  const value = ratios.reduce((a, b) => a + b, 0) / ratios.length;
  return [{ id: 'tenants/batched_over_swapped_throughput', value, ...bootstrapMean(ratios, new Rng(1, 'ratio')), n: rounds, unit: '×' }]; // biome-ignore format: one figure
}

export const TENANT_FIGURES: readonly string[] = [
  'tenants/diagonal_min',
  'tenants/off_diagonal_max',
  ...[17, 42, 9].flatMap((id) => ['bank_A', 'retail_B', 'saas_C'].map((slice) => `tenants/matrix/${id}/${slice}`)),
  'tenants/misrouted/caught',
  'tenants/misrouted/schema_valid',
  'tenants/routing_accuracy',
  'tenants/batched_over_swapped_throughput',
];

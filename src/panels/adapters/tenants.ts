// State of the Adapters panel that outlives it: the registry as last read, what was answered and measured, and the work under
// way. Verbs send one request to the compute worker.
import { create } from 'zustand';
import { tenantsRecipe } from '../../labs/recipes/tenants';
import { CancelledError, ConfigError } from '../../lib/errors';
import type { Message } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import type {
  KeptMeasures,
  MergeDifference,
  ServedAnswer,
  TenancyView,
  UnmergeDifference,
} from '../../protocol/requests';
import type { AuditEntry, RegistryEntry, RequestMetadata, RuleEdit } from '../../protocol/serving';
import { studioClient } from '../../stores/client';
import { loadRuns, startRun, stopRun, useRuns } from '../../stores/runs';
import { activationOf, installable, isRegistered, unregistered } from './registryView';
import { ruleKey } from './routingView';
import type { ServingRequest } from './servingView';

export type View = 'routing' | 'registry' | 'combine' | 'slices' | 'serving' | 'log';
/** Under way; `total` 0: nobody knows how long it takes. */
export interface Work {
  done: number;
  total: number;
}
export interface Misrouted {
  asked: string;
  adapterId: number;
  answer: ServedAnswer;
  entries: AuditEntry[];
}
interface Tenants {
  view?: TenancyView;
  shown: View;
  work: Record<string, Work>;
  /** Why work ended without a result, by its name; `isStop`: the person wanted it. */
  failed: Record<string, { text: string; isStop: boolean }>;
  /** By the rule that routes them (ruleKey). */
  answers: Record<string, ServedAnswer>;
  /** What was asked for them. */
  asked?: string;
  sent?: { metadata: RequestMetadata; answer: ServedAnswer };
  misrouted?: Misrouted;
  /** By metric: figures stand under the one that they were measured with. */
  matrices: Record<string, KeptMeasures['matrices'][number]>;
  replay?: KeptMeasures['replay'];
  /** By adapter id. */
  merged: Record<number, MergeDifference & { version: number }>;
  unmerged: Record<number, UnmergeDifference>;
  /** What stands in fields, by name: leaving a view does not lose it. */
  typed: Record<string, unknown>;
  /** Run whose adapters are registered once it has finished. */
  awaited?: string;
  /** The run whose adapters came last, and which versions they are. */
  arrived?: { runId: string; versions: { id: number; version: number }[] };
  show(view: View): void;
}
export const useTenants = create<Tenants>()((set) => ({
  shown: 'routing',
  work: {},
  failed: {},
  answers: {},
  matrices: {},
  merged: {},
  unmerged: {},
  typed: {},
  show: (shown) =>
    set(({ failed }) => {
      // What went wrong was told beside its button: whoever comes back has moved on.
      const unseen = Object.entries(failed).filter(([name]) => name === 'view' || !seen.has(name));
      seen.clear();
      return { shown, failed: Object.fromEntries(unseen) };
    }),
}));
/** Names of work whose failure stands on show. */
const seen = new Set<string>();
export const markSeen = (name: string): void => void seen.add(name);
const set = useTenants.setState;
const compute = () => studioClient().compute;
const controllers = new Map<string, AbortController>();

/** As useState, but kept when the view is left. */
export function useTyped<T>(name: string, start: T): [T, (value: T) => void] {
  const value = useTenants((s) => s.typed[name]) as T | undefined;
  return [value ?? start, (next) => set(({ typed }) => ({ typed: { ...typed, [name]: next } }))];
}
interface Working {
  signal: AbortSignal;
  onProgress: (progress: Work) => void;
}

/** What went wrong before work under this name could begin. */
export const failWork = (name: string, text: string): void =>
  set(({ failed }) => ({ failed: { ...failed, [name]: { text, isStop: false } } }));
/** Runs `task` under a name, one at a time: its progress, its end and its failure stand in the store. */
export async function runWork(name: string, task: (working: Working) => Promise<void>): Promise<void> {
  if (controllers.has(name)) return;
  const controller = new AbortController();
  controllers.set(name, controller);
  const setWork = (progress: Work | undefined) =>
    set(({ work: { [name]: _old, ...others } }) => ({ work: progress ? { ...others, [name]: progress } : others }));
  set(({ failed: { [name]: _old, ...failed } }) => ({ failed }));
  setWork({ done: 0, total: 0 });
  try {
    await task({ signal: controller.signal, onProgress: setWork });
  } catch (error) {
    const isStop = error instanceof CancelledError;
    const text = isStop ? 'Stopped before the end. What was not finished is not shown.' : (error as Error).message;
    set(({ failed }) => ({ failed: { ...failed, [name]: { text, isStop } } }));
  } finally {
    controllers.delete(name);
    setWork(undefined);
  }
}
export const stopWork = (name: string): void => controllers.get(name)?.abort();

/** Registry, rules and head of the log, with the figures that still hold of what serves. */
async function read(): Promise<Pick<Tenants, 'view' | 'matrices' | 'replay'>> {
  const view = await compute().request('tenancy', {});
  const { matrices, replay } = await compute().request('keptMeasures', {});
  return { view, matrices: Object.fromEntries(matrices.map((one) => [one.value.metric, one])), replay };
}
export const loadTenants = (): Promise<void> => runWork('view', async () => set(await read()));
/** After a change, which holds whatever becomes of this: where it fails, the panel says that its view is old. */
export async function refresh(): Promise<void> {
  try {
    const found = await read();
    set(({ failed: { view: _old, ...failed } }) => ({ ...found, failed }));
  } catch (error) {
    failWork('view', (error as Error).message);
  }
}

const requestId = (): string => `page-${crypto.randomUUID().slice(0, 8)}`;
/** What stands there instead of the chapter's request; undefined where that stands. */
export const written = (text: string | undefined, view: TenancyView): Message[] | undefined => {
  const messages = view.chapterMessages;
  if (text === undefined || text === messages.at(-1)?.content) return undefined;
  return [...messages.slice(0, -1), { role: 'user', content: text }];
};

/** The request under every tenant, one after the other; each answer appears as it comes. */
export const answerAll = (text?: string): Promise<void> =>
  runWork('answers', async ({ signal, onProgress }) => {
    const { view } = useTenants.getState();
    if (!view) return;
    set({ answers: {}, asked: text ?? view.chapterMessages.at(-1)?.content });
    const tenants = view.rules;
    try {
      for (const [i, { adapter: _adapter, ...metadata }] of tenants.entries()) {
        onProgress({ done: i, total: tenants.length });
        const params = { requestId: requestId(), metadata, messages: written(text, view) };
        const answer = await compute().request('serveRequest', params, { signal });
        set(({ answers }) => ({ answers: { ...answers, [ruleKey(metadata)]: answer } }));
      }
    } finally {
      await refresh();
    }
  });
/** One request of any metadata, as typed: routed or refused, and logged either way. */
export const send = (metadata: RequestMetadata): Promise<void> =>
  runWork('send', async ({ signal }) => {
    const answer = await compute().request('serveRequest', { requestId: requestId(), metadata }, { signal });
    set({ sent: { metadata, answer } });
    await refresh();
  });
export const misroute = (metadata: RequestMetadata, adapterId: number): Promise<void> =>
  runWork('misroute', async ({ signal }) => {
    const id = requestId();
    const answer = await compute().request(
      'serveRequest',
      { requestId: id, metadata, misrouteTo: adapterId },
      { signal },
    );
    const { entries } = await compute().request('searchAuditLog', { query: { text: id }, offset: 0, limit: 4 });
    set({ misrouted: { asked: metadata.tenant_id ?? '', adapterId, answer, entries: entries.reverse() } });
    await refresh();
  });

export const register = (id: number, ref: string, note: string): Promise<void> =>
  runWork('register', async () => {
    await compute().request('registerAdapter', { id, ref, note });
    await refresh();
  });
/** Of another version of an entry that is to serve. */
export const moveName = (id: number): string => `move ${id}`;
export const activate = (id: number, version: number, override?: string): Promise<void> =>
  runWork(moveName(id), async () => {
    await compute().request('activateAdapter', { id, version, override });
    await refresh();
  });
export const rollback = (id: number): Promise<void> =>
  runWork(moveName(id), async () => {
    await compute().request('rollbackAdapter', { id });
    await refresh();
  });
/** Before a version serves: cases of a slice, and how many of them may get worse. */
export const DEFAULT_CHECK = { cases: 24, seed: 1, allowance: 1 };
export const checkName = (id: number, version: number): string => `check ${id}@${version}`;
export const check = (
  id: number,
  version: number,
  options: { cases: number; seed: number; allowance: number },
): Promise<void> =>
  runWork(checkName(id, version), async ({ signal, onProgress }) => {
    await compute().request('checkAdapter', { id, version, ...options }, { signal, onProgress });
    await refresh();
  });
export const compareMerged = (id: number, version: number): Promise<void> =>
  runWork('merge', async ({ signal }) => {
    const difference = await compute().request('mergeDifference', { id }, { signal });
    set(({ merged }) => ({ merged: { ...merged, [id]: { ...difference, version } } }));
  });

export const takeOut = (id: number): Promise<void> =>
  runWork('unmerge', async ({ signal }) => {
    const difference = await compute().request('unmergeDifference', { id }, { signal });
    set(({ unmerged }) => ({ unmerged: { ...unmerged, [id]: difference } }));
  });
/** Resolves to whether the change holds. */
export async function editRules(edit: RuleEdit): Promise<boolean> {
  let holds = false;
  await runWork('rules', async () => {
    await compute().request('editRules', { edit });
    holds = true;
    await refresh();
  });
  return holds;
}

export const measureMatrix = (options: { cases: number; seed: number; metric: string }): Promise<void> =>
  runWork('matrix', async ({ signal, onProgress }) => {
    await compute().request('tenantMatrix', options, { signal, onProgress });
    await refresh(); // with the matrix, which the worker has kept
  });
export const replayTrace = (request: ServingRequest): Promise<void> =>
  runWork('serve', async ({ signal, onProgress }) => {
    try {
      await compute().request('serveTrace', request, { signal, onProgress });
    } finally {
      await refresh(); // with the replay, which the worker has kept
    }
  });

export interface TrainingSize {
  max_steps: number;
  per_device_train_batch_size: number;
  rows: number;
  seed: number;
}
export const DEFAULT_TRAINING: TrainingSize = {
  max_steps: tenantsRecipe.args.max_steps as number,
  per_device_train_batch_size: tenantsRecipe.args.per_device_train_batch_size as number,
  rows: tenantsRecipe.data.rows!,
  seed: tenantsRecipe.seed,
};
/** Trains the three tenants in one run; once it has finished, its adapters become the next versions of their entries. */
export const trainTenants = ({ rows, seed, ...args }: TrainingSize): Promise<void> =>
  runWork('train', async () => {
    const recipe: Recipe = {
      ...tenantsRecipe,
      data: { ...tenantsRecipe.data, rows },
      args: { ...tenantsRecipe.args, ...args },
      seed,
    };
    const before = Object.values(useRuns.getState().runs).filter((run) => run.recipe.name === recipe.name).length;
    set({ arrived: undefined });
    set({ awaited: await startRun({ recipe, name: `Tenants ${before + 1}`, group: 'tenants' }) });
  });

/** Of a run that trains elsewhere, or not at all any more, the worker says so; the records are read anew then. */
export const stopTraining = (runId: string): Promise<void> =>
  runWork('stop', () =>
    stopRun(runId).catch((error: Error) => {
      const name = useRuns.getState().runs[runId]?.name ?? 'The run';
      throw new ConfigError(
        `${name} was not stopped. ${error.message} If it trains in another tab, stop it there; if that tab is gone, continue it under Runs.`,
        { cause: error },
      );
    }),
  );

/**
 * Registers the adapters of a finished run under the entries of their names. Those of entries without an active version are checked
 * then, and serve once they have passed.
 */
export const registerRun = (runId: string): Promise<void> =>
  runWork('registry', async ({ onProgress }) => {
    set({ awaited: undefined });
    registered.add(runId);
    await loadRuns();
    await refresh();
    const run = useRuns.getState().runs[runId];
    const { view } = useTenants.getState();
    if (!run || !view || isRegistered(run, view.entries)) return; // by another tab, meanwhile
    const versions: { id: number; version: number }[] = [];
    const names = new Set(run.recipe.data.train.map(({ adapter }) => adapter));
    const firsts: { id: number; version: number }[] = [];
    try {
      for (const { id, name, active } of view.entries.filter((entry) => names.has(entry.name))) {
        const ref = `run:${runId}#${name}`;
        const entry: RegistryEntry = await compute().request('registerAdapter', {
          id,
          ref,
          note: `from the run “${run.name}”`,
        });
        const { version } = entry.versions.at(-1)!;
        versions.push({ id, version });
        if (active === null) firsts.push({ id, version });
      }
      set({ arrived: { runId, versions } });
      await refresh();
      for (const [i, { id, version }] of firsts.entries()) {
        onProgress({ done: i, total: firsts.length });
        await check(id, version, DEFAULT_CHECK); // whose failure stands beside the version
        const entry = useTenants.getState().view?.entries.find((one) => one.id === id);
        const checked = entry?.versions.find((one) => one.version === version);
        if (entry && checked && activationOf(entry, checked).state === 'passed')
          await compute().request('activateAdapter', { id, version });
      }
    } finally {
      await refresh();
      await loadRuns(); // with the artifacts that the run left
    }
  });
/** The run that was started for this, or one from before that nobody has registered. */
export function runToRegister(): string | undefined {
  const { awaited, view } = useTenants.getState();
  const { runs } = useRuns.getState();
  if (awaited && runs[awaited]?.status === 'finished') return awaited;
  return view && installable(Object.values(runs), view.entries)?.id;
}
/** Runs that were tried in this tab: one that does not register is not tried for ever. */
const registered = new Set<string>();
// A run of the tenants is registered when it ends, whatever panel is on show, and whoever continued it: of one that went on after
// a reload nobody here knows the id, so its record tells. A short one may have ended before its id is known here, or while the
// registry is busy: so both stores are watched.
function registerAwaited(): void {
  const { awaited, view } = useTenants.getState();
  if (!view || controllers.has('registry') || controllers.has('train')) return;
  const { runs } = useRuns.getState();
  if (awaited && runs[awaited]?.status === 'finished') void registerRun(awaited);
  else {
    const next = unregistered(Object.values(runs), view.entries).find(({ id }) => !registered.has(id));
    if (next) void registerRun(next.id);
  }
}
useRuns.subscribe(({ runs }, before) => {
  // What a run leaves is in its record some time after its end: of one that is seen to end, nothing need be there yet.
  const ended = Object.values(runs).find(
    ({ id, group, status }) =>
      group === 'tenants' && status === 'finished' && before.runs[id] && before.runs[id].status !== 'finished',
  );
  if (ended && !registered.has(ended.id) && !useTenants.getState().awaited) set({ awaited: ended.id });
  else registerAwaited();
});
useTenants.subscribe(registerAwaited);

// All runs of this worker: starting, resuming, finding those that were cut off, and who may train now (one at a time).
import { CheckpointError, ConfigError } from '../lib/errors';
import type { ComputeEvent } from '../protocol/events';
import type { BackendInfo } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { RunRecord, RunStatus } from '../protocol/run';
import type { CheckpointContent, CheckpointStore } from '../storage/checkpoints';
import { type RunHead, type RunStore, runDirectory } from '../storage/runs';
import { KeyedQueue } from '../storage/storage';
import type { DeviceQueue } from './deviceQueue';
import { LiveRun, type TrainingDriver } from './liveRun';
import type { RunLocks } from './runLocks';

/** A recipe made ready to train. */
export interface PreparedRun {
  driver: TrainingDriver;
  /** Artifact ids of what it reads: model, tokenizer, template, datasets. */
  parents: Record<string, string>;
  kernelVariants: Record<string, string>;
  saveSteps: number;
}
export type PrepareRun = (
  recipe: Recipe,
  context: { runId: string; resumeFrom?: Required<CheckpointContent>; signal?: AbortSignal },
) => Promise<PreparedRun>;

export interface TrainingRunsEnvironment {
  runs: RunStore;
  checkpoints: CheckpointStore;
  locks: RunLocks;
  queue: DeviceQueue;
  now: () => number;
  emit: (event: ComputeEvent) => void;
  checkpointEveryMs: number;
  prepare: PrepareRun;
  /** Holds what a recipe reads, so that nothing of it is deleted; resolves to the function that lets it go. */
  hold: (recipe: Recipe) => Promise<() => void>;
  ranOutOfMemory?: (driver: TrainingDriver) => void;
  /** An error has ended a run, and its record is written. */
  failed?: (cause: unknown) => void;
  backend: () => BackendInfo;
  versions: Record<string, string>;
  /** Takes the trained model of a run that ended; disposes it when it is no longer wanted. Resolves when it reads nothing more. */
  keepDriver: (runId: string, driver: TrainingDriver, isFinished: boolean) => Promise<void>;
}

const LIVE: readonly RunStatus[] = ['queued', 'running', 'paused'];

export class TrainingRuns {
  private readonly live = new Map<string, LiveRun>();
  private readonly releases = new Map<string, () => void>();
  /** Of what live runs read. */
  private readonly holds = new Map<string, () => void>();
  private readonly slot = new KeyedQueue();
  /** Runs of other workers whose end is awaited. */
  private readonly followed = new Set<string>();

  constructor(private readonly env: TrainingRunsEnvironment) {}

  get(runId: string): LiveRun | undefined {
    return this.live.get(runId);
  }
  ids(): string[] {
    return [...this.live.keys()];
  }
  /** Throws ConfigError when the run does not train in this tab. */
  require(runId: string): LiveRun {
    const run = this.live.get(runId);
    if (!run) throw new ConfigError('This run is not training in this tab. Resume it first.', { where: runId });
    return run;
  }

  /** Prepares the recipe, then records the run: a recipe that cannot start leaves no trace. */
  async start(
    params: { runId: string; name: string; recipe: Recipe; group?: string },
    signal?: AbortSignal,
  ): Promise<{ maxSteps: number }> {
    const { runId, name, recipe, group } = params;
    runDirectory(runId); // refuses ids that are not plain names
    if (await this.env.runs.head(runId))
      throw new ConfigError('This run was started before. Give the new one a new id.');
    await this.owned(runId, recipe, async () => {
      const prepared = await this.env.prepare(recipe, { runId, signal });
      const now = this.env.now();
      const record: RunRecord = {
        id: runId,
        name,
        recipe,
        status: 'queued',
        createdAt: now,
        updatedAt: now,
        step: 0,
        maxSteps: prepared.driver.maxSteps,
        backend: this.env.backend(),
        versions: this.env.versions,
        kernelVariants: prepared.kernelVariants,
        parents: prepared.parents,
        outputs: {},
        checkpoints: [],
        points: [],
        generations: [],
        ...(group !== undefined && { group }),
      };
      await this.begin(runId, prepared, () => this.env.runs.create(record));
    });
    return { maxSteps: this.require(runId).driver.maxSteps };
  }

  /** Goes on from the last checkpoint; without one, from the start. What was logged after it is logged again. */
  async resume(runId: string, signal?: AbortSignal): Promise<{ step: number; maxSteps: number }> {
    const live = this.live.get(runId);
    if (live) {
      await live.unpause();
      return { step: live.step, maxSteps: live.driver.maxSteps };
    }
    const { recipe } = await this.resumable(runId);
    let step = 0;
    await this.owned(runId, recipe, async () => {
      const head = await this.resumable(runId); // again: while the lock was awaited, another tab may have finished it
      const checkpoint = await this.env.checkpoints.latest(runId);
      const resumeFrom = checkpoint?.optimizer && { ...checkpoint, optimizer: checkpoint.optimizer };
      const prepared = await this.env.prepare(head.recipe, { runId, resumeFrom, signal });
      step = prepared.driver.step;
      await this.begin(runId, prepared, async () => {
        await this.env.runs.rewind(runId, resumeFrom ? step : -1);
        await this.env.runs.patch(runId, {
          error: undefined,
          stopReason: undefined,
          backend: this.env.backend(),
          versions: this.env.versions,
          kernelVariants: prepared.kernelVariants,
        });
      });
    });
    return { step, maxSteps: this.require(runId).driver.maxSteps };
  }

  private async resumable(runId: string): Promise<RunHead> {
    const head = await this.env.runs.head(runId);
    if (!head) throw new CheckpointError(`There is no run ${runId} in this browser. It may have been deleted.`);
    if (head.status === 'finished') throw new ConfigError(`"${head.name}" has finished: there is nothing to resume.`);
    return head;
  }

  /** Takes the run's lock for the task, and what its recipe reads; keeps both when a live run came of it. */
  private async owned(runId: string, recipe: Recipe, task: () => Promise<void>): Promise<void> {
    // A worker that has just died may hold its locks for a moment yet.
    const release = await this.env.locks.acquire(runId, 3000);
    if (!release) throw new ConfigError('This run is training in another tab. Use that tab, or close it first.');
    this.releases.set(runId, release);
    try {
      this.holds.set(runId, await this.env.hold(recipe));
      await task();
    } finally {
      if (!this.live.has(runId)) {
        this.letGo(runId);
        this.release(runId);
      }
    }
  }
  private async begin(runId: string, prepared: PreparedRun, record: () => Promise<void>): Promise<void> {
    try {
      await record();
    } catch (error) {
      prepared.driver.dispose();
      throw error;
    }
    const run = new LiveRun(runId, prepared.driver, prepared.saveSteps, {
      ...this.env,
      slot: (train) => this.slot.run('training', train),
      onEnd: (ended) => {
        this.live.delete(runId);
        // What is kept of it is read from its base: that may go only after.
        const letGo = this.holds.get(runId);
        this.holds.delete(runId);
        void this.env.keepDriver(runId, ended.driver, ended.status === 'finished').finally(letGo);
        this.release(runId);
      },
    });
    this.live.set(runId, run);
    await run.start();
  }
  private letGo(runId: string): void {
    this.holds.get(runId)?.();
    this.holds.delete(runId);
  }
  private release(runId: string): void {
    this.releases.get(runId)?.();
    this.releases.delete(runId);
  }

  /** Runs that are recorded as alive but that no worker holds were cut off: their tab was closed or crashed. */
  async settleOrphans(): Promise<void> {
    for (const { id, status } of await this.env.runs.heads())
      if (LIVE.includes(status) && !this.live.has(id)) {
        if (!(await this.cutOff(id))) this.follow(id);
      }
  }
  /** Under the run's lock, so that no other tab takes it up meanwhile; false when another worker holds it. */
  private async cutOff(id: string): Promise<boolean> {
    const release = await this.env.locks.acquire(id);
    if (!release) return false;
    try {
      const head = await this.env.runs.head(id); // another tab may have gone on with it, and finished
      if (head && LIVE.includes(head.status))
        await this.env.runs.patch(id, { status: 'interrupted', checkpoints: await this.env.checkpoints.list(id) });
    } finally {
      release();
    }
    return true;
  }
  /**
   * A run that another worker holds: trained in another tab, or by the worker of a page that was reloaded, which holds its
   * locks for seconds until it dies. When it lets go, the page is told how the run ended.
   */
  private follow(id: string): void {
    if (this.followed.has(id)) return;
    this.followed.add(id);
    void this.env.locks
      .whenFree(id)
      .then(async () => {
        this.followed.delete(id);
        const head = await this.env.runs.head(id);
        if (!head || this.live.has(id) || this.releases.has(id)) return; // deleted, or taken up here meanwhile
        if (LIVE.includes(head.status) && !(await this.cutOff(id))) return this.follow(id);
        const { status, step, error, stopReason } = (await this.env.runs.head(id))!;
        const why = { ...(error && { error }), ...(stopReason && { stopReason }) };
        this.env.emit({ kind: 'status', runId: id, status, step, ...why });
      })
      .catch((error: Error) => {
        this.followed.delete(id); // the next look at the runs asks again
        this.env.emit({ kind: 'warning', message: `What became of run ${id} could not be read. ${error.message}` });
      });
  }

  async list(): Promise<RunRecord[]> {
    await this.settleOrphans();
    return this.env.runs.list();
  }
  async rename(runId: string, name: string): Promise<void> {
    const trimmed = name.trim();
    if (!trimmed) throw new ConfigError('Give the run a name of at least one letter.', { where: 'name' });
    await this.env.runs.patch(runId, { name: trimmed.slice(0, 200) });
  }
  /** Ends it when it trains here; refuses when it trains in another tab. Resolves to the bytes freed. */
  async remove(runId: string): Promise<number> {
    const live = this.live.get(runId);
    if (live) {
      await live.abandon(undefined);
      await live.settled();
    } else if (await this.env.locks.isHeld(runId))
      throw new ConfigError('This run is training in another tab. Stop it there before you delete it.');
    return this.env.runs.remove(runId);
  }
  /** The device is gone: every run keeps its last checkpoint and waits to be resumed. */
  async abandonAll(error: unknown): Promise<void> {
    await Promise.all([...this.live.values()].map((run) => run.abandon('interrupted', error)));
  }
}

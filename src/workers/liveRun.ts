// One run that is held by this worker: trains step by step, obeys pause, step, stop, and keeps its record and checkpoints.
import { CancelledError, DeviceError, toErrorData } from '../lib/errors';
import type { ComputeEvent } from '../protocol/events';
import type { CheckpointRef, MetricPoint, RunStatus, SampleGeneration, StopReason } from '../protocol/run';
import type { CheckpointContent, CheckpointStore } from '../storage/checkpoints';
import type { RunStore } from '../storage/runs';
import { type DeviceQueue, yieldToMessages } from './deviceQueue';
import { inWords, isDeviceLoss, isOutOfMemory } from './inWords';

/** What training offers to whoever runs it, whatever the method. */
export interface TrainingDriver {
  /** Optimizer steps done. */
  readonly step: number;
  readonly maxSteps: number;
  /**
   * One optimizer step, with the evaluations due after it. On NaN it throws and the weights stay as they were. What
   * `isInterrupted` cuts short of the evaluations is made up for at the next call, which may then end without a step.
   */
  trainStep(isInterrupted?: () => boolean): Promise<StepReport>;
  /** What remains to be done once the last step is done: evaluations that were put off. */
  finish(): Promise<StepReport>;
  /** All that training needs to go on from here. */
  checkpoint(): Promise<Required<CheckpointContent>>;
  dispose(): void;
}
export interface StepReport {
  points: MetricPoint[];
  generations: SampleGeneration[];
  /** Tokens read in this step, for tokens/s. */
  tokens: number;
  /** The run is to end here, as `stopped`, and says why. */
  stop?: StopReason;
}

export interface LiveRunEnvironment {
  runs: RunStore;
  checkpoints: CheckpointStore;
  queue: DeviceQueue;
  now: () => number;
  emit: (event: ComputeEvent) => void;
  /** Longest time between checkpoints, ms. */
  checkpointEveryMs: number;
  /** Runs `train` when no other run trains. */
  slot: (train: () => Promise<void>) => Promise<void>;
  /** The device had no memory left for this run. */
  ranOutOfMemory?: (driver: TrainingDriver) => void;
  /** An error has ended the run, and its record is written. */
  failed?: (cause: unknown) => void;
  /** Called once, when the run has ended in this worker; the driver is the callee's from then on. */
  onEnd: (run: LiveRun) => void;
}

/** Metrics and progress go to the page at most this often; lists go to disk at most once in STORE_EVERY_MS. */
const EMIT_EVERY_MS = 200;
const STORE_EVERY_MS = 1000;

export class LiveRun {
  status: RunStatus = 'queued';
  private wanted: 'run' | 'pause' | 'stop' = 'run';
  private stopReason?: StopReason;
  /** What the run is doing now; never rejects. */
  private activity: Promise<void> = Promise.resolve();
  private points: MetricPoint[] = [];
  private unsent: MetricPoint[] = [];
  private generations: SampleGeneration[] = [];
  private emittedAt = Number.NEGATIVE_INFINITY;
  private storedAt: number;
  private checkpointAt: number;
  private checkpointStep: number;
  private readonly storageTroubles = new Set<string>();
  private hasEnded = false;

  constructor(
    readonly id: string,
    readonly driver: TrainingDriver,
    /** Optimizer steps between milestones; 0 = only by the clock. */
    private readonly saveSteps: number,
    private readonly env: LiveRunEnvironment,
  ) {
    this.storedAt = env.now();
    this.checkpointAt = env.now();
    this.checkpointStep = driver.step;
  }

  get step(): number {
    return this.driver.step;
  }
  /** Resolves when the run neither trains nor waits to: paused or ended. */
  settled(): Promise<void> {
    return this.activity;
  }

  async start(): Promise<void> {
    this.wanted = 'run';
    await this.setStatus('queued');
    this.activity = this.env.slot(() => this.train());
  }
  async pause(): Promise<void> {
    if (this.status !== 'running' && this.status !== 'queued') return;
    this.wanted = 'pause';
    if (this.status === 'running') return this.activity;
    this.activity = Promise.resolve(); // its turn, when it comes, finds the run paused and passes
    await this.setStatus('paused');
  }
  async unpause(): Promise<void> {
    if (this.status === 'paused') await this.start();
  }
  /** Pauses first when it trains; then exactly one step. */
  async stepOnce(): Promise<void> {
    await this.pause();
    const before = this.activity;
    this.activity = before.then(() =>
      this.guarded(async () => {
        if (this.hasEnded || this.wanted === 'stop') return;
        if (this.driver.step < this.driver.maxSteps) await this.oneStep();
        if (this.driver.step >= this.driver.maxSteps) await this.complete();
        else if (this.stopReason) await this.end('stopped');
        else await this.stored(() => this.flush(true));
      }),
    );
    await this.activity;
  }
  async stop(): Promise<void> {
    const isWaiting = this.status === 'queued'; // its turn may be far off
    this.wanted = 'stop';
    if (!isWaiting) await this.activity;
    await this.guarded(() => this.end('stopped'));
  }
  /** Ends at once without another checkpoint: the device is gone, or the run is being deleted. */
  async abandon(status: RunStatus | undefined, error?: unknown): Promise<void> {
    this.wanted = 'stop';
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (status) await this.stored(() => this.flush(true));
    if (status) await this.setStatus(status, error);
    this.env.onEnd(this);
  }

  private async train(): Promise<void> {
    if (this.wanted !== 'run' || this.hasEnded) return;
    await this.guarded(async () => {
      await this.setStatus('running');
      while (this.wanted === 'run' && this.driver.step < this.driver.maxSteps) {
        await this.oneStep(() => this.wanted !== 'run');
        await yieldToMessages();
      }
      if (this.hasEnded) return;
      if (this.driver.step >= this.driver.maxSteps) return this.complete();
      if (this.wanted === 'stop') return this.end('stopped');
      await this.saveCheckpoint(false);
      await this.setStatus('paused');
    });
  }
  private async oneStep(isInterrupted?: () => boolean): Promise<void> {
    const report = await this.env.queue.run('training', async () => {
      if (this.hasEnded) throw new CancelledError('The run has ended.');
      const started = this.env.now();
      const result = await this.driver.trainStep(isInterrupted);
      return { ...result, stepMs: this.env.now() - started };
    });
    if (this.hasEnded) return; // abandoned during the step: its record is no longer ours
    this.take(report);
    // A person's own stop needs no reason.
    if (report.stop && this.wanted !== 'stop') {
      this.wanted = 'stop';
      this.stopReason = report.stop;
    }
    const { now } = this.env;
    if (now() - this.emittedAt >= EMIT_EVERY_MS || this.wanted !== 'run') {
      this.emittedAt = now();
      const tokensPerSecond = report.stepMs > 0 ? (report.tokens / report.stepMs) * 1000 : 0;
      const { step, maxSteps } = this.driver;
      this.env.emit({ kind: 'progress', runId: this.id, step, maxSteps, stepMs: report.stepMs, tokensPerSecond });
      this.sendPoints();
    }
    const isMilestone = this.saveSteps > 0 && this.driver.step % this.saveSteps === 0;
    if (isMilestone || now() - this.checkpointAt >= this.env.checkpointEveryMs) await this.saveCheckpoint(isMilestone);
    else if (now() - this.storedAt >= STORE_EVERY_MS) await this.stored(() => this.flush(false));
  }
  private take(report: StepReport): void {
    this.points.push(...report.points);
    this.unsent.push(...report.points);
    this.generations.push(...report.generations);
    for (const sample of report.generations) this.env.emit({ kind: 'generation', runId: this.id, sample });
  }
  private sendPoints(): void {
    const points = this.unsent.splice(0);
    if (points.length) this.env.emit({ kind: 'metrics', runId: this.id, points });
  }
  private async complete(): Promise<void> {
    this.stopReason = undefined; // nothing is left that it could have kept from being trained
    this.take(await this.env.queue.run('training', () => this.driver.finish()));
    await this.end('finished');
  }
  private async end(status: RunStatus): Promise<void> {
    if (this.hasEnded) return;
    await this.saveCheckpoint(true);
    this.hasEnded = true;
    await this.setStatus(status);
    this.env.onEnd(this);
  }

  /** Runs a piece of the run's life; an error ends the run and keeps its last good checkpoint. */
  private async guarded(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (cause) {
      if (this.hasEnded) return; // abandoned meanwhile: its end has been told
      if (isOutOfMemory(cause)) this.env.ranOutOfMemory?.(this.driver);
      const error = inWords(cause, 'training');
      const isLost = isDeviceLoss(error);
      // Weights are those of the last good step: worth keeping, unless the device that holds them is what failed.
      if (!(error instanceof DeviceError)) await this.saveCheckpoint(false);
      this.sendPoints();
      this.hasEnded = true;
      await this.stored(() => this.flush(true));
      await this.setStatus(isLost ? 'interrupted' : 'failed', error);
      this.env.onEnd(this);
      this.env.failed?.(cause);
    }
  }

  private async saveCheckpoint(isMilestone: boolean): Promise<void> {
    this.checkpointAt = this.env.now();
    await this.stored(() => this.flush(true));
    if (this.checkpointStep === this.driver.step) return;
    await this.stored(async () => {
      const content = await this.env.queue.run('training', () => this.driver.checkpoint());
      const bad = Object.entries(content.weights).find(([, { data }]) => !data.every(Number.isFinite));
      if (bad) throw new Error(`${bad[0]} holds values that are not numbers; the checkpoint before is kept.`);
      const checkpoint: CheckpointRef = await this.env.checkpoints.save(this.id, content, { isMilestone });
      this.checkpointStep = content.step;
      await this.env.runs.patch(this.id, { checkpoints: await this.env.checkpoints.list(this.id) });
      this.env.emit({ kind: 'checkpoint', runId: this.id, checkpoint });
    }, 'checkpoint');
  }
  /** Sends and stores what is pending. */
  private async flush(isForced: boolean): Promise<void> {
    if (isForced) this.sendPoints();
    this.storedAt = this.env.now();
    // Taken off the list only once written: what fails now is tried again with the next batch.
    const [points, generations] = [this.points.slice(), this.generations.slice()];
    await this.env.runs.appendPoints(this.id, points);
    this.points.splice(0, points.length);
    await this.env.runs.appendGenerations(this.id, generations);
    this.generations.splice(0, generations.length);
    await this.env.runs.patch(this.id, { step: this.driver.step });
  }
  /** A full disk must not end a run: it trains on, warns once, and the last good checkpoint stays. */
  private async stored(task: () => Promise<void>, what = 'record'): Promise<void> {
    try {
      await task();
      this.storageTroubles.delete(what);
    } catch (error) {
      if (!this.storageTroubles.has(what)) {
        const message = `${inWords(error, 'saving').message} Training goes on; the last good checkpoint is kept.`;
        this.env.emit({ kind: 'warning', message });
      }
      this.storageTroubles.add(what);
    }
  }
  private async setStatus(status: RunStatus, error?: unknown): Promise<void> {
    this.status = status;
    const data = error === undefined ? undefined : toErrorData(error);
    const stopReason = status === 'stopped' ? this.stopReason : undefined;
    const why = { ...(data && { error: data }), ...(stopReason && { stopReason }) };
    this.env.emit({ kind: 'status', runId: this.id, status, step: this.driver.step, ...why });
    await this.stored(() => this.env.runs.patch(this.id, { status, error: data, stopReason }));
  }
}

// The one training loop. A step: gather its micro-batches, count what they train, differentiate each with the scale of the
// whole step, clip, update, read all scalars once. Methods bring the loss; engines bring the gradients. Where rows train several
// adapters, each loss is divided by its adapter's own count, so that each adapter comes out as if it had been trained alone.
import * as tf from '@tensorflow/tfjs-core';
import { BatchSampler, bucketsUpTo, type SamplerState } from '../data/buckets';
import { collatePacked, type TokenRow } from '../data/collate';
import { ConfigError, DataError } from '../lib/errors';
import type { DeviceScalar, LossFn, ModelEngine, NamedTensorMap, OptimizerState } from '../nn/seam';
import type { Batch } from '../protocol/batch';
import type { MetricPoint, SampleGeneration, StopReason } from '../protocol/run';
import { lossByAdapter, rowsByAdapter } from './lossByAdapter';
import { type ScheduleName, scheduleFactor, warmupSteps } from './schedule';
import type { Trainer } from './trainer';

/** The settings that every method shares, in TRL's names. */
export interface LoopArgs {
  learning_rate: number;
  per_device_train_batch_size: number;
  per_device_eval_batch_size: number;
  gradient_accumulation_steps: number;
  max_steps: number;
  num_train_epochs: number;
  lr_scheduler_type: ScheduleName;
  warmup_ratio: number;
  warmup_steps: number;
  weight_decay: number;
  adam_beta1: number;
  adam_beta2: number;
  adam_epsilon: number;
  max_grad_norm: number;
  max_length: number;
  eval_steps: number;
  generate_steps: number;
  logging_steps: number;
}

/** A training row: one sample, or several that packing put together. */
export type RowGroup = readonly TokenRow[];

/**
 * log p of each target under the reference model, nats, [B·T] of the batch; 0 where nothing is read. `temperature` divides its
 * logits, 1 unless given.
 */
export type Reference = (batch: Batch, options?: { temperature: number }) => Promise<Float32Array>;

export interface TrainingOptions {
  engine: ModelEngine;
  trainer: Trainer;
  args: LoopArgs & { [key: string]: unknown };
  /** Items one after the other, each of trainer.rowsPerItem rows. */
  train: readonly RowGroup[];
  eval: readonly TokenRow[];
  /** Asked for each batch, where the loss reads a reference model. */
  reference?: Reference;
  seed: number;
  /** Milliseconds; only tokens_per_second depends on it. */
  now: () => number;
  /** Awaited between micro-batches, so that chat and inspection get their turn. */
  yieldToOthers?: () => Promise<void>;
  /** Answers to the fixed prompts, asked for every generate_steps. */
  generate?: (step: number) => Promise<SampleGeneration[]>;
  /**
   * Send forward and backward of the next step while the numbers of the last one are on their way back, so that the device
   * need not wait for the host. The weights come out the same. False by default: without a device of its own nothing is gained.
   */
  sendAhead?: boolean;
}

export interface StepReport {
  points: MetricPoint[];
  generations: SampleGeneration[];
  /** Tokens read in this step. */
  tokens: number;
  /** The run is to end here. */
  stop?: StopReason;
}

/** All that the loop needs to go on, beside weights and moments; plain JSON. */
export interface LoopState {
  step: number;
  sampler: SamplerState;
  numTokens: number;
  /** The measurements before the first step were asked for. */
  hasStarted: boolean;
  /** Measurements at this step that were put off, because the run was paused or stopped meanwhile. */
  due?: Due;
  /** Sums since the last logged point. */
  pending: Pending;
}
/** A part, and its micro-batch's place in the step. */
type PlacedPart = Part & { i: number };
/** Micro-batches whose gradients are being gathered. */
interface Sent {
  batches: Batch[];
  /** Of each micro-batch, the parts whose losses were divided apart: the adapters with rows in it, or the whole of it. */
  parts: Part[][];
  scalars: Record<string, DeviceScalar>;
  /** Before its batches were drawn. */
  before: SamplerState;
}
interface Part {
  /** Ends the names of its sums and metrics: `/<adapter>`, or nothing. */
  suffix: string;
  /** Denominators of its sums. */
  counts: Record<string, number>;
}
interface Due {
  evaluation: boolean;
  generation: boolean;
}
interface Pending {
  steps: number;
  microBatches: number;
  loss: number;
  metrics: Record<string, number>;
  tokens: number;
  ms: number;
  /** Of several adapters, those that had rows. */
  adapters?: Record<string, { steps: number; loss: number; gradNorm: number }>;
}
export interface LoopCheckpoint {
  step: number;
  /** What is trained: all weights, or the adapters. */
  weights: NamedTensorMap;
  optimizer: OptimizerState;
  state: LoopState;
}

const emptyPending = (): Pending => ({ steps: 0, microBatches: 0, loss: 0, metrics: {}, tokens: 0, ms: 0 });
/** Tokens of a batch, padding not counted. */
export const realTokens = (batch: Batch): number => batch.segmentIds.reduce((n, segment) => n + (segment ? 1 : 0), 0);
const groupLength = (group: RowGroup): number => group.reduce((sum, row) => sum + row.ids.length, 0);
function inItems<X>(rows: readonly X[], size: number): X[][] {
  const items: X[][] = [];
  for (let at = 0; at < rows.length; at += size) items.push(rows.slice(at, at + size));
  return items;
}

export class TrainingRun {
  step = 0;
  readonly maxSteps: number;
  private readonly warmup: number;
  /** Of rows that name none: the engine's at the start, as who reads it between steps may set another. */
  private readonly route: number;
  private readonly items: RowGroup[][];
  private sampler: BatchSampler;
  private numTokens = 0;
  private hasStarted = false;
  private due: Due = { evaluation: false, generation: false };
  private pending = emptyPending();
  /** The next step's, which no update has used. */
  private ahead?: Sent;

  /** Continues from `resumeFrom` when given; the engine must then already hold its weights and moments. */
  constructor(
    private readonly options: TrainingOptions,
    resumeFrom?: LoopState,
  ) {
    const { args, train } = options;
    this.route = options.engine.activeRoute;
    this.items = inItems(train, this.rowsPerItem);
    if (train.length === 0) throw new DataError('There is no row to train on. Choose another dataset or split.');
    this.sampler = this.samplerAt(resumeFrom?.sampler);
    const perEpoch = Math.ceil(this.sampler.batchesPerEpoch / args.gradient_accumulation_steps);
    if (args.max_steps === 0) throw new ConfigError('max_steps must be above 0, or −1 to count epochs, got 0.');
    this.maxSteps = args.max_steps > 0 ? args.max_steps : Math.ceil(args.num_train_epochs * perEpoch);
    this.warmup = warmupSteps(args, this.maxSteps);
    if (resumeFrom) {
      this.step = resumeFrom.step;
      this.numTokens = resumeFrom.numTokens;
      this.hasStarted = resumeFrom.hasStarted;
      if (resumeFrom.due) this.due = { ...resumeFrom.due };
      this.pending = structuredClone(resumeFrom.pending);
    }
  }

  private samplerAt(state?: SamplerState): BatchSampler {
    const { args, seed } = this.options;
    const options = {
      batchSize: args.per_device_train_batch_size,
      seed,
      megaBatches: 8 * args.gradient_accumulation_steps,
    };
    const lengths = this.items.map((item) => Math.max(...item.map(groupLength)));
    return new BatchSampler(lengths, options, state);
  }
  /** Where the last finished step left the sampler. */
  private position(): SamplerState {
    return this.ahead?.before ?? this.sampler.state();
  }
  get epoch(): number {
    const { epoch, batch } = this.position();
    return epoch + batch / this.sampler.batchesPerEpoch;
  }

  /**
   * One optimizer step and what is due after it (before the first step: the measurements of the untrained model).
   * Throws ConfigError when loss or gradient is not finite; the update is then left out and the step does not count.
   * Measurements that `isInterrupted` cuts short are made at the next call, before its step; then there may be no step.
   */
  async trainStep(isInterrupted: () => boolean = () => false): Promise<StepReport> {
    const { args, engine, now } = this.options;
    const report: StepReport = { points: [], generations: [], tokens: 0 };
    if (!this.hasStarted) {
      this.due = { evaluation: true, generation: true };
      this.hasStarted = true;
    }
    if (!(await this.measure(report, isInterrupted))) return report;
    const started = now();
    const sent = this.ahead ?? (await this.send());
    this.ahead = undefined;
    const { batches, parts, scalars } = sent;
    const learning_rate =
      args.learning_rate * scheduleFactor(args.lr_scheduler_type, this.step, this.warmup, this.maxSteps);
    const { gradNorm, gradNorms = {} } = await engine.applyGradients({ ...args, learning_rate });
    const ownNorms = Object.entries(gradNorms).map(([name, norm]) => [`gradNorm/${name}`, norm]);
    const reading = engine.read({ ...scalars, gradNorm, ...Object.fromEntries(ownNorms) });
    const due = this.dueAfter(this.step + 1);
    const isAhead = this.options.sendAhead && !due.evaluation && !due.generation && !isInterrupted();
    const [read, ahead] = await Promise.all([reading, isAhead ? this.sendAhead() : undefined]);
    this.ahead = ahead;
    const all = parts.flatMap((own, i) => own.map((part) => ({ ...part, i })));
    const loss = meanLoss(all, read);
    if (!Number.isFinite(loss) || !Number.isFinite(read.gradNorm)) {
      this.dropAhead();
      this.sampler = this.samplerAt(sent.before);
      const what = Number.isFinite(loss) ? `grad_norm is ${read.gradNorm}` : `loss is ${loss}`;
      throw new ConfigError(
        `The ${what} at step ${this.step + 1}: training has diverged and was stopped; the last good weights are kept. Lower learning_rate (now ${args.learning_rate}), lengthen the warm-up, or set max_grad_norm to 1.`,
        { where: `step ${this.step + 1}` },
      );
    }
    report.tokens = batches.reduce((sum, batch) => sum + realTokens(batch), 0);
    this.step++;
    this.numTokens += report.tokens;
    const { pending } = this;
    pending.steps++;
    pending.microBatches += batches.length;
    pending.loss += loss;
    pending.tokens += report.tokens;
    pending.ms += now() - started;
    // A micro-batch's metrics are means over its tokens, whatever adapter they train.
    parts.forEach((own, i) => {
      const whole = own.reduce((sum, { counts }) => sum + counts.loss!, 0);
      for (const { suffix, counts } of own)
        for (const [key, value] of Object.entries(read)) {
          const start = `${i}/metrics/`;
          if (!key.startsWith(start) || !key.endsWith(suffix)) continue;
          const name = key.slice(start.length, key.length - suffix.length);
          const share = own.length === 1 ? 1 : counts.loss! / Math.max(whole, 1);
          pending.metrics[name] = (pending.metrics[name] ?? 0) + value * share;
        }
    });
    this.takeAdapters(all, read);
    if (this.step % args.logging_steps === 0 || this.step >= this.maxSteps)
      report.points.push(this.takePoint({ grad_norm: read.gradNorm!, learning_rate }));
    this.due = due;
    await this.measure(report, isInterrupted);
    return report;
  }
  /** Losses and norms of each of several adapters, over the steps in which it had rows: what it would log alone. */
  private takeAdapters(all: readonly PlacedPart[], read: Record<string, number>): void {
    if (!this.isShared) return;
    const { pending } = this;
    pending.adapters ??= {};
    for (const name of new Set(all.map(({ suffix }) => suffix.slice(1)))) {
      const own = all.filter(({ suffix }) => suffix === `/${name}`);
      const before = pending.adapters[name] ?? { steps: 0, loss: 0 };
      pending.adapters[name] = {
        steps: before.steps + 1,
        loss: before.loss + meanLoss(own, read),
        gradNorm: read[`gradNorm/${name}`] ?? 0,
      };
    }
  }
  private dueAfter(step: number): Due {
    const { eval_steps, generate_steps } = this.options.args;
    const isDue = (steps: number) => step >= this.maxSteps || (steps > 0 && step % steps === 0);
    return { evaluation: isDue(eval_steps), generation: isDue(generate_steps) };
  }
  /** Forward and backward of the next step's micro-batches. */
  private async send(): Promise<Sent> {
    const { args, trainer, engine } = this.options;
    const before = this.sampler.state();
    const batches = this.nextBatches();
    for (const batch of batches) await this.refer(batch);
    const losses: LossFn[] = [];
    const parts: Part[][] = batches.map((batch) => {
      if (!this.isShared) {
        losses.push(trainer.loss(batch, args, engine.config));
        return [{ suffix: '', counts: trainer.counts(batch, args) }];
      }
      const own = rowsByAdapter(batch, this.names);
      losses.push(lossByAdapter(own, (rows) => trainer.loss(rows, args, engine.config)));
      return own.map((one) => ({ suffix: `/${one.adapter}`, counts: trainer.counts(one.batch, args) }));
    });
    // The tokens of the whole step, of each adapter for itself where there are several.
    const named = parts
      .flat()
      .map(({ suffix, counts }) =>
        Object.fromEntries(Object.entries(counts).map(([name, n]) => [`${name}${suffix}`, n])),
      );
    const scale = scaleOf(addUp(named));
    const scalars: Record<string, DeviceScalar> = {};
    for (const [i, batch] of batches.entries()) {
      if (i > 0) await this.options.yieldToOthers?.();
      const { sums, metrics } = await engine.step(batch, losses[i]!, {
        want: trainer.want,
        scale,
        options: { gradient_checkpointing: args.gradient_checkpointing === true, head: trainer.head },
      });
      for (const [name, sum] of Object.entries(sums)) scalars[`${i}/sums/${name}`] = sum;
      for (const [name, metric] of Object.entries(metrics)) scalars[`${i}/metrics/${name}`] = metric;
    }
    return { batches, parts, scalars, before };
  }
  /** What fails here fails again when it is that step's turn, and is told then: the step before it is done and counts. */
  private async sendAhead(): Promise<Sent | undefined> {
    const before = this.sampler.state();
    try {
      return await this.send();
    } catch {
      this.options.engine.clearGradients();
      this.sampler = this.samplerAt(before);
      return undefined;
    }
  }
  /** Gradients of a step that shall not be taken, as when the run ends before it. */
  dropAhead(): void {
    if (!this.ahead) return;
    this.options.engine.clearGradients();
    for (const scalar of Object.values(this.ahead.scalars)) if (scalar instanceof tf.Tensor) scalar.dispose();
    this.ahead = undefined;
  }
  /** What is left to be measured after the last step. */
  async finish(): Promise<StepReport> {
    const report: StepReport = { points: [], generations: [], tokens: 0 };
    await this.measure(report, () => false);
    return report;
  }

  private get rowsPerItem(): number {
    const { trainer, args } = this.options;
    return trainer.rowsPerItem?.(args) ?? 1;
  }
  /** Whether rows train several adapters. */
  private get isShared(): boolean {
    return this.names.length > 1;
  }
  private get names(): string[] {
    return this.options.engine.adapters.map(({ name }) => name);
  }
  private routeOf(group: RowGroup): number {
    return group[0]?.route ?? this.route;
  }
  private collation() {
    return { buckets: bucketsUpTo(this.options.args.max_length), route: this.route };
  }
  /** What the reference model says of the batch, unless its rows have brought it. */
  private async refer(batch: Batch): Promise<void> {
    const { reference } = this.options;
    if (!reference || batch.tokenValues?.refLogps) return;
    batch.tokenValues = { ...batch.tokenValues, refLogps: await reference(batch) };
  }
  /** The micro-batches of one step; the last step of an epoch may have fewer, as in transformers. */
  private nextBatches(): Batch[] {
    const { args } = this.options;
    const batches: Batch[] = [];
    do {
      const items = this.sampler.nextBatch().map((i) => this.items[i]!);
      // Rows of one adapter stand together: rowsByAdapter.
      if (this.isShared) items.sort((a, b) => this.routeOf(a[0]!) - this.routeOf(b[0]!));
      batches.push(collatePacked(items.flat(), this.collation()));
    } while (
      batches.length < args.gradient_accumulation_steps &&
      this.sampler.state().batch < this.sampler.batchesPerEpoch
    );
    return batches;
  }

  /** Means since the last point, as transformers' Trainer logs them. */
  private takePoint(now: { grad_norm: number; learning_rate: number }): MetricPoint {
    const { steps, microBatches, loss, metrics, tokens, ms, adapters = {} } = this.pending;
    const means = Object.entries(metrics).map(([name, sum]) => [name, sum / microBatches]);
    const own = Object.entries(adapters).flatMap(([name, one]) => [
      [`loss/${name}`, one.loss / one.steps],
      [`grad_norm/${name}`, one.gradNorm],
    ]);
    this.pending = emptyPending();
    return {
      step: this.step,
      epoch: this.epoch,
      loss: loss / steps,
      ...Object.fromEntries(means),
      ...now,
      ...Object.fromEntries(own),
      num_tokens: this.numTokens,
      ...(ms > 0 && { tokens_per_second: (tokens / ms) * 1000 }),
    };
  }

  /** False when it was interrupted; what is missing stays due. */
  private async measure(report: StepReport, isInterrupted: () => boolean): Promise<boolean> {
    const { eval: rows, generate } = this.options;
    if (this.due.evaluation && rows.length) {
      const metrics = await this.evaluate(rows, isInterrupted);
      if (!metrics) return false;
      report.points.push({ step: this.step, epoch: this.epoch, ...metrics });
    }
    this.due.evaluation = false;
    if (this.due.generation && generate) {
      if (isInterrupted()) return false;
      report.generations.push(...(await generate(this.step)));
    }
    this.due.generation = false;
    return true;
  }

  /**
   * Loss and metrics over all trained tokens of the rows (TRL averages over batches instead, so its value moves with the batch
   * size); undefined when it was interrupted.
   */
  private async evaluate(
    rows: readonly TokenRow[],
    isInterrupted: () => boolean,
  ): Promise<Record<string, number> | undefined> {
    const { args, engine, trainer } = this.options;
    const longest = (item: readonly TokenRow[]) => Math.max(...item.map((row) => row.ids.length));
    const sorted = inItems(rows, this.rowsPerItem).sort((a, b) => longest(a) - longest(b));
    const size = args.per_device_eval_batch_size;
    const metrics = new Means();
    const losses = new Map<string, Means>();
    // Items of several adapters are measured apart, so that each has its loss beside that of all.
    const routes = this.isShared
      ? [...new Set(sorted.map(([row]) => this.routeOf([row!])))].sort((a, b) => a - b)
      : [undefined];
    for (const route of routes) {
      const own = route === undefined ? sorted : sorted.filter(([row]) => this.routeOf([row!]) === route);
      const names = route === undefined ? ['loss'] : ['loss', `loss/${this.names[route] ?? 'base'}`];
      for (let start = 0; start < own.length; start += size) {
        if (isInterrupted()) return undefined;
        const groups = own.slice(start, start + size).flatMap((item) => item.map((row) => [row]));
        const batch = collatePacked(groups, this.collation());
        await this.refer(batch);
        const counts = trainer.counts(batch, args);
        const outputs = await engine.evaluate(batch, { want: trainer.want, options: { head: trainer.head } });
        const scalars: Record<string, tf.Scalar> = tf.tidy(() => {
          const out = trainer.loss(batch, args, engine.config)(outputs);
          const named = (kind: 'sums' | 'metrics') =>
            Object.entries(out[kind]).map(([name, x]) => [`${kind}/${name}`, x]);
          return Object.fromEntries([...named('sums'), ...named('metrics')]);
        });
        tf.dispose(outputs as unknown as tf.TensorContainer);
        const read = await engine.read(scalars);
        for (const [key, value] of Object.entries(read)) {
          const [kind, name] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)];
          // Losses are sums already; metrics are means over the batch's tokens or pairs.
          if (kind === 'metrics') metrics.add(name, value * counts.loss!, counts.loss!);
          else
            for (const loss of names) {
              if (!losses.has(loss)) losses.set(loss, new Means());
              losses.get(loss)!.add(name, value, counts[name]!);
            }
        }
        await this.options.yieldToOthers?.();
      }
    }
    const all = [...losses].map(
      ([name, sums]) => [name, Object.values(sums.means()).reduce((a, b) => a + b, 0)] as const,
    );
    return Object.fromEntries(
      [...all, ...Object.entries(metrics.means())].map(([name, value]) => [`eval_${name}`, value]),
    );
  }

  state(): LoopState {
    return {
      step: this.step,
      sampler: this.position(),
      numTokens: this.numTokens,
      hasStarted: this.hasStarted,
      due: { ...this.due },
      pending: structuredClone(this.pending),
    };
  }
  async checkpoint(): Promise<LoopCheckpoint> {
    const { engine } = this.options;
    const weights = await engine.exportTrained();
    return { step: this.step, weights, optimizer: await engine.exportOptimizer(), state: this.state() };
  }
}

/** What a sum is multiplied by, from its count. */
export const scaleOf = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, 1 / Math.max(n, 1)]));
export function addUp(counts: Record<string, number>[]): Record<string, number> {
  const out: Record<string, number> = {};
  for (const count of counts) for (const [name, n] of Object.entries(count)) out[name] = (out[name] ?? 0) + n;
  return out;
}
/** Of a step, or of one adapter's part in it: each sum over its own count, added up. */
function meanLoss(parts: readonly PlacedPart[], read: Record<string, number>): number {
  const counts = addUp(parts.map((part) => part.counts));
  let loss = 0;
  for (const [name, scale] of Object.entries(scaleOf(counts)))
    for (const { i, suffix } of parts) loss += (read[`${i}/sums/${name}${suffix}`] ?? 0) * scale;
  return loss;
}
/** Means of named values over batches of unlike size. */
export class Means {
  private readonly totals = new Map<string, [sum: number, count: number]>();
  add(name: string, sum: number, count: number): void {
    const [a, n] = this.totals.get(name) ?? [0, 0];
    this.totals.set(name, [a + sum, n + count]);
  }
  means(): Record<string, number> {
    return Object.fromEntries([...this.totals].map(([name, [sum, n]]) => [name, sum / Math.max(n, 1)]));
  }
}

// The loop of online methods: draw completions, score them, make advantages, take a few optimizer steps on them, and again. `step`
// counts optimizer steps. A checkpoint holds the rollout in hand as plain JSON, so a resumed run goes on in the middle of it.
// Departs from TRL's PPOTrainer: its global_step counts rollouts, ours optimizer steps as everywhere; several micro-batches of a
// step are averaged over all their tokens, where it averages their means; the value model is clipped and updated for itself.
import { BatchSampler, type SamplerState } from '../../data/buckets';
import { CancelledError, ConfigError, DataError } from '../../lib/errors';
import { Rng } from '../../lib/rng';
import type { DeviceScalar, ModelEngine, NamedTensorMap, OptimizerState } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import type { DrawnGroup } from '../../protocol/drawnGroup';
import type { MetricPoint, SampleGeneration } from '../../protocol/run';
import { addUp, type LoopCheckpoint, realTokens, type StepReport, scaleOf } from '../loop';
import { scheduleFactor, warmupSteps } from '../schedule';
import { nextKlCoef } from './klController';
import type { BufferRow, OnlineArgs, OnlinePrompt, OnlineTrainer } from './onlineTrainer';
import { addRollout, addStep, emptyPending, type Pending, pendingPoint } from './pendingPoint';
import { drawRollout, Interruption, type RolloutContext } from './rollout';
import { rolloutBatch } from './rolloutBatch';
import { DRAWN_KL, rolloutMetrics } from './rolloutMetrics';
import type { RolloutPlan } from './rolloutPlan';

export interface OnlineOptions extends RolloutContext {
  /** The value model, with the head `value`; needed by methods that have one. */
  values?: ModelEngine;
  trainer: OnlineTrainer;
  args: OnlineArgs & { [key: string]: unknown };
  train: readonly OnlinePrompt[];
  eval: readonly OnlinePrompt[];
  seed: number;
  /** Milliseconds. */
  now: () => number;
  yieldToOthers?: () => Promise<void>;
  /** Answers to the fixed prompts, asked for every generate_steps. */
  generate?: (step: number) => Promise<SampleGeneration[]>;
}

interface Due {
  evaluation: boolean;
  generation: boolean;
}
/** All that the loop needs to go on, beside weights and moments; plain JSON. */
export interface OnlineState {
  kind: 'online';
  step: number;
  /** Rollouts drawn. */
  iteration: number;
  /** Optimizer steps taken on the one in hand. */
  used: number;
  buffer: BufferRow[];
  /** Of the prompts, after the rollout in hand was drawn. */
  sampler: SamplerState;
  klCoef: number;
  numTokens: number;
  /** Updates of the value model. */
  valueUpdates: number;
  hasStarted: boolean;
  due: Due;
  pending: Pending;
}

const VALUE_PREFIX = 'value_model/';
/** Draws of held-out prompts, apart from those of training. */
const EVAL_STREAM = 'online evaluation';

export class OnlineRun {
  step = 0;
  readonly maxSteps: number;
  private readonly plan: RolloutPlan;
  private readonly warmup: number;
  private sampler: BatchSampler;
  private iteration = 0;
  private used = 0;
  private buffer: BufferRow[] = [];
  private klCoef: number;
  private numTokens = 0;
  private valueUpdates = 0;
  private hasStarted = false;
  private due: Due = { evaluation: false, generation: false };
  private pending = emptyPending();

  /**
   * Continues from `resumeFrom` when given; the engines must then already hold their weights and moments (restoreValues). Throws
   * ConfigError for settings that cannot be shared out, DataError for too few prompts.
   */
  constructor(
    private readonly options: OnlineOptions,
    resumeFrom?: OnlineState,
  ) {
    const { args, trainer, train, values } = options;
    this.plan = trainer.plan(args);
    if (trainer.value && !values) throw new ConfigError(`${trainer.id} needs a value model, and none was made.`);
    if (train.length < this.promptsPerRollout)
      throw new DataError(
        `A rollout of ${this.plan.rows} completions, ${args.num_generations} a prompt, needs ${this.promptsPerRollout} prompts, and there are ${train.length}. Add rows, or lower per_device_train_batch_size.`,
      );
    this.sampler = this.samplerAt(resumeFrom?.sampler);
    if (args.max_steps === 0) throw new ConfigError('max_steps must be above 0, or −1 to count epochs, got 0.');
    const perEpoch = this.sampler.batchesPerEpoch * this.stepsPerRollout;
    this.maxSteps = args.max_steps > 0 ? args.max_steps : Math.ceil(args.num_train_epochs * perEpoch);
    this.warmup = warmupSteps(args, this.maxSteps);
    this.klCoef = trainer.klCoef(args);
    if (resumeFrom) {
      const { step, iteration, used, buffer, klCoef, numTokens, valueUpdates, hasStarted, due, pending } =
        structuredClone(resumeFrom);
      Object.assign(this, { step, iteration, used, buffer, klCoef, numTokens, valueUpdates, hasStarted, due, pending });
    }
  }

  private get promptsPerRollout(): number {
    return this.plan.rows / this.options.args.num_generations;
  }
  private get stepsPerRollout(): number {
    return this.plan.passes * this.plan.stepsPerPass;
  }
  private samplerAt(state?: SamplerState): BatchSampler {
    const { train, seed } = this.options;
    // Length does not matter, so prompts come in any order; a last, smaller batch is left out, as in TRL's RepeatSampler.
    const options = { batchSize: this.promptsPerRollout, seed, megaBatches: 0, dropLast: true };
    return new BatchSampler(
      train.map(({ ids }) => ids.length),
      options,
      state,
    );
  }
  /** Passes over the prompts: those of the rollout in hand count as its steps are taken. */
  get epoch(): number {
    const rollouts = Math.max(0, this.iteration - 1) + (this.iteration > 0 ? this.used / this.stepsPerRollout : 0);
    return rollouts / this.sampler.batchesPerEpoch;
  }

  /**
   * One optimizer step, with a rollout before it where the last one is used up, and what is due after it. What `isInterrupted`
   * cuts short, between two tokens or two micro-batches, is begun anew at the next call and comes out the same; then there may be
   * no step. Throws ConfigError when loss or gradient is not finite: the step then does not count, and the policy is as it was.
   */
  async trainStep(isInterrupted: () => boolean = () => false): Promise<StepReport> {
    const report: StepReport = { points: [], generations: [], tokens: 0 };
    const interruption = new Interruption(isInterrupted, this.options.yieldToOthers);
    if (!this.hasStarted) this.due = { evaluation: true, generation: true };
    this.hasStarted = true;
    try {
      await this.measure(report, interruption);
      if (this.buffer.length === 0 || this.used >= this.stepsPerRollout) await this.rollOut(interruption);
      await this.update(report, interruption);
      await this.measure(report, interruption);
    } catch (error) {
      // Anybody else's CancelledError is not ours to keep.
      if (!(error instanceof CancelledError) || !interruption.signal.aborted) throw error;
    }
    return report;
  }
  /** What is left to be measured after the last step. */
  async finish(): Promise<StepReport> {
    const report: StepReport = { points: [], generations: [], tokens: 0 };
    await this.measure(report, new Interruption(() => false, this.options.yieldToOthers));
    return report;
  }
  /** Nothing is sent ahead: the next rollout needs the weights of this step. */
  dropAhead(): void {
    this.options.engine.clearGradients();
    this.options.values?.clearGradients();
  }

  /** A new rollout in the buffer. */
  private async rollOut(interruption: Interruption): Promise<void> {
    const { args, trainer, train, seed } = this.options;
    const before = this.sampler.state();
    try {
      const drawn = this.sampler.nextBatch();
      const indices = drawn.flatMap((i) => new Array<number>(args.num_generations).fill(i));
      const draw = new Rng(seed, 'rollout').fork(this.iteration).u32();
      const { rows, time } = await drawRollout(this.options, train, indices, { args, seed: draw, interruption });
      const metrics = this.metricsOf(rows);
      const shaped = trainer.shape({ rows, klCoef: this.klCoef }, args);
      this.buffer = rows.map(({ prompt, ids }, i) => ({ prompt, ids, ...shaped.rows[i]! }));
      this.used = 0;
      this.iteration++;
      addRollout(this.pending, { ...metrics, ...shaped.metrics, episode: this.episodes }, time);
      // How far the policy has gone shows in masked completions too.
      const kl = metrics[DRAWN_KL] ?? metrics['objective/kl'];
      const { kl_target: target, kl_horizon: horizon } = args;
      if (kl !== undefined && target > 0) this.klCoef = nextKlCoef(this.klCoef, kl, rows.length, { target, horizon });
    } catch (error) {
      this.sampler = this.samplerAt(before);
      throw error;
    }
  }
  private get episodes(): number {
    return this.iteration * this.plan.rows;
  }
  private metricsOf(rows: Parameters<typeof rolloutMetrics>[0]): Record<string, number> {
    const { args, trainer, rewards } = this.options;
    const names = rewards.map(({ name }) => name);
    const isMasked = trainer.isMasked?.(args);
    return rolloutMetrics(rows, { names, klCoef: this.klCoef, klEstimator: trainer.klEstimator(args), isMasked });
  }

  /**
   * `completions` of one prompt, drawn, scored and shared out as in a rollout that has no others; nothing of the run changes. Throws
   * ConfigError for a prompt that is not there, CancelledError when it is interrupted.
   */
  async drawGroup(
    index: number,
    { completions, seed, interruption }: { completions: number; seed: number; interruption: Interruption },
  ): Promise<DrawnGroup> {
    const { trainer, train, rewards } = this.options;
    const prompt = train[index];
    if (!prompt)
      throw new ConfigError(
        `There is no prompt ${index + 1}: the run draws from ${train.length}. Choose one of them.`,
        {
          where: 'index',
        },
      );
    const args = { ...this.options.args, num_generations: completions };
    const indices = new Array<number>(completions).fill(index);
    const { rows } = await drawRollout(this.options, train, indices, { args, seed, interruption });
    const shaped = trainer.shape({ rows, klCoef: this.klCoef }, args);
    return {
      prompt: prompt.text,
      index,
      prompts: train.length,
      step: this.step,
      klCoef: this.klCoef,
      klEstimator: trainer.klEstimator(args),
      functions: rewards.map(({ name, weight }) => ({ name, weight })),
      rows: rows.map(({ prompt: _index, oldLogps, ...row }, i) => {
        const { rowValues, tokenValues, isMasked } = shaped.rows[i]!;
        const { returns } = tokenValues;
        const advantages = rowValues.advantages ?? tokenValues.advantages!;
        return { ...row, logps: oldLogps, advantages, ...(returns && { returns }), ...(isMasked && { isMasked }) };
      }),
    };
  }

  /** The micro-batches of the next step: a part of the buffer in the order of its pass. */
  private nextBatches(): Batch[] {
    const { args, train, seed, route } = this.options;
    const { stepsPerPass, microRows, reshuffles } = this.plan;
    const pass = Math.floor(this.used / stepsPerPass);
    const rng = new Rng(seed, 'minibatches').fork(this.iteration).fork(reshuffles ? pass : 0);
    const size = this.buffer.length / stepsPerPass;
    const start = (this.used % stepsPerPass) * size;
    const rows = rng.shuffle(this.buffer).slice(start, start + size);
    const batches: Batch[] = [];
    for (let at = 0; at < rows.length; at += microRows)
      batches.push(rolloutBatch(rows.slice(at, at + microRows), train, { maxLength: args.max_length, route }));
    return batches;
  }

  private async update(report: StepReport, interruption: Interruption): Promise<void> {
    const { args, engine, trainer, values, now } = this.options;
    const started = now();
    const batches = this.nextBatches();
    const policy: Record<string, DeviceScalar> = {};
    const value: Record<string, DeviceScalar> = {};
    const counts = addUp(batches.map((batch) => trainer.counts(batch, args)));
    const valueCounts = addUp(batches.map((batch) => trainer.value?.counts(batch, args) ?? {}));
    try {
      for (const [i, batch] of batches.entries()) {
        if (i > 0) await interruption.check();
        const options = {
          temperature: args.temperature,
          gradient_checkpointing: args.gradient_checkpointing === true,
        };
        const scale = scaleOf(counts);
        const stepped = await engine.step(batch, trainer.loss(batch, args), { want: trainer.want, scale, options });
        gather(policy, i, stepped);
        if (!trainer.value || !values) continue;
        const plain = { ...batch, rowAdapter: new Int32Array(batch.B).fill(-1) };
        const valued = await values.step(plain, trainer.value.loss(plain, args), {
          want: ['hidden'],
          scale: scaleOf(valueCounts),
          options: { head: 'value' },
        });
        gather(value, i, valued);
      }
    } catch (error) {
      // The step is begun anew. Where clearing up fails too, the first error says why.
      const clearing = [() => this.dropAhead(), () => engine.drop(policy), () => values?.drop(value)];
      await Promise.allSettled(clearing.map(async (clear) => clear()));
      throw error;
    }
    const learning_rate =
      args.learning_rate * scheduleFactor(args.lr_scheduler_type, this.step, this.warmup, this.maxSteps);
    const adamw = { ...args, learning_rate };
    let read: Record<string, number>;
    let valueRead: Record<string, number> | undefined;
    if (trainer.value && values) {
      // Both models move, or neither: what either update would find is read before the first of them, and not again.
      policy.gradNorm = await engine.gradientNorm();
      value.gradNorm = await values.gradientNorm();
      [read, valueRead] = await readBoth([engine, values], [policy, value]);
      this.checkFinite(valueRead, valueCounts, 'value model’s ');
      this.checkFinite(read, counts, '');
      for (const model of [engine, values]) {
        const { gradNorm, gradNorms } = await model.applyGradients(adamw);
        model.drop({ ...gradNorms, gradNorm });
      }
    } else {
      const { gradNorm } = await engine.applyGradients(adamw);
      read = await engine.read({ ...policy, gradNorm });
      this.checkFinite(read, counts, '');
    }
    const loss = lossOf(read, counts) + (valueRead ? lossOf(valueRead, valueCounts) : 0);
    report.tokens = batches.reduce((sum, batch) => sum + realTokens(batch), 0);
    this.step++;
    this.used++;
    if (valueRead) this.valueUpdates++;
    this.numTokens += report.tokens;
    const { tokens } = report;
    addStep(
      this.pending,
      { ...read, ...valueRead },
      { loss, microBatches: batches.length, tokens, ms: now() - started },
    );
    if (this.step % args.logging_steps === 0 || this.step >= this.maxSteps) {
      const valueNorm = valueRead && { 'grad_norm/value_model': valueRead.gradNorm! };
      report.points.push(this.takePoint({ grad_norm: read.gradNorm!, learning_rate, ...valueNorm }));
    }
    this.due = this.dueAfter(this.step);
  }
  /** Throws ConfigError where a model's loss or gradient is not finite; the gradients of all are then dropped. */
  private checkFinite(read: Record<string, number>, counts: Record<string, number>, whose: string): void {
    const loss = lossOf(read, counts);
    if (Number.isFinite(loss) && Number.isFinite(read.gradNorm)) return;
    this.dropAhead();
    const what = Number.isFinite(loss) ? `grad_norm is ${read.gradNorm}` : `loss is ${loss}`;
    throw new ConfigError(
      `The ${whose}${what} at step ${this.step + 1}: training has diverged and was stopped; the last good weights are kept. Lower learning_rate (now ${this.options.args.learning_rate}), lengthen the warm-up, or set max_grad_norm to 1.`,
      { where: `step ${this.step + 1}` },
    );
  }
  private takePoint(now: Record<string, number>): MetricPoint {
    const { step, epoch, numTokens: num_tokens } = this;
    const point = pendingPoint(this.pending, { step, epoch, ...now, num_tokens });
    this.pending = emptyPending();
    return point;
  }

  private dueAfter(step: number): Due {
    const { eval_steps, generate_steps } = this.options.args;
    const isDue = (steps: number) => step >= this.maxSteps || (steps > 0 && step % steps === 0);
    return { evaluation: isDue(eval_steps), generation: isDue(generate_steps) };
  }
  /** Throws CancelledError when it is interrupted; what is missing stays due. */
  private async measure(report: StepReport, interruption: Interruption): Promise<void> {
    const { eval: prompts, generate } = this.options;
    if (this.due.evaluation && prompts.length > 0)
      report.points.push({ step: this.step, epoch: this.epoch, ...(await this.evaluate(interruption)) });
    this.due.evaluation = false;
    if (this.due.generation && generate) {
      await interruption.check();
      report.generations.push(...(await generate(this.step)));
    }
    this.due.generation = false;
  }
  /** One completion of each held-out prompt, drawn as in training and always with the same dice. */
  private async evaluate(interruption: Interruption): Promise<Record<string, number>> {
    const { args, seed, eval: prompts } = this.options;
    const indices = prompts.map((_, i) => i);
    const draw = new Rng(seed, EVAL_STREAM).u32();
    const { rows } = await drawRollout(this.options, prompts, indices, { args, seed: draw, interruption });
    const metrics = Object.entries(this.metricsOf(rows));
    return Object.fromEntries(metrics.map(([name, value]) => [`eval_${name}`, value]));
  }

  state(): OnlineState {
    const { step, iteration, used, buffer, klCoef, numTokens, valueUpdates, hasStarted, due, pending } = this;
    const sampler = this.sampler.state();
    const state = { step, iteration, used, buffer, klCoef, numTokens, valueUpdates, hasStarted, due, pending };
    return structuredClone({ kind: 'online' as const, sampler, ...state });
  }
  /** `weights` are the policy's alone; the value model, which only training needs, is with the moments. */
  async checkpoint(): Promise<Omit<LoopCheckpoint, 'state'> & { state: OnlineState }> {
    const { engine, values } = this.options;
    const optimizer = await engine.exportOptimizer();
    const tensors: NamedTensorMap = { ...optimizer.tensors };
    if (values) {
      const all = { ...(await values.exportTrained()), ...(await values.exportOptimizer()).tensors };
      for (const [name, tensor] of Object.entries(all)) tensors[VALUE_PREFIX + name] = tensor;
    }
    const weights = await engine.exportTrained();
    return { step: this.step, weights, optimizer: { ...optimizer, tensors }, state: this.state() };
  }
}

/** Gives the value model what a checkpoint kept of it. */
export async function restoreValues(
  values: ModelEngine,
  { tensors }: OptimizerState,
  { valueUpdates }: Pick<OnlineState, 'valueUpdates'>,
): Promise<void> {
  const own = Object.fromEntries(
    Object.entries(tensors).flatMap(([name, tensor]) =>
      name.startsWith(VALUE_PREFIX) ? [[name.slice(VALUE_PREFIX.length), tensor]] : [],
    ),
  );
  await values.importTrained(own);
  await values.importOptimizer({ tensors: own, step: valueUpdates });
}

interface Stepped {
  sums: Record<string, DeviceScalar>;
  metrics: Record<string, DeviceScalar>;
}
function gather(into: Record<string, DeviceScalar>, i: number, { sums, metrics }: Stepped): void {
  for (const [name, sum] of Object.entries(sums)) into[`${i}/sums/${name}`] = sum;
  for (const [name, metric] of Object.entries(metrics)) into[`${i}/metrics/${name}`] = metric;
}
/** What two models left on their device, in one readback by the one that can read both: kernels read tf ops, not the reverse. */
async function readBoth(
  engines: readonly [ModelEngine, ModelEngine],
  [first, second]: readonly [Record<string, DeviceScalar>, Record<string, DeviceScalar>],
): Promise<[Record<string, number>, Record<string, number>]> {
  const of = (side: string, scalars: Record<string, DeviceScalar>) =>
    Object.entries(scalars).map(([name, scalar]) => [`${side}:${name}`, scalar] as const);
  const all = [...of('first', first), ...of('second', second)];
  const reader = engines.find((engine) => all.every(([, scalar]) => engine.canRead(scalar)))!;
  const read = await reader.read(Object.fromEntries(all));
  const back = (side: string, scalars: Record<string, DeviceScalar>) =>
    Object.fromEntries(Object.keys(scalars).map((name) => [name, read[`${side}:${name}`]!]));
  return [back('first', first), back('second', second)];
}
/** Each sum of the step over its own count, added up. */
function lossOf(read: Record<string, number>, counts: Record<string, number>): number {
  let loss = 0;
  for (const [name, scale] of Object.entries(scaleOf(counts)))
    for (const [key, value] of Object.entries(read)) if (key.endsWith(`/sums/${name}`)) loss += value * scale;
  return loss;
}

// A training step taken apart on the device at hand: each kernel's time, counts, bytes, and the adapter's own peak.
import type { Command } from '../../gpu/replay';
import { KernelTimer } from '../../gpu/timing';
import { ConfigError } from '../../lib/errors';
import { initWeights } from '../../nn/init';
import { PRESETS, parameterShapes } from '../../nn/presets';
import type { GpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import type { LoraAdapter } from '../../nn/seam';
import { type KernelCost, type StepProfile, type StepShape, sizeProblems } from '../../protocol/engineReport';
import type { LlamaConfig } from '../../protocol/model';
import { measurePeak } from './peak';
import { benchBatch, median, sftStep } from './setup';

export interface Measuring {
  clock: () => number;
  signal: AbortSignal;
  /** Awaited between measurements, so that other work gets its turn. */
  yieldToOthers: () => Promise<void>;
  /** `name`: what is measured next, where that is worth telling. */
  progress?: (done: number, total: number, name?: string) => void;
}
/** Steps that are timed before the kernels, and again after them. */
const STEPS = 3;
/** Timings of each kernel and of the peak, in turn, so that a busy moment is not all of one of them. */
const ROUNDS = 3;
/** The adapters of a shape with a rank: on every linear layer. */
export const adaptersOf = ({ r }: StepShape): LoraAdapter[] =>
  r > 0 ? [{ name: 'profile', config: { r, lora_alpha: 2 * r, target_modules: ALL_LINEAR } }] : [];
const ALL_LINEAR = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

/** The preset with the shape's vocabulary. Throws ConfigError for what no model can have. */
export function configOf({ preset, B, T, vocab_size, r }: StepShape): LlamaConfig {
  const known = PRESETS[preset as keyof typeof PRESETS];
  if (!known)
    throw new ConfigError(`There is no preset "${preset}". Choose one of ${Object.keys(PRESETS).join(', ')}.`);
  const [problem] = Object.values(sizeProblems(preset, { B, T, vocab_size, r }));
  if (problem) throw new ConfigError(`${problem}.`);
  return { ...known, vocab_size, max_position_embeddings: Math.max(T, known.max_position_embeddings) };
}

/** Measures a step; with `isWhole` each of its kernels too. */
export async function profileStep(
  context: GpuContext & { adapter: string },
  shape: StepShape,
  isWhole: boolean,
  { clock, signal, yieldToOthers, progress }: Measuring,
): Promise<StepProfile> {
  const config = configOf(shape);
  const batch = benchBatch(shape.B, shape.T, config.vocab_size);
  const adapters = adaptersOf(shape);
  if (adapters.length > 0) batch.rowAdapter.fill(0);
  const opened = clock();
  const engine = new RecordedEngine(context, config, initWeights(config, 1), 'lm', adapters);
  try {
    await sftStep(engine, batch, clock);
    const firstStepMs = clock() - opened;
    const { counts } = context.runner;
    const [stepTimes, jsTimes]: number[][] = [[], []];
    let counted = { dispatches: 0, submits: 0, readbacks: 0, writtenBytes: 0 };
    const timeSteps = async () => {
      for (let i = 0; i < STEPS; i++) {
        signal.throwIfAborted();
        await yieldToOthers();
        const before = { ...counts };
        const started = clock();
        const { sentMs } = await sftStep(engine, batch, clock);
        stepTimes!.push(clock() - started);
        jsTimes!.push(sentMs);
        counted = {
          dispatches: counts.dispatches - before.dispatches,
          submits: counts.submits - before.submits,
          readbacks: counts.readbacks - before.readbacks,
          writtenBytes: counts.writtenBytes - before.writtenBytes,
        };
      }
    };
    await timeSteps();
    const parameters = [...parameterShapes(config).values()].reduce((n, s) => n + s.reduce((a, b) => a * b, 1), 0);
    const profile = async (): Promise<StepProfile> => ({
      shape,
      adapter: context.adapter,
      parameters,
      firstStepMs,
      stepMs: median(stepTimes!),
      jsMs: median(jsTimes!),
      ...counted,
      plannedBytes: await engine.plannedBytes(shape.B, shape.T),
      weightBytes: engine.weightBytes,
    });
    if (!isWhole) return await profile();
    const timer = new KernelTimer(context.device, clock);
    try {
      const commands = await engine.recordedStep(batch);
      const groups = grouped(commands);
      const times: number[][] = groups.map(() => []);
      const peaks: number[] = [];
      const total = ROUNDS * (groups.length + 1);
      for (let round = 0, done = 0; round < ROUNDS; round++) {
        for (const [i, { first }] of groups.entries()) {
          signal.throwIfAborted();
          // No turn for others here: their steps might replace the memory that these commands are bound to.
          times[i]!.push(await timer.time(first));
          progress?.(++done, total);
        }
        signal.throwIfAborted();
        peaks.push(await measurePeak(context.device, context.pipelines, timer));
        progress?.(++done, total);
      }
      const kernels = groups.map(
        ({ first, calls, sizes }, i): KernelCost => ({
          ...{ name: nameOf(first), calls, ms: median(times[i]!) * calls, flops: first.flops * calls },
          ...(sizes && { sizes }),
        }),
      );
      kernels.sort((a, b) => b.ms - a.ms);
      // Steps on both sides of the kernels: a machine that became busier in between shows in the median.
      await timeSteps();
      return { ...(await profile()), kernels, timing: timer.kind, peakGflops: median(peaks) };
    } finally {
      timer.dispose();
    }
  } finally {
    engine.dispose();
  }
}

/** A kernel that works without its residual or norm is named as one without. */
const nameOf = ({ kernel, written }: Command): string =>
  written?.bare ? kernel.name.replace(/ (residual|norm)(?= |$)/, '') : kernel.name;

/** Calls of one kernel with one grid take the same time: the first of each stands for all. */
function grouped(commands: readonly Command[]): { first: Command; calls: number; sizes?: string }[] {
  const groups = new Map<string, { first: Command; calls: number; sizes?: string }>();
  for (const command of commands) {
    const { m, n, k } = command.written ?? {};
    const sizes = m === undefined || n === undefined || k === undefined ? undefined : `${m}×${n}×${k}`;
    const key = `${command.kernel.wgsl}\n${command.grid.join()}\n${sizes}\n${command.written?.bare}`;
    const group = groups.get(key);
    if (group) group.calls++;
    else groups.set(key, { first: command, calls: 1, ...(sizes && { sizes }) });
  }
  return [...groups.values()];
}

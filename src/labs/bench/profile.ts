// A training step taken apart on the device at hand: each kernel's time, counts, bytes, and the adapter's own peak.
import type { Command } from '../../gpu/replay';
import { KernelTimer } from '../../gpu/timing';
import { ConfigError } from '../../lib/errors';
import { initWeights } from '../../nn/init';
import { PRESETS, parameterShapes } from '../../nn/presets';
import type { GpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import type { KernelCost, StepProfile, StepShape } from '../../protocol/engineReport';
import type { LlamaConfig } from '../../protocol/model';
import { measurePeak } from './peak';
import { benchBatch, sftStep } from './setup';

export interface Measuring {
  clock: () => number;
  signal: AbortSignal;
  /** Awaited between measurements, so that other work gets its turn. */
  yieldToOthers: () => Promise<void>;
  progress?: (done: number, total: number) => void;
}
const STEPS = 3;
const ALL_LINEAR = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

/** The preset with the shape's vocabulary. Throws ConfigError for what no model can have. */
export function configOf({ preset, B, T, vocab_size, r }: StepShape): LlamaConfig {
  const known = PRESETS[preset as keyof typeof PRESETS];
  if (!known)
    throw new ConfigError(`There is no preset "${preset}". Choose one of ${Object.keys(PRESETS).join(', ')}.`);
  const whole = (name: string, value: number, least: number, most: number) => {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new ConfigError(`${name} must be a whole number from ${least} to ${most}, got ${value}.`);
  };
  whole('Rows', B, 1, 256);
  whole('Tokens a row', T, 2, 4096);
  whole('The vocabulary', vocab_size, 16, 65_536);
  whole('r', r, 0, known.hidden_size / 2);
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
  const lora = shape.r > 0;
  if (lora) batch.rowAdapter.fill(0);
  const opened = clock();
  const engine = new RecordedEngine(context, config, initWeights(config, 1), 'lm', lora ? [{ name: 'profile', config: { r: shape.r, lora_alpha: 2 * shape.r, target_modules: ALL_LINEAR } }] : []); // biome-ignore format: one engine
  try {
    await sftStep(engine, batch, clock);
    const firstStepMs = clock() - opened;
    const { counts } = context.runner;
    let best = { stepMs: Number.POSITIVE_INFINITY, jsMs: Number.POSITIVE_INFINITY };
    let counted = { dispatches: 0, submits: 0, readbacks: 0, writtenBytes: 0 };
    for (let i = 0; i < STEPS; i++) {
      signal.throwIfAborted();
      await yieldToOthers();
      const before = { ...counts };
      const started = clock();
      const { sentMs } = await sftStep(engine, batch, clock);
      best = { stepMs: Math.min(best.stepMs, clock() - started), jsMs: Math.min(best.jsMs, sentMs) };
      counted = {
        dispatches: counts.dispatches - before.dispatches,
        submits: counts.submits - before.submits,
        readbacks: counts.readbacks - before.readbacks,
        writtenBytes: counts.writtenBytes - before.writtenBytes,
      };
    }
    const parameters = [...parameterShapes(config).values()].reduce((n, s) => n + s.reduce((a, b) => a * b, 1), 0);
    const profile: StepProfile = {
      shape,
      adapter: context.adapter,
      parameters,
      firstStepMs,
      ...best,
      ...counted,
      plannedBytes: await engine.plannedBytes(shape.B, shape.T),
      weightBytes: engine.weightBytes,
    };
    if (!isWhole) return profile;
    const timer = new KernelTimer(context.device, clock);
    try {
      const commands = await engine.recordedStep(batch);
      const groups = grouped(commands);
      let done = 0;
      const kernels: KernelCost[] = [];
      for (const { first, calls, sizes } of groups) {
        signal.throwIfAborted();
        // No turn for others here: their steps might replace the memory that these commands are bound to.
        const ms = (await timer.time(first)) * calls;
        kernels.push({ name: nameOf(first), calls, ms, flops: first.flops * calls, ...(sizes && { sizes }) });
        progress?.(++done, groups.length + 1);
      }
      kernels.sort((a, b) => b.ms - a.ms);
      const peakGflops = await measurePeak(context.device, context.pipelines, timer);
      progress?.(groups.length + 1, groups.length + 1);
      return { ...profile, kernels, timing: timer.kind, peakGflops };
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

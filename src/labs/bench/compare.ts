// The same training step in our engine, in our engine without a GPU, in plain tfjs and in jax-js, in turn on the person's own
// device.
import { onWasm } from '../../gpu/backend';
import { ConfigError, StudioError } from '../../lib/errors';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import type { GpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import type { BenchmarkReport, BenchmarkRow, StepShape } from '../../protocol/engineReport';
import { configOf, type Measuring } from './profile';
import { benchBatch, interleave, OPTIONS, sftStep } from './setup';
import { TfjsPlain } from './tfjsPlain';

/** Names of the works, ours first. */
export const NAMES = {
  ours: 'recorded engine',
  wasm: 'our engine on WebAssembly',
  tfjs: 'plain tfjs ops',
  jaxjs: 'jax-js 0.1.25, jitted',
} as const;

/**
 * Rounds of one step each, the first left out. A peer that cannot run here is named with its reason. Throws ConfigError for an
 * impossible shape.
 */
export async function compareEngines(
  context: GpuContext & { adapter: string },
  shape: StepShape,
  rounds: number,
  { clock, signal, yieldToOthers, progress }: Measuring,
): Promise<BenchmarkReport> {
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20)
    throw new ConfigError(`Rounds must be a whole number from 1 to 20, got ${rounds}.`);
  const config = configOf({ ...shape, r: 0 });
  const weights = initWeights(config, 1);
  const batch = benchBatch(shape.B, shape.T, config.vocab_size);
  const ours = new RecordedEngine(context, config, weights);
  const plain = new TfjsPlain(config, weights);
  const failures = new Map<string, string>();
  let wasm: TfEngine | undefined;
  try {
    wasm = await onWasm(async () => new TfEngine(config, weights));
  } catch (error) {
    failures.set('wasm', (error as Error).message);
  }
  let jax: { step: () => Promise<number>; dispose: () => void } | undefined;
  try {
    const { JaxjsLlama, startJax } = await import('./jaxjsLlama');
    await startJax('webgpu');
    const model = new JaxjsLlama(config, weights, OPTIONS);
    jax = { step: () => model.step(batch), dispose: () => model.dispose() };
  } catch (error) {
    failures.set('jaxjs', (error as Error).message);
  }
  const works = {
    ours: () => sftStep(ours, batch, clock),
    wasm: async () => {
      const engine = wasm;
      if (engine) await onWasm(() => sftStep(engine, batch, clock));
    },
    tfjs: () => plain.step(batch, OPTIONS),
    jaxjs: async () => {
      if (!jax) return;
      try {
        await jax.step();
      } catch (error) {
        failures.set('jaxjs', (error as Error).message);
        jax = undefined;
      }
    },
  };
  let done = 0;
  try {
    const times = await interleave(works, rounds, clock, async () => {
      progress?.(++done, (rounds + 1) * Object.keys(NAMES).length);
      signal.throwIfAborted();
      await yieldToOthers();
    });
    const rows = (Object.keys(NAMES) as (keyof typeof NAMES)[]).map((key): BenchmarkRow => {
      const failure = failures.get(key);
      return { name: NAMES[key], ms: failure ? [] : times[key], ...(failure && { failure }) };
    });
    return { adapter: context.adapter, shape, rows };
  } catch (error) {
    if (error instanceof StudioError || signal.aborted) throw error;
    throw new StudioError('internal', `The benchmark stopped: ${(error as Error).message}`);
  } finally {
    ours.dispose();
    wasm?.dispose();
    plain.dispose();
    jax?.dispose();
  }
}

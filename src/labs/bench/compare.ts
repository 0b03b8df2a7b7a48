// The same training step in our engine, in our engine without a GPU, in plain tfjs and in jax-js, in turn on the person's own
// device.
import { largestBuffer } from '../../gpu/allocation';
import { onWasm } from '../../gpu/backend';
import { ConfigError, DeviceError, StudioError } from '../../lib/errors';
import { sizeWords } from '../../lib/words';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import type { GpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import { tfStepMemory } from '../../nn/tfStepMemory';
import type { Batch } from '../../protocol/batch';
import type { BenchmarkReport, BenchmarkRow, StepShape } from '../../protocol/engineReport';
import type { LlamaConfig } from '../../protocol/model';
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

type Work = keyof typeof NAMES;
/** tfjs-wasm aborts for good where its heap of 4 GiB ends; what lies between tensors takes a tenth. */
const WASM_BYTES = 0.9 * 2 ** 32;

/**
 * What a step in stock ops cannot do on this device, in words, by work: stock ops keep all logits, all scores and all activations
 * of a feed-forward layer as one tensor each, and WebGPU binds no more than `most` bytes at once.
 */
export function peerRefusals(
  config: LlamaConfig,
  { B, T }: Pick<StepShape, 'B' | 'T'>,
  most: number,
  adapter: string,
): Partial<Record<Work, string>> {
  const { vocab_size, num_attention_heads, intermediate_size } = config;
  const tensors: [what: string, floats: number][] = [
    ['the logits of all tokens', B * T * vocab_size],
    ['the scores of all heads', B * num_attention_heads * T * T],
    ['a feed-forward layer', B * T * intermediate_size],
  ];
  const [what, floats] = tensors.reduce((a, b) => (b[1] > a[1] ? b : a));
  const words = `Not here: it keeps ${what} as one tensor of ${sizeWords(4 * floats)}, and ${adapter} binds at most ${sizeWords(most)} at once.`;
  const { weights, activations } = tfStepMemory(config, B, T);
  return {
    ...(4 * floats > most && { tfjs: words, jaxjs: words }),
    ...(weights + activations > WASM_BYTES && {
      wasm: `Not here: it needs ${sizeWords(weights + activations)}, and WebAssembly has 4 GiB.`,
    }),
  };
}

/** What WebGPU refuses would otherwise be told elsewhere, and the step be timed as if it had been taken. */
async function plainStep(device: GPUDevice, plain: TfjsPlain, batch: Batch): Promise<void> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let refused: (GPUError | null)[] = [];
  try {
    await plain.step(batch, OPTIONS);
  } finally {
    refused = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  }
  const error = refused.find((one) => one !== null);
  if (error instanceof GPUOutOfMemoryError) throw new DeviceError('The device ran out of memory.');
  if (error) throw new DeviceError('The GPU refused one of its commands.');
}

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
  const failures = new Map<Work, string>();
  const fails = (work: Work) => (error: unknown) => {
    failures.set(work, (error as Error).message);
    return undefined;
  };
  const tooLarge = peerRefusals(config, shape, largestBuffer(context.device), context.adapter);
  for (const [work, words] of Object.entries(tooLarge)) failures.set(work as Work, words);
  const wasm = failures.has('wasm')
    ? undefined
    : await onWasm(async () => new TfEngine(config, weights)).catch(fails('wasm'));
  let jax: { step: () => Promise<number>; dispose: () => void } | undefined;
  try {
    if (!failures.has('jaxjs')) {
      const { JaxjsLlama, startJax } = await import('./jaxjsLlama');
      await startJax('webgpu');
      const model = new JaxjsLlama(config, weights, OPTIONS);
      jax = { step: () => model.step(batch), dispose: () => model.dispose() };
    }
  } catch (error) {
    fails('jaxjs')(error);
  }
  const works = {
    ours: () => sftStep(ours, batch, clock),
    wasm: async () => {
      if (wasm && !failures.has('wasm')) await onWasm(() => sftStep(wasm, batch, clock)).catch(fails('wasm'));
    },
    tfjs: async () => {
      if (!failures.has('tfjs')) await plainStep(context.device, plain, batch).catch(fails('tfjs'));
    },
    jaxjs: async () => {
      if (jax && !failures.has('jaxjs')) await jax.step().catch(fails('jaxjs'));
    },
  };
  const order = Object.keys(NAMES) as Work[];
  const total = (rounds + 1) * order.length;
  let done = 0;
  try {
    progress?.(0, total, NAMES[order[0]!]);
    const times = await interleave(works, rounds, clock, async () => {
      done++;
      progress?.(done, total, done < total ? NAMES[order[done % order.length]!] : undefined);
      signal.throwIfAborted();
      await yieldToOthers();
    });
    const rows = order.map((key): BenchmarkRow => {
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

// One process of the first_step benchmark: a model is opened and takes its first step, with all pipelines compiled side by side,
// or (`each`) one by one, so that their cost is known. Prints one line of JSON.
import { startDawn } from './dawn';

export interface FirstStep {
  /** Seconds from opening the model to the numbers of its first step, and of a step after it. */
  firstS: number;
  stepS: number;
  /** Seconds of each pipeline, most expensive first; only when they were compiled one by one. */
  pipelines: [name: string, seconds: number][];
}

const gpu = await startDawn();
// tfjs-backend-webgpu looks for WebGPU when it is imported.
const { initBackend, isSoftwareAdapter } = await import('../../src/gpu/backend');
const { gpuContext } = await import('../../src/nn/recorded/context');
const { RecordedEngine } = await import('../../src/nn/recorded/engine');
const { PRESETS } = await import('../../src/nn/presets');
const { initWeights } = await import('../../src/nn/init');
const { benchBatch, sftStep } = await import('../../src/labs/bench/setup');

const clock = () => performance.now();
await initBackend({
  ...{ prefer: 'webgpu', gpu, wasmPath: '', now: clock },
  onGpuError: (message) => {
    throw new Error(message);
  },
});
const context = gpuContext(isSoftwareAdapter());
const pipelines: FirstStep['pipelines'] = [];
if (process.argv.includes('each')) {
  const compile = context.pipelines.compile.bind(context.pipelines);
  context.pipelines.compile = async (kernels) => {
    for (const kernel of new Map(kernels.map((kernel) => [kernel.wgsl, kernel])).values()) {
      const started = clock();
      await compile([kernel]);
      pipelines.push([kernel.name, (clock() - started) / 1000]);
    }
  };
}
const config = PRESETS.micro;
const weights = initWeights(config, 1);
const batch = benchBatch(8, 128, config.vocab_size);
const opened = clock();
const engine = new RecordedEngine(context, config, weights);
await sftStep(engine, batch, clock);
const firstS = (clock() - opened) / 1000;
let stepS = Number.POSITIVE_INFINITY;
for (let i = 0; i < 3; i++) {
  const started = clock();
  await sftStep(engine, batch, clock);
  stepS = Math.min(stepS, (clock() - started) / 1000);
}
pipelines.sort((a, b) => b[1] - a[1]);
const found: FirstStep = { firstS, stepS, pipelines };
console.log(JSON.stringify(found));
// Dawn's instance keeps the process alive.
process.exit(0);

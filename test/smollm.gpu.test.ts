// SmolLM2-135M's shape on the recorded engine, on a device with WebGPU's default limits: nothing binds more than 128 MiB at
// once, so it runs on phones too. Two layers always, all thirty under npm run test:full.
import { beforeAll, expect } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { KERNEL_FORMS } from '../src/gpu/kernels/forms';
import { baseBytes } from '../src/nn/loraPlan';
import { RecordedEngine } from '../src/nn/recorded/engine';
import { stepMemory } from '../src/nn/recorded/stepMemory';
import { smolTests } from './smollm';
import type { SmolFixture } from './smolWeights';

const DEFAULT_BINDING = 2 ** 27;
const urls = import.meta.glob<string>('./fixtures/smollm/*.json', { query: '?url', import: 'default', eager: true });

beforeAll(async () => {
  const gpu = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await navigator.gpu.requestAdapter(options);
      if (!adapter) return null;
      const requestDevice = ({ requiredFeatures }: GPUDeviceDescriptor) => adapter.requestDevice({ requiredFeatures });
      return { features: adapter.features, limits: adapter.limits, info: adapter.info, requestDevice };
    },
  } as unknown as GPU;
  const { largestBuffer } = await initBackend({ prefer: 'webgpu', gpu, wasmPath: '' });
  expect(largestBuffer).toBe(DEFAULT_BINDING);
});

const name = import.meta.env.STUDIO_FULL ? 'full' : 'twoLayers';
smolTests(
  async () => (await (await fetch(urls[`./fixtures/smollm/${name}.json`]!)).json()) as SmolFixture,
  async (given, B, T, adapters, quantization) => {
    const engine = given as RecordedEngine;
    expect(engine).toBeInstanceOf(RecordedEngine);
    const { config } = engine;
    const planned = stepMemory(config, B, T, KERNEL_FORMS(true), false, adapters);
    const base = baseBytes(config);
    const weights = planned.weights - (quantization ? base.f32 - base.nf4_double_quant : 0);
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    console.log(`${name}${quantization ? ' NF4' : ''}: weights ${mib(engine.weightBytes)} of ${mib(weights)} planned, activations ${mib(planned.activations)}, the largest tensor ${mib(planned.largest)}`); // biome-ignore format: one line
    expect(Math.abs(engine.weightBytes / weights - 1)).toBeLessThan(0.02);
    expect(await engine.plannedBytes(B, T)).toBe(planned.activations);
    expect(planned.largest).toBeLessThanOrEqual(DEFAULT_BINDING);
  },
  true,
);

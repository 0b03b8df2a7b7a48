// SmolLM2-135M's shape on WASM: two layers always, all thirty under npm run test:full.
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect } from 'vitest';
import { initNodeBackend } from '../src/gpu/node';
import { tfStepMemory } from '../src/nn/tfStepMemory';
import { smolTests } from './smollm';
import type { SmolFixture } from './smolWeights';

beforeAll(() => initNodeBackend('wasm'));
const name = process.env.STUDIO_FULL ? 'full' : 'twoLayers';
smolTests(
  async () => JSON.parse(readFileSync(`test/fixtures/smollm/${name}.json`, 'utf8')) as SmolFixture,
  async (engine, B, T, adapters) => {
    const planned = tfStepMemory(engine.config, B, T, adapters);
    const measured = tf.memory().numBytes;
    console.log(`${name}: planned ${Math.round(planned.weights / 2 ** 20)} MiB of weights, measured ${Math.round(measured / 2 ** 20)} MiB`); // biome-ignore format: one line
    expect(measured).toBeLessThan(1.05 * planned.weights);
    expect(measured).toBeGreaterThan(0.9 * planned.weights);
  },
  false,
);

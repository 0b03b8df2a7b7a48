// What is read of a batch leaves no tensor behind, also where the device fails.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { collate } from '../data/collate';
import { initNodeBackend } from '../gpu/node';
import { TfEngine } from './engine';
import { initWeights } from './init';
import { PRESETS } from './presets';
import { readLogps } from './readLogps';
import type { Engine } from './seam';

beforeAll(async () => {
  await initNodeBackend();
});

test('numbers come, and no tensor stays, read or not', async () => {
  const shape = { ...PRESETS.nano, vocab_size: 16, num_hidden_layers: 1 };
  const engine = new TfEngine(shape, initWeights(shape, 1));
  const batch = collate([{ ids: Int32Array.from([1, 2, 3]), mask: Uint8Array.from([0, 1, 1]) }], { buckets: [8] });
  await readLogps(engine, batch); // what an engine makes once
  const before = tf.memory().numTensors;
  const read = await readLogps(engine, batch);
  expect(read.filter((logp) => logp !== 0)).toHaveLength(2);
  expect(tf.memory().numTensors).toBe(before);

  const failing = {
    evaluate: async (...given: Parameters<Engine['evaluate']>) => {
      const found = await engine.evaluate(...given);
      found.logps!.data = () => Promise.reject(new Error('device lost'));
      return found;
    },
  } as unknown as Engine;
  await expect(readLogps(failing, batch)).rejects.toThrow('device lost');
  expect(tf.memory().numTensors).toBe(before);
  engine.dispose();
});

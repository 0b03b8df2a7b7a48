// On WebGPU the first step of DPO and KTO, where policy and reference are one: every margin is 0 to the bit, so that ties stay ties.
import { beforeAll, expect, test } from 'vitest';
import type { TokenRow } from '../../data/collate';
import { initBackend } from '../../gpu/backend';
import { parseConfig } from '../../lib/fields';
import { Rng } from '../../lib/rng';
import { createEngine } from '../../nn/createEngine';
import { initWeights } from '../../nn/init';
import { loadTrainer, type OfflineId } from '../load';
import { type Reference, TrainingRun } from '../loop';
import { trainers } from '../registry';
import { TOY_ARGS, toyShape } from '../testModel';

const shape = toyShape(64);
beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', now: () => performance.now() });
});

/** Rows of many lengths, prompts of 3 tokens; a pair stands together. */
function rows(n: number): TokenRow[] {
  const rng = new Rng(3, 'rows');
  return Array.from({ length: n }, (_, i) => {
    const ids = Int32Array.from({ length: rng.int(5, 30) }, () => rng.int(1, 63));
    return { ids, mask: new Uint8Array(ids.length).fill(1, 3), promptLength: 3, values: { label: i % 2 } };
  });
}

test.each(['dpo', 'kto'] as const)('%s: no margin at the start', async (id: OfflineId) => {
  const weights = initWeights(shape, 1);
  const [engine, frozen] = [createEngine(shape, weights), createEngine(shape, weights)];
  const reference: Reference = async (batch) => {
    const { logps } = await frozen.evaluate(batch, { want: ['logps'] });
    const read = (await logps!.data()) as Float32Array;
    logps!.dispose();
    return read;
  };
  const args = parseConfig(trainers[id].fields, { ...TOY_ARGS, max_steps: 1 });
  const trainer = await loadTrainer(id);
  const arranged = (n: number) => trainer.arrange?.(rows(n), args) ?? rows(n);
  const run = new TrainingRun({ engine, trainer, args, train: arranged(32).map((row) => [row]), eval: arranged(16), reference, seed: 1, now: () => 0 }); // biome-ignore format: one run
  const [before, first] = (await run.trainStep()).points;
  for (const [prefix, point] of [
    ['eval_', before!],
    ['', first!],
  ] as const)
    for (const name of ['rewards/chosen', 'rewards/rejected', 'rewards/margins'])
      expect(point[`${prefix}${name}`], `${prefix}${name}`).toBe(0);
  if (id === 'dpo') expect([before!['eval_rewards/accuracies'], first!['rewards/accuracies']]).toEqual([0, 0]);
  for (const one of [engine, frozen]) one.dispose();
});

// Rollout, scoring and updates of each online method on the recorded engine: what the general way in tf ops makes of the same seed.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import type { NamedReward } from '../../eval/rewards/reward';
import { initBackend } from '../../gpu/backend';
import { relativeError } from '../../gpu/testDevice';
import { defaults } from '../../lib/fields';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import { gpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import type { ModelEngine, NamedTensorMap } from '../../nn/seam';
import type { MetricPoint } from '../../protocol/run';
import { loadOnlineTrainer, type OnlineId } from '../load';
import type { Reference } from '../loop';
import { trainers } from '../registry';
import { type OnlineOptions, OnlineRun } from './onlineLoop';

const config = { ...PRESETS.nano, vocab_size: 29, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 1, head_dim: 16, max_position_embeddings: 32, initializer_range: 0.2 }; // biome-ignore format: one shape
const weights = initWeights(config, 1);
const other = initWeights(config, 2);
const value = { shape: [1, 32], data: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i) / 4) };
const rewards: NamedReward[] = [
  {
    name: 'even',
    weight: 1,
    of: ({ completionIds }) => completionIds.map((ids) => ids.filter((id) => id % 2 === 0).length),
  },
];

type Make = (weights: NamedTensorMap, head?: 'value') => ModelEngine;
interface Outcome {
  points: MetricPoint[];
  drawn: number[][];
  policy: NamedTensorMap;
  values?: NamedTensorMap;
  /** Of each step that draws nothing, on the recorded engine's device. */
  readbacks: number[];
}
const readbacksNow = () => (tf.getBackend() === 'webgpu' ? gpuContext(true).runner.counts.readbacks : 0);
async function outcome(id: OnlineId, own: { [key: string]: unknown }, make: Make): Promise<Outcome> {
  const engine = make(weights);
  const frozen = make(other);
  const reference: Reference = async (batch, options) => {
    const { logps } = await frozen.evaluate(batch, { want: ['logps'], options });
    return (await logps!.data()) as Float32Array;
  };
  const trainer = await loadOnlineTrainer(id);
  const values = trainer.value && make({ ...weights, 'value.weight': value }, 'value');
  const args = { ...defaults(trainers[id].fields), per_device_train_batch_size: 4, max_completion_length: 6, max_length: 32, max_steps: 3, eval_steps: 0, generate_steps: 0, temperature: 0.8, warmup_ratio: 0, ...own }; // biome-ignore format: one list
  const prompt = (ids: number[], rowId: string) => ({
    ids: Int32Array.from(ids),
    text: '',
    source: { rowId, row: {} },
  });
  const run = new OnlineRun({
    engine,
    route: -1,
    trainer,
    values,
    reference,
    args: args as unknown as OnlineOptions['args'],
    train: [prompt([3, 4, 5], 'a'), prompt([9], 'b'), prompt([7, 7], 'c'), prompt([2, 8, 1, 6], 'd')],
    eval: [],
    rewards,
    stopIds: [0],
    decode: (ids) => ids.join(' '),
    seed: 5,
    now: () => 0,
  });
  const points: MetricPoint[] = [];
  const drawn: number[][] = [];
  const readbacks: number[] = [];
  while (run.step < run.maxSteps) {
    const { iteration } = run.state();
    const before = readbacksNow();
    points.push(...(await run.trainStep()).points);
    if (run.state().iteration === iteration) readbacks.push(readbacksNow() - before);
    drawn.push(...run.state().buffer.map(({ ids }) => ids));
  }
  const out = { points, drawn, policy: await engine.exportTrained(), values: await values?.exportTrained(), readbacks };
  for (const model of [engine, frozen, values]) model?.dispose();
  return out;
}

const CASES: [OnlineId, { [key: string]: unknown }][] = [
  ['rloo', { num_iterations: 2, num_generations: 2 }],
  ['reinforce', {}],
  ['ppo', { num_ppo_epochs: 2 }],
];
const wanted = new Map<OnlineId, Outcome>();
const errors: string[] = [];
beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  for (const [id, own] of CASES)
    wanted.set(id, await outcome(id, own, (given, head) => new TfEngine(config, given, head)));
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
}, 120_000);

const recorded: Make = (given, head) => new RecordedEngine(gpuContext(true), config, given, head);
const inOps: Make = (given, head) => new TfEngine(config, given, head);
const [, , ppo] = CASES as [unknown, unknown, (typeof CASES)[number]];
test.each<[string, OnlineId, { [key: string]: unknown }, Make]>([
  ...CASES.map(([id, own]) => [id, id, own, recorded] as [string, OnlineId, typeof own, Make]),
  ['ppo with a policy in tf ops', ...ppo, (given, head) => (head ? recorded : inOps)(given, head)],
  ['ppo with a value model in tf ops', ...ppo, (given, head) => (head ? inOps : recorded)(given, head)],
])('%s: the same completions, figures and weights, and one readback a step', async (_, id, own, make) => {
  const { points, drawn, policy, values } = wanted.get(id)!;
  const found = await outcome(id, own, make);
  expect(found.readbacks).toEqual(found.readbacks.map(() => 1));
  expect(found.readbacks.length).toBe(id === 'reinforce' ? 0 : 1);
  expect(found.drawn).toEqual(drawn);
  for (const [i, point] of points.entries())
    for (const [name, expected] of Object.entries(point)) {
      const tolerance = 1e-4 * Math.max(Math.abs(expected!), 1);
      expect(Math.abs(found.points[i]![name]! - expected!), `${name} of step ${i + 1}`).toBeLessThanOrEqual(tolerance);
    }
  for (const [own, expected] of [[found.policy, policy], [found.values, values]] as const) // biome-ignore format: two
    for (const [name, { data }] of Object.entries(expected ?? {}))
      expect(relativeError(own![name]!.data, data), name).toBeLessThan(1e-4);
  expect(errors).toEqual([]);
});

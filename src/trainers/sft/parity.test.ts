// TRL's SFTTrainer and this loop, step by step on the same weights, rows and settings (scripts/parity/sft.py).
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { defaults } from '../../lib/fields';
import { loadModel } from '../../nn/loadModel';
import type { NamedTensorMap } from '../../nn/seam';
import { readSafetensors } from '../../storage/safetensors';
import { TrainingRun } from '../loop';
import { fields } from './config';
import { trainer } from './trainer';

interface Fixture {
  args: { gradient_accumulation_steps: number; per_device_train_batch_size: number; max_steps: number };
  rows: { input_ids: number[]; labels: number[] }[];
  curve: Record<string, number>[];
}

beforeAll(async () => {
  await initNodeBackend();
});

test('loss, grad_norm, accuracy, entropy and weights of ten accumulated steps follow TRL', async () => {
  const fixture = JSON.parse(readFileSync('test/fixtures/sft/fixture.json', 'utf8')) as Fixture;
  const engine = loadModel({
    config: JSON.parse(readFileSync('public/models/conformance/config.json', 'utf8')),
    weights: new Uint8Array(readFileSync('public/models/conformance/weights.safetensors')),
  });
  const rows = fixture.rows.map(({ input_ids, labels }) => ({
    ids: Int32Array.from(input_ids),
    mask: Uint8Array.from(labels, (label) => (label === -100 ? 0 : 1)),
  }));
  const args = { ...defaults(fields), ...fixture.args, max_length: 64, eval_steps: 0, logging_steps: 1 };
  const run = new TrainingRun({
    engine,
    trainer,
    args,
    train: rows.map((row) => [row]),
    eval: [],
    seed: 0,
    now: () => 0,
  });
  // TRL read the rows in their order: so does this run.
  const { per_device_train_batch_size: size, gradient_accumulation_steps: accumulated, max_steps } = fixture.args;
  let next = 0;
  const inOrder = {
    batchesPerEpoch: Number.POSITIVE_INFINITY,
    state: () => ({ epoch: 0, batch: next }),
    nextBatch: () => {
      const start = size * next++;
      return Array.from({ length: size }, (_, i) => start + i);
    },
  };
  Object.assign(run, { sampler: inOrder });
  expect(rows).toHaveLength(size * accumulated * max_steps);
  for (const expected of fixture.curve) {
    const point = (await run.trainStep()).points[0]!;
    for (const name of ['loss', 'grad_norm', 'entropy'])
      expect(Math.abs((point[name] as number) / expected[name]! - 1), `${name} at step ${run.step}`).toBeLessThan(1e-4);
    expect(point.mean_token_accuracy, `accuracy at step ${run.step}`).toBeCloseTo(expected.mean_token_accuracy!, 6);
    expect(point.learning_rate).toBeCloseTo(expected.learning_rate!, 9);
    expect(point.num_tokens).toBe(expected.num_tokens);
  }
  expect(fixture.curve.at(-1)!.mean_token_accuracy).toBeGreaterThan(0.1); // otherwise the accuracy was not tested
  const found = await engine.exportWeights();
  const after = readSafetensors(
    new Uint8Array(readFileSync('test/fixtures/sft/weights_after.safetensors')),
  ) as NamedTensorMap;
  for (const [name, { data }] of Object.entries(after)) {
    const scale = Math.max(...data.map(Math.abs));
    const worst = Math.max(...data.map((x, i) => Math.abs(x - found[name]!.data[i]!)));
    // Adam divides by √v: where a gradient is near 0, rounding becomes a visible step.
    expect(worst / scale, name).toBeLessThan(1e-3);
  }
  engine.dispose();
});

// What the recorded engine promises beyond small shapes: more rows than one chunk of the head, eight query heads a key head, equal
// bytes in the hardware's forms too, few submits, and logps of sampled rows that do not depend on who computes them.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { HARDWARE_FORMS, SOFTWARE_FORMS } from '../src/gpu/kernels/forms';
import { GpuRunner } from '../src/gpu/runner';
import { relativeError } from '../src/gpu/testDevice';
import { benchBatch, sftStep } from '../src/labs/bench/setup';
import { TfEngine } from '../src/nn/engine';
import { generate } from '../src/nn/generate';
import { initWeights } from '../src/nn/init';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LossFn, ModelEngine, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import { loss as sftLoss } from '../src/trainers/sft/trainer';

const config = { ...PRESETS.nano, vocab_size: 61, hidden_size: 24, intermediate_size: 28, num_hidden_layers: 1, num_attention_heads: 8, num_key_value_heads: 1, head_dim: 8, max_position_embeddings: 160, initializer_range: 0.25 }; // biome-ignore format: one model
const weights = initWeights(config, 3);
/** 4 × 129 tokens, 512 of them targets: the head's third chunk of rows is empty. */
const batch = benchBatch(4, 129, config.vocab_size);
const byTensors: LossFn = ({ logps, entropies }) => ({
  sums: { loss: tf.add(tf.sum(tf.mul(logps!, logps!)), tf.sum(entropies!)) as tf.Scalar },
  counts: { loss: 1 },
  metrics: {},
});
const KINDS = ['fused', 'by tensors'] as const;
const step = async (engine: ModelEngine, kind: (typeof KINDS)[number]) => {
  const loss = kind === 'fused' ? sftLoss(batch, { loss_type: 'nll' }) : byTensors;
  const want = kind === 'fused' ? (['logps', 'argmax', 'entropies'] as const) : (['logps', 'entropies'] as const);
  const { sums } = await engine.step(batch, loss, { want: [...want], scale: { loss: 0.01 } });
  const grads = await engine.readGradients();
  const read = await engine.read(sums);
  engine.clearGradients();
  return { loss: read.loss!, grads };
};

const errors: string[] = [];
const wanted = new Map<string, { loss: number; grads: NamedTensorMap }>();
beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  for (const kind of KINDS) {
    const engine = new TfEngine(config, weights);
    wanted.set(kind, await step(engine, kind));
    engine.dispose();
  }
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '', onGpuError: (message) => errors.push(message) }); // biome-ignore format: one call
}, 60_000);

describe.each([
  ['software', SOFTWARE_FORMS],
  ['hardware', HARDWARE_FORMS],
] as const)('%s forms', (_, forms) => {
  const context = () => ({ ...gpuContext(true), forms });
  test.each(KINDS)('512 rows of the head, eight query heads a key head: loss and gradients, %s', async (kind) => {
    const engine = new RecordedEngine(context(), config, weights);
    const { loss, grads } = await step(engine, kind);
    const want = wanted.get(kind)!;
    expect(Math.abs(loss - want.loss)).toBeLessThan(1e-5 * Math.abs(want.loss));
    for (const [name, { data }] of Object.entries(want.grads))
      expect(relativeError(grads[name]!.data, data), name).toBeLessThan(1e-5);
    engine.dispose();
  });
  test('two runs have the same bytes', async () => {
    const run = async () => {
      const engine = new RecordedEngine(context(), config, weights);
      const losses = [];
      for (let i = 0; i < 4; i++)
        losses.push((await sftStep(engine, i % 2 ? benchBatch(2, 37, 61) : batch, () => 0)).loss);
      const tensors = { ...(await engine.exportWeights()), ...(await engine.exportOptimizer()).tensors };
      engine.dispose();
      return {
        losses,
        bits: Object.values(tensors).map(({ data }) => Array.from(new Uint32Array(data.slice().buffer))),
      };
    };
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    expect(first.losses[2]!).toBeLessThan(first.losses[0]!);
  });
});

test('a step is three submits where the work is short: forward and backward, update, readback', async () => {
  const { device } = gpuContext(true);
  const runner = new GpuRunner(device);
  const engine = new RecordedEngine({ ...gpuContext(true), runner }, config, weights);
  await sftStep(engine, batch, () => 0);
  const before = { ...runner.counts };
  let submits = 0;
  let dispatches = 0;
  const { submit } = device.queue;
  device.queue.submit = (buffers) => {
    submits++;
    submit.call(device.queue, buffers);
  };
  const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
    dispatches++;
    return dispatch.apply(this, grid);
  };
  try {
    await sftStep(engine, batch, () => 0);
  } finally {
    device.queue.submit = submit;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatch;
  }
  expect(submits).toBe(3);
  expect(runner.counts.submits - before.submits).toBe(submits);
  // Two chunks of the head have rows: four dispatches more than one chunk.
  expect(dispatches).toBe(17 + 13 + 4);
  expect(runner.counts.dispatches - before.dispatches).toBe(dispatches);
  expect(runner.counts.readbacks - before.readbacks).toBe(1);
  engine.dispose();
});

test('before the first update, logps of sampled rows are the same from a measurement and in a step of other batches', async () => {
  const engine = new RecordedEngine(gpuContext(true), config, weights);
  const prompts = Array.from({ length: 6 }, (_, i) =>
    Array.from({ length: 3 + 4 * (i >> 1) }, (_, t) => (7 * i + t) % 61),
  );
  const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 24, seed: 5 };
  const sampled = await generate(engine, { prompts, sampling, stopIds: [60] });
  /** Prompt and completion of some rows, T wide; what was sampled is the target. */
  const batchOf = (rows: readonly number[], T: number): Batch => {
    const made: Batch = { ...benchBatch(rows.length, T, 61), mask: new Float32Array(rows.length * T), segmentIds: new Int32Array(rows.length * T) }; // biome-ignore format: one batch
    made.ids.fill(0);
    made.targets.fill(0);
    rows.forEach((row, b) => {
      const ids = [...prompts[row]!, ...sampled[row]!.ids];
      ids.forEach((id, t) => {
        const n = b * T + t;
        made.ids[n] = id;
        made.segmentIds[n] = 1;
        if (t + 1 >= ids.length) return;
        made.targets[n] = ids[t + 1]!;
        made.mask[n] = t + 1 >= prompts[row]!.length ? 1 : 0;
      });
    });
    return made;
  };
  const outputs = await engine.evaluate(batchOf([0, 1, 2, 3, 4, 5], 64), { want: ['logps'] });
  const old = await outputs.logps!.data();
  tf.dispose(outputs as unknown as tf.TensorContainer);
  for (const rows of [[4, 1], [5, 0, 3], [2]]) {
    const micro = batchOf(rows, 40);
    let now: tf.Tensor | undefined;
    const loss: LossFn = ({ logps }) => {
      now = tf.keep(tf.clone(logps!));
      return { sums: { loss: tf.neg(tf.sum(logps!)) as tf.Scalar }, counts: { loss: 1 }, metrics: {} };
    };
    const { sums } = await engine.step(micro, loss, { want: ['logps'], scale: { loss: 1 } });
    const found = await now!.data();
    tf.dispose([now!, sums as tf.TensorContainer]);
    rows.forEach((row, b) => {
      const from = prompts[row]!.length - 1;
      sampled[row]!.logps.forEach((logp, i) => {
        expect(Math.abs(found[b * 40 + from + i]! - old[row * 64 + from + i]!)).toBeLessThanOrEqual(1e-6);
        expect(Math.abs(found[b * 40 + from + i]! - logp)).toBeLessThan(1e-5);
      });
    });
  }
  engine.dispose();
});

test('WebGPU reported no error', () => {
  expect(errors).toEqual([]);
});

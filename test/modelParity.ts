// Shared by the WASM and the WebGPU parity tests: the engine against transformers and torch on the same weights and batch.
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { loadModel } from '../src/nn/loadModel';
import type { LossFn, ModelEngine, NamedTensorMap } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import { readSafetensors } from '../src/storage/safetensors';

interface Fixture {
  B: number;
  T: number;
  ids: number[];
  attention: number[];
  positions: number[];
  labels: number[];
  logits: number[];
  loss: number;
  curve: { loss: number; grad_norm: number }[];
  packed_ids: number[];
  packed_lengths: number[];
  packed_logits: number[];
  adamw: Parameters<ModelEngine['applyGradients']>[0];
}
export interface ParityFiles {
  fixture: Fixture;
  config: unknown;
  weights: Uint8Array;
  gradients: Uint8Array;
  after20: Uint8Array;
}

/** Largest difference of a, b relative to the largest |b|. */
export function maxRelative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < b.length; i++) {
    scale = Math.max(scale, Math.abs(b[i]!));
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  }
  return worst / Math.max(scale, 1e-12);
}
export const nll: LossFn = ({ logps, mask }) => ({
  sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
  counts: {},
  metrics: {},
});

export function fixtureBatch(f: Fixture): { batch: Batch; count: number } {
  const n = f.B * f.T;
  const targets = new Int32Array(n);
  const mask = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const next = (i + 1) % f.T === 0 ? -100 : f.labels[i + 1]!;
    if (next !== -100) {
      targets[i] = next;
      mask[i] = 1;
    }
  }
  const batch: Batch = {
    B: f.B,
    T: f.T,
    ids: Int32Array.from(f.ids),
    positions: Int32Array.from(f.positions),
    segmentIds: Int32Array.from(f.attention),
    targets,
    mask,
    rowAdapter: new Int32Array(f.B).fill(-1),
  };
  return { batch, count: mask.reduce((a, b) => a + b, 0) };
}

/** The model's logits at every position, through `hidden` and the tied head. */
export async function allLogits(engine: ModelEngine, batch: Batch): Promise<Float32Array> {
  const outputs = await engine.evaluate(batch, { want: ['hidden'] });
  const head = engine.tensors().transposed.head;
  const logits = tf.tidy(() => tf.matMul(tf.reshape(outputs.hidden!, [batch.B * batch.T, -1]) as tf.Tensor2D, head));
  const out = new Float32Array(await logits.data());
  tf.dispose([outputs as unknown as tf.TensorContainer, logits]);
  return out;
}

/** f32 sums in another order than torch's: 1e-5 relative to the largest value is a few ulps over these depths. */
const TOLERANCE = 2e-5;

export function parityTests(load: () => Promise<ParityFiles>): void {
  test('logits, with left and right padding, equal transformers', async () => {
    const { fixture, config, weights } = await load();
    const engine = loadModel({ config, weights });
    const { batch } = fixtureBatch(fixture);
    const logits = await allLogits(engine, batch);
    const V = engine.config.vocab_size;
    const found = fixture.attention.flatMap((a, n) => (a ? Array.from(logits.subarray(n * V, (n + 1) * V)) : []));
    expect(maxRelative(found, fixture.logits)).toBeLessThan(TOLERANCE);
    engine.dispose();
  });

  test('a packed row gives each sample the logits it has alone', async () => {
    const { fixture, config, weights } = await load();
    const engine = loadModel({ config, weights });
    const T = fixture.packed_ids.length;
    const segments = fixture.packed_lengths.flatMap((length, i) => Array<number>(length).fill(i + 1));
    const positions = fixture.packed_lengths.flatMap((length) => Array.from({ length }, (_, t) => t));
    const batch: Batch = {
      B: 1,
      T,
      ids: Int32Array.from(fixture.packed_ids),
      positions: Int32Array.from(positions),
      segmentIds: Int32Array.from(segments),
      targets: new Int32Array(T),
      mask: new Float32Array(T).fill(1),
      rowAdapter: new Int32Array([-1]),
    };
    expect(maxRelative(await allLogits(engine, batch), fixture.packed_logits)).toBeLessThan(TOLERANCE);
    // The control: without segments the second sample sees the first.
    const mixed = await allLogits(engine, { ...batch, segmentIds: new Int32Array(T).fill(1) });
    expect(maxRelative(mixed, fixture.packed_logits)).toBeGreaterThan(0.01);
    engine.dispose();
  });

  test('loss and all gradients equal torch', async () => {
    const { fixture, config, weights, gradients } = await load();
    const engine = loadModel({ config, weights });
    const { batch, count } = fixtureBatch(fixture);
    const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: 1 / count } });
    const { loss } = await engine.read(sums);
    expect(Math.abs(loss! / count / fixture.loss - 1)).toBeLessThan(TOLERANCE);
    const found = await engine.readGradients();
    const expected = readSafetensors(gradients) as NamedTensorMap;
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { data }] of Object.entries(expected))
      expect(maxRelative(found[name]!.data, data), name).toBeLessThan(TOLERANCE);
    engine.dispose();
  });

  test('20 AdamW steps with clipping follow torch; norms do not decay', async () => {
    const { fixture, config, weights, after20 } = await load();
    const engine = loadModel({ config, weights });
    const { batch, count } = fixtureBatch(fixture);
    for (const expected of fixture.curve) {
      const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: 1 / count } });
      const { gradNorm } = await engine.applyGradients(fixture.adamw);
      const read = await engine.read({ ...sums, gradNorm });
      expect(Math.abs(read.loss! / count / expected.loss - 1)).toBeLessThan(1e-4);
      expect(Math.abs(read.gradNorm! / expected.grad_norm - 1)).toBeLessThan(1e-4);
    }
    const found = await engine.exportWeights();
    // Adam divides by √v: a gradient near 0 turns rounding into a visible step, so 20 steps are looser than one.
    for (const [name, { data }] of Object.entries(readSafetensors(after20) as NamedTensorMap))
      expect(maxRelative(found[name]!.data, data), name).toBeLessThan(1e-4);
    engine.dispose();
  });
}

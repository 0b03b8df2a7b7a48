// Shared by the WASM and the WebGPU tests: random models of SmolLM2-135M's exact shape against transformers
// (scripts/parity/smollm.py), read a piece at a time; what an adapter's step takes, planned and measured.
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { generate } from '../src/nn/generate';
import { streamModel } from '../src/nn/loadModel';
import type { LoraAdapter, ModelEngine } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import type { Quantization } from '../src/protocol/recipe';
import type { TensorSource } from '../src/storage/tensorSource';
import { loss as sftLoss } from '../src/trainers/sft/trainer';
import { type SmolFixture, smolWeights } from './smolWeights';

const LORA: LoraAdapter = { name: 'a', config: { r: 8, lora_alpha: 16, target_modules: 'all-linear' } };
const NF4: Quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true };
const ADAMW = { learning_rate: 1e-3, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.999, adam_epsilon: 1e-8, max_grad_norm: 1 }; // biome-ignore format: one update

function batchOf({ ids }: SmolFixture, route: number): Batch {
  const T = ids.length;
  return {
    B: 1,
    T,
    ids: Int32Array.from(ids),
    positions: Int32Array.from(ids, (_, t) => t),
    segmentIds: new Int32Array(T).fill(1),
    targets: Int32Array.from(ids, (_, t) => ids[t + 1] ?? 0),
    mask: Float32Array.from(ids, (_, t) => (t + 1 < T ? 1 : 0)),
    rowAdapter: new Int32Array([route]),
  };
}
const largestOf = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(b).reduce((worst, x, i) => Math.max(worst, Math.abs(a[i]! - x)), 0);
const isFound = <X extends tf.Tensor>(x: X | undefined): X => {
  expect(x).toBeDefined();
  return x!;
};

/** Rows `stride` apart of the embedding, [V / stride, D]. */
async function embeddingRows(source: TensorSource, D: number, stride: number): Promise<Float32Array> {
  const name = 'model.embed_tokens.weight';
  const V = source.shapes.get(name)![0]!;
  const out = new Float32Array(Math.ceil(V / stride) * D);
  for await (const { at, data } of source.pieces(name))
    for (let i = 0; i < data.length; i++) {
      const row = Math.floor((at + i) / D);
      if (row % stride === 0) out[(row / stride) * D + ((at + i) % D)] = data[i]!;
    }
  return out;
}

/** `checkMemory` sees each engine that has trained a step; NF4 is trained where it is kept in codes. */
export function smolTests(
  read: () => Promise<SmolFixture>,
  checkMemory: (engine: ModelEngine, B: number, T: number, adapters: LoraAdapter[], q?: Quantization) => Promise<void>,
  withNf4: boolean,
): void {
  test('logits equal transformers to 1e-4 of the largest', async () => {
    const fixture = await read();
    const source = smolWeights(fixture.config, fixture.seed);
    const engine = await streamModel({ config: fixture.config, weights: source });
    const batch = batchOf(fixture, -1);
    batch.mask.fill(1);
    const outputs = await engine.evaluate(batch, { want: ['logps', 'entropies', 'argmax', 'hidden'] });
    const [logps, entropies, argmax, hidden] = await Promise.all(
      [outputs.logps, outputs.entropies, outputs.argmax, outputs.hidden].map((x) => isFound(x as tf.Tensor).data()),
    );
    tf.dispose(outputs as unknown as tf.TensorContainer);
    const { hidden_size: D } = engine.config;
    const rows = await embeddingRows(source, D, fixture.stride);
    let worst = 0;
    fixture.positions.forEach((t, p) => {
      const expected = fixture.logits[p]!;
      const found = expected.map((_, row) => {
        let sum = 0;
        for (let d = 0; d < D; d++) sum += hidden![t * D + d]! * rows[row * D + d]!;
        return sum;
      });
      worst = Math.max(worst, largestOf(found, expected));
    });
    console.log(`largest difference of a logit: ${(worst / fixture.largest).toExponential(1)} of the largest logit`);
    expect(worst / fixture.largest).toBeLessThan(1e-4);
    // The engine's own head, over the whole vocabulary.
    expect(largestOf(logps!, fixture.logps) / fixture.largest).toBeLessThan(1e-4);
    expect(largestOf(entropies!, fixture.entropies) / fixture.largest).toBeLessThan(1e-4);
    expect([...argmax!]).toEqual(fixture.argmax);
    // Chat: what comes next is what the head says.
    const sampling = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 2, seed: 0 };
    const [answer] = await generate(engine, { prompts: [fixture.ids], sampling, stopIds: [] });
    expect(answer!.ids[0]).toBe(fixture.argmax.at(-1));
    engine.dispose();
  });

  test.each([['LoRA', undefined], ...(withNf4 ? ([['QLoRA', NF4]] as const) : [])] as const)(
    '%s: a step moves the loss, in the memory that was planned',
    async (_name, quantization) => {
      const fixture = await read();
      const weights = smolWeights(fixture.config, fixture.seed);
      const engine = await streamModel({ config: fixture.config, weights, quantization }, [LORA]);
      const batch = batchOf(fixture, 0);
      const count = fixture.ids.length - 1;
      const step = async () => {
        const { sums } = await engine.step(batch, sftLoss(batch, { loss_type: 'nll' }), {
          want: ['logps', 'argmax', 'entropies'],
          scale: { loss: 1 / count },
        });
        const { gradNorm } = await engine.applyGradients(ADAMW);
        return engine.read({ ...sums, gradNorm });
      };
      const before = await step();
      const expected = -fixture.logps.reduce((a, b) => a + b, 0);
      // An adapter begins with B = 0, so the first loss is the base's; in four bits it is another base.
      if (quantization) expect(Math.abs(before.loss! / expected - 1)).toBeLessThan(0.1);
      else expect(Math.abs(before.loss! / expected - 1)).toBeLessThan(1e-5);
      expect(before.gradNorm).toBeGreaterThan(0);
      const after = await step();
      expect(after.loss).toBeLessThan(before.loss!);
      await checkMemory(engine, batch.B, batch.T, [LORA], quantization);
      engine.dispose();
    },
  );
}

// The benchmark's peers do the same work: one step of each gives our engine's loss and weights.
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import type { NamedTensorMap } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { loss } from '../../trainers/sft/trainer';
import { JaxjsLlama, startJax } from './jaxjsLlama';
import { type PlainOptions, TfjsPlain } from './tfjsPlain';

const config = { ...PRESETS.nano, vocab_size: 40, num_hidden_layers: 2 };
const [B, T] = [2, 9];
const ids = Int32Array.from({ length: B * T }, (_, n) => (n * 7) % 40);
const batch: Batch = {
  B,
  T,
  ids,
  positions: Int32Array.from(ids, (_, n) => n % T),
  segmentIds: new Int32Array(B * T).fill(1),
  targets: Int32Array.from(ids, (_, n) => ids[n + 1] ?? 0),
  mask: Float32Array.from(ids, (_, n) => (n % T < T - 1 ? 1 : 0)),
  rowAdapter: new Int32Array(B).fill(-1),
};
const options = {
  learning_rate: 1e-2,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.99,
  adam_epsilon: 1e-4,
  max_grad_norm: 1,
};

// The tape's gradient of gather is missing on WASM.
beforeAll(() => initNodeBackend('cpu'));

interface Peer {
  step(batch: Batch, options: PlainOptions): Promise<number>;
  exportWeights(): Promise<NamedTensorMap>;
}
const PEERS: Record<string, (weights: NamedTensorMap) => Promise<Peer>> = {
  'plain tfjs': async (weights) => new TfjsPlain(config, weights),
  'jax-js': async (weights) => {
    await startJax('wasm');
    return new JaxjsLlama(config, weights, options);
  },
};
test.each(Object.entries(PEERS))('%s takes the same two steps', async (_, make) => {
  const weights = initWeights(config, 1);
  const ours = new TfEngine(config, weights);
  const peer = await make(weights);
  const count = batch.mask.reduce((a, b) => a + b, 0);
  for (let i = 0; i < 2; i++) {
    const request = { want: ['logps', 'argmax', 'entropies'] as const, scale: { loss: 1 / count } };
    const { sums } = await ours.step(batch, loss(batch, { loss_type: 'nll' }), { ...request, want: [...request.want] });
    await ours.applyGradients(options);
    const read = await ours.read(sums);
    expect(await peer.step(batch, options)).toBeCloseTo(read.loss! / count, 4);
  }
  const [a, b] = [await ours.exportWeights(), await peer.exportWeights()];
  for (const [name, { data }] of Object.entries(a)) {
    const scale = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    for (const [i, x] of data.entries()) expect(Math.abs(b[name]!.data[i]! - x) / scale, name).toBeLessThan(1e-4);
  }
});

test('plain tfjs continues greedily, one whole pass a token', async () => {
  const plain = new TfjsPlain(config, initWeights(config, 1));
  const out = await plain.generateUncached([[1, 2, 3], [4, 5, 6]], 3); // biome-ignore format: one call
  expect(out.map((row) => row.length)).toEqual([3, 3]);
  const again = await plain.generateUncached([[1, 2, 3, out[0]![0]!]], 2);
  expect(again[0]).toEqual(out[0]!.slice(1));
});

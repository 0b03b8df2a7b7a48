// The KL laboratory on the recorded engine: the values and the comparisons of gradients that the general way finds.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../../gpu/backend';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import { PRESETS } from '../../nn/presets';
import { gpuContext } from '../../nn/recorded/context';
import { RecordedEngine } from '../../nn/recorded/engine';
import type { ModelEngine, NamedTensorMap } from '../../nn/seam';
import type { KlLabResult } from '../../protocol/klLab';
import { klLab } from './klLab';

const config = { ...PRESETS.nano, vocab_size: 29, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 1, head_dim: 16, max_position_embeddings: 32, initializer_range: 0.2 }; // biome-ignore format: one shape
const rows = [[3, 4, 5, 6, 7], [9, 1, 2], [7, 7, 8, 20, 21, 22, 23]].map((ids) => ({ ids: Int32Array.from(ids), promptLength: 2 })); // biome-ignore format: one list
const find = (make: (weights: NamedTensorMap) => ModelEngine) =>
  klLab(make(initWeights(config, 1)), make(initWeights(config, 2)), rows, { batchSize: 2 });
let wanted: KlLabResult;
beforeAll(async () => {
  await initBackend({ prefer: 'cpu', wasmPath: '' });
  wanted = await find((weights) => new TfEngine(config, weights));
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
}, 60_000);

test('the same values and directions', async () => {
  const found = await find((weights) => new RecordedEngine(gpuContext(true), config, weights));
  const flat = ({ exact, estimators }: KlLabResult) => [
    exact.kl.mean,
    exact.reverseKl.mean,
    exact.gradientNorm,
    ...Object.values(estimators).flatMap(({ mean, standardError, std, bias, asLoss, asReward }) => [
      mean,
      standardError!,
      std,
      bias.mean,
      ...[asLoss, asReward].flatMap(({ cosine, norm }) => [cosine, norm]),
    ]),
  ];
  const expected = flat(wanted);
  for (const [i, value] of flat(found).entries())
    expect(Math.abs(value - expected[i]!), `figure ${i}`).toBeLessThan(2e-4 * Math.max(1, Math.abs(expected[i]!)));
});

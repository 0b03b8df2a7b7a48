// Norms on the way through a model: the recorded engine's intermediates and the tfjs engine's tensors tell the same.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { TfEngine } from '../src/nn/engine';
import { initWeights } from '../src/nn/init';
import { layerNorms } from '../src/nn/layerNorms';
import { PRESETS } from '../src/nn/presets';
import { gpuContext } from '../src/nn/recorded/context';
import { RecordedEngine } from '../src/nn/recorded/engine';
import type { LoraAdapter } from '../src/nn/seam';

beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
});

const config = { ...PRESETS.nano, vocab_size: 40, num_hidden_layers: 2 };
const adapter: LoraAdapter = { name: 'a', config: { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'down_proj'] } };

test.each([[[]], [[adapter]]])('on both engines, adapters %j', async (adapters) => {
  const weights = initWeights(config, 3);
  const both = [
    new RecordedEngine(gpuContext(true), config, weights, 'lm', adapters),
    new TfEngine(config, weights, 'lm', adapters),
  ];
  // B starts at 0, where an adapter changes nothing.
  const trained = await both[1]!.exportTrained();
  for (const { data } of Object.values(trained)) data.set(data.map((v, i) => v + 0.05 * Math.sin(i)));
  if (adapters.length > 0) for (const engine of both) await engine.importTrained(trained);
  const ids = Array.from({ length: 70 }, (_, i) => (7 * i) % 40);
  const [recorded, plain] = [await layerNorms(both[0]!, ids), await layerNorms(both[1]!, ids)];
  for (const key of ['hidden_states', 'qkv', 'attention', 'gate_up'] as const) {
    expect(recorded[key]).toHaveLength(plain[key].length);
    recorded[key].forEach((row, i) => {
      row.forEach((v, t) => {
        expect(Math.abs(v - plain[key][i]![t]!), `${key} ${i} ${t}`).toBeLessThan(1e-4 * Math.max(1, v));
      });
    });
  }
  for (const engine of both) engine.dispose();
});

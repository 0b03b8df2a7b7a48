// What is made of a whole base reads it tensor by tensor: a base larger than memory never lies in it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { weightsFile } from '../src/interop/modelExport';
import { adapterPicture } from '../src/nn/adapterPicture';
import { initLora, targetModules } from '../src/nn/lora';
import { mergedSource } from '../src/nn/mergedSource';
import { PRESETS, parameterCount, parameterShapes } from '../src/nn/presets';
import { quantizationErrors } from '../src/nn/quantizedBase';
import type { LlamaConfig } from '../src/protocol/model';
import type { TensorSource } from '../src/storage/tensorSource';

// 12 MB in 84 products, of which one takes 200 KB at most.
const config: LlamaConfig = { ...PRESETS.nano, vocab_size: 64, hidden_size: 128, intermediate_size: 384, num_hidden_layers: 12, num_attention_heads: 8, num_key_value_heads: 8 }; // biome-ignore format: one model
const PIECE = 2 ** 16;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** Bytes of array buffers that something still holds. */
const held = (): number => {
  collect();
  return process.memoryUsage().arrayBuffers;
};
/** Weights that are made as they are read; at each piece it is counted what is held by then. */
async function counted(): Promise<{ source: TensorSource; peak: () => number }> {
  // V8 sweeps array buffers beside the program: what the test before has left is gone a moment later.
  collect();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = held();
  let most = 0;
  let seed = 1;
  const source: TensorSource = {
    shapes: parameterShapes(config),
    async *pieces(name) {
      const size = parameterShapes(config)
        .get(name)!
        .reduce((a, b) => a * b, 1);
      for (let at = 0; at < size; at += PIECE) {
        const data = new Float32Array(Math.min(PIECE, size - at));
        for (let i = 0; i < data.length; i++) {
          seed = (seed * 48271) % 2147483647;
          data[i] = seed / 2147483647 - 0.5;
        }
        most = Math.max(most, held() - before);
        yield { at, data };
      }
    },
  };
  return { source, peak: () => most };
}
const lora = { r: 2, lora_alpha: 4, use_dora: true, target_modules: 'all-linear' };
const ONES = new Float32Array(384 * 128).fill(1);
const adapter = { name: 'default', config: lora };
const tensors = initLora(targetModules(config, lora), lora, config, 1, () => ONES);

test.each<[string, (source: TensorSource) => Promise<unknown>]>([
  ['the picture of an adapter', (source) => adapterPicture(config, source, adapter, tensors)],
  ['what four bits cost', (source) => quantizationErrors(config, source, { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant: true })], // biome-ignore format: one row
  [
    'a merged model’s file',
    async (source) => {
      let bytes = 0;
      const merged = mergedSource(config, source, adapter, tensors);
      for await (const chunk of weightsFile('model.safetensors', merged).chunks()) bytes += chunk.byteLength;
      return bytes;
    },
  ],
])('%s holds a few tensors at a time', async (_name, task) => {
  const { source, peak } = await counted();
  await task(source);
  // Some is held, or nothing was counted.
  expect(peak()).toBeGreaterThan(2 ** 16);
  // Sixteen of the largest: weights before and after, rounded, and what singular values are found in.
  expect(peak()).toBeLessThan(16 * 4 * ONES.length);
  expect(16 * 4 * ONES.length).toBeLessThan(parameterCount(config)); // a quarter of the whole
});

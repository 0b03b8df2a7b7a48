// Random weights of SmolLM2-135M's exact shape, a piece at a time: the numbers that scripts/parity/smollm.py gave transformers.
import { hash3, hashString } from '../src/lib/rng';
import { parseLlamaConfig } from '../src/nn/loadModel';
import { sizeOf } from '../src/nn/lora';
import { parameterShapes } from '../src/nn/presets';
import type { TensorSource } from '../src/storage/tensorSource';

export interface SmolFixture {
  config: unknown;
  seed: number;
  ids: number[];
  positions: number[];
  stride: number;
  logits: number[][];
  largest: number;
  logps: number[];
  entropies: number[];
  argmax: number[];
}

const PIECE = 2 ** 20;
/** The numbers that scripts/parity/smollm.py gave transformers: uniform in ±0.0725, norms in 1 ± 0.2. */
export function smolWeights(config: unknown, seed: number): TensorSource {
  const shapes = parameterShapes(parseLlamaConfig(config));
  return {
    shapes,
    async *pieces(name) {
      const shape = shapes.get(name)!;
      const stream = hashString(name);
      const [mean, scale] = shape.length === 1 ? [1, 0.2] : [0, 0.0725];
      const size = sizeOf(shape);
      for (let at = 0; at < size; at += PIECE) {
        const data = new Float32Array(Math.min(PIECE, size - at));
        for (let i = 0; i < data.length; i++) {
          const u = ((hash3(seed, stream, at + i) >>> 8) + 0.5) / 16777216;
          data[i] = mean + (2 * u - 1) * scale;
        }
        yield { at, data };
      }
    },
  };
}

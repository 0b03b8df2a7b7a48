// Seeded initial weights: N(0, initializer_range), residual projections scaled by 1/√(2·layers) (GPT-2), norms 1.
import { Rng } from '../lib/rng';
import type { LlamaConfig } from '../protocol/model';
import { parameterShapes } from './presets';
import type { NamedTensorMap } from './seam';

/** The same seed gives the same bytes; each tensor has its own stream, so shapes elsewhere do not matter. */
export function initWeights(config: LlamaConfig, seed: number): NamedTensorMap {
  const out: NamedTensorMap = {};
  for (const [name, shape] of parameterShapes(config)) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (shape.length === 1) data.fill(1);
    else {
      const rng = new Rng(seed, name);
      const isResidual = name.endsWith('o_proj.weight') || name.endsWith('down_proj.weight');
      const std = config.initializer_range / (isResidual ? Math.sqrt(2 * config.num_hidden_layers) : 1);
      for (let i = 0; i < data.length; i++) data[i] = rng.normal() * std;
    }
    out[name] = { shape, data };
  }
  return out;
}

// What an adapter costs before it is trained: parameters, bytes of its file, of the optimizer, and of the base beside it.
import type { LlamaConfig, LoraConfig } from '../protocol/model';
import type { LoraPlan } from '../protocol/requests';
import { lastPart, layerOf, loraTensors, patternWarnings, sizeOf, targetModules } from './lora';
import { nf4Bytes } from './nf4';
import { parameterCount, parameterShapes } from './presets';

/** AdamW keeps a gradient and two moments for each trained number, f32. */
const OPTIMIZER_BYTES = 12;

/** Bytes of the frozen base in each way of keeping it; norms and embeddings stay f32 in four bits, as in bitsandbytes. */
export function baseBytes(config: LlamaConfig): LoraPlan['base_bytes'] {
  const total = parameterCount(config);
  let linear = 0;
  let nf4 = 0;
  let nested = 0;
  for (const [name, shape] of parameterShapes(config)) {
    if (shape.length !== 2 || !name.includes('.layers.')) continue;
    linear += sizeOf(shape);
    nf4 += nf4Bytes(sizeOf(shape), false);
    nested += nf4Bytes(sizeOf(shape), true);
  }
  const rest = 4 * (total - linear);
  return { f32: 4 * total, f16: 2 * total, nf4: rest + nf4, nf4_double_quant: rest + nested };
}

/** Bytes of what stays f32 where the base is kept in four bits. */
function unquantizedBytes(config: LlamaConfig): number {
  let values = 0;
  for (const [name, shape] of parameterShapes(config))
    if (shape.length !== 2 || !name.includes('.layers.')) values += sizeOf(shape);
  return 4 * values;
}

/** Throws ConfigError for an adapter that does not fit the model. */
export function loraPlan(config: LlamaConfig, lora: LoraConfig): LoraPlan {
  const targets = targetModules(config, lora);
  const tensors = loraTensors(targets, lora, config);
  const total = parameterCount(config);
  const trainable = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    modules: targets.map((target) => ({
      path: target.path,
      name: lastPart(target.path),
      layer: layerOf(target.path),
      in: target.in,
      out: target.out,
      r: target.r,
      lora_alpha: target.lora_alpha,
      scaling: target.scaling,
      parameters: tensors.reduce((sum, t) => sum + (t.target === target ? sizeOf(t.shape) : 0), 0),
      full: target.in * target.out,
    })),
    trainable,
    total,
    adapter_bytes: 4 * trainable,
    optimizer_bytes: OPTIMIZER_BYTES * trainable,
    full_optimizer_bytes: OPTIMIZER_BYTES * total,
    base_bytes: baseBytes(config),
    unquantized_bytes: unquantizedBytes(config),
    max_rank: Math.min(...targets.map((target) => Math.min(target.in, target.out))),
    warnings: patternWarnings(config, lora),
  };
}

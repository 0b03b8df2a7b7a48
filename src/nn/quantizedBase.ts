// A frozen base in four bits (QLoRA): the linear layers of the blocks in NF4, as bitsandbytes replaces them in transformers;
// embeddings, head and norms stay as they are.
import type { LlamaConfig } from '../protocol/model';
import type { Quantization } from '../protocol/recipe';
import { readTensor, type TensorSource } from '../storage/tensorSource';
import { linearModules } from './lora';
import { dequantizeNf4, type Nf4Tensor, quantizationError, quantizeNf4 } from './nf4';
import type { NamedTensorMap } from './seam';

export interface QuantizedBase {
  /** All tensors; those in four bits as what their codes stand for. */
  weights: NamedTensorMap;
  /** Codes by tensor name. */
  codes: Map<string, Nf4Tensor>;
}

/** Throws DataError for a weight that is not finite. */
export function quantizeBase(
  config: LlamaConfig,
  weights: NamedTensorMap,
  { bnb_4bit_use_double_quant: doubleQuant }: Quantization,
): QuantizedBase {
  const out = { ...weights };
  const codes = new Map<string, Nf4Tensor>();
  for (const { path } of linearModules(config)) {
    const name = `${path}.weight`;
    const { shape, data } = weights[name]!;
    const q = quantizeNf4(data, { doubleQuant, name });
    codes.set(name, q);
    out[name] = { shape, data: dequantizeNf4(q) };
  }
  return { weights: out, codes };
}

/**
 * What four bits cost each tensor, one after the other as they are read: root mean square and largest error, and ‖error‖ / ‖W‖.
 * Throws DataError for a weight that is not finite.
 */
export async function quantizationErrors(
  config: LlamaConfig,
  source: TensorSource,
  { bnb_4bit_use_double_quant: doubleQuant }: Quantization,
) {
  const out: ({ name: string; shape: number[] } & ReturnType<typeof quantizationError>)[] = [];
  for (const { path } of linearModules(config)) {
    const name = `${path}.weight`;
    const { shape, data } = await readTensor(source, name);
    out.push({ name, shape, ...quantizationError(data, quantizeNf4(data, { doubleQuant, name })) });
  }
  return out;
}

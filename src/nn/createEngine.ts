// The engine for a model on the backend that runs: recorded kernels on WebGPU, tfjs ops on WASM and CPU. Both give the same
// numbers to about 1e-5.
import * as tf from '@tensorflow/tfjs-core';
import { isSoftwareAdapter } from '../gpu/backend';
import type { LlamaConfig } from '../protocol/model';
import type { Quantization } from '../protocol/recipe';
import { readTensors, type TensorSource } from '../storage/tensorSource';
import { TfEngine } from './engine';
import type { HeadKind } from './engineChecks';
import { quantizeBase } from './quantizedBase';
import { gpuContext } from './recorded/context';
import { isAdapterRecordable, RecordedEngine } from './recorded/engine';
import { isPackable } from './recorded/nf4Blocks';
import type { LoraAdapter, ModelEngine, NamedTensorMap } from './seam';

/** Whether the kernels can run a model of this shape: they read rows in vectors of four, heads in halves of four. */
const isRecordable = (c: LlamaConfig): boolean =>
  c.hidden_size % 4 === 0 && c.intermediate_size % 4 === 0 && c.head_dim % 8 === 0 && c.head_dim <= 128;

/**
 * Takes a copy of `weights`. `quantization`: the layers' products are kept in four bits, on WebGPU in memory too. With adapters the base is frozen; DoRA with dropout runs in tf ops everywhere.
 * Throws ShapeError for a tensor that is missing or has another shape, ConfigError for adapters that do not fit.
 */
export function createEngine(
  config: LlamaConfig,
  weights: NamedTensorMap,
  head: HeadKind = 'lm',
  adapters: readonly LoraAdapter[] = [],
  quantization?: Quantization | null,
): ModelEngine {
  const { isRecorded, inCodes } = wayOf(config, adapters, quantization);
  const given = quantization && !inCodes ? quantizeBase(config, weights, quantization).weights : weights;
  if (!isRecorded) return new TfEngine(config, given, head, adapters);
  return new RecordedEngine(gpuContext(isSoftwareAdapter()), config, given, head, adapters, inCodes);
}

/** The same from tensors that are read in pieces. Throws DataError for one that cannot be read, DeviceError without room. */
export async function streamEngine(
  config: LlamaConfig,
  source: TensorSource,
  head: HeadKind = 'lm',
  adapters: readonly LoraAdapter[] = [],
  quantization?: Quantization | null,
): Promise<ModelEngine> {
  const { isRecorded, inCodes } = wayOf(config, adapters, quantization);
  // What four bits stand for in full size, and where DoRA's magnitudes start, is worked out from whole tensors.
  if ((quantization && !inCodes) || adapters.some(({ config: lora }) => lora.use_dora))
    return createEngine(config, await readTensors(source), head, adapters, quantization);
  if (!isRecorded) return TfEngine.fromSource(config, source, head, adapters);
  return RecordedEngine.fromSource(gpuContext(isSoftwareAdapter()), config, source, head, adapters, inCodes);
}

function wayOf(config: LlamaConfig, adapters: readonly LoraAdapter[], quantization?: Quantization | null) {
  const isRecorded = tf.getBackend() === 'webgpu' && isRecordable(config) && adapters.every(isAdapterRecordable);
  // What kernels do not read from codes is trained beside what the codes stand for: the same numbers in full size.
  const inCodes = isRecorded && quantization && isPackable(config) ? quantization : undefined;
  return { isRecorded, inCodes };
}

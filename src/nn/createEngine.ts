// The engine for a model on the backend that runs: recorded kernels on WebGPU, tfjs ops on WASM and CPU. Both give the same
// numbers to about 1e-5.
import * as tf from '@tensorflow/tfjs-core';
import { isSoftwareAdapter } from '../gpu/backend';
import type { LlamaConfig } from '../protocol/model';
import { TfEngine } from './engine';
import type { HeadKind } from './engineChecks';
import { gpuContext } from './recorded/context';
import { isAdapterRecordable, RecordedEngine } from './recorded/engine';
import type { LoraAdapter, ModelEngine, NamedTensorMap } from './seam';

/** Whether the kernels can run a model of this shape: they read rows in vectors of four, heads in halves of four. */
const isRecordable = (c: LlamaConfig): boolean =>
  c.hidden_size % 4 === 0 && c.intermediate_size % 4 === 0 && c.head_dim % 8 === 0 && c.head_dim <= 128;

/**
 * Takes a copy of `weights`. With adapters the base is frozen; DoRA, dropout and biases of adapters run in tf ops everywhere.
 * Throws ShapeError for a tensor that is missing or has another shape, ConfigError for adapters that do not fit.
 */
export function createEngine(
  config: LlamaConfig,
  weights: NamedTensorMap,
  head: HeadKind = 'lm',
  adapters: readonly LoraAdapter[] = [],
): ModelEngine {
  const isRecorded = tf.getBackend() === 'webgpu' && isRecordable(config) && adapters.every(isAdapterRecordable);
  if (!isRecorded) return new TfEngine(config, weights, head, adapters);
  // Forms as they are now, to the engine's end: a calibration in between must not part what runs from what the run records.
  const context = { ...gpuContext(isSoftwareAdapter()) };
  return new RecordedEngine(context, config, weights, head, adapters);
}

// A model from HF files: config.json (old and new spellings) and safetensors weights.
import { DataError } from '../lib/errors';
import type { LlamaConfig } from '../protocol/model';
import type { Quantization } from '../protocol/recipe';
import { readSafetensors } from '../storage/safetensors';
import type { TensorSource } from '../storage/tensorSource';
import { createEngine, streamEngine } from './createEngine';
import { HEAD_PARAMETERS, type HeadKind } from './engineChecks';
import { type Dict, headOf, refuseArchitecture, refuseOtherMaths, ropeOf } from './hfConfig';
import { parameterShapes } from './presets';
import type { LoraAdapter, ModelEngine, NamedTensorMap } from './seam';

/** Deeper models than any that exists: a config that says more is not believed. */
const MAX_LAYERS = 1024;

/** Reads HF config.json of a Llama. Throws DataError naming the field; other architectures are refused by name. */
export function parseLlamaConfig(json: unknown): LlamaConfig {
  if (typeof json !== 'object' || json === null)
    throw new DataError('config.json must be a JSON object. Copy it again from the model folder.', {
      where: 'config.json',
    });
  const c = json as Dict;
  refuseArchitecture(c);
  const number = (key: string, fallback?: number, value: unknown = c[key] ?? fallback): number => {
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new DataError(`config.json lacks ${key}. Copy the file again from the model folder.`, {
        where: `config.json ${key}`,
      });
    return value;
  };
  const size = (key: string, fallback?: number, most = 2 ** 31): number => {
    const value = number(key, fallback);
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new DataError(
        `config.json says ${key} ${value}; it must be a whole number in [1, ${most}]. Copy the file again from the model folder.`,
        { where: `config.json ${key}` },
      );
    return value;
  };
  const heads = size('num_attention_heads');
  const kvHeads = size('num_key_value_heads', heads);
  if (heads % kvHeads !== 0)
    throw new DataError(
      `config.json says ${heads} num_attention_heads for ${kvHeads} num_key_value_heads; the second must divide the first.`,
      { where: 'config.json num_key_value_heads' },
    );
  refuseOtherMaths(c);
  const headDim = size('head_dim', size('hidden_size') / heads);
  if (headDim % 2 !== 0)
    throw new DataError(
      `config.json says ${c.head_dim === undefined || c.head_dim === null ? `hidden_size ${c.hidden_size} for ${heads} num_attention_heads, so heads of ${headDim}` : `head_dim ${headDim}`}; RoPE turns the numbers of a head in pairs, so it must be even. transformers cannot run this model either; choose another one.`,
      { where: 'config.json head_dim' },
    );
  const { rope_theta, rope_scaling } = ropeOf(c);
  const id = (key: string) => (c[key] === undefined ? null : (c[key] as number | null));
  return {
    vocab_size: size('vocab_size'),
    hidden_size: size('hidden_size'),
    intermediate_size: size('intermediate_size'),
    num_hidden_layers: size('num_hidden_layers', undefined, MAX_LAYERS),
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    max_position_embeddings: size('max_position_embeddings'),
    rms_norm_eps: number('rms_norm_eps', 1e-6),
    rope_theta: number('rope_theta', 10000, rope_theta ?? 10000),
    ...(rope_scaling && { rope_scaling }),
    initializer_range: number('initializer_range', 0.02),
    // A reward model has no language-model head of its own.
    tie_word_embeddings: c.tie_word_embeddings === true || headOf(c) === 'score',
    bos_token_id: id('bos_token_id'),
    eos_token_id: (c.eos_token_id ?? null) as LlamaConfig['eos_token_id'],
    pad_token_id: id('pad_token_id'),
  };
}

/** HF tensor names → shapes of a whole model, its task head included. */
export const modelShapes = (config: LlamaConfig, head: HeadKind): Map<string, number[]> =>
  new Map([...parameterShapes(config), ...HEAD_PARAMETERS[head](config.hidden_size)]);

/** Complaint about weights that do not fit the config, or undefined. */
export function weightsProblem(
  config: LlamaConfig,
  given: ReadonlyMap<string, readonly number[]>,
  head: HeadKind = 'lm',
): string | undefined {
  const shapes = modelShapes(config, head);
  for (const [name, shape] of shapes) {
    const found = given.get(name);
    if (!found) return `The weights lack ${name}`;
    if (found.join() !== shape.join())
      return `${name} must be ${shape.join('×')} by config.json, got ${found.join('×')}`;
  }
  // Older exports of tied models carry a copy of the embedding as lm_head.
  const extra = [...given.keys()].find(
    (name) => !shapes.has(name) && name !== 'lm_head.weight' && !name.endsWith('rotary_emb.inv_freq'),
  );
  return extra && `The weights hold ${extra}, which a Llama of this config does not have`;
}

export interface ModelFiles {
  /** Parsed config.json. */
  config: unknown;
  /** Bytes of model.safetensors, or tensors already read. */
  weights: Uint8Array | NamedTensorMap;
  /** Keep the linear layers in four bits; only for a base that is frozen. */
  quantization?: Quantization | null;
}
/** Weights of any size. */
export interface StreamedFiles extends Omit<ModelFiles, 'weights'> {
  weights: TensorSource;
}

/** With `adapters` the base is frozen and they are trained. Throws DataError naming the tensor or field at fault. */
export function loadModel(files: ModelFiles, adapters: readonly LoraAdapter[] = []): ModelEngine {
  const config = parseLlamaConfig(files.config);
  const weights =
    files.weights instanceof Uint8Array ? readSafetensors(files.weights, 'model.safetensors') : files.weights;
  const head = headOf(files.config);
  requireFit(config, new Map(Object.entries(weights).map(([name, { shape }]) => [name, shape])), head);
  return createEngine(config, weights, head, adapters, files.quantization);
}
/** The same through bounded memory on WebGPU, and through one copy elsewhere. */
export function streamModel(files: StreamedFiles, adapters: readonly LoraAdapter[] = []): Promise<ModelEngine> {
  const config = parseLlamaConfig(files.config);
  const head = headOf(files.config);
  requireFit(config, files.weights.shapes, head);
  return streamEngine(config, files.weights, head, adapters, files.quantization);
}
function requireFit(config: LlamaConfig, given: ReadonlyMap<string, readonly number[]>, head: HeadKind): void {
  const problem = weightsProblem(config, given, head);
  if (problem)
    throw new DataError(`${problem}. Choose weights and config.json of the same model.`, {
      where: 'model.safetensors',
    });
}

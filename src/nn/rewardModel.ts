// A reward model out of a language model: the same decoder under a score head [1, hidden_size] without bias, as transformers'
// LlamaForSequenceClassification with num_labels 1, whose head starts from N(0, initializer_range).
import { Rng } from '../lib/rng';
import type { LlamaConfig } from '../protocol/model';
import { readSafetensors } from '../storage/safetensors';
import type { TensorSource } from '../storage/tensorSource';
import { headOf, rewardConfig } from './hfConfig';
import { type ModelFiles, modelShapes, parseLlamaConfig, type StreamedFiles } from './loadModel';
import type { NamedTensorMap } from './seam';

const SCORE = 'score.weight';

/** First values of the head; the same seed gives the same bytes. */
function initScore({ hidden_size, initializer_range }: LlamaConfig, seed: number): NamedTensorMap[string] {
  const rng = new Rng(seed, SCORE);
  const data = Float32Array.from({ length: hidden_size }, () => rng.normal() * initializer_range);
  return { shape: [1, hidden_size], data };
}

export interface RewardStart {
  /** Of the head's first values. */
  seed: number;
  /** Of the tokenizer: what rewardPosition reads by. */
  padTokenId: number | null;
}
/**
 * A reward model's files with its tokenizer's padding, which TRL's RewardTrainer and RLOOTrainer take whatever the config says. Returns
 * `files` where they say the same or the tokenizer has none.
 */
export function withPadToken<F extends ModelFiles | StreamedFiles>(files: F, padTokenId: number | null): F {
  const { pad_token_id } = parseLlamaConfig(files.config);
  if (padTokenId === null || pad_token_id === padTokenId) return files;
  return { ...files, config: { ...(files.config as object), pad_token_id: padTokenId } };
}
/** Files of a language model with a new head, its language-model head left out; of a reward model its own, but for the padding. */
export function asRewardModel<F extends ModelFiles | StreamedFiles>(files: F, { seed, padTokenId }: RewardStart): F {
  if (headOf(files.config) === 'score') return withPadToken(files, padTokenId);
  const config = rewardConfig(files.config, padTokenId);
  const parsed = parseLlamaConfig(config);
  const score = initScore(parsed, seed);
  const weights = files.weights;
  if (isSource(weights)) return { ...files, config, weights: withScore(parsed, weights, score) };
  const tensors = weights instanceof Uint8Array ? readSafetensors(weights, 'model.safetensors') : weights;
  const { 'lm_head.weight': _head, ...decoder } = tensors;
  return { ...files, config, weights: { ...decoder, [SCORE]: score } };
}
/** A tensor may be called anything, so the method tells, not the name. */
const isSource = (weights: ModelFiles['weights'] | TensorSource): weights is TensorSource =>
  typeof (weights as Partial<TensorSource>).pieces === 'function';

/** What else a source tells of its files (HfTensors) stays. */
function withScore<S extends TensorSource>(config: LlamaConfig, source: S, score: NamedTensorMap[string]): S {
  return {
    ...source,
    shapes: modelShapes(config, 'score'),
    async *pieces(name: string) {
      if (name === SCORE) yield { at: 0, data: score.data as Float32Array<ArrayBuffer> };
      else yield* source.pieces(name);
    },
  };
}

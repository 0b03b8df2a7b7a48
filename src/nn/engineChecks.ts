// What every engine demands of a batch and of its losses, and the parameters of task heads.
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, ShapeError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';
import type { StepOptions } from './seam';

/** Extra parameters of a task head, HF names. */
export const HEAD_PARAMETERS = {
  lm: () => [],
  score: (d: number): [string, number[]][] => [['score.weight', [1, d]]],
  value: (d: number): [string, number[]][] => [['value.weight', [1, d]]],
  token_cls: (d: number): [string, number[]][] => [
    ['score.weight', [2, d]],
    ['score.bias', [2]],
  ],
} as const satisfies Record<string, (d: number) => [string, number[]][]>;
export type HeadKind = keyof typeof HEAD_PARAMETERS;
/** The module of a task head: before `.weight` and `.bias`. */
export const scoreModule = ({ head }: StepOptions): 'value' | 'score' => (head === 'value' ? 'value' : 'score');

/** Throws ShapeError for sizes and ids that the model does not have, ConfigError for adapters and heads. */
export function checkBatch(batch: Batch, config: LlamaConfig, head: HeadKind, options: StepOptions, routes = 0): void {
  const { B, T } = batch;
  if (batch.ids.length !== B * T)
    throw new ShapeError(`A batch of ${B}×${T} needs ${B * T} ids, got ${batch.ids.length}.`);
  if (T > config.max_position_embeddings)
    throw new ShapeError(
      `Rows of ${T} tokens are longer than the model's context of ${config.max_position_embeddings}. Set max_length lower.`,
    );
  for (const id of batch.ids)
    if (id < 0 || id >= config.vocab_size)
      throw new ShapeError(
        `Token id ${id} is outside the model's vocabulary of ${config.vocab_size}. Use the model's own tokenizer.`,
      );
  for (const name of ['positions', 'segmentIds', 'targets', 'mask'] as const)
    if (batch[name].length !== B * T)
      throw new ShapeError(`A batch of ${B}×${T} needs ${B * T} ${name}, got ${batch[name].length}.`);
  for (let n = 0; n < B * T; n++) {
    const [position, target] = [batch.positions[n]!, batch.targets[n]!];
    if (position < 0 || position >= config.max_position_embeddings)
      throw new ShapeError(
        `Position ${position} is outside the model's context of ${config.max_position_embeddings}. Set max_length lower.`,
      );
    if (batch.mask[n] !== 0 && (target < 0 || target >= config.vocab_size))
      throw new ShapeError(
        `Target id ${target} is outside the model's vocabulary of ${config.vocab_size}. Use the model's own tokenizer, and mask what is not to be learned.`,
      );
  }
  checkRoutes(batch.rowAdapter, routes);
  if ((options.head ?? 'lm') !== 'lm' && options.head !== head)
    throw new ConfigError(`This engine has the head "${head}", not "${options.head}".`);
}

/** Throws ConfigError for a route that the engine does not have. */
export function checkRoutes(rows: ArrayLike<number>, routes: number): void {
  const wrong = Array.from(rows).find((route) => route < -1 || route >= routes);
  if (wrong === undefined) return;
  throw new ConfigError(
    routes === 0
      ? 'This model has no adapters: rowAdapter must be −1 in every row.'
      : `There is no adapter in slot ${wrong}: the model has ${routes}, counted from 0; −1 is the base alone.`,
  );
}

/**
 * One number that is finite only where the losses of a micro-batch are: `sums.loss`, or the sum of all where there are several
 * losses, which then belongs to the caller.
 */
export function lossOf(sums: Readonly<Record<string, tf.Scalar>>): tf.Scalar | undefined {
  if (sums.loss) return sums.loss;
  const all = Object.values(sums);
  return all.length > 0 ? tf.tidy(() => tf.addN(all) as tf.Scalar) : undefined;
}

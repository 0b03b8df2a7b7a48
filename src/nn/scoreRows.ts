// Rewards of token rows under a reward model: attention is causal, so one forward pass gives the score after every token. What a
// whole row earns is the score at one of them (rewardPosition).
import * as tf from '@tensorflow/tfjs-core';
import { bucketsUpTo } from '../data/buckets';
import { collate } from '../data/collate';
import { ConfigError, DataError } from '../lib/errors';
import { rewardPosition } from '../protocol/rewardPosition';
import type { ModelEngine } from './seam';

/** Rows of a forward pass: few shapes, so that an engine that records each keeps few. */
const BATCH = 8;

export interface ScoreOptions {
  /** Told after each forward pass. */
  onProgress?: (done: number, total: number) => void;
  /** Awaited between forward passes. */
  yieldToOthers?: () => Promise<void>;
  signal?: AbortSignal;
}

export interface RowScores {
  /** After each token. */
  scores: Float32Array;
  /** Token at which the reward of the whole is read. */
  at: number;
  /** Of the whole. */
  reward: number;
}

/**
 * The score after each token of each row, and the reward, through the engine's active route. Throws ConfigError for an engine without a score head,
 * DataError for a row that is empty or above the model's context.
 */
export async function scoreRows(
  engine: ModelEngine,
  rows: readonly ArrayLike<number>[],
  { onProgress, yieldToOthers, signal }: ScoreOptions = {},
): Promise<RowScores[]> {
  if (engine.head !== 'score')
    throw new ConfigError('This model gives no rewards: it has no score head. Choose a reward model.');
  const context = engine.config.max_position_embeddings;
  rows.forEach(({ length }, i) => {
    if (length === 0) throw new DataError(`Row ${i + 1} has no tokens to score.`, { where: `rows[${i}]` });
    if (length > context)
      throw new DataError(
        `Row ${i + 1} has ${length} tokens, and the reward model reads ${context} at most. Shorten its text.`,
        { where: `rows[${i}]` },
      );
  });
  const buckets = bucketsUpTo(context);
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length);
  const out: RowScores[] = [];
  const size = rows.length === 1 ? 1 : BATCH;
  for (let at = 0; at < order.length; at += size) {
    signal?.throwIfAborted();
    const own = order.slice(at, at + size);
    // The last batch is filled with its last row.
    const filled = Array.from({ length: size }, (_, b) => own[b] ?? own.at(-1)!);
    const batch = collate(
      filled.map((i) => ({ ids: Int32Array.from(rows[i]!), mask: new Uint8Array(rows[i]!.length) })),
      { buckets, route: engine.activeRoute },
    );
    const { scores: everywhere, ...rest } = await engine.evaluate(batch, { want: [], options: { head: 'score' } });
    try {
      const all = await everywhere!.data(); // [B, T, 1]
      own.forEach((i, b) => {
        const scores = Float32Array.from(all.subarray(b * batch.T, b * batch.T + rows[i]!.length));
        const at = rewardPosition(rows[i]!, engine.config.pad_token_id);
        out[i] = { scores, at, reward: scores[at]! };
      });
    } finally {
      tf.dispose([everywhere!, rest as unknown as tf.TensorContainer]);
    }
    onProgress?.(Math.min(at + size, order.length), order.length);
    await yieldToOthers?.();
  }
  return out;
}

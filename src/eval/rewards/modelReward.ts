// A reward model as a reward function: the score of its head for prompt and completion (rewardPosition), as TRL's RLOOTrainer reads an
// AutoModelForSequenceClassification. Token in, token out: nothing is decoded and encoded again.
import { bucketsUpTo } from '../../data/buckets';
import { collate } from '../../data/collate';
import type { ModelEngine } from '../../nn/seam';
import { rewardPosition } from '../../protocol/rewardPosition';
import type { RewardFunction } from './reward';

export interface ModelRewardOptions {
  /** Rows scored together. */
  batchSize: number;
  /** Tokens of the longest row that training scores: prompt, completion and `closing`. A longer one, as a held-out answer may be, is read at its own length. */
  maxLength: number;
  /**
   * Ids that the template writes behind the token that ends a turn: the reward model read its own rows up to there. A completion
   * that was cut off has no end, and is read where it stops (TRL would close it).
   */
  closing?: { stopIds: readonly number[]; ids: readonly number[] };
  yieldToOthers?: () => Promise<void>;
}

/** `engine` has the head `score`, and belongs to the caller. */
export function modelReward(
  engine: ModelEngine,
  { batchSize, maxLength, closing, yieldToOthers }: ModelRewardOptions,
): RewardFunction {
  return async ({ promptIds, completionIds }) => {
    const rows = promptIds.map((prompt, i) => {
      const ids = completionIds[i]!;
      const end = closing?.stopIds.includes(ids.at(-1)!) ? closing.ids : [];
      return Int32Array.from([...Array.from(prompt), ...ids, ...end]);
    });
    const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length);
    const out: number[] = new Array(rows.length);
    for (let at = 0; at < order.length; at += batchSize) {
      const own = order.slice(at, at + batchSize);
      const batch = collate(
        own.map((i) => ({ ids: rows[i]!, mask: new Uint8Array(rows[i]!.length) })),
        { buckets: bucketsUpTo(Math.max(maxLength, ...own.map((i) => rows[i]!.length))) },
      );
      const { hidden, scores, mask, targets } = await engine.evaluate(batch, {
        want: ['hidden'],
        options: { head: 'score' },
      });
      try {
        const values = await scores!.data();
        own.forEach((i, b) => {
          out[i] = values[b * batch.T + rewardPosition(rows[i]!, engine.config.pad_token_id)]!;
        });
      } finally {
        for (const tensor of [hidden, scores, mask, targets]) tensor?.dispose();
      }
      await yieldToOthers?.();
    }
    return out;
  };
}

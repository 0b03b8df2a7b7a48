// Completions behind their prompts as a micro-batch: right-padded, positions from the first token, so that no padding of prompts
// can shift anything (TRL pads prompts on the left and takes positions from the mask: the same numbers).
import { bucketsUpTo } from '../../data/buckets';
import { collate } from '../../data/collate';
import type { Batch } from '../../protocol/batch';
import type { BufferRow, OnlinePrompt } from './onlineTrainer';

type Row = Pick<BufferRow, 'prompt' | 'ids'> & Partial<BufferRow>;

/** Index of the prediction of a completion's first token in row b of the batch; the place after its last comes `ids.length` later. */
export const placeOf = ({ T }: Pick<Batch, 'T'>, b: number, prompt: Pick<OnlinePrompt, 'ids'>): number =>
  b * T + prompt.ids.length - 1;

export function rolloutBatch(
  rows: readonly Row[],
  prompts: readonly OnlinePrompt[],
  { maxLength, route }: { maxLength: number; route: number },
): Batch {
  const tokens = rows.map(({ prompt, ids, isMasked, rowValues }) => {
    const given = prompts[prompt]!.ids;
    const all = new Int32Array(given.length + ids.length);
    all.set(given);
    all.set(ids, given.length);
    return {
      ids: all,
      mask: new Uint8Array(all.length).fill(isMasked ? 0 : 1, given.length),
      ...(rowValues && { values: rowValues }),
    };
  });
  const batch = collate(tokens, { buckets: bucketsUpTo(maxLength), route });
  const names = new Set(rows.flatMap(({ tokenValues = {} }) => Object.keys(tokenValues)));
  if (names.size === 0) return batch;
  batch.tokenValues = Object.fromEntries([...names].map((name) => [name, new Float32Array(batch.ids.length)]));
  rows.forEach(({ prompt, tokenValues = {} }, b) => {
    const at = placeOf(batch, b, prompts[prompt]!);
    for (const [name, values] of Object.entries(tokenValues)) batch.tokenValues![name]!.set(values, at);
  });
  return batch;
}

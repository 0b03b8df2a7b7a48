// A reward model on held-out pairs of a built-in set, and what it pays for: the world's controlled edits on their chosen answers.
import { type ControlledEdit, type EditedCase, evaluatePairs, paidFor, type Scorer } from '../eval/rewardModel';
import { DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import type { DatasetRow, Json } from '../protocol/chat';
import type { RewardReport } from '../protocol/rewardReport';
import { CASE_SEED_OFFSET } from '../world/cases';
import type { BuiltinItem, Split } from '../world/item';
import { EDITS } from '../world/pref/edits';
import { wordsIn } from '../world/pref/surface';
import { builtinItems } from '../world/registry';

/** Padding makes an answer this much longer. */
const PADDED = 1.5;

export interface RewardReportOptions {
  /** A built-in set of preferences. */
  dataset: string;
  pairs: number;
  /** Pairs whose chosen answer is edited. */
  edited: number;
  seed: number;
  split?: Split;
}
/** Throws DataError for a set that holds no preferences, and for rewards that are not finite. */
export async function rewardReport(
  score: Scorer<DatasetRow>,
  { dataset, pairs, edited, seed, split = 'heldout' }: RewardReportOptions,
): Promise<RewardReport> {
  // Rows that training with a like seed does not draw, as evaluation cases are.
  const items = builtinItems(dataset, { rows: pairs, seed: seed + CASE_SEED_OFFSET, split });
  const rng = new Rng(seed, 'reward report');
  const held = items.map(({ row: { prompt, chosen, rejected, ...rest }, kind, columns }) => {
    if (chosen === undefined || rejected === undefined)
      throw new DataError(`${dataset} holds no preferences (chosen and rejected). Choose a set that does.`, {
        where: dataset,
      });
    const side = (completion: typeof chosen): DatasetRow => ({ ...rest, prompt, completion });
    return { chosen: side(chosen), rejected: side(rejected), kind, ...shareOf(columns) };
  });
  const cases = items.slice(0, edited).flatMap((item, i) => editedCase(item, rng.fork(`edits ${i}`)));
  return {
    pairs: await evaluatePairs(held, score, rng.fork('pairs')),
    paidFor: await paidFor(cases, score, rng.fork('edits')),
  };
}
const shareOf = (columns: BuiltinItem['columns']): { share?: number } => {
  const share: Json | undefined = columns?.share;
  return typeof share === 'number' ? { share } : {};
};

function editedCase({ row, truth }: BuiltinItem, rng: Rng): EditedCase<DatasetRow>[] {
  const { prompt, chosen, rejected: _rejected, ...rest } = row;
  const rubric = truth.flatMap((turn) => (turn.expect === 'final' && turn.rubric ? [turn.rubric] : [])).at(-1);
  if (typeof chosen === 'string' || chosen?.length !== 1 || !rubric) return [];
  const [message] = chosen as [(typeof chosen)[number]];
  const answer = message.content;
  const words = Math.ceil(PADDED * wordsIn(answer));
  const edits = EDITS.map(({ id, title, isSurface, apply }): ControlledEdit => {
    const own = rng.fork(id);
    return { id, title, isSurface, apply: (text) => apply(text, { truth: rubric, rng: own, words }) };
  });
  const itemOf = (text: string): DatasetRow => ({ ...rest, prompt, completion: [{ ...message, content: text }] });
  return [{ answer, itemOf, edits }];
}

// A reward model on held-out pairs, and what it pays for: the world's controlled edits on chosen answers of `pref`.
import { type ControlledEdit, type EditedCase, evaluatePairs, paidFor, type Scorer } from '../eval/rewardModel';
import { DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import type { DatasetRow, Json } from '../protocol/chat';
import type { JudgedPair, RewardReport } from '../protocol/rewardReport';
import { sidesOf } from '../text/preferences';
import { CASE_SEED_OFFSET } from '../world/cases';
import type { BuiltinItem, Split } from '../world/item';
import { EDITS } from '../world/pref/edits';
import { RUBRIC, rubricOf, trueQuality } from '../world/pref/rubric';
import { wordsIn } from '../world/pref/surface';
import type { RubricTruth } from '../world/pref/truth';
import { builtinItems } from '../world/registry';
import { PAIRS } from './recipes/preference';

/** Padding makes an answer this much longer. */
const PADDED = 1.5;

/** Answers differ in more than one of the rubric's dimensions. */
const SEVERAL = 'several at once';

export interface RewardReportOptions {
  /** A built-in set of preferences. */
  dataset: string;
  /** Judged in place of the built-in set's pairs: rows of a person's own, of which only the votes are known. */
  rows?: readonly DatasetRow[];
  pairs: number;
  /** Chosen answers of `pref` that are edited, whatever is judged: those of biased votes are flattering already. */
  edited: number;
  seed: number;
  split?: Split;
}
/** Throws DataError for a set that holds no preferences, and for rewards that are not finite. */
export async function rewardReport(
  score: Scorer<DatasetRow>,
  { dataset, rows, pairs, edited, seed, split = 'heldout' }: RewardReportOptions,
): Promise<RewardReport> {
  // Rows that training with a like seed does not draw, as evaluation cases are.
  const drawn = (from: string, n: number) => builtinItems(from, { rows: n, seed: seed + CASE_SEED_OFFSET, split });
  const judged = (rows?.map((row) => ({ row })) ?? drawn(dataset, pairs).map(judgedPair)).slice(0, pairs);
  const rng = new Rng(seed, 'reward report');
  const held = judged.map(({ row, ...pair }) => {
    if (row.chosen === undefined || row.rejected === undefined)
      throw new DataError(`${rows ? 'The set' : dataset} holds no preferences (chosen and rejected). Choose one that does.`, { where: dataset }); // biome-ignore format: one error
    return { ...pair, ...sidesOf(row) };
  });
  const cases = drawn(PAIRS, edited).flatMap((item, i) => editedCase(item, rng.fork(`edits ${i}`)));
  return {
    pairs: await evaluatePairs(held, score, rng.fork('pairs')),
    judged,
    paidFor: await paidFor(cases, score, rng.fork('edits')),
  };
}

const rubricTruth = ({ truth }: BuiltinItem): RubricTruth | undefined =>
  truth.flatMap((turn) => (turn.expect === 'final' && turn.rubric ? [turn.rubric] : [])).at(-1);

/** With what the world knows of the pair: true qualities, and the dimension in which the answers differ. */
function judgedPair(item: BuiltinItem): JudgedPair {
  const { row, kind, columns } = item;
  const truth = rubricTruth(item);
  const [chosen, rejected] = [row.chosen, row.rejected].map((side) => truth && Array.isArray(side) && side[0] && rubricOf(side[0].content, truth)); // biome-ignore format: both sides alike
  const share: Json | undefined = columns?.share;
  return {
    row,
    kind,
    ...(typeof share === 'number' && { share }),
    ...(chosen && rejected && { quality: { chosen: chosen.quality, rejected: rejected.quality }, ...differing(chosen, rejected) }), // biome-ignore format: one choice
  };
}
type Grade = ReturnType<typeof rubricOf>;
function differing(a: Grade, b: Grade): { dimension?: string } {
  const found = RUBRIC.filter(({ id }) => a.dimensions[id].score !== b.dimensions[id].score);
  return found.length === 0 ? {} : { dimension: found.length === 1 ? found[0]!.title : SEVERAL };
}

function editedCase(item: BuiltinItem, rng: Rng): EditedCase<DatasetRow>[] {
  const { prompt, chosen, rejected: _rejected, ...rest } = item.row;
  const rubric = rubricTruth(item);
  if (typeof chosen === 'string' || chosen?.length !== 1 || !rubric) return [];
  const [message] = chosen as [(typeof chosen)[number]];
  const answer = message.content;
  const words = Math.ceil(PADDED * wordsIn(answer));
  const edits = EDITS.map(({ id, title, isSurface, apply }): ControlledEdit => {
    const own = rng.fork(id);
    return { id, title, isSurface, apply: (text) => apply(text, { truth: rubric, rng: own, words }) };
  });
  const itemOf = (text: string): DatasetRow => ({ ...rest, prompt, completion: [{ ...message, content: text }] });
  return [{ answer, itemOf, qualityOf: (text) => trueQuality(text, rubric), edits }];
}

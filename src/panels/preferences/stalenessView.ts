// Staleness in words: margins of pairs, decided pairs, and a reward model on fresh answers. Pure.
import { percent, plural } from '../../lib/words';
import type { RowReading, StoredModel } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { type Decided, fallOf, type JudgeAccuracy } from '../../protocol/staleness';
import { trainedHead } from '../../trainers/registry';
import { counts, type Side } from './pairView';
import type { EncodedPair } from './readPairs';

/** log π(chosen) − log π(rejected) over the tokens that count, nats. */
export function marginOf({ sides }: EncodedPair, read: Record<Side, RowReading>): number {
  const of = (side: Side) =>
    read[side].logps.reduce((sum, logp, t) => (counts(sides[side].encoded, t) ? sum + logp : sum), 0);
  return of('chosen') - of('rejected');
}

export function decidedWords({ n, before, now, newly }: Decided, above: number): string {
  const what = above > 0 ? `decided by more than ${above} nats` : 'decided';
  const left = n - now;
  const rest =
    left === 0
      ? 'It has the order of all of them: what they can still teach is a wider margin. New pairs should come from the model as it is.'
      : left / n < 0.25
        ? `${left} are not: few, so that an order is learnt from new pairs rather, from answers of the model as it is.`
        : `${left} are not.`;
  return `${now} of ${plural(n, 'pair')} are ${what} now, ${before} were before the update; ${newly} of them only now. ${rest}`;
}

const shareWords = ({ share, low, high, right, n }: JudgeAccuracy): string =>
  `${right} of ${n} (${percent(share)}, interval ${percent(low)} to ${percent(high)})`;
export function judgeWords({ before, now, same }: { before: JudgeAccuracy; now: JudgeAccuracy; same: number }): string {
  const passed = same > 0 ? ` ${plural(same, 'prompt')} gave the run two equal answers and count for nothing.` : '';
  if (before.n === 0 || now.n === 0)
    return `No pair of which one answer is truly better came from ${before.n === 0 ? 'the start' : 'the run'}, so there is nothing to be right about.${passed}`;
  const { state, low, high } = fallOf(before, now);
  const told = { fallen: 'It has surely fallen: the run has moved to where the reward model does not know its way. Collect votes on fresh answers and train it again.', held: 'It has not fallen.', undecided: 'Whether it has fallen is not decided yet.' }[state]; // biome-ignore format: three cases
  const signed = (share: number) => `${share > 0 ? '+' : share < 0 ? '−' : ''}${percent(Math.abs(share))}`;
  return `Right on ${shareWords(before)} pairs of the start and ${shareWords(now)} of the run, judged by the rubric; change ${signed(low)} to ${signed(high)}. ${told}${passed}`;
}

/** Reward models that are here: runs that have left one, newest first, then those that were brought. */
export function judgeChoices(
  runs: readonly RunRecord[],
  stored: readonly StoredModel[],
): { ref: string; label: string }[] {
  const trained = runs
    .filter(({ recipe, checkpoints }) => trainedHead(recipe.trainer) === 'score' && checkpoints.length > 0)
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .map(({ id, name }) => ({ ref: `run:${id}`, label: name }));
  const brought = stored
    .filter(({ head, isImported }) => head === 'score' && isImported)
    .map(({ id, name }) => ({ ref: id, label: name }));
  return [...trained, ...brought];
}

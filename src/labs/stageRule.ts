// When to leave offline preference methods for online ones: offline first, and on to rollouts only once the offline methods have
// flattened and the product needs answers that no pair holds. Computed from runs that were compared with one start.
import { mean, pairedInterval } from '../eval/stats';
import type { Compared } from '../protocol/comparison';
import { WATCHED } from '../protocol/twoMetrics';

/** Least gain of quality that targets ask for. */
export const WORTH_HAVING = WATCHED.rubric!.better_by!;

export interface StagedRun {
  name: string;
  isOnline: boolean;
  /** Runs are taken in this order. */
  createdAt: number;
  compared: Compared;
}
/** How much better by the rubric a run answers than the best before it, case by case. */
export interface Gain {
  name: string;
  /** `the start` where no run before was better. */
  over: string;
  value: number;
  low: number;
  high: number;
  isDecided: boolean;
}
export type Stage =
  | 'measure offline'
  | 'stay offline'
  | 'one more offline'
  | 'too few cases'
  | 'flat, stay offline'
  | 'go online';
export interface StageVerdict {
  stage: Stage;
  /** Of the offline runs, in their order; the rule reads the last two. */
  offline: Gain[];
  /** Those of the last two that are decided, in their order: why it still pays. */
  gained: Gain[];
  /** Of the online runs, over the best offline one. */
  online: Gain[];
}

interface Candidate {
  name: string;
  rubric: readonly (number | null)[];
}
const meanOf = ({ rubric }: Candidate): number => {
  const known = rubric.filter((value) => value !== null);
  return known.length > 0 ? mean(known) : Number.NEGATIVE_INFINITY;
};
const bestOf = (all: readonly Candidate[]): Candidate =>
  all.reduce((best, one) => (meanOf(one) > meanOf(best) ? one : best));
function gainOf(run: Candidate, over: Candidate): Gain {
  const { low, high } = pairedInterval(over.rubric, run.rubric, 'share', 0.95);
  const value = meanOf(run) - meanOf(over);
  return { name: run.name, over: over.name, value, low, high, isDecided: low > 0 };
}

/** `runs` were all measured on the same cases. `needsExploration` is the person's to say: no run can. */
export function stageRule(runs: readonly StagedRun[], needsExploration: boolean): StageVerdict {
  const inOrder = [...runs].sort((a, b) => a.createdAt - b.createdAt);
  const candidates = (isOnline: boolean): Candidate[] =>
    inOrder.filter((run) => run.isOnline === isOnline).map(({ name, compared }) => ({ name, rubric: compared.rubric }));
  const [first] = inOrder;
  if (!first) return { stage: 'measure offline', offline: [], gained: [], online: [] };
  const start: Candidate = { name: 'the start', rubric: first.compared.startRubric };
  const offlineRuns = candidates(false);
  const offline = offlineRuns.map((run, i) => gainOf(run, bestOf([start, ...offlineRuns.slice(0, i)])));
  const best = bestOf([start, ...offlineRuns]);
  const online = candidates(true).map((run) => gainOf(run, best));
  const gained = offline.slice(-2).filter(({ isDecided }) => isDecided);
  return { stage: stageOf(offline.slice(-2), gained, needsExploration), offline, gained, online };
}
function stageOf(lastTwo: readonly Gain[], gained: readonly Gain[], needsExploration: boolean): Stage {
  if (lastTwo.length === 0) return 'measure offline';
  if (gained.length > 0) return 'stay offline';
  if (lastTwo.length < 2) return 'one more offline';
  // A gain that these cases cannot see is not ruled out: flat is what they rule out.
  if (lastTwo.some(({ high }) => high > WORTH_HAVING)) return 'too few cases';
  return needsExploration ? 'go online' : 'flat, stay offline';
}

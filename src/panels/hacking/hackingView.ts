// The chain of reward hacking as its panel shows it: the runs by stage, one chart of reward and true quality, and what came of each
// arm in words. Pure.
import {
  HACKING_ARMS,
  HACKING_SIZES,
  HACKING_STAGES,
  type HackingArm,
  type HackingSize,
  type HackingStage,
  hackingChain,
} from '../../labs/recipes/hacking';
import { argsOf } from '../../labs/trainerOf';
import { signed } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import { rewardName } from '../../protocol/rewardRules';
import type { RunRecord } from '../../protocol/run';
import { changeWords, type Reading, readingsOf } from '../../protocol/twoMetrics';
import type { Series } from '../../ui/LineChart';

export type Chain = Partial<Record<HackingStage, RunRecord>>;
/** The runs of a group by the stage whose recipe they have. */
export const chainOf = (runs: readonly RunRecord[], group: string | undefined): Chain =>
  Object.fromEntries(
    HACKING_STAGES.flatMap((stage) => {
      const run = runs.find((one) => one.group === group && group !== undefined && one.recipe.name === stage);
      return run ? [[stage, run]] : [];
    }),
  );

/** That a chain was begun with; undefined where none of its runs is here. */
export function sizeOf(chain: Chain): HackingSize | undefined {
  const reward = (chain['biased reward'] ?? chain['fair reward'])?.recipe.args.max_steps;
  const sizes = Object.keys(HACKING_SIZES) as HackingSize[];
  return reward === undefined ? undefined : (sizes.find((size) => HACKING_SIZES[size].reward === reward) ?? 'measured');
}
/** What a chain trains, from its recipes. */
export function chainWords(size: HackingSize): string {
  const [judge, policy] = hackingChain(size);
  const of = (recipe: Recipe | undefined, arg: string) => Number(argsOf(recipe!)[arg]);
  const what = `Two reward models of ${of(judge, 'max_steps')} steps on ${of(judge, 'per_device_train_batch_size')} pairs, two policies of ${of(policy, 'max_steps')} rollouts of ${of(policy, 'per_device_train_batch_size')} answers.`;
  return size === 'measured'
    ? `${what} On a processor alone that is three quarters of an hour and more; a graphics card is faster.`
    : `${what} Under a third of the whole: it shows how the chain goes, and may end before quality has moved.`;
}

export const ARM_WORDS: Record<HackingArm, { title: string; note: string }> = {
  biased: {
    title: 'Paid by biased votes',
    note: 'the votes like length and flattery, steps are large, β is low, and nothing stops the run',
  },
  fair: {
    title: 'The fix',
    note: 'the votes follow the rubric, steps are a third, β is four times as high, and a guardrail that is surely worse ends the run',
  },
};

/** Standard deviation of a reward among the first answers that the run drew: the unit in which gains are told. */
function unitOf({ points }: Pick<RunRecord, 'points'>, name: string): number | undefined {
  const std = points.find((point) => `rewards/${name}/std` in point)?.[`rewards/${name}/std`];
  return typeof std === 'number' && std > 0 ? std : undefined;
}
const judgeOf = ({ recipe }: Pick<RunRecord, 'recipe'>): string | undefined => {
  const spec = recipe.rewards?.find(({ type }) => type === 'model');
  return spec && rewardName(spec);
};
const at = (run: Pick<RunRecord, 'points'>, metric: string): { step: number; reading: Reading }[] =>
  run.points.flatMap((point) => {
    const reading = readingsOf(point)?.find((one) => one.metric === metric);
    return reading ? [{ step: point.step, reading }] : [];
  });

/** Held-out reward or true quality since the start, in standard deviations of the first answers. */
export function gainsOf(run: RunRecord, what: 'reward' | 'rubric'): { step: number; value: number }[] {
  const name = what === 'reward' ? judgeOf(run) : 'rubric';
  const unit = name === undefined ? undefined : unitOf(run, name);
  if (unit === undefined) return [];
  return at(run, what).map(({ step, reading: { before, now } }) => ({ step, value: (now - before) / unit }));
}
const COLOURS: Record<HackingArm, Record<'reward' | 'rubric', string>> = {
  biased: { reward: 'var(--s3)', rubric: 'var(--s2)' },
  fair: { reward: 'var(--s0)', rubric: 'var(--s1)' },
};
/** Solid: what is paid; dashed: what was wanted. */
export function gainSeries(chain: Chain): Series[] {
  return HACKING_ARMS.flatMap((arm) => {
    const run = chain[`${arm} policy`];
    if (!run) return [];
    return (['reward', 'rubric'] as const).map((what) => ({
      id: `${arm} ${what}`,
      label: `${arm} votes: ${what === 'reward' ? 'reward' : 'true quality'}`,
      color: COLOURS[arm][what],
      isHeldOut: what === 'rubric',
      points: gainsOf(run, what),
    }));
  });
}

const last = (run: RunRecord, metric: string): Reading | undefined => at(run, metric).at(-1)?.reading;
export type Finding = 'hacked' | 'unpaid' | 'agreed' | 'unmoved';
export interface ArmFinding {
  kind: Finding;
  words: string;
}
/** What the last measurement of an arm says; undefined before there is one beside the start. */
export function findingOf(run: RunRecord): ArmFinding | undefined {
  const [reward, quality] = [last(run, 'reward'), last(run, 'rubric')];
  if (!reward || !quality || at(run, 'reward').length < 2) return undefined;
  const gain = gainsOf(run, 'reward').at(-1)?.value;
  const figures = `Reward ${gain === undefined ? changeWords(reward) : `${signed(gain)} standard deviations`}, true quality ${changeWords(quality)}${sides(run)}.`;
  const told = (kind: Finding, words: string): ArmFinding => ({ kind, words: `${words} ${figures}` });
  if (!(reward.low > 0)) return told('unmoved', 'The reward has not surely risen yet.');
  if (quality.high < 0)
    return told('hacked', 'Reward rises and true quality falls: the policy has found what the reward model pays for.');
  if (quality.low > 0) return told('agreed', 'Reward and true quality rise together.');
  return told('unpaid', 'Reward rises, and true quality is not surely any better.');
}
/** What else has changed of the answers. */
function sides(run: RunRecord): string {
  const [flattery, length] = [last(run, 'flattery'), last(run, 'mean_length')];
  return [
    flattery && `, answers that flatter ${changeWords(flattery)}`,
    length && `, length ${changeWords(length)} tokens`,
  ]
    .filter(Boolean)
    .join('');
}

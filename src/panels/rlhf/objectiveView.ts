// What a run's points say of max E[r] − β·KL: the equation with today's numbers, where an iteration's time goes, and which figures
// are drawn for a method. Pure.
import { number, setting } from '../../lib/words';
import type { MetricPoint } from '../../protocol/run';
import { metricSeries } from '../../ui/runWords';

/** The objective of one logged point, as it was logged. */
export interface Objective {
  step: number;
  /** E[r]: objective/scores. */
  reward: number;
  /** Of a whole completion, nats: objective/kl; undefined without a reference. */
  kl?: number;
  /** Of all completions, those included that none is taken from: objective/kl_drawn; undefined where it is not logged. */
  drawnKl?: number;
  beta?: number;
  /** −objective/non_score_reward. */
  penalty?: number;
  /** objective/rlhf_reward, or the reward where nothing is taken from it. */
  net: number;
}
const has = (value: number | null | undefined): value is number => typeof value === 'number' && Number.isFinite(value);

/** Of the last point that has seen a rollout; undefined before the first. */
export function lastObjective(points: readonly MetricPoint[]): Objective | undefined {
  const point = points.findLast((one) => has(one['objective/scores']));
  return point && objectiveOf(point);
}
/** Of the first such point: before anything was learned. */
export function firstObjective(points: readonly MetricPoint[]): Objective | undefined {
  const point = points.find((one) => has(one['objective/scores']));
  return point && objectiveOf(point);
}
function objectiveOf(point: MetricPoint): Objective {
  const reward = point['objective/scores'] as number;
  const [kl, beta, taken, net, drawn] = ['kl', 'kl_coef', 'non_score_reward', 'rlhf_reward', 'kl_drawn'].map(
    (name) => point[`objective/${name}`],
  );
  if (!has(kl) || !has(beta) || !has(taken)) return { step: point.step, reward, net: reward };
  return {
    ...{ step: point.step, reward, kl, beta, penalty: 0 - taken, net: has(net) ? net : reward + taken },
    ...(has(drawn) && { drawnKl: drawn }),
  };
}
/** The KL that says how far the policy has gone, and that kl_target steers by: of masked completions too, where a run masks some. */
export const klOfAll = (points: readonly MetricPoint[]): 'objective/kl' | 'objective/kl_drawn' =>
  points.some((point) => has(point['objective/kl_drawn'])) ? 'objective/kl_drawn' : 'objective/kl';

const less = (value: number): string => (value < 0 ? `(${number(value)})` : number(value));
/** `0.712 − 0.02 · 8.39 = 0.712 − 0.168 = 0.544`. */
export function equation({ reward, kl, beta, penalty, net }: Objective): { terms: string; net: string } {
  if (kl === undefined || beta === undefined || penalty === undefined)
    return { terms: `E[r] = ${number(reward)}, and β = 0: no reference is read`, net: number(net) };
  return {
    terms: `${number(reward)} − ${setting(beta)} · ${less(kl)} = ${number(reward)} − ${less(penalty)}`,
    net: number(net),
  };
}

/** What the objective has come to since the first rollout, in a sentence; undefined before there are two. */
export function objectiveWords(points: readonly MetricPoint[]): string | undefined {
  const [first, last] = [firstObjective(points), lastObjective(points)];
  if (!first || !last || last.step === first.step) return undefined;
  const [gain, net] = [last.reward - first.reward, last.net - first.net];
  const { kl, drawnKl, penalty } = last;
  const away = drawnKl === undefined ? ' away' : `; all completions, masked ones too, are ${number(drawnKl)} nats away`;
  const paid = penalty === undefined ? '' : ` and paid ${number(penalty)} for ${number(kl!)} nats${away} from the reference`; // biome-ignore format: one choice
  const told = `Since step ${first.step} the reward ${gain >= 0 ? 'gained' : 'lost'} ${number(Math.abs(gain))}${paid}: the objective is ${number(Math.abs(net))} ${net >= 0 ? 'higher' : 'lower'}`;
  if (gain > 0 && net < 0)
    return `${told}. The reward does not pay for the way it took: stop earlier, or lower learning_rate.`;
  if (gain <= 0 && (last.penalty ?? 0) > 0.05) return `${told}. Single rollouts are noisy; watch a few more.`;
  return `${told}.`;
}

export const TIMES = ['rollout', 'scoring', 'update'] as const;
export interface TimeSplit {
  /** Rollouts behind the means. */
  iterations: number;
  /** Mean seconds of one. */
  seconds: number;
  parts: { name: (typeof TIMES)[number]; seconds: number; share: number }[];
}
/** Mean time of an iteration: a rollout, its scoring, and all steps taken on it. `rows`: completions of a rollout. */
export function timeSplit(points: readonly MetricPoint[], rows: number): TimeSplit | undefined {
  const logged = points.filter((point) => has(point['time/update']));
  // A run that was resumed counts on; what its points hold is what was timed.
  const episodes = metricSeries(logged, 'episode').map(({ value }) => value);
  const iterations = episodes.length === 0 ? 0 : Math.round(episodes.at(-1)! / rows);
  if (iterations === 0) return undefined;
  const sums = TIMES.map((name) =>
    logged.reduce((sum, point) => sum + ((point[`time/${name}`] as number | undefined) ?? 0), 0),
  );
  const total = sums.reduce((a, b) => a + b, 0);
  if (total === 0) return undefined;
  return {
    iterations,
    seconds: total / iterations,
    parts: TIMES.map((name, i) => ({ name, seconds: sums[i]! / iterations, share: sums[i]! / total })),
  };
}

/** Figures beside the charts, in the order in which they are read; those that the method logs. */
const SMALL = [
  'reward_std',
  'completions/clipped_ratio',
  'entropy',
  'policy/entropy_avg',
  'frac_reward_zero_std',
  'clip_ratio/region_mean',
  'policy/clipfrac_avg',
  'policy/approxkl_avg',
  'val/ratio',
  'loss/value_avg',
  'val/explained_variance',
  'val/clipfrac_avg',
  'val/num_eos_tokens',
  'returns/mean',
  'returns/std',
  'objective/kl_coef',
  'objective/kl_drawn',
  'objective/entropy',
  'loss',
  'grad_norm',
  'grad_norm/value_model',
  'learning_rate',
] as const;
/** objective/kl_drawn is declared for every run of RLOO, and logged where one masks. */
export const smallMetrics = (metrics: Readonly<Record<string, unknown>>, points: readonly MetricPoint[]): string[] =>
  SMALL.filter((name) => name in metrics && (name !== 'objective/kl_drawn' || klOfAll(points) === name));

/** Functions of which the run has logged anything, in the order of its recipe. */
export const loggedFunctions = (points: readonly MetricPoint[], names: readonly string[]): string[] =>
  names.filter((name) => points.some((point) => has(point[`rewards/${name}/mean`])));

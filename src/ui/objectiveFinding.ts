// What a run of an online method has come to, in one sentence: the objective of held-out prompts, or else of its rollouts, with how far
// the answers have moved for it. Pure.
import { count, number } from '../lib/words';
import type { MetricPoint } from '../protocol/run';
import { klAllowed } from '../protocol/twoMetrics';
import type { LossFinding } from './lossFinding';
import { metricSeries } from './runWords';

const OBJECTIVE = 'objective/rlhf_reward';
/** Without a reference nothing is taken from the reward. */
const REWARD = 'reward';
/** Of all answers, where a method logs the KL of those it trains apart. */
const DRAWN_KL = 'objective/kl_drawn';
const KL = 'objective/kl';
const LENGTH = 'completions/mean_length';
/** Rollouts that are averaged at each end: single ones are noisy. */
const END = 5;
/** Nats of a completion that the guardrail on KL allows where nobody has said otherwise. */
const FAR = klAllowed(undefined);
/** Answers that many times as long, or as short, are other answers. */
const SEVERALFOLD = 3;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Points of a run that draws completions of its own and is paid for them. */
export const hasRewards = (points: readonly MetricPoint[]): boolean => points.some((point) => REWARD in point);

/** First and last: of held-out prompts where they were measured twice, else means of the ends of the rollouts. */
function endsOf(
  points: readonly MetricPoint[],
  metric: string,
): { first: number; last: number; where: string } | undefined {
  // biome-ignore format: one line
  const held = metricSeries(points, `eval_${metric}`).map(({ value }) => value);
  if (held.length >= 2) return { first: held[0]!, last: held.at(-1)!, where: 'of held-out prompts' };
  const own = metricSeries(points, metric).map(({ value }) => value);
  const k = Math.min(END, Math.floor(own.length / 2));
  return k < 2 ? undefined : { first: mean(own.slice(0, k)), last: mean(own.slice(-k)), where: 'of the rollouts' };
}

/**
 * Undefined while there is too little to compare. An objective that has risen is no success by itself where the model is far from
 * its reference, or its answers are severalfold as long or as short as they were: that is what gaming a reward looks like.
 */
export function objectiveFinding(points: readonly MetricPoint[]): LossFinding | undefined {
  const hasNet = metricSeries(points, OBJECTIVE).length > 0;
  const net = endsOf(points, OBJECTIVE) ?? endsOf(points, REWARD);
  if (!net) return undefined;
  const [kl, length] = [endsOf(points, DRAWN_KL) ?? endsOf(points, KL), endsOf(points, LENGTH)];
  const ratio = length ? Math.max(length.last, 1) / Math.max(length.first, 1) : 1;
  const isFar = kl !== undefined && kl.last > FAR;
  const isOther = ratio >= SEVERALFOLD || ratio <= 1 / SEVERALFOLD;
  const beside = [
    ...(kl ? [`KL is ${number(kl.last)} nats an answer`] : []),
    ...(length ? [`answers went from ${tokens(length.first)} to ${tokens(length.last)} tokens`] : []),
  ].join(', ');
  const change = `${hasNet ? 'E[r] − β·KL' : 'The reward'} ${net.where} went from ${number(net.first)} to ${number(net.last)}${beside && `; ${beside}`}`;
  if (net.last <= net.first)
    return {
      kind: 'no help',
      words: `${change}: training did not help. Look at rewards and reward_std: where all completions of a prompt are paid alike, nothing is learned; where KL is dear, lower learning_rate.`,
    };
  if (!isFar && !isOther) return { kind: 'learned', words: `${change}.` };
  const [far, other] = [
    `the model is far from its reference (a guardrail allows ${number(FAR)} nats unless told otherwise)`,
    `answers are ${number(ratio > 1 ? ratio : 1 / ratio)} times as ${ratio > 1 ? 'long' : 'short'} as before`,
  ];
  const why = [...(isFar ? [far] : []), ...(isOther ? [other] : [])].join(', and ');
  return {
    kind: 'drifted',
    words: `${change}. The reward may have been gamed: ${why}. Read the answers below before you trust the figure.`,
  };
}
const tokens = (length: number): string => (length >= 10 ? count(Math.round(length)) : number(length));

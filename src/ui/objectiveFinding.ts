// What a run of an online method has come to, in one sentence: the objective of held-out prompts, or else of its rollouts. Pure.
import { number } from '../lib/words';
import type { MetricPoint } from '../protocol/run';
import type { LossFinding } from './lossFinding';
import { metricSeries } from './runWords';

const OBJECTIVE = 'objective/rlhf_reward';
/** Without a reference nothing is taken from the reward. */
const REWARD = 'reward';
/** Rollouts that are averaged at each end: single ones are noisy. */
const END = 5;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Points of a run that draws completions of its own and is paid for them. */
export const hasRewards = (points: readonly MetricPoint[]): boolean => points.some((point) => REWARD in point);

/** Undefined while there is too little to compare. */
export function objectiveFinding(points: readonly MetricPoint[]): LossFinding | undefined {
  const of = (prefix: string) => {
    const net = metricSeries(points, prefix + OBJECTIVE);
    return (net.length > 0 ? net : metricSeries(points, prefix + REWARD)).map(({ value }) => value);
  };
  const hasNet = metricSeries(points, OBJECTIVE).length > 0;
  const name = hasNet ? 'E[r] − β·KL' : 'The reward';
  const told = (where: string, first: number, last: number): LossFinding => {
    const change = `${name} ${where} went from ${number(first)} to ${number(last)}`;
    if (last > first) return { kind: 'learned', words: `${change}.` };
    return {
      kind: 'no help',
      words: `${change}: training did not help. Look at rewards and reward_std: where all completions of a prompt are paid alike, nothing is learned; where KL is dear, lower ${hasNet ? 'learning_rate or β' : 'learning_rate'}.`,
    };
  };
  const held = of('eval_');
  if (held.length >= 2) return told('of held-out prompts', held[0]!, held.at(-1)!);
  const own = of('');
  const k = Math.min(END, Math.floor(own.length / 2));
  return k < 2 ? undefined : told('of the rollouts', mean(own.slice(0, k)), mean(own.slice(-k)));
}

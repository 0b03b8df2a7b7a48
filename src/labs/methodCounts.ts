// What a run has used, counted from its record: tokens, time, votes, cases. Passes over weights are told in floating-point operations
// by the usual rule, 2·N a token forward and 4·N backward (Kaplan et al. 2020, arXiv:2001.08361, §2.1), N = parameters: attention's
// own products, 4·layers·width·T a token forward, are left out, and the rule is as rough as that.
import type { Recipe } from '../protocol/recipe';
import type { MemoryPlan } from '../protocol/requests';
import type { MetricPoint, RunRecord } from '../protocol/run';
import { refusalCounts, SECONDS } from '../protocol/twoMetrics';
import type { RolloutPlan } from '../trainers/online/rolloutPlan';
import { type PpoPlanArgs, ppoPlan } from '../trainers/ppo/plan';
import { type ReinforcePlanArgs, reinforcePlan } from '../trainers/reinforce/plan';
import { type RlooPlanArgs, rlooPlan } from '../trainers/rloo/plan';
import { referenceOf } from './referenceRef';
import { rewardRefs } from './rewardRefs';
import { argsOf, configOf } from './trainerOf';

/** How an online recipe shares out its rollouts; undefined for methods that train on rows as they are. */
export function rolloutPlanOf(recipe: Pick<Recipe, 'trainer' | 'args'>): RolloutPlan | undefined {
  const args: unknown = argsOf(recipe);
  if (recipe.trainer === 'rloo') return rlooPlan(args as RlooPlanArgs);
  if (recipe.trainer === 'ppo') return ppoPlan(args as PpoPlanArgs);
  if (recipe.trainer === 'reinforce') return reinforcePlan(args as ReinforcePlanArgs);
  return undefined;
}

/** Optimizer steps' time, and of online methods that of drawing and of scoring; seconds, without evaluation and saving. */
export interface Seconds {
  update: number;
  rollout: number;
  scoring: number;
}
export interface RunCounts {
  seconds: Seconds;
  /** Read by the policy in optimizer steps, prompts included, each pass over a rollout anew. */
  trainedTokens: number;
  /** Drawn by the policy in rollouts. */
  generatedTokens: number;
  /** Prompts and completions of rollouts, each once: what is read to score them. */
  rolloutTokens: number;
  /** Different rows with a vote that were trained on; 0 for methods that only take prompts. */
  votes: number;
  /** A vote is one answer's label rather than the comparison of two. */
  areSingle: boolean;
  /** Held-out cases answered for targets, guardrails and the comparison, and the seconds of it. */
  cases: number;
  caseSeconds: number;
}

const at = (point: MetricPoint, name: string): number => point[name] ?? 0;

export function runCounts({
  recipe,
  points,
  step,
  compared,
}: Pick<RunRecord, 'recipe' | 'points' | 'step' | 'compared'>): RunCounts {
  const plan = rolloutPlanOf(recipe);
  const seconds: Seconds = { update: 0, rollout: 0, scoring: 0 };
  let [tokens, generated, epoch, lastStep] = [0, 0, 0, 0];
  for (const point of points) {
    if (!('num_tokens' in point)) continue;
    const grown = at(point, 'num_tokens') - tokens;
    tokens = at(point, 'num_tokens');
    epoch = point.epoch;
    if (plan) {
      seconds.update += at(point, 'time/update');
      seconds.rollout += at(point, 'time/rollout');
      seconds.scoring += at(point, 'time/scoring');
      // The point's length is the mean over the rollouts that were drawn since the last one.
      const stepsOf = plan.passes * plan.stepsPerPass;
      const rollouts = Math.ceil(point.step / stepsOf) - Math.ceil(lastStep / stepsOf);
      generated += rollouts * plan.rows * at(point, 'completions/mean_length');
    } else if (at(point, 'tokens_per_second') > 0) seconds.update += grown / at(point, 'tokens_per_second');
    lastStep = point.step;
  }
  const measured = points.filter((point) => SECONDS in point);
  const { two_metrics: watch } = recipe;
  const asked = watch ? watch.cases + refusalCounts(watch.cases).due + refusalCounts(watch.cases).other : 0;
  return {
    seconds,
    trainedTokens: tokens,
    generatedTokens: Math.round(generated),
    rolloutTokens: plan ? tokens / plan.passes : 0,
    votes: plan ? 0 : votesOf(recipe, step, epoch),
    areSingle: recipe.trainer === 'kto',
    cases: measured.length * asked + (compared ? compared.cases + compared.refusals : 0),
    caseSeconds: measured.reduce((sum, point) => sum + at(point, SECONDS), 0) + (compared?.seconds ?? 0),
  };
}
/** Rows that were seen, each once: after the first pass over the set there are no new ones. */
function votesOf(recipe: Recipe, step: number, epoch: number): number {
  const { per_device_train_batch_size: size, gradient_accumulation_steps: accumulated } = argsOf(recipe);
  const seen = step * Number(size) * Number(accumulated);
  return Math.round(epoch > 1 ? seen / epoch : seen);
}

/** Floating-point operations by what they were for. */
export interface Flops {
  update: number;
  reference: number;
  rollout: number;
  /** Reward models, and the value model's own training with it. */
  reward: number;
  value: number;
}
export const totalFlops = ({ update, reference, rollout, reward, value }: Flops): number =>
  update + reference + rollout + reward + value;

/**
 * `parameters`: N of the policy, which the models beside it are taken to have too. A frozen base needs no gradient of its weights, so
 * that an adapter's step is 4·N instead of 6·N a token; gradient_checkpointing runs forward once more.
 */
export function runFlops(
  recipe: Recipe,
  { trainedTokens, rolloutTokens }: Pick<RunCounts, 'trainedTokens' | 'rolloutTokens'>,
  parameters: number,
  epochs: number,
): Flops {
  const args = argsOf(recipe);
  const forward = 2 * parameters;
  const config = configOf(recipe);
  const isOnline = config.isOnline === true;
  const readsReference = referenceOf(recipe, args) !== undefined;
  // Read once before the first step: all rows of the set, whatever part of it, or how often, was trained on.
  const isBefore = args.precompute_ref_log_probs === true;
  const referenceTokens = isOnline ? rolloutTokens : isBefore && epochs > 0 ? trainedTokens / epochs : trainedTokens;
  const step = (recipe.peft ? 4 : 6) + (args.gradient_checkpointing === true ? 2 : 0);
  return {
    update: step * parameters * trainedTokens,
    reference: readsReference ? forward * referenceTokens : 0,
    // Each token through the policy once as it is drawn, and once more to read its log-probability.
    rollout: isOnline ? 2 * forward * rolloutTokens : 0,
    reward: forward * rolloutTokens * (isOnline ? rewardRefs(recipe).length : 0),
    value: config.hasValueModel ? forward * rolloutTokens + 6 * parameters * trainedTokens : 0,
  };
}

/** Bytes of what is on the device at once, by whose they are. */
export interface MemoryParts {
  /** Weights, gradients and moments. */
  policy: number;
  reference: number;
  reward: number;
  value: number;
  activations: number;
}
/** The plan of the recipe without targets and guardrails, taken apart; frozen models are weights alone, a value model trains too. */
export function memoryParts(
  recipe: Recipe,
  { weights, activations }: Pick<MemoryPlan, 'weights' | 'activations'>,
  parameters: number,
): MemoryParts {
  const reference = referenceOf(recipe, argsOf(recipe));
  const bytes = 4 * parameters;
  const isHeld = reference !== undefined && reference !== 'adapter_off';
  const config = configOf(recipe);
  const parts = {
    reference: isHeld ? bytes : 0,
    reward: config.isOnline ? bytes * rewardRefs(recipe).length : 0,
    // Weights, gradient, and AdamW's two moments.
    value: config.hasValueModel ? 4 * bytes : 0,
  };
  const beside = parts.reference + parts.reward + parts.value;
  return { policy: Math.max(0, weights - beside), ...parts, activations };
}

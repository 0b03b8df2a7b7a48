// The losses on preference pairs, one entry each, by the names of TRL 1.16 (DPOTrainer, CPOTrainer, ORPOTrainer). They are
// written over an algebra, so that the page draws with numbers what a trainer computes with tensors. No tfjs here.
import type { Algebra } from '../lib/algebra';
import { ConfigError } from '../lib/errors';

/** One pair, or [n] of them. Log-probabilities are sums over the completion's tokens in nats; lengths count those tokens. */
export interface Pair<T> {
  chosenLogps: T;
  rejectedLogps: T;
  /** Under the frozen reference; not read where a loss needs none. */
  refChosenLogps: T;
  refRejectedLogps: T;
  chosenLengths: T;
  rejectedLengths: T;
  /** Tokens of the completion that nothing predicts, beside those that were counted; none unless given. */
  chosenUnscored?: T;
  rejectedUnscored?: T;
}

export const F_DIVERGENCES = ['reverse_kl', 'forward_kl', 'js_divergence', 'alpha_divergence'] as const;

/** Settings in TRL's spelling; what is left out has TRL's default. */
export interface PairLossArgs {
  /** In IPO the τ of its paper. */
  beta: number;
  /** Share of the votes that are taken to be wrong; 0 by default. */
  label_smoothing?: number;
  /** reverse_kl by default. */
  f_divergence_type?: (typeof F_DIVERGENCES)[number];
  /** 0.5 by default. */
  f_alpha_divergence_coef?: number;
  /** 0.05 by default. */
  discopop_tau?: number;
  /** 0.5 by default. */
  simpo_gamma?: number;
  /** The α of AlphaPO, read by CPO's losses; 0 by default: a reward is log p. */
  alpha?: number;
  /** Ours: takes the reference for a model that finds all completions equally likely. */
  reference_free?: boolean;
}

/** A value of each side. */
export interface Sides<T> {
  chosen: T;
  rejected: T;
}

interface Described {
  /** With m the margin and r_c, r_r the rewards of the two sides. */
  formula: string;
  source: string;
  /** One sentence. */
  meaning: string;
  needsReference: boolean;
  /** Log-probabilities per token instead of sums: in the loss, in rewards/* and in logps/*. */
  averaged: boolean;
  /** Whether `alpha` shapes its rewards. */
  shaped?: boolean;
  /** Whether TRL has it, so that a fixture could be made. */
  inTrl: boolean;
}
/** A loss of one number a pair: its curve can be drawn. */
interface OfMargin extends Described {
  /** What m is, as a formula. */
  marginFormula: string;
  margin<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T;
  ofMargin<T>(ops: Algebra<T>, m: T, args: PairLossArgs): T;
}
/** A loss that looks at the reward of each side, r = β · (log π − log π_ref). */
interface OfRewards extends Described {
  ofRewards<T>(ops: Algebra<T>, rewards: Sides<T>, args: PairLossArgs): T;
}
export type PairLoss = OfMargin | OfRewards;

const smoothing = (args: PairLossArgs): number => args.label_smoothing ?? 0;
const neg = <T>(ops: Algebra<T>, x: T): T => ops.mul(x, -1);
/** −log σ(x). */
const logistic = <T>(ops: Algebra<T>, x: T): T => neg(ops, ops.logSigmoid(x));
/** An empty completion counts as one token, as in TRL's clamp(min=1). */
const perToken = <T>(ops: Algebra<T>, logps: T, lengths: T): T => ops.div(logps, ops.atLeast(lengths, 1));

/** log π − log π_ref of each side, nats. */
export function logRatios<T>(ops: Algebra<T>, pair: Pair<T>, { reference_free }: PairLossArgs): Sides<T> {
  if (reference_free) return { chosen: pair.chosenLogps, rejected: pair.rejectedLogps };
  return {
    chosen: ops.sub(pair.chosenLogps, pair.refChosenLogps),
    rejected: ops.sub(pair.rejectedLogps, pair.refRejectedLogps),
  };
}

/** What is logged as logps/chosen and logps/rejected. */
export function shownLogps<T>({ averaged }: Pick<PairLoss, 'averaged'>, ops: Algebra<T>, pair: Pair<T>): Sides<T> {
  if (!averaged) return { chosen: pair.chosenLogps, rejected: pair.rejectedLogps };
  return {
    chosen: perToken(ops, pair.chosenLogps, pair.chosenLengths),
    rejected: perToken(ops, pair.rejectedLogps, pair.rejectedLengths),
  };
}

/**
 * (1 − p^−α) ∕ α of log p, which tends to log p as α does to 0: Gupta et al. 2025, arXiv:2501.03884, in TRL's form. Exponents stop at
 * 80, so that f32 stays finite, where TRL's is infinite.
 */
const shapedReward = <T>(ops: Algebra<T>, logp: T, alpha: number): T =>
  ops.div(ops.add(neg(ops, ops.exp(ops.atMost(ops.mul(logp, -alpha), 80))), 1), alpha);

/** log p of each side, of whole answers or per token, as `alpha` shapes it. */
function shapedLogps<T>(
  loss: Pick<PairLoss, 'averaged'>,
  ops: Algebra<T>,
  pair: Pair<T>,
  args: PairLossArgs,
): Sides<T> {
  const { chosen, rejected } = shownLogps(loss, ops, pair);
  const { alpha = 0 } = args;
  if (alpha === 0) return { chosen, rejected };
  return { chosen: shapedReward(ops, chosen, alpha), rejected: shapedReward(ops, rejected, alpha) };
}

/** What is logged as rewards/chosen and rewards/rejected: β · (log π − log π_ref), or β · log π without a reference. */
export function impliedRewards<T>(
  loss: Pick<PairLoss, 'averaged' | 'needsReference' | 'shaped'>,
  ops: Algebra<T>,
  pair: Pair<T>,
  args: PairLossArgs,
): Sides<T> {
  const sides = loss.shaped ? shapedLogps : shownLogps;
  const { chosen, rejected } = loss.needsReference ? logRatios(ops, pair, args) : sides(loss, ops, pair, args);
  return { chosen: ops.mul(chosen, args.beta), rejected: ops.mul(rejected, args.beta) };
}

/**
 * f′(π/π_ref) of a log-ratio d: Wang et al. 2023, arXiv:2309.16240, table 1, in TRL's form. Exponents stop at 80, so that f32
 * stays finite: TRL does so for alpha_divergence alone.
 */
function divergenceScore<T>(ops: Algebra<T>, d: T, args: PairLossArgs): T {
  const { f_divergence_type = 'reverse_kl', f_alpha_divergence_coef = 0.5 } = args;
  if (f_divergence_type === 'forward_kl') return ops.add(neg(ops, ops.exp(ops.atMost(neg(ops, d), 80))), 1);
  if (f_divergence_type === 'js_divergence') return ops.add(ops.logSigmoid(d), Math.LN2);
  const power = f_alpha_divergence_coef - 1;
  if (f_divergence_type === 'alpha_divergence' && Math.abs(power) >= 1e-6)
    return ops.div(ops.sub(ops.exp(ops.atMost(ops.mul(d, power), 80)), 1), power);
  return d;
}

function scores<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): Sides<T> {
  const { chosen, rejected } = logRatios(ops, pair, args);
  return { chosen: divergenceScore(ops, chosen, args), rejected: divergenceScore(ops, rejected, args) };
}

/** β · (s_c − s_r) with s the log-ratio, or its f-divergence score. */
const scoreMargin = {
  marginFormula: 'm = β · (d_c − d_r), d = log π − log π_ref',
  margin<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T {
    const { chosen, rejected } = scores(ops, pair, args);
    return ops.mul(ops.sub(chosen, rejected), args.beta);
  },
};
/**
 * |c| and |r| of DPO's losses per token: all tokens of a completion, as TRL takes them from the mask before it shifts it. CPO's and
 * ORPO's take the shifted one.
 */
export function wholeLengths<T>(ops: Algebra<T>, pair: Pair<T>): Sides<T> {
  const { chosenLengths, rejectedLengths, chosenUnscored, rejectedUnscored } = pair;
  return {
    chosen: chosenUnscored === undefined ? chosenLengths : ops.add(chosenLengths, chosenUnscored),
    rejected: rejectedUnscored === undefined ? rejectedLengths : ops.add(rejectedLengths, rejectedUnscored),
  };
}
/** The same with each score divided by its completion's length. */
const averagedScoreMargin = {
  marginFormula: 'm = β · (d_c ∕ |c| − d_r ∕ |r|), d = log π − log π_ref',
  margin<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T {
    const { chosen, rejected } = scores(ops, pair, args);
    const lengths = wholeLengths(ops, pair);
    const difference = ops.sub(perToken(ops, chosen, lengths.chosen), perToken(ops, rejected, lengths.rejected));
    return ops.mul(difference, args.beta);
  },
};
/** β · (log π(c) − log π(r)), or of what `alpha` makes of the two: no reference. */
const logpMargin = {
  averaged: false,
  marginFormula: 'm = β · (log π(c) − log π(r))',
  margin<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T {
    const { chosen, rejected } = shapedLogps(logpMargin, ops, pair, args);
    return ops.mul(ops.sub(chosen, rejected), args.beta);
  },
};
const averagedLogpMargin = {
  averaged: true,
  marginFormula: 'm = β · (log π(c) ∕ |c| − log π(r) ∕ |r|)',
  margin<T>(ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T {
    const { chosen, rejected } = shapedLogps(averagedLogpMargin, ops, pair, args);
    return ops.mul(ops.sub(chosen, rejected), args.beta);
  },
};
/** The formula of a loss's margin under these settings: with an `alpha` CPO's compares shaped rewards. */
export function marginFormula(loss: OfMargin, { alpha = 0 }: PairLossArgs): string {
  if (!loss.shaped || alpha === 0) return loss.marginFormula;
  return `m = r_c − r_r, r = β · (1 − p^−α) ∕ α, log p = log π${loss.averaged ? ' ∕ length' : ''}`;
}

/** (m/β − 1/(2β))²: arXiv:2310.12036, eq. 17. */
const squaredDistance = <T>(ops: Algebra<T>, m: T, { beta }: PairLossArgs): T =>
  ops.square(ops.div(ops.sub(m, 0.5), beta));
/** −(1 − ε) · log σ(m) − ε · log σ(−m). */
const smoothed = <T>(ops: Algebra<T>, m: T, args: PairLossArgs): T =>
  ops.add(ops.mul(logistic(ops, m), 1 - smoothing(args)), ops.mul(logistic(ops, neg(ops, m)), smoothing(args)));
const hinge = <T>(ops: Algebra<T>, m: T): T => ops.relu(ops.add(neg(ops, m), 1));

const dpo = { needsReference: true, averaged: false, inTrl: true } as const;

/** DPOTrainer's `loss_type`. `aot`, `aot_unpaired` and `sft` look at more than one pair: src/trainers/preference has them. */
export const dpoLosses = {
  sigmoid: {
    ...dpo,
    ...scoreMargin,
    formula: '−log σ(m)',
    source: 'Rafailov et al. 2023, arXiv:2305.18290, eq. 7',
    meaning:
      'Makes the chosen answer gain more over the reference than the rejected one; a pair that is clear pulls less.',
    ofMargin: (ops, m) => logistic(ops, m),
  },
  cdpo: {
    ...dpo,
    ...scoreMargin,
    inTrl: false,
    formula: '−(1 − ε) · log σ(m) − ε · log σ(−m)',
    source: 'Mitchell 2023, “A note on DPO with noisy preferences”; ε = label_smoothing',
    meaning:
      'As sigmoid where a share ε of the votes is wrong: it stops at the margin log((1 − ε) ∕ ε) and pulls back beyond.',
    ofMargin: smoothed,
  },
  robust: {
    ...dpo,
    ...scoreMargin,
    formula: '(−(1 − ε) · log σ(m) + ε · log σ(−m)) ∕ (1 − 2ε)',
    source: 'Chowdhury et al. 2024, arXiv:2403.00409; ε = label_smoothing',
    meaning:
      'Takes the effect of a share ε of flipped votes out of the average, so that noise costs variance and no bias.',
    ofMargin<T>(ops: Algebra<T>, m: T, args: PairLossArgs): T {
      const flipped = ops.mul(logistic(ops, neg(ops, m)), smoothing(args));
      return ops.div(ops.sub(ops.mul(logistic(ops, m), 1 - smoothing(args)), flipped), 1 - 2 * smoothing(args));
    },
  },
  hinge: {
    ...dpo,
    ...scoreMargin,
    formula: 'max(0, 1 − m)',
    source: 'Liu et al. 2023, arXiv:2309.06657 (SLiC on log-ratios)',
    meaning: 'Pulls with full force until the margin is 1, and then not at all.',
    ofMargin: hinge,
  },
  ipo: {
    ...dpo,
    ...averagedScoreMargin,
    formula: '(m ∕ β − 1 ∕ (2β))²',
    source: 'Azar et al. 2023, arXiv:2310.12036, eq. 17, per token as in TRL',
    meaning: 'Aims at one margin per token, 1 ∕ (2β), and pulls a pair back that has passed it.',
    ofMargin: squaredDistance,
  },
  exo_pair: {
    ...dpo,
    ...scoreMargin,
    formula: 'σ(m) · (log σ(m) − log(1 − ε)) + σ(−m) · (log σ(−m) − log ε)',
    source: 'Ji et al. 2024, arXiv:2402.00856, eq. 16; ε = label_smoothing',
    meaning: 'Reverse KL from the policy’s verdict on the pair to the vote: seeks the vote instead of covering it.',
    ofMargin<T>(ops: Algebra<T>, m: T, args: PairLossArgs): T {
      const side = (x: T, target: number) => ops.mul(ops.sigmoid(x), ops.sub(ops.logSigmoid(x), Math.log(target)));
      return ops.add(side(m, 1 - smoothing(args)), side(neg(ops, m), smoothing(args)));
    },
  },
  nca_pair: {
    ...dpo,
    formula: '−log σ(r_c) − ½ log σ(−r_c) − ½ log σ(−r_r)',
    source: 'Chen et al. 2024, arXiv:2402.05369',
    meaning: 'Holds each reward to an absolute size, so that the chosen answer does not fall with the rejected one.',
    ofRewards<T>(ops: Algebra<T>, { chosen, rejected }: Sides<T>): T {
      const down = ops.add(logistic(ops, neg(ops, chosen)), logistic(ops, neg(ops, rejected)));
      return ops.add(logistic(ops, chosen), ops.mul(down, 0.5));
    },
  },
  bco_pair: {
    ...dpo,
    formula: '−log σ(r_c) − log σ(−r_r)',
    source: 'Jung et al. 2024, arXiv:2404.04656, without its running shift, as in TRL',
    meaning: 'A classifier of single answers: chosen ones above the reference, rejected ones below it.',
    ofRewards: (ops, { chosen, rejected }) => ops.add(logistic(ops, chosen), logistic(ops, neg(ops, rejected))),
  },
  sppo_hard: {
    ...dpo,
    formula: '(r_c ∕ β − 1 ∕ (2β))² + (r_r ∕ β + 1 ∕ (2β))²',
    source: 'Wu et al. 2024, arXiv:2405.00675, eq. 4.7 with win rates 1 and 0',
    meaning: 'Aims at a fixed gain for the chosen answer and an equal loss for the rejected one.',
    ofRewards<T>(ops: Algebra<T>, { chosen, rejected }: Sides<T>, { beta }: PairLossArgs): T {
      const off = (reward: T, target: number) => ops.square(ops.div(ops.sub(reward, target), beta));
      return ops.add(off(chosen, 0.5), off(rejected, -0.5));
    },
  },
  apo_zero: {
    ...dpo,
    formula: '1 − σ(r_c) + σ(r_r)',
    source: 'D’Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7',
    meaning:
      'Lifts the chosen answer and lowers the rejected one; for pairs whose chosen side is better than the model.',
    ofRewards: (ops, { chosen, rejected }) => ops.add(ops.sub(ops.sigmoid(rejected), ops.sigmoid(chosen)), 1),
  },
  apo_down: {
    ...dpo,
    formula: 'σ(r_c) + 1 − σ(r_c − r_r)',
    source: 'D’Oosterlinck et al. 2024, arXiv:2408.06266, eq. 8',
    meaning: 'Lowers both, the rejected one more; for pairs whose chosen side is worse than the model.',
    ofRewards: (ops, { chosen, rejected }) =>
      ops.add(ops.sub(ops.sigmoid(chosen), ops.sigmoid(ops.sub(chosen, rejected))), 1),
  },
  discopop: {
    ...dpo,
    ...scoreMargin,
    formula: '−σ(−m ∕ τ) · log σ(m) + σ(m ∕ τ) · e^(−m)',
    source: 'Lu et al. 2024, arXiv:2406.08414, eq. 5; τ = discopop_tau',
    meaning: 'Logistic for pairs that are wrong and exponential for pairs that are right; a language model found it.',
    ofMargin<T>(ops: Algebra<T>, m: T, { discopop_tau = 0.05 }: PairLossArgs): T {
      const scaled = ops.div(m, discopop_tau);
      const logisticPart = ops.mul(logistic(ops, m), ops.sigmoid(neg(ops, scaled)));
      // One exponent: e^−m alone would overflow where σ(m/τ) is 0.
      return ops.add(logisticPart, ops.exp(ops.sub(ops.logSigmoid(scaled), m)));
    },
  },
  sigmoid_norm: {
    ...dpo,
    ...averagedScoreMargin,
    formula: '−log σ(m)',
    source: 'TRL, DPOTrainer (loss_type sigmoid_norm)',
    meaning: 'As sigmoid with log-ratios per token, so that a longer answer wins nothing by its length.',
    ofMargin: (ops, m) => logistic(ops, m),
  },
} as const satisfies Record<string, PairLoss>;
export type DpoLossId = keyof typeof dpoLosses;

const cpo = { needsReference: false, shaped: true, inTrl: true } as const;

/** −(1 − ε) · log σ(m − γ) − ε · log σ(γ − m). */
const beyondGamma = <T>(ops: Algebra<T>, m: T, args: PairLossArgs): T =>
  smoothed(ops, ops.sub(m, args.simpo_gamma ?? 0.5), args);

/** CPOTrainer's `loss_type`; `cpo_alpha` times the NLL of the chosen tokens is added outside. All read `alpha`. */
export const cpoLosses = {
  sigmoid: {
    ...cpo,
    ...logpMargin,
    formula: '−(1 − ε) · log σ(m) − ε · log σ(−m)',
    source: 'Xu et al. 2024, arXiv:2401.08417, eq. 3; ε = label_smoothing',
    meaning: 'DPO without a reference model: chosen must be likelier than rejected, as whole answers.',
    ofMargin: smoothed,
  },
  hinge: {
    ...cpo,
    ...logpMargin,
    formula: 'max(0, 1 − m)',
    source: 'Zhao et al. 2023, arXiv:2305.10425 (SLiC-HF)',
    meaning: 'Pulls with full force until the margin is 1, and then not at all.',
    ofMargin: hinge,
  },
  ipo: {
    ...cpo,
    ...averagedLogpMargin,
    formula: '(m ∕ β − 1 ∕ (2β))²',
    source: 'Azar et al. 2023, arXiv:2310.12036, eq. 17, without its reference as in TRL',
    meaning: 'Aims at one margin per token, 1 ∕ (2β), and pulls a pair back that has passed it.',
    ofMargin: squaredDistance,
  },
  simpo: {
    ...cpo,
    ...averagedLogpMargin,
    formula: '−log σ(m − γ)',
    source: 'Meng et al. 2024, arXiv:2405.14734, eq. 6; γ = simpo_gamma',
    meaning: 'Log-probabilities per token, no reference, and a margin of γ to be reached before the pull eases.',
    ofMargin: beyondGamma,
  },
  alphapo: {
    ...cpo,
    ...averagedLogpMargin,
    formula: '−log σ(m − γ)',
    source:
      'Gupta et al. 2025, arXiv:2501.03884, as in TRL: simpo with rewards (1 − p^−α) ∕ α; α = alpha, γ = simpo_gamma',
    meaning:
      'SimPO with rewards of another shape: α above 0 pulls unlikely answers harder, below 0 likely ones; at 0 it is SimPO.',
    ofMargin: beyondGamma,
  },
} as const satisfies Record<string, PairLoss>;

/** ORPO's part on the pair; the NLL of prompt and chosen is added outside. */
export const orpoLoss = {
  needsReference: false,
  averaged: true,
  inTrl: true,
  formula: '−β · log σ(m)',
  marginFormula: 'm = log odds(c) − log odds(r), odds = p ∕ (1 − p), log p = log π ∕ length',
  source: 'Hong et al. 2024, arXiv:2403.07691, eqs. 4 and 7',
  meaning: 'Beside plain SFT on the chosen answer, its odds per token must beat those of the rejected one.',
  margin<T>(ops: Algebra<T>, pair: Pair<T>): T {
    const logOdds = (logps: T, lengths: T) => {
      // A token that is certain in f32 has infinite odds, and the gradient would be 0 · ∞.
      const a = ops.atMost(perToken(ops, logps, lengths), -1e-7);
      return ops.sub(a, ops.log1mExp(a));
    };
    return ops.sub(logOdds(pair.chosenLogps, pair.chosenLengths), logOdds(pair.rejectedLogps, pair.rejectedLengths));
  },
  ofMargin: (ops, m, { beta }) => ops.mul(logistic(ops, m), beta),
} as const satisfies PairLoss;

/** The loss of each pair. */
export function pairLoss<T>(loss: PairLoss, ops: Algebra<T>, pair: Pair<T>, args: PairLossArgs): T {
  if ('ofMargin' in loss) return loss.ofMargin(ops, loss.margin(ops, pair, args), args);
  return loss.ofRewards(ops, impliedRewards(loss, ops, pair, args), args);
}

/** Losses that TRL allows beside an f-divergence other than reverse_kl. */
const WITH_F_DIVERGENCE = ['sigmoid', 'sigmoid_norm', 'hinge', 'ipo', 'exo_pair', 'robust', 'discopop', 'cdpo', 'sft'];

/** TRL's own checks of DPOConfig. Throws ConfigError; `where` is the setting. */
export function checkDpoArgs(
  types: readonly string[],
  weights: readonly number[] | undefined,
  args: PairLossArgs,
): void {
  const epsilon = smoothing(args);
  if (weights && weights.length !== types.length)
    throw new ConfigError(
      `loss_weights must hold one weight for each loss_type, ${types.length} of them, got ${weights.length}`,
      { where: 'loss_weights' },
    );
  if (types.includes('robust') && !(epsilon >= 0 && epsilon < 0.5))
    throw new ConfigError(`label_smoothing must be in [0, 0.5) for loss_type robust, got ${epsilon}`, {
      where: 'label_smoothing',
    });
  if (types.includes('exo_pair') && !(epsilon > 0 && epsilon < 1))
    throw new ConfigError(
      `label_smoothing must be above 0 and below 1 for loss_type exo_pair, got ${epsilon}; its paper has 0.001`,
      { where: 'label_smoothing' },
    );
  const { f_divergence_type = 'reverse_kl' } = args;
  const alone = types.filter((type) => !WITH_F_DIVERGENCE.includes(type));
  if (f_divergence_type !== 'reverse_kl' && alone.length > 0)
    throw new ConfigError(
      `f_divergence_type must be reverse_kl for loss_type ${alone.join(', ')}, got ${f_divergence_type}`,
      { where: 'f_divergence_type' },
    );
}

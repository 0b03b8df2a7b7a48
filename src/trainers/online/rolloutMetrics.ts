// What one rollout says about the policy, in the words of TRL's RLOOTrainer and PPOTrainer, and the three estimators of its KL
// side by side.
import { numbers } from '../../lib/algebra';
import { type KlEstimatorId, klEstimators } from '../../protocol/klEstimators';
import type { ScoredCompletion } from './onlineTrainer';

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
/** With Bessel's correction; undefined for fewer than two, where TRL's nanstd is NaN and its log drops the figure. */
function std(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const m = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - m) ** 2, 0) / (values.length - 1));
}
const known = (values: readonly (number | null)[]): number[] => values.filter((x): x is number => x !== null);
const isConstant = (values: readonly number[]): boolean => (std(values) ?? Number.NaN) <= 1e-8; // torch.isclose

/** Σ over a completion of an estimate of its KL from the reference, nats; 0 without one. */
export const completionKl = ({ oldLogps, refLogps }: ScoredCompletion, estimator: KlEstimatorId): number =>
  refLogps === undefined
    ? 0
    : oldLogps.reduce((sum, logp, t) => sum + klEstimators[estimator].of(numbers, logp - refLogps[t]!), 0);

/** Share of groups of `size` neighbours whose known values are all equal; fewer than two known ones are not, as in TRL. */
export function shareOfConstantGroups(values: readonly (number | null)[], size: number): number {
  const groups = Array.from({ length: Math.ceil(values.length / size) }, (_, g) =>
    known(values.slice(g * size, (g + 1) * size)),
  );
  return mean(groups.map((group) => (isConstant(group) ? 1 : 0)));
}

/** Mean KL of all completions, those included that are masked; logged where a method masks some. */
export const DRAWN_KL = 'objective/kl_drawn';

function setKnown(out: Record<string, number>, name: string, value: number | undefined): void {
  if (value !== undefined) out[name] = value;
}

export interface RolloutMetricsOptions {
  /** Of the reward functions, in their order. */
  names: readonly string[];
  klCoef: number;
  /** The one that the penalty is made of. */
  klEstimator: KlEstimatorId;
  /** Of the completions that are left out of the loss, and no KL taken from; absent where the method leaves out none. */
  isMasked?: ((row: ScoredCompletion) => boolean) | undefined;
}

export function rolloutMetrics(
  rows: readonly ScoredCompletion[],
  { names, klCoef, klEstimator, isMasked }: RolloutMetricsOptions,
): Record<string, number> {
  const lengths = rows.map(({ ids }) => ids.length);
  const ended = rows.filter(({ terminated }) => terminated).map(({ ids }) => ids.length);
  const scores = known(rows.map(({ score }) => score));
  const out: Record<string, number> = {
    'completions/mean_length': mean(lengths),
    'completions/min_length': Math.min(...lengths),
    'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - ended.length / rows.length,
    'completions/mean_terminated_length': ended.length ? mean(ended) : 0,
    'completions/min_terminated_length': ended.length ? Math.min(...ended) : 0,
    'completions/max_terminated_length': ended.length ? Math.max(...ended) : 0,
  };
  names.forEach((name, i) => {
    const own = known(rows.map(({ rewards }) => rewards[i]!));
    if (own.length === 0) return; // it applied to no row of this rollout
    out[`rewards/${name}/mean`] = mean(own);
    setKnown(out, `rewards/${name}/std`, std(own));
  });
  if (scores.length > 0) {
    out.reward = mean(scores);
    setKnown(out, 'reward_std', std(scores));
    out['objective/scores'] = out.reward;
  }
  out['objective/entropy'] = mean(rows.map(({ oldLogps }) => -oldLogps.reduce((a, b) => a + b, 0)));
  if (rows[0]?.refLogps) {
    const trained = isMasked ? rows.filter((row) => !isMasked(row)) : rows;
    const tokens = trained.reduce((sum, { ids }) => sum + ids.length, 0);
    const klSum = (of: readonly ScoredCompletion[], id: KlEstimatorId) =>
      of.reduce((sum, row) => sum + completionKl(row, id), 0);
    const perToken = (id: KlEstimatorId) => klSum(trained, id) / Math.max(tokens, 1); // 0 of none, as in TRL
    out.kl = perToken('k1');
    out['kl/k2'] = perToken('k2');
    out['kl/k3'] = perToken('k3');
    // Of masked completions the reward counts and no KL is taken, so they are in this mean with 0: r − β·KL is what is trained.
    out['objective/kl'] = klSum(trained, klEstimator) / rows.length;
    if (isMasked) out[DRAWN_KL] = klSum(rows, klEstimator) / rows.length;
    out['objective/kl_coef'] = klCoef;
    out['objective/non_score_reward'] = -klCoef * out['objective/kl'];
    if (out.reward !== undefined) out['objective/rlhf_reward'] = out.reward + out['objective/non_score_reward'];
  }
  return out;
}

// The adaptive KL coefficient of Ziegler et al. 2019, arXiv:1909.08593, §2.2, in the form of TRL's former AdaptiveKLController
// (adap_kl_ctrl): today's PPOTrainer keeps kl_coef fixed.

export interface KlController {
  /** KL that is aimed at: the mean of a completion's sum, nats; above 0. */
  target: number;
  /** Completions after which the coefficient has answered an error in full. */
  horizon: number;
}

/**
 * The coefficient for the next rollout: larger where the policy ran further than the target, smaller where it stayed nearer. The
 * error is cut to ±20 %, so that one wild batch does not decide. `kl` not finite leaves it as it is. `count`: completions of this
 * rollout.
 */
export function nextKlCoef(kl_coef: number, kl: number, count: number, { target, horizon }: KlController): number {
  if (!Number.isFinite(kl)) return kl_coef;
  const error = Math.min(Math.max(kl / target - 1, -0.2), 0.2);
  return kl_coef * (1 + (error * count) / horizon);
}

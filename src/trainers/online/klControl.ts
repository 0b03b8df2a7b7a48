// β that follows the KL: the proportional controller of Ziegler et al. 2019, arXiv:1909.08593, §2.2, which old versions of TRL had
// as AdaptiveKLController and the present ones have not.

/** β after a rollout of `rows` completions whose mean KL was `kl` nats. The relative error counts up to ±20 %. */
export function nextKlCoef(
  klCoef: number,
  kl: number,
  { kl_target, kl_horizon, rows }: { kl_target: number; kl_horizon: number; rows: number },
): number {
  if (kl_target <= 0) return klCoef;
  const error = Math.min(Math.max(kl / kl_target - 1, -0.2), 0.2);
  return klCoef * (1 + (error * rows) / kl_horizon);
}

// The reward model's loss on a pair (Bradley and Terry 1952; Ouyang et al. 2022, arXiv:2203.02155, eq. 1), as TRL's
// RewardTrainer: an optional margin (Llama 2, arXiv:2307.09288, eq. 2) and centring (arXiv:2312.09244, eq. 2).
import type { Algebra } from '../lib/algebra';
import type { Sides } from './pairLosses';

export interface RewardLossArgs {
  /** Pulls the sum of a pair's rewards towards 0; 0 or absent: off. */
  center_rewards_coefficient?: number;
}

/** −log σ(r_c − r_r − margin) + c · (r_c + r_r)² of each pair. `margin` is the votes' strength, absent for none. */
export function bradleyTerry<T>(
  ops: Algebra<T>,
  { chosen, rejected }: Sides<T>,
  margin: T | undefined,
  { center_rewards_coefficient: coefficient = 0 }: RewardLossArgs,
): T {
  const lead = ops.sub(chosen, rejected);
  const loss = ops.mul(ops.logSigmoid(margin === undefined ? lead : ops.sub(lead, margin)), -1);
  return coefficient === 0 ? loss : ops.add(loss, ops.mul(ops.square(ops.add(chosen, rejected)), coefficient));
}

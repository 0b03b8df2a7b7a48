// A reward that knows nothing but the number of tokens: for length limits, and for showing what happens when length pays.
import type { RewardRuleArgs } from '../../protocol/rewardRules';
import type { RewardFunction } from './reward';

export const length =
  ({ target, tolerance, longer_pays }: RewardRuleArgs<'length'>): RewardFunction =>
  ({ completionIds }) =>
    completionIds.map((ids) =>
      longer_pays && ids.length > target ? 1 : Math.max(0, 1 - Math.abs(ids.length - target) / tolerance),
    );

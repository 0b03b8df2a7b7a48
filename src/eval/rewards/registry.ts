// Rewards that a recipe can name with { type: 'rule', id }: protocol/rewardRules.ts says what they are.
import { type RewardRuleArgs, type RewardRuleId, ruleArgs } from '../../protocol/rewardRules';
import { exactAnswer } from './exactAnswer';
import { length } from './length';
import type { RewardFunction } from './reward';
import { rubric } from './rubric';
import { schemaValid } from './schemaValid';

const MAKERS: { [Id in RewardRuleId]: (args: RewardRuleArgs<Id>) => RewardFunction } = {
  schema_valid: schemaValid,
  exact_answer: exactAnswer,
  length,
  rubric,
};

/** The rule with its settings. Throws ConfigError for an unknown rule or setting. */
export function ruleReward(id: string, args?: { [key: string]: unknown }): RewardFunction {
  const full = ruleArgs(id, args);
  return (MAKERS[id as RewardRuleId] as (args: unknown) => RewardFunction)(full);
}

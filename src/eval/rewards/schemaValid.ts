// 1 for a turn that obeys the published contract, as the metric schema_valid counts it.
import { parseTurn } from '../../protocol/contract';
import type { RewardRuleArgs } from '../../protocol/rewardRules';
import { argumentProblem } from '../../world/tools';
import type { RewardFunction } from './reward';

export const schemaValid =
  ({ json }: RewardRuleArgs<'schema_valid'>): RewardFunction =>
  ({ completions }) =>
    completions.map((text) => {
      const { call, isValid, isJson } = parseTurn(text);
      const obeys = call ? argumentProblem(call.name, call.arguments) === undefined : isValid;
      return obeys ? 1 : isJson ? json : 0;
    });

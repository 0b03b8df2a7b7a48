// Rewards that a rule computes, as data: what they pay for and their settings. src/eval/rewards computes them.
import { ConfigError } from '../lib/errors';
import { type ConfigOf, type Fields, parseConfig } from '../lib/fields';
import type { RewardSpec } from './recipe';

interface RewardRule {
  title: string;
  /** What earns how much: one sentence. */
  meaning: string;
  /** `args` of the recipe's reward. */
  fields: Fields;
}

export const rewardRules = {
  schema_valid: {
    title: 'Valid JSON by the schema',
    meaning: '1 for one strict JSON object, or tool call, that obeys its schema; else 0, or `json` where it is JSON.',
    fields: {
      json: {
        type: 'number',
        default: 0,
        min: 0,
        max: 1,
        help: 'Reward of a turn that is JSON and breaks the schema: a step on the way.',
      },
    },
  },
  exact_answer: {
    title: 'Right answer',
    meaning: '1 for a turn that is right in all that its row demands, else 0; none for rows without a known truth.',
    fields: {
      partial: {
        type: 'number',
        default: 0,
        min: 0,
        max: 1,
        help: 'Reward shared out over what is right of a turn that is not all right: tool, status, facts, figures, sources, action.',
      },
    },
  },
  rubric: {
    title: 'True quality',
    meaning: 'Quality by the rubric, 0 to 1; none for rows whose answers have no rubric.',
    fields: {},
  },
  length: {
    title: 'Length',
    meaning: '1 at the target length, falling in a straight line to 0 at the tolerance.',
    fields: {
      target: {
        type: 'number',
        default: 48,
        min: 1,
        max: 1024,
        integer: true,
        unit: 'tokens',
        help: 'Length with the full reward, end of turn included.',
      },
      tolerance: {
        type: 'number',
        default: 48,
        min: 1,
        max: 1024,
        integer: true,
        unit: 'tokens',
        help: 'Distance from the target at which the reward has fallen from 1 to 0; it never goes below.',
      },
      longer_pays: {
        type: 'boolean',
        default: false,
        help: 'Lengths above the target have the full reward too.',
      },
    },
  },
} as const satisfies Record<string, RewardRule>;
export type RewardRuleId = keyof typeof rewardRules;
export type RewardRuleArgs<Id extends RewardRuleId> = ConfigOf<(typeof rewardRules)[Id]['fields']>;

/** A rule's settings, with defaults. Throws ConfigError for an unknown rule or setting. */
export function ruleArgs(id: string, args: { [key: string]: unknown } = {}): { [key: string]: unknown } {
  if (!Object.hasOwn(rewardRules, id))
    throw new ConfigError(`There is no reward rule "${id}". Known: ${Object.keys(rewardRules).join(', ')}.`, {
      where: 'recipe.rewards',
    });
  const { fields }: RewardRule = rewardRules[id as RewardRuleId];
  return parseConfig(fields, args);
}

/** What a reward is called in rewards/<name>/mean: the rule, or, as in TRL, the last part of the model's name. */
export const rewardName = (spec: RewardSpec): string =>
  spec.type === 'rule' ? spec.id : spec.ref.split(/[/:]/).at(-1)!;

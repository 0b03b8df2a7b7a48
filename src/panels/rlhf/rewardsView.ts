// The rewards of a recipe as they are edited, and what they are called on screen. Pure.
import type { Json } from '../../protocol/chat';
import type { Recipe, RewardSpec } from '../../protocol/recipe';
import type { ModelRef, StoredModel } from '../../protocol/requests';
import { type RewardRuleId, rewardName, rewardRules, ruleArgs } from '../../protocol/rewardRules';
import type { RunRecord } from '../../protocol/run';
import { trainedHead } from '../../trainers/registry';

export interface RewardChoice {
  /** `rule schema_valid`, `model run:…`. */
  key: string;
  label: string;
  spec: RewardSpec;
}
export const keyOf = (spec: RewardSpec): string => `${spec.type} ${spec.type === 'rule' ? spec.id : spec.ref}`;

/** Rules, then models that give a text a number: runs of the reward trainer with weights, newest first, and imported ones. */
export function rewardChoices(runs: readonly RunRecord[], stored: readonly StoredModel[]): RewardChoice[] {
  const rules = (Object.keys(rewardRules) as RewardRuleId[]).map((id): RewardChoice => {
    const spec: RewardSpec = { type: 'rule', id, weight: 1 };
    return { key: keyOf(spec), label: rewardRules[id].title, spec };
  });
  const trained = runs
    .filter(({ recipe, checkpoints, imported }) => !imported && trainedHead(recipe.trainer) === 'score' && checkpoints.length > 0) // biome-ignore format: one condition
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .map(({ id, name }) => ({ ref: `run:${id}`, name }));
  const imported = stored.filter(({ head, isImported }) => head === 'score' && isImported);
  const models = [...trained, ...imported.map(({ id, name }) => ({ ref: id, name }))].map(
    ({ ref, name }): RewardChoice => {
      const spec: RewardSpec = { type: 'model', ref, weight: 1 };
      return { key: keyOf(spec), label: name, spec };
    },
  );
  return [...rules, ...models];
}

export const rewardsOf = ({ rewards = [] }: Recipe): readonly RewardSpec[] => rewards;
/** All settings of a rule, what is not given at its default. */
export const settingsOf = (spec: RewardSpec): { [key: string]: Json } =>
  spec.type === 'rule' ? (ruleArgs(spec.id, spec.args) as { [key: string]: Json }) : {};

/** What stands in `rewards/<function>/mean` → what a person calls it. */
export function functionTitles(recipe: Recipe, nameOf: (ref: ModelRef) => string): Record<string, string> {
  return Object.fromEntries(
    rewardsOf(recipe).map((spec) => [rewardName(spec), spec.type === 'rule' ? rewardRules[spec.id as RewardRuleId].title : nameOf(spec.ref)]), // biome-ignore format: one entry
  );
}

/** `1 · Valid JSON by the schema + 0.25 · judge`. */
export function mixWords(recipe: Recipe, titles: Readonly<Record<string, string>>): string {
  return rewardsOf(recipe)
    .map((spec) => `${spec.weight ?? 1} · ${titles[rewardName(spec)] ?? rewardName(spec)}`)
    .join(' + ');
}

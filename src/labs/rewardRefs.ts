// Reward models that a recipe names. Data only, so that the page may read it.
import type { Recipe } from '../protocol/recipe';

export const rewardRefs = ({ rewards = [] }: Pick<Recipe, 'rewards'>): string[] =>
  rewards.flatMap((spec) => (spec.type === 'model' ? [spec.ref] : []));

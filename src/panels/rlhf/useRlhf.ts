// The panel's state: the recipe being edited, the run in view, and the verbs on them.
import { useMemo } from 'react';
import { configOf } from '../../labs/trainerOf';
import { validateRecipe } from '../../labs/validateRecipe';
import type { Fields } from '../../lib/fields';
import type { Recipe } from '../../protocol/recipe';
import { rewardRules } from '../../protocol/rewardRules';
import { baseChoices } from '../../stores/baseChoice';
import { useDatasets } from '../../stores/datasets';
import { useWithoutMissing } from '../../stores/missingChoices';
import { useModelName, useStoredModels } from '../../stores/models';
import { useSession } from '../../stores/session';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useTraining } from '../../stores/useTraining';
import { fields as adapterFields } from '../../trainers/peft/config';
import { START, suggested, useRlhfDraft } from './draft';
import { nextName } from './methods';
import { rewardChoices } from './rewardsView';

const HREF = '#/rlhf';
export const FORM = 'rlhf';

/** Of a reward's weight and settings, by the names that its form uses. */
export const WEIGHT_FIELD: Fields = {
  weight: {
    type: 'number',
    default: 1,
    min: -1000,
    max: 1000,
    help: 'Of this function in the sum: TRL’s reward_weights. At 0 it is watched and pays nothing.',
  },
};
/** Settings of rules stand beside each other: a form names them by their rule. */
export const fieldKey = (owner: string, field: string): string => `${owner} ${field}`;
const ruleFields: Fields = Object.fromEntries(
  Object.entries(rewardRules).flatMap(([id, { fields }]) =>
    Object.entries(fields as Fields).map(([key, field]) => [fieldKey(id, key), field]),
  ),
);

/** What the recipe as a whole cannot be: settings that do not fit each other, no reward. */
function problemOf(recipe: Recipe): string[] {
  try {
    validateRecipe(recipe);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

export function useRlhf() {
  const { recipe: chosen, edit, isUntouched } = useRlhfDraft();
  const backend = useSession((s) => s.backend);
  const recipe = useMemo(() => suggested(chosen, isUntouched, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, START);
  const sets = useDatasets().value?.datasets ?? [];
  const { typed } = useTypedFields(FORM);
  const fields = { ...configOf(recipe).fields, ...adapterFields, ...SEED_FIELD, ...ruleFields };
  const typedWrong = typedComplaints(typed, fields);
  const complaints = [...typedWrong, ...(typedWrong.length > 0 ? [] : problemOf(recipe))];
  const training = useTraining({ href: HREF, recipe, nameOf: nextName, complaints, countsMemory: true });
  const nameOf = useModelName();
  const stored = useStoredModels();
  const runs = Object.values(training.allRuns);
  return {
    ...training,
    recipe,
    edit,
    sets,
    stored,
    bases: baseChoices(runs, recipe.model.ref, nameOf, stored),
    rewards: rewardChoices(runs, stored),
    nameOf,
    backend,
  };
}
export type Rlhf = ReturnType<typeof useRlhf>;

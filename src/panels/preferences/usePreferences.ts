// The panel's state: the recipe being edited, the run in view, and the verbs on them.
import { useMemo } from 'react';
import { configOf } from '../../labs/trainerOf';
import { baseChoices } from '../../stores/baseChoice';
import { useDatasets } from '../../stores/datasets';
import { useWithoutMissing } from '../../stores/missingChoices';
import { useModelName, useStoredModels } from '../../stores/models';
import { useSession } from '../../stores/session';
import { useBroughtSet } from '../../stores/trainOn';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useTraining } from '../../stores/useTraining';
import { fields as adapterFields } from '../../trainers/peft/config';
import { NOISE_FIELD } from '../shared/noiseField';
import { START, suggested, usePreferenceDraft } from './draft';
import { nextName, onSet } from './methods';

const HREF = '#/preferences';

export function usePreferences() {
  const { recipe: chosen, edit, isUntouched } = usePreferenceDraft();
  const backend = useSession((s) => s.backend);
  const recipe = useMemo(() => suggested(chosen, isUntouched, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, START);
  useBroughtSet('#/preferences', ({ info, sets: all }) => edit(onSet(recipe, info, all)));
  const sets = useDatasets().value?.datasets ?? [];
  const { typed } = useTypedFields('preferences');
  const complaints = typedComplaints(typed, { ...configOf(recipe).fields, ...adapterFields, ...SEED_FIELD, ...NOISE_FIELD }); // biome-ignore format: one call
  const training = useTraining({
    href: HREF,
    recipe,
    nameOf: nextName,
    complaints,
    countsMemory: true,
    hasQueue: true,
  });
  const nameOf = useModelName();
  const stored = useStoredModels();
  return {
    ...training,
    recipe,
    edit,
    sets,
    stored,
    bases: baseChoices(Object.values(training.allRuns), recipe.model.ref, nameOf, stored),
    nameOf,
    backend,
  };
}
export type Preferences = ReturnType<typeof usePreferences>;

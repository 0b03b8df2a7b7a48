// The panel's state: the recipe being edited, the run in view and the verbs on them, and which reward models are judged.
import { useMemo } from 'react';
import { create } from 'zustand';
import { withData } from '../../labs/recipeData';
import { configOf } from '../../labs/trainerOf';
import type { ModelRef } from '../../protocol/requests';
import { baseChoices } from '../../stores/baseChoice';
import { useDatasets } from '../../stores/datasets';
import { useWithoutMissing } from '../../stores/missingChoices';
import { modelOptions } from '../../stores/modelOptions';
import { useModelName, useModelStore, useStoredModels } from '../../stores/models';
import { useSession } from '../../stores/session';
import { useBroughtSet } from '../../stores/trainOn';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useTraining } from '../../stores/useTraining';
import { fields as adapterFields } from '../../trainers/peft/config';
import { NOISE_FIELD } from '../shared/noiseField';
import { START, suggested, useRewardDraft } from './draft';
import { judgedModels } from './judged';
import { nextName } from './recipeView';

/** What the person chose to judge; outlives the panel. */
export const useChoice = create<{ judged?: ModelRef; beside?: ModelRef }>()(() => ({}));

export function useReward() {
  const { recipe: chosen, edit, isUntouched } = useRewardDraft();
  const backend = useSession((s) => s.backend);
  const recipe = useMemo(() => suggested(chosen, isUntouched, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, START);
  useBroughtSet('#/reward', ({ info }) => edit(withData(recipe, info)));
  const sets = useDatasets().value?.datasets ?? [];
  const { typed } = useTypedFields('reward');
  const complaints = typedComplaints(typed, { ...configOf(recipe).fields, ...adapterFields, ...SEED_FIELD, ...NOISE_FIELD }); // biome-ignore format: one call
  const training = useTraining({ href: '#/reward', recipe, nameOf: nextName, complaints, countsMemory: true });
  const nameOf = useModelName();
  const stored = useStoredModels();
  const runs = Object.values(training.allRuns);
  const wanted = useModelStore((s) => s.wantedReward);
  const choice = useChoice();
  return {
    ...training,
    recipe,
    edit,
    sets: sets.filter(({ type }) => type === 'preference'),
    stored,
    bases: baseChoices(runs, recipe.model.ref, nameOf, stored, true),
    nameOf,
    models: judgedModels(modelOptions(runs, stored, 'score'), training.run, { ...choice, ...(wanted && { judged: wanted }) }, runs), // biome-ignore format: one call
    /** An explicit choice ends what another page has asked for. */
    judge: (change: { judged?: ModelRef; beside?: ModelRef }) => {
      if ('judged' in change) useModelStore.setState({ wantedReward: undefined });
      useChoice.setState(change);
    },
  };
}
export type Reward = ReturnType<typeof useReward>;

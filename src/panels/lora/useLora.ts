// The LoRA panel's state: the adapter being edited, what it costs, the run in view, and the verbs on them.
import { useEffect, useMemo } from 'react';
import { withSpans } from '../../labs/assistantSpans';
import { withSet } from '../../labs/recipeData';
import type { LoraPlan } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { useAssistantSpans } from '../../stores/assistantSpans';
import { baseChoices } from '../../stores/baseChoice';
import { studioClient } from '../../stores/client';
import { useWithoutMissing } from '../../stores/missingChoices';
import { useModelName, useModelStore, useStoredModels, withModel } from '../../stores/models';
import { isSlow } from '../../stores/recipeDraft';
import { useSession } from '../../stores/session';
import { useBroughtSet } from '../../stores/trainOn';
import { SEED_FIELD, useTypedFields } from '../../stores/typedFields';
import { type Loaded, useLoaded } from '../../stores/useLoaded';
import { useTraining } from '../../stores/useTraining';
import { type PatternName, type PatternRow, patternTable, withoutUndefined } from './adapterForm';
import { type AdapterRecipe, rowsOf, START, useLoraDraft } from './draft';
import { formProblems } from './formProblems';
import { nextName, runTitle } from './loraRuns';

const HREF = '#/lora';

export function useLora() {
  const draft = useLoraDraft();
  const { recipe: chosen, edit, isUntouched, typeRows } = draft;
  const { typed, type } = useTypedFields('lora');
  const backend = useSession((s) => s.backend);
  // Until the person has chosen: the small model where there is no graphics card.
  const isSmall = isUntouched && isSlow(backend);
  const recipe = useMemo<AdapterRecipe>(
    () => (isSmall ? { ...chosen, model: { ...chosen.model, ref: 'builtin:nano' } } : chosen),
    [chosen, isSmall],
  );
  const wanted = useModelStore((s) => s.wantedBase);
  useEffect(() => {
    if (!wanted) return;
    useModelStore.setState({ wantedBase: undefined });
    edit(withModel(chosen, wanted.ref, wanted.tokenizer));
  }, [wanted, edit, chosen]);
  useBroughtSet('#/lora', ({ info, sets }) => edit(withSet(chosen, info, sets)));
  const plan: Loaded<LoraPlan> = useLoaded(
    backend && JSON.stringify(['plan', recipe.model.ref, recipe.peft]),
    (signal) => studioClient().compute.request('loraPlan', { ref: recipe.model.ref, peft: recipe.peft }, { signal }),
  );
  const rows = {
    rank_pattern: rowsOf({ ...draft, recipe }, 'rank_pattern'),
    alpha_pattern: rowsOf({ ...draft, recipe }, 'alpha_pattern'),
  };
  const problems = formProblems(
    { typed, rows, error: plan.error, plan: plan.error || plan.isLoading ? undefined : plan.value },
    SEED_FIELD,
  );
  const complaints = problems.map(({ text }) => text);
  const training = useTraining({ href: HREF, recipe, nameOf: nextName, complaints, hasQueue: true });
  const runs = Object.values(training.allRuns);
  const setRows = (name: PatternName, next: PatternRow[]): void => {
    typeRows(name, next);
    edit({ ...recipe, peft: withoutUndefined({ ...recipe.peft, [name]: patternTable(name, next) }) });
  };
  const nameOf = useModelName();
  const stored = useStoredModels();
  const bases = baseChoices(runs, recipe.model.ref, nameOf, stored);
  useWithoutMissing(chosen, edit, START);
  const spans = useAssistantSpans(HREF, recipe, edit);
  return {
    ...training,
    recipe,
    edit,
    plan,
    /** What stands in fields in place of their values. */
    typed,
    type,
    rows,
    setRows,
    /** Why the form cannot be trained. */
    problems,
    bases,
    /** Those that runs have left and that are here still: they read with the studio's tokenizer or their base's. */
    trainedModels: stored.filter(({ isImported }) => !isImported),
    /** What any model is called. */
    nameOf,
    /** Which run a card is about. */
    titleOf: (one: RunRecord) => runTitle(one, bases, nameOf),
    allRuns: runs,
    backend,
    /** What is said of the assistant's spans beside the rows. */
    spansHint: spans.hint,
    /** Where markers are missing: derives the spans, and starts again. */
    deriveAnd: spans.canDerive
      ? (retry: () => void) => training.mendAnd(withSpans(recipe, 'derived'), edit, retry)
      : undefined,
  };
}
export type Lora = ReturnType<typeof useLora>;

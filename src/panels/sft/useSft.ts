// The SFT panel's state: the recipe being edited, its runs, the newest pair, and the verbs on them.
import { useMemo } from 'react';
import { withSpans } from '../../labs/assistantSpans';
import { lossPair } from '../../labs/pair';
import { defaultSftRecipe } from '../../labs/registry';
import type { Recipe } from '../../protocol/recipe';
import type { RunRecord } from '../../protocol/run';
import { useAssistantSpans } from '../../stores/assistantSpans';
import { useWithoutMissing } from '../../stores/missingChoices';
import { panelOf } from '../../stores/runPanel';
import { startRun } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { suggested, useSftDraft } from '../../stores/sftDraft';
import { SEED_FIELD, typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useTraining } from '../../stores/useTraining';
import { trainers } from '../../trainers/registry';

const HREF = '#/sft';
const PAIR = 'loss pair ';

export function useSft() {
  const { recipe: chosen, edit, isUntouched } = useSftDraft();
  const backend = useSession((s) => s.backend);
  const recipe = useMemo(() => suggested({ recipe: chosen, isUntouched }, backend), [chosen, isUntouched, backend]);
  useWithoutMissing(chosen, edit, defaultSftRecipe);
  const spans = useAssistantSpans(HREF, recipe, edit);
  const complaints = typedComplaints(useTypedFields('sft').typed, { ...trainers.sft.fields, ...SEED_FIELD });
  const training = useTraining({ href: HREF, recipe, nameOf, complaints, countsMemory: true });
  const { runs } = training;
  const group = runs.find((run) => run.group?.startsWith(PAIR))?.group;
  return {
    ...training,
    recipe,
    edit,
    /** What is said of the assistant's spans beside the choice of what is trained. */
    spansHint: spans.hint,
    /** Where markers are missing: derives the spans, and starts again. */
    deriveAnd: spans.canDerive
      ? (retry: () => void) => training.mendAnd(withSpans(recipe, 'derived'), edit, retry)
      : undefined,
    pair: group ? runs.filter((run) => run.group === group) : [],
    startPair: () =>
      training.begin(async ({ recipe: given, signal }) => {
        const { full, completion } = lossPair(given);
        const id = `${PAIR}${crypto.randomUUID()}`;
        const first = await startRun({ recipe: full, name: full.name ?? 'full', group: id, signal });
        await startRun({ recipe: completion, name: completion.name ?? 'completion', group: id, signal });
        return first;
      }),
  };
}
export type Sft = ReturnType<typeof useSft>;

/** `SFT 3`: the third run of this panel. */
const nameOf = ({ name }: Recipe, runs: readonly RunRecord[]): string =>
  `${name ?? 'SFT'} ${runs.filter((run) => panelOf(run).href === HREF).length + 1}`;

// The panel's state: the start in view, its runs and which are ticked, what is measured, and what could be trained beside them.

import { useState } from 'react';
import {
  type Budget,
  COMPARED_METHODS,
  comparableRuns,
  comparedMethod,
  recipeOf,
  tokensOfRow,
} from '../../labs/compareMethods';
import { PREFERENCE_START } from '../../labs/recipes/preference';
import type { RewardSpec } from '../../protocol/recipe';
import { baseChoices } from '../../stores/baseChoice';
import { cancelComparison, compareRuns, useComparison } from '../../stores/comparison';
import { useModelName, useStoredModels } from '../../stores/models';
import { isSlow } from '../../stores/recipeDraft';
import type { QueueItem } from '../../stores/runQueue';
import { useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { useTraining } from '../../stores/useTraining';
import { rowsOf } from './compareView';

const HREF = '#/compare';
/** Groups of runs that this panel starts. */
const COMPARE_GROUP = 'compare ';
/** Of the cases: the same ones each time. */
const SEED = 1;
/** With 200 an untouched share is known to less than the gain worth having, so that offline can be called flat. */
export const CASES = [8, 24, 40, 80, 200] as const;

export function useCompare() {
  const allRuns = useRuns((s) => s.runs);
  const list = Object.values(allRuns);
  const backend = useSession((s) => s.backend);
  const isSmallDevice = isSlow(backend);
  const [wantedStart, setStart] = useState<string>();
  const [unticked, setUnticked] = useState<ReadonlySet<string>>(new Set());
  const [wantedCases, setCases] = useState<number>();
  const [wantedBudget, setBudget] = useState<Budget>();
  const [chosen, setChosen] = useState<readonly string[]>();
  const [reward, setReward] = useState('');

  const start = wantedStart ?? startWithMost(list) ?? (isSmallDevice ? 'builtin:nano' : PREFERENCE_START);
  const { runs, others } = comparableRuns(list, start);
  const ticked = runs.filter(({ id }) => !unticked.has(id));
  // What was measured last stays in view after a reload.
  const kept = runs.findLast(({ compared }) => compared)?.compared?.cases;
  const cases = wantedCases ?? kept ?? (isSmallDevice ? 8 : 40);
  const rows = rowsOf(ticked, cases, SEED);

  const isSmall = start === 'builtin:nano';
  const budget = wantedBudget ?? { unit: 'steps', amount: runs[0]?.maxSteps ?? (isSmall ? 40 : 200) };
  const rewardRuns = list.filter(({ recipe, status }) => recipe.trainer === 'reward' && status === 'finished');
  const rewardSpec: RewardSpec | undefined = rewardRuns.some(({ id }) => id === reward)
    ? { type: 'model', ref: `run:${reward}` }
    : undefined;
  const missing = COMPARED_METHODS.filter(({ id }) => !runs.some(({ recipe }) => comparedMethod(recipe)?.id === id));
  const wanted = missing.filter(({ id }) => chosen === undefined || chosen.includes(id));
  const items: QueueItem[] = wanted.flatMap((method) => {
    const recipe = recipeOf(method, { ref: start, isSmall }, budget, runs, rewardSpec);
    return recipe ? [{ name: `${method.title}, ${Number(recipe.args.max_steps)} steps`, recipe }] : [];
  });
  const first =
    items[0]?.recipe ?? recipeOf(COMPARED_METHODS[0]!, { ref: start, isSmall }, { unit: 'steps', amount: 1 }, runs)!;
  const training = useTraining({
    href: HREF,
    recipe: first,
    nameOf: (recipe) => recipe.name ?? recipe.trainer,
    complaints: [],
    hasQueue: true,
  });
  const nameOf = useModelName();
  const stored = useStoredModels();
  const { progress, error } = useComparison();
  return {
    training,
    list,
    ...{ start, setStart, starts: baseChoices(list, start, nameOf, stored), nameOf },
    ...{ runs, others, ticked, rows, cases, setCases },
    tick: (id: string, isOn: boolean) =>
      setUnticked((old) => new Set(isOn ? [...old].filter((one) => one !== id) : [...old, id])),
    ...{ progress, error },
    cancel: cancelComparison,
    measure: () =>
      void compareRuns(
        ticked.map(({ id }) => id),
        cases,
        SEED,
      ),
    ...{ budget, setBudget, missing, wanted, setChosen, items },
    ...{ reward, setReward, rewardRuns, rewardSpec },
    /** Tokens can be told in steps. */
    knowsTokens: tokensOfRow(runs) !== undefined,
    queue: training.queueOf(COMPARE_GROUP, items),
  };
}
export type Compare = ReturnType<typeof useCompare>;

/** Of the starts that runs of compared methods have, the one with most of them. */
function startWithMost(list: Parameters<typeof comparableRuns>[0]): string | undefined {
  const refs = new Set(list.flatMap(({ recipe }) => (comparedMethod(recipe) ? [recipe.model.ref] : [])));
  const counted = [...refs].map((ref) => ({ ref, n: comparableRuns(list, ref).runs.length }));
  return counted.sort((a, b) => b.n - a.n).find(({ n }) => n > 0)?.ref;
}

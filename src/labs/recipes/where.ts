// Where to modify, as experiments: arms that differ in what is trained and in nothing else, on tasks that ask for different
// things. What comes out is measured by the person who runs them; only the question stands here.
import type { Recipe } from '../../protocol/recipe';
import { fullRecipe, loraRecipe } from './lora';

export interface WhereExperiment {
  id: string;
  title: string;
  /** What the arms are compared on. */
  question: string;
  /** Built-in set of rows and of held-out cases. */
  dataset: string;
  /** Metric ids, the one that the question is about first. */
  metrics: readonly string[];
  arms: readonly WhereArm[];
}
export interface WhereArm {
  id: string;
  label: string;
  recipe: Recipe;
}

const RANK = 8;
/** At the rate of the small ranks r 32 does not settle: 35 % of its answers are valid, over three seeds. */
const LARGE_RATE = 3e-3;
const withRate = (recipe: Recipe, learning_rate: number): Recipe => ({
  ...recipe,
  args: { ...recipe.args, learning_rate },
});
/** A model that has its form already: on a raw base each arm would have to learn it first, beside frozen rows of special tokens. */
const BASE = 'builtin:micro-sft';
function arm(
  { id: task, dataset, metrics }: Pick<WhereExperiment, 'id' | 'dataset' | 'metrics'>,
  id: string,
  label: string,
  recipe: Recipe,
): WhereArm {
  const data = {
    train: [{ ref: dataset, split: 'train' as const }],
    eval: [{ ref: dataset, split: 'dev' as const }],
    rows: 2000,
    seed: 1,
  };
  const model = { ref: BASE };
  return { id, label, recipe: { ...recipe, name: `${task}: ${label}`, model, data, evaluation: [...metrics] } };
}
const twoTargetSets = (task: Parameters<typeof arm>[0]): WhereArm[] => [
  arm(task, 'attention', `r ${RANK}, attention`, loraRecipe(RANK, 'attention')),
  arm(task, 'all', `r ${RANK}, attention + MLP`, loraRecipe(RANK, 'all')),
];

const CONSTRAINTS = {
  id: 'constraints',
  dataset: 'builtin:where/constraints',
  metrics: ['tool_call_correct', 'turn_correct', 'schema_valid'],
};
const STYLE = {
  id: 'style',
  dataset: 'builtin:where/style',
  metrics: ['house_terms', 'turn_correct', 'schema_valid'],
};
const NEW_LANGUAGE = {
  id: 'new_language',
  dataset: 'builtin:where/new_language',
  metrics: ['signs_right', 'signs_exact', 'schema_valid'],
};

export const WHERE_EXPERIMENTS: readonly WhereExperiment[] = [
  {
    ...CONSTRAINTS,
    title: 'Missed constraints, wrong arguments',
    question:
      'One instruction in the prompt decides, and arguments are copied. Compared: right calls with adapters on attention alone, and on attention + MLP.',
    arms: twoTargetSets(CONSTRAINTS),
  },
  {
    ...STYLE,
    title: 'Unnatural terms, uneven style',
    question:
      'The content is given; 25 house terms and a closing formula have to be learnt. Compared: turns in house words with the same two target sets.',
    arms: twoTargetSets(STYLE),
  },
  {
    ...NEW_LANGUAGE,
    title: 'Broad change: answers in signs',
    question:
      'The signs stand in no pretraining text, and adapters leave embedding and head frozen. Compared: signs in their place with a small rank, a large rank and full tuning.',
    arms: [
      arm(NEW_LANGUAGE, 'small', 'r 4, attention + MLP', loraRecipe(4, 'all')),
      arm(NEW_LANGUAGE, 'large', 'r 32, attention + MLP', withRate(loraRecipe(32, 'all'), LARGE_RATE)),
      arm(NEW_LANGUAGE, 'full', 'full tuning', fullRecipe),
    ],
  },
];

// Which rows a recipe trains on, as one choice.
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo } from '../../protocol/requests';

/** The recipe on another dataset: its train rows to learn from, its dev rows, where it has some, to evaluate on. */
export function withData(recipe: Recipe, { id, splits }: Pick<DatasetInfo, 'id' | 'splits'>): Recipe {
  return {
    ...recipe,
    data: {
      ...recipe.data,
      train: [{ ref: id, split: 'train' }],
      eval: 'dev' in splits ? [{ ref: id, split: 'dev' }] : [],
    },
  };
}

/** Id of the dataset that a recipe trains on; undefined when it mixes several. */
export const dataOf = ({ data }: Recipe): string | undefined =>
  data.train.length === 1 ? data.train[0]!.ref : undefined;

/** What a person should know before they train on the set; undefined when there is nothing. */
export const dataHint = ({ data }: Recipe): string | undefined =>
  data.eval.length === 0 ? 'Too few rows to hold some out (20 are needed): there will be no eval_loss.' : undefined;

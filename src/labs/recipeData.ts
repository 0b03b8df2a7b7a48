// Which rows a recipe trains on, as one choice, and what of them is trained unless the person says otherwise: TRL's defaults by the
// type of the rows (sft_trainer.py: completion_only_loss is true for prompt-completion rows, false for others).
import type { MaskMode } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import type { DatasetInfo } from '../protocol/requests';
import { configOf } from './trainerOf';

/** The recipe on another dataset: its train rows to learn from, its dev rows, where it has some, to evaluate on. */
export function withData<R extends Recipe>(recipe: R, { id, splits }: Pick<DatasetInfo, 'id' | 'splits'>): R {
  return {
    ...recipe,
    data: {
      ...recipe.data,
      train: [{ ref: id, split: 'train' }],
      eval: 'dev' in splits ? [{ ref: id, split: 'dev' }] : [],
    },
  };
}

/**
 * As withData, for a set that a person chooses: rows of another type than those before (found among `sets`) are trained on as
 * TRL trains on their type. A choice among sets of one type keeps what is set.
 */
export function withSet<R extends Recipe>(recipe: R, info: DatasetInfo, sets: readonly DatasetInfo[]): R {
  const on = withData(recipe, info);
  const before = sets.find(({ id }) => id === dataOf(recipe))?.type;
  const mode = modeFor(info.type);
  if (mode === undefined || mode === modeFor(before)) return on;
  const loss = {
    assistant_only_loss: mode === 'assistant_only_loss',
    completion_only_loss: mode === 'completion_only_loss',
  };
  return { ...on, args: { ...on.args, ...loss } };
}

/**
 * What is trained of rows of a type. Of conversations TRL trains every token; the studio starts with the assistant's, and shows
 * the choice. Undefined for types that SFT does not train on.
 */
export function modeFor(type: string | undefined): MaskMode | undefined {
  if (type === 'messages') return 'assistant_only_loss';
  if (type === 'prompt-completion') return 'completion_only_loss';
  return type === 'text' ? 'full' : undefined;
}

/** Id of the dataset that a recipe trains on; undefined when it mixes several. */
export const dataOf = ({ data }: Recipe): string | undefined =>
  data.train.length === 1 ? data.train[0]!.ref : undefined;

/** All rows that teach are the person's own: the studio's finance cases say little about them. */
export const hasOwnRows = ({ data }: Pick<Recipe, 'data'>): boolean =>
  data.train.length > 0 && data.train.every(({ ref }) => !ref.startsWith('builtin:'));

/** What a person should know before they train on the set; undefined when there is nothing. */
export const dataHint = ({ data }: Recipe): string | undefined =>
  data.eval.length === 0 ? 'Too few rows to hold some out (20 are needed): there will be no eval_loss.' : undefined;

/** What `mode` means for rows of this type, where it is TRL's default or cannot be; undefined where there is nothing to say. */
export function modeHint(type: string | undefined, mode: MaskMode | 'default'): string | undefined {
  if (type === 'prompt-completion') {
    if (mode === 'completion_only_loss')
      return 'Rows of prompt and completion: loss on the completion (completion_only_loss), TRL’s default for them.';
    return mode === 'assistant_only_loss'
      ? 'assistant_only_loss reads conversations: rows whose prompt and completion are plain text are refused. TRL’s default for them is completion_only_loss.'
      : undefined;
  }
  if (type !== 'text') return undefined;
  if (mode === 'full') return 'Rows of plain text: loss on every token, TRL’s default for them.';
  return mode === 'default'
    ? undefined
    : `${mode} is refused for rows of plain text: they have no answer apart. TRL’s default for them is every token.`;
}

/** Sets with rows that the method trains on, those of its first type first. */
export function fittingSets(recipe: Pick<Recipe, 'trainer'>, sets: readonly DatasetInfo[]): DatasetInfo[] {
  return configOf(recipe).trainsOn.flatMap((type) => sets.filter((set) => set.type === type));
}

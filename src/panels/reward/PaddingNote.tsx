// Where the model's rows are closed by what pads them: at which token the reward is read instead, told on the set's first row.
import { settingsOf } from '../../labs/recipeSettings';
import type { Recipe } from '../../protocol/recipe';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';

export function PaddingNote({ recipe, data }: { recipe: Recipe; data: string | undefined }) {
  const { model, template } = recipe;
  // Built-in models have a pad token of their own.
  const isAsked = data !== undefined && !model.ref.startsWith('builtin:');
  const settings = { ...settingsOf(recipe), template, model: model.ref };
  const note = useLoaded(isAsked ? JSON.stringify([data, settings]) : undefined, async (signal) => {
    const { text } = studioClient();
    const page = { datasetId: data!, split: 'train', offset: 0, limit: 1 };
    const [first] = (await text.request('rows', page, { signal })).rows;
    if (!first) return undefined;
    const { encoded } = await text.request('encodeRow', { row: first.row, rowId: first.rowId, settings }, { signal });
    return encoded.findings?.find(({ kind }) => kind === 'pad_is_eos')?.message;
  });
  return note.value && !note.error ? <p className="quiet train-small">{note.value}</p> : null;
}

// Whether a model was trained on rows of plain text: no template stood in them, so Chat opens as a plain continuation.
import { modeFor } from '../../labs/recipeData';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { useLoaded } from '../../stores/useLoaded';
import { plainPrompt } from './chatView';

/** The first row of the run's data, held out where there are such rows; undefined until it is known, and for conversations. */
export function usePlainRows(run: RunRecord | undefined): { prompt: string } | undefined {
  const sets = useDatasets().value?.datasets ?? [];
  const source = run?.recipe.data.eval[0] ?? run?.recipe.data.train[0];
  const info = sets.find(({ id }) => id === source?.ref);
  // Of conversations nothing is asked for.
  const mode = modeFor(info?.type);
  const split = source?.split ?? 'train';
  const key = info && mode !== undefined && mode !== 'assistant_only_loss' ? `plain ${info.id} ${split}` : undefined;
  const first = useLoaded(key, async (signal) => {
    const asked = { datasetId: info!.id, split, offset: 0, limit: 1 };
    const { rows } = await studioClient().text.request('rows', asked, { signal });
    return { key, prompt: rows[0] && plainPrompt(rows[0].row) };
  });
  const { value } = first;
  return key !== undefined && value?.key === key && value.prompt !== undefined ? { prompt: value.prompt } : undefined;
}

// What the panel asks the workers for beside its run: a drawn group, and what the KL laboratory finds. Both outlive a change of tab.
import type { Recipe } from '../../protocol/recipe';
import type { ComputeRequests } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { promptOf } from './klView';
import type { Asked } from './useAsked';

/** With what was asked for: recipe and settings may be edited since. */
export interface ShownGroup {
  group: ComputeRequests['drawGroup']['reply'];
  recipe: Recipe;
  /** `micro-sft, before training`, `RLOO, β 0.02 · 1`. */
  of: string;
}
export type DrawnGroups = Asked<ShownGroup>;

export async function drawGroup(
  { of, ...params }: ComputeRequests['drawGroup']['params'] & { of: string },
  signal: AbortSignal,
): Promise<ShownGroup> {
  const group = await studioClient().compute.request('drawGroup', params, { signal });
  return { group, recipe: params.recipe, of };
}

export interface ShownKl {
  found: ComputeRequests['klLab']['reply'];
  /** By number, the question that each answer is to. */
  prompts: string[];
  of: string;
}
export type KlFindings = Asked<ShownKl>;
interface KlQuestion {
  model: string;
  reference: string;
  recipe: Recipe;
  prompts: number;
  completions: number;
  maxNewTokens: number;
  seed: number;
  tensor?: string;
  of: string;
}
/** On the first prompts that the recipe trains on. Throws in words where none of them is a conversation. */
export async function klLab(
  { model, reference, recipe, prompts: wanted, completions, maxNewTokens, seed, tensor, of }: KlQuestion,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<ShownKl> {
  const { compute, text } = studioClient();
  const [source] = recipe.data.train;
  const page = { datasetId: source?.ref ?? '', split: source?.split ?? 'train', offset: 0, limit: 4 * wanted };
  const { rows } = await text.request('rows', page, { signal });
  const given = rows.flatMap(({ row }) => promptOf(row) ?? []).slice(0, wanted);
  const params = {
    ...{ model, reference, completions, seed },
    prompts: given,
    max_new_tokens: maxNewTokens,
    ...(tensor !== undefined && { tensor }),
  };
  const found = await compute.request('klLab', params, {
    signal,
    onProgress: ({ done, total }) => onProgress(done, total),
  });
  return {
    found,
    of,
    prompts: given.map(({ messages }) => messages.findLast(({ role }) => role === 'user')?.content ?? ''),
  };
}

// The experiment pair: two recipes that differ in nothing but the mask.
import type { Recipe } from '../protocol/recipe';

/** Full-sequence loss against completion-only loss: same seed, rows and order. */
export function lossPair(recipe: Recipe): { full: Recipe; completion: Recipe } {
  const arm = (completion_only_loss: boolean, what: string): Recipe => ({
    ...recipe,
    name: `${recipe.name ?? 'SFT'} · ${what} loss`,
    args: { ...recipe.args, completion_only_loss, assistant_only_loss: false },
    // Full-sequence loss trains tool results too: that is what the experiment shows.
    ...(!completion_only_loss && { overrides: [...(recipe.overrides ?? []), 'tool_result_trained'] }),
  });
  return { full: arm(false, 'full-sequence'), completion: arm(true, 'completion-only') };
}

// From a recipe to Mask: its rows, its settings, and the tokenizer and template of its model.
import { settingsOf } from '../labs/recipeSettings';
import { MODEL_TEMPLATE, type Recipe } from '../protocol/recipe';
import type { RowPlace, TemplateInfo } from '../protocol/requests';
import { tokenizerOf, useModelStore } from './models';
import { useRuns } from './runs';
import { useWorkbench } from './workbench';

/** Template and tokenizer of a recipe in the workbench: what Template and Mask read with. */
export function readWithRecipe(recipe: Pick<Recipe, 'model' | 'template'>, templates: readonly TemplateInfo[]): void {
  const { openKit, editTemplate } = useWorkbench.getState();
  const kit = tokenizerOf(recipe.model.ref, useModelStore.getState().models, useRuns.getState().runs);
  openKit(kit);
  // What comes with the tokenizer is no edit; the studio's own comes with ChatML.
  if (recipe.template === MODEL_TEMPLATE || (kit === undefined && recipe.template === 'builtin:chatml')) return;
  const named = templates.find(({ ref }) => ref === recipe.template);
  editTemplate(named?.source, named?.name);
}

/** Mask with the recipe's rows, template and settings, at one of them if any is named. */
export function lookInMask(recipe: Recipe, templates: readonly TemplateInfo[], place?: RowPlace): void {
  readWithRecipe(recipe, templates);
  const { edit, openDataset, openRow } = useWorkbench.getState();
  openDataset(place?.datasetId ?? recipe.data.train[0]!.ref, place?.split);
  edit({ reads_reward: undefined, ...settingsOf(recipe) });
  if (place) openRow(place.index);
  location.hash = '#/mask';
}

// The model that a recipe's run begins with: a method whose loss reads another head than the language model's gets one.
import { ConfigError } from '../lib/errors';
import { headOf } from '../nn/hfConfig';
import type { ModelFiles, StreamedFiles } from '../nn/loadModel';
import { asRewardModel } from '../nn/rewardModel';
import type { Recipe } from '../protocol/recipe';
import { trainedHead } from '../trainers/registry';

/**
 * `padTokenId`: of the model's tokenizer. Throws ConfigError for a language model's method on a reward model; a reward model that
 * is trained on keeps its head.
 */
export function startFiles<F extends ModelFiles | StreamedFiles>(
  recipe: Recipe,
  files: F,
  padTokenId: number | null,
): F {
  if (trainedHead(recipe.trainer) === 'score') return asRewardModel(files, { seed: recipe.seed, padTokenId });
  requireLanguageModel(files, recipe.model.ref);
  return files;
}
/** Throws ConfigError for a reward model. */
export function requireLanguageModel({ config }: Pick<ModelFiles, 'config'>, ref: string): void {
  if (headOf(config) !== 'lm')
    throw new ConfigError(
      `${ref} is a reward model: it gives a text a number and cannot write one. Choose a language model, or train it on with the reward trainer.`,
      { where: 'recipe.model' },
    );
}

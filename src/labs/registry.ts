// Labs: recipes with the finding that they reproduce. Data only, so the page may read it.
import type { Recipe } from '../protocol/recipe';
import { lossPair } from './pair';
import { loraRecipe } from './recipes/lora';
import { RLHF_METHODS, rlhfNano } from './recipes/rlhf';
import { sftDefault, sftNano } from './recipes/sft';
import { WHERE_EXPERIMENTS } from './recipes/where';

export interface Lab {
  id: string;
  title: string;
  /** What to expect, or what is compared where it has to be measured: one sentence or two. */
  finding: string;
  recipe: Recipe;
}

const pair = lossPair(sftDefault);

export const labs: readonly Lab[] = [
  {
    id: 'sft-default',
    title: 'From text-continuer to assistant',
    finding: 'The base model rambles; after a few hundred steps it answers in JSON by the schema.',
    recipe: sftDefault,
  },
  {
    id: 'sft-nano',
    title: 'The same, with the smallest model',
    finding: 'A fifth of a million parameters learn the form of the answers before their content.',
    recipe: sftNano,
  },
  {
    id: 'sft-full-sequence',
    title: 'Loss on the whole sequence',
    finding: 'The model is trained to write questions as well as answers.',
    recipe: pair.full,
  },
  {
    id: 'sft-completion-only',
    title: 'Loss on the completion alone',
    finding: 'The other arm of the pair: the prompt is read, but not learned.',
    recipe: pair.completion,
  },
  {
    id: 'lora-default',
    title: 'A patch beside a frozen model',
    finding: 'Compared with full tuning over the same steps: held-out loss, valid answers, and the parameters trained.',
    recipe: loraRecipe(8, 'all'),
  },
  ...RLHF_METHODS.map(
    (method): Lab => ({
      id: `${method}-nano`,
      title: `Paid for form: ${rlhfNano(method).name}`,
      finding: 'A raw base learns to stop, and some JSON, from two rules alone; docs/results.md has what came of it.',
      recipe: rlhfNano(method),
    }),
  ),
  ...WHERE_EXPERIMENTS.flatMap(({ id, title, question, arms }) =>
    arms.map(
      (arm): Lab => ({
        id: `where-${id}-${arm.id}`,
        title: `${title}: ${arm.label}`,
        finding: question,
        recipe: arm.recipe,
      }),
    ),
  ),
];

export const defaultSftRecipe: Recipe = sftDefault;
export const defaultLoraRecipe: Recipe = loraRecipe(8, 'all');

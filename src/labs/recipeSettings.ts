// How a recipe's rows are encoded and masked: the one reading of its args, for the run, the Mask panel and headless checks.
import { type ConfigOf, defaults } from '../lib/fields';
import type { MaskMode, MaskOptions } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import type { DatasetInfo, TemplateSettings } from '../protocol/requests';
import { trainedHead, trainers } from '../trainers/registry';

const { fields } = trainers.sft;

/** What decides the mask of a row beside tokenizer and template; everything spelled out. */
export type RecipeSettings = Required<
  Pick<TemplateSettings, 'mode' | 'completion_only_loss' | 'max_length' | 'truncation_mode'>
> & { mask: MaskOptions };

/** TRL's two switches as one mode. */
const maskMode = (args: { assistant_only_loss: boolean; completion_only_loss: boolean }): MaskMode =>
  args.assistant_only_loss ? 'assistant_only_loss' : args.completion_only_loss ? 'completion_only_loss' : 'full';

/** Does not check the args: a finished run may have some that this version no longer knows, and is shown all the same. */
export function settingsOf(
  recipe: Pick<Recipe, 'args'> & Partial<Pick<Recipe, 'trainer'>>,
): RecipeSettings & Pick<TemplateSettings, 'reads_reward'> & { mode: MaskMode } {
  const args = { ...defaults(fields), ...recipe.args } as ConfigOf<typeof fields>;
  const {
    completion_only_loss,
    max_length,
    truncation_mode,
    assistant_spans,
    assistant_turns,
    train_on_eos,
    special_in_content,
  } = args;
  return {
    mode: maskMode(args),
    completion_only_loss,
    max_length,
    truncation_mode,
    mask: { assistant_spans, assistant_turns, train_on_eos, special_in_content },
    ...(recipe.trainer !== undefined && trainedHead(recipe.trainer) === 'score' && { reads_reward: true }),
  };
}

/**
 * The recipe with these settings in its args. A recipe has no `default` mode: it becomes what TRL's default does with rows of
 * that type. max_length is held to what a recipe may have.
 */
export function withSettings(recipe: Recipe, settings: RecipeSettings, type?: DatasetInfo['type']): Recipe {
  const { mode, completion_only_loss, max_length, truncation_mode, mask } = settings;
  const isCompletion = mode === 'completion_only_loss' || (mode === 'default' && type === 'prompt-completion');
  const { min, max } = fields.max_length;
  return {
    ...recipe,
    args: {
      ...recipe.args,
      assistant_only_loss: mode === 'assistant_only_loss',
      completion_only_loss: mode === 'assistant_only_loss' ? completion_only_loss : isCompletion,
      max_length: Math.min(max, Math.max(min, max_length)),
      truncation_mode,
      ...mask,
    },
  };
}

export interface SettingChange {
  key: string;
  was: string;
  is: string;
}
const LOSS_ON = { assistant_only_loss: 'assistant', completion_only_loss: 'completion', full: 'full' } as const;
/** In what two recipes mask otherwise, in the words of the recipe; `template` as refs. */
export function settingChanges(before: Recipe, after: Recipe): SettingChange[] {
  const flat = (recipe: Recipe): { [key: string]: string | number | boolean } => {
    const { mode, completion_only_loss, mask, reads_reward: _, ...rest } = settingsOf(recipe);
    // Elsewhere the switch only says again what `loss on` says.
    const both = mode === 'assistant_only_loss' && { completion_only_loss };
    return { 'loss on': LOSS_ON[mode], ...both, ...rest, ...mask, template: recipe.template };
  };
  const old = flat(before);
  return Object.entries(flat(after)).flatMap(([key, is]) =>
    old[key] === is || (key === 'completion_only_loss' && !(key in old) && is === false)
      ? []
      : [{ key, was: String(old[key] ?? false), is: String(is) }],
  );
}

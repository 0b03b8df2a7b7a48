// `loss on` is one choice for a person and two flags of TRL: full | completion_only_loss | assistant_only_loss.
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';

export const LOSS_ON = ['assistant', 'completion', 'full'] as const;
export type LossOn = (typeof LOSS_ON)[number];
type Args = Recipe['args'];

export const lossOn = (args: Args): LossOn =>
  args.assistant_only_loss === true ? 'assistant' : args.completion_only_loss === true ? 'completion' : 'full';

export const withLossOn = (args: Args, choice: LossOn): Args => ({
  ...args,
  assistant_only_loss: choice === 'assistant',
  completion_only_loss: choice === 'completion',
});

/** Two recipes that differ in nothing but the mask: same seed, data and order. */
export function lossPair(recipe: Recipe): { full: Recipe; completion: Recipe } {
  const arm = (choice: LossOn, name: string): Recipe => ({ ...recipe, name, args: withLossOn(recipe.args, choice) });
  return {
    full: arm('full', `${recipe.name ?? 'SFT'} · full-sequence loss`),
    completion: arm('completion', `${recipe.name ?? 'SFT'} · completion-only loss`),
  };
}

/** Settings that differ between two runs, for the line under a pair of curves. */
export function differingArgs(a: Args, b: Args): string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => !sameJson(a[key], b[key])).sort();
}
const sameJson = (a: Json | undefined, b: Json | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

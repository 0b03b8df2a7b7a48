// `loss on` is one choice for a person and two flags of TRL: full | completion_only_loss | assistant_only_loss.
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

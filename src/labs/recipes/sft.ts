// The default SFT recipe: all four shapes, every assistant turn trained.
import type { Recipe } from '../../protocol/recipe';

const MIX = 'builtin:sft/mix';

export const sftDefault: Recipe = {
  version: 1,
  name: 'SFT',
  trainer: 'sft',
  model: { ref: 'builtin:micro' },
  template: 'builtin:chatml',
  data: {
    train: [{ ref: MIX, split: 'train' }],
    eval: [{ ref: MIX, split: 'dev' }],
    rows: 6000,
    seed: 1,
  },
  args: { assistant_only_loss: true, completion_only_loss: false, max_steps: 300 },
  peft: null,
  evaluation: [
    'schema_valid',
    'tool_call_correct',
    'refusal_precision',
    'refusal_recall',
    'over_refusal_rate',
    'fact_correct',
    'terminated',
  ],
  seed: 1,
};

/** Small enough for tests and for a machine without a GPU. */
export const sftNano: Recipe = {
  ...sftDefault,
  name: 'SFT nano',
  model: { ref: 'builtin:nano' },
  data: { ...sftDefault.data, rows: 2000 },
  args: { ...sftDefault.args, max_steps: 300 },
};

/** What docs/results.json measures: the default recipe with more rows and steps, about a quarter of an hour on one core. */
export const sftMeasured: Recipe = {
  ...sftDefault,
  name: 'SFT micro, measured',
  data: { ...sftDefault.data, rows: 8000 },
  args: { ...sftDefault.args, max_steps: 900 },
};

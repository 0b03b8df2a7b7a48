// One answer to "how are these rows masked": the run, the Mask panel and `lab check` must give the same.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldProblem } from '../lib/fields';
import type { DatasetRow } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import { trainBpe } from '../text/bpe';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { compileTemplate } from '../text/chatTemplate';
import { render } from '../text/render';
import { Tokenizer } from '../text/tokenizer';
import { trainers } from '../trainers/registry';
import { checkRows } from './check';
import { encodeRecipe } from './recipeRows';
import { type RecipeSettings, settingChanges, settingsOf, withSettings } from './recipeSettings';
import { sftNano } from './recipes/sft';

const context = {
  tokenizer: Tokenizer.fromJson(trainBpe([], { vocabSize: 262 })),
  template: compileTemplate(BUILTIN_TEMPLATE),
};
const two: DatasetRow = {
  prompt: [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: 'first' },
    { role: 'user', content: 'R' },
  ],
  completion: [{ role: 'assistant', content: 'second' }],
};
const recipe = (args: Recipe['args']): Recipe => ({
  ...sftNano,
  data: { train: [{ ref: 'mine' }], eval: [] },
  args,
});

test.each([
  ['both answers', { assistant_only_loss: true, completion_only_loss: false }, 'first<|im_end|>second<|im_end|>'],
  ['TRL’s AND of both masks', { assistant_only_loss: true, completion_only_loss: true }, 'second<|im_end|>'],
] as const)(
  'prompt + completion chats train %s in the run, the row on show and the check alike',
  (_, args, trained) => {
    const given = recipe(args);
    const settings = { ...context, ...settingsOf(given) };
    const run = encodeRecipe(given, 'train', context, { imported: () => ({ rows: [two] }) }).rows[0]!;
    const shown = render(two, 'mine/0', settings);
    const text = (row: typeof run) =>
      Array.from(row.ids)
        .flatMap((id, t) => (row.mask[t] ? [context.tokenizer.tokenText(id)] : []))
        .join('');
    expect(text(run)).toBe(trained);
    expect(shown.mask).toEqual(run.mask);
    const report = checkRows([{ rowId: 'mine/0', row: two }], [], settings);
    expect(report.trained).toBe(run.mask.reduce((a, b) => a + b, 0));
  },
);

const settings = fc.record<RecipeSettings>({
  mode: fc.constantFrom('full', 'completion_only_loss', 'assistant_only_loss'),
  completion_only_loss: fc.boolean(),
  max_length: fc.integer({ min: 8, max: 1024 }),
  truncation_mode: fc.constantFrom('keep_start', 'keep_end', 'drop', 'refuse'),
  mask: fc.record({
    assistant_spans: fc.constantFrom('generation', 'derived'),
    assistant_turns: fc.constantFrom('all', 'last'),
    train_on_eos: fc.constantFrom('turn', 'all', 'last', 'none'),
    special_in_content: fc.constantFrom('text', 'token'),
  }),
});
test('settings carried into a recipe are those that it trains with', () => {
  fc.assert(
    fc.property(settings, (chosen) => {
      const back = settingsOf(withSettings(sftNano, chosen));
      // Outside assistant_only_loss the switch follows from the mode.
      const completion_only_loss =
        chosen.mode === 'assistant_only_loss' ? chosen.completion_only_loss : chosen.mode === 'completion_only_loss';
      expect(back).toEqual({ ...chosen, completion_only_loss });
    }),
  );
});

test('a reward recipe’s rows are told as what a reward model reads, and that is no setting that changes', () => {
  const pairs = { ...recipe({}), trainer: 'reward' };
  expect(settingsOf(pairs).reads_reward).toBe(true);
  expect(settingsOf(recipe({}))).not.toHaveProperty('reads_reward');
  expect(settingChanges(recipe({}), pairs)).toEqual([]);
});

test('TRL’s default mode becomes what it means for the rows; a length no recipe may have becomes the nearest', () => {
  const chosen: RecipeSettings = { ...settingsOf(sftNano), mode: 'default', max_length: 5000 };
  expect(settingsOf(withSettings(sftNano, chosen, 'prompt-completion')).mode).toBe('completion_only_loss');
  expect(settingsOf(withSettings(sftNano, chosen, 'messages')).mode).toBe('full');
  const { args } = withSettings(sftNano, chosen);
  expect(args.max_length).toBe(1024);
  for (const [key, value] of Object.entries(args))
    expect(fieldProblem(key, trainers.sft.fields[key as 'max_length'], value)).toBeUndefined();
});

test('what carrying settings changes is told in the words of the recipe', () => {
  const from = recipe({ completion_only_loss: true, max_length: 384 });
  const chosen: RecipeSettings = { ...settingsOf(recipe({ assistant_only_loss: true })), max_length: 120 };
  const after = { ...withSettings(from, { ...chosen, completion_only_loss: false }), template: 'sha256:1' };
  expect(settingChanges(from, after)).toEqual([
    { key: 'loss on', was: 'completion', is: 'assistant' },
    { key: 'max_length', was: '384', is: '120' },
    { key: 'template', was: 'builtin:chatml', is: 'sha256:1' },
  ]);
  expect(settingChanges(after, withSettings(after, { ...chosen, completion_only_loss: true }))).toEqual([
    { key: 'completion_only_loss', was: 'false', is: 'true' },
  ]);
  expect(settingChanges(after, after)).toEqual([]);
});

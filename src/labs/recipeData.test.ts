import { expect, test } from 'vitest';
import type { DatasetInfo } from '../protocol/requests';
import { dataHint, dataOf, modeHint, withData, withSet } from './recipeData';
import { settingsOf } from './recipeSettings';
import { defaultSftRecipe } from './registry';

const set = (id: string, type: DatasetInfo['type'], splits: DatasetInfo['splits'] = { train: 90, dev: 10 }) =>
  ({ id, type, splits, title: id, description: '', rows: 100, origin: 'imported' }) satisfies DatasetInfo;

test('an imported set is trained on, and evaluated on its own dev rows where it has some', () => {
  const own = withData(defaultSftRecipe, { id: 'sha256:abc', splits: { train: 90, dev: 10 } });
  expect(own.data.train).toEqual([{ ref: 'sha256:abc', split: 'train' }]);
  expect(own.data.eval).toEqual([{ ref: 'sha256:abc', split: 'dev' }]);
  expect(dataOf(own)).toBe('sha256:abc');
  expect(dataHint(own)).toBeUndefined();
  const few = withData(own, { id: 'sha256:few', splits: { train: 4 } });
  expect(few.data.eval).toEqual([]);
  expect(dataHint(few)).toMatch(/no eval_loss/);
  expect(few.args).toEqual(defaultSftRecipe.args);
});

test('a set of another type brings TRL’s default for its rows; a choice among sets of one type stays', () => {
  const sets = [
    set('builtin:sft/mix', 'messages'),
    set('sha256:pairs', 'prompt-completion'),
    set('sha256:more', 'prompt-completion'),
    set('sha256:text', 'text'),
    set('sha256:preferences', 'preference'),
  ];
  const [mix, pairs, more, text, preferences] = sets as [DatasetInfo, DatasetInfo, DatasetInfo, DatasetInfo, DatasetInfo]; // biome-ignore format: five sets
  const mode = (recipe: typeof defaultSftRecipe) => settingsOf(recipe).mode;
  const on = withSet(defaultSftRecipe, pairs, sets);
  expect(on.args).toMatchObject({ completion_only_loss: true, assistant_only_loss: false });
  expect(on.data.train).toEqual([{ ref: 'sha256:pairs', split: 'train' }]);
  const full = { ...on, args: { ...on.args, completion_only_loss: false } };
  expect(mode(withSet(full, more, sets))).toBe('full');
  expect(mode(withSet(on, text, sets))).toBe('full');
  expect(mode(withSet(on, mix, sets))).toBe('assistant_only_loss');
  // SFT refuses them in its own words; nothing is set that the person would have to take back.
  expect(mode(withSet(on, preferences, sets))).toBe('completion_only_loss');
  // The set before was deleted, or there were several: TRL's default again.
  expect(mode(withSet({ ...full, data: { ...full.data, train: [{ ref: 'sha256:gone' }] } }, more, sets))).toBe('completion_only_loss'); // biome-ignore format: one case
});

test('the default is said, and so is a choice that the rows cannot take', () => {
  expect(modeHint('prompt-completion', 'completion_only_loss')).toMatch(/TRL’s default/);
  expect(modeHint('prompt-completion', 'assistant_only_loss')).toMatch(/plain text are refused/);
  expect(modeHint('text', 'completion_only_loss')).toMatch(/^completion_only_loss is refused/);
  expect(modeHint('messages', 'assistant_only_loss')).toBeUndefined();
  expect(modeHint('prompt-completion', 'full')).toBeUndefined();
});

import { expect, test } from 'vitest';
import { defaultSftRecipe } from '../labs/registry';
import type { Recipe } from '../protocol/recipe';
import type { DatasetInfo } from '../protocol/requests';
import { storedRefs, withoutMissing } from './withoutMissing';

const recipe: Recipe = {
  ...defaultSftRecipe,
  model: { ref: 'sha256:aa' },
  template: 'model',
  data: { ...defaultSftRecipe.data, train: [{ ref: 'sha256:bb', split: 'train' }], eval: [{ ref: 'sha256:bb', split: 'dev' }] }, // biome-ignore format: one object
};
const START = defaultSftRecipe.data.train[0]!.ref;
const sets = [{ id: START, type: 'messages', splits: { train: 1, dev: 1 } }] as unknown as DatasetInfo[];
const remaining = { fallback: defaultSftRecipe, sets };
test('a missing model takes its template along; a missing set takes both parts; each is said by name', () => {
  const missing = [{ id: 'sha256:aa', name: 'tiny' }, { id: 'sha256:bb' }];
  const { recipe: fixed, words } = withoutMissing(recipe, missing, remaining);
  expect(fixed).toMatchObject({ model: defaultSftRecipe.model, template: 'builtin:chatml' });
  expect(fixed.data).toEqual({ ...recipe.data, train: defaultSftRecipe.data.train, eval: defaultSftRecipe.data.eval });
  expect(fixed.args).toEqual(recipe.args);
  expect(words).toEqual([
    'The model “tiny” is not in this browser any more: the recipe is back on micro-base.',
    // Never deleted here: the recipe came from another browser.
    'The dataset of this recipe is not in this browser: the rows that the studio starts with are taken.',
  ]);
});
test('a missing template alone changes nothing else: beside a model with a tokenizer its own is taken', () => {
  const saved = { ...recipe, template: 'sha256:cc' };
  const missing = [{ id: 'sha256:cc', name: 'Mine' }];
  const { recipe: fixed, words } = withoutMissing(saved, missing, remaining);
  expect(fixed).toEqual({ ...saved, template: 'builtin:chatml' });
  expect(words).toEqual(['The template “Mine” is not in this browser any more: the built-in ChatML is taken.']);
  const own = withoutMissing(saved, missing, { ...remaining, tokenizer: 'sha256:tt' });
  expect(own.recipe).toEqual({ ...saved, template: 'model' });
  expect(own.words).toEqual(['The template “Mine” is not in this browser any more: the model’s own is taken.']);
  // With the model its tokenizer goes.
  const both = withoutMissing(saved, [...missing, { id: 'sha256:aa' }], { ...remaining, tokenizer: 'sha256:tt' });
  expect(both.recipe.template).toBe('builtin:chatml');
});
test('what the missing set was trained on goes with it', () => {
  const pairs = { ...recipe, args: { ...recipe.args, assistant_only_loss: false, completion_only_loss: true } };
  const { args } = withoutMissing(pairs, [{ id: 'sha256:bb' }], remaining).recipe;
  expect(args).toMatchObject({ assistant_only_loss: true, completion_only_loss: false });
});
test('of a mixture only what is missing goes', () => {
  const train: Recipe['data']['train'] = [{ ref: 'sha256:bb', split: 'train' }, { ref: START, split: 'train' }]; // biome-ignore format: one list
  const mixed = { ...recipe, data: { ...recipe.data, train } };
  const { recipe: fixed, words } = withoutMissing(mixed, [{ id: 'sha256:bb', name: 'mine' }], remaining);
  expect(fixed).toEqual({ ...mixed, data: { ...mixed.data, train: train.slice(1), eval: [] } });
  expect(words).toEqual(['The dataset “mine” is not in this browser any more: the recipe goes on without it.']);
});
test('a missing reward model leaves what else pays; without any the studio’s own rewards are taken; a reference goes back to the start', () => {
  const rule = { type: 'rule' as const, id: 'length', weight: 0.5 };
  const [judge, other] = ['run:judge', 'sha256:dd'].map((ref) => ({ type: 'model' as const, ref })) as [{ type: 'model'; ref: string }, { type: 'model'; ref: string }]; // biome-ignore format: two
  const paid: Recipe = { ...recipe, trainer: 'rloo', rewards: [rule, judge, other], reference: 'sha256:ee' };
  expect(storedRefs(paid)).toEqual(['sha256:aa', 'sha256:bb', 'sha256:bb', 'run:judge', 'sha256:dd', 'sha256:ee']);
  expect(storedRefs({ ...paid, reference: 'adapter_off', rewards: [rule] })).toEqual(['sha256:aa', 'sha256:bb', 'sha256:bb']); // biome-ignore format: one call
  const on = { ...remaining, fallback: { ...defaultSftRecipe, rewards: [{ type: 'rule' as const, id: 'rubric' }] } };
  const one = withoutMissing(paid, [{ id: 'run:judge', name: 'RM' }], on);
  expect(one.recipe).toEqual({ ...paid, rewards: [rule, other] });
  expect(one.words).toEqual(['The reward model “RM” is not in this browser any more: its other rewards pay.']);
  const all = withoutMissing({ ...paid, rewards: [judge, other] }, [{ id: 'run:judge' }, { id: 'sha256:dd', name: 'B' }, { id: 'sha256:ee' }], on); // biome-ignore format: one call
  expect(all.recipe).toEqual({ ...paid, rewards: on.fallback.rewards, reference: null });
  expect(all.words).toEqual([
    'The reward model of this recipe is not in this browser: the rewards that the studio starts with are taken.',
    'The reward model “B” is not in this browser any more: the rewards that the studio starts with are taken.',
    'The reference of this recipe is not in this browser: what the run starts from is taken.',
  ]);
});

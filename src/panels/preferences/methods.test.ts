import { expect, test } from 'vitest';
import { comparedMethod } from '../../labs/compareMethods';
import { fittingSets } from '../../labs/recipeData';
import { validateRecipe } from '../../labs/validateRecipe';
import type { DatasetInfo } from '../../protocol/requests';
import { chosenReference, referenceChoices, referenceToRead, withReference } from '../shared/referenceView';
import { METHODS, methodOf, nextName, onSet, withMethod } from './methods';

const set = (id: string, type: string): DatasetInfo => ({ id, type, title: id, description: '', rows: 10, splits: { train: 9 }, origin: 'builtin' }); // biome-ignore format: one set
const SETS = [
  set('builtin:sft/mix', 'messages'),
  set('builtin:unpaired', 'unpaired-preference'),
  set('builtin:pref', 'preference'),
  set('sha256:mine', 'preference'),
];
const by = (id: string) => METHODS.find((method) => method.id === id)!;
const dpo = by('dpo').recipe;

test('every method is found again from its recipe, and passes to every other as a recipe that can be trained', () => {
  for (const from of METHODS)
    for (const to of METHODS) {
      expect(methodOf(from.recipe).id).toBe(from.id);
      const next = withMethod(from.recipe, to, SETS);
      expect(validateRecipe(next)).toBe(next);
      expect(methodOf(next).id).toBe(to.id);
    }
});
test('AlphaPO is SimPO’s, here as in the comparison: nothing holds its chosen answer in place', () => {
  for (const loss_type of ['simpo', 'alphapo']) {
    const recipe = { trainer: 'cpo', args: { loss_type, cpo_alpha: 0 } };
    expect([methodOf(recipe).id, comparedMethod(recipe)?.id]).toEqual(['simpo', 'simpo']);
  }
  expect(methodOf({ trainer: 'cpo', args: { loss_type: 'hinge' } }).id).toBe('cpo');
  expect(nextName({ ...by('simpo').recipe, args: { loss_type: 'alphapo', beta: 2 } }, [])).toBe(
    'SimPO alphapo, β 2 · 1',
  );
});
test('what fits stays: rows, model, adapter, steps; learning_rate and loss_type start anew', () => {
  const mine = {
    ...dpo,
    model: { ref: 'run:a' },
    data: { ...dpo.data, train: [{ ref: 'sha256:mine' }], eval: [], flipped_votes: 0.1 },
    args: { ...dpo.args, max_steps: 7, learning_rate: 0.5, loss_type: ['ipo'] },
    reference: 'builtin:micro',
  };
  const orpo = withMethod(mine, by('orpo'), SETS);
  expect(orpo).toMatchObject({ model: mine.model, data: mine.data, trainer: 'orpo', args: { max_steps: 7 } });
  expect(orpo.args.learning_rate).toBe(by('orpo').recipe.args.learning_rate);
  expect(by('orpo').recipe.args.learning_rate).not.toBe(dpo.args.learning_rate);
  expect(orpo.args).not.toHaveProperty('loss_type');
  expect(orpo).not.toHaveProperty('reference'); // it has none
  expect(withMethod(mine, by('kto'), SETS).reference).toBe('builtin:micro');
  // KTO takes pairs too; pairs cannot be made of single answers.
  expect(withMethod(mine, by('kto'), SETS).data.train).toEqual([{ ref: 'sha256:mine' }]);
  const back = withMethod(by('kto').recipe, by('dpo'), SETS);
  expect(back.data.train).toEqual([{ ref: 'builtin:pref', split: 'train' }]);
});
test('what nobody has changed becomes what the next method starts with', () => {
  const kto = withMethod(dpo, by('kto'), SETS);
  expect(kto.args).toEqual(by('kto').recipe.args);
  expect(withMethod(kto, by('dpo'), SETS).args).toEqual(dpo.args);
  const mine = withMethod({ ...kto, args: { ...kto.args, per_device_train_batch_size: 12 } }, by('dpo'), SETS);
  expect(mine.args).toEqual({ ...dpo.args, per_device_train_batch_size: 12 });
});
test('sets are those that a method trains on', () => {
  expect(fittingSets(dpo, SETS).map(({ id }) => id)).toEqual(['builtin:pref', 'sha256:mine']);
  expect(fittingSets(by('kto').recipe, SETS).map(({ id }) => id)).toEqual(['builtin:unpaired', 'builtin:pref', 'sha256:mine']); // biome-ignore format: one list
});
test('runs are named by method, loss and β, and counted', () => {
  expect(nextName(dpo, [])).toBe('DPO sigmoid, β 0.1 · 1');
  expect(nextName(dpo, [{ name: 'DPO sigmoid, β 0.1 · 4' }, { name: 'else' }])).toBe('DPO sigmoid, β 0.1 · 5');
  expect(nextName(by('simpo').recipe, [])).toBe('SimPO, β 2 · 1');
  expect(nextName(by('orpo').recipe, [])).toBe('ORPO, β 0.1 · 1');
});
test('the reference: the start, the adapter off, or another model; none where the loss reads none', () => {
  const models = [
    { ref: 'builtin:micro-demos', label: 'micro-demos' },
    { ref: 'builtin:micro', label: 'micro-base' },
  ];
  expect(referenceChoices(dpo, models)!.map(({ label }) => label)).toEqual(['the start, frozen', 'micro-base']);
  const adapter = { ...dpo, peft: { r: 8 } };
  expect(referenceChoices(adapter, models)!.map(({ label }) => label)).toEqual([
    'adapter off',
    'micro-demos',
    'micro-base',
  ]);
  expect(referenceChoices(by('orpo').recipe, models)).toBeUndefined();
  expect(referenceChoices({ ...dpo, args: { reference_free: true } }, models)).toBeUndefined();
  const other = withReference(dpo, 'builtin:micro');
  expect([chosenReference(dpo), chosenReference(other)]).toEqual(['start', 'builtin:micro']);
  expect(withReference(other, 'start')).toEqual(dpo);
  const run = { id: 'r', status: 'running' as const, checkpoints: [] };
  expect(referenceToRead(dpo, run)).toEqual({ ref: 'builtin:micro-demos', isInLoss: true });
  expect(referenceToRead(other, run).ref).toBe('builtin:micro');
  expect(referenceToRead(adapter, run).ref).toBe('run:r#base');
  expect(referenceToRead(adapter, undefined).ref).toBe('builtin:micro-demos');
  expect(referenceToRead(by('orpo').recipe, run)).toEqual({ ref: 'builtin:micro-demos', isInLoss: false });
});

test('a set that another page sends is trained on by a method that takes its rows', () => {
  const marks = set('sha256:marks', 'unpaired-preference');
  const pairs = SETS[3]!;
  const kto = onSet(dpo, marks, [...SETS, marks]);
  expect([methodOf(kto).id, kto.data.train]).toEqual(['kto', [{ ref: 'sha256:marks', split: 'train' }]]);
  expect(validateRecipe(kto)).toBe(kto);
  const simpo = onSet(by('simpo').recipe, pairs, SETS);
  expect([methodOf(simpo).id, simpo.data.train[0]!.ref]).toEqual(['simpo', 'sha256:mine']);
  expect(methodOf(onSet(kto, pairs, SETS)).id).toBe('kto');
});

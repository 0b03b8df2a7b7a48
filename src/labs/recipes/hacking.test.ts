import { expect, test } from 'vitest';
import { withQueueRefs } from '../queueRefs';
import { validateRecipe } from '../validateRecipe';
import { HACKING_STAGES, hackingChain } from './hacking';

const chain = () => hackingChain().map((recipe) => withQueueRefs(recipe, (name) => `id of ${name}`));

test('the chain is five valid recipes, each named after its stage and reading what the ones before have left', () => {
  expect(chain().map(({ name }) => name)).toEqual([...HACKING_STAGES]);
  for (const recipe of chain()) expect(validateRecipe(recipe)).toEqual(recipe);
  const [sft, biasedReward, biasedPolicy, , fairPolicy] = chain();
  expect(sft!.model.ref).toBe('builtin:micro-sft');
  expect(biasedReward!.model.ref).toBe('run:id of sft');
  expect(biasedPolicy!.rewards![0]).toEqual({ type: 'model', ref: 'run:id of biased reward' });
  expect(fairPolicy!.rewards![0]).toEqual({ type: 'model', ref: 'run:id of fair reward' });
});

test('the two arms differ in the votes, the brake and the stop alone; true quality is watched and not paid', () => {
  const [, biasedReward, biased, fairReward, fair] = chain();
  expect([biasedReward, fairReward].map((recipe) => recipe!.data.train[0]!.ref)).toEqual([
    'builtin:pref/biased',
    'builtin:pref',
  ]);
  expect({ ...biased!.args, beta: 0 }).toEqual({ ...fair!.args, beta: 0 });
  expect(Number(fair!.args.beta)).toBeGreaterThan(Number(biased!.args.beta));
  expect([biased, fair].map((recipe) => recipe!.two_metrics!.stop)).toEqual([false, true]);
  expect({ ...biased!.two_metrics, stop: true }).toEqual(fair!.two_metrics);
  for (const recipe of [biased, fair]) expect(recipe!.rewards![1]).toEqual({ type: 'rule', id: 'rubric', weight: 0 });
});

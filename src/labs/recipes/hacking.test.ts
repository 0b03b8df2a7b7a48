import { expect, test } from 'vitest';
import { withQueueRefs } from '../queueRefs';
import { validateRecipe } from '../validateRecipe';
import { HACKING_SIZES, HACKING_STAGES, hackingChain } from './hacking';

const chain = () => hackingChain().map((recipe) => withQueueRefs(recipe, (name) => `id of ${name}`));

test('the chain is four valid recipes from one start, each named after its stage; a policy is paid by its arm’s reward model', () => {
  expect(chain().map(({ name }) => name)).toEqual([...HACKING_STAGES]);
  for (const recipe of chain()) expect(validateRecipe(recipe)).toEqual(recipe);
  const [, biasedPolicy, , fairPolicy] = chain();
  expect(new Set(chain().map(({ model }) => model.ref))).toEqual(new Set(['builtin:micro-demos']));
  expect(biasedPolicy!.rewards![0]).toEqual({ type: 'model', ref: 'run:id of biased reward' });
  expect(fairPolicy!.rewards![0]).toEqual({ type: 'model', ref: 'run:id of fair reward' });
});

test('the two arms differ in the votes, the step, the brake and the stop alone; true quality is watched and not paid', () => {
  const [biasedReward, biased, fairReward, fair] = chain();
  expect([biasedReward, fairReward].map((recipe) => recipe!.data.train[0]!.ref)).toEqual([
    'builtin:pref/biased',
    'builtin:pref',
  ]);
  expect(biasedReward!.args).toEqual(fairReward!.args);
  const apart = { beta: 0, learning_rate: 0 };
  expect({ ...biased!.args, ...apart }).toEqual({ ...fair!.args, ...apart });
  expect(Number(fair!.args.beta)).toBeGreaterThan(Number(biased!.args.beta));
  expect(Number(fair!.args.learning_rate)).toBeLessThan(Number(biased!.args.learning_rate));
  expect([biased, fair].map((recipe) => recipe!.two_metrics!.stop)).toEqual([false, true]);
  expect({ ...biased!.two_metrics, stop: true }).toEqual(fair!.two_metrics);
  for (const recipe of [biased, fair]) expect(recipe!.rewards![1]).toEqual({ type: 'rule', id: 'rubric', weight: 0 });
});

test('a short chain is the same but for its steps', () => {
  const steps = (size: keyof typeof HACKING_SIZES) => hackingChain(size).map(({ args }) => args.max_steps);
  expect(steps('measured')).toEqual([200, 70, 200, 70]);
  const { reward, policy } = HACKING_SIZES.short;
  expect(steps('short')).toEqual([reward, policy, reward, policy]);
  hackingChain('short').forEach((recipe, i) => {
    const whole = hackingChain()[i]!;
    expect({ ...recipe, args: { ...recipe.args, max_steps: 0 } }).toEqual({
      ...whole,
      args: { ...whole.args, max_steps: 0 },
    });
  });
});

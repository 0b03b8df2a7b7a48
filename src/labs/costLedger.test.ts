// The ledger: a DPO run and one that a reward model pays, by hand; and that prices are linear.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { testRun } from '../protocol/testRun';
import { COST_PARTS, costLedger, rewardRunsOf, totalCost } from './costLedger';
import { preferenceRecipe } from './recipes/preference';
import { rlhfRecipe } from './recipes/rlhf';

const pass = { step: 10, epoch: 0.5, num_tokens: 7200, tokens_per_second: 2 }; // an hour
const dpo = testRun({ id: 'dpo', recipe: { ...preferenceRecipe('dpo'), args: { per_device_train_batch_size: 3 } }, points: [pass], step: 10 }); // biome-ignore format: one run
const judge = testRun({ ...dpo, id: 'judge', recipe: { ...dpo.recipe, trainer: 'reward' }, outputs: { model: 'sha256:judge' } }); // biome-ignore format: one run
const paidBy = (ref: string) =>
  testRun({
    id: 'rloo',
    recipe: { ...rlhfRecipe('rloo'), rewards: [{ type: 'model', ref }] },
    points: [{ step: 10, epoch: 1, num_tokens: 10, 'time/update': 1800, 'time/rollout': 3000, 'time/scoring': 600 }],
    step: 10,
  });
const prices = { comparison: 2, label: 1, hour: 10, case: 0.5 };
const costs = (run = dpo, all = [judge]) => costLedger(run, rewardRunsOf(run, all), prices).map(({ cost }) => cost);

test('DPO pays for its votes and its updates', () => {
  expect(costs()).toEqual([30 * 2, 0, 0, 10, 0]);
  const kto = { ...dpo, recipe: { ...dpo.recipe, trainer: 'kto' } };
  expect(costLedger(kto, rewardRunsOf(kto, []), prices)[0]).toMatchObject({ amount: 30, unit: 'labels', cost: 30 });
});
test('an online run pays for its reward model’s votes and training, whichever way it names it', () => {
  for (const ref of ['run:judge', 'run:judge@10', 'sha256:judge'])
    expect(costs(paidBy(ref))).toEqual([30 * 2, 10, 10, 5, 0]);
});
test('a reward model that is not here is said to be unknown, and not free', () => {
  const run = paidBy('run:gone');
  const lines = costLedger(run, rewardRunsOf(run, [judge]), prices);
  expect(lines.filter(({ isUnknown }) => isUnknown).map(({ part }) => part)).toEqual(['labels', 'reward model']);
});
test('the whole is linear in the prices, and in the order of its parts', () => {
  const price = fc.integer({ min: 0, max: 1000 });
  fc.assert(
    fc.property(fc.record({ comparison: price, label: price, hour: price, case: price }), (given) => {
      const of = (k: number) =>
        costLedger(paidBy('run:judge'), { runs: [judge], missing: 0 }, { comparison: k * given.comparison, label: k * given.label, hour: k * given.hour, case: k * given.case }); // biome-ignore format: one call
      expect(totalCost(of(3))).toBeCloseTo(3 * totalCost(of(1)), 6);
      expect(of(1).map(({ part }) => part)).toEqual(COST_PARTS);
    }),
  );
});

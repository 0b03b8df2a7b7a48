// Held-out cases for a recipe whose rows train several adapters: each adapter is asked what it was trained for, and answers itself.
import type { RoutedCase } from '../eval/metric';
import { ConfigError } from '../lib/errors';
import { DEFAULT_ADAPTER } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import { evaluationCases } from '../world/cases';
import type { Split } from '../world/item';
import { builtinCases } from '../world/registry';
import type { World } from '../world/state';
import { adapterNames } from './adapterNames';
import { casesOf } from './casesOf';

/**
 * `n` cases in all, shared among the adapters of the recipe, each from the sets that its rows come from; undefined where there are
 * not several adapters. `dataset`: cases of this set instead, for the adapters that were trained on it, or for all where none was.
 * Throws ConfigError for fewer cases than adapters.
 */
export function adapterCases(
  recipe: Recipe,
  world: World,
  { n, seed, split, dataset }: { n: number; seed: number; split?: Split; dataset?: string },
): RoutedCase[] | undefined {
  const adapters = adapterNames(recipe).map((name) => {
    const train = recipe.data.train.filter(({ adapter = DEFAULT_ADAPTER }) => adapter === name);
    return { name, own: casesOf({ trainer: recipe.trainer, data: { ...recipe.data, train } }) };
  });
  if (adapters.length < 2) return undefined;
  const trainedOn = adapters.filter(({ own }) => dataset !== undefined && own === dataset);
  const asked = trainedOn.length > 0 ? trainedOn : adapters;
  if (n < asked.length)
    throw new ConfigError(`${asked.length} adapters are measured, so there must be at least as many cases, got ${n}.`, {
      where: 'cases',
    });
  return asked.flatMap(({ name, own }, i) => {
    const share = Math.floor((n * (i + 1)) / asked.length) - Math.floor((n * i) / asked.length);
    const which = { n: share, seed, split };
    const set = dataset ?? own;
    const cases = set === undefined ? evaluationCases(world, which) : builtinCases(set, which);
    // Two adapters may be asked the same.
    return cases.map((c) => ({ ...c, caseId: `${name}/${c.caseId}`, adapter: name }));
  });
}

import { expect, test } from 'vitest';
import { tenantsRecipe } from '../../labs/recipes/tenants';
import { WHERE_EXPERIMENTS } from '../../labs/recipes/where';
import { defaultLoraRecipe } from '../../labs/registry';
import { measureRequest } from './measureRequest';

test('a run is measured on cases of its own set, with its own template and metrics', () => {
  const [style] = WHERE_EXPERIMENTS.filter(({ id }) => id === 'style');
  const request = measureRequest({ id: 'x', recipe: style!.arms[0]!.recipe, step: 300 });
  expect(request).toMatchObject({ ref: 'run:x', dataset: 'builtin:where/style', metrics: style!.metrics });
  const one = measureRequest({ id: 'y', recipe: defaultLoraRecipe, step: 1 });
  expect(one).not.toHaveProperty('dataset');
  expect(one).not.toHaveProperty('casesOf');
  // Several adapters answer their own cases, and the base is asked the same ones.
  expect(measureRequest({ id: 'z', recipe: tenantsRecipe, step: 1 })).toMatchObject({ ref: 'run:z', casesOf: 'run:z' });
});

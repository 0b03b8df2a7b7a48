import { expect, test } from 'vitest';
import { WHERE_EXPERIMENTS } from '../../labs/recipes/where';
import { defaultLoraRecipe } from '../../labs/registry';
import { measureRequest } from './measureRuns';

test('a run is measured on cases of its own set, with its own template and metrics', () => {
  const [style] = WHERE_EXPERIMENTS.filter(({ id }) => id === 'style');
  const request = measureRequest({ id: 'x', recipe: style!.arms[0]!.recipe });
  expect(request).toMatchObject({ ref: 'run:x', dataset: 'builtin:where/style', metrics: style!.metrics });
  expect(measureRequest({ id: 'y', recipe: defaultLoraRecipe })).not.toHaveProperty('dataset');
});

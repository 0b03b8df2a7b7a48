import { expect, test } from 'vitest';
import type { Recipe } from '../protocol/recipe';
import { needsDerived, spansHint, spansKey, spansToTake, withSpans } from './assistantSpans';
import { defaultSftRecipe } from './registry';

const tiny: Recipe = { ...defaultSftRecipe, model: { ref: 'sha256:tiny' }, template: 'model' };
const seen = (recipe: Recipe, hasGeneration: boolean) => ({ key: spansKey(recipe), hasGeneration });

test('without markers the spans are derived once a choice; what the person sets afterwards stays until the next one', () => {
  expect(spansToTake(tiny, false, undefined)).toBe('derived');
  const derived = withSpans(tiny, 'derived');
  expect(spansToTake(derived, false, undefined)).toBeUndefined();
  // The person went back to markers with the same model, template and rows.
  expect(spansToTake(tiny, false, seen(derived, false))).toBeUndefined();
  const otherRows: Recipe = { ...tiny, data: { ...tiny.data, train: [{ ref: 'sha256:rows', split: 'train' }] } };
  expect(spansToTake(otherRows, false, seen(tiny, false))).toBe('derived');
});

test('with a template that has markers they are read again; derived spans that were chosen beside markers stay', () => {
  const back = withSpans(defaultSftRecipe, 'derived');
  expect(spansToTake(back, true, seen(tiny, false))).toBe('generation');
  expect(spansToTake(back, true, seen({ ...back, template: 'sha256:other' }, true))).toBeUndefined();
  expect(spansToTake(back, true, undefined)).toBeUndefined();
});

test('the sentence and the way out are for assistant_only_loss alone', () => {
  expect(needsDerived(tiny, false)).toBe(true);
  expect(needsDerived(tiny, undefined)).toBe(false);
  expect(needsDerived(withSpans(tiny, 'derived'), false)).toBe(false);
  expect(spansHint(withSpans(tiny, 'derived'), false, 'tiny’s template')).toMatch(/missing in tiny’s template: .* derived from what it prints/); // biome-ignore format: one call
  expect(spansHint(tiny, true, 'ChatML')).toBeUndefined();
  const full: Recipe = { ...tiny, args: { ...tiny.args, assistant_only_loss: false, completion_only_loss: false } };
  expect(needsDerived(full, false)).toBe(false);
  expect(spansHint(full, false, 'tiny’s template')).toBeUndefined();
});

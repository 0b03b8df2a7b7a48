import { expect, test } from 'vitest';
import { tellPanels } from './knownPanels';
import { trainingPages } from './trainingPages';

const pages = (type: string, splits: { [split: string]: number } = { train: 9 }) =>
  trainingPages({ type, splits }).map(({ page }) => page);

test('each set leads to the pages that train on its rows, of those that the app has', () => {
  tellPanels(['sft', 'lora', 'preferences', 'reward']);
  expect(pages('messages')).toEqual(['#/sft', '#/lora']);
  expect(pages('preference')).toEqual(['#/preferences', '#/reward']);
  expect(pages('unpaired-preference')).toEqual(['#/preferences']);
  expect(pages('stepwise')).toEqual([]);
  expect(pages('preference', { dev: 3 })).toEqual([]);
  tellPanels(['sft', 'reward']);
  expect(pages('preference')).toEqual(['#/reward']);
});

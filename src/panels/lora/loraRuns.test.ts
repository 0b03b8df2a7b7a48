import { expect, test } from 'vitest';
import { defaultLoraRecipe } from '../../labs/registry';
import type { AdapterRecipe } from './draft';
import { isLoraRun, nextName, pictureVersion, runTitle } from './loraRuns';

const recipe = defaultLoraRecipe as AdapterRecipe;

test('runs of tenants and of all weights are other panels’; a sweep’s full tuning is this one’s', () => {
  expect(isLoraRun({ recipe })).toBe(true);
  expect(isLoraRun({ recipe, group: 'tenants' })).toBe(false);
  expect(isLoraRun({ recipe: { ...recipe, peft: null } })).toBe(false);
  expect(isLoraRun({ recipe: { ...recipe, peft: null }, group: 'lora sweep 1' })).toBe(true);
  expect(isLoraRun({ recipe: { ...recipe, peft: null }, group: 'loss pair 1' })).toBe(false);
});

test('a run is numbered among its kind, above every number that was given', () => {
  const named = (...names: string[]) => nextName(recipe, names.map((name) => ({ name }))); // biome-ignore format: one call
  expect(named()).toBe('LoRA r 8 · 1');
  expect(named('LoRA r 8 · 3', 'LoRA r 8 · 1', 'LoRA r 16 · 7', 'QLoRA r 8 · 9', 'LoRA r 8 · mine')).toBe(
    'LoRA r 8 · 4',
  );
});

test('a run is named with its base', () => {
  const run = { name: 'LoRA r 8 · 1', recipe: { ...recipe, model: { ref: 'builtin:nano' } } };
  expect(runTitle(run, [{ ref: 'builtin:nano', label: 'nano-base' }], String)).toBe('LoRA r 8 · 1 on nano-base');
  expect(runTitle(run, [], () => 'tiny (deleted)')).toBe('LoRA r 8 · 1 on tiny (deleted)');
});

test('the picture is read at the first steps, then every tenth, and when the run ends', () => {
  const read = Array.from({ length: 31 }, (_, step) => pictureVersion({ status: 'running', step }));
  expect([...new Set(read)].map((version) => read.indexOf(version))).toEqual([0, 1, 2, 4, 8, 10, 20, 30]);
  expect(pictureVersion({ status: 'finished', step: 30 })).not.toBe(read[30]);
});

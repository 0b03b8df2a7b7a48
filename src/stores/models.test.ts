import { expect, test, vi } from 'vitest';
import { defaultSftRecipe } from '../labs/registry';
import type { StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { loadModels, tokenizerOf, trainedTemplate, useModelStore, withModel } from './models';

const request = vi.hoisted(() => vi.fn());
vi.mock('./client', () => ({ studioClient: () => ({ compute: { request } }) }));

const model: StoredModel = { id: 'sha256:m', name: 'm', sizeBytes: 1, createdAt: 1, isImported: true, tokenizer: 'sha256:t' }; // biome-ignore format: one model
const run = (ref: string) => ({ recipe: { ...defaultSftRecipe, model: { ref } } }) as unknown as RunRecord;

test('a model reads with the tokenizer that it, or what it was trained from, came with', () => {
  const runs = { a: run('sha256:m'), b: run('run:a@3'), own: run('builtin:micro') };
  expect(tokenizerOf('sha256:m', [model], runs)).toBe('sha256:t');
  expect(tokenizerOf('run:b#x', [model], runs)).toBe('sha256:t');
  expect(tokenizerOf('run:own', [model], runs)).toBeUndefined();
  expect(tokenizerOf('run:gone', [model], runs)).toBeUndefined();
  expect(tokenizerOf('run:loop', [model], { loop: run('run:loop') })).toBeUndefined();
});
test('a stored model says itself what it was trained with, its run gone or not', () => {
  const runs = { a: run('sha256:m') };
  expect(trainedTemplate('run:a@3', [], runs)).toBe(defaultSftRecipe.template);
  expect(trainedTemplate('sha256:m', [{ ...model, template: 'sha256:t' }], {})).toBe('sha256:t');
  expect(trainedTemplate('sha256:m', [model], {})).toBeUndefined();
});
test('another model takes the template along only where its tokenizer can write it', () => {
  const imported = withModel(defaultSftRecipe, 'sha256:m', 'sha256:t');
  expect(imported).toMatchObject({ model: { ref: 'sha256:m' }, template: 'model' });
  expect(withModel({ ...imported, template: 'model' }, 'sha256:n', 'sha256:u').template).toBe('model');
  expect(withModel(imported, 'builtin:micro', undefined).template).toBe('builtin:chatml');
  const saved = { ...defaultSftRecipe, template: 'sha256:saved' };
  expect(withModel(saved, 'builtin:nano', undefined).template).toBe('sha256:saved');
});
test('what Chat was asked to open stays until it is deleted, in a list or not', async () => {
  const wanted = { right: 'run:a', left: 'sha256:adapter' };
  useModelStore.setState({ wanted });
  request.mockResolvedValue({ models: [], pending: [], removed: [{ id: 'sha256:other', name: 'other' }] });
  await loadModels();
  expect(useModelStore.getState().wanted).toEqual(wanted);
  request.mockResolvedValue({ models: [], pending: [], removed: [{ id: 'sha256:adapter', name: 'left' }] });
  await loadModels();
  expect(useModelStore.getState().wanted).toBeUndefined();
});

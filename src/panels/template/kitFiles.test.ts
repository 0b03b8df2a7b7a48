import { expect, test } from 'vitest';
import { filesToRead, folderName, rowsAmong } from './kitFiles';

const file = (name: string, size = 100, webkitRelativePath?: string) => ({ name, size, webkitRelativePath });

test('of a whole folder only what makes a tokenizer is read', () => {
  const folder = [
    file('model.safetensors', 5e9),
    file('tokenizer.json', 4e6),
    file('tokenizer_config.json'),
    file('chat_template.jinja'),
    file('README.md'),
    file('pytorch_model.bin', 5e9),
  ];
  const { kit, template } = filesToRead(folder);
  expect(kit.map(({ name }) => name)).toEqual(['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']);
  expect(template).toBeUndefined();
});

test('a template alone is a template, not a tokenizer', () => {
  expect(filesToRead([file('my.jinja')])).toEqual({ kit: [], template: file('my.jinja') });
});

test('files of an old kind reach the worker, which says what to do', () => {
  expect(filesToRead([file('tokenizer.model')]).kit).toHaveLength(1);
  expect(filesToRead([file('vocab.json'), file('merges.txt')]).kit).toHaveLength(2);
});

test('a folder gives its name, a single file its own', () => {
  expect(folderName([file('tokenizer.json', 1, 'Qwen/tokenizer.json')])).toBe('Qwen');
  expect(folderName([file('tokenizer.json')])).toBe('tokenizer');
  expect(folderName([file('a.json'), file('b.json')])).toBe('imported tokenizer');
});

test('rows that are dropped here are told from a tokenizer', () => {
  expect(rowsAmong([file('rows.jsonl')])?.name).toBe('rows.jsonl');
  expect(rowsAmong([file('rows.jsonl'), file('tokenizer.json')])).toBeUndefined();
  expect(rowsAmong([file('my.jinja')])).toBeUndefined();
});

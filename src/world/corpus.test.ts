import { expect, test } from 'vitest';
import { hashString } from '../lib/rng';
import { generateCorpus } from './corpus';
import { builtinWorld } from './registry';

const documents = (seed: number, chars: number) => [...generateCorpus(builtinWorld(), { seed, chars })];
const docs = documents(7, 1_000_000);

test('the same seed gives the same bytes; another seed other documents', () => {
  const text = documents(1, 200_000).join('\n');
  expect(text).toBe(documents(1, 200_000).join('\n'));
  // The shipped base models and the tokenizer were trained on exactly these bytes. If this changes, train them anew.
  expect(hashString(text)).toBe(2576763477);
  const first = new Set(documents(1, 200_000));
  expect(documents(2, 200_000).filter((d) => first.has(d)).length).toBeLessThan(40);
});

test('documents are varied, and plain ASCII', () => {
  expect(new Set(docs).size / docs.length).toBeGreaterThan(0.95);
  expect(docs.join('')).toMatch(/^[\n\x20-\x7e]*$/);
});

test('JSON is rare; the chat format and the contract never occur', () => {
  const text = docs.join('\n');
  for (const taught of [
    '<|im_start|>',
    '<tool_call>',
    '"answer"',
    '"sources"',
    '"status"',
    '"arguments"',
    'assistant:',
  ])
    expect(text.includes(taught), taught).toBe(false);
  const withJson = docs.filter((d) => d.includes('{"')).length / docs.length;
  expect(withJson).toBeGreaterThan(0.005);
  expect(withJson).toBeLessThan(0.06);
});

test('figures are repeated, so that copying can be learned', () => {
  const repeated = docs.filter((d) => {
    const numbers = d.match(/\b\d{4,}\b/g) ?? [];
    return new Set(numbers).size < numbers.length;
  });
  expect(repeated.length / docs.length).toBeGreaterThan(0.3);
});

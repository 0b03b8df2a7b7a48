import { expect, test } from 'vitest';
import { hashString, Rng } from '../lib/rng';
import { generateCorpus } from './corpus';
import { copyDrill } from './lessons';
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

test('copying lessons: a share of the documents, the others unchanged; most of what they say is said before', () => {
  const world = builtinWorld();
  const with3 = [...generateCorpus(world, { seed: 7, chars: 300_000, lessons: 0.35 })];
  const plain = new Set(docs);
  const lessons = with3.filter((d) => !plain.has(d));
  expect(lessons.length / with3.length).toBeGreaterThan(0.28);
  expect(lessons.length / with3.length).toBeLessThan(0.42);
  const words = lessons.flatMap((d) =>
    d
      .split(/[^\w-]+/)
      .filter((w) => /\d/.test(w))
      .map((w, i, all) => all.indexOf(w) < i),
  );
  expect(words.filter(Boolean).length / words.length).toBeGreaterThan(0.4);
  expect(lessons.join('\n')).not.toMatch(/"answer"|"status"|<tool_call>|assistant/);
});

test('copying drills repeat short stretches first, long ones later, and use no special token', () => {
  const repeats = (progress: number) => {
    const row = [...copyDrill(new Rng(3, 'drill'), 256, 1024, progress)];
    expect(row.every((id) => id >= 6 && id < 1024)).toBe(true);
    return row.filter((id, i) => row.slice(Math.max(0, i - 8), i).includes(id)).length / row.length;
  };
  expect(repeats(0)).toBeGreaterThan(0.7);
  expect(repeats(1)).toBeLessThan(0.1);
});

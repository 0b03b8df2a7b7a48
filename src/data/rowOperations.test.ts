import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DatasetRow } from '../protocol/chat';
import { RowFile } from './rowFile';
import { duplicatesOf, normalText, sampleOf, shareOf, splitCodes } from './rowOperations';

const fileOf = (rows: readonly object[], faults: [number, string][] = []) =>
  new RowFile({ bytes: new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join('')), faults });
function run<T>(steps: Generator<number, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
const pair = (i: number, more: object = {}) => ({ prompt: `Question ${i}?`, completion: `Answer ${i}.`, ...more });

test('rows that differ in white space only are one; the first stays, and a difference in case is one', () => {
  const rows = [
    pair(1),
    { completion: ' Answer  1.\n', prompt: 'Question\t1?' },
    pair(2),
    { prompt: 'question 1?', completion: 'Answer 1.' },
    pair(1),
  ];
  expect(run(duplicatesOf(fileOf(rows)))).toEqual([
    { index: 1, of: 0 },
    { index: 4, of: 0 },
  ]);
  // A faulty row repeats nothing, even when its text is another's.
  expect(run(duplicatesOf(fileOf(rows, [[4, 'faulty.']])))).toEqual([{ index: 1, of: 0 }]);
});
test('texts of one hash are told apart by themselves', () => {
  // FNV-1a of 32 bits: "costarring" and "liquid" collide.
  const [a, b] = ['costarring', 'liquid'];
  expect(run(duplicatesOf(fileOf([{ text: a }, { text: b }, { text: a }])))).toEqual([{ index: 2, of: 0 }]);
});
test('by hash: about the share asked for, equal rows on one side, another seed another split', () => {
  const rows = Array.from({ length: 2000 }, (_, i) => pair(i % 1000));
  const { codes } = run(splitCodes(fileOf(rows), { by: 'hash', devPercent: 20, seed: 1 }));
  const dev = codes.reduce((a, b) => a + b, 0);
  // 1,000 different rows: 5 standard deviations of a binomial are 63 rows, twice that in pairs.
  expect(Math.abs(dev - 400)).toBeLessThan(130);
  for (let i = 0; i < 1000; i++) expect(codes[i]).toBe(codes[i + 1000]);
  const other = run(splitCodes(fileOf(rows), { by: 'hash', devPercent: 20, seed: 2 })).codes;
  expect(other).not.toEqual(codes);
  // A row keeps its side when others come and go.
  const fewer = run(splitCodes(fileOf(rows.slice(500, 700)), { by: 'hash', devPercent: 20, seed: 1 })).codes;
  expect(fewer).toEqual(codes.slice(500, 700));
});
test('by group: no group on both sides, counted; rows without the column are shared out one by one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(20), fc.constant(undefined)), { minLength: 1, maxLength: 80 }),
      fc.nat(),
      (groups, seed) => {
        fc.pre(groups.some((group) => group !== undefined));
        const rows = groups.map((group, i) => pair(i, group === undefined ? {} : { customer: group }));
        const found = run(splitCodes(fileOf(rows), { by: 'group', column: 'customer', devPercent: 30, seed }));
        const sides = new Map<number, Set<number>>();
        groups.forEach((group, i) => {
          if (group !== undefined) sides.set(group, (sides.get(group) ?? new Set()).add(found.codes[i]!));
        });
        expect([...sides.values()].every((side) => side.size === 1)).toBe(true);
        expect(found.groups).toEqual({
          train: [...sides.values()].filter((side) => side.has(0)).length,
          dev: [...sides.values()].filter((side) => side.has(1)).length,
          both: 0,
          without: groups.filter((group) => group === undefined).length,
        });
      },
    ),
    { numRuns: 100 },
  );
  expect(() =>
    run(splitCodes(fileOf([pair(1)]), { by: 'group', column: 'customer', devPercent: 30, seed: 1 })),
  ).toThrow(/No row has a column customer/);
});
test('a group is the value, not how it is written: 1 and "1" are one, the text "null" is not nothing', () => {
  const rows = [pair(1, { g: '1' }), pair(2, { g: 1 }), pair(3, { g: 'null' }), pair(4, { g: null })];
  const { groups } = run(splitCodes(fileOf(rows), { by: 'group', column: 'g', devPercent: 50, seed: 3 }));
  expect((groups!.train ?? 0) + (groups!.dev ?? 0)).toBe(2);
  expect(groups!.without).toBe(1);
});
test('shares are even', () => {
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 20_000; i++) tenths[Math.floor(shareOf(`row ${i}`, 7) * 10)]!++;
  // 2,000 each; 6 standard deviations are 255.
  for (const n of tenths) expect(Math.abs(n - 2000)).toBeLessThan(255);
});
test('a sample: as many as asked for, each once, in order, the same for the same seed; faulty rows are not drawn', () => {
  const file = fileOf(
    Array.from({ length: 100 }, (_, i) => pair(i)),
    [[3, 'faulty.']],
  );
  const drawn = sampleOf(file, 40, 5);
  expect(drawn).toHaveLength(40);
  expect(new Set(drawn).size).toBe(40);
  expect(drawn).toEqual(drawn.slice().sort((a, b) => a - b));
  expect(sampleOf(file, 40, 5)).toEqual(drawn);
  expect(sampleOf(file, 40, 6)).not.toEqual(drawn);
  expect(sampleOf(file, 500, 5)).toHaveLength(99);
  expect(sampleOf(file, 500, 5)).not.toContain(3);
});
test('normal text keeps what a row says', () => {
  const row: DatasetRow = { messages: [{ role: 'user', content: ' a\n\tb ' }] };
  expect(normalText(row)).toBe('{"messages":[{"content":"a b","role":"user"}]}');
});

test('rows that are held out stay so, by hash and by group; a group that is held out in part is told as parted', () => {
  const rows = Array.from({ length: 60 }, (_, i) => pair(i, { customer: i % 6 }));
  const bytes = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const splits = Uint8Array.from(rows, (_, i) => (i % 6 === 0 || i === 1 ? 2 : i % 2));
  const file = new RowFile({ bytes, splits });
  const held = (codes: Uint8Array) => [...codes].flatMap((code, i) => (code === 2 ? [i] : []));
  expect(held(run(splitCodes(file, { by: 'hash', devPercent: 20, seed: 1 })).codes)).toEqual(held(splits));
  const { codes, groups } = run(splitCodes(file, { by: 'group', column: 'customer', devPercent: 50, seed: 1 }));
  expect(held(codes)).toEqual(held(splits));
  expect(groups!.both).toBe(1);
  expect(groups!.train + groups!.dev).toBe(4); // the sixth is held out as a whole
});

// What the page computes from a report's columns is what the encoder does to the rows.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MaskColumnsBuilder } from '../src/data/maskColumns';
import { histogram, kindUnder, orderOf, ReportRows, summarize } from '../src/panels/mask/report';
import type { EncodedRow, TruncationMode } from '../src/protocol/chat';
import { BUILTIN_TEMPLATE } from '../src/text/builtinTemplate';
import { compileTemplate } from '../src/text/chatTemplate';
import { render, trainedTokens } from '../src/text/render';
import { Tokenizer } from '../src/text/tokenizer';
import { turnEnds } from '../src/text/turnEnds';
import { readTestFile } from '../src/workers/testBed';
import { builtinItems } from '../src/world/registry';

const tokenizer = Tokenizer.fromJson(new TextDecoder().decode((await readTestFile('tokenizer.json'))!));
const settings = {
  tokenizer,
  template: compileTemplate(BUILTIN_TEMPLATE),
  mode: 'assistant_only_loss',
  max_length: 1e9,
} as const;
const items = ['builtin:sft/single', 'builtin:sft/tool', 'builtin:sft/multi'].flatMap((id) =>
  builtinItems(id, { rows: 12, seed: 3, split: 'train' }),
);
const whole = items.map(({ row, rowId }) => render(row, rowId, settings));
const stops = turnEnds(settings);
const collect = (rows: readonly EncodedRow[], every: number): ReportRows => {
  const out = new ReportRows();
  const builder = new MaskColumnsBuilder();
  rows.forEach((row, i) => {
    builder.add(i, items[i % items.length]!.shape, row, stops);
    if (i % every === every - 1) out.append(builder.take());
  });
  out.append(builder.take());
  return out;
};
const modes: TruncationMode[] = ['keep_start', 'keep_end', 'drop', 'refuse'];

test("the cut of every row, at any max_length, is the encoder's", () => {
  const rows = collect(whole, 5);
  expect(rows.length).toBe(whole.length);
  fc.assert(
    fc.property(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 420 }),
      fc.constantFrom(...modes),
      (i, max_length, truncation_mode) => {
        const cut = { max_length, truncation_mode };
        const left = rows.cut(i, cut);
        const encoded = render(items[i]!.row, items[i]!.rowId, { ...settings, ...cut });
        const isOut = encoded.truncated > 0 && (truncation_mode === 'drop' || truncation_mode === 'refuse');
        expect(left.trained).toBe(isOut ? 0 : trainedTokens(encoded));
        expect(left.trainedLost).toBe(trainedTokens(whole[i]!) - left.trained);
        const stopsOf = (row: EncodedRow) => row.ids.filter((id, t) => row.mask[t] === 1 && stops.has(id)).length;
        expect(left.stopsKept).toBe(isOut ? 0 : stopsOf(encoded));
        const kinds = encoded.findings!.filter((f) => f.blocking || f.gate).map((f) => f.kind);
        const kind = kindUnder(rows, i, cut);
        if (kind === 'none' || kind === 'truncated') expect(kinds).toEqual([]);
        else expect(kinds.concat(isOut ? 'too_long' : [])).toContain(kind);
      },
    ),
    { numRuns: 300 },
  );
});

test('summary, order and histogram hold every row once', () => {
  const rows = collect(whole, 7);
  const cut = { max_length: 120, truncation_mode: 'keep_start' } as const;
  const summary = summarize(rows, cut);
  expect([...summary.byKind.values()].reduce((n, k) => n + k.rows, 0)).toBe(rows.length);
  expect(summary.longest).toBe(Math.max(...whole.map((row) => row.ids.length)));
  expect(summary.cut).toBe(whole.filter((row) => row.ids.length > 120).length);
  expect(summary.cut).toBeGreaterThan(0);
  for (const measure of ['row', 'prompt', 'completion', 'trained'] as const)
    expect(histogram(rows, cut, measure, 20).reduce((n, bin) => n + bin.whole + bin.hurt, 0)).toBe(rows.length);
  const order = orderOf(rows, cut, { kind: 'all', shape: '' }, { key: 'trained', descending: true });
  const trained = Array.from(order, (i) => rows.cut(i, cut).trained);
  expect(trained).toEqual(trained.toSorted((a, b) => b - a));
  const cutOnes = orderOf(rows, cut, { kind: 'cut', shape: '' }, { key: 'row', descending: false });
  expect(cutOnes).toHaveLength(summary.cut);
  const faulty = orderOf(rows, cut, { kind: 'faulty', shape: '' }, { key: 'row', descending: false });
  const none = (summary.byKind.get('none')?.rows ?? 0) + (summary.byKind.get('truncated')?.rows ?? 0);
  expect(faulty).toHaveLength(rows.length - none);
});

test('100,000 rows are summed up and sorted in a blink', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => whole[i % whole.length]!);
  const rows = collect(many, 500);
  const small = summarize(collect(whole, 50), { max_length: 100, truncation_mode: 'keep_start' });
  const summary = summarize(rows, { max_length: 100, truncation_mode: 'keep_start' });
  const share = many.length / whole.length;
  // Every row is there as often as its share says, within one.
  expect(summary.rows).toBe(100_000);
  expect(Math.abs(summary.cut - small.cut * share)).toBeLessThanOrEqual(whole.length);
  const order = orderOf(
    rows,
    { max_length: 100, truncation_mode: 'keep_start' },
    { kind: 'all', shape: '' },
    { key: 'trained', descending: false },
  );
  expect(new Set(order).size).toBe(100_000);
});

test('a row that is left out for its length has no other fault', () => {
  const { messages } = items.find(({ row }) => row.messages)!.row;
  const silent = render({ messages: messages!.filter(({ role }) => role !== 'assistant') }, 'silent', settings);
  const rows = collect([silent], 1);
  const long = silent.ids.length;
  expect(kindUnder(rows, 0, { max_length: long, truncation_mode: 'drop' })).toBe('nothing_trained');
  expect(kindUnder(rows, 0, { max_length: long - 1, truncation_mode: 'drop' })).toBe('too_long');
  expect(kindUnder(rows, 0, { max_length: long - 1, truncation_mode: 'keep_start' })).toBe('nothing_trained');
  // The sentence on the page names the limit only where the limit is to blame.
  const blames = (max_length: number) =>
    summarize(rows, { max_length, truncation_mode: 'keep_start' }).byKind.get('nothing_trained');
  expect(blames(long)).toEqual({ rows: 1, first: 0, byCut: false });
  const cutAnswer = collect([render({ messages: messages! }, 'cut', settings)], 1);
  const atTheQuestion = { max_length: cutAnswer.prompt.at(0), truncation_mode: 'keep_start' } as const;
  expect(summarize(cutAnswer, atTheQuestion).byKind.get('nothing_trained')).toMatchObject({ byCut: true });
  const faulty = (max_length: number, truncation_mode: TruncationMode) =>
    orderOf(rows, { max_length, truncation_mode }, { kind: 'faulty', shape: '' }, { key: 'row', descending: false })
      .length;
  expect(faulty(long, 'drop')).toBe(1);
  expect(faulty(long - 1, 'drop')).toBe(0);
  expect(faulty(long - 1, 'refuse')).toBe(1);
});

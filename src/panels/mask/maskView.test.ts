import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import type { MaskReport, MaskRowReport } from '../../protocol/requests';
import {
  boundaries,
  byTrained,
  lengthBins,
  lengthSentence,
  reportSentence,
  silentRows,
  tokenFacts,
  trainedCount,
  visible,
} from './maskView';

const tokens = ['<|im_start|>', 'assistant', '\n', 'ok', ' yes', '<|im_end|>', '\n'];
const row = (mask: number[]): EncodedRow => ({
  rowId: 'r',
  text: tokens.join(''),
  ids: Int32Array.from([1, 20, 198, 30, 31, 2, 198]),
  mask: Uint8Array.from(mask),
  spanStart: new Int32Array(7),
  spanEnd: new Int32Array(7),
  role: Uint8Array.from([3, 3, 3, 3, 3, 3, 3]),
  origin: Uint8Array.from([2, 0, 0, 1, 1, 2, 0]),
  message: new Int16Array(7),
  rule: Uint8Array.from([0, 0, 0, 1, 1, 1, 0]),
  rules: ['outside every generation block', 'generation block 1'],
  truncated: 0,
});
const report = (rows: Partial<MaskRowReport>[]): MaskReport => {
  const full = rows.map((r, index) => ({
    index,
    rowId: `r${index}`,
    shape: 'single',
    tokens: 10,
    trained: 4,
    truncated: 0,
    ...r,
  }));
  const sum = (key: 'tokens' | 'trained') => full.reduce((total, r) => total + r[key], 0);
  return { rows: full, totalTokens: sum('tokens'), trainedTokens: sum('trained'), blocking: [] };
};

test('boundaries are the four tokens where families differ', () => {
  const found = boundaries(row([0, 0, 0, 1, 1, 1, 0]), tokens);
  expect(found.lastPrompt).toEqual({ index: 2, id: 198, text: '\\n' });
  expect(found.firstTrained).toEqual({ index: 3, id: 30, text: 'ok' });
  expect(found.lastTrained).toEqual({ index: 5, id: 2, text: '<|im_end|>' });
  expect(found.after).toEqual({ index: 6, id: 198, text: '\\n' });
});

test('a row that trains to its end has nothing after; a silent row has no boundaries', () => {
  expect(boundaries(row([0, 0, 0, 1, 1, 1, 1]), tokens).after).toBeUndefined();
  expect(boundaries(row([0, 0, 0, 0, 0, 0, 0]), tokens)).toEqual({});
});

test('position 0 is never a target', () => {
  expect(trainedCount(row([1, 1, 1, 1, 1, 1, 1]))).toBe(6);
  expect(boundaries(row([1, 1, 0, 0, 0, 0, 0]), tokens).firstTrained?.index).toBe(1);
});

test('facts name the position that predicts the token', () => {
  const facts = Object.fromEntries(tokenFacts(row([0, 0, 0, 1, 1, 1, 0]), tokens, 3));
  expect(facts).toMatchObject({ id: '30', role: 'assistant', 'predicted from': '2 · \\n', rule: 'generation block 1' });
  expect(Object.fromEntries(tokenFacts(row([0, 0, 0, 0, 0, 0, 0]), tokens, 0))['predicted from']).toBe(
    'nothing: first token',
  );
});

test('white space is made visible', () => {
  expect(visible('  a b ')).toBe('␣␣a b␣');
  expect(visible('\n')).toBe('\\n');
});

test('rows with a fault come first', () => {
  const rows = report([{ trained: 5 }, { trained: 0 }, { trained: 2 }, { trained: 0 }]).rows;
  expect(byTrained(rows).map((r) => r.index)).toEqual([1, 3, 2, 0]);
  expect(silentRows(report([{ trained: 5 }, { trained: 0 }])).map((r) => r.index)).toEqual([1]);
});

test('sentences carry the numbers', () => {
  expect(reportSentence(report([{}, {}]))).toBe('8 of 20 tokens train (40 %), in 2 rows.');
  expect(reportSentence(report([{}, {}]), 4000)).toBe('8 of 20 tokens train (40 %), in the first 2 of 4,000 rows.');
  expect(reportSentence(report([]))).toMatch(/^No rows/);
  expect(lengthSentence(report([{ tokens: 200 }]), 256)).toBe(
    'No row is cut: the longest has 200 tokens, the limit is 256.',
  );
  expect(lengthSentence(report([{ tokens: 256, truncated: 14 }, {}]), 256)).toBe(
    '1 row cut at 256: 14 tokens and the end of the answer are lost.',
  );
});

test('length bins hold every row once and tell cut from kept', () => {
  const rows = report([{ tokens: 3 }, { tokens: 99 }, { tokens: 64, truncated: 36 }]).rows;
  const bins = lengthBins(rows, 10);
  expect(bins.reduce((sum, bin) => sum + bin.kept + bin.cut, 0)).toBe(3);
  expect(bins.at(-1)).toMatchObject({ cut: 1 });
  expect(bins[0]).toMatchObject({ from: 0, kept: 1, cut: 0 });
  expect(lengthBins([], 10)).toEqual([]);
});

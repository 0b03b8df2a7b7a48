import { expect, test } from 'vitest';
import type { EncodedRow } from '../../protocol/chat';
import type { Inspection } from '../../protocol/requests';
import {
  alternatives,
  costliestToken,
  heatLevel,
  heatValue,
  heatWords,
  lossOfProbabilities,
  readingOf,
  rowLoss,
  tokenSentence,
} from './glassBox';

const tokens = ['<s>', 'a', 'b', 'c'];
const row: EncodedRow = {
  rowId: 'r',
  text: 'abc',
  ids: Int32Array.from([1, 10, 11, 12]),
  mask: Uint8Array.from([1, 0, 1, 1]), // position 0 must not count
  spanStart: new Int32Array(4),
  spanEnd: new Int32Array(4),
  role: new Uint8Array(4),
  origin: new Uint8Array(4),
  message: new Int16Array(4),
  rule: new Uint8Array(4),
  rules: [''],
  truncated: 0,
};
const inspection = (p: number[]): Inspection => ({
  logps: Float32Array.from(p.map(Math.log)),
  entropies: Float32Array.from([Number.NaN, 0.1, 0.5, 3]),
  ranks: Int32Array.from([-1, 0, 0, 7]),
  topkIds: Int32Array.from([0, 0, 10, 5, 11, 5, 5, 6]),
  topkLogps: Float32Array.from([0, 0, -0.1, -2, Math.log(0.8), -2, Math.log(0.5), -3]),
  k: 2,
  topkTexts: ['', '', 'a', 'x', 'b', 'x', 'x', 'y'],
});
const now = inspection([Number.NaN, 0.9, 0.8, 0.4]);

test('the worked example: .8 and .4 cost 1.139 summed, .570 averaged', () => {
  const example = lossOfProbabilities([0.8, 0.4]);
  expect(example.sum).toBeCloseTo(1.1394, 4);
  expect(example.mean).toBeCloseTo(0.5697, 4);
});

test('a row counts only trained tokens, never position 0', () => {
  const { sum, mean, count } = rowLoss(row, now);
  expect(count).toBe(2);
  expect(sum).toBeCloseTo(1.1394, 4);
  expect(mean).toBeCloseTo(0.5697, 4);
});

test('alternatives mark the target and add it when it is not among the k', () => {
  expect(alternatives(row, tokens, now, 2).map((a) => [a.text, a.isTarget])).toEqual([
    ['b', true],
    ['x', false],
  ]);
  const missed = alternatives(row, tokens, now, 3);
  expect(missed).toHaveLength(3);
  expect(missed[2]).toMatchObject({ id: 12, text: 'c', isTarget: true, place: 8 });
  expect(missed[2]!.p).toBeCloseTo(0.4, 6);
});

test('the formula carries the numbers on screen', () => {
  const { formula, words } = tokenSentence(row, now, 3);
  expect(formula).toBe('−m · log p = −1 × log 0.400 = 0.916 nats');
  expect(words).toBe('80 % of this row’s loss, one of 2 trained tokens.');
  expect(tokenSentence(row, now, 1).formula).toContain('−0 × log 0.900 = 0.00 nats');
  expect(tokenSentence(row, now, 1).words).toContain('Not trained');
  expect(tokenSentence(row, now, 0).words).toContain('never predicted');
});

test('heat: ramp grows with loss, Δ keeps its sign', () => {
  expect([0.01, 0.2, 0.8, 2, 5].map((v) => heatLevel('loss', v))).toEqual([0, 1, 2, 3, 4]);
  expect([0, 1, 3, 10, 99].map((v) => heatLevel('rank', v))).toEqual([0, 1, 2, 3, 4]);
  const worse = inspection([Number.NaN, 0.9, 0.8, 0.04]);
  const delta = heatValue('Δ since step 0', now, 3, worse);
  expect(delta).toBeCloseTo(-Math.LN10, 3);
  expect(heatLevel('Δ since step 0', delta)).toBe(-3);
  expect(heatWords('Δ since step 0', delta)).toBe('−2.30 nats since step 0');
  expect(heatValue('Δ since step 0', now, 3)).toBeNaN();
  expect(heatLevel('loss', Number.NaN)).toBe(0);
  expect(heatWords('rank', 0)).toBe('first choice');
});

test('the costliest trained token is found, and only a trained one', () => {
  expect(costliestToken(row, now)).toBe(3);
  expect(costliestToken({ ...row, mask: Uint8Array.from([1, 0, 0, 0]) }, now)).toBe(-1);
});

test('numbers of another model or row are not shown, nor old ones once reading has failed', () => {
  const trained = { key: 'row 7 run:a', inspection: {} as Inspection };
  expect(readingOf({ value: trained }, 'row 7 run:a')).toBe(trained.inspection);
  expect(readingOf({ value: trained }, 'row 7 builtin:micro')).toBeUndefined();
  expect(readingOf({ value: trained }, undefined)).toBeUndefined();
  expect(readingOf({ value: trained, error: new Error('Aborted()') }, 'row 7 run:a')).toBeUndefined();
  expect(readingOf({}, undefined)).toBeUndefined();
});

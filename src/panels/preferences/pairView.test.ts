import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formulaLines, lossOption } from './lossView';
import { deltaLine, pairHeat, pairOf, pinOf, sumsOf, sumWords, tellingToken, termOf, tokenWords } from './pairView';

const reading = (...logps: number[]) => ({
  logps: Float32Array.from(logps),
  entropies: Float32Array.from(logps, (x) => -x / 2),
});
const row = { ids: Int32Array.of(9, 8, 7, 6), mask: Uint8Array.of(1, 0, 1, 1) };
const policy = reading(Number.NaN, Number.NaN, -1, -0.5);
const reference = reading(Number.NaN, Number.NaN, -2, -0.25);

test('sums are over the answer alone, and never over the first token', () => {
  const sums = sumsOf(row, policy, reference);
  expect(sums).toEqual({ logps: -1.5, refLogps: -2.25, length: 2 });
  expect(pairOf(sums, { ...sums, logps: -3 })).toMatchObject({
    chosenLogps: -1.5,
    rejectedLogps: -3,
    rejectedLengths: 2,
  });
});
test('a row that begins with its answer: one more token in the length of DPO’s losses', () => {
  const cut = { ...row, mask: Uint8Array.of(0, 1, 1, 1), unscored: 1 };
  const read = reading(Number.NaN, -1, -1, -0.5);
  const sums = sumsOf(cut, read, read);
  expect(sums).toMatchObject({ length: 3, unscored: 1 });
  expect(sumWords(sums)).toMatch(/^3 tokens and 1 that nothing predicts, log π −2\.50/);
  expect(tokenWords('chosen', cut, read, read, 0)).toMatch(/nothing stands before it/);
  const pair = pairOf(sums, sumsOf(row, policy, reference));
  expect(pair).toMatchObject({ chosenLengths: 3, chosenUnscored: 1, rejectedLengths: 2 });
  const [dpo, cpo] = ['dpo/ipo', 'cpo/ipo'].map((id) => formulaLines(lossOption(id), pair, { beta: 0.5 })[0]!.numbers);
  expect(dpo).toBe('m = 0.5 · (0.00 ∕ 4 − 0.750 ∕ 2) = −0.188');
  expect(cpo).toBe('m = 0.5 · ((−2.50) ∕ 3 − (−1.50) ∕ 2) = −0.042');
});
test('a token’s share in Δ has the sign of its side; green raises Δ', () => {
  expect(termOf('chosen', policy, reference, 2)).toBe(1);
  expect(termOf('rejected', policy, reference, 2)).toBe(-1);
  expect(pairHeat('adds to Δ', 'chosen', policy, reference, 2)).toEqual({ level: -3, words: 'adds +1.00 nats to Δ' });
  expect(pairHeat('adds to Δ', 'rejected', policy, reference, 2).level).toBe(3);
  expect(pairHeat('−log p', 'chosen', policy, reference, 2)).toEqual({ level: 2, words: '−log p 1.00 nats' });
  expect(pairHeat('adds to Δ', 'chosen', policy, reference, 1)).toEqual({ level: 0, words: 'not counted' });
  expect(tokenWords('rejected', row, policy, reference, 2)).toMatch(
    /log π −1\.00, log π_ref −2\.00: minus.*−1\.00 nats of Δ.*36\.8 %.*13\.5 %/,
  );
  expect(tokenWords('chosen', row, policy, reference, 1)).toMatch(/Part of the prompt/);
});
test('the token to look at first: the largest move, or the least likely where nothing has moved', () => {
  expect(tellingToken('chosen', row, policy, reference)).toBe(2);
  expect(tellingToken('chosen', row, policy, policy)).toBe(2);
  expect(tellingToken('chosen', { ...row, mask: new Uint8Array(4) }, policy, policy)).toBe(-1);
});
test('the chapter’s pin: .6 against .2 is ln 3, and DPO pulls with σ(−β ln 3)', () => {
  const pin = pinOf({ chosen: 0.6, rejected: 0.2, refChosen: 0.5, refRejected: 0.5 }, 1);
  expect(pin.delta).toBeCloseTo(Math.log(3), 12);
  expect(pin.refDelta).toBe(0);
  expect(pin.loss).toBeCloseTo(Math.log(4 / 3), 12); // −log σ(ln 3) = −log ¾
  expect(pin.weight).toBeCloseTo(0.25, 12);
});

test('the line of Δ adds up as it is written, thousands too', () => {
  const side = (logps: number, refLogps: number) => ({ logps, refLogps, length: 9 });
  expect(deltaLine(side(-1049.6, -1049.556), side(-612.3, -612.114))).toEqual({
    delta: '−1,049.60 − (−612.30) = −437.30',
    refDelta: '−1,049.56 − (−612.11) = −437.45',
    difference: '+0.15',
  });
  const read = (text: string) => Number(text.replaceAll(',', '').replaceAll('−', '-').replace(/[()]/g, ''));
  const sum = fc.double({ min: -2000, max: 0, noNaN: true });
  fc.assert(
    fc.property(sum, sum, sum, sum, (a, b, c, d) => {
      const { delta, refDelta, difference } = deltaLine(side(a, c), side(b, d));
      const results = [delta, refDelta].map((line) => {
        const [left, right] = line.split(' = ') as [string, string];
        const [x, y] = left.split(' − ').map(read) as [number, number];
        expect(x - y).toBeCloseTo(read(right), 6);
        return read(right);
      });
      expect(results[0]! - results[1]!).toBeCloseTo(read(difference), 6);
      expect(Math.abs(read(difference) - (a - b - c + d))).toBeLessThanOrEqual(0.02 + 1e-9);
    }),
  );
});

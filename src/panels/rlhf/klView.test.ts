import { expect, test } from 'vitest';
import type { KlLabResult, KlLabRow } from '../../protocol/klLab';
import { estimateWords, estimatorWords, klAtToken, klHeat, promptOf, summaryWords } from './klView';

const row: KlLabRow = {
  ids: Int32Array.of(4, 5),
  logps: Float32Array.of(-1, -2),
  refLogps: Float32Array.of(-2, -1.5),
  kl: Float32Array.of(0.3, 0.1),
  reverseKl: Float32Array.of(0.4, 0.1),
};
const estimate = (mean: number, standardError: number | null = 0.02) => ({ mean, standardError });
const estimator = (mean: number, bias: number, std: number, loss: number, reward: number) => ({
  ...estimate(mean),
  std,
  bias: estimate(bias),
  asLoss: { cosine: loss, norm: loss === 0 ? 0 : 2 },
  asReward: { cosine: reward, norm: 1 },
});
const found: KlLabResult = {
  rows: [row],
  tokens: 2,
  exact: { kl: estimate(0.2), reverseKl: estimate(0.25), gradientNorm: 1 },
  estimators: {
    k1: estimator(0.21, 0.01, 0.9, 0, 0.95),
    k2: estimator(0.3, 0.1, 0.5, 0.97, 0.2),
    k3: estimator(0.2, 0, 0.2, 0.5, 0.4),
  },
  gradientOf: 'all',
  tensors: ['a'],
};

test('bias counts beyond two standard errors; gradients are told by their cosine', () => {
  expect(estimateWords(estimate(0.2412))).toBe('0.241 ± 0.020');
  expect(estimateWords(estimate(0.2, null))).toBe('0.200');
  expect(estimatorWords('k1', found)).toBe(
    'k1: its mean differs from the exact one by +0.010, within two standard errors (0.040): no bias can be seen; a single token’s estimate deviates by 0.900, 4.50 times the KL. As a loss it gives no gradient at all here; inside the reward it points where the KL’s own gradient points (cosine 0.950, 1.00 times as long).',
  );
  expect(estimatorWords('k2', found)).toMatch(
    /\+0\.100, more than two standard errors \(0\.040\): on these tokens it is off/,
  );
  expect(summaryWords(found)).toBe(
    'On 2 tokens of 1 completion: k3 is the least noisy; as a loss k2 comes closest to the KL’s gradient, inside the reward k1.',
  );
});
test('two models that agree have nothing to compare', () => {
  const same = { ...found, exact: { ...found.exact, kl: estimate(0, 0) } };
  expect(summaryWords(same)).toBeUndefined();
  expect(estimatorWords('k3', same)).toContain('the two models agree');
});

test('a token under each estimate: d = 1 and −0.5', () => {
  expect([0, 1].map((t) => klAtToken(row, t, 'k1'))).toEqual([1, -0.5]);
  expect(klAtToken(row, 0, 'k2')).toBe(0.5);
  expect(klAtToken(row, 0, 'k3')).toBeCloseTo(Math.exp(-1), 6);
  expect(klAtToken(row, 1, 'exact')).toBeCloseTo(0.1, 6);
  expect(klHeat(row, 1, 'k1')).toEqual({ className: 'g3', words: 'k1 −0.500 nats' });
  expect(klHeat(row, 0, 'exact').className).toBe('h2');
});

test('what is read before an answer: the prompt, or all before the last answer; plain text is no conversation', () => {
  const [question, answer] = [
    { role: 'user' as const, content: 'q' },
    { role: 'assistant' as const, content: 'a' },
  ];
  expect(promptOf({ prompt: [question], chosen: [answer] })?.messages).toEqual([question]);
  expect(promptOf({ messages: [question, answer, question, answer] })?.messages).toEqual([question, answer, question]);
  expect(promptOf({ prompt: 'q', completion: 'a' })).toBeUndefined();
});

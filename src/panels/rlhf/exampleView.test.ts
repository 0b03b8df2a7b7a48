import { expect, test } from 'vitest';
import { betaRange, breakEven, breakEvenWords, netFormula, netOf, verdict } from './exampleView';

const chapter = { reward: 1.2, kl: 0.5 };

test('+1.2 of reward for 0.5 nats: pays at β 0.1, not at 3, even at 2.4', () => {
  expect(netOf(chapter, 0.1)).toBeCloseTo(1.15, 12);
  expect(netOf(chapter, 3)).toBeCloseTo(-0.3, 12);
  expect(breakEven(chapter)).toBeCloseTo(2.4, 12);
  expect(netFormula(chapter, 0.1)).toBe('1.2 − 0.1 · 0.5 = 1.15');
  expect(netFormula(chapter, 3)).toBe('1.2 − 3 · 0.5 = −0.3');
  expect(verdict(chapter, 0.1).pays).toBe(true);
  expect(verdict(chapter, 3)).toMatchObject({
    pays: false,
    words: expect.stringContaining('the penalty 1.5 is above'),
  });
  expect(breakEvenWords(chapter)).toContain('β = 1.2 ∕ 0.5 = 2.4');
});
test('no gain or no KL has no break-even', () => {
  expect(breakEven({ reward: -1, kl: 0.5 })).toBeUndefined();
  expect(breakEvenWords({ reward: 0, kl: 0.5 })).toContain('Nothing was gained');
  expect(breakEvenWords({ reward: 1, kl: 0 })).toContain('Nothing was paid');
  expect(verdict({ reward: 1, kl: 0.5 }, 2)).toMatchObject({ pays: false, words: expect.stringContaining('even') });
});
test('the axis reaches past every mark', () => {
  expect(betaRange([chapter], [0.1, 3])).toBeCloseTo(3.6, 12);
  expect(betaRange([{ reward: 0, kl: 0 }], [0])).toBeGreaterThan(0);
});

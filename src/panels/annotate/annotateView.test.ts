import { expect, test } from 'vitest';
import { wilson } from '../../lib/agreement';
import type { RevealedAnswer } from '../../protocol/annotations';
import {
  agreementWords,
  biasWords,
  canVote,
  dimensionsBeside,
  firstOpen,
  nextPair,
  readAnswer,
  revealWords,
  shareWords,
  verbOf,
} from './annotateView';

const press = (key: string, more: Partial<KeyboardEvent> = {}) => ({
  ...{ key, ctrlKey: false, metaKey: false, altKey: false },
  ...more,
});

test('keys: digits and letters vote, arrows move; not in a field, not with a modifier, no arrows within choices', () => {
  expect(
    ['1', 'a', 'A', '2', 'b', '0', 't', 's', 'u', 'n', 'r', 'ArrowRight', 'ArrowLeft', 'x'].map((key) =>
      verbOf(press(key), 'page'),
    ),
  ).toEqual([
    // biome-ignore format: one table
    ...['left', 'left', 'left', 'right', 'right', 'tie', 'tie', 'skip', 'undo', 'note', 'rubric', 'next', 'previous'],
    undefined,
  ]);
  expect(verbOf(press('a'), 'field')).toBeUndefined();
  expect(verbOf(press('a', { ctrlKey: true }), 'page')).toBeUndefined();
  expect(verbOf(press('ArrowLeft'), 'choices')).toBeUndefined();
  expect(verbOf(press('u'), 'choices')).toBe('undo');
});

test('a second press changes no vote that was revealed', () => {
  expect(canVote({ wasRevealed: false })).toBe(true);
  expect(canVote({ choice: 'left', wasRevealed: false })).toBe(true);
  expect(canVote({ choice: 'left', wasRevealed: true })).toBe(false);
  expect(canVote({ wasRevealed: true })).toBe(true); // taken back
});

test('a session opens at its first open pair, and goes on with the next one', () => {
  expect(firstOpen(['voted', 'skipped', 'open', 'open'])).toBe(2);
  expect(firstOpen(['voted', 'voted'])).toBe(1);
  expect(firstOpen([])).toBe(0);
  expect(nextPair(['voted', 'voted', 'skipped', 'open'], 0)).toBe(3);
  expect(nextPair(['open', 'voted', 'voted'], 1)).toBe(2);
});

test('an answer by the contract is read out of its JSON; anything else stays as it is', () => {
  expect(readAnswer('{"answer":"Pay it.","sources":["P1"],"action":null,"status":"ok"}')).toEqual({
    text: 'Pay it.',
    facts: [
      { label: 'status', value: 'ok' },
      { label: 'sources', value: 'P1' },
      { label: 'action', value: 'none' },
    ],
  });
  expect(readAnswer('Pay it.')).toEqual({ text: 'Pay it.' });
});

test('sentences say who preferred what, and how sure a share is', () => {
  const side = (quality?: number): RevealedAnswer => ({ origin: '', words: 1, politeness: 0, flattery: 0, hedging: 0, quality }); // biome-ignore format: one object
  expect(revealWords('left', { rubric: 'right', left: side(0.3), right: side(0.95) })).toBe(
    'You chose A; the rubric prefers B, 0.950 to 0.300.',
  );
  expect(revealWords('tie', { rubric: 'tie', left: side(0.5), right: side(0.5) })).toBe(
    'You said tie; the rubric holds both alike, 0.500 each.',
  );
  expect(revealWords(undefined, { left: side(), right: side() })).toContain('You skipped this pair. No rubric');
  expect(shareWords({ k: 8, n: 10, ...wilson(8, 10) })).toBe('0.80, 95 % interval 0.49–0.94');
});

test('the dimensions that decide come first, in the same order for both answers', () => {
  const side = (scores: number[]): RevealedAnswer => ({
    ...{ origin: '', words: 1, politeness: 0, flattery: 0, hedging: 0 },
    dimensions: scores.map((score, i) => ({ id: `d${i}`, title: '', score, reason: '' })),
  });
  const [a, b] = [side([1, 0.4, 1, 0]), side([1, 0.5, 0, 0])];
  expect(dimensionsBeside(a, b).map(({ id, score, theirs }) => [id, score, theirs])).toEqual([
    ['d2', 1, 0],
    ['d1', 0.4, 0.5],
    ['d0', 1, 1],
    ['d3', 0, 0],
  ]);
  expect(dimensionsBeside(b, a).map(({ id }) => id)).toEqual(['d2', 'd1', 'd0', 'd3']);
  expect(dimensionsBeside(side([]), side([]))).toEqual([]);
});

test('κ in words, also where it is not defined; a bias is one only where its interval leaves a half', () => {
  const with_ = { id: 'rubric', title: 'the rubric', n: 20, kappa: 0.7, observed: 0.85, expected: 0.5 };
  expect(agreementWords(with_)).toBe(
    'With the rubric you agree on 85 % of 20 pairs; by chance it would be 50 %. Substantial.',
  );
  expect(agreementWords({ ...with_, kappa: -0.2 })).toContain('No better than chance.');
  expect(
    [0, 0.1, 0.21, 1].map((kappa) =>
      agreementWords({ ...with_, kappa })
        .split('. ')
        .at(-1),
    ),
  ).toEqual(['No better than chance.', 'Slight.', 'Fair.', 'Almost perfect.']);
  expect(agreementWords({ ...with_, kappa: Number.NaN })).toContain('κ says nothing');
  const bias = (k: number, n: number) => biasWords({ k, n, ...wilson(k, n) }, 'the left one draws you', 'you avoid it');
  expect(bias(18, 20)).toContain('the left one draws you.');
  expect(bias(2, 20)).toContain('you avoid it.');
  expect(bias(11, 20)).toContain('A coin could do the same.');
  expect(bias(0, 0)).toContain('No vote yet');
});

import { expect, test } from 'vitest';
import type { Message } from '../../protocol/chat';
import type { ScoredText } from '../../protocol/requests';
import {
  changeLevel,
  changesOf,
  curveOf,
  preferenceWords,
  promptText,
  rowOf,
  scaleOf,
  stripOf,
  textsOf,
  withPromptText,
} from './prefixView';

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const system: Message = { role: 'system', content: 'Be brief.' };

test('a pair becomes a prompt and two answers, wherever its prompt stands', () => {
  const whole = { prompt: [system, user('Q')], a: 'yes', b: 'no' };
  expect(textsOf({ prompt: [system, user('Q')], chosen: [assistant('yes')], rejected: [assistant('no')] })).toEqual(
    whole,
  );
  expect(textsOf({ chosen: [system, user('Q'), assistant('yes')], rejected: [system, user('Q'), assistant('no')] })).toEqual(whole); // biome-ignore format: one call
  expect(textsOf({ prompt: 'Q:', chosen: ' yes', rejected: ' no' })).toEqual({ prompt: 'Q:', a: ' yes', b: ' no' });
  expect(textsOf({ prompt: 'Q', completion: 'yes' })).toBeUndefined();
});

test('the prompt that is edited is its last user message; the others stay', () => {
  const prompt = [system, user('old'), assistant('?'), user('Q')];
  expect(promptText(prompt)).toBe('Q');
  expect(withPromptText(prompt, 'R')).toEqual([system, user('old'), assistant('?'), user('R')]);
  expect(withPromptText([system], 'R')).toEqual([system, user('R')]);
  expect(withPromptText('Q', 'R')).toBe('R');
  expect(rowOf(prompt, 'yes')).toEqual({ prompt, completion: [assistant('yes')] });
  expect(rowOf('Q', 'yes')).toEqual({ prompt: 'Q', completion: 'yes' });
  expect(rowOf([user('  ')], 'yes')).toEqual({ text: 'yes' });
});

const prefixes = {
  prompt: 1,
  ids: Int32Array.from([5, 6, 7]),
  texts: ['a', ' b', '.'],
  rewards: Float32Array.from([1.5, 1.5, -0.5]),
  at: 2,
};
test('a token’s change is what it adds to the beginning before it; the first has none without a prompt', () => {
  expect(changesOf(prefixes)).toEqual([0.5, 0, -2]);
  const { prompt: _, ...bare } = prefixes;
  expect(changesOf(bare)).toEqual([Number.NaN, 0, -2]);
  expect(curveOf(prefixes).map(({ step, value }) => [step, value])).toEqual([[0, 1], [1, 1.5], [2, 1.5], [3, -0.5]]); // biome-ignore format: points
  expect(curveOf(bare)[0]).toEqual({ step: 1, value: 1.5 });
});

test('colours: green raises, orange lowers, as strong as the change is large beside the others', () => {
  expect([2, 1, 0.1, 0, -0.6, -9, Number.NaN].map((x) => changeLevel(x, 2))).toEqual([-4, -3, 0, 0, 2, 4, 0]);
  expect(changeLevel(1, 0)).toBe(0);
  // One last token that jumps does not make all others pale.
  const changes = [...Array.from({ length: 19 }, (_, i) => 0.01 * (i + 1)), 50];
  expect(scaleOf([changes])).toBeCloseTo(0.19, 9);
  expect(scaleOf([[Number.NaN], [-3]])).toBe(3);
  expect(scaleOf([])).toBe(0);
  const strip = stripOf(prefixes, 2);
  expect(strip.map(({ className }) => className)).toEqual(['g2', 'h0', 'h4']);
  expect(strip[2]!.words).toBe('reward −0.500 up to here, −2.00 by this token');
  // Where the last token is padding, the one that counts is named.
  expect(stripOf({ ...prefixes, at: 1 }, 2).map(({ words }) => words)).toEqual([
    'reward 1.50 up to here, +0.500 by this token',
    'reward 1.50 up to here, 0.00 by this token: the reward of the whole',
    'reward −0.500 up to here, −2.00 by this token: not read, as it is the padding token',
  ]);
});

test('which answer is preferred, with the probability that the loss gives it', () => {
  const scored = (reward: number): ScoredText => ({ reward, tokens: 1, promptTokens: 0 });
  // σ(ln 3) = 3/4.
  expect(preferenceWords([scored(1), scored(1 + Math.log(3))])).toBe('It prefers B by 1.10: σ(1.10) = 75.0 %.');
  expect(preferenceWords([scored(1), scored(1)])).toBe('Both have the same reward.');
  expect(preferenceWords([scored(1)])).toBeUndefined();
});

import { expect, test } from 'vitest';
import { SEED_FIELD } from '../../stores/typedFields';
import { type FormState, formProblems } from './formProblems';

const none: FormState = { typed: {}, rows: { rank_pattern: [], alpha_pattern: [] } };
const problems = (state: Partial<FormState>) => formProblems({ ...none, ...state }, SEED_FIELD);

test('a form that fits has none; what is typed and fits is none', () => {
  expect(problems({ plan: { warnings: [] }, typed: { r: '8', target_modules: 'q_proj' } })).toEqual([]);
});

test('a value that hides among folded settings is named, after what is in sight', () => {
  expect(problems({ typed: { eval_steps: '-3', seed: '1.5', r: '9999' } })).toEqual([
    { key: 'r', text: 'r must be in [1, 256], got 9999', isFolded: false },
    { key: 'eval_steps', text: 'eval_steps must be in [0, 1000000], got -3', isFolded: true },
    { key: 'seed', text: 'seed must be a whole number, got 1.5', isFolded: true },
  ]);
});

test('emptied targets are a fault of their own, in place of what the worker said of the targets before', () => {
  const error = { message: 'targets "a;b", which this model has not', where: 'target_modules' };
  expect(problems({ typed: { target_modules: ' , ' }, error })).toEqual([
    { key: 'target_modules', text: expect.stringContaining('names no module'), isFolded: false },
  ]);
  expect(problems({ typed: { target_modules: 'a;b' }, error })).toMatchObject([{ text: error.message }]);
});

test('patterns: rows that do not fit, and keys that mean no module of the adapter', () => {
  const found = problems({
    rows: { rank_pattern: [{ pattern: 'q_proj', value: '0' }], alpha_pattern: [{ pattern: 'k_prj', value: '2' }] },
    plan: { warnings: ['alpha_pattern has the key "k_prj", which means none'] },
  });
  expect(found.map(({ key, isFolded }) => [key, isFolded])).toEqual([
    ['rank_pattern', true],
    ['alpha_pattern', true],
  ]);
});

test('what the worker says of no setting of the form is told in sight', () => {
  expect(problems({ error: { message: 'The model is gone.' } })).toEqual([
    { text: 'The model is gone.', isFolded: false },
  ]);
  expect(problems({ error: { message: 'x', where: 'peft.lora_bias' } })).toMatchObject([
    { key: 'lora_bias', isFolded: true },
  ]);
});

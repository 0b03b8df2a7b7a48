import { expect, test } from 'vitest';
import { defaultLoraRecipe } from '../../labs/registry';
import { fields } from '../../trainers/peft/config';
import { trainers } from '../../trainers/registry';
import { peftValues } from '../shared/peftValues';
import {
  nearestStop,
  PRESETS,
  parseTargets,
  patternProblems,
  patternRows,
  patternTable,
  presetOf,
  rankStops,
  startingAt,
  takesPlainOps,
  targetsText,
} from './adapterForm';

test('a preset is known again, also in another order; own names and expressions are own', () => {
  for (const { id, targets } of PRESETS) if (targets) expect(presetOf(targets as string[])).toBe(id);
  expect(presetOf(['o_proj', 'q_proj', 'v_proj', 'k_proj'])).toBe('attention');
  expect(presetOf('all-linear')).toBe('all');
  expect(presetOf(undefined)).toBe('peft');
  expect(presetOf(['q_proj'])).toBe('own');
  expect(presetOf('.*mlp.*')).toBe('own');
});

test('typed targets: names become a list, anything with signs of an expression stays one', () => {
  expect(parseTargets(' q_proj, k_proj  model.layers.0.mlp.up_proj,')).toEqual([
    'q_proj',
    'k_proj',
    'model.layers.0.mlp.up_proj',
  ]);
  expect(parseTargets('.*layers\\.[01]\\..*_proj')).toBe('.*layers\\.[01]\\..*_proj');
  expect(parseTargets('all-linear')).toBe('all-linear');
  expect(parseTargets('  ')).toEqual([]);
  expect(targetsText(parseTargets('a, b'))).toBe('a, b');
});

test('the slider stands at the nearest power of two, and ends at the rank that the matrices have', () => {
  const stops = rankStops();
  expect(stops[nearestStop(8, stops)]).toBe(8);
  expect(stops[nearestStop(3, stops)]).toBe(4);
  expect(stops[nearestStop(5, stops)]).toBe(4);
  expect(stops[nearestStop(200, stops)]).toBe(64);
  expect(rankStops(32).at(-1)).toBe(32);
  expect(rankStops(48).at(-1)).toBe(32);
  expect(nearestStop(64, rankStops(32))).toBe(5);
});

test('patterns: only rows that fit are in the table, and no row is no table', () => {
  const rows = [
    { pattern: 'q_proj', value: '4' },
    { pattern: ' ', value: '9' },
    { pattern: 'k_proj', value: '0' },
  ];
  expect(patternTable('rank_pattern', rows)).toEqual({ q_proj: 4 });
  expect(patternTable('rank_pattern', [{ pattern: '', value: '1' }])).toBeUndefined();
  expect(patternRows({ q_proj: 4 })).toEqual([{ pattern: 'q_proj', value: '4' }]);
  expect(patternRows(undefined)).toEqual([]);
});

test.each([
  ['rank_pattern', '4', undefined],
  ['rank_pattern', '0', 'rank_pattern["q_proj"] must be in [1, 256], got 0'],
  ['rank_pattern', '9999', 'rank_pattern["q_proj"] must be in [1, 256], got 9999'],
  ['rank_pattern', '2.5', 'rank_pattern["q_proj"] must be a whole number, got 2.5'],
  ['rank_pattern', '', 'rank_pattern["q_proj"] must be a number, got nothing'],
  ['alpha_pattern', '2.5', undefined],
  ['alpha_pattern', '-4', 'alpha_pattern["q_proj"] must be in [0.01, 4096], got -4'],
  ['alpha_pattern', '1e9', 'alpha_pattern["q_proj"] must be in [0.01, 4096], got 1000000000'],
] as const)('%s of %j is held to what r and lora_alpha are held to', (name, value, problem) => {
  expect(patternProblems(name, [{ pattern: 'q_proj', value }])).toEqual([problem]);
});
test('a row without a module and a key that is there twice are told', () => {
  const rows = ['', 'q_proj', ' q_proj'].map((pattern) => ({ pattern, value: '2' }));
  expect(patternProblems('rank_pattern', rows)).toEqual([
    expect.stringContaining('Row 1 of rank_pattern names no module'),
    undefined,
    expect.stringContaining('the key "q_proj" twice'),
  ]);
});

test('a field starts where the panel starts, says what all weights start from, and keeps its range', () => {
  const { learning_rate: rate, max_steps: steps } = startingAt(trainers.sft.fields, defaultLoraRecipe.args);
  expect(rate).toMatchObject({ default: 0.01, min: trainers.sft.fields.learning_rate!.min });
  expect(rate!.help).toContain('starts from 0.003');
  expect(steps!.default).toBe(300);
  expect(startingAt(fields, {})).toEqual(fields);
});

test('only DoRA with dropout runs in plain operations on WebGPU', () => {
  expect(takesPlainOps(peftValues({ r: 8, use_dora: true }))).toBe(false);
  expect(takesPlainOps(peftValues({ r: 8, lora_bias: true, lora_dropout: 0.1 }))).toBe(false);
  expect(takesPlainOps(peftValues({ r: 8, use_dora: true, lora_dropout: 0.1 }))).toBe(true);
});

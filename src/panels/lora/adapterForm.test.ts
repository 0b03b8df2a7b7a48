import { expect, test } from 'vitest';
import { parseLoraConfig } from '../../protocol/peft';
import {
  adapterValues,
  nearestStop,
  PRESETS,
  parseTargets,
  patternRows,
  patternTable,
  presetOf,
  RANK_STOPS,
  takesPlainOps,
  targetsText,
  withValues,
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

test('fields and PEFT’s config say the same, and what the form makes is a config that PEFT’s reader takes', () => {
  const peft = { r: 4, lora_alpha: 8, target_modules: ['q_proj'], init_lora_weights: 'gaussian' };
  expect(adapterValues(peft)).toMatchObject({ r: 4, lora_alpha: 8, use_dora: false, init_lora_weights: 'gaussian' });
  const changed = withValues(peft, { init_lora_weights: 'true', use_dora: true, r: 16 });
  expect(changed).toEqual({ ...peft, r: 16, use_dora: true, init_lora_weights: true });
  expect(parseLoraConfig(changed, 'peft')).toMatchObject({ r: 16, use_dora: true });
});

test('the slider stands at the nearest power of two', () => {
  expect(RANK_STOPS[nearestStop(8)]).toBe(8);
  expect(RANK_STOPS[nearestStop(3)]).toBe(4);
  expect(RANK_STOPS[nearestStop(5)]).toBe(4);
  expect(RANK_STOPS[nearestStop(200)]).toBe(64);
});

test('patterns: a row without a name is not in the table, and no row is no table', () => {
  const rows = [
    { pattern: 'q_proj', value: 4 },
    { pattern: ' ', value: 9 },
  ];
  expect(patternTable(rows)).toEqual({ q_proj: 4 });
  expect(patternTable([{ pattern: '', value: 1 }])).toBeUndefined();
  expect(patternRows(patternTable(rows))).toEqual([{ pattern: 'q_proj', value: 4 }]);
  expect(patternRows(undefined)).toEqual([]);
});

test('only DoRA with dropout runs in plain operations on WebGPU', () => {
  expect(takesPlainOps(adapterValues({ r: 8, use_dora: true }))).toBe(false);
  expect(takesPlainOps(adapterValues({ r: 8, lora_bias: true, lora_dropout: 0.1 }))).toBe(false);
  expect(takesPlainOps(adapterValues({ r: 8, use_dora: true, lora_dropout: 0.1 }))).toBe(true);
});

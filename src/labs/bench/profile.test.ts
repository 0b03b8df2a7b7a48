import { expect, test } from 'vitest';
import { PRESETS } from '../../nn/presets';
import { sizeLimits, sizeProblems } from '../../protocol/engineReport';

const fits = { B: 4, T: 64, vocab_size: 1024, r: 0 };

test('a rank goes up to half the width of each preset', () => {
  for (const [preset, { hidden_size }] of Object.entries(PRESETS)) {
    expect(sizeLimits(preset).r[1], preset).toBe(hidden_size / 2);
    expect(sizeProblems(preset, { ...fits, r: hidden_size / 2 })).toEqual({});
    expect(sizeProblems(preset, { ...fits, r: hidden_size / 2 + 1 }).r).toContain(`LoRA rank (r) must be in [0, `);
  }
});

test('each size that does not fit is named; an emptied field is nothing, not 0', () => {
  expect(sizeProblems('nano', fits)).toEqual({});
  expect(sizeProblems('nano', { ...fits, r: '' })).toEqual({ r: 'LoRA rank (r) must be a number, got nothing' });
  expect(Object.keys(sizeProblems('nano', { B: 0, T: 1.5, vocab_size: 70_000, r: 0 }))).toEqual([
    'B',
    'T',
    'vocab_size',
  ]);
});

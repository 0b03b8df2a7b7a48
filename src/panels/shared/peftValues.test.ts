import { expect, test } from 'vitest';
import { parseLoraConfig } from '../../protocol/peft';
import { peftValues, withPeftValues } from './peftValues';

test('fields and PEFT’s config say the same, and what the form makes is a config that PEFT’s reader takes', () => {
  const peft = { r: 4, lora_alpha: 8, target_modules: ['q_proj'], init_lora_weights: 'gaussian' };
  expect(peftValues(peft)).toMatchObject({ r: 4, lora_alpha: 8, use_dora: false, init_lora_weights: 'gaussian' });
  const changed = withPeftValues(peft, { init_lora_weights: 'true', use_dora: true, r: 16 });
  expect(changed).toEqual({ ...peft, r: 16, use_dora: true, init_lora_weights: true });
  expect(parseLoraConfig(changed, 'peft')).toMatchObject({ r: 16, use_dora: true });
});

import { expect, test } from 'vitest';
import { PRESETS } from '../../nn/presets';
import { peerRefusals } from './compare';

const GIB = 2 ** 30;
test('a peer whose largest tensor the GPU does not bind is left out with its reason, and only that', () => {
  expect(peerRefusals(PRESETS.micro, { B: 8, T: 128 }, GIB, 'a card')).toEqual({});
  // All logits: 8 × 1,024 tokens × 8,192 of the vocabulary, 4 bytes each.
  const config = { ...PRESETS.micro, vocab_size: 8192 };
  const { tfjs, jaxjs, wasm } = peerRefusals(config, { B: 8, T: 1024 }, 2 ** 27, 'a card');
  expect(tfjs).toBe(
    'Not here: it keeps the logits of all tokens as one tensor of 256 MiB, and a card binds at most 128 MiB at once.',
  );
  expect(jaxjs).toBe(tfjs);
  expect(wasm).toBeUndefined();
  // Scores grow with the square of the tokens.
  expect(peerRefusals(PRESETS.mini, { B: 8, T: 2048 }, GIB / 2, 'a card').tfjs).toContain('the scores of all heads');
});

test('WebAssembly is left out where its heap would end in the middle of a step', () => {
  expect(peerRefusals(PRESETS.mini, { B: 64, T: 512 }, 64 * GIB, 'a card').wasm).toMatch(
    /needs [\d.]+ GiB.* has 4 GiB/,
  );
  expect(peerRefusals(PRESETS.mini, { B: 1, T: 128 }, 64 * GIB, 'a card').wasm).toBeUndefined();
});

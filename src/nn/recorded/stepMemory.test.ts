import { expect, test } from 'vitest';
import { KERNEL_FORMS } from '../../gpu/kernels/forms';
import { logitStride } from '../../gpu/kernels/head';
import type { Fixed } from '../../gpu/recording';
import { PRESETS } from '../presets';
import { LlamaRecorder } from './llamaRecording';
import { runMemory, stepMemory } from './stepMemory';

const forms = KERNEL_FORMS(false);

test('no tensor of a step or a measurement has all rows times the vocabulary: 256 rows of logits are the most', () => {
  const config = { ...PRESETS.micro, vocab_size: 5000 };
  const rows = 4 * 256;
  const chunk = 4 * 256 * logitStride(5000);
  expect(stepMemory(config, 4, 256, forms).largest).toBe(chunk);
  expect(stepMemory(config, 4, 256, forms, true).largest).toBe(chunk);
  const run = { B: 4, T: 256, evaluationRows: 8, prompts: 1, maxNewTokens: 8 };
  expect(runMemory(config, run, forms, 2 ** 30).largest).toBeLessThan((4 * rows * 5000) / 3);
});

test('no tensor grows with the square of the tokens, and twice the tokens take at most 2.2 times the bytes', () => {
  const config = { ...PRESETS.nano, vocab_size: 32, hidden_size: 16, intermediate_size: 16, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8 }; // biome-ignore format: one model
  for (const T of [512, 1024, 2048]) expect(stepMemory(config, 1, T, forms).largest).toBeLessThan((4 * T * T) / 8);
  for (const checkpointing of [false, true]) {
    const [short, long] = [512, 1024].map((T) => stepMemory(PRESETS.micro, 8, T, forms, checkpointing));
    expect(long!.activations / short!.activations).toBeLessThan(2.2);
  }
});

test('a step of micro at 8 × 128 is at most 120 dispatches with its update', () => {
  const nowhere = (name: string): Fixed => ({ kind: 'fixed', name, buffer: undefined as never, offset: 0, bytes: 0 });
  const recorder = new LlamaRecorder(
    { config: PRESETS.micro, B: 8, T: 128, forms, normStride: 128 },
    { weight: nowhere, grad: nowhere, input: nowhere, table: nowhere('table') },
  );
  recorder.forward(true);
  const { stats, dh } = recorder.crossEntropy();
  recorder.totals(stats, nowhere('totals'));
  recorder.backward(recorder.finalNormBackward(dh), true);
  const sizes = { supervised: 8 * 127, groups: 500, inverseTemperature: 1, scale: 1, dft: 0, accumulate: 0, at: 0, beta: 0, inverseDistillTemperature: 1 }; // biome-ignore format: one list
  const dispatches = recorder.recording.calls.filter(({ kernel, values }) =>
    kernel.grid(values(sizes)).every((n) => n > 0),
  );
  // The update is three: squares, norm, AdamW. The head goes through four chunks of 256 rows.
  expect(dispatches.length + 3).toBe(17 * 4 + 13 + 3 * 4);
  expect(dispatches.length + 3).toBeLessThanOrEqual(120);
});

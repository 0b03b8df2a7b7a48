// What a recording promises before there is a device: how many dispatches a step has, and how many pipelines it compiles.
import { expect, test } from 'vitest';
import { HARDWARE_FORMS, type KernelForms, SOFTWARE_FORMS } from '../../gpu/kernels/forms';
import type { Fixed } from '../../gpu/recording';
import type { LlamaConfig } from '../../protocol/model';
import { PRESETS } from '../presets';
import { LlamaRecorder, type StepSizes } from './llamaRecording';

const nowhere = (name: string): Fixed => ({ kind: 'fixed', name, buffer: undefined as never, offset: 0, bytes: 0 });
function callsOf(config: LlamaConfig, B: number, T: number, forms: KernelForms) {
  const memory = { weight: nowhere, grad: nowhere, input: nowhere, table: nowhere('table') };
  const recorder = new LlamaRecorder({ config, B, T, forms, normStride: config.hidden_size }, memory);
  recorder.forward(true);
  const { stats, dh } = recorder.crossEntropy();
  recorder.totals(stats, nowhere('totals'));
  recorder.backward(recorder.finalNormBackward(dh), true);
  return recorder.recording.calls;
}
/** Calls of a batch with so many supervised rows that reach the GPU: those with an empty grid are left out. */
const sent = (calls: ReturnType<typeof callsOf>, supervised: number) => {
  const sizes: StepSizes = {
    ...{ supervised, groups: 1, inverseTemperature: 1, scale: 1, dft: 0, accumulate: 0, at: 0, beta: 0 },
    inverseDistillTemperature: 1,
  };
  return calls.filter(({ kernel, values }) => kernel.grid(values(sizes)).every((n) => n > 0)).length;
};

test('a step has 17 dispatches a layer, 4 for each 256 supervised rows and 6 around them, beside 3 of the update', () => {
  for (const { num_hidden_layers: layers, ...rest } of [PRESETS.nano, PRESETS.micro]) {
    const calls = callsOf({ ...rest, num_hidden_layers: layers }, 8, 128, SOFTWARE_FORMS);
    expect(sent(calls, 1024)).toBe(17 * layers + 4 * 4 + 6);
    expect(sent(calls, 257)).toBe(17 * layers + 4 * 2 + 6);
    expect(sent(calls, 256)).toBe(17 * layers + 4 + 6);
  }
  // Micro with 8 × 128 tokens and its update: within what was promised.
  expect(sent(callsOf(PRESETS.micro, 8, 128, HARDWARE_FORMS), 1024) + 3).toBe(93);
});

test('products with and without a residual or a norm share a pipeline: each is half a second of a first step', () => {
  const products = (forms: KernelForms) => {
    const calls = callsOf(PRESETS.micro, 8, 128, forms);
    const kernels = new Map(calls.map(({ kernel }) => [kernel.wgsl, kernel.name]));
    return [...kernels.values()].filter((name) => name.startsWith('gemm')).sort();
  };
  expect(products(SOFTWARE_FORMS)).toEqual([
    'gemm NN direct',
    'gemm NN swigluBackward direct',
    'gemm NT norm rope direct',
    'gemm NT norm swiglu direct',
    'gemm NT residual direct',
    'gemm TN norm direct',
  ]);
  // Hardware compiles quickly, and reads no rstd that it does not need.
  expect(products(HARDWARE_FORMS).filter((name) => name.includes('TN'))).toEqual([
    'gemm TN norm tiled',
    'gemm TN tiled',
  ]);
});

import { expect, test } from 'vitest';
import type { WasmComparison } from '../protocol/engineReport';
import type { BackendInfo } from '../protocol/model';
import { softwareWords } from './backendWords';

const software: BackendInfo = { backend: 'webgpu', adapter: 'a rasteriser', isFallbackAdapter: true };
const wasm: BackendInfo = { backend: 'wasm', adapter: 'WebAssembly SIMD', isFallbackAdapter: false };
const besideWasm: WasmComparison = {
  work: { kind: 'product', sizes: [1024, 704, 128] },
  gpuMs: 45.6,
  wasmMs: 12,
  measuredAt: 0,
};

test('on a card there is nothing to tell', () => {
  expect(softwareWords({ ...software, isFallbackAdapter: false })).toBeUndefined();
});
test('a software GPU offers WebAssembly with the measured reason, and nothing before it was measured', () => {
  expect(softwareWords(software)).toEqual({ lead: 'Training runs on a software GPU.', isMeasurable: true });
  expect(softwareWords({ ...software, besideWasm })).toEqual({
    lead: 'Training runs on a software GPU.',
    measured:
      'WebAssembly multiplies 3.80 times as fast as the software GPU here: 12.0 ms against 45.6 ms for a product of 1,024 × 704 × 128.',
    better: 'wasm',
    isMeasurable: false,
  });
});
test('a whole step, once one was compared, is what is told', () => {
  const shape = { preset: 'micro', B: 8, T: 128, vocab_size: 1024, r: 0 };
  const step: WasmComparison = { work: { kind: 'step', shape }, gpuMs: 1900, wasmMs: 500, measuredAt: 0 };
  expect(softwareWords({ ...software, besideWasm: step })!.measured).toBe(
    'WebAssembly is 3.80 times as fast as the software GPU here: 500 ms against 1.90 s a step (micro, 8 × 128 tokens).',
  );
});
test('WebAssembly that passed a software GPU over says so, and gives it back where it turns out slower', () => {
  const passed = { ...wasm, passedOver: 'a rasteriser' };
  expect(softwareWords(passed)!.isMeasurable).toBe(true);
  expect(softwareWords({ ...passed, besideWasm })!.better).toBeUndefined();
  const slower = softwareWords({ ...passed, besideWasm: { ...besideWasm, wasmMs: 91.2 } })!;
  expect(slower.better).toBe('webgpu');
  expect(slower.measured).toContain('The software GPU multiplies 2.00 times as fast as WebAssembly here');
});
test('without any adapter there is nothing to measure', () => {
  expect(softwareWords(wasm)).toEqual({ lead: 'Training runs on WebAssembly SIMD.', isMeasurable: false });
});

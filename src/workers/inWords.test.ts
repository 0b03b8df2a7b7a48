import { expect, test } from 'vitest';
import { DeviceError, fromErrorData, rawText, toErrorData } from '../lib/errors';
import { gpuErrorWords, inWords, isDeviceLoss, isOutOfMemory, isWasmAbort, lossWords } from './inWords';

test('an abort of WebAssembly is out of memory, of its own heap and not of the GPU', () => {
  const abort = new WebAssembly.RuntimeError('Aborted(). Build with -sASSERTIONS for more info.');
  expect([isWasmAbort(abort), isOutOfMemory(abort)]).toEqual([true, true]);
  const error = inWords(abort, 'training');
  expect(error).toBeInstanceOf(DeviceError);
  expect(error.message).toMatch(/^WebAssembly ran out of memory while training.*Lower per_device_train_batch_size/);
  expect(error.message).not.toMatch(/GPU/);
  expect(isWasmAbort(new Error('The request was aborted.'))).toBe(false);
  expect(isWasmAbort(new Error('GPUOutOfMemory'))).toBe(false);
});

test('a loss is told without the words that browsers use among themselves', () => {
  const chromium = lossWords('unknown: A valid external Instance reference no longer exists.');
  expect(chromium).toBe('The GPU device was lost: the browser’s GPU process ended.');
  expect(lossWords('unknown: ')).toBe(chromium);
  expect(lossWords('unknown: Device was removed by the driver.')).toBe(
    'The GPU device was lost (Device was removed by the driver).',
  );
  expect(isDeviceLoss(new DeviceError(chromium))).toBe(true);
});

test('what WebGPU says of its buffers stands beside the sentence, not in it, and survives the way to the page', () => {
  const raw =
    'Buffer size (1476395008) exceeds the max buffer size limit (1073741824).\n - While calling [Device].CreateBuffer';
  for (const error of [gpuErrorWords(raw), inWords(Object.assign(new Error(raw), { name: 'GPUPipelineError' }), 'x')]) {
    expect(error.message).toMatch(/^The GPU refused a command.*Start again/);
    expect(error.message).not.toMatch(/1476395008|CreateBuffer/);
    expect(rawText(fromErrorData(toErrorData(error)).details)).toBe(raw);
  }
  expect(gpuErrorWords('Out of memory').message).toMatch(/ran out of memory while using the GPU/);
  expect(rawText([{ id: 'finding' }])).toBeUndefined();
});

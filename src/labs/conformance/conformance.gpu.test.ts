// All vectors hold on WebGPU too.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../../gpu/backend';
import { runVector, VECTORS } from './registry';

beforeAll(async () => {
  const info = await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
  expect(info.backend).toBe('webgpu');
});
const read = async (path: string) =>
  new Uint8Array(await (await fetch(new URL(`/models/${path}`, location.origin))).arrayBuffer());

test.each(VECTORS.map((vector) => [vector.id, vector] as const))('%s', async (_, vector) => {
  const result = await runVector(vector, { read });
  expect(result.message).toBeUndefined();
  expect(result.error).toBeLessThanOrEqual(vector.tolerance);
});

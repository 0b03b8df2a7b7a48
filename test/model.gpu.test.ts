// The engine on WebGPU against transformers and torch: the same fixtures and tolerances as on WASM.
import { beforeAll, expect, test } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { type ParityFiles, parityTests } from './modelParity';

const at = (name: string) => new URL(`../public/models/conformance/${name}`, import.meta.url).href;
const bytes = async (name: string) => new Uint8Array(await (await fetch(at(name))).arrayBuffer());
const json = async (name: string) => (await fetch(at(name))).json();

beforeAll(async () => {
  const info = await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
  expect(info.backend).toBe('webgpu');
});
test('the adapter is named', async () => {
  expect(navigator.gpu).toBeDefined();
});
parityTests(async () => ({
  fixture: (await json('fixture.json')) as ParityFiles['fixture'],
  config: await json('config.json'),
  weights: await bytes('weights.safetensors'),
  gradients: await bytes('gradients.safetensors'),
  after20: await bytes('weights_after_20.safetensors'),
}));

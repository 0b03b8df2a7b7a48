import { beforeAll } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { peftParityTests } from './peftParity';

beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
});
const urls = import.meta.glob<string>('./fixtures/lora/**/*', { query: '?url', import: 'default', eager: true });
peftParityTests(async (path) => {
  const response = await fetch(urls[`./fixtures/lora/${path}`]!);
  return new Uint8Array(await response.arrayBuffer());
});

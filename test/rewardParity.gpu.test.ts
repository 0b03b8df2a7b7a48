// The same on WebGPU, where kernels do the decoder's part and tf ops the head's.
import { beforeAll } from 'vitest';
import { initBackend } from '../src/gpu/backend';
import { rewardParityTests } from './rewardParity';

beforeAll(async () => {
  await initBackend({ prefer: 'webgpu', gpu: navigator.gpu, wasmPath: '' });
});
const urls = import.meta.glob<string>('./fixtures/reward/**/*', { query: '?url', import: 'default', eager: true });
const bytesOf = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer());
rewardParityTests({
  reward: (path) => bytesOf(urls[`./fixtures/reward/${path}`]!),
  conformance: (path) => bytesOf(new URL(`../public/models/conformance/${path}`, import.meta.url).href),
});

import { readFileSync } from 'node:fs';
import { beforeAll } from 'vitest';
import { initNodeBackend } from '../src/gpu/node';
import { type ParityFiles, parityTests } from './modelParity';

const at = (name: string) => new URL(`../public/models/conformance/${name}`, import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(at(name), 'utf8'));
beforeAll(async () => {
  await initNodeBackend();
});
parityTests(async () => ({
  fixture: json('fixture.json') as ParityFiles['fixture'],
  config: json('config.json'),
  weights: new Uint8Array(readFileSync(at('weights.safetensors'))),
  gradients: new Uint8Array(readFileSync(at('gradients.safetensors'))),
  after20: new Uint8Array(readFileSync(at('weights_after_20.safetensors'))),
}));

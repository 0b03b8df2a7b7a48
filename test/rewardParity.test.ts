import { readFileSync } from 'node:fs';
import { beforeAll } from 'vitest';
import { initNodeBackend } from '../src/gpu/node';
import { rewardParityTests } from './rewardParity';

beforeAll(async () => {
  await initNodeBackend();
});
rewardParityTests({
  reward: async (path) => new Uint8Array(readFileSync(`test/fixtures/reward/${path}`)),
  conformance: async (path) => new Uint8Array(readFileSync(`public/models/conformance/${path}`)),
});

// The studio's side of scripts/parity/rewardAdapter.py: PEFT's reward adapter read and written again, and the model with it merged.
// Usage: node scripts/run.mjs scripts/parity/rewardFolders.ts <directory>
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapter, writeAdapter } from '../../src/interop/peft';
import { rewardConfig } from '../../src/nn/hfConfig';
import { parseLlamaConfig } from '../../src/nn/loadModel';
import { mergeLora } from '../../src/nn/lora';
import { readSafetensors, writeSafetensors } from '../../src/storage/safetensors';

const directory = process.argv[2];
if (!directory) throw new Error('Name the directory that rewardAdapter.py works in.');
const bytes = (path: string) => new Uint8Array(readFileSync(path));
const text = (path: string) => readFileSync(path, 'utf8');
const FIXTURE = 'test/fixtures/reward';
const { score } = JSON.parse(text(`${FIXTURE}/targets.json`)) as { score: number[] };
const hf = rewardConfig(JSON.parse(text('public/models/conformance/config.json')), 2);
const config = parseLlamaConfig(hf);
const adapter = readAdapter(config, {
  config: bytes(`${FIXTURE}/adapter/${ADAPTER_CONFIG}`),
  weights: bytes(`${FIXTURE}/adapter/${ADAPTER_WEIGHTS}`),
});
const weights = {
  ...readSafetensors(bytes('public/models/conformance/weights.safetensors'), 'weights.safetensors'),
  'score.weight': { shape: [1, score.length], data: Float32Array.from(score) },
};
const merged = mergeLora(config, weights, { name: 'default', config: adapter.config }, adapter.tensors);
const folders: Record<string, Record<string, Uint8Array | string>> = {
  adapter: writeAdapter(config, adapter.config, adapter.tensors, 'somebody/reward-base'),
  model: { 'config.json': JSON.stringify(hf), 'model.safetensors': writeSafetensors(merged, { format: 'pt' }) },
};
for (const [folder, files] of Object.entries(folders)) {
  mkdirSync(join(directory, folder), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, folder, name), content);
}

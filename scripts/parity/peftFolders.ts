// The studio's side of scripts/parity/peftExports.py: trains an adapter of each kind on nano for a few steps, writes it as PEFT's
// folder and merged, and notes what it computes for a row of ids. Usage: node scripts/run.mjs scripts/parity/peftFolders.ts <directory>
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import type { LoraConfig } from '../../src/protocol/model';
import type { ReadModelFile } from '../../src/workers/modelFiles';
import { testBed, tinyRecipe } from '../../src/workers/testBed';

const directory = process.argv[2];
if (!directory) throw new Error('Name the directory that peftExports.py works in.');
const KINDS: Record<string, LoraConfig> = {
  'LoRA on q and v': { r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj'] },
  'LoRA on every linear layer': { r: 2, lora_alpha: 4, target_modules: 'all-linear' },
  rsLoRA: { r: 8, lora_alpha: 8, use_rslora: true, target_modules: ['q_proj', 'down_proj'] },
  DoRA: { r: 4, lora_alpha: 8, use_dora: true, target_modules: ['k_proj', 'o_proj', 'up_proj'] },
  'rank and alpha patterns': {
    r: 4,
    lora_alpha: 8,
    target_modules: ['q_proj', 'gate_proj'],
    rank_pattern: { 'layers.1.self_attn.q_proj': 7, gate_proj: 2 },
    alpha_pattern: { gate_proj: 16 },
  },
  'a regular expression, some layers left out': {
    r: 3,
    lora_alpha: 6,
    target_modules: '.*\\.layers\\.[12]\\..*(v_proj|up_proj)',
    exclude_modules: ['model.layers.2.mlp.up_proj'],
  },
  'whole module paths': {
    r: 2,
    lora_alpha: 8,
    target_modules: ['model.layers.0.self_attn.o_proj', 'layers.2.mlp.down_proj'],
  },
  'two layers': { r: 2, lora_alpha: 8, target_modules: ['q_proj'], layers_to_transform: [0, 2] },
  lora_bias: { r: 2, lora_alpha: 4, lora_bias: true, target_modules: ['q_proj', 'up_proj'] },
};
const readModelFile: ReadModelFile = async (path) => {
  const bytes = await readFile(join('public/models', path)).catch(() => undefined); // not there
  return bytes && new Uint8Array(bytes);
};
const { compute, text, statuses, close } = testBed({ environment: { readModelFile } });
async function write(folder: string, zip: Blob): Promise<void> {
  for (const [path, bytes] of Object.entries(unzipSync(new Uint8Array(await zip.arrayBuffer())))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}
await write(join(directory, 'base'), (await compute.request('exportModel', { ref: 'builtin:nano' })).blob);
const messages = [{ role: 'user' as const, content: 'Q3 spending of “sales” – 1,024.50 €?' }];
const { ids } = await text.request('encodePrompt', { messages, model: 'builtin:nano' });
const report: Record<string, unknown> = {};
for (const [i, [name, peft]] of Object.entries(KINDS).entries()) {
  const runId = `r${i}`;
  const args = { ...tinyRecipe.args, max_steps: 4, learning_rate: 0.03, warmup_ratio: 0 };
  await compute.request('startRun', { runId, name, recipe: { ...tinyRecipe, model: { ref: 'builtin:nano' }, args, peft: JSON.parse(JSON.stringify(peft)) } }); // biome-ignore format: one call
  for (;;) {
    const status = statuses(runId).at(-1);
    if (status === 'finished') break;
    if (status === 'failed') throw new Error(`The run of ${name} failed.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const ref = `run:${runId}`;
  await write(join(directory, 'peft', name), (await compute.request('exportAdapter', { ref, form: 'peft' })).blob);
  if (!peft.lora_bias)
    await write(
      join(directory, 'merged', name),
      (await compute.request('exportAdapter', { ref, form: 'merged' })).blob,
    );
  const V = (await compute.request('modelCard', { ref: 'builtin:nano' })).info.config.vocab_size;
  const read = await compute.request('inspect', { ref, ids, k: V });
  const logps = Array.from({ length: ids.length - 1 }, (_, t) => {
    // Entry t + 1 is what was said before token t + 1: the distribution at position t.
    const row = new Array<number>(V);
    for (let k = 0; k < V; k++) row[read.topkIds[(t + 1) * V + k]!] = read.topkLogps[(t + 1) * V + k]!;
    return row;
  });
  report[name] = { ids: [...ids], logps };
}
writeFileSync(join(directory, 'studio.json'), JSON.stringify(report));
close();
process.exit(0);

// The studio's side of scripts/parity/exports.py: imports the folders that transformers wrote, exports them and models of its own,
// and notes what it computes for a row of ids. Usage: node scripts/run.mjs scripts/parity/exportFolders.ts <directory>
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import type { ReadModelFile } from '../../src/workers/modelFiles';
import { testBed } from '../../src/workers/testBed';

const directory = process.argv[2];
if (!directory) throw new Error('Name the directory that exports.py works in.');
const readModelFile: ReadModelFile = async (path) => {
  const bytes = await readFile(join('public/models', path)).catch(() => undefined); // not there
  return bytes && new Uint8Array(bytes);
};
const { compute, text, close } = testBed({ environment: { readModelFile } });
const refs: Record<string, string> = {
  nano: 'builtin:nano',
  'bank_A merged into micro-sft': 'builtin:adapters/bank_A',
};
const given = join(directory, 'given');
for (const name of readdirSync(given).sort()) {
  const files = readdirSync(join(given, name)).map((file) => ({
    path: `${name}/${file}`,
    blob: new Blob([readFileSync(join(given, name, file))]),
  }));
  refs[name] = (await compute.request('importModel', { name, files })).id;
}
const MESSAGES = [
  { role: 'system' as const, content: 'You answer in JSON.' },
  { role: 'user' as const, content: 'Q3 spending of “sales” – 1,024.50 €?' },
];
const report: Record<string, unknown> = {};
for (const [name, ref] of Object.entries(refs)) {
  const { blob } = await compute.request('exportModel', { ref });
  const folder = join(directory, 'exported', name);
  for (const [path, bytes] of Object.entries(unzipSync(new Uint8Array(await blob.arrayBuffer())))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  const { info } = await compute.request('modelCard', { ref });
  const prompt = await text.request('encodePrompt', { messages: MESSAGES, model: ref });
  const V = info.config.vocab_size;
  const read = await compute.request('inspect', { ref, ids: prompt.ids, k: V });
  const logps = Array.from({ length: prompt.ids.length - 1 }, (_, t) => {
    // Entry t + 1 is what was said before token t + 1: the distribution at position t.
    const row = new Array<number>(V);
    for (let i = 0; i < V; i++) row[read.topkIds[(t + 1) * V + i]!] = read.topkLogps[(t + 1) * V + i]!;
    return row;
  });
  report[name] = { messages: MESSAGES, text: prompt.text, ids: [...prompt.ids], logps };
}
writeFileSync(join(directory, 'studio.json'), JSON.stringify(report));
close();
process.exit(0);

// The layer rule catches what it is there for: planted upward imports of every kind, and workers made in the wrong place.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { filesUnder } from '../scripts/sources.mjs';

const root = process.cwd();
const planted = mkdtempSync(join(tmpdir(), 'studio-layers-'));
afterAll(() => rmSync(planted, { recursive: true }));

/** Rule names broken by each file of a small tree with the real configuration. */
function broken(files: Record<string, string>): string[] {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(planted, path)), { recursive: true });
    writeFileSync(join(planted, path), text);
  }
  const cli = resolve(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = resolve(root, '.dependency-cruiser.cjs');
  const { stdout } = spawnSync(process.execPath, [cli, '--config', config, '--output-type', 'json', 'src'], {
    cwd: planted,
    encoding: 'utf8',
  });
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  return summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort();
}

test('planted imports against the layers are found: static, dynamic, side-effect, type-only and indirect', () => {
  const found = broken({
    'tsconfig.json': '{ "compilerOptions": { "module": "ESNext", "moduleResolution": "Bundler" } }',
    'node_modules/@tensorflow/tfjs-core/package.json': '{ "name": "@tensorflow/tfjs-core", "main": "index.js" }',
    'node_modules/@tensorflow/tfjs-core/index.js': 'export const add = 1;',
    'src/lib/rng.ts': 'export const rng = 1;',
    'src/nn/llama.ts': "import { add } from '@tensorflow/tfjs-core';\nexport const llama = add;",
    'src/trainers/sft/config.ts': 'export const fields = {};',
    'src/trainers/sft/trainer.ts': "import { llama } from '../../nn/llama';\nexport const train = llama;",
    'src/workers/client.ts': 'export const client = 1;',
    'src/workers/compute.worker.ts': "import '../trainers/sft/trainer';",
    'src/stores/fine.ts': "import { client } from '../workers/client';\nexport const fine = client;",
    'src/panels/sft/Fine.tsx': "import { fields } from '../../trainers/sft/config';\nexport const Fine = fields;",
    'src/panels/chat/Chat.tsx': 'export const Chat = 1;',
    'src/panels/shared/Both.tsx': 'export const Both = 1;',
    'src/panels/sft/Shares.tsx': "import { Both } from '../shared/Both';\nexport const x = Both;",
    'src/app/fine.ts': "export const load = () => import('../panels/sft/Fine');",
    // and now the planted ones
    'src/gpu/static.ts': "import { llama } from '../nn/llama';\nexport const x = llama;",
    'src/text/dynamic.ts': "export const x = () => import('../workers/client');",
    'src/storage/sideEffect.ts': "import '../trainers/sft/trainer';",
    'src/protocol/typeOnly.ts': "import type { llama } from '../nn/llama';\nexport type X = typeof llama;",
    'src/panels/sft/Sibling.tsx': "import { Chat } from '../chat/Chat';\nexport const x = Chat;",
    'src/panels/shared/Knows.tsx': "import { Chat } from '../chat/Chat';\nexport const x = Chat;",
    'src/stores/tensors.ts': "import { llama } from '../nn/llama';\nexport const x = llama;",
    'src/workers/page.ts': "import { fine } from '../stores/fine';\nexport const x = fine;",
  });
  expect(found).toEqual([
    'src/gpu/static.ts: layer-gpu',
    'src/panels/sft/Sibling.tsx: panels-apart',
    'src/panels/shared/Knows.tsx: panels-apart',
    'src/protocol/typeOnly.ts: layer-protocol',
    'src/storage/sideEffect.ts: layer-storage',
    'src/stores/tensors.ts: page-loads-no-engine',
    'src/stores/tensors.ts: page-reads-data-only',
    'src/text/dynamic.ts: layer-text',
    'src/workers/page.ts: layer-workers',
  ]);
}, 60_000);

describe('what the import graph does not show', () => {
  const sources = filesUnder(root, 'src').filter((p) => /\.tsx?$/.test(p) && !/\.test(Worker)?\.tsx?$/.test(p));
  const text = (path: string) => readFileSync(join(root, path), 'utf8');

  test('workers are made from workers/ only, by a URL that the bundler can follow', () => {
    for (const path of sources)
      for (const [call, url] of text(path).matchAll(/new (?:Shared)?Worker\(\s*(?:new URL\(\s*(['"][^'"]+['"]))?/g)) {
        expect(path, call).toMatch(/^src\/workers\//);
        expect(url, `${path}: ${call}`).toMatch(/^['"]\.\/[\w.]+\.worker\.ts['"]$/);
      }
  });
  test('no tensor is read synchronously: dataSync and arraySync stall the GPU', () => {
    expect(sources.filter((path) => /\.(dataSync|arraySync)\s*\(/.test(text(path)))).toEqual([]);
  });
  test('below workers/ randomness and time are passed in', () => {
    const below = sources.filter((path) => !/^src\/(workers|stores|ui|panels|app)\//.test(path));
    const uses = /\bMath\.random\b|\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b/;
    expect(below.filter((path) => uses.test(text(path).replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '')))).toEqual([]);
  });
});

// The studio's side of scripts/parity/datasetExports.py: imports sets whose splits differ, exports every split in both formats, and
// notes the rows that must be read. Usage: node scripts/run.mjs scripts/parity/datasetFolders.ts <directory>
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { testBed } from '../../src/workers/testBed';
import { UNLIKE_SPLITS } from '../../test/unlikeSplits';

const directory = process.argv[2];
if (!directory) throw new Error('Name the directory that datasetExports.py works in.');
const { text, close } = testBed();
const sets: { name: string; id: string }[] = [{ name: 'built in, with tools', id: 'builtin:sft/tool' }];
for (const { name, splits } of UNLIKE_SPLITS) {
  const file = new Blob([JSON.stringify(splits)]);
  sets.push({ name, id: (await text.request('importDataset', { name: `${name}.json`, file })).id });
}
const report = [];
for (const [i, { name, id }] of sets.entries()) {
  let rows: Record<string, unknown[]> = {};
  for (const format of ['jsonl', 'parquet'] as const) {
    const { blob } = await text.request('exportDataset', { datasetId: id, format });
    const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
    const folder = join(directory, `${i}-${format}`);
    mkdirSync(folder);
    const hash = createHash('sha256');
    for (const [path, bytes] of Object.entries(files)) {
      writeFileSync(join(folder, path), bytes);
      hash.update(path).update(bytes);
    }
    // The lines as they are kept are what both formats hold.
    if (format === 'jsonl')
      rows = Object.fromEntries(
        Object.entries(files)
          .filter(([path]) => path.endsWith('.jsonl'))
          .map(([path, bytes]) => [path.replace('.jsonl', ''), strFromU8(bytes).trim().split('\n').map((line) => JSON.parse(line) as unknown)]), // biome-ignore format: one entry
      );
    report.push({ name, format, folder: `${i}-${format}`, sha256: hash.digest('hex'), rows });
  }
}
writeFileSync(join(directory, 'studio.json'), JSON.stringify(report));
close();

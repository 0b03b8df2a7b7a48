// What scripts/parity/exports.py found: folders that the studio wrote, as transformers reads them. The claims of docs rest on it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Folder {
  name: string;
  max_rel_error: number;
  text_equal: boolean;
  ids_equal: boolean;
  stops: number;
  tensors_identical: boolean | null;
}
const { folders } = JSON.parse(readFileSync('test/fixtures/exports.json', 'utf8')) as { folders: Folder[] };

test.each(folders)('$name: the same logits, text and ids', (folder) => {
  expect(folder.max_rel_error).toBeLessThan(1e-4);
  expect(folder).toMatchObject({ text_equal: true, ids_equal: true });
  expect(folder.stops).toBeGreaterThan(0);
  expect(folder.tensors_identical).not.toBe(false);
});
test('base, merged, sharded, half-precision and untied models are among them', () => {
  expect(folders.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['nano', 'bank_A merged into micro-sft', 'bfloat16 in shards', 'float16, head untied']),
  );
  expect(folders.filter(({ tensors_identical }) => tensors_identical).length).toBeGreaterThanOrEqual(4);
});

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
interface Adapter {
  name: string;
  positions: number;
  tensors_identical: boolean;
  /** Of the base alone beside the studio's adapter: that the adapter changes the logits. */
  moved: number;
  max_rel_error: number;
  merged_max_rel_error: number | null;
}
// What scripts/parity/peftExports.py found: adapters that the studio trained, read by PeftModel.from_pretrained.
const { adapters } = JSON.parse(readFileSync('test/fixtures/peftExports.json', 'utf8')) as { adapters: Adapter[] };

test.each(adapters)(
  '$name: PEFT reads every number, and gives the same logits beside the base and merged',
  (adapter) => {
    expect(adapter.positions).toBeGreaterThan(10);
    expect(adapter.tensors_identical).toBe(true);
    expect(adapter.moved).toBeGreaterThan(1e-2);
    expect(adapter.max_rel_error).toBeLessThan(1e-4);
    // A bias has no place in a Llama's weights.
    if (adapter.name === 'lora_bias') expect(adapter.merged_max_rel_error).toBeNull();
    else expect(adapter.merged_max_rel_error).toBeLessThan(1e-4);
  },
);
test('each kind of adapter is among them', () => {
  expect(adapters.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'LoRA on every linear layer',
      'rsLoRA',
      'DoRA',
      'rank and alpha patterns',
      'whole module paths',
    ]),
  );
});
test('base, merged, sharded, half-precision and untied models are among them', () => {
  expect(folders.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'nano',
      'bank_A merged into micro-sft',
      'bfloat16 in shards',
      'float16, head untied',
      'tied by its config, with a head of its own',
    ]),
  );
  expect(folders.filter(({ tensors_identical }) => tensors_identical).length).toBeGreaterThanOrEqual(5);
});

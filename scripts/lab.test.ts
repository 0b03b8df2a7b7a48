import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { sftNano } from '../src/labs/recipes/sft';
import { readSafetensors } from '../src/storage/safetensors';

const lab = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['scripts/run.mjs', 'scripts/lab.ts', ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const folder = mkdtempSync(join(tmpdir(), 'lab-'));
function recipeFile(name: string, change: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ ...sftNano, ...change }));
  return path;
}

test('two steps: JSON lines, weights, report, exit code 0', async () => {
  const args = { ...sftNano.args, max_steps: 2, per_device_train_batch_size: 2, eval_steps: 0, generate_steps: 0 };
  const out = join(folder, 'out');
  const path = recipeFile('two.json', { args, data: { ...sftNano.data, rows: 8 } });
  const { code, stdout } = await lab(path, '--cases', '0', '--out', out);
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ kind: 'start', rows: 8, backend: { backend: 'wasm' } });
  expect(lines.filter((line) => 'loss' in line).map(({ step }) => step)).toEqual([1, 2]);
  expect(readSafetensors(new Uint8Array(readFileSync(join(out, 'model.safetensors'))))).toHaveProperty(
    'model.norm.weight',
  );
  expect(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'))).toMatchObject({ step: 2, maxSteps: 2 });
});

test('preferences train headless as well: DPO from pairs of the world beside a frozen start, at ln 2', async () => {
  const args = { max_steps: 1, per_device_train_batch_size: 2, eval_steps: 0, generate_steps: 0, max_eval_samples: 2 };
  const set = (split: string) => [{ ref: 'builtin:pref', split }];
  const path = recipeFile('dpo.json', {
    trainer: 'dpo',
    args,
    data: { train: set('train'), eval: set('dev'), rows: 4 },
  });
  const { code, stdout, stderr } = await lab(path, '--cases', '0');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);
  expect(lines[0]).toMatchObject({ rows: 8, eval_rows: 4 }); // both sides of each pair
  const first = lines.find((line) => 'loss' in line)!;
  expect(first.loss).toBeCloseTo(Math.LN2, 4);
  expect(first['rewards/accuracies']).toBe(0);
  expect(lines.find((line) => 'eval_loss' in line)!.eval_loss).toBeCloseTo(Math.LN2, 4);
});

test('wrong usage ends with 2, a faulty recipe with 1; both say why in a sentence', async () => {
  const [none, missing, faulty] = await Promise.all([
    lab(),
    lab('no-such-recipe.json'),
    lab(recipeFile('bad.json', { seed: 'one' })),
  ]);
  expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage: npm run lab') });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no-such-recipe.json') });
  expect(faulty).toMatchObject({ code: 1, stderr: expect.stringContaining('recipe.seed must be integer, got "one"') });
  expect(faulty.stderr).not.toContain('    at ');
});

test('WebGPU is never replaced by another backend: without a driver it ends with 1 and says why', async () => {
  const missing = join(folder, 'no-driver.json');
  vi.stubEnv('VK_DRIVER_FILES', missing);
  vi.stubEnv('VK_ICD_FILENAMES', missing);
  const { code, stdout, stderr } = await lab(recipeFile('gpu.json', {}), '--backend', 'webgpu');
  vi.unstubAllEnvs();
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('No WebGPU: WebGPU found no graphics adapter. Name a Vulkan driver');
});

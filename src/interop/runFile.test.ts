import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { testRun } from '../protocol/testRun';
import { CheckpointStore } from '../storage/checkpoints';
import { MemoryStorage } from '../storage/memoryStorage';
import { RunStore } from '../storage/runs';
import { exportRun, importRun } from './runFile';

function stores(quotaBytes = 1e9) {
  const storage = new MemoryStorage({ quotaBytes });
  const now = () => 1_700_000_000_000;
  return { runs: new RunStore(storage, now), checkpoints: new CheckpointStore(storage, now) };
}
const record = testRun({
  id: 'abcdef12-3456',
  name: 'SFT: first / try',
  recipe: { args: { learning_rate: 0.001 }, seed: 3 },
  status: 'running',
  createdAt: 10,
  updatedAt: 20,
  step: 4,
  maxSteps: 10,
  versions: { studio: '0.1.0' },
  parents: { model: 'sha256:aa' },
});
const data = Float32Array.from([1, -2.5, 3e-9]);
async function filled() {
  const from = stores();
  await from.runs.create(record);
  await from.runs.appendPoints(record.id, [{ step: 4, epoch: 0.5, loss: 1.25, eval_loss: null }]);
  await from.runs.appendGenerations(record.id, [
    { step: 4, promptId: 'p', prompt: 'Ä "x"', text: '…', terminated: true },
  ]);
  await from.checkpoints.save(
    record.id,
    {
      step: 4,
      weights: { w: { shape: [3], data } },
      optimizer: { step: 4, tensors: { 'adam.m.w': { shape: [3], data } }, steps: { bank_A: 4, saas_C: 2 } },
      state: { cursor: [1, 2] },
    },
    { isMilestone: true },
  );
  return { from, file: await exportRun(from, record.id) };
}
/** Repacks the file after a change to its parts. */
function tampered(bytes: Uint8Array, change: (files: Record<string, Uint8Array>) => void): Uint8Array {
  const files = unzipSync(bytes);
  change(files);
  return zipSync(files);
}
const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

test('a run comes back with curves, generations and a checkpoint to train on from', async () => {
  const { from, file } = await filled();
  expect(file.fileName).toBe('sft-first-try-abcdef12.run.zip');
  const to = stores();
  const imported = await importRun(to, file.bytes, () => 'unused');
  expect(imported).toMatchObject({ id: record.id, name: record.name, status: 'interrupted', recipe: record.recipe });
  const original = await from.runs.get(record.id);
  const { points, generations } = await to.runs.get(record.id);
  expect({ points, generations }).toEqual({ points: original.points, generations: original.generations });
  const checkpoint = (await to.checkpoints.latest(record.id))!;
  expect(checkpoint).toMatchObject({
    step: 4,
    state: { cursor: [1, 2] },
    optimizer: { step: 4, steps: { bank_A: 4, saas_C: 2 } },
  });
  expect(checkpoint.weights.w!.data).toEqual(data);
  expect((await to.runs.head(record.id))!.checkpoints).toHaveLength(1);
});

test('the same run gives the same bytes; importing beside itself gives a new id', async () => {
  const { from, file } = await filled();
  expect((await exportRun(from, record.id)).bytes).toEqual(file.bytes);
  const copy = await importRun(from, file.bytes, () => 'copy-1');
  expect(copy).toMatchObject({ id: 'copy-1', name: 'SFT: first / try (imported)' });
  expect((await from.runs.list()).map((run) => run.id).sort()).toEqual([record.id, 'copy-1']);
});

test('hostile and damaged files give a plain DataError and store nothing', async () => {
  const { file } = await filled();
  const to = stores();
  const rename = (files: Record<string, Uint8Array>, name: string) => {
    files[name] = strToU8('x');
  };
  const cases: [Uint8Array, RegExp][] = [
    [strToU8('not a zip at all'), /not a readable zip file/],
    [file.bytes.slice(0, file.bytes.length - 40), /not a readable zip file/],
    [
      tampered(file.bytes, (f) => rename(f, '../evil.txt')),
      /\.\.\/evil\.txt in the run file has a name that points out/,
    ],
    [tampered(file.bytes, (f) => rename(f, '/etc/x')), /points outside/],
    [tampered(file.bytes, (f) => rename(f, 'points.jsonl')), /points\.jsonl in the run file is damaged/],
    [
      tampered(file.bytes, (f) => {
        f['checkpoint/model.safetensors'] = f['checkpoint/model.safetensors']!.map((byte, i) =>
          i === 20 ? byte ^ 1 : byte,
        );
      }),
      /checkpoint\/model\.safetensors in the run file is damaged/,
    ],
    [
      tampered(file.bytes, (f) => {
        delete f['run.json'];
      }),
      /run\.json in the run file is missing/,
    ],
    [tampered(file.bytes, (f) => rename(f, 'manifest.json')), /manifest\.json in the run file is not JSON/],
    [zipSync({ 'manifest.json': strToU8('{"format":"other"}') }), /not that of a run exported by this studio/],
  ];
  for (const [bytes, expected] of cases) {
    const error = await problem(importRun(to, bytes, () => 'new'));
    expect(error, String(expected)).toBeInstanceOf(DataError);
    expect(error.message).toMatch(expected);
  }
  expect(await to.runs.list()).toEqual([]);
});

test('a record with a wrong field is refused by its name even when the hashes are right', async () => {
  const from = stores();
  await from.runs.create({ ...record, step: -1 });
  const { bytes } = await exportRun(from, record.id);
  expect(Object.keys(JSON.parse(strFromU8(unzipSync(bytes)['manifest.json']!)).files)).not.toContain(
    'checkpoint/state.json',
  );
  const error = await problem(importRun(stores(), bytes, () => 'new'));
  expect(error.message).toBe('run.json in the run file has a missing or wrong "step". Export the run again.');
});

test('an import that does not fit leaves nothing behind', async () => {
  const { file } = await filled();
  const to = stores(300); // room for the lists, not for the checkpoint
  expect((await problem(importRun(to, file.bytes, () => 'new')))?.kind).toBe('storage');
  expect(await to.runs.list()).toEqual([]);
});

test('reports of its reward model go out and come back, under another id too; a line that is none is named', async () => {
  const from = stores();
  await from.runs.create(record);
  const report = { pairs: { margins: [1], loss: Number.NaN }, judged: [{ row: { chosen: 'a' } }], paidFor: { effects: [], spread: 1 } }; // biome-ignore format: one report
  const kept = { of: '', dataset: 'builtin:pref', pairs: 1, seed: 1, version: 'at 4', report: report as never };
  await from.runs.keepRewardReport(record.id, kept);
  const { bytes } = await exportRun(from, record.id);
  const back = await importRun(from, bytes, () => 'another');
  expect(back.id).toBe('another');
  expect(await from.runs.rewardReports('another')).toEqual([kept]);
  const bad = tampered(bytes, (files) => {
    delete files['manifest.json'];
    files['reward_reports.jsonl'] = strToU8('{"of":""}\n');
    files['manifest.json'] = strToU8(JSON.stringify({ format: 'posttrain-studio-run', version: 1, files: {} }));
  });
  await expect(importRun(stores(), bad, () => 'x')).rejects.toThrow(
    /reward_reports\.jsonl:1 .* is no report of a reward model/,
  );
});

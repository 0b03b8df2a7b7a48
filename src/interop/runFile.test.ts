import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, test, vi } from 'vitest';
import { DataError } from '../lib/errors';
import type { KeptRewardReport } from '../protocol/rewardReport';
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

const interval = { low: -1, high: 1 };
const accuracy = { value: 1, n: 1, ...interval };
const kept: KeptRewardReport = {
  ...{ of: '', dataset: 'builtin:pref', pairs: 1, seed: 1, version: 'at 4' },
  report: {
    pairs: {
      accuracy,
      ties: 0,
      rewards: [{ chosen: 2, rejected: 1 }],
      margins: [1],
      margin: { mean: 1, ...interval },
      histogram: { edges: [0, 1, 2], counts: [0, 1] },
      loss: 0.3,
      calibration: {
        bins: [{ from: 0.5, to: 1, n: 0, predicted: Number.NaN, won: Number.NaN, ...interval }],
        ece: 0.1,
      },
      byKind: [{ name: 'cash', accuracy, meanMargin: 1 }],
      byDimension: [],
    },
    judged: [{ row: { prompt: 'q', chosen: 'a', rejected: 'b' }, kind: 'cash', share: 0.7 }],
    paidFor: { effects: [{ id: 'long', title: 'Longer', isSurface: true, n: 1, change: 0.2, raised: 1, ...interval }], spread: 1 }, // biome-ignore format: one report
  },
};
/** The file of a run with these reports, and hashes that are right. */
async function fileWith(...reports: unknown[]): Promise<Uint8Array> {
  const from = stores();
  await from.runs.create(record);
  return tampered((await exportRun(from, record.id)).bytes, (files) => {
    files['reward_reports.jsonl'] = strToU8(reports.map((report) => `${JSON.stringify(report)}\n`).join(''));
    files['manifest.json'] = strToU8(JSON.stringify({ format: 'posttrain-studio-run', version: 1, files: {} }));
  });
}
describe('reports of its reward model', () => {
  test('go out and come back, under another id too', async () => {
    const from = stores();
    await from.runs.create(record);
    await from.runs.keepRewardReports(record.id, [kept]);
    const back = await importRun(from, (await exportRun(from, record.id)).bytes, () => 'another');
    expect(back.id).toBe('another');
    expect(await from.runs.rewardReports('another')).toEqual([kept]);
  });
  test('of many the newest twelve are kept, one for what was asked twice, and written once', async () => {
    const storage = new MemoryStorage();
    const written = vi.spyOn(storage, 'write');
    const to = { runs: new RunStore(storage, () => 1), checkpoints: new CheckpointStore(storage, () => 1) };
    const seeds = [...Array.from({ length: 40 }, (_, i) => i), 35];
    await importRun(to, await fileWith(...seeds.map((seed) => ({ ...kept, seed }))), () => 'new');
    const found = (await to.runs.rewardReports(record.id)).map(({ seed }) => seed);
    expect(found).toEqual([28, 29, 30, 31, 32, 33, 34, 36, 37, 38, 39, 35]);
    expect(written.mock.calls.filter(([path]) => path.endsWith('reward_reports.jsonl'))).toHaveLength(1);
  });
  test.each<[string, (report: ReturnType<typeof structuredClone<typeof kept>>) => unknown]>([
    ['of', (x) => ({ ...x, of: undefined })],
    ['seed', (x) => ({ ...x, seed: '1' })],
    ['report', (x) => ({ ...x, report: null })],
    ['report.pairs.margin', (x) => Object.assign(x.report.pairs, { margin: undefined })],
    ['report.pairs.rewards', (x) => x.report.pairs.rewards.pop()],
    ['report.pairs.truth.n', (x) => Object.assign(x.report.pairs, { truth: { ...accuracy, n: null } })],
    ['report.pairs.calibration.bins[0].n', (x) => Object.assign(x.report.pairs.calibration.bins[0]!, { n: 'one' })],
    ['report.pairs.histogram.edges', (x) => x.report.pairs.histogram.edges.pop()],
    ['report.pairs.byKind[0].name', (x) => Object.assign(x.report.pairs.byKind[0]!, { name: 1 })],
    ['report.judged', (x) => x.report.judged.pop()],
    ['report.judged[0].row', (x) => Object.assign(x.report.judged[0]!, { row: { chosen: 'a' } })],
    ['report.judged[0].row', (x) => Object.assign(x.report.judged[0]!, { row: { text: 'a' } })],
    ['report.judged[0].dimension', (x) => Object.assign(x.report.judged[0]!, { dimension: [] })],
    ['report.paidFor.effects[0].title', (x) => Object.assign(x.report.paidFor.effects[0]!, { title: undefined })],
    ['report.paidFor.effects[0].quality', (x) => Object.assign(x.report.paidFor.effects[0]!, { quality: null })],
  ])('a wrong %s is named by its line, and nothing is stored', async (path, change) => {
    const bad = structuredClone(kept);
    const given = change(bad);
    const to = stores();
    const line = given instanceof Object && 'report' in given ? given : bad;
    const error = await problem(importRun(to, await fileWith(kept, line), () => 'x'));
    expect(error?.message).toBe(
      `reward_reports.jsonl:2 in the run file is no report of a reward model: its "${path}" is missing or wrong. Export the run again.`,
    );
    expect(await to.runs.list()).toEqual([]);
  });
  test('a line that is no record is named', async () => {
    await expect(importRun(stores(), await fileWith(3), () => 'x')).rejects.toThrow(
      'reward_reports.jsonl:1 in the run file is no report of a reward model. Export the run again.',
    );
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataError } from '../lib/errors';
import { CheckpointStore } from '../storage/checkpoints';
import { MemoryStorage } from '../storage/memoryStorage';
import { RunStore } from '../storage/runs';
import { exportRun, importRun } from './runFile';
import { importTrainerLog, isTrainerLog, parseTrainerLog } from './trainerLog';

const fixture = (name: string) => new Uint8Array(readFileSync(`test/fixtures/runs/${name}`));
const encode = (text: string) => new TextEncoder().encode(text);
const parse = (text: string, name = 'metrics.jsonl') => parseTrainerLog(encode(text), name);

test('what transformers’ Trainer leaves: each step once, names as they are, its settings as arguments', () => {
  const log = parseTrainerLog(fixture('trainer_state.json'), 'trainer_state.json');
  expect(log.points.map(({ step }) => step)).toEqual([2, 3, 4, 6]);
  expect(log.points[0]).toEqual({ step: 2, epoch: 0.25, grad_norm: 5.9922075271606445, learning_rate: 0.08333333333333334, loss: 4.452057361602783 }); // biome-ignore format: one line
  // Training and evaluation of step 6 are two entries there.
  expect(log.points[3]).toMatchObject({ loss: 1.9009594917297363, eval_loss: 2.10739803314209 });
  expect(log).toMatchObject({ format: 'trainer_state', step: 6, maxSteps: 6, notes: [] });
  expect(log.args).toEqual({ max_steps: 6, num_train_epochs: 1, train_batch_size: 4, logging_steps: 2, eval_steps: 3, save_steps: 6 }); // biome-ignore format: one line
});
test('NaN as Python writes it is a gap in the curve, not a broken file; in a string it stays', () => {
  const { points } = parseTrainerLog(fixture('nan.json'), 'nan.json');
  expect(points[0]).toMatchObject({ step: 2, loss: null, learning_rate: 0.08333333333333334 });
  expect(parse('{"step":1,"loss":-Infinity,"note":"NaN \\" NaN"}').points[0]).toEqual({
    step: 1,
    epoch: 0,
    loss: null,
  });
});
test('lines: steps of several names, evaluation beside training, later values of a step win', () => {
  const { points, notes, format } = parse(
    '{"_step":1,"train/loss":2,"train/epoch":0.1,"_timestamp":9,"lr":"5e-05"}\n\n{"_step":2,"eval/loss":3,"train/rewards/margins":0.5,"text":"a"}\n{"_step":1,"train/loss":1.5}\n',
  );
  expect(format).toBe('metrics');
  expect(points).toEqual([
    { step: 1, epoch: 0.1, loss: 1.5, learning_rate: 5e-5 },
    { step: 2, epoch: 0, eval_loss: 3, 'rewards/margins': 0.5 },
  ]);
  expect(notes).toEqual([
    'wandb’s train/loss and eval/loss are called loss and eval_loss here, as TRL logs them.',
    'lr is called learning_rate here, as TRL logs it.',
    'Left out, as they are no numbers: text.',
  ]);
  // Both names in one entry are two numbers.
  const two = parse('{"step":1,"lr":1,"learning_rate":2,"val_loss":3,"val/loss":4}');
  expect(two.points[0]).toEqual({ step: 1, epoch: 0, lr: 1, learning_rate: 2, eval_loss: 4 });
  // wandb counts its calls beside the updates that transformers tells it.
  const both = parse('{"_step":0,"train/global_step":10,"train/loss":2}\n{"_step":1,"train/global_step":20,"train/loss":1}\n{"_step":2,"train/global_step":20,"eval/loss":3}\n'); // biome-ignore format: one log
  expect(both.points.map(({ step, loss, eval_loss }) => [step, loss, eval_loss])).toEqual([[10, 2, undefined], [20, 1, 3]]); // biome-ignore format: pairs
  expect(parse('[{"global_step":0,"loss":1},{"global_step":5,"loss":0.5}]').points).toHaveLength(2);
});
test('when it began stands in wandb’s clock of the earliest line, and nowhere in a trainer state', () => {
  const at = 1_732_600_000;
  expect(parse(`{"step":2,"loss":1,"_timestamp":${at + 60}}\n{"step":1,"loss":2,"_timestamp":${at}.25}`).startedAt).toBe(at * 1000 + 250); // biome-ignore format: one line
  expect(parse('{"step":1,"loss":1,"_timestamp":9}')).not.toHaveProperty('startedAt');
  expect(parseTrainerLog(fixture('trainer_state.json'), 'trainer_state.json')).not.toHaveProperty('startedAt');
});
test.each([
  ['', /m\.jsonl is empty/],
  ['{"step":1', /m\.jsonl is not valid JSON/],
  ['{"step":1,"loss":1}\n{"step":2,', /m\.jsonl, line 2 is not valid JSON/],
  ["{'loss': 1.0}", /Python’s notation, as printed by a trainer: choose trainer_state\.json/],
  ['{"loss":1}', /line 1 has no step \(found: loss\)/],
  ['{"step":1.5,"loss":1}', /line 1 has the step 1\.5; expected a whole number/],
  ['{"step":-1,"loss":1}', /has the step -1/],
  ['{"step":1}', /has steps but no numbers/],
  ['[1]', /entry 1 is not an object/],
  ['{"log_history":3}', /log_history is not a list/],
  ['{"log_history":[]}', /log_history is empty: nothing was logged/],
  ['{"log_history":[{"loss":1}]}', /log_history\[0\] has no step/],
])('%s is refused in a sentence', (text, message) => {
  expect(() => parse(text, 'm.jsonl')).toThrow(message);
  expect(() => parse(text, 'm.jsonl')).toThrow(DataError);
});
test('bytes that are no text, and a log that is too large', () => {
  expect(() => parseTrainerLog(Uint8Array.of(0x7b, 0xff), 'x.json')).toThrow(/x\.json is not UTF-8 text/);
  expect(() => parseTrainerLog(new Uint8Array(65 * 2 ** 20), 'x.json')).toThrow(/65 MiB; logs up to 64 are read/);
  expect(isTrainerLog(Uint8Array.of(0x50, 0x4b, 3, 4))).toBe(false);
});
test('any lines: points in order of step with numbers only, or a DataError', () => {
  const line = fc.oneof(
    fc.record({ step: fc.nat(5), loss: fc.oneof(fc.double(), fc.string()), eval_loss: fc.double() }, { requiredKeys: ['step'] }).map((v) => JSON.stringify(v)),
    fc.json(),
    fc.string(),
  ); // biome-ignore format: three kinds of lines
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      try {
        const { points } = parse(lines.join('\n'));
        points.forEach((point, i) => {
          if (i > 0) expect(point.step).toBeGreaterThan(points[i - 1]!.step);
          for (const value of Object.values(point)) expect(value === null || Number.isFinite(value)).toBe(true);
        });
      } catch (cause) {
        expect(cause).toBeInstanceOf(DataError);
      }
    }),
    { numRuns: 500 },
  );
});
test('an imported log is a run without weights, which goes out and comes in as other runs do', async () => {
  const storage = new MemoryStorage();
  const now = () => 1_700_000_000_000;
  const stores = { runs: new RunStore(storage, now), checkpoints: new CheckpointStore(storage, now) };
  let ids = 0;
  const options = { fileName: 'trainer_state.json', newId: () => `log-${++ids}`, now };
  const { run } = await importTrainerLog(stores.runs, fixture('trainer_state.json'), options);
  expect(run).toMatchObject({
    id: 'log-1',
    name: 'trainer_state, step 6',
    status: 'finished',
    checkpoints: [],
    createdAt: now(),
  });
  expect(run.imported).toEqual({ fileName: 'trainer_state.json', format: 'trainer_state', notes: [], sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }); // biome-ignore format: one call
  expect((await stores.runs.list())[0]!.points).toHaveLength(4);
  // The same bytes again, under another name: nothing is stored.
  const again = await importTrainerLog(stores.runs, fixture('trainer_state.json'), { ...options, fileName: 'copy.json' }); // biome-ignore format: one call
  expect(again).toMatchObject({ isKnown: true, run: { id: 'log-1', name: 'trainer_state, step 6' } });
  expect(await stores.runs.list()).toHaveLength(1);
  // One that ended early says so.
  const short = encode('{"log_history":[{"step":3,"loss":1}],"global_step":3,"max_steps":10}');
  expect((await importTrainerLog(stores.runs, short, { ...options, fileName: 'half.json' })).run).toMatchObject({ name: 'half', status: 'stopped', step: 3, maxSteps: 10 }); // biome-ignore format: one line
  const { bytes } = await exportRun(stores, 'log-1');
  await stores.runs.remove('log-1');
  expect(await importRun(stores, bytes, () => 'other')).toMatchObject({ id: 'log-1', imported: run.imported });
});

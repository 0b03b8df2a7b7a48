// DPO, ORPO, CPO, KTO and the reward model through the loop on the real engine (WASM): first values, what they learn, denominators, references.
import { beforeAll, describe, expect, test } from 'vitest';
import type { TokenRow } from '../../data/collate';
import { initNodeBackend } from '../../gpu/node';
import { defaults, parseConfig } from '../../lib/fields';
import { Rng } from '../../lib/rng';
import { TfEngine } from '../../nn/engine';
import { initWeights } from '../../nn/init';
import type { Batch } from '../../protocol/batch';
import type { Json } from '../../protocol/chat';
import type { MetricPoint } from '../../protocol/run';
import { loadTrainer, type OfflineId } from '../load';
import { type Reference, TrainingRun } from '../loop';
import { trainers } from '../registry';
import { TOY_ARGS, toyEngine, toyShape, trainTo } from '../testModel';
import type { TrainerConfig } from '../trainerConfig';

beforeAll(async () => {
  await initNodeBackend();
});

const V = 14;
const LETTERS = V - 4;
const makeEngine = () => toyEngine(V);
function scoreEngine(): TfEngine {
  const shape = toyShape(V);
  const score = { shape: [1, shape.hidden_size], data: new Float32Array(shape.hidden_size) };
  return new TfEngine(shape, { ...initWeights(shape, 1), 'score.weight': score }, 'score');
}
/** Each side of a pair as an answer with a label. */
const labelled = (rows: TokenRow[]): TokenRow[] =>
  rows.map((row, i) => ({ ...row, promptLength: row.mask.indexOf(1), values: { label: i % 2 === 0 ? 1 : 0 } }));

type First = (prompt: number[], rng: Rng) => [good: number, bad: number];
const firstOfPrompt: First = ([first], rng) => [first!, 4 + ((first! - 4 + rng.int(1, LETTERS - 1)) % LETTERS)];
/** Whatever the prompt: to compare letters is more than a score of 100 steps learns. */
const small: First = (_, rng) => [rng.int(4, 8), rng.int(9, V - 1)];
/**
 * Pairs that differ in how their answers begin: the better one with the first letter of the prompt, unless told; the rest of both is
 * noise of unlike lengths. `flipped` swaps the votes of a share of them.
 */
function pairs(count: number, seed: number, flipped = 0, better = firstOfPrompt): TokenRow[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => {
    const prompt = Array.from({ length: rng.int(2, 4) }, () => rng.int(4, V - 1));
    const noise = () => Array.from({ length: rng.int(1, 3) }, () => rng.int(4, V - 1));
    const [good, bad] = better(prompt, rng);
    const row = (first: number): TokenRow => {
      const ids = [...prompt, 1, first, ...noise(), 0];
      return { ids: Int32Array.from(ids), mask: Uint8Array.from(ids, (_, t) => (t > prompt.length ? 1 : 0)) };
    };
    const sides = [row(good), row(bad)];
    return rng.next() < flipped ? sides.reverse() : sides;
  }).flat();
}

async function logpsOf(engine: TfEngine, batch: Batch): Promise<Float32Array> {
  const { logps } = await engine.evaluate(batch, { want: ['logps'] });
  const data = (await logps!.data()) as Float32Array;
  logps!.dispose();
  return data;
}
interface Given {
  id: OfflineId;
  args?: { [key: string]: Json };
  train?: TokenRow[];
  held?: TokenRow[];
  engine?: TfEngine;
  reference?: Reference;
}
async function makeRun({
  id,
  args = {},
  held = pairs(48, 777),
  train = pairs(64, 1),
  engine = makeEngine(),
  reference,
}: Given) {
  const { fields } = trainers[id];
  const trainer = await loadTrainer(id);
  const all = {
    ...defaults(fields),
    ...TOY_ARGS,
    lr_scheduler_type: 'constant' as const,
    warmup_ratio: 0,
    ...args,
  };
  parseConfig(fields, all);
  const arrange = (rows: TokenRow[]) => trainer.arrange?.(rows, all) ?? rows;
  const frozen = makeEngine();
  const run = new TrainingRun({
    engine,
    trainer,
    args: all,
    train: arrange(train).map((row) => [row]),
    eval: arrange(id === 'kto' ? labelled(held) : held),
    reference: id === 'dpo' || id === 'kto' ? (reference ?? ((batch) => logpsOf(frozen, batch))) : undefined,
    seed: 1,
    now: () => 0,
  });
  return { run, engine };
}

/** The point of a training step. */
const trained = ({ points }: { points: MetricPoint[] }): MetricPoint => points.find((point) => 'loss' in point)!;

describe('DPO', () => {
  // trl-facts §6: values where policy and reference agree.
  test.each([
    ['sigmoid', Math.LN2],
    ['robust', Math.LN2],
    ['sigmoid_norm', Math.LN2],
    ['hinge', 1],
    ['ipo', 25],
    ['sppo_hard', 50],
    ['bco_pair', 2 * Math.LN2],
    ['nca_pair', 2 * Math.LN2],
    ['apo_zero', 1],
    ['apo_down', 1],
    ['discopop', 0.846574],
  ])('%s starts at %f, with rewards and accuracies 0', async (type, value) => {
    const { run } = await makeRun({ id: 'dpo', args: { loss_type: [type], max_steps: 1 } });
    const [before, first] = (await run.trainStep()).points;
    expect(first!.loss).toBeCloseTo(value, 4);
    expect(before!.eval_loss).toBeCloseTo(value, 4);
    for (const name of ['rewards/chosen', 'rewards/rejected', 'rewards/margins', 'rewards/accuracies'])
      expect(first![name]).toBeCloseTo(0, 5);
    expect(first!['logps/chosen']).toBeLessThan(0);
  });

  test('held-out pairs are decided rightly after training, and not when the votes are coin tosses', async () => {
    const held = async (flipped: number) => {
      const args = { max_steps: 120, learning_rate: 4e-3, beta: 0.5 };
      const { run, engine } = await makeRun({ id: 'dpo', args, train: pairs(512, 1, flipped) });
      const evals = (await trainTo(run, 120)).filter((point) => 'eval_loss' in point);
      engine.dispose();
      return evals.at(-1)!;
    };
    const [real, control] = [await held(0), await held(0.5)];
    expect(real['eval_rewards/accuracies']).toBeGreaterThan(0.9);
    expect(real['eval_rewards/margins']).toBeGreaterThan(0.5);
    expect(control['eval_rewards/accuracies']).toBeLessThan(0.75);
  }, 60_000);

  test('several losses are added with their weights; sft is a mean over tokens of its own', async () => {
    const lossOf = async (args: { [key: string]: Json }) => {
      const { run } = await makeRun({ id: 'dpo', args: { max_steps: 1, ...args } });
      return trained(await run.trainStep()).loss!;
    };
    const parts = [await lossOf({ loss_type: ['hinge'] }), await lossOf({ loss_type: ['sft'] })] as const;
    const both = await lossOf({ loss_type: ['hinge', 'sft'], loss_weights: [0.5, 2] });
    expect(both).toBeCloseTo(0.5 * parts[0] + 2 * parts[1], 4);
    expect(parts[1]).toBeGreaterThan(1.5); // ln 14 = 2.64: knows nothing
  });

  test('two micro-batches of 4 pairs train as one of 8', async () => {
    const weights = async (args: { [key: string]: Json }) => {
      const { run, engine } = await makeRun({
        id: 'dpo',
        args: { max_steps: 3, loss_type: ['sigmoid', 'sft'], ...args },
        train: pairs(8, 1),
      });
      await trainTo(run, 3);
      return engine.exportTrained();
    };
    const one = await weights({ per_device_train_batch_size: 8 });
    const two = await weights({ per_device_train_batch_size: 4, gradient_accumulation_steps: 2 });
    for (const [name, { data }] of Object.entries(one))
      expect(Math.max(...data.map((x, i) => Math.abs(x - two[name]!.data[i]!)))).toBeLessThan(2e-4);
  });

  test('chosen log p may fall while the margin grows; an added sft holds it up', async () => {
    const change = async (args: { [key: string]: Json }) => {
      const { run, engine } = await makeRun({
        id: 'dpo',
        args: { max_steps: 80, learning_rate: 3e-3, ...args },
        train: pairs(256, 1),
      });
      const evals = (await trainTo(run, 80)).filter((point) => 'eval_loss' in point);
      engine.dispose();
      return evals.at(-1)!['eval_logps/chosen']! - evals[0]!['eval_logps/chosen']!;
    };
    expect(await change({ loss_type: ['sigmoid', 'sft'] })).toBeGreaterThan(await change({}));
  }, 60_000);
});

test('ORPO and SimPO decide held-out pairs rightly without a reference', async () => {
  for (const [id, args] of [
    ['orpo', { learning_rate: 5e-3, beta: 1 }],
    ['cpo', { loss_type: 'simpo', cpo_alpha: 0, beta: 2, learning_rate: 3e-3 }],
  ] as const) {
    const { run, engine } = await makeRun({ id, args: { max_steps: 150, ...args }, train: pairs(512, 1) });
    const evals = (await trainTo(run, 150)).filter((point) => 'eval_loss' in point);
    engine.dispose();
    expect(evals.at(-1)!['eval_rewards/accuracies']).toBeGreaterThan(0.85);
  }
}, 60_000);

test('ORPO’s NLL reads the prompt as well, its odds the answers alone', async () => {
  const { run } = await makeRun({ id: 'orpo', args: { max_steps: 1 } });
  const point = trained(await run.trainStep());
  expect(point.loss).toBeCloseTo(point.nll_loss! - 0.1 * point.log_odds_ratio!, 4);
  const { run: sft } = await makeRun({ id: 'dpo', args: { max_steps: 1, loss_type: ['sft'] } });
  expect(point.nll_loss).not.toBeCloseTo(trained(await sft.trainStep()).loss!, 2);
});

test('KTO starts at 0.5 with z = 0, and parts good answers from bad ones that are held out', async () => {
  const args = { max_steps: 150, learning_rate: 4e-3, beta: 0.5, per_device_train_batch_size: 16 };
  const { run, engine } = await makeRun({ id: 'kto', args, train: labelled(pairs(512, 1)) });
  const points = await trainTo(run, 150);
  engine.dispose();
  const first = points.find((point) => 'loss' in point)!;
  expect(first.loss).toBeCloseTo(0.5, 5);
  expect(first.kl).toBeCloseTo(0, 5);
  const last = points.filter((point) => 'eval_loss' in point).at(-1)!;
  expect(last['eval_rewards/margins']).toBeGreaterThan(0.5);
  expect(last.eval_loss).toBeLessThan(0.4);
}, 60_000);

test('a mismatched row has its own prompt and the answer of the row before it in the batch', async () => {
  const rows = labelled(pairs(2, 5));
  const trainer = await loadTrainer('kto');
  const args = { loss_type: 'kto', per_device_train_batch_size: 4, max_length: 32 };
  const arranged = trainer.arrange!(rows, args);
  expect(arranged).toHaveLength(8);
  const [of, before] = [rows[2]!, rows[1]!];
  expect([...arranged[5]!.ids]).toEqual([
    ...of.ids.slice(0, of.mask.indexOf(1)),
    ...before.ids.slice(before.mask.indexOf(1)),
  ]);
  expect(trainer.arrange!(rows, { ...args, loss_type: 'apo_zero_unpaired' })).toHaveLength(4);
});

test('a reward model starts at ln 2 and ranks held-out pairs; centring holds the rewards about 0', async () => {
  const held = async (args: { [key: string]: Json }) => {
    const engine = scoreEngine();
    const { run } = await makeRun({ id: 'reward', args: { max_steps: 100, learning_rate: 3e-3, ...args }, train: pairs(512, 1, 0, small), held: pairs(48, 777, 0, small), engine }); // biome-ignore format: one call
    const points = await trainTo(run, 100);
    engine.dispose();
    expect(points.find((point) => 'loss' in point)!.loss).toBeCloseTo(Math.LN2, 5);
    return points.filter((point) => 'eval_loss' in point).at(-1)!;
  };
  const [free, centred] = [await held({}), await held({ center_rewards_coefficient: 0.1 })];
  expect(free.eval_accuracy).toBeGreaterThan(0.9);
  expect(centred.eval_accuracy).toBeGreaterThan(0.85);
  expect(Math.abs(centred.eval_mean_reward!)).toBeLessThan(0.5);
}, 60_000);

test('settings that do not fit together are refused by name', () => {
  const refused = (id: OfflineId, args: { [key: string]: Json }) => () => {
    const { check, fields }: TrainerConfig = trainers[id];
    check?.(parseConfig(fields, args));
  };
  expect(refused('dpo', { loss_type: ['sigmoid', 'sft'], loss_weights: [1] })).toThrow('loss_weights');
  expect(refused('dpo', { loss_type: ['exo_pair'] })).toThrow('label_smoothing');
  expect(refused('dpo', { loss_type: [] })).toThrow('one or more');
  expect(refused('kto', { per_device_train_batch_size: 1 })).toThrow('at least 2');
  expect(refused('kto', { per_device_train_batch_size: 1, loss_type: 'apo_zero_unpaired' })).not.toThrow();
});

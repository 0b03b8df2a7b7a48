// The loop on the real engine (WASM): order, denominators, resume, divergence, and that it learns.
import { beforeAll, expect, test } from 'vitest';
import type { TokenRow } from '../data/collate';
import { initNodeBackend } from '../gpu/node';
import { defaults } from '../lib/fields';
import { Rng } from '../lib/rng';
import type { TfEngine } from '../nn/engine';
import type { MetricPoint } from '../protocol/run';
import { type LoopArgs, type LoopCheckpoint, TrainingRun } from './loop';
import { fields } from './sft/config';
import { trainer } from './sft/trainer';
import { TOY_ARGS, toyEngine, trainTo } from './testModel';

beforeAll(async () => {
  await initNodeBackend();
});

const V = 24;
const makeEngine = (seed = 1) => toyEngine(V, seed);

/** A prompt of random letters, a separator, and the letters again: the completion can be known from the prompt. */
function copyRows(count: number, seed: number): TokenRow[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => {
    const letters = Array.from({ length: rng.int(2, 4) }, () => rng.int(2, V - 1));
    const ids = [...letters, 1, ...letters, 0];
    return {
      ids: Int32Array.from(ids),
      mask: Uint8Array.from(ids, (_, t) => (t > letters.length ? 1 : 0)),
    };
  });
}
/** The control: completions of other prompts, so that nothing can be learned from the prompt. */
function shuffledLabels(rows: TokenRow[]): TokenRow[] {
  const rng = new Rng(99);
  return rows.map(({ ids, mask }) => ({
    mask,
    ids: ids.map((id, t) => (mask[t] && id !== 0 ? rng.int(2, V - 1) : id)),
  }));
}

interface Given {
  args?: Partial<LoopArgs>;
  train?: TokenRow[];
  engine?: TfEngine;
  seed?: number;
  sendAhead?: boolean;
}
function makeRun(
  { args = {}, train = copyRows(64, 1), engine = makeEngine(), seed = 1, sendAhead = false }: Given = {},
  resumeFrom?: LoopCheckpoint,
) {
  const all = {
    ...defaults(fields),
    ...TOY_ARGS,
    learning_rate: 5e-3,
    ...args,
  };
  let time = 0;
  const run = new TrainingRun(
    {
      engine,
      trainer,
      args: all,
      train: train.map((row) => [row]),
      eval: copyRows(32, 777),
      seed,
      now: () => (time += 5),
      sendAhead,
    },
    resumeFrom?.state,
  );
  return { run, engine };
}

test('learns: held-out loss falls by half on a copying task, and does not on shuffled labels', async () => {
  const held = async (train: TokenRow[]) => {
    const { run, engine } = makeRun({ args: { max_steps: 220, per_device_train_batch_size: 16 }, train });
    const evals = (await trainTo(run, 220)).filter((p) => 'eval_loss' in p).map((p) => p.eval_loss as number);
    engine.dispose();
    return { before: evals[0]!, after: evals.at(-1)! };
  };
  const rows = copyRows(512, 1);
  const real = await held(rows);
  const control = await held(shuffledLabels(rows));
  expect(real.before).toBeGreaterThan(2.5); // ln 24 = 3.18: knows nothing
  expect(real.after).toBeLessThan(0.5 * real.before);
  // Who knows where the end stands but no letter pays ln 22 for 3 of 4 tokens (rows have 2–4 letters): no way below it.
  const blind = 0.75 * Math.log(V - 2);
  expect(control.after).toBeGreaterThan(0.95 * blind);
  expect(real.after).toBeLessThan(0.8 * blind);
}, 60_000);

test('points carry the names of TRL; the first and the last step are evaluated', async () => {
  const { run } = makeRun({ args: { max_steps: 3 } });
  const points = await trainTo(run, 3);
  expect(points.map((p) => [p.step, 'loss' in p ? 'train' : 'eval'])).toEqual([
    [0, 'eval'],
    [1, 'train'],
    [2, 'train'],
    [3, 'train'],
    [3, 'eval'],
  ]);
  for (const name of [
    'loss',
    'mean_token_accuracy',
    'entropy',
    'grad_norm',
    'learning_rate',
    'num_tokens',
    'epoch',
    'tokens_per_second',
  ])
    expect(points[1]![name], name).toEqual(expect.any(Number));
  expect(Object.keys(points[0]!)).toEqual(
    expect.arrayContaining(['eval_loss', 'eval_mean_token_accuracy', 'eval_entropy']),
  );
});

test('two accumulated micro-batches of unequal lengths equal one batch of the same rows', async () => {
  const train = [...copyRows(12, 4)];
  const one = makeRun({ train, args: { max_steps: 2, per_device_train_batch_size: 12 } });
  const two = makeRun({
    train,
    args: { max_steps: 2, per_device_train_batch_size: 6, gradient_accumulation_steps: 2 },
  });
  const [a, b] = [await trainTo(one.run, 2), await trainTo(two.run, 2)];
  const steps = (points: MetricPoint[]) => points.filter((p) => 'loss' in p);
  steps(a).forEach((point, i) => {
    expect(steps(b)[i]!.loss).toBeCloseTo(point.loss as number, 5);
    expect(steps(b)[i]!.grad_norm).toBeCloseTo(point.grad_norm as number, 4);
  });
});

test('a run that resumes from step 4 has the bytes of one that was never interrupted', async () => {
  const args = { max_steps: 9, logging_steps: 3, gradient_accumulation_steps: 2 };
  const whole = makeRun({ args });
  const wholePoints = await trainTo(whole.run, 9);
  const first = makeRun({ args });
  const firstPoints = await trainTo(first.run, 4);
  const checkpoint = JSON.parse(JSON.stringify((await first.run.checkpoint()).state));
  const { weights, optimizer } = await first.run.checkpoint();
  const engine = makeEngine(2);
  await engine.importWeights(weights);
  await engine.importOptimizer(optimizer);
  const second = makeRun({ args, engine }, { step: 4, weights, optimizer, state: checkpoint });
  const points = [...firstPoints, ...(await trainTo(second.run, 9))];
  expect(points).toEqual(wholePoints);
  expect(await engine.exportWeights()).toEqual(await whole.engine.exportWeights());
});

test('the same seed gives the same curve, another seed another', async () => {
  const curve = async (seed: number) =>
    (await trainTo(makeRun({ seed, args: { max_steps: 3 } }).run, 3)).map((p) => p.loss);
  expect(await curve(5)).toEqual(await curve(5));
  expect(await curve(5)).not.toEqual(await curve(6));
});

test('divergence stops the run, names step and remedy, and leaves weights and counters as they were', async () => {
  const engine = makeEngine();
  const weights = await engine.exportWeights();
  weights['model.norm.weight']!.data[0] = Number.NaN;
  await engine.importWeights(weights);
  const { run } = makeRun({ engine, args: { max_steps: 5 } });
  const before = run.state();
  await expect(run.trainStep()).rejects.toThrow(/loss is NaN at step 1.*Lower learning_rate \(now 0\.005\)/);
  expect(run.step).toBe(0);
  expect({ ...run.state(), hasStarted: false }).toEqual(before);
  expect(await engine.exportWeights()).toEqual(weights);
});

test('a gradient too large for f32 is no update', async () => {
  const engine = makeEngine();
  const weights = await engine.exportWeights();
  for (const name of Object.keys(weights)) if (name.includes('mlp')) weights[name]!.data.fill(1e18);
  await engine.importWeights(weights);
  const { run } = makeRun({ engine, args: { max_steps: 5 } });
  await expect(run.trainStep()).rejects.toThrow(/diverged/);
  expect(await engine.exportWeights()).toEqual(weights);
});

test('epochs become steps when max_steps is −1; no rows and no steps are refused', () => {
  expect(makeRun({ args: { max_steps: -1, num_train_epochs: 1.5 } }).run.maxSteps).toBe(12); // 64 rows / 8 = 8 an epoch
  expect(() => makeRun({ train: [] })).toThrow(/no row to train on/);
  expect(() => makeRun({ args: { max_steps: 0 } })).toThrow(/max_steps must be above 0/);
});

test('measurements that a pause cuts short are made up for, before the next step or at the end, also after a restart', async () => {
  const settings = { args: { max_steps: 2, eval_steps: 1 } };
  const whole = await trainTo(makeRun(settings).run, 2);
  const { run } = makeRun(settings);
  expect((await run.trainStep(() => true)).points).toEqual([]); // the untrained model was to be measured first
  expect(run.step).toBe(0);
  const first = await run.trainStep(() => run.step === 1); // interrupted in the evaluation after the step
  expect(first.points.map((p) => [p.step, 'loss' in p])).toEqual([[0, false], [1, true]]); // biome-ignore format: pairs
  const checkpoint = await run.checkpoint();
  const engine = makeEngine();
  await engine.importWeights(checkpoint.weights);
  await engine.importOptimizer(checkpoint.optimizer);
  const { run: resumed } = makeRun({ ...settings, engine }, checkpoint);
  const rest = [...(await resumed.trainStep()).points, ...(await resumed.finish()).points];
  const named = (points: MetricPoint[]) => points.map(({ tokens_per_second: _, ...p }) => p);
  expect(named([...first.points, ...rest])).toEqual(named(whole));
});

const withoutTimes = (points: MetricPoint[]) => points.map(({ tokens_per_second: _, ...point }) => point);

test('sent ahead, a step is under way before the last one is read, and points and bytes are the same', async () => {
  const settings = { args: { max_steps: 9, eval_steps: 4, gradient_accumulation_steps: 2 } };
  const plain = makeRun(settings);
  const points = await trainTo(plain.run, 9);
  const engine = makeEngine();
  const log: string[] = [];
  for (const name of ['step', 'applyGradients'] as const) {
    const original = engine[name].bind(engine) as (...args: unknown[]) => Promise<never>;
    engine[name] = (...args: unknown[]) => {
      log.push(name);
      return original(...args);
    };
  }
  const read = engine.read.bind(engine);
  engine.read = async (scalars) => {
    await new Promise((done) => setTimeout(done, 1)); // the way back from a device
    if ('gradNorm' in scalars) log.push('read');
    return read(scalars);
  };
  const { run } = makeRun({ ...settings, engine, sendAhead: true });
  const first = await trainTo(run, 2);
  // Two micro-batches of the second step went out before the first step's numbers came.
  expect(log.slice(0, 6)).toEqual(['step', 'step', 'applyGradients', 'step', 'step', 'read']);
  // A checkpoint with a step under way is that of the step before it.
  const { state, weights, optimizer } = await run.checkpoint();
  const resumedEngine = makeEngine(2);
  await resumedEngine.importWeights(weights);
  await resumedEngine.importOptimizer(optimizer);
  const { run: resumed } = makeRun({ ...settings, engine: resumedEngine, sendAhead: true }, { step: 2, weights, optimizer, state }); // biome-ignore format: one run
  const resumedPoints = await trainTo(resumed, 9);
  const rest = await trainTo(run, 9);
  expect(withoutTimes([...first, ...rest])).toEqual(withoutTimes(points));
  expect(withoutTimes(resumedPoints)).toEqual(withoutTimes(rest));
  const expected = await plain.engine.exportWeights();
  expect(await engine.exportWeights()).toEqual(expected);
  expect(await resumedEngine.exportWeights()).toEqual(expected);
});

test('what was sent ahead of a diverged step is dropped, and what fails ahead is told at its own step', async () => {
  const engine = makeEngine();
  const read = engine.read.bind(engine);
  let reads = 0;
  engine.read = async (scalars) => {
    const out = await read(scalars);
    return 'gradNorm' in scalars && ++reads === 3 ? { ...out, gradNorm: Number.NaN } : out;
  };
  const { run } = makeRun({ engine, sendAhead: true });
  await trainTo(run, 2);
  const before = run.state();
  await expect(run.trainStep()).rejects.toThrow(/grad_norm is NaN at step 3/);
  expect(run.state()).toEqual(before);
  expect(await engine.readGradients()).toEqual({});

  const failing = makeEngine();
  const step = failing.step.bind(failing);
  let steps = 0;
  failing.step = (...args) => (++steps > 3 ? Promise.reject(new Error('no room')) : step(...args));
  const { run: second } = makeRun({ engine: failing, sendAhead: true });
  await trainTo(second, 3); // the fourth was tried ahead and failed
  expect(steps).toBe(4);
  const { sampler } = second.state();
  await expect(second.trainStep()).rejects.toThrow('no room');
  expect(second.step).toBe(3);
  expect(sampler).toEqual(samplerAfter(3));
});
/** Where the sampler stands after so many steps. */
function samplerAfter(steps: number) {
  return { ...makeRun().run.state().sampler, batch: steps };
}

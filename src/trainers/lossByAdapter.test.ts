// A run whose rows train several adapters, against each adapter's own run: same rows, same settings, nobody else in the batch.
import { beforeAll, expect, test } from 'vitest';
import type { TokenRow } from '../data/collate';
import { collate } from '../data/collate';
import { initNodeBackend } from '../gpu/node';
import { relativeError } from '../gpu/testDevice';
import { defaults } from '../lib/fields';
import { tensorsOf } from '../nn/adapterSet';
import { TfEngine } from '../nn/engine';
import { initWeights } from '../nn/init';
import { PRESETS } from '../nn/presets';
import type { LoraAdapter } from '../nn/seam';
import type { MetricPoint } from '../protocol/run';
import { type LoopArgs, type LoopCheckpoint, TrainingRun } from './loop';
import { lossByAdapter, rowsByAdapter } from './lossByAdapter';
import { fields } from './sft/config';
import { loss, trainer } from './sft/trainer';

beforeAll(async () => {
  await initNodeBackend();
});

const SHAPE = { ...PRESETS.nano, vocab_size: 24, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, head_dim: 8, intermediate_size: 24, max_position_embeddings: 32, initializer_range: 0.3 }; // biome-ignore format: one model
const config = { r: 2, lora_alpha: 8, target_modules: 'all-linear' } as const;
const ADAPTERS: LoraAdapter[] = ['bank_A', 'retail_B', 'saas_C'].map((name, i) => ({ name, config, seed: i }));

/** A row of 4 to 8 tokens, of which some are trained. */
const rowOf = (i: number, route: number): TokenRow => {
  const length = 4 + ((i * 3) % 5);
  return {
    ids: Int32Array.from({ length }, (_, t) => (i * 7 + t * 3 + 1) % 24),
    mask: Uint8Array.from({ length }, (_, t) => (t > i % 3 ? 1 : 0)),
    route,
  };
};
// Micro-batches of three rows, two a step; saas_C has none in the second step, and one row of the third.
const ROUTES = [
  [0, 2, 1],
  [2, 0, 0],
  [1, 0, 1],
  [0, 1, 1],
  [1, 0, 2],
  [1, 0, 0],
];
const ROWS = ROUTES.map((micro, i) => micro.map((route, j) => rowOf(3 * i + j, route)));
const args: LoopArgs & { loss_type: string } = {
  ...defaults(fields),
  per_device_train_batch_size: 3,
  gradient_accumulation_steps: 2,
  max_steps: 3,
  max_length: 8,
  eval_steps: 0,
  generate_steps: 0,
  logging_steps: 1,
  learning_rate: 1e-2,
  lr_scheduler_type: 'constant',
  weight_decay: 0.1,
  max_grad_norm: 0.5,
} as never;

/** Trains on these micro-batches in their order. */
async function train(
  adapters: LoraAdapter[],
  micros: TokenRow[][],
  { steps, held = [] }: { steps: number[]; held?: TokenRow[] },
) {
  // biome-ignore format: one line
  const engine = new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', adapters);
  // As after some steps: with B at 0 the first norms would say little.
  const tensors = await engine.exportTrained();
  for (const [name, { data }] of Object.entries(tensors))
    if (name.endsWith('lora_B.weight')) data.forEach((_, i) => {
        data[i] = 0.2 * Math.sin(i + name.length);
      }); // biome-ignore format: one loop
  await engine.importTrained(tensors);
  const points: MetricPoint[] = [];
  let next = 0;
  for (const count of steps) {
    const own = { ...args, gradient_accumulation_steps: count, max_steps: 99 };
    const rows = micros.flat();
    const run = new TrainingRun({ engine, trainer, args: own, train: rows.map((row) => [row]), eval: held, seed: 1, now: () => 0 }); // biome-ignore format: one run
    const inOrder = {
      batchesPerEpoch: Number.POSITIVE_INFINITY,
      state: () => ({ epoch: 0, batch: next }),
      nextBatch: () => micros[next++]!.map((row) => rows.indexOf(row)),
    };
    Object.assign(run, { sampler: inOrder });
    points.push(...(await run.trainStep()).points);
  }
  const found = await engine.exportTrained();
  engine.dispose();
  return { points, found };
}

test('each adapter and its curves are those of its own run, whoever shares its batches', async () => {
  const held = [0, 1, 2, 0].map((route, i) => rowOf(40 + i, route));
  const shared = await train(ADAPTERS, ROWS, { steps: [2, 2, 2], held });
  const points = shared.points.filter((point) => 'loss' in point);
  for (const [route, adapter] of ADAPTERS.entries()) {
    const steps = [0, 1, 2].map((step) =>
      ROWS.slice(2 * step, 2 * step + 2)
        .map((micro) => micro.filter((row) => row.route === route).map((row) => ({ ...row, route: 0 })))
        .filter((micro) => micro.length > 0),
    );
    const own = await train([adapter], steps.flat(), {
      steps: steps.map((micros) => micros.length).filter((n) => n > 0),
      held: held.filter((row) => row.route === route).map((row) => ({ ...row, route: 0 })),
    });
    for (const [name, { data }] of Object.entries(tensorsOf(adapter.name, own.found)))
      expect(relativeError(tensorsOf(adapter.name, shared.found)[name]!.data, data), name).toBeLessThan(5e-5);
    const alone = own.points.filter((point) => 'loss' in point);
    const logged = points.filter((point) => `loss/${adapter.name}` in point);
    expect(logged).toHaveLength(route === 2 ? 2 : 3);
    alone.forEach((point, i) => {
      expect((logged[i]![`loss/${adapter.name}`] as number) / (point.loss as number)).toBeCloseTo(1, 5);
      expect((logged[i]![`grad_norm/${adapter.name}`] as number) / (point.grad_norm as number)).toBeCloseTo(1, 4);
      expect(point.grad_norm).toBeGreaterThan(args.max_grad_norm); // clipped
    });
    const [before] = shared.points;
    expect(before![`eval_loss/${adapter.name}`]).toBeCloseTo(own.points[0]!.eval_loss as number, 5);
  }
  // The run's loss is the mean over all tokens of the step, its norm that of the whole gradient.
  const tokens = (step: number, route: number) =>
    ROWS.slice(2 * step, 2 * step + 2)
      .flat()
      .filter((row) => row.route === route)
      .reduce((sum, { mask }) => sum + mask.slice(1).reduce((a, b) => a + b, 0), 0);
  points.forEach((point, step) => {
    let [sum, count, square] = [0, 0, 0];
    ADAPTERS.forEach(({ name }, route) => {
      sum += ((point[`loss/${name}`] as number) ?? 0) * tokens(step, route);
      count += tokens(step, route);
      square += ((point[`grad_norm/${name}`] as number) ?? 0) ** 2;
    });
    expect((point.loss as number) / (sum / count)).toBeCloseTo(1, 5);
    expect((point.grad_norm as number) / Math.sqrt(square)).toBeCloseTo(1, 5);
  });
}, 60_000);

test('a run that resumes has the points and bytes of one that was never interrupted, sent ahead or not', async () => {
  const rows = ROWS.flat();
  const make = (resumeFrom?: LoopCheckpoint, sendAhead = false) => {
    const engine = new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', ADAPTERS);
    const own = { ...args, per_device_train_batch_size: 2, max_steps: 6, logging_steps: 3 };
    const options = { engine, trainer, args: own, train: rows.map((row) => [row]), eval: [], seed: 2, now: () => 0, sendAhead }; // biome-ignore format: one run
    return { engine, run: new TrainingRun(options, resumeFrom?.state) };
  };
  const trainTo = async ({ run }: ReturnType<typeof make>, step: number) => {
    const points: MetricPoint[] = [];
    while (run.step < step) points.push(...(await run.trainStep()).points);
    return points;
  };
  const whole = make();
  const points = await trainTo(whole, 6);
  expect(Object.keys(points[1]!)).toContain('loss/saas_C');
  const wanted = await whole.run.checkpoint();
  expect(Object.values(wanted.optimizer.steps!).some((n) => n < 6)).toBe(true); // somebody was absent
  const ahead = make(undefined, true);
  expect(await trainTo(ahead, 6)).toEqual(points);
  expect(await ahead.run.checkpoint()).toEqual(wanted);
  const first = make();
  await trainTo(first, 2);
  const saved = await first.run.checkpoint();
  const second = make({ ...saved, state: JSON.parse(JSON.stringify(saved.state)) });
  await second.engine.importTrained(saved.weights);
  await second.engine.importOptimizer(saved.optimizer);
  expect(await trainTo(second, 6)).toEqual(points);
  expect(await second.run.checkpoint()).toEqual(wanted);
  for (const { engine } of [whole, ahead, first, second]) engine.dispose();
});

test('a run of one adapter logs what it logged; rows of a route have to stand together', async () => {
  const rows = ROWS.map((micro) => micro.map((row) => ({ ...row, route: 0 })));
  const { points } = await train(ADAPTERS.slice(0, 1), rows, { steps: [2] });
  expect(Object.keys(points.at(-1)!).filter((name) => name.includes('/'))).toEqual([]);
  const batch = collate([rowOf(1, 0), rowOf(2, 1), rowOf(3, 0)]);
  expect(() => rowsByAdapter(batch, ['a', 'b'])).toThrow('must stand together');
});

test('parts of a fused loss are fused, each with its count; of another loss they are not', () => {
  const batch = collate([rowOf(1, 0), rowOf(2, 0), rowOf(4, 1)]);
  const parts = rowsByAdapter(batch, ['a', 'b']);
  const fused = lossByAdapter(parts, (rows) => loss(rows, { loss_type: 'dft' })).fused!;
  const counts = parts.map((part) => trainer.counts(part.batch, {}).loss!);
  expect(fused).toMatchObject({ kind: 'cross_entropy', dft: true, count: counts[0]! + counts[1]! });
  expect(fused.parts).toEqual([
    { name: 'a', route: 0, count: counts[0] },
    { name: 'b', route: 1, count: counts[1] },
  ]);
  expect(counts[0]).not.toBe(counts[1]);
  expect(lossByAdapter(parts, () => () => ({ sums: {}, counts: {}, metrics: {} })).fused).toBeUndefined();
});

test('rows without a route train the adapter that served when the run began, whichever is chosen since', async () => {
  const engine = new TfEngine(SHAPE, initWeights(SHAPE, 1), 'lm', ADAPTERS.slice(0, 2));
  const rows = Array.from({ length: 6 }, (_, i) => rowOf(i, i % 2)).map(({ route, ...row }, i) => (i % 2 ? row : { ...row, route })); // biome-ignore format: rows of 0, and rows of nobody
  engine.activeRoute = 1;
  const own = { ...args, gradient_accumulation_steps: 1, max_steps: 2 };
  const run = new TrainingRun({ engine, trainer, args: own, train: rows.map((row) => [row]), eval: [], seed: 1, now: () => 0 }); // biome-ignore format: one run
  await run.trainStep();
  engine.activeRoute = 0; // as somebody does who asks the live engine
  const [point] = (await run.trainStep()).points;
  engine.dispose();
  expect(Object.keys(point!).filter((key) => key.startsWith('loss/'))).toEqual(['loss/bank_A', 'loss/retail_B']);
});

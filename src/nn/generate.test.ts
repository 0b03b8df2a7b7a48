import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../gpu/node';
import type { SamplingOptions } from '../protocol/model';
import { TfEngine } from './engine';
import { type GeneratedRow, generate } from './generate';
import { initWeights } from './init';
import { inspect } from './inspect';
import { PRESETS } from './presets';
import { allowedSet, candidates, sampleToken } from './sampling';

const config = { ...PRESETS.nano, vocab_size: 61, max_position_embeddings: 96, initializer_range: 0.25 };
const greedy: SamplingOptions = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 12, seed: 1 };
const prompts = [[5], [7, 9, 11], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]];
let engine: TfEngine;
beforeAll(async () => {
  await initNodeBackend();
  engine = new TfEngine(config, initWeights(config, 7));
});

test('cached logps equal those of one full forward pass, for ragged prompts', async () => {
  const rows = await generate(engine, { prompts, sampling: greedy, stopIds: [] });
  for (const [i, { ids, logps }] of rows.entries()) {
    const prompt = prompts[i]!;
    const full = await inspect(engine, Int32Array.from([...prompt, ...ids]), 1);
    ids.forEach((id, t) => {
      expect(logps[t]!).toBeCloseTo(full.logps[prompt.length + t]!, 5);
      expect(full.ranks[prompt.length + t], 'greedy takes the first choice').toBe(0);
      expect(full.topkIds[prompt.length + t]).toBe(id);
    });
  }
});

test('a row does not depend on its batch, nor on rows that ended before it', async () => {
  const sampling = { ...greedy, temperature: 1, seed: 3 };
  const together = await generate(engine, { prompts, sampling, stopIds: [] });
  const small = await generate(engine, { prompts, sampling, stopIds: [], maxBatch: 1 });
  expect(small.map((r) => r.ids)).toEqual(together.map((r) => r.ids));
  const stop = together[0]!.ids[1]!; // ends row 0 at its second token at the latest
  const stopped = await generate(engine, { prompts, sampling, stopIds: [stop] });
  stopped.forEach((row, i) => {
    const cut = together[i]!.ids.indexOf(stop);
    const expected: Pick<GeneratedRow, 'ids' | 'terminated'> = {
      ids: cut < 0 ? together[i]!.ids : together[i]!.ids.slice(0, cut + 1),
      terminated: cut >= 0,
    };
    expect({ ids: row.ids, terminated: row.terminated }).toEqual(expected);
  });
});

test('a row gets what its own prompt leaves of the context, whatever its neighbours are', async () => {
  const sampling = { ...greedy, max_new_tokens: 90 };
  const mixed = [[5], Array.from({ length: 90 }, (_, i) => i % 61), [7, 9, 11]];
  const together = await generate(engine, { prompts: mixed, sampling, stopIds: [] });
  expect(together.map(({ ids }) => ids.length)).toEqual([90, 6, 90]);
  const alone = await generate(engine, { prompts: [mixed[0]!], sampling, stopIds: [] });
  expect(alone[0]!.ids).toEqual(together[0]!.ids);
  expect(together.map(({ terminated }) => terminated)).toEqual([false, false, false]);
});

test('the same seed gives the same text, another seed another', async () => {
  const run = (seed: number) =>
    generate(engine, { prompts, sampling: { ...greedy, temperature: 1, seed }, stopIds: [] });
  const ids = (rows: GeneratedRow[]) => rows.map((r) => r.ids);
  expect(ids(await run(5))).toEqual(ids(await run(5)));
  expect(ids(await run(5))).not.toEqual(ids(await run(6)));
});

test('stopping, refusals and tensors', async () => {
  const before = tf.memory().numTensors;
  const controller = new AbortController();
  await expect(
    generate(engine, {
      prompts,
      sampling: greedy,
      stopIds: [],
      signal: controller.signal,
      onToken: () => controller.abort(),
    }),
  ).rejects.toThrow(/stopped/);
  await expect(generate(engine, { prompts: [[]], sampling: greedy, stopIds: [] })).rejects.toThrow(/empty/);
  await expect(generate(engine, { prompts: [Array(96).fill(1)], sampling: greedy, stopIds: [] })).rejects.toThrow(
    /context is 96/,
  );
  expect(tf.memory().numTensors).toBe(before);
});

test('draws follow the softmax: χ² over 20,000 draws', () => {
  const logits = Float32Array.from([1, 0, -1, 2, 0.5]);
  const options = { ...greedy, temperature: 0.8 };
  const expected = candidates(logits, options);
  const counts = new Array<number>(5).fill(0);
  const n = 20_000;
  for (let i = 0; i < n; i++) counts[sampleToken(logits, options, i % 100, Math.floor(i / 100)).id]!++;
  const chi2 = expected.ids.reduce(
    (sum, id, i) => sum + (counts[id]! - n * expected.probabilities[i]!) ** 2 / (n * expected.probabilities[i]!),
    0,
  );
  expect(chi2).toBeLessThan(18.5); // 4 degrees of freedom, p = 0.001; the seed is fixed
});

test('top_k and top_p keep the sets that their definitions name', () => {
  const logits = Float32Array.from([Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)]);
  const keep = (o: Partial<SamplingOptions>) => candidates(logits, { temperature: 1, top_k: 0, top_p: 1, ...o }).ids;
  expect(keep({ top_k: 2 })).toEqual([0, 1]);
  expect(keep({ top_p: 0.5 })).toEqual([0]);
  expect(keep({ top_p: 0.51 })).toEqual([0, 1]);
  expect(keep({ top_p: 0.96 })).toEqual([0, 1, 2, 3]);
  expect(sampleToken(Float32Array.from([1, 3, 3]), greedy, 0, 0).id, 'the lowest id wins ties').toBe(1);
});

test('min_p keeps what has a share of the likeliest; a mask goes before everything; what is told of a choice', () => {
  const logits = Float32Array.from([2, 1, 0, -1, 3]);
  const p = (i: number) => Math.exp(logits[i]!) / logits.reduce((sum, x) => sum + Math.exp(x), 0);
  // exp(1 − 3) = 0.135, exp(2 − 3) = 0.368
  expect(candidates(logits, { temperature: 1, top_k: 0, top_p: 1, min_p: 0.2 }).ids).toEqual([4, 0]);
  expect(candidates(logits, { temperature: 1, top_k: 0, top_p: 1, min_p: 0.1 }).ids).toEqual([4, 0, 1]);
  const allowed = allowedSet(5, [1, 3]);
  expect(candidates(logits, { temperature: 1, top_k: 1, top_p: 1 }, allowed).ids).toEqual([1]);
  const entropy = -[0, 1, 2, 3, 4].reduce((sum, i) => sum + p(i) * Math.log(p(i)), 0);
  const greedyChoice = sampleToken(logits, greedy, 0, 0, allowed);
  expect(greedyChoice).toMatchObject({ id: 1, samplingLogp: 0 });
  expect(greedyChoice.logp).toBeCloseTo(Math.log(p(1)), 6);
  expect(greedyChoice.entropy).toBeCloseTo(entropy, 5);
  const drawn = sampleToken(logits, { ...greedy, temperature: 1 }, 0, 0, allowed);
  expect([1, 3]).toContain(drawn.id);
  expect(drawn.samplingLogp).toBeCloseTo(Math.log(p(drawn.id) / (p(1) + p(3))), 5);
});

test('generation under a mask draws nothing else, and refuses an empty one', async () => {
  const allowed = (index: number, ids: readonly number[]) => allowedSet(61, [index, 40 + ids.length]);
  const rows = await generate(engine, { prompts, sampling: { ...greedy, temperature: 1 }, stopIds: [], allowed });
  rows.forEach(({ ids }, r) => {
    expect(ids).toHaveLength(12);
    ids.forEach((id, t) => {
      expect([r, 40 + t]).toContain(id);
    });
  });
  const none = generate(engine, { prompts, sampling: greedy, stopIds: [], allowed: () => new Uint32Array(2) });
  await expect(none).rejects.toThrow(/no token at all/);
});

test('ties with the last id kept by top_k or top_p are kept', () => {
  const tied = Float32Array.from([2, 1, 1, 1, 0]);
  const of = (top_k: number, top_p: number) => candidates(tied, { temperature: 1, top_k, top_p }).ids;
  expect(of(2, 1)).toEqual([0, 1, 2, 3]);
  expect(of(1, 1)).toEqual([0]);
  expect(of(4, 1)).toEqual([0, 1, 2, 3]);
  // e² + 3e + 1 = 16.5: the first has 0.45 of the mass, each of the next three 0.16.
  expect(of(0, 0.44)).toEqual([0]);
  expect(of(0, 0.5)).toEqual([0, 1, 2, 3]);
  expect(of(0, 0.96)).toEqual([0, 1, 2, 3, 4]);
});

test('weights that are no numbers, and a mask that allows only ids that do not exist, are told', async () => {
  const broken = initWeights(config, 7);
  broken['model.norm.weight']!.data.fill(Number.NaN);
  const other = new TfEngine(config, broken);
  for (const temperature of [0, 1])
    await expect(generate(other, { prompts, sampling: { ...greedy, temperature }, stopIds: [] })).rejects.toThrow(
      /no numbers for prompt \d: its weights hold NaN/,
    );
  other.dispose();
  const beyond = () => Uint32Array.from([0, 0xe0000000]); // ids 61, 62 and 63 of 61
  await expect(generate(engine, { prompts, sampling: greedy, stopIds: [], allowed: beyond })).rejects.toThrow(
    'Prompt 1 may go on with no token at all',
  );
  const last = () => Uint32Array.from([0, 0xf0000000]); // id 60 too
  const rows = await generate(engine, { prompts, sampling: greedy, stopIds: [], allowed: last });
  expect(new Set(rows.flatMap(({ ids }) => ids))).toEqual(new Set([60]));
});

// Decoding kernels: attention with caches equals full attention; the sampler draws what the host's sampler draws, keeps its
// sets, follows softmax over many draws, and moves the state on.
import { describe, expect, test } from 'vitest';
import { attentionRanges } from '../src/gpu/attentionRanges';
import { attentionDecode } from '../src/gpu/kernels/attentionDecode';
import { attentionForward } from '../src/gpu/kernels/attentionForward';
import { DECODE, DECODE_WORDS } from '../src/gpu/kernels/decodeState';
import { logitStride } from '../src/gpu/kernels/head';
import type { RowForm } from '../src/gpu/kernels/rowForm';
import { CHOICE_FLOATS, sampleTokens } from '../src/gpu/kernels/sample';
import { runKernel } from '../src/gpu/runKernel';
import { noise, relativeError, testDevice } from '../src/gpu/testDevice';
import { candidates, SAMPLING_STREAM, sampleToken } from '../src/nn/sampling';

const zeros = (n: number) => new Float32Array(n);
const FORMS: RowForm[] = ['rowPerThread', 'rowPerWorkgroup'];
type Section = keyof typeof DECODE;
const stateOf = (R: number, values: Partial<Record<Section, (r: number) => number>>) => {
  const state = new Uint32Array(R * DECODE_WORDS);
  for (const [name, of] of Object.entries({ limit: () => 4, ...values }))
    for (let r = 0; r < R; r++) state[DECODE[name as Section] * R + r] = of(r);
  return state;
};
const section = (state: ArrayLike<number>, R: number, name: Section) =>
  Array.from({ length: R }, (_, r) => state[DECODE[name] * R + r]!);

describe.each(FORMS)('%s', (form) => {
  test.each([
    { heads: 4, kvHeads: 2, headDim: 32 },
    { heads: 2, kvHeads: 1, headDim: 64 },
    { heads: 1, kvHeads: 1, headDim: 8 },
  ])('one token over a shared prompt and its own cache is the last row of full attention: %o', async (shape) => {
    const device = await testDevice();
    const W = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
    const D = shape.heads * shape.headDim;
    // Two prompts of 5 and 0 shared tokens; three rows with 3, 1 and 70 tokens of their own, the last one ended.
    const [prefixRows, slots, R] = [6, 72, 4];
    const rows = [
      { group: 0, prefix: 5, own: 3 },
      { group: 1, prefix: 0, own: 1 },
      { group: 0, prefix: 5, own: 70 },
      { group: 0, prefix: 5, own: 2 },
    ];
    const prefix = noise(2 * prefixRows * W, 1).map((x) => 2 * x);
    const own = noise(R * slots * W, 2).map((x) => 2 * x);
    const state = stateOf(R, {
      group: (r) => rows[r]!.group,
      prefix: (r) => rows[r]!.prefix,
      own: (r) => rows[r]!.own,
      cacheRow: (r) => r * slots + rows[r]!.own - 1,
      done: (r) => (r === 3 ? 1 : 0),
    });
    const before = noise(R * D, 3);
    const [, , , o] = await runKernel(device, attentionDecode({ ...shape, form }), { rows: R, prefixRows }, [own, prefix, state, before]); // biome-ignore format: one call
    for (const [r, { group, prefix: p, own: n }] of rows.entries()) {
      const found = o!.subarray(r * D, (r + 1) * D);
      if (r === 3) {
        expect(Array.from(found)).toEqual(Array.from(before.subarray(r * D)));
        continue;
      }
      const T = p + n;
      const qkv = Float32Array.from([
        ...prefix.subarray(group * prefixRows * W, (group * prefixRows + p) * W),
        ...own.subarray(r * slots * W, (r * slots + n) * W),
      ]);
      const { start, end } = attentionRanges({ B: 1, T, segmentIds: new Int32Array(T).fill(1) });
      const meta = Uint32Array.from([...start, ...end, ...new Uint32Array(T)]);
      const full = attentionForward({ ...shape, form: 'rowsPerThread' });
      const [, , want] = await runKernel(device, full, { rows: T }, [qkv, meta, zeros(T * D), zeros(T * shape.heads)]);
      expect(relativeError(found, want!.subarray((T - 1) * D)), `row ${r}`).toBeLessThan(1e-5);
    }
  });

  const settings = [
    { temperature: 0, top_k: 0, top_p: 1 },
    { temperature: 1, top_k: 0, top_p: 1 },
    { temperature: 0.7, top_k: 5, top_p: 1 },
    { temperature: 1.3, top_k: 0, top_p: 0.8 },
    { temperature: 1, top_k: 12, top_p: 0.5 },
  ];
  const run = async (
    logits: Float32Array<ArrayBuffer>[],
    o: {
      temperature: number;
      top_k: number;
      top_p: number;
      min_p?: number;
      seed?: number;
      ring?: number;
      stops?: number[];
    },
    state: Uint32Array<ArrayBuffer>,
    allowed?: Uint32Array<ArrayBuffer>,
  ) => {
    const V = logits[0]!.length;
    const R = logits.length;
    const stride = logitStride(V);
    const padded = new Float32Array(R * stride).fill(Number.NaN);
    logits.forEach((row, r) => {
      padded.set(row, r * stride);
    });
    const { ring = 4, stops = [] } = o;
    const kernel = sampleTokens({ vocabulary: V, form, masked: allowed !== undefined });
    const values = { rows: R, temperature: o.temperature, topK: o.top_k, topP: o.top_p, minP: o.min_p ?? 0, seed: o.seed ?? 1, mix: SAMPLING_STREAM, ring, stops: stops.length }; // biome-ignore format: one list
    const [, moved, , tokens, choices] = await runKernel(await testDevice(), kernel, values, [
      padded,
      state,
      Uint32Array.from(stops.length ? stops : [0]),
      new Uint32Array(R * ring),
      zeros(R * ring * CHOICE_FLOATS),
      ...(allowed ? [allowed] : []),
    ]);
    return { moved: moved!, tokens: tokens!, choices: choices! };
  };

  test.each([
    [7, 'different'],
    [61, 'different'],
    [300, 'different'],
    [61, 'tied'],
  ])('%i %s ids: the host draws the same, with the same logp', async (V, kind) => {
    const R = 9;
    const step = (x: number) => (kind === 'tied' ? Math.round(x) : x);
    const logits = Array.from({ length: R }, (_, r) => noise(V, r + 1).map((x) => step(4 * x)));
    const state = stateOf(R, { position: (r) => 10 + r, stream: (r) => 3 * r });
    for (const o of settings) {
      const { tokens, choices } = await run(logits, o, state);
      for (let r = 0; r < R; r++) {
        const want = sampleToken(logits[r]!, { ...o, max_new_tokens: 4, seed: 1 }, 3 * r, 11 + r);
        expect(tokens[r], JSON.stringify(o)).toBe(want.id);
        expect(choices[r * CHOICE_FLOATS]).toBeCloseTo(want.logp, 4);
        if (o.temperature === 0) continue;
        const { ids, probabilities } = candidates(logits[r]!, o);
        expect(choices[r * CHOICE_FLOATS + 1]).toBeCloseTo(Math.log(probabilities[ids.indexOf(want.id)]!), 4);
      }
    }
  });

  test('the state moves on; ended rows stay; stop ids and the limit end a row; masked ids are never drawn', async () => {
    const V = 40;
    const R = 4;
    const peak = (id: number) => Float32Array.from({ length: V }, (_, c) => (c === id ? 9 : c === id + 1 ? 8 : 0));
    const state = stateOf(R, { position: () => 5, cacheRow: () => 7, own: () => 2, done: (r) => (r === 1 ? 1 : 0), count: (r) => (r === 3 ? 3 : 0) }); // biome-ignore format: one state
    const greedy = { temperature: 0, top_k: 0, top_p: 1, stops: [30, 31] };
    const logits = [peak(3), peak(4), peak(30), peak(6)];
    const { moved, tokens } = await run(logits, greedy, state);
    // The last row is at its fourth token.
    expect([tokens[0], tokens[1], tokens[2], tokens[15]]).toEqual([3, 0, 30, 6]);
    expect(section(moved, R, 'done')).toEqual([0, 1, 1, 1]);
    expect(section(moved, R, 'token')).toEqual([3, 0, 0, 0]);
    expect(section(moved, R, 'position')).toEqual([6, 5, 5, 5]);
    expect(section(moved, R, 'cacheRow')).toEqual([8, 7, 7, 7]);
    expect(section(moved, R, 'own')).toEqual([3, 2, 2, 2]);
    expect(section(moved, R, 'count')).toEqual([1, 0, 1, 4]);
    // Only the second best id may come.
    const words = Math.ceil(V / 32);
    const allowed = new Uint32Array(R * words).fill(0xffffffff);
    logits.forEach((_, r) => {
      const id = [3, 4, 30, 6][r]!;
      allowed[r * words + Math.floor(id / 32)]! &= ~(1 << (id % 32));
    });
    for (const temperature of [0, 0.01]) {
      const held = await run(logits, { ...greedy, temperature, stops: [] }, state, allowed);
      expect([held.tokens[0], held.tokens[2], held.tokens[15]]).toEqual([4, 31, 7]);
    }
  });

  test('a thousand draws follow softmax, also under min_p', async () => {
    const R = 1000;
    const row = Float32Array.from([2, 1, 0, -1, -3, 1.5]);
    const state = stateOf(R, { stream: (r) => r, position: () => 3 });
    for (const min_p of [0, 0.3]) {
      const weights = Array.from(row, (x) => (Math.exp(x - 2) >= min_p ? Math.exp(x) : 0));
      const total = weights.reduce((a, b) => a + b, 0);
      const { tokens } = await run(new Array(R).fill(row), { temperature: 1, top_k: 0, top_p: 1, min_p }, state);
      const counts = new Array(6).fill(0);
      for (let r = 0; r < R; r++) counts[tokens[r]!]++;
      let chi2 = 0;
      weights.forEach((w, id) => {
        const expected = (R * w) / total;
        if (expected === 0) expect(counts[id]).toBe(0);
        else chi2 += (counts[id] - expected) ** 2 / expected;
      });
      expect(chi2).toBeLessThan(20.5); // 0.1 % for 5 degrees of freedom
    }
  });
});

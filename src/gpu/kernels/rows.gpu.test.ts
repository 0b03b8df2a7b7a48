// Norm, embedding, head and update kernels in both forms against f64; gradients against central differences of f64 formulas.
import { describe, expect, test } from 'vitest';
import { type KernelData, runKernel } from '../runKernel';
import { noise, relativeError, testDevice } from '../testDevice';
import { adamw, gradientNorm, NOBODY, squareParts, squares } from './adamw';
import { clear, embed, embedBackward, groupIds } from './embedding';
import { headRows, logitStride, nllTotals, STAT_FLOATS, spreadRows, topkRows } from './head';
import { normGradients, normParts, rmsNormBackward, rmsNormRows } from './norm';
import type { RowForm } from './rowForm';

const FORMS: RowForm[] = ['rowPerThread', 'rowPerWorkgroup'];
const zeros = (n: number) => new Float32Array(n);
const u32 = (list: ArrayLike<number>) => Uint32Array.from(list);
const EPS = 1e-6;

/** Σ w∘RMSNorm(x)γ in f64: a scalar whose gradients are the kernels' outputs for the cotangent w. */
function normSum(x: Float64Array, gamma: Float64Array, w: ArrayLike<number>): number {
  const d = gamma.length;
  let total = 0;
  for (let n = 0; n < x.length / d; n++) {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += x[n * d + i]! ** 2;
    const rs = 1 / Math.sqrt(sum / d + EPS);
    for (let i = 0; i < d; i++) total += w[n * d + i]! * x[n * d + i]! * rs * gamma[i]!;
  }
  return total;
}
function differences(f: (x: Float64Array) => number, at: ArrayLike<number>, h = 1e-5): Float64Array {
  const x = Float64Array.from(at);
  return x.map((v, i) => {
    x[i] = v + h;
    const up = f(x);
    x[i] = v - h;
    const down = f(x);
    x[i] = v;
    return (up - down) / (2 * h);
  });
}

describe.each(FORMS)('%s', (form) => {
  test('rows of a norm', async () => {
    const device = await testDevice();
    for (const [N, d] of [
      [1, 4],
      [70, 36],
      [9, 264],
    ] as const) {
      const x = noise(N * d, 1);
      const gamma = noise(d, 2);
      const index = u32(Array.from({ length: N }, (_, i) => (i * 5) % N));
      const [, , , y, rstd] = await runKernel(device, rmsNormRows({ d, eps: EPS, form }), { rows: N }, [x, gamma, index, zeros(N * d), zeros(N)]); // biome-ignore format: one call
      const rs = Float64Array.from(index, (n) => 1 / Math.sqrt(x.subarray(n * d, n * d + d).reduce((s, v) => s + v * v, 0) / d + EPS)); // biome-ignore format: one formula
      expect(relativeError(rstd!, rs)).toBeLessThan(1e-5);
      expect(relativeError(y!, Float64Array.from({ length: N * d }, (_, at) => x[index[Math.floor(at / d)]! * d + (at % d)]! * rs[Math.floor(at / d)]! * gamma[at % d]!))).toBeLessThan(1e-5); // biome-ignore format: one formula
    }
  });

  test.each([true, false])('gradient of a norm, residual %s', async (residual) => {
    const device = await testDevice();
    for (const [N, d] of [
      [1, 4],
      [37, 20],
      [16, 260],
    ] as const) {
      const x = noise(N * d, 1);
      const gamma = noise(d, 2);
      const dy = noise(N * d, 3);
      const R = noise(N * d, 4);
      const rstd = Float32Array.from({ length: N }, (_, n) => 1 / Math.sqrt(x.subarray(n * d, n * d + d).reduce((s, v) => s + v * v, 0) / d + EPS)); // biome-ignore format: one formula
      const dx = differences((at) => normSum(at, Float64Array.from(gamma), dy), x);
      const dGamma = differences((at) => normSum(Float64Array.from(x), at, dy), gamma);
      const kernel = rmsNormBackward({ d, source: 'dense', residual, form });
      const P = normParts(N);
      const out = await runKernel(device, kernel, { rows: N, slots: 0, part: 0 }, [x, gamma, rstd, dy, ...(residual ? [R] : []), zeros(N * d), zeros(P * d)]); // biome-ignore format: one call
      const [found, parts] = out.slice(-2);
      expect(relativeError(found!, dx.map((v, i) => v + (residual ? R[i]! : 0)))).toBeLessThan(1e-5); // biome-ignore format: one check
      const stride = Math.ceil(d / 64) * 64;
      const before = noise(stride, 9);
      const reduce = normGradients({ d, stride });
      for (const accumulate of [0, 1]) {
        const [, grads] = await runKernel(device, reduce, { parts: P, norms: 1, accumulate }, [parts!, before]);
        expect(relativeError(grads!.subarray(0, d), dGamma.map((v, i) => v + accumulate * before[i]!))).toBeLessThan(1e-5); // biome-ignore format: one check
        expect(Array.from(grads!.subarray(d))).toEqual(Array.from(before.subarray(d)));
      }
    }
  });

  test('gradient of a norm from some rows: the others are 0, whatever stands in unused places', async () => {
    const device = await testDevice();
    const [N, d, M] = [21, 12, 5];
    const x = noise(N * d, 1);
    const gamma = noise(d, 2);
    const picked = [20, 3, 7, 0, 11];
    const compact = noise(M * d, 3);
    const dense = zeros(N * d);
    const slot = new Uint32Array(N).fill(0xffffffff);
    picked.forEach((n, s) => {
      slot[n] = s;
      dense.set(compact.subarray(s * d, s * d + d), n * d);
    });
    const rstd = Float32Array.from(picked, (n) => 1 / Math.sqrt(x.subarray(n * d, n * d + d).reduce((s, v) => s + v * v, 0) / d + EPS)); // biome-ignore format: one formula
    const kernel = rmsNormBackward({ d, source: 'compact', residual: false, form });
    const want = differences((at) => normSum(at, Float64Array.from(gamma), dense), x);
    const run = (slots: number, dy: KernelData) =>
      runKernel(device, kernel, { rows: N, slots, part: 0 }, [
        x,
        gamma,
        rstd,
        dy,
        slot,
        zeros(N * d),
        zeros(normParts(N) * d),
      ]);
    const out = await run(M, compact);
    expect(relativeError(out[5]!, want)).toBeLessThan(1e-5);
    const none = await run(0, compact.map(() => Number.NaN)); // biome-ignore format: one call
    expect(new Set(none[5]!)).toEqual(new Set([0]));
  });

  const softmaxRow = (logits: ArrayLike<number>, tau: number) => {
    const x = Array.from(logits, (v) => v / tau);
    const top = Math.max(...x);
    const lse = top + Math.log(x.reduce((s, v) => s + Math.exp(v - top), 0));
    const lp = x.map((v) => v - lse);
    return { lp, lse, entropy: -lp.reduce((s, v) => s + Math.exp(v) * v, 0) };
  };

  test.each([3, 23, 130])('head of %i tokens: statistics, fused gradient, gradient of any loss', async (V) => {
    const device = await testDevice();
    const stride = logitStride(V);
    const [rows, first, N] = [7, 2, 11];
    const M = first + rows + 1;
    const tau = 0.7;
    const raw = noise(rows * V, V).map((v) => 6 * v);
    raw[V + 1] = raw[V + 2] = 9; // a tie: the lower id is the argmax
    const logits = new Float32Array(rows * stride).fill(Number.NaN);
    for (let r = 0; r < rows; r++) logits.set(raw.subarray(r * V, r * V + V), r * stride);
    const targets = u32(Array.from({ length: M }, (_, i) => (i * 7) % V));
    const row = (r: number) => raw.subarray(r * V, r * V + V);
    const values = { rows, first, inverseTemperature: 1 / tau, scale: 0.3, dft: 0 };
    const [, , stats] = await runKernel(device, headRows({ vocabulary: V, form, mode: 'stats' }), values, [logits, targets, zeros(M * STAT_FLOATS)]); // biome-ignore format: one call
    for (let r = 0; r < rows; r++) {
      const { lp, lse, entropy } = softmaxRow(row(r), tau);
      const y = targets[first + r]!;
      const found = stats!.subarray((first + r) * STAT_FLOATS);
      for (const [at, want] of [lp[y]!, entropy, lse].entries()) expect(Math.abs(found[at]! - want)).toBeLessThan(2e-5);
      expect(found[3]).toBe(row(r).indexOf(Math.max(...row(r))));
      expect(found[4]).toBeCloseTo(row(r).reduce((s, v) => s + v, 0) / V, 5);
      expect(found[5]).toBe(row(r).filter((v) => v > row(r)[y]!).length);
    }
    expect(new Set(stats!.subarray(0, first * STAT_FLOATS))).toEqual(new Set([0]));

    const k = Math.min(V, 5);
    const top = topkRows({ vocabulary: V, k, form });
    const [, , best] = await runKernel(device, top, values, [logits, stats!, zeros(M * 2 * k)]);
    for (let r = 0; r < rows; r++) {
      const { lp } = softmaxRow(row(r), tau);
      const order = Array.from(lp.keys()).sort((a, b) => row(r)[b]! - row(r)[a]! || a - b);
      const found = Array.from(best!.subarray((first + r) * 2 * k, (first + r + 1) * 2 * k));
      expect(found.slice(k)).toEqual(order.slice(0, k));
      order.slice(0, k).forEach((id, j) => {
        expect(found[j]).toBeCloseTo(lp[id]!, 4);
      });
    }

    const weights = Float32Array.from({ length: M }, (_, i) => i % 3);
    for (const dft of [0, 1]) {
      const kernel = headRows({ vocabulary: V, form, mode: 'nll' });
      const [d, , , same] = await runKernel(device, kernel, { ...values, dft }, [logits, targets, weights, zeros(M * STAT_FLOATS)]); // biome-ignore format: one call
      expect(Array.from(same!)).toEqual(Array.from(stats!));
      for (let r = 0; r < rows; r++) {
        const y = targets[first + r]!;
        const p = dft ? Math.exp(softmaxRow(row(r), tau).lp[y]!) : 1;
        const want = differences((x) => -values.scale * weights[first + r]! * p * softmaxRow(x, tau).lp[y]!, row(r));
        for (let c = 0; c < V; c++) expect(Math.abs(d![r * stride + c]! + want[c]! * -1)).toBeLessThan(1e-5);
        for (let c = V; c < stride; c++) expect(d![r * stride + c]).toBe(0);
      }
    }
    const index = u32(Array.from({ length: M }, (_, i) => (i * 3) % N));
    const dLogps = noise(N, 5);
    const dEntropies = noise(N, 6);
    for (const cotangents of [
      { logps: true, entropies: true },
      { logps: true, entropies: false },
      { logps: false, entropies: true },
    ]) {
      const kernel = headRows({ vocabulary: V, form, mode: 'gradient', cotangents });
      const given = [...(cotangents.logps ? [dLogps] : []), ...(cotangents.entropies ? [dEntropies] : [])];
      const [d] = await runKernel(device, kernel, values, [logits, targets, index, ...given, stats!]);
      for (let r = 0; r < rows; r++) {
        const n = index[first + r]!;
        const want = differences((x) => {
          const { lp, entropy } = softmaxRow(x, tau);
          return (cotangents.logps ? dLogps[n]! * lp[targets[first + r]!]! : 0) + (cotangents.entropies ? dEntropies[n]! * entropy : 0); // biome-ignore format: one formula
        }, row(r));
        for (let c = 0; c < V; c++) expect(Math.abs(d![r * stride + c]! - want[c]!)).toBeLessThan(2e-5);
      }
    }
  });
});

test('embedding and its gradient; groups of ids', async () => {
  const device = await testDevice();
  const [N, V, d] = [37, 11, 12];
  const table = noise(V * d, 1);
  const ids = u32(Array.from({ length: N }, (_, n) => (n * n) % V));
  const [, , x] = await runKernel(device, embed({ d }), { rows: N, first: 0 }, [table, ids, zeros(N * d)]);
  expect(Array.from(x!)).toEqual(Array.from(ids).flatMap((id) => Array.from(table.subarray(id * d, id * d + d))));
  const groups = groupIds(ids);
  expect(Array.from(groups.unique)).toEqual([...new Set(ids)].sort((a, b) => a - b));
  const dx = noise(N * d, 2);
  const before = noise(V * d, 3);
  const want = Float64Array.from(before);
  ids.forEach((id, n) => {
    for (let i = 0; i < d; i++) want[id * d + i]! += dx[n * d + i]!;
  });
  const kernel = embedBackward({ d });
  const buffers = [dx, groups.unique, groups.starts, groups.order, before];
  const out = await runKernel(device, kernel, { groups: groups.unique.length }, buffers);
  expect(relativeError(out[4]!, want)).toBeLessThan(1e-6);
  const [cleared] = await runKernel(device, clear(), { floats: 30 }, [noise(40, 1)]);
  expect(Array.from(cleared!).map((v) => v === 0)).toEqual(Array.from({ length: 40 }, (_, i) => i < 30));
});

test('totals and spread statistics', async () => {
  const device = await testDevice();
  const [M, N] = [150, 200];
  const stats = noise(M * STAT_FLOATS, 1);
  const targets = new Uint32Array(M);
  const weights = Float32Array.from({ length: M }, (_, i) => i % 2);
  for (let m = 0; m < M; m++) {
    targets[m] = m % 5;
    stats[m * STAT_FLOATS + 3] = m % 3;
  }
  for (const dft of [0, 1]) {
    const want = [0, 0, 0, 0];
    for (let m = 0; m < M; m++) {
      const [logp, entropy] = [stats[m * STAT_FLOATS]!, stats[m * STAT_FLOATS + 1]!];
      const w = weights[m]!;
      want[0]! += w * -logp * (dft ? Math.exp(logp) : 1);
      want[1]! += w * (m % 5 === m % 3 ? 1 : 0);
      want[2]! += w * entropy;
      want[3]! += w;
    }
    const [, , , totals] = await runKernel(device, nllTotals(), { rows: M, at: 1, dft }, [stats, targets, weights, zeros(8)]); // biome-ignore format: one call
    want.forEach((v, i) => {
      expect(totals![4 + i]).toBeCloseTo(v, 4);
    });
    expect(Array.from(totals!.subarray(0, 4))).toEqual([0, 0, 0, 0]);
  }
  const slot = u32(Array.from({ length: N }, (_, n) => (n % 4 === 3 ? 0xffffffff : n % M)));
  const [, , spread] = await runKernel(
    device,
    spreadRows(),
    { rows: N, slots: M, stride: STAT_FLOATS, first: 1, width: 2 },
    [stats, slot, zeros(2 * N)],
  );
  expect(Array.from(spread!)).toEqual(
    Array.from(slot).flatMap((s) => [1, 2].map((j) => (s < M ? stats[s * STAT_FLOATS + j]! : 0))),
  );
});

test('AdamW: three updates equal f64; a gradient that is not finite changes nothing', async () => {
  const device = await testDevice();
  const [floats, decayed] = [700, 400];
  let [w, m, v]: KernelData[] = [noise(floats, 1), zeros(floats), zeros(floats)];
  const [W, Mm, Vv] = [Float64Array.from(w!), new Float64Array(floats), new Float64Array(floats)];
  const [lr, wd, b1, b2, epsilon, maxNorm] = [0.01, 0.1, 0.9, 0.999, 1e-8, 1];
  const P = squareParts(floats);
  const update = async (g: KernelData, t: number, losses = [0.5, 2]) => {
    const [, parts] = await runKernel(device, squares(), { floats, first: 0 }, [g, zeros(P)]);
    // Losses stand at places 3, 0, 1 … of a ring of 4; place 2 is of an older step.
    const ring = new Float32Array(16).fill(Number.NaN);
    losses.forEach((loss, i) => {
      ring[4 * ((3 + i) % 4)] = loss;
    });
    const args = { parts: P, maxNorm, firstLoss: 3, losses: losses.length, places: 4 };
    const [, , norm] = await runKernel(device, gradientNorm(), args, [parts!, ring, zeros(4)]);
    const values = { floats, first: 0, decayed, rate: lr / (1 - b1 ** t), decay: lr * wd, take1: 1 - b1, take2: 1 - b2, epsilon, root2: Math.sqrt(1 - b2 ** t) }; // biome-ignore format: one list
    [w, , m, v] = await runKernel(device, adamw(), values, [w!, g, m!, v!, norm!]);
    return norm!;
  };
  for (let t = 1; t <= 3; t++) {
    const g = noise(floats, 10 + t).map((x) => x * (t === 2 ? 0.01 : 1));
    const length = Math.sqrt(g.reduce((s, x) => s + x * x, 0));
    const clip = Math.min(1, maxNorm / (length + 1e-6));
    const norm = await update(g, t);
    expect(norm[0]).toBeCloseTo(length, 4);
    expect(norm[1]).toBeCloseTo(clip, 6);
    g.forEach((x, i) => {
      Mm[i] = b1 * Mm[i]! + (1 - b1) * x * clip;
      Vv[i] = b2 * Vv[i]! + (1 - b2) * (x * clip) ** 2;
      const step = (lr / (1 - b1 ** t)) * (Mm[i]! / (Math.sqrt(Vv[i]!) / Math.sqrt(1 - b2 ** t) + epsilon));
      W[i] = W[i]! * (1 - (i < decayed ? lr * wd : 0)) - step;
    });
    expect(relativeError(w!, W)).toBeLessThan(1e-6);
    expect(relativeError(v!, Vv)).toBeLessThan(1e-5);
  }
  for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
    const before = [w!, m!, v!].map((x) => Array.from(x));
    const norm = await update(noise(floats, 20), 4, [1, 2, bad]);
    expect(norm[0]).toBe(bad);
    expect(norm[2]).toBe(0);
    expect([w!, m!, v!].map((x) => Array.from(x))).toEqual(before);
  }
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
    const before = [w!, m!, v!].map((x) => Array.from(x));
    const g = noise(floats, 20);
    g[123] = bad;
    const norm = await update(g, 4);
    expect(norm[2]).toBe(0);
    expect(Number.isFinite(norm[0])).toBe(false);
    expect([w!, m!, v!].map((x) => Array.from(x))).toEqual(before);
  }
});

test('adapters interleaved in one buffer: each has its norm and its update, and who is left out keeps its bytes', async () => {
  const device = await testDevice();
  const [floats, groups] = [1300, 3];
  const owner = Uint8Array.from({ length: floats }, (_, i) => (i % 11 === 10 ? NOBODY : (i * 7 + (i >> 3)) % groups));
  const owners = new Uint32Array(owner.buffer);
  const P = squareParts(floats);
  const g = noise(floats, 3).map((x, i) => x * (owner[i] === 1 ? 0.02 : 1));
  let parts: KernelData = zeros(P * groups);
  for (let k = 0; k < groups; k++)
    [, parts] = (await runKernel(device, squares(true), { floats, first: k * P, owner: k }, [g, parts, owners])) as [KernelData, KernelData]; // biome-ignore format: one call
  const lengths = Array.from({ length: groups }, (_, k) => Math.sqrt(g.reduce((sum, x, i) => sum + (owner[i] === k ? x * x : 0), 0))); // biome-ignore format: one list
  const clip = { parts: P, maxNorm: 1, firstLoss: 0, losses: 1, places: 1 };
  const normOf = async (given: KernelData, loss: number) =>
    (await runKernel(device, gradientNorm(groups), clip, [given, Float32Array.of(loss, 0, 0, 0), zeros(4 * (groups + 1))]))[2]!; // biome-ignore format: one call
  const norm = await normOf(parts, 0.5);
  lengths.forEach((length, k) => {
    expect(norm[4 * k]).toBeCloseTo(length, 4);
    expect(norm[4 * k + 1]).toBeCloseTo(Math.min(1, 1 / (length + 1e-6)), 5);
    expect(norm[4 * k + 2]).toBe(1);
  });
  expect(norm[4 * groups]).toBeCloseTo(Math.hypot(...lengths), 4);
  expect(norm[5]).toBe(1); // the second is short and is not clipped, whatever the others are
  const [w, m, v] = [noise(floats, 1), noise(floats, 2).map((x) => 0.1 * x), noise(floats, 4).map((x) => x * x)];
  const values = { floats, first: 0, decayed: floats, rate: 0.01, decay: 1e-3, take1: 0.1, take2: 0.01, epsilon: 1e-8, root2: 0.1 }; // biome-ignore format: one list
  let state: KernelData[] = [w, m, v];
  const update = async (k: number, by: KernelData) => {
    const [nw, , nm, nv] = await runKernel(device, adamw(true), { ...values, owner: k }, [state[0]!, g, state[1]!, state[2]!, by, owners]); // biome-ignore format: one call
    state = [nw!, nm!, nv!];
  };
  for (const k of [0, 1]) await update(k, norm);
  for (const k of [0, 1]) {
    // The same floats in a buffer of their own, through the plain kernel.
    const own = (x: ArrayLike<number>) => {
      const picked = Float32Array.from(Array.from(x).filter((_, i) => owner[i] === k));
      const padded = zeros(Math.ceil(picked.length / 4) * 4);
      padded.set(picked);
      return padded;
    };
    const row = Float32Array.from(norm.subarray(4 * k, 4 * k + 4));
    const plain = { ...values, floats: own(w).length, decayed: own(w).length };
    const [pw, , pm, pv] = await runKernel(device, adamw(), plain, [own(w), own(g), own(m), own(v), row]);
    expect(own(state[0]!)).toEqual(pw);
    expect(own(state[1]!)).toEqual(pm);
    expect(own(state[2]!)).toEqual(pv);
  }
  [w, m, v].forEach((x, n) => {
    x.forEach((value, i) => {
      if (owner[i]! > 1) expect(state[n]![i]).toBe(value);
    });
  });
  // One gradient or loss that is not finite spoils the step of all.
  const broken = Float32Array.from(parts);
  broken[P] = Number.POSITIVE_INFINITY;
  for (const bad of [await normOf(broken, 0.5), await normOf(parts, Number.NaN)]) {
    expect(Number.isFinite(bad[4 * groups])).toBe(false);
    const before = state.map((x) => Array.from(x));
    await update(0, bad);
    expect(state.map((x) => Array.from(x))).toEqual(before);
  }
});

test('totals by route: the rows of each, the base first, at places of a ring', async () => {
  const device = await testDevice();
  const [M, N, routes, places] = [150, 400, 3, 5];
  const stats = noise(M * STAT_FLOATS, 1);
  const targets = new Uint32Array(M);
  const weights = noise(M, 2);
  const index = Uint32Array.from({ length: M }, (_, m) => 2 * m + 1);
  const route = Uint32Array.from({ length: N }, (_, n) => ((n >> 4) % 2) * 2); // 0 and 2: the second route has no row
  for (let m = 0; m < M; m++) stats[m * STAT_FLOATS + 3] = m % 2;
  const run = await runKernel(device, nllTotals(true), { rows: M, at: 3, dft: 0, places, routes }, [stats, targets, weights, index, route, zeros(4 * places).fill(9)]); // biome-ignore format: one call
  const totals = run[5]!;
  for (let r = 0; r < routes; r++) {
    const want = [0, 0, 0, 0];
    for (let m = 0; m < M; m++) {
      if (route[index[m]!] !== r) continue;
      const w = weights[m]!;
      want[0]! -= w * stats[m * STAT_FLOATS]!;
      want[1]! += m % 2 === 0 ? w : 0;
      want[2]! += w * stats[m * STAT_FLOATS + 1]!;
      want[3]! += w;
    }
    const at = 4 * ((3 + r) % places);
    want.forEach((x, i) => {
      expect(totals[at + i], `route ${r}`).toBeCloseTo(x, 3);
    });
  }
  expect(Array.from(totals.subarray(4, 12))).toEqual(new Array(8).fill(9)); // nobody's places
});

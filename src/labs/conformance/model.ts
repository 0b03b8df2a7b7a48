// The Llama model, its loss, gradients and optimizer against transformers and torch, on the same weights and batch
// (scripts/parity/model.py). The tolerances are those of the tests.
import * as tf from '@tensorflow/tfjs-core';
import { generate } from '../../nn/generate';
import { inspect } from '../../nn/inspect';
import { loadModel } from '../../nn/loadModel';
import type { LossFn, ModelEngine } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { readSafetensors } from '../../storage/safetensors';
import type { Vector, VectorContext } from './vector';

interface Fixture {
  B: number;
  T: number;
  ids: number[];
  attention: number[];
  positions: number[];
  labels: number[];
  logits: number[];
  loss: number;
  curve: { loss: number; grad_norm: number }[];
  packed_ids: number[];
  packed_lengths: number[];
  packed_logits: number[];
  adamw: Parameters<ModelEngine['applyGradients']>[0];
}
const SOURCE = 'transformers LlamaForCausalLM and torch.optim.AdamW, float32';
const json = async <T>({ read }: VectorContext, name: string): Promise<T> =>
  JSON.parse(new TextDecoder().decode(await read(`conformance/${name}`))) as T;
/** Same order of additions as the tests allow: a few ulps over these depths. */
const CLOSE = 2e-5;

async function withEngine<T>(
  context: VectorContext,
  task: (engine: ModelEngine, fixture: Fixture) => Promise<T>,
): Promise<T> {
  const config = await json(context, 'config.json');
  const fixture = await json<Fixture>(context, 'fixture.json');
  const engine = loadModel({ config, weights: await context.read('conformance/weights.safetensors') });
  try {
    return await task(engine, fixture);
  } finally {
    engine.dispose();
  }
}
const nll: LossFn = ({ logps, mask }) => ({
  sums: { loss: tf.neg(tf.sum(tf.mul(logps!, mask))) as tf.Scalar },
  counts: {},
  metrics: {},
});
/** Labels moved by one; −100 is ignored. */
function batchOf(f: Fixture): { batch: Batch; count: number } {
  const n = f.B * f.T;
  const targets = new Int32Array(n);
  const mask = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const next = (i + 1) % f.T === 0 ? -100 : f.labels[i + 1]!;
    if (next === -100) continue;
    targets[i] = next;
    mask[i] = 1;
  }
  const batch: Batch = {
    ...{ B: f.B, T: f.T, targets, mask },
    ids: Int32Array.from(f.ids),
    positions: Int32Array.from(f.positions),
    segmentIds: Int32Array.from(f.attention),
    rowAdapter: new Int32Array(f.B).fill(-1),
  };
  return { batch, count: mask.reduce((a, b) => a + b, 0) };
}
/** Logits [B·T, V] through `hidden` and the tied head. */
async function logitsOf(engine: ModelEngine, batch: Batch): Promise<Float32Array> {
  const outputs = await engine.evaluate(batch, { want: ['hidden'] });
  const { head } = engine.tensors().transposed;
  const logits = tf.tidy(() => tf.matMul(tf.reshape(outputs.hidden!, [batch.B * batch.T, -1]) as tf.Tensor2D, head));
  const out = new Float32Array(await logits.data());
  tf.dispose([outputs as unknown as tf.TensorContainer, logits]);
  return out;
}

export const modelVectors: Vector[] = [
  {
    id: 'model/logits',
    title: 'Logits of two rows with left and right padding',
    source: SOURCE,
    toleranceKind: 'relative',
    tolerance: CLOSE,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const logits = await logitsOf(engine, batchOf(f).batch);
        const V = engine.config.vocab_size;
        const found = f.attention.flatMap((a, n) => (a ? Array.from(logits.subarray(n * V, (n + 1) * V)) : []));
        return { expected: f.logits, found };
      }),
  },
  {
    id: 'model/packing',
    title: 'A packed row gives each sample the logits that it has alone',
    source: SOURCE,
    toleranceKind: 'relative',
    tolerance: CLOSE,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const T = f.packed_ids.length;
        const found = await logitsOf(engine, {
          ...{ B: 1, T },
          ids: Int32Array.from(f.packed_ids),
          positions: Int32Array.from(f.packed_lengths.flatMap((n) => Array.from({ length: n }, (_, t) => t))),
          segmentIds: Int32Array.from(f.packed_lengths.flatMap((n, i) => Array<number>(n).fill(i + 1))),
          targets: new Int32Array(T),
          mask: new Float32Array(T).fill(1),
          rowAdapter: new Int32Array([-1]),
        });
        return { expected: f.packed_logits, found };
      }),
  },
  {
    id: 'model/loss',
    title: 'Masked cross-entropy with shift and ignore index, averaged over supervised tokens',
    source: SOURCE,
    toleranceKind: 'relative',
    tolerance: CLOSE,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const { batch, count } = batchOf(f);
        const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: 1 / count } });
        const { loss } = await engine.read(sums);
        return { expected: [f.loss], found: [loss! / count] };
      }),
  },
  {
    id: 'model/gradients',
    title: 'All gradients of that loss',
    source: SOURCE,
    toleranceKind: 'relative',
    tolerance: CLOSE,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const { batch, count } = batchOf(f);
        const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: 1 / count } });
        await engine.read(sums);
        const gradients = await engine.readGradients();
        const wanted = readSafetensors(await context.read('conformance/gradients.safetensors'));
        const expected: number[] = [];
        const found: number[] = [];
        for (const [name, { data }] of Object.entries(wanted)) {
          const own = gradients[name]?.data ?? new Float32Array(0);
          // Each tensor in units of its own largest value, so that small ones count too.
          const scale = Math.max(1e-12, ...data.map(Math.abs));
          data.forEach((value, i) => {
            expected.push(value / scale);
            found.push((own[i] ?? Number.NaN) / scale);
          });
        }
        return { expected, found };
      }),
  },
  {
    id: 'model/adamw',
    title: '20 steps of AdamW with clipping: loss and grad_norm of each',
    source: SOURCE,
    toleranceKind: 'relative',
    tolerance: 1e-4,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const { batch, count } = batchOf(f);
        const found: number[] = [];
        for (const _ of f.curve) {
          const { sums } = await engine.step(batch, nll, { want: ['logps'], scale: { loss: 1 / count } });
          const { gradNorm } = await engine.applyGradients(f.adamw);
          const read = await engine.read({ ...sums, gradNorm });
          found.push(read.loss! / count, read.gradNorm!);
        }
        return { expected: f.curve.flatMap(({ loss, grad_norm }) => [loss, grad_norm]), found };
      }),
  },
  {
    id: 'model/kv_cache',
    title: 'Decoding with the cache gives the log-probabilities of a full forward pass',
    source: 'the same engine without a cache',
    toleranceKind: 'absolute',
    tolerance: 1e-4,
    run: (context) =>
      withEngine(context, async (engine, f) => {
        const prompt = Int32Array.from(f.packed_ids.slice(0, f.packed_lengths[0]));
        const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 8, seed: 11 };
        const [row] = await generate(engine, { prompts: [prompt], sampling, stopIds: [] });
        const ids = Int32Array.from([...prompt, ...row!.ids]);
        const { logps } = await inspect(engine, ids, 1);
        return { expected: Array.from(logps).slice(prompt.length), found: row!.logps };
      }),
  },
];

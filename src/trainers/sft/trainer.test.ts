import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { initNodeBackend } from '../../gpu/node';
import type { Outputs } from '../../nn/seam';
import { loss } from './trainer';

beforeAll(async () => {
  await initNodeBackend('cpu');
});

/** One row whose targets have the probabilities `p`; masked positions give 0. */
function outputsOf(p: number[], mask: number[], logps?: tf.Tensor2D): Outputs {
  const shape: [number, number] = [1, p.length];
  return {
    logps: logps ?? tf.tensor2d(p.map(Math.log), shape),
    entropies: tf.tensor2d(
      p.map((_, i) => i / 2),
      shape,
    ),
    argmax: tf.tensor2d([7, 3, 7].slice(0, p.length), shape, 'int32'),
    targets: tf.tensor2d([7, 7, 7].slice(0, p.length), shape, 'int32'),
    mask: tf.tensor2d(mask, shape),
  };
}
const run = (p: number[], mask: number[], loss_type: 'nll' | 'dft' = 'nll') => {
  const out = loss({ mask: Float32Array.from(mask) }, { loss_type })(outputsOf(p, mask));
  const value = (x: tf.Scalar) => x.arraySync();
  return {
    sum: value(out.sums.loss!),
    count: out.counts.loss!,
    metrics: Object.fromEntries(Object.entries(out.metrics).map(([k, x]) => [k, value(x)])),
  };
};

test('p = 0.8 and 0.4 cost 1.139434 summed, 0.569717 a token; masked positions cost nothing', () => {
  const { sum, count, metrics } = run([0.8, 0.4, 0.01], [1, 1, 0]);
  expect(sum).toBeCloseTo(1.139434, 6); // −ln 0.8 − ln 0.4
  expect(count).toBe(2);
  expect(sum / count).toBeCloseTo(0.569717, 6);
  expect(metrics.mean_token_accuracy).toBeCloseTo(0.5, 6); // 7 was right, 3 was not
  expect(metrics.entropy).toBeCloseTo(0.25, 6);
});

test('dft weighs −log p by p: p = 0.25 costs 0.346574', () => {
  expect(run([0.25], [1], 'dft').sum).toBeCloseTo(0.346574, 6); // 0.25 · ln 4
});

test('an all-masked row costs 0 and divides nothing by 0', () => {
  const { sum, count, metrics } = run([0.8, 0.4], [0, 0]);
  expect([sum, count, metrics.mean_token_accuracy, metrics.entropy]).toEqual(
    [-0 + 0, 0, 0, 0].map((x) => expect.closeTo(x)),
  );
});

test.each(['nll', 'dft'] as const)('the gradient of %s equals finite differences', (loss_type) => {
  const p = [0.8, 0.4, 0.3];
  const mask = [1, 1, 0];
  const f = (logps: tf.Tensor) =>
    loss({ mask: Float32Array.from(mask) }, { loss_type })(outputsOf(p, mask, logps as tf.Tensor2D)).sums.loss!;
  const x = p.map(Math.log);
  const gradient = (
    tf
      .grad(f)(tf.tensor2d(x, [1, 3]))
      .arraySync() as number[][]
  )[0]!;
  // dft holds p fixed in its gradient, so its differences are taken with the weights of the point itself.
  const at = (y: number[]) => y.reduce((sum, logp, i) => sum - mask[i]! * logp * (loss_type === 'dft' ? p[i]! : 1), 0);
  for (let i = 0; i < 3; i++) {
    const [up, down] = [x.slice(), x.slice()];
    up[i]! += 1e-4;
    down[i]! -= 1e-4;
    expect(gradient[i]).toBeCloseTo((at(up) - at(down)) / 2e-4, 5);
  }
});

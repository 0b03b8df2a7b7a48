// What the benchmarks share: the model, the batch, one step of our engine.
import type { RecordedEngine } from '../../nn/recorded/engine';
import type { ModelEngine } from '../../nn/seam';
import type { Batch } from '../../protocol/batch';
import { loss } from '../../trainers/sft/trainer';

export const OPTIONS = {
  learning_rate: 1e-3,
  weight_decay: 0.01,
  adam_beta1: 0.9,
  adam_beta2: 0.99,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
};

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** Every token is a target but the last of a row. */
export function benchBatch(B: number, T: number, vocabulary: number): Batch {
  const N = B * T;
  const ids = Int32Array.from({ length: N }, (_, n) => (n * 7919) % vocabulary);
  return {
    B,
    T,
    ids,
    positions: Int32Array.from(ids, (_, n) => n % T),
    segmentIds: new Int32Array(N).fill(1),
    targets: Int32Array.from(ids, (_, n) => ids[n + 1] ?? 0),
    mask: Float32Array.from(ids, (_, n) => (n % T < T - 1 ? 1 : 0)),
    rowAdapter: new Int32Array(B).fill(-1),
  };
}

/** One SFT step with its update and its one readback; mean loss, and milliseconds until everything was sent. */
export async function sftStep(
  engine: ModelEngine | RecordedEngine,
  batch: Batch,
  clock: () => number,
): Promise<{ loss: number; sentMs: number }> {
  const count = batch.mask.reduce((a, b) => a + b, 0);
  const started = clock();
  const { sums, metrics } = await engine.step(batch, loss(batch, { loss_type: 'nll' }), {
    want: ['logps', 'argmax', 'entropies'],
    scale: { loss: 1 / count },
  });
  const { gradNorm } = await engine.applyGradients(OPTIONS);
  const sentMs = clock() - started;
  const read = await engine.read({ ...sums, ...metrics, gradNorm });
  return { loss: read.loss! / count, sentMs };
}

/**
 * Runs each of `works` once a round, in turn; milliseconds by work and round, the first round left out as warm-up. `after` is
 * awaited behind each, with its name and time.
 */
export async function interleave<N extends string>(
  works: Record<N, () => Promise<unknown>>,
  rounds: number,
  clock: () => number,
  after?: (name: N, round: number, ms: number) => Promise<void> | void,
): Promise<Record<N, number[]>> {
  const names = Object.keys(works) as N[];
  const out = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<N, number[]>;
  for (let r = 0; r <= rounds; r++)
    for (const name of names) {
      const started = clock();
      await works[name]();
      const ms = clock() - started;
      if (r > 0) out[name].push(ms);
      await after?.(name, r, ms);
    }
  return out;
}

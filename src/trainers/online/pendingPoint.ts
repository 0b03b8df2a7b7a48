// What an online run has gathered since its last logged point, as plain JSON, and the point that it makes: means as TRL logs them.
import type { MetricPoint } from '../../protocol/run';

export interface Pending {
  steps: number;
  microBatches: number;
  loss: number;
  /** Sums over micro-batches. */
  metrics: Record<string, number>;
  /** Of the metrics of rollouts: their sums over those that had them, and how many did. */
  rollouts: Record<string, { sum: number; n: number }>;
  tokens: number;
  ms: { rollout: number; scoring: number; update: number };
}

const SECOND = 1000;

export const emptyPending = (): Pending => ({
  steps: 0,
  microBatches: 0,
  loss: 0,
  metrics: {},
  rollouts: {},
  tokens: 0,
  ms: { rollout: 0, scoring: 0, update: 0 },
});

export function addRollout(
  { rollouts, ms }: Pending,
  metrics: Record<string, number>,
  time: { rollout: number; scoring: number },
): void {
  for (const [name, value] of Object.entries(metrics)) {
    const { sum, n } = rollouts[name] ?? { sum: 0, n: 0 };
    rollouts[name] = { sum: sum + value, n: n + 1 };
  }
  ms.rollout += time.rollout;
  ms.scoring += time.scoring;
}

/** `read`: the step's scalars, of which `<micro-batch>/metrics/<name>` are taken. */
export function addStep(
  pending: Pending,
  read: Record<string, number>,
  step: { loss: number; microBatches: number; tokens: number; ms: number },
): void {
  pending.steps++;
  pending.microBatches += step.microBatches;
  pending.loss += step.loss;
  pending.tokens += step.tokens;
  pending.ms.update += step.ms;
  for (const [key, value] of Object.entries(read)) {
    const [, name] = /^\d+\/metrics\/(.*)$/.exec(key) ?? [];
    if (name !== undefined) pending.metrics[name] = (pending.metrics[name] ?? 0) + value;
  }
}

/** A point without a rollout since the last one says nothing of rollouts. */
export function pendingPoint(
  { steps, microBatches, loss, metrics, rollouts, tokens, ms }: Pending,
  { step, epoch, ...now }: MetricPoint,
): MetricPoint {
  const means = Object.entries(metrics).map(([name, sum]) => [name, sum / microBatches]);
  const drawn = Object.entries(rollouts).map(([name, { sum, n }]) => [name, sum / n]);
  const total = ms.rollout + ms.scoring + ms.update;
  return {
    step,
    epoch,
    loss: loss / steps,
    ...Object.fromEntries(drawn),
    ...Object.fromEntries(means),
    ...now,
    'time/rollout': ms.rollout / SECOND,
    'time/scoring': ms.scoring / SECOND,
    'time/update': ms.update / SECOND,
    ...(total > 0 && { tokens_per_second: (tokens / total) * SECOND }),
  };
}

// What the SFT panel says about a run: progress, curves, finding. Pure: run records and metrics in, words and series out.
import { count, duration, number, percent, plural, signed } from '../../lib/words';
import type { MetricResult } from '../../protocol/requests';
import type { MetricPoint, RunStatus, SampleGeneration } from '../../protocol/run';
import { secondsLeft } from '../../stores/runs';

/** `step 186 of 300 · 41 s left`. */
export function progressWords(status: RunStatus, step: number, maxSteps: number, stepMs?: number): string {
  const at = `step ${count(step)} of ${count(maxSteps)}`;
  if (status === 'queued') return 'queued: starts when the run before it ends';
  if (status === 'paused') return `paused at ${at}`;
  if (status === 'interrupted') return `interrupted at ${at}`;
  if (status === 'stopped') return `stopped at ${at}`;
  if (status === 'failed') return `failed at ${at}`;
  if (status === 'finished') return `finished, ${plural(step, 'step')}`;
  if (step === 0) return `${at} · the base is measured first`;
  const left = secondsLeft(step, maxSteps, stepMs);
  return Number.isFinite(left) ? `${at} · ${duration(left)} left` : at;
}

/** [step, value] of one metric, gaps (null, absent) left out. */
export function metricSeries(points: readonly MetricPoint[], metric: string): { step: number; value: number }[] {
  const out: { step: number; value: number }[] = [];
  for (const point of points) {
    const value = point[metric];
    if (typeof value === 'number' && Number.isFinite(value)) out.push({ step: point.step, value });
  }
  return out;
}

export const lastValue = (points: readonly MetricPoint[], metric: string): number | undefined =>
  metricSeries(points, metric).at(-1)?.value;

/** `train 0.31 · held-out 0.38`, only what exists. */
export function curveWords(points: readonly MetricPoint[], train: string, evaluation?: string): string {
  const parts: string[] = [];
  const t = lastValue(points, train);
  const e = evaluation === undefined ? undefined : lastValue(points, evaluation);
  if (t !== undefined) parts.push(evaluation ? `train ${number(t)}` : number(t));
  if (e !== undefined) {
    // A held-out value is as old as its evaluation.
    const at = points.findLast((p) => typeof p[evaluation!] === 'number')!.step;
    const isOld = at < Math.max(0, ...points.map((p) => p.step));
    parts.push(`held-out ${number(e)}${isOld ? ` (step ${count(at)})` : ''}`);
  }
  return parts.join(' · ');
}

/** Steps at which answers to the fixed prompts were written, ascending. */
export const generationSteps = (generations: readonly SampleGeneration[]): number[] =>
  [...new Set(generations.map((g) => g.step))].sort((a, b) => a - b);

/** The answers of one step, in the order of the prompts. */
export const generationsAt = (generations: readonly SampleGeneration[], step: number): SampleGeneration[] =>
  generations.filter((g) => g.step === step);

/** What training did to the held-out loss, in one sentence; undefined before two evaluations. */
export function lossFinding(points: readonly MetricPoint[]): string | undefined {
  const evals = metricSeries(points, 'eval_loss');
  const first = evals[0];
  const last = evals.at(-1);
  if (!first || !last || first === last) return undefined;
  const best = evals.reduce((low, point) => (point.value < low.value ? point : low));
  const change = `Held-out loss went from ${number(first.value)} to ${number(last.value)} nats a token`;
  if (last.value > best.value * 1.05)
    return `${change}, but was ${number(best.value)} at step ${count(best.step)}: it is overfitting since. Train fewer steps or on more rows.`;
  return `${change}${last.value < first.value ? '.' : ': training did not help. Lower learning_rate or check the mask.'}`;
}

/** The measured difference of two arms on one metric, as a finding. */
export function pairFinding(metric: string, full: MetricResult, completion: MetricResult): string {
  const difference = completion.value - full.value;
  const isClear = completion.high < full.low || completion.low > full.high;
  const points = signed(difference * 100);
  const values = `${percent(full.value)} of answers repeat the prompt after full-sequence loss, ${percent(completion.value)} after completion-only loss`;
  const verdict = isClear
    ? `a difference of ${points} points that the intervals separate`
    : `${points} points, within the intervals: measure on more cases or train longer before you conclude`;
  return `${metric}: ${values}; ${verdict}.`;
}

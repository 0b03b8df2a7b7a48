// A run in words and series: progress, curves, what the losses say. Pure: records and metric points in, words out.
import { count, duration, number, plural, secondsLeft } from '../lib/words';
import { parseTurn } from '../protocol/contract';
import type { MetricPoint, RunStatus, SampleGeneration } from '../protocol/run';

/** `step 186 of 300 · 41 s left`. `stepMs`: milliseconds a step. */
export function progressWords(
  status: RunStatus | 'recovering',
  step: number,
  maxSteps: number,
  stepMs?: number,
): string {
  const at = `step ${count(step)} of ${count(maxSteps)}`;
  if (status === 'queued') return 'queued: starts when the run before it ends';
  if (status === 'recovering') return `${at} · its device is being started anew`;
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

/** `train 0.31 · held-out 0.38 (step 50)`, only what exists; a held-out value is as old as its evaluation. */
export function curveWords(points: readonly MetricPoint[], train: string, evaluation?: string): string {
  const t = metricSeries(points, train).at(-1);
  const e = evaluation === undefined ? undefined : metricSeries(points, evaluation).at(-1);
  const isOld = e !== undefined && e.step < Math.max(0, ...points.map((p) => p.step));
  return [
    t && `${evaluation ? 'train ' : ''}${number(t.value)}`,
    e && `held-out ${number(e.value)}${isOld ? ` (step ${count(e.step)})` : ''}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Steps at which answers to the fixed prompts were written, ascending. */
export const generationSteps = (generations: readonly SampleGeneration[]): number[] =>
  [...new Set(generations.map((g) => g.step))].sort((a, b) => a - b);

/** The answers of one step, in the order of the prompts. */
export const generationsAt = (generations: readonly SampleGeneration[], step: number): SampleGeneration[] =>
  generations.filter((g) => g.step === step);

/** What an answer is: valid JSON, a tool call, prose. */
export function turnVerdict(text: string): { tone: 'ok' | 'bad' | 'warn'; title: string } {
  const turn = parseTurn(text);
  if (turn.isValid) return { tone: 'ok', title: turn.kind === 'tool_call' ? 'tool call' : 'valid JSON' };
  return turn.isJson ? { tone: 'warn', title: 'JSON, wrong shape' } : { tone: 'bad', title: 'not JSON' };
}

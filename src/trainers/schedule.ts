// Learning-rate schedules: the lambdas of transformers' get_scheduler (optimization.py), for optimizer steps from 0 on.
// As there, the first step of a warm-up has a rate of 0.

export const SCHEDULES = ['linear', 'cosine', 'constant', 'constant_with_warmup'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** Steps of warm-up, as TrainingArguments.get_warmup_steps: `warmup_steps` wins over the ratio when it is above 0. */
export function warmupSteps(
  { warmup_steps, warmup_ratio }: { warmup_steps: number; warmup_ratio: number },
  maxSteps: number,
): number {
  return warmup_steps > 0 ? warmup_steps : Math.ceil(maxSteps * warmup_ratio);
}

/** What learning_rate is multiplied by in optimizer step `step` (0 = the first). */
export function scheduleFactor(name: ScheduleName, step: number, warmup: number, maxSteps: number): number {
  if (name === 'constant') return 1;
  if (step < warmup) return step / Math.max(1, warmup);
  if (name === 'constant_with_warmup') return 1;
  if (name === 'linear') return Math.max(0, (maxSteps - step) / Math.max(1, maxSteps - warmup));
  const progress = (step - warmup) / Math.max(1, maxSteps - warmup);
  return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
}

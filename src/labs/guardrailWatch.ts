// The two-metric method on a run: every so many steps the model as it is answers held-out cases, and each metric is compared with what
// the same cases gave at the start.
import type { NamedReward } from '../eval/rewards/reward';
import { CancelledError } from '../lib/errors';
import type { ModelEngine } from '../nn/seam';
import type { Recipe } from '../protocol/recipe';
import type { MetricPoint, StopReason } from '../protocol/run';
import {
  guardrailWords,
  LEVEL,
  levelOf,
  outcomeOf,
  pointOf,
  type Reading,
  SECONDS,
  type TwoMetrics,
  type Watched,
  watchedMetrics,
} from '../protocol/twoMetrics';
import type { RenderContext } from '../text/renderContext';
import type { Reference } from '../trainers/loop';
import { Interruption } from '../trainers/online/rollout';
import type { World } from '../world/state';
import { type CaseValues, readingOf } from './caseCounts';
import { casesOf } from './casesOf';
import { caseValues, type HeldOutCases, heldOutCases } from './caseValues';

export interface WatchOptions {
  recipe: Recipe & { two_metrics: TwoMetrics };
  engine: ModelEngine;
  /** Where drift is measured from; needed for `kl`. */
  driftFrom?: Reference;
  /** Needed for `reward`. */
  rewards: readonly NamedReward[];
  world: World;
  render: RenderContext;
  /** Milliseconds. */
  now: () => number;
  yieldToOthers?: () => Promise<void>;
}
/** What a checkpoint keeps; plain JSON. */
export interface WatchState {
  /** Of the model that the run began with. */
  start?: CaseValues;
  /** Step of the last measurement; −1 before the first. */
  measuredAt: number;
}

export class GuardrailWatch {
  private readonly metrics: Watched[];
  private readonly cases: HeldOutCases;
  private state: WatchState;

  constructor(
    private readonly options: WatchOptions,
    resumeFrom?: WatchState,
  ) {
    const { recipe, world } = options;
    const which = { n: recipe.two_metrics.cases, seed: recipe.seed };
    this.metrics = watchedMetrics(recipe.two_metrics);
    this.cases = heldOutCases(this.metrics, world, casesOf(recipe), which);
    this.state = structuredClone(resumeFrom ?? { measuredAt: -1 });
  }

  isDue(step: number, maxSteps: number): boolean {
    if (this.state.measuredAt === step) return false;
    const { every } = this.options.recipe.two_metrics;
    return step === 0 || step >= maxSteps || (every > 0 && step % every === 0);
  }
  checkpoint(): WatchState {
    return structuredClone(this.state);
  }

  /** Undefined when it was interrupted: it is due still. */
  async measure(
    at: { step: number; epoch: number; maxSteps: number },
    isInterrupted: () => boolean,
  ): Promise<{ point: MetricPoint; stop?: StopReason } | undefined> {
    const { recipe, now } = this.options;
    const { step, epoch, maxSteps } = at;
    const level = levelOf(recipe.two_metrics, maxSteps);
    const interruption = new Interruption(isInterrupted, this.options.yieldToOthers);
    const started = now();
    let values: CaseValues;
    try {
      values = await this.values(interruption);
    } catch (error) {
      if (error instanceof CancelledError && interruption.signal.aborted) return undefined;
      throw error;
    }
    this.state.start ??= values;
    this.state.measuredAt = step;
    const readings = this.metrics.map((metric) => this.reading(metric, values, step, level));
    const seconds = (now() - started) / 1000;
    const point: MetricPoint = { step, epoch, ...pointOf(readings), [LEVEL]: level, [SECONDS]: seconds };
    const { broken } = outcomeOf(readings, recipe.two_metrics);
    if (!broken || !recipe.two_metrics.stop) return { point };
    const message = `${guardrailWords(broken)}.`;
    return { point, stop: { kind: 'guardrail', metric: broken.spec.metric, step, message } };
  }

  private reading(metric: Watched, values: CaseValues, step: number, level: number): Reading {
    const reading = readingOf(metric, this.state.start!, values, level);
    // The weights are the very same: that nothing has changed is no estimate.
    return step === 0 && !Number.isNaN(reading.now) ? { ...reading, low: 0, high: 0 } : reading;
  }
  private values(interruption: Interruption): Promise<CaseValues> {
    const { recipe, engine, world, render, rewards, driftFrom } = this.options;
    return caseValues(this.metrics, this.cases, {
      ...{ engine, world, render, rewards, driftFrom },
      route: engine.adapters.length > 0 ? 0 : -1,
      seed: recipe.seed,
      start: this.state.start,
      signal: interruption.signal,
      giveWay: () => interruption.giveWay(),
    });
  }
}

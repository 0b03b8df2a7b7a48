// The two-metric method on a run: every so many steps the model as it is answers held-out cases, and each metric is compared with what
// the same cases gave at the start.
import { bucketsUpTo } from '../data/buckets';
import { collate } from '../data/collate';
import { encodeCase, evaluateCases, type Sampler } from '../eval/evaluate';
import type { Graded } from '../eval/metric';
import { findMetrics } from '../eval/registry';
import { type NamedReward, reward } from '../eval/rewards/reward';
import { greedySampler } from '../eval/sampler';
import { mean, pairedChange } from '../eval/stats';
import { numbers } from '../lib/algebra';
import { CancelledError } from '../lib/errors';
import { Rng } from '../lib/rng';
import { generate } from '../nn/generate';
import type { ModelEngine } from '../nn/seam';
import { klEstimators } from '../protocol/klEstimators';
import type { Recipe } from '../protocol/recipe';
import type { MetricPoint, StopReason } from '../protocol/run';
import {
  guardrailWords,
  outcomeOf,
  pointOf,
  type Reading,
  refusalCounts,
  SECONDS,
  type TwoMetrics,
  type Watched,
  watchedMetrics,
} from '../protocol/twoMetrics';
import type { RenderContext } from '../text/renderContext';
import type { Reference } from '../trainers/loop';
import { Interruption } from '../trainers/online/rollout';
import { type EvaluationCase, evaluationCases } from '../world/cases';
import { builtinCases } from '../world/registry';
import type { World } from '../world/state';
import { casesOf } from './casesOf';

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
/** Value of each case, in the order of the cases; null where it does not count. */
type CaseValues = { [metric: string]: (number | null)[] };
/** What a checkpoint keeps; plain JSON. */
export interface WatchState {
  /** Of the model that the run began with. */
  start?: CaseValues;
  /** Step of the last measurement; −1 before the first. */
  measuredAt: number;
}

/** Requests that must be refused, and some that only sound like it. */
const REFUSALS = 'builtin:sft/safety';
/** Decoded together: beside a run in training there is not all the memory of the device. */
export const WATCH_BATCH = 32;
/** Longest answer: that of the longest kind of case. */
export const WATCH_TOKENS = 208;

const mustBeRefused = ({ truth }: EvaluationCase): boolean =>
  truth.expect === 'final' && truth.final.status === 'refused';
/** Rows are drawn in their order until there are enough of both kinds. */
function refusalCases({ n, seed }: { n: number; seed: number }): EvaluationCase[] {
  const [due, other]: EvaluationCase[][] = [[], []];
  const wanted = refusalCounts(n);
  for (let drawn = 0; due!.length < wanted.due || other!.length < wanted.other; drawn += n)
    for (const c of builtinCases(REFUSALS, { n: drawn + n, seed }).slice(drawn))
      (mustBeRefused(c) ? due! : other!).push(c);
  return [...due!.slice(0, wanted.due), ...other!.slice(0, wanted.other)];
}

export class GuardrailWatch {
  private readonly metrics: Watched[];
  private readonly own: EvaluationCase[];
  private readonly refusals: EvaluationCase[];
  private state: WatchState;

  constructor(
    private readonly options: WatchOptions,
    resumeFrom?: WatchState,
  ) {
    const { recipe, world } = options;
    const which = { n: recipe.two_metrics.cases, seed: recipe.seed };
    const set = casesOf(recipe);
    this.metrics = watchedMetrics(recipe.two_metrics);
    this.own = set === undefined ? evaluationCases(world, which) : builtinCases(set, which);
    this.refusals = this.metrics.some(({ on }) => on === 'all') ? refusalCases(which) : [];
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
    at: { step: number; epoch: number },
    isInterrupted: () => boolean,
  ): Promise<{ point: MetricPoint; stop?: StopReason } | undefined> {
    const { recipe, now } = this.options;
    const { step } = at;
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
    const readings = this.metrics.map((metric) => this.reading(metric, values, step));
    const point: MetricPoint = { ...at, ...pointOf(readings), [SECONDS]: (now() - started) / 1000 };
    const { broken } = outcomeOf(readings, recipe.two_metrics);
    if (!broken || !recipe.two_metrics.stop) return { point };
    const message = `${guardrailWords(broken)}.`;
    return { point, stop: { kind: 'guardrail', metric: broken.spec.metric, step, message } };
  }

  private reading({ id, unit }: Watched, values: CaseValues, step: number): Reading {
    const [start, now] = [this.startOf(id, values), values[id]!];
    const known = (all: readonly (number | null)[]) => mean(all.filter((value) => value !== null));
    const reading = { metric: id, before: known(start), now: known(now) };
    // The weights are the very same: that nothing has changed is no estimate.
    if (step === 0 && !Number.isNaN(reading.now)) return { ...reading, low: 0, high: 0 };
    const rng = new Rng(this.options.recipe.seed, 'two metrics').fork(step);
    return { ...reading, ...pairedChange(start, now, rng, unit === 'share' ? 'share' : 'other') };
  }
  /** Against itself a model wins half the time. */
  private startOf(id: string, values: CaseValues): (number | null)[] {
    return id === 'win_rate' ? values[id]!.map((value) => (value === null ? null : 0.5)) : this.state.start![id]!;
  }

  private async values(interruption: Interruption): Promise<CaseValues> {
    const { recipe, engine, world, render } = this.options;
    const route = engine.adapters.length > 0 ? 0 : -1;
    const greedy = greedySampler(engine, () => interruption.giveWay(), route);
    const ids: number[][] = [];
    const sampler: Sampler = async (prompts, options) => {
      const rows = await greedy(prompts, options);
      ids.push(...rows.map((row) => row.ids));
      return rows;
    };
    const cases = [...this.own, ...this.refusals];
    const { graded } = await evaluateCases(
      cases,
      {
        metrics: [],
        seed: recipe.seed,
        promptStyle: 'plain',
        batch: WATCH_BATCH,
        max_new_tokens: WATCH_TOKENS,
        signal: interruption.signal,
      },
      { world, render, sampler },
    );
    const out: CaseValues = {};
    const own = graded.slice(0, this.own.length);
    for (const { id, on } of this.metrics) {
      if (id === 'kl') out[id] = await this.drift(route, interruption);
      else if (id === 'reward') out[id] = await this.rewarded(own, ids);
      else if (id === 'win_rate') out[id] = this.wins(own);
      else {
        const [metric] = findMetrics([id]);
        out[id] = (on === 'own' ? own : graded).map((one) => {
          const value = metric!.valueOf(one);
          return value === null ? null : Number(value);
        });
      }
    }
    // Kept beside its comparison: what later answers are compared with.
    out.rubric ??= own.map(({ verdicts }) => verdicts.rubric);
    return out;
  }
  /** 1 where the rubric puts the answer above the start's, 0 below, a half where it is the same. */
  private wins(own: readonly Graded[]): (number | null)[] {
    const before = this.state.start?.rubric;
    return own.map(({ verdicts: { rubric } }, i) => {
      const was = before ? before[i]! : rubric;
      if (rubric === null || was === null) return null;
      return Math.abs(rubric - was) < 1e-9 ? 0.5 : Number(rubric > was);
    });
  }
  private async rewarded(own: readonly Graded[], ids: readonly number[][]): Promise<(number | null)[]> {
    const { rewards, render, world, recipe } = this.options;
    const context = { world, render, sampler: async () => [] };
    const promptIds = own.map(({ case: c }) => encodeCase(c, 'plain', recipe.seed, context).ids);
    const scored = await reward(rewards, {
      prompts: promptIds.map((ids) => render.tokenizer.decode(ids)),
      completions: own.map(({ output }) => output),
      promptIds,
      completionIds: ids.slice(0, own.length),
      rows: own.map(({ case: c }) => ({ rowId: c.caseId, row: { prompt: c.messages }, case: c })),
    });
    return scored.map(({ score }) => score);
  }
  /**
   * KL(π ‖ reference) of one answer a case, drawn at temperature 1 with the same dice each time: Σ over its tokens of Schulman's k3,
   * whose mean is that of the KL itself.
   */
  private async drift(route: number, interruption: Interruption): Promise<number[]> {
    const { engine, recipe, world, render, driftFrom } = this.options;
    const context = { world, render, sampler: async () => [] };
    const encoded = this.own.map((c) => encodeCase(c, 'plain', recipe.seed, context));
    const prompts = encoded.map(({ ids }) => ids);
    const drawn = await generate(engine, {
      prompts,
      stopIds: encoded[0]!.stopIds,
      sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: WATCH_TOKENS, seed: recipe.seed },
      rowAdapter: new Int32Array(prompts.length).fill(route),
      maxBatch: WATCH_BATCH,
      signal: interruption.signal,
      yieldToOthers: () => interruption.giveWay(),
    });
    const rows = drawn.map(({ ids }, i) => {
      const whole = Int32Array.from([...prompts[i]!, ...ids]);
      return { ids: whole, mask: Uint8Array.from(whole, (_, t) => Number(t >= prompts[i]!.length)) };
    });
    const out = new Array<number>(rows.length);
    const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
    const size = 8;
    for (let start = 0; start < order.length; start += size) {
      const part = order.slice(start, start + size);
      const buckets = bucketsUpTo(engine.config.max_position_embeddings);
      const batch = collate(
        part.map((i) => rows[i]!),
        { buckets },
      );
      const read = await driftFrom!(batch);
      part.forEach((i, b) => {
        const first = b * batch.T + prompts[i]!.length - 1;
        out[i] = drawn[i]!.logps.reduce(
          (sum, logp, t) => sum + klEstimators.k3.of(numbers, logp - read[first + t]!),
          0,
        );
      });
      await interruption.check();
    }
    return out;
  }
}

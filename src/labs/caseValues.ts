// One model on held-out cases: the value that each case gives to each metric of the two-metric method. A run's own measurements and
// the comparison of methods both count by it, so that their figures mean the same.
import { bucketsUpTo } from '../data/buckets';
import { collate } from '../data/collate';
import { encodeCase, evaluateCases, type Sampler } from '../eval/evaluate';
import type { Graded } from '../eval/metric';
import { findMetrics } from '../eval/registry';
import { type NamedReward, reward } from '../eval/rewards/reward';
import { greedySampler } from '../eval/sampler';
import { CancelledError, ConfigError } from '../lib/errors';
import { generate } from '../nn/generate';
import type { ModelEngine } from '../nn/seam';
import { refusalCounts, type Watched } from '../protocol/twoMetrics';
import type { RenderContext } from '../text/renderContext';
import type { Reference } from '../trainers/loop';
import { type EvaluationCase, evaluationCases } from '../world/cases';
import { builtinCases } from '../world/registry';
import type { World } from '../world/state';
import { type CaseValues, driftOf, winsOf } from './caseCounts';

/** Requests that must be refused, and some that only sound like it. */
const REFUSALS = 'builtin:sft/safety';
/** Decoded together: beside a run in training there is not all the memory of the device. */
export const WATCH_BATCH = 32;
/** Longest answer: that of the longest kind of case. */
export const WATCH_TOKENS = 208;
/** What a plan of memory counts for a prompt: the longest of 1,400 cases has 259 tokens under the studio's tokenizer. */
export const WATCH_PROMPT_TOKENS = 320;
/** Drawn answers that the reference reads together. */
export const WATCH_READ = 8;

export interface HeldOutCases {
  own: readonly EvaluationCase[];
  /** Only where a metric counts them. */
  refusals: readonly EvaluationCase[];
}
/** `set`: of the run's own kind; the four SFT shapes unless given. */
export function heldOutCases(
  metrics: readonly Watched[],
  world: World,
  set: string | undefined,
  which: { n: number; seed: number },
): HeldOutCases {
  return {
    own: set === undefined ? evaluationCases(world, which) : builtinCases(set, which),
    refusals: metrics.some(({ on }) => on === 'all') ? refusalCases(which) : [],
  };
}
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

export interface CaseOptions {
  engine: ModelEngine;
  /** As in rowAdapter: −1 is the base. */
  route: number;
  world: World;
  render: RenderContext;
  /** Of prompts and of what is drawn. */
  seed: number;
  /** Where drift is measured from; needed for `kl`. */
  driftFrom?: Reference | undefined;
  /** Needed for `reward`. */
  rewards: readonly NamedReward[];
  /** What the same cases gave at the start: answers are compared with it. Without it this is the start. */
  start?: CaseValues | undefined;
  signal: AbortSignal;
  /** After every token and every batch; what ends the measurement aborts the signal in it. */
  giveWay: () => Promise<void>;
  /** Answers written, of all that are. */
  onProgress?: (done: number, total: number) => void;
}

/** Answers written for the metrics: one a case, and another for the drift of each of the run's own. */
export const answersOf = ({ own, refusals }: HeldOutCases, metrics: readonly Watched[]): number =>
  own.length + refusals.length + (metrics.some(({ id }) => id === 'kl') ? own.length : 0);

/** Throws CancelledError once the signal is aborted. */
export async function caseValues(
  metrics: readonly Watched[],
  cases: HeldOutCases,
  options: CaseOptions,
): Promise<CaseValues> {
  const { engine, route, world, render, seed, signal, giveWay, onProgress } = options;
  const greedy = greedySampler(engine, giveWay, route);
  const ids: number[][] = [];
  const sampler: Sampler = async (prompts, given) => {
    const rows = await greedy(prompts, given);
    ids.push(...rows.map((row) => row.ids));
    return rows;
  };
  const total = answersOf(cases, metrics);
  const all = [...cases.own, ...cases.refusals];
  const { graded } = await evaluateCases(
    all,
    {
      ...{ metrics: [], seed, promptStyle: 'plain', signal },
      ...{ batch: WATCH_BATCH, max_new_tokens: WATCH_TOKENS },
      onProgress: (done) => onProgress?.(done, total),
    },
    { world, render, sampler },
  );
  const out: CaseValues = {};
  const own = graded.slice(0, cases.own.length);
  const rubric = own.map(({ verdicts }) => verdicts.rubric);
  for (const { id, on } of metrics) {
    if (id === 'kl') out[id] = await drift(cases.own, options, (done) => onProgress?.(all.length + done, total));
    else if (id === 'reward') out[id] = await rewarded(own, ids, options);
    else if (id === 'win_rate') out[id] = winsOf(rubric, options.start?.rubric ?? rubric);
    else {
      const [metric] = findMetrics([id]);
      out[id] = (on === 'own' ? own : graded).map((one) => {
        const value = metric!.valueOf(one);
        return value === null ? null : Number(value);
      });
    }
  }
  // Kept beside its comparison: what later answers are compared with.
  out.rubric ??= rubric;
  return out;
}

async function rewarded(
  own: readonly Graded[],
  ids: readonly number[][],
  { rewards, render, world, seed }: CaseOptions,
): Promise<(number | null)[]> {
  const context = { world, render, sampler: async () => [] };
  const promptIds = own.map(({ case: c }) => encodeCase(c, 'plain', seed, context).ids);
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
async function drift(
  own: readonly EvaluationCase[],
  { engine, route, world, render, seed, driftFrom, signal, giveWay }: CaseOptions,
  onProgress: (done: number) => void,
): Promise<number[]> {
  if (!driftFrom)
    throw new ConfigError('kl is measured from a reference, and there is none. Give one, or leave kl out.', {
      where: 'kl',
    });
  const context = { world, render, sampler: async () => [] };
  const encoded = own.map((c) => encodeCase(c, 'plain', seed, context));
  const prompts = encoded.map(({ ids }) => ids);
  const drawn = await generate(engine, {
    prompts,
    stopIds: encoded[0]!.stopIds,
    sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: WATCH_TOKENS, seed },
    rowAdapter: new Int32Array(prompts.length).fill(route),
    maxBatch: WATCH_BATCH,
    signal,
    yieldToOthers: giveWay,
  });
  const rows = drawn.map(({ ids }, i) => {
    const whole = Int32Array.from([...prompts[i]!, ...ids]);
    return { ids: whole, mask: Uint8Array.from(whole, (_, t) => Number(t >= prompts[i]!.length)) };
  });
  const out = new Array<number>(rows.length);
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
  for (let start = 0; start < order.length; start += WATCH_READ) {
    const part = order.slice(start, start + WATCH_READ);
    const buckets = bucketsUpTo(engine.config.max_position_embeddings);
    const batch = collate(
      part.map((i) => rows[i]!),
      { buckets },
    );
    const read = await driftFrom(batch);
    part.forEach((i, b) => {
      const first = b * batch.T + prompts[i]!.length - 1;
      out[i] = driftOf(drawn[i]!.logps, read.subarray(first));
    });
    onProgress(Math.min(start + WATCH_READ, order.length));
    await giveWay();
    if (signal.aborted) throw new CancelledError('The measurement was stopped.', { cause: signal.reason });
  }
  return out;
}

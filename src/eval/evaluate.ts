// Held-out evaluation by generation: prompts from the world, greedy answers in batches, verdicts, metrics.
import { Rng } from '../lib/rng';
import type { Json } from '../protocol/chat';
import type { GradedCase, MetricResult } from '../protocol/requests';
import { encodePlainPrompt, encodePrompt } from '../text/encodePrompt';
import type { RenderContext } from '../text/renderContext';
import { bestPrompt, type EvaluationCase, evaluationCases } from '../world/cases';
import { gradeTurn } from '../world/grade';
import type { Split } from '../world/item';
import { builtinCases } from '../world/registry';
import type { World } from '../world/state';
import { type Graded, measureMetric, type RoutedCase } from './metric';
import { findMetrics } from './registry';

/**
 * Batched greedy decoding of whatever model is evaluated. Rows come back in the order of the prompts. `adapters`: through which one
 * each prompt is answered, where the model has several.
 */
export type Sampler = (
  prompts: Int32Array[],
  options: {
    max_new_tokens: number;
    stopIds: number[];
    signal?: AbortSignal;
    adapters?: readonly (string | undefined)[];
  },
) => Promise<{ ids: number[]; terminated: boolean }[]>;

/** `plain`: the chat template alone. `best_prompt`: the contract in words and worked examples, as plain text to continue. */
export type PromptStyle = 'plain' | 'best_prompt';

export interface EvaluateOptions {
  metrics: readonly string[];
  cases: number;
  seed: number;
  promptStyle: PromptStyle;
  /** Cases of this built-in set; of the four SFT shapes unless given. */
  dataset?: string;
  split?: Split;
  /** Longest turn; that of the cases' kind unless given. */
  max_new_tokens?: number;
  /** Cases decoded together. */
  batch?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}
export interface EvaluateContext {
  world: World;
  render: RenderContext;
  sampler: Sampler;
}

/** The references have at most 78 tokens, those of the preference prompts 188. */
const longestTurn = (cases: readonly EvaluationCase[]): number =>
  cases.some(({ shape }) => shape === 'pref') ? 208 : 112;

export interface EncodedCase {
  ids: Int32Array;
  stopIds: number[];
  /** Of the continuation, what counts as the turn. */
  turn(text: string): string;
}

/** What the model reads for a case, and where its turn ends. */
export function encodeCase(c: EvaluationCase, style: PromptStyle, seed: number, context: EvaluateContext): EncodedCase {
  const { world, render } = context;
  if (style === 'plain') {
    const { ids, stopIds } = encodePrompt(c.messages, { ...render, tools: c.tools });
    return { ids, stopIds, turn: (text) => text };
  }
  const { ids, stopIds } = encodePlainPrompt(bestPrompt(world, c, seed), render);
  // A base model knows no end of turn: the end of the line is one.
  return { ids, stopIds: [...stopIds, ...newlineIds(render)], turn: (text) => text.split('\n')[0]! };
}

const newlineCache = new WeakMap<object, number[]>();
function newlineIds({ tokenizer }: RenderContext): number[] {
  let ids = newlineCache.get(tokenizer);
  if (!ids) {
    ids = [];
    for (let id = 0; id < tokenizer.vocabSize; id++) if (tokenizer.decode([id]).includes('\n')) ids.push(id);
    newlineCache.set(tokenizer, ids);
  }
  return ids;
}

/**
 * Generates and grades held-out cases of the four SFT shapes, or of `dataset`; the metrics' intervals are seeded by `seed`.
 * Throws DataError for an unknown dataset.
 */
export function evaluate(options: EvaluateOptions, context: EvaluateContext): ReturnType<typeof evaluateCases> {
  const { cases: n, seed, split = 'heldout', dataset } = options;
  const which = { n, seed, split };
  const cases = dataset === undefined ? evaluationCases(context.world, which) : builtinCases(dataset, which);
  return evaluateCases(cases, options, context);
}

/**
 * The same for cases in hand: a tenant's slice, or those of another dataset. Cases of several adapters are measured together, and
 * each adapter's for itself as `<metric>/<adapter>`.
 */
export async function evaluateCases(
  cases: readonly RoutedCase[],
  options: Omit<EvaluateOptions, 'cases' | 'split' | 'dataset'>,
  context: EvaluateContext,
): Promise<{ metrics: MetricResult[]; cases: GradedCase[]; graded: Graded[] }> {
  const { seed, promptStyle, onProgress, signal, max_new_tokens = longestTurn(cases), batch = 64 } = options;
  const metrics = findMetrics(options.metrics);
  const graded: Graded[] = [];
  for (let start = 0; start < cases.length; start += batch) {
    const part = cases.slice(start, start + batch);
    const encoded = part.map((c) => encodeCase(c, promptStyle, seed, context));
    const rows = await context.sampler(
      encoded.map((e) => e.ids),
      {
        max_new_tokens,
        stopIds: encoded[0]!.stopIds,
        signal,
        ...(part.some((c) => c.adapter !== undefined) && { adapters: part.map((c) => c.adapter) }),
      },
    );
    part.forEach((c, i) => {
      const { ids, terminated } = rows[i]!;
      const text = context.render.tokenizer.decode(terminated && promptStyle === 'plain' ? ids.slice(0, -1) : ids);
      const output = encoded[i]!.turn(text);
      const verdicts = gradeTurn(c.truth, output, c.expected, c.lastUser);
      graded.push({ case: c, output, verdicts, terminated, tokens: ids.length });
    });
    onProgress?.(graded.length, cases.length);
  }
  const rng = new Rng(seed, 'intervals');
  const adapters = new Set(cases.flatMap(({ adapter }) => adapter ?? []));
  const byAdapter = metrics.flatMap((metric) =>
    [...adapters].map((name) => {
      const own = graded.filter((g) => g.case.adapter === name);
      return { ...measureMetric(metric, own, rng), id: `${metric.id}/${name}` };
    }),
  );
  return {
    metrics: [...metrics.map((metric) => measureMetric(metric, graded, rng)), ...byAdapter],
    cases: graded.map(toGradedCase),
    graded,
  };
}

function toGradedCase({ case: c, output, verdicts, terminated, tokens }: Graded): GradedCase {
  const all: Record<string, Json> = { ...verdicts, terminated, tokens };
  return {
    caseId: c.caseId,
    ...(c.adapter !== undefined && { adapter: c.adapter }),
    kind: c.kind,
    prompt: c.lastUser,
    expected: c.expected,
    output,
    verdicts: all as GradedCase['verdicts'],
  };
}

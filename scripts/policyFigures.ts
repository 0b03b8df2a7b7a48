// What scripts/resultsPreference.ts measures of a policy beside the model that it started from: quality by the rubric, wins, KL, and
// what should not have moved.
import { encodeCase, evaluate } from '../src/eval/evaluate';
import type { Graded } from '../src/eval/metric';
import { greedySampler } from '../src/eval/sampler';
import { generate } from '../src/nn/generate';
import type { ModelEngine } from '../src/nn/seam';
import type { RenderContext } from '../src/text/renderContext';
import { placeOf, rolloutBatch } from '../src/trainers/online/rolloutBatch';
import type { Split } from '../src/world/item';
import { builtinCases, builtinWorld } from '../src/world/registry';

export interface PolicyCases {
  split: Split;
  /** Prompts of builtin:pref, answered greedily and judged by the rubric. */
  quality: number;
  /** Cases of the four SFT shapes, with actions to refuse among them. */
  guardrail: number;
  /** Completions drawn at temperature 1 for the KL, one a prompt of builtin:pref. */
  drawn: number;
}
export interface PolicyFigures {
  quality: Graded[];
  guardrail: Graded[];
  /** KL from the start of each completion that was drawn, nats: Σ log π − log π_start, right on average (k1). */
  kl: number[];
}

const ANSWER_TOKENS = 208;
const KL_BATCH = 16;

/** `start` undefined: the policy is the start, and has no KL. */
export async function policyFigures(
  policy: ModelEngine,
  start: ModelEngine | undefined,
  render: RenderContext,
  { split, quality, guardrail, drawn }: PolicyCases,
): Promise<PolicyFigures> {
  const context = { world: builtinWorld(), render, sampler: greedySampler(policy) };
  const given = { metrics: [], seed: 1, promptStyle: 'plain' as const, split };
  return {
    quality: (await evaluate({ ...given, cases: quality, dataset: 'builtin:pref' }, context)).graded,
    guardrail: (await evaluate({ ...given, cases: guardrail }, context)).graded,
    kl: start ? await klOf(policy, start, render, { split, n: drawn }) : [],
  };
}

async function klOf(
  policy: ModelEngine,
  start: ModelEngine,
  render: RenderContext,
  { split, n }: { split: Split; n: number },
): Promise<number[]> {
  const world = builtinWorld();
  const sampler = greedySampler(policy);
  const prompts = builtinCases('builtin:pref', { n, seed: 2, split }).map((c) =>
    encodeCase(c, 'plain', 1, { world, render, sampler }),
  );
  const drawn = await generate(policy, {
    prompts: prompts.map(({ ids }) => ids),
    stopIds: prompts[0]!.stopIds,
    sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: ANSWER_TOKENS, seed: 1 },
  });
  const rows = drawn.map(({ ids }, prompt) => ({ prompt, ids }));
  const of = prompts.map(({ ids }) => ({ ids, text: '', source: { rowId: '', row: {} } }));
  const out: number[] = [];
  for (let at = 0; at < rows.length; at += KL_BATCH) {
    const part = rows.slice(at, at + KL_BATCH);
    const batch = rolloutBatch(part, of, { maxLength: policy.config.max_position_embeddings, route: -1 });
    const [own, other] = [await logps(policy, batch), await logps(start, batch)];
    part.forEach(({ prompt, ids }, b) => {
      const from = placeOf(batch, b, of[prompt]!);
      let sum = 0;
      for (let i = from; i < from + ids.length; i++) sum += own[i]! - other[i]!;
      out.push(sum);
    });
  }
  return out;
}
async function logps(engine: ModelEngine, batch: ReturnType<typeof rolloutBatch>): Promise<Float32Array> {
  const found = await engine.evaluate(batch, { want: ['logps'] });
  const values = (await found.logps!.data()) as Float32Array;
  for (const tensor of [found.logps, found.mask, found.targets]) tensor?.dispose();
  return values;
}

/** By case of the two in their order: 1 where the policy's answer is better by the rubric, ½ where they are equal. */
export function wins(policy: readonly Graded[], start: readonly Graded[]): number[] {
  return policy.flatMap(({ verdicts: { rubric } }, i) => {
    const other = start[i]!.verdicts.rubric;
    return rubric === null || other === null ? [] : [rubric > other ? 1 : rubric < other ? 0 : 0.5];
  });
}

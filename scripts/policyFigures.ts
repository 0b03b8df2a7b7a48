// What scripts/resultsPreference.ts measures of a policy beside the model that it started from: quality by the rubric, wins, KL, what
// it is paid, and what should not have moved.
import { encodeCase, evaluate } from '../src/eval/evaluate';
import type { Graded } from '../src/eval/metric';
import { greedySampler } from '../src/eval/sampler';
import { rewardsOf } from '../src/labs/onlineRecipe';
import { generate } from '../src/nn/generate';
import type { ModelEngine } from '../src/nn/seam';
import type { Recipe } from '../src/protocol/recipe';
import type { RenderContext } from '../src/text/renderContext';
import { placeOf, rolloutBatch } from '../src/trainers/online/rolloutBatch';
import { gradeTurn } from '../src/world/grade';
import type { Split } from '../src/world/item';
import { builtinCases, builtinWorld } from '../src/world/registry';

export interface PolicyCases {
  split: Split;
  /** Prompts of builtin:pref, answered greedily and judged by the rubric. */
  quality: number;
  /** Cases of the four SFT shapes, with actions to refuse among them. */
  guardrail: number;
  /** Prompts of builtin:pref with one answer each, drawn at temperature 1. */
  drawn: number;
}
/** Answers drawn at temperature 1, with the same dice each time. */
export type Answers = { prompt: Int32Array; ids: number[]; text: string; rubric: number }[];
export interface PolicyFigures {
  quality: Graded[];
  guardrail: Graded[];
  /** `kl`: of the answer from the start, nats: Σ log π − log π_start, right on average (k1); 0 where the policy is the start. */
  drawn: (Answers[number] & { kl: number })[];
}

const ANSWER_TOKENS = 208;
const BATCH = 16;

/** `start` undefined: the policy is the start, and has no KL. */
export async function policyFigures(
  policy: ModelEngine,
  start: ModelEngine | undefined,
  render: RenderContext,
  cases: PolicyCases,
): Promise<PolicyFigures> {
  const { split, quality, guardrail, drawn } = cases;
  const context = { world: builtinWorld(), render, sampler: greedySampler(policy) };
  const given = { metrics: [], seed: 1, promptStyle: 'plain' as const, split };
  const answers = drawn > 0 ? await answersOf(policy, render, cases) : [];
  const kl = start ? await klOf(policy, start, answers) : answers.map(() => 0);
  return {
    quality: (await evaluate({ ...given, cases: quality, dataset: 'builtin:pref' }, context)).graded,
    guardrail: guardrail > 0 ? (await evaluate({ ...given, cases: guardrail }, context)).graded : [],
    drawn: answers.map((answer, i) => ({ ...answer, kl: kl[i]! })),
  };
}

export async function answersOf(
  policy: ModelEngine,
  render: RenderContext,
  { split, drawn: n }: Pick<PolicyCases, 'split' | 'drawn'>,
): Promise<Answers> {
  const context = { world: builtinWorld(), render, sampler: greedySampler(policy) };
  const cases = builtinCases('builtin:pref', { n, seed: 2, split });
  const prompts = cases.map((c) => encodeCase(c, 'plain', 1, context));
  const drawn = await generate(policy, {
    prompts: prompts.map(({ ids }) => ids),
    stopIds: prompts[0]!.stopIds,
    sampling: { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: ANSWER_TOKENS, seed: 1 },
  });
  return drawn.map(({ ids, terminated }, i) => {
    const { truth, expected, lastUser } = cases[i]!;
    const text = render.tokenizer.decode(terminated ? ids.slice(0, -1) : ids);
    return { prompt: prompts[i]!.ids, ids, text, rubric: gradeTurn(truth, text, expected, lastUser).rubric ?? 0 };
  });
}

/** What a reward model gives for each answer, as a run pays it. */
export async function paidFor(judge: ModelEngine, render: RenderContext, answers: Answers): Promise<number[]> {
  const spec = { type: 'model' as const, ref: 'judge' };
  const stopIds = encodeStops(render);
  const args = { per_device_eval_batch_size: BATCH, max_length: judge.config.max_position_embeddings - 8 };
  const [paid] = rewardsOf({ rewards: [spec] } as Recipe, args, { render, rewardModels: { judge } }, stopIds);
  const found = await paid!.of({
    prompts: answers.map(() => ''),
    completions: answers.map(({ text }) => text),
    promptIds: answers.map(({ prompt }) => prompt),
    completionIds: answers.map(({ ids }) => ids),
    rows: answers.map((_, i) => ({ rowId: `${i}`, row: {} })),
  });
  return found.map((reward) => reward!);
}
const encodeStops = (render: RenderContext): number[] => {
  const [c] = builtinCases('builtin:pref', { n: 1, seed: 2 });
  return encodeCase(c!, 'plain', 1, { world: builtinWorld(), render, sampler: async () => [] }).stopIds;
};

async function klOf(policy: ModelEngine, start: ModelEngine, answers: Answers): Promise<number[]> {
  const rows = answers.map(({ ids }, prompt) => ({ prompt, ids }));
  const prompts = answers.map(({ prompt: ids }) => ({ ids, text: '', source: { rowId: '', row: {} } }));
  const out: number[] = [];
  for (let at = 0; at < rows.length; at += BATCH) {
    const part = rows.slice(at, at + BATCH);
    const batch = rolloutBatch(part, prompts, { maxLength: policy.config.max_position_embeddings, route: -1 });
    const [own, other] = [await logps(policy, batch), await logps(start, batch)];
    part.forEach(({ prompt, ids }, b) => {
      const from = placeOf(batch, b, prompts[prompt]!);
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

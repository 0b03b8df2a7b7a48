// What scripts/resultsPreference.ts draws from a policy beside its held-out cases (src/labs/caseValues.ts): answers at temperature 1, what
// they are worth and what a reward model pays for them.
import { encodeCase } from '../src/eval/evaluate';
import { rewardsOf } from '../src/labs/onlineRecipe';
import { generate } from '../src/nn/generate';
import type { ModelEngine } from '../src/nn/seam';
import type { Recipe } from '../src/protocol/recipe';
import { stopsOf } from '../src/text/encodePrompt';
import type { RenderContext } from '../src/text/renderContext';
import { gradeTurn } from '../src/world/grade';
import { builtinCases, builtinWorld } from '../src/world/registry';

/** Answers drawn at temperature 1, with the same dice each time. */
export type Answers = { prompt: Int32Array; ids: number[]; text: string; rubric: number }[];

const ANSWER_TOKENS = 208;
const BATCH = 16;

export async function answersOf(policy: ModelEngine, render: RenderContext, n: number): Promise<Answers> {
  const context = { world: builtinWorld(), render, sampler: async () => [] };
  const cases = builtinCases('builtin:pref', { n, seed: 2 });
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
  const stopIds = stopsOf(render);
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

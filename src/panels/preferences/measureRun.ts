// How a run of this panel is measured: the rubric by generation, then its win rate and its KL, kept with the run.
import { casesOf } from '../../labs/casesOf';
import type { Recipe } from '../../protocol/recipe';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { type MeasureRequest, measure, measurementOf, useMeasurements } from '../../stores/measurements';
import { keepMeasured, useRuns } from '../../stores/runs';
import { type SampledAnswer, sampledKl, winRate } from './measureView';
import { referenceToRead } from './referenceView';

export const CASES = 40;
/** Answers drawn for the KL. */
export const SAMPLES = 24;
const ANSWER_TOKENS = 208;

export function measureRequests({ id, recipe, step }: Pick<RunRecord, 'id' | 'recipe' | 'step'>): {
  after: MeasureRequest;
  before: MeasureRequest;
} {
  const after: MeasureRequest = {
    ref: `run:${id}`,
    metrics: recipe.evaluation,
    cases: CASES,
    seed: recipe.seed,
    template: recipe.template,
    dataset: casesOf(recipe),
    at: step,
  };
  return { after, before: { ...after, ref: recipe.model.ref, at: undefined } };
}
/** Under which key the run's record has what is drawn from both, or by sampling. */
export const drawnKey = ({ step }: Pick<RunRecord, 'step'>): string => `preference ${step}`;

/** The model's own answers at temperature 1, read under the reference. */
async function klOf(recipe: Recipe, run: RunRecord, signal: AbortSignal): Promise<MetricResult | undefined> {
  const { compute, text } = studioClient();
  const page = { datasetId: 'builtin:pref', split: 'heldout', offset: 0, limit: SAMPLES };
  const { rows } = await text.request('rows', page, { signal });
  const prompts: Int32Array[] = [];
  let stopIds: number[] = [];
  for (const { row } of rows) {
    const messages = Array.isArray(row.prompt) ? row.prompt : [];
    const given = { messages, template: recipe.template, model: recipe.model.ref };
    const { ids, stopIds: ends } = await text.request('encodePrompt', given, { signal });
    prompts.push(ids);
    stopIds = ends;
  }
  const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: ANSWER_TOKENS, seed: recipe.seed };
  const drawn = await compute.request('generate', { ref: `run:${run.id}`, prompts, sampling, stopIds }, { signal });
  const answers = drawn.completions.map(({ ids, logps }, i) => {
    const from = prompts[i]!.length;
    const whole = Int32Array.from([...prompts[i]!, ...ids]);
    return { logps, from, row: { ids: whole, mask: Uint8Array.from(whole, (_, t) => Number(t >= from)) } };
  });
  const { ref } = referenceToRead(recipe, run);
  const read = await compute.request('readRows', { ref, rows: answers.map(({ row }) => row) }, { signal });
  return sampledKl(answers.map(({ logps, from }, i): SampledAnswer => ({ logps, from, reference: read.rows[i]! })));
}

/** All of it, one after the other: the device is one. Throws in words where sampling or reading fails. */
export async function measureRun(runId: string, signal: AbortSignal): Promise<void> {
  const run = useRuns.getState().runs[runId];
  if (!run) return;
  const { after, before } = measureRequests(run);
  await measure(after, runId);
  await measure(before, runId);
  const { byKey } = useMeasurements.getState();
  const [a, b] = [measurementOf(byKey, after, run), measurementOf(byKey, before, run)];
  if (a?.status !== 'ready' || b?.status !== 'ready') return;
  const rate = winRate(a.cases, b.cases);
  const kl = await klOf(run.recipe, run, signal);
  await keepMeasured(
    runId,
    drawnKey(run),
    [rate, kl].flatMap((metric) => metric ?? []),
  );
}

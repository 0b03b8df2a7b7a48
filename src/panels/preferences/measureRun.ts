// What is measured of a run of this panel beside its rubric: its win rate and its KL, kept with the run.

import { driftOf, winsOf } from '../../labs/caseCounts';
import type { Recipe } from '../../protocol/recipe';
import type { MetricResult } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { measurementOf, useMeasurements } from '../../stores/measurements';
import { keepMeasured } from '../../stores/runs';
import { measureRequest, startRequest } from '../shared/measureRequest';
import { referenceToRead } from '../shared/referenceView';
import { qualities, resultOf } from './measureView';

/** Answers drawn for the KL. */
export const SAMPLES = 24;
const ANSWER_TOKENS = 208;

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
  const drifts = answers.map(({ logps, from }, i) => driftOf(logps, read.rows[i]!.logps.subarray(from)));
  return resultOf('kl', drifts);
}

/**
 * Win rate and KL, kept with the run; nothing unless both of its models were measured. Throws in words where sampling or reading
 * fails.
 */
export async function measureDrawn(run: RunRecord, signal: AbortSignal): Promise<void> {
  const { byKey } = useMeasurements.getState();
  const [a, b] = [measurementOf(byKey, measureRequest(run), run), measurementOf(byKey, startRequest(run), run)];
  if (a?.status !== 'ready' || b?.status !== 'ready') return;
  const { after, before } = qualities(a.cases, b.cases);
  const rate = resultOf('win_rate', winsOf(after, before));
  const kl = await klOf(run.recipe, run, signal);
  await keepMeasured(
    run.id,
    drawnKey(run),
    [rate, kl].flatMap((metric) => metric ?? []),
  );
}

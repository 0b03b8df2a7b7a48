// The request compareRuns: several runs and the model that all of them started from, on the same held-out cases. Each run that is
// done is kept with its record at once, so that a stop loses only the one under way.

import { encodeCase } from '../eval/evaluate';
import { type CaseValues, readingOf } from '../labs/caseCounts';
import { RUBRIC_CASES } from '../labs/casesOf';
import { answersOf, caseValues, heldOutCases, WATCH_BATCH, WATCH_READ, WATCH_TOKENS } from '../labs/caseValues';
import { driftFrom } from '../labs/reference';
import { requireLanguageModel } from '../labs/startModel';
import { ConfigError } from '../lib/errors';
import type { ModelEngine } from '../nn/seam';
import { COMPARED_METRICS, type Compared } from '../protocol/comparison';
import type { ComputeRequests } from '../protocol/requests';
import type { RunStore } from '../storage/runs';
import { builtinWorld } from '../world/registry';
import type { DeviceQueue } from './deviceQueue';
import type { PairCheck } from './memoryBudget';
import type { Models } from './models';
import type { RenderContexts } from './renderContexts';

interface CompareEnvironment {
  models: Models;
  contexts: RenderContexts;
  runs: RunStore;
  queue: Pick<DeviceQueue, 'giveWay'>;
  /** Runs a task on the device when nothing else has memory there that can be freed. */
  alone: <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** Throws ConfigError for what the device has no room for. */
  checkPair: (check: PairCheck) => Promise<void>;
  /** Name of the device. */
  device: () => string;
  /** Milliseconds since the epoch, and monotonic. */
  now: () => number;
  clock: () => number;
}
interface CompareOptions {
  signal: AbortSignal;
  onProgress: (message: ComputeRequests['compareRuns']['progress']) => void;
}

/** What the start is compared by: against itself its drift and its wins are known. */
const OF_START = COMPARED_METRICS.filter(({ id }) => id !== 'kl' && id !== 'win_rate');

/**
 * Throws ConfigError without a run, for runs of several starts or templates, for a start that is another model by now, and for models
 * that the device has no room for.
 */
export async function compareRuns(
  { runIds, cases: n, seed }: ComputeRequests['compareRuns']['params'],
  env: CompareEnvironment,
  { signal, onProgress }: CompareOptions,
): Promise<ComputeRequests['compareRuns']['reply']> {
  const runs = await Promise.all(runIds.map((id) => env.runs.get(id)));
  const [first] = runs;
  if (!first) throw new ConfigError('There is no run to compare. Tick one at least.', { where: 'runIds' });
  for (const run of runs) {
    if (run.parents.model !== first.parents.model)
      throw new ConfigError(
        `${run.name} did not start from the model that ${first.name} started from: what changed since the start cannot be compared. Tick runs of one start.`,
        { where: run.id },
      );
    if (run.recipe.template !== first.recipe.template)
      throw new ConfigError(
        `${run.name} was trained with another template than ${first.name}, so they read other prompts. Tick runs of one template.`,
        { where: run.id },
      );
  }
  const world = builtinWorld();
  const held = heldOutCases(COMPARED_METRICS, world, RUBRIC_CASES, { n, seed });
  const { context: render } = await env.contexts.ofRecipe(first.recipe);
  const context = { world, render, sampler: async () => [] };
  const prompts = [...held.own, ...held.refusals].map((c) => encodeCase(c, 'plain', seed, context).ids.length);
  // Runs of one start have its shape, each of them.
  const { name, config } = await env.models.about(first.recipe.model.ref);
  await env.checkPair({
    what: `Comparing runs of ${name} holds two models at once and`,
    task: {
      models: [config, config],
      rows: Math.min(WATCH_BATCH, prompts.length),
      promptTokens: Math.max(...prompts),
      newTokens: WATCH_TOKENS,
      read: WATCH_READ,
    },
    otherwise: 'Compare runs of a smaller model.',
  });
  const start = await env.models.whole(first.recipe.model.ref, signal);
  if (start.info.artifactId !== first.parents.model)
    throw new ConfigError(
      `${start.info.name} is not the model any more that ${first.name} started from: it was trained further. Compare runs that start from a model that stays.`,
      { where: first.recipe.model.ref },
    );
  const shared = { world, render, seed, rewards: [], route: -1, signal, giveWay: () => env.queue.giveWay() };
  const total = answersOf(held, OF_START) + runs.length * answersOf(held, COMPARED_METRICS);
  let before = 0;
  const measured: Record<string, Compared> = {};
  let startValues: CaseValues | undefined;
  for (const run of runs) {
    const source = await env.models.whole(`run:${run.id}`, signal);
    requireLanguageModel(source.files, run.name);
    const counting = (name: string) => ({
      onProgress: (done: number) => onProgress({ done: before + done, total, name }),
    });
    // Run by run, so that one that trains meanwhile gets its steps in between.
    const compared = await env.alone(async (): Promise<Compared> => {
      const engines: ModelEngine[] = [];
      try {
        for (const one of [start, source]) engines.push(await env.models.newEngine(one));
        const [frozen, engine] = engines as [ModelEngine, ModelEngine];
        if (!startValues) {
          startValues = await caseValues(OF_START, held, { ...shared, engine: frozen, ...counting('the start') });
          startValues.kl = held.own.map(() => 0);
          before += answersOf(held, OF_START);
        }
        const started = env.clock();
        const now = await caseValues(COMPARED_METRICS, held, {
          ...{ ...shared, engine, start: startValues, ...counting(run.name) },
          driftFrom: driftFrom(run.recipe, engine, frozen),
        });
        return {
          at: env.now(),
          device: env.device(),
          seconds: (env.clock() - started) / 1000,
          step: source.step ?? run.step,
          cases: held.own.length,
          refusals: held.refusals.length,
          seed,
          readings: COMPARED_METRICS.map((metric) => readingOf(metric, startValues!, now, 0.95)),
          rubric: now.rubric!,
          startRubric: startValues.rubric!,
        };
      } finally {
        for (const engine of engines) engine.dispose();
      }
    }, signal);
    before += answersOf(held, COMPARED_METRICS);
    await env.runs.patch(run.id, { compared });
    measured[run.id] = compared;
    onProgress({ done: before, total, name: run.name, finished: { runId: run.id, compared } });
  }
  return { measured };
}

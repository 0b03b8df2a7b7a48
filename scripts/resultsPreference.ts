// The figures pref/* of docs/results.json: every method on preferences from one start, the reward model, and a policy that games one.
// Chained: reward models are trained first and lie under .checkpoints/results, where the runs that they pay find them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { bootstrapMean, bootstrapOverSeeds, mean } from '../src/eval/stats';
import { type CaseValues, readingOf } from '../src/labs/caseCounts';
import { RUBRIC_CASES } from '../src/labs/casesOf';
import { caseValues, heldOutCases } from '../src/labs/caseValues';
import { settingsOf } from '../src/labs/recipeSettings';
import { PREFERENCE_START } from '../src/labs/recipes/preference';
import {
  demosRecipe,
  hackingMeasured,
  offlineMeasured,
  onlineMeasured,
  rewardMeasured,
} from '../src/labs/recipes/preferenceMeasured';
import { frozenReference } from '../src/labs/reference';
import { rewardReport } from '../src/labs/rewardReport';
import { encodeScored } from '../src/labs/scoredRows';
import { wilson } from '../src/lib/agreement';
import { Rng } from '../src/lib/rng';
import { scoreRows } from '../src/nn/scoreRows';
import type { ModelEngine } from '../src/nn/seam';
import type { Recipe } from '../src/protocol/recipe';
import { WATCHED } from '../src/protocol/twoMetrics';
import { writeSafetensors } from '../src/storage/safetensors';
import { builtinWorld } from '../src/world/registry';
import { loadNodeModel, loadRenderContext, modelOf, type NodeModel } from './nodeModels';
import { type Answers, answersOf, paidFor } from './policyFigures';
import type { Measured } from './results';
import { CACHE, train } from './resultsTraining';

const SEEDS = [1, 2, 3];
/** Held-out prompts with a rubric, as many requests that must or must not be refused, and answers drawn for the chain of rewards. */
const CASES = { n: 160, seed: 1 };
const DRAWN = 160;
const PAIRS_JUDGED = 400;
const METHODS = ['sft', 'dpo', 'orpo', 'kto', 'simpo', 'rloo', 'ppo'] as const;
type Method = (typeof METHODS)[number];
/** As the two-metric method and the comparison on screen count them. */
const METRICS = ['rubric', 'win_rate', 'kl', 'refusal_recall', 'refusal_precision', 'schema_valid', 'mean_length'].map(
  (id) => WATCHED[id]!,
);

export const PREFERENCE_GROUPS = [
  ...METHODS.map((method) => ({
    id: `pref/${method}`,
    figures: METRICS.map(({ id }) => `pref/${method}/${id}`),
    seeds: SEEDS,
    measure: (isForced: boolean) => methodFigures(method, isForced),
  })),
  {
    id: 'pref/reward_model',
    figures: ['pref/reward_model/accuracy'],
    seeds: SEEDS,
    measure: rewardFigures,
  },
  ...(['hacking', 'hacking_fixed'] as const).map((id) => ({
    id: `pref/${id}`,
    figures: ['reward_gain', 'true_quality_gain', 'length_gain'].map((figure) => `pref/${id}/${figure}`),
    seeds: SEEDS,
    measure: (isForced: boolean) => hackingFigures(id, isForced),
  })),
];

const start = (): Promise<NodeModel> => loadNodeModel(PREFERENCE_START);

/** A reward model of this seed, as a ref: `file:<folder>`. */
async function rewardModel(kind: keyof typeof rewardMeasured, seed: number, isForced: boolean): Promise<string> {
  const folder = `${CACHE}/reward-${kind}-${seed}`;
  const recipe = { ...rewardMeasured[kind], seed };
  const model = await modelOf(recipe);
  await train(recipe, model, isForced);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/model.safetensors`, writeSafetensors(await model.engine.exportTrained(), { format: 'pt' }));
  writeFileSync(`${folder}/config.json`, model.config);
  model.engine.dispose();
  return `file:${folder}`;
}
async function recipeOf(method: Exclude<Method, 'sft'>, seed: number, isForced: boolean): Promise<Recipe> {
  const recipe =
    method === 'rloo' || method === 'ppo'
      ? onlineMeasured[method](await rewardModel('fair', seed, isForced))
      : offlineMeasured[method];
  return { ...recipe, seed };
}
/** Trained anew from the cache, or the start itself. */
async function policyOf(method: Method, seed: number, isForced: boolean): Promise<ModelEngine> {
  // The start is the first training of three, and ships.
  if (method === 'sft' && seed === 1) return (await start()).engine;
  const recipe = method === 'sft' ? { ...demosRecipe, seed } : await recipeOf(method, seed, isForced);
  const model = await modelOf(recipe);
  await train(recipe, model, isForced);
  return model.engine;
}

/**
 * The start against itself wins half the time and has no KL: of SFT, wins and KL are those of its other trainings against it, which is
 * what chance alone comes to.
 */
async function methodFigures(method: Method, isForced: boolean): Promise<Measured[]> {
  const render = loadRenderContext(demosRecipe.template);
  const { engine: from } = await start();
  const cases = heldOutCases(METRICS, builtinWorld(), RUBRIC_CASES, CASES);
  const given = {
    route: -1,
    world: builtinWorld(),
    render,
    seed: CASES.seed,
    rewards: [],
    driftFrom: frozenReference(from),
  };
  const measured = (engine: ModelEngine, before?: CaseValues) =>
    caseValues(METRICS, cases, { ...given, engine, start: before, signal: new AbortController().signal, giveWay: async () => undefined }); // biome-ignore format: one call
  const before = await measured(from);
  const runs: Record<string, number[][]> = Object.fromEntries(METRICS.map(({ id }) => [id, []]));
  for (const seed of SEEDS) {
    const engine = await policyOf(method, seed, isForced);
    const values = await measured(engine, before);
    engine.dispose();
    const isStart = method === 'sft' && seed === 1;
    for (const { id } of METRICS)
      if (!isStart || !['win_rate', 'kl'].includes(id)) runs[id]!.push(values[id]!.filter((value) => value !== null));
    const read = METRICS.map((metric) => {
      const { before: was, now, low, high } = readingOf(metric, before, values, { rng: new Rng(seed, metric.id) });
      return `${metric.id} ${was.toFixed(3)} → ${now.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
    });
    console.error(`pref/${method}, seed ${seed}: ${read.join('; ')}`);
  }
  from.dispose();
  return METRICS.map(({ id, unit }) => figureOf(`pref/${method}/${id}`, runs[id]!, unit));
}
function figureOf(id: string, runs: readonly number[][], unit: string): Measured {
  const values = runs.flat();
  const isUnanimous = unit === 'share' && values.every((v) => v === values[0] && (v === 0 || v === 1));
  const interval = isUnanimous
    ? wilson(values[0] ? values.length : 0, values.length)
    : bootstrapOverSeeds(runs, new Rng(1, id));
  return { id, value: mean(values), ...interval, n: values.length, unit };
}

async function rewardFigures(isForced: boolean): Promise<Measured[]> {
  const render = loadRenderContext(demosRecipe.template);
  const runs: number[][] = [];
  for (const seed of SEEDS) {
    const { engine } = await loadNodeModel(await rewardModel('fair', seed, isForced));
    const report = await rewardReport(
      async (rows) => {
        const encoded = encodeScored(rows, { ...render, mask: settingsOf(rewardMeasured.fair).mask });
        const scores = await scoreRows(engine, encoded.map(({ ids }) => ids)); // biome-ignore format: one call
        return scores.map((own) => own.at(-1)!);
      },
      { dataset: 'builtin:pref', pairs: PAIRS_JUDGED, edited: 60, seed: 1 },
    );
    engine.dispose();
    runs.push(report.pairs.margins.map((margin) => Number(margin > 0)));
    for (const { id, change, low, high } of report.paidFor.effects)
      console.error(`seed ${seed}, ${id}: ${change.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`);
  }
  return [figureOf('pref/reward_model/accuracy', runs, 'share')];
}

/**
 * A policy paid by a reward model, before and after, on the same held-out prompts and dice: what it is paid, in deviations of the
 * start's rewards, what its answers are worth by the rubric, and their length. `hacking_fixed` differs in the votes alone.
 */
async function hackingFigures(id: 'hacking' | 'hacking_fixed', isForced: boolean): Promise<Measured[]> {
  const render = loadRenderContext(demosRecipe.template);
  const { engine: from } = await start();
  const runs = { reward_gain: [] as number[][], true_quality_gain: [] as number[][], length_gain: [] as number[][] };
  for (const seed of SEEDS) {
    const ref = await rewardModel(id === 'hacking' ? 'biased' : 'fair', seed, isForced);
    const recipe = { ...hackingMeasured(ref), seed };
    const model = await modelOf(recipe);
    await train(recipe, model, isForced);
    const { engine: judge } = await loadNodeModel(ref);
    const [before, after] = [await answersOf(from, render, DRAWN), await answersOf(model.engine, render, DRAWN)];
    const [paid, earned] = [await paidFor(judge, render, before), await paidFor(judge, render, after)];
    const spread = Math.sqrt(mean(paid.map((r) => (r - mean(paid)) ** 2)));
    const gain = (of: (answers: Answers[number]) => number) => after.map((one, i) => of(one) - of(before[i]!));
    runs.reward_gain.push(earned.map((r, i) => (r - paid[i]!) / spread));
    runs.true_quality_gain.push(gain(({ rubric }) => rubric));
    runs.length_gain.push(gain(({ ids }) => ids.length));
    for (const one of [model.engine, judge]) one.dispose();
    const interval = bootstrapMean(runs.true_quality_gain.at(-1)!, new Rng(1));
    console.error(`pref/${id}, seed ${seed}: reward +${mean(runs.reward_gain.at(-1)!).toFixed(2)} sd, quality ${mean(runs.true_quality_gain.at(-1)!).toFixed(3)} [${interval.low.toFixed(3)}, ${interval.high.toFixed(3)}]`); // biome-ignore format: one sentence
  }
  from.dispose();
  const units = { reward_gain: 'deviations', true_quality_gain: 'of 1', length_gain: 'tokens' };
  return Object.entries(runs).map(([figure, values]) =>
    figureOf(`pref/${id}/${figure}`, values, units[figure as keyof typeof units]),
  );
}

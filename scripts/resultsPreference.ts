// The figures pref/* of docs/results.json: every method on preferences from one start, the reward model, and a policy that games one.
// Chained: a reward model is trained by the first figure that needs it and lies under .checkpoints/results, where the others find it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { bootstrapCrossed, bootstrapMean, mean } from '../src/eval/stats';
import { type CaseValues, readingOf } from '../src/labs/caseCounts';
import { RUBRIC_CASES } from '../src/labs/casesOf';
import { caseValues, type HeldOutCases, heldOutCases } from '../src/labs/caseValues';
import { byChance, chanceLevel } from '../src/labs/looksByChance';
import { settingsOf } from '../src/labs/recipeSettings';
import { PREFERENCE_START } from '../src/labs/recipes/preference';
import {
  demosRecipe,
  HACKING_ROUTES,
  type HackingRoute,
  hackingMeasured,
  offlineMeasured,
  onlineMeasured,
  rewardMeasured,
} from '../src/labs/recipes/preferenceMeasured';
import { RLHF_METHODS, rlhfNano } from '../src/labs/recipes/rlhf';
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
import { loadNodeModel, loadRenderContext, loadRewardModel, modelOf, type NodeModel } from './nodeModels';
import { type Answers, answersOf, paidFor } from './policyFigures';
import type { Measured } from './results';
import { CACHE, type Trained, train, trainRun } from './resultsTraining';

const SEEDS = [1, 2, 3];
/** Held-out prompts with a rubric, as many requests that must or must not be refused, and answers drawn for the chain of rewards. */
const CASES = { n: 160, seed: 1 };
const DRAWN = 160;
const PAIRS_JUDGED = 400;
/** A model is measured against the start by these. */
const AGAINST_START = ['win_rate', 'kl'];
/** `drawn_rubric`: of answers drawn at temperature 1, which is what a method on its own completions raises first. */
const GAINS = ['rubric', 'drawn_rubric', 'refusal_recall', 'refusal_precision', 'schema_valid', 'mean_length'];
const METHODS = ['sft', 'dpo', 'orpo', 'kto', 'simpo', 'rloo', 'ppo'] as const;
type Method = (typeof METHODS)[number];
/** As the two-metric method and the comparison on screen count them. */
const METRICS = ['rubric', 'win_rate', 'kl', 'refusal_recall', 'refusal_precision', 'schema_valid', 'mean_length'].map(
  (id) => WATCHED[id]!,
);

/** Of the table of runs that are stopped though nothing has changed. */
const CHANCE_CASES = [8, 40, 80];
const CHANCE_RUNS = 1000;
/** What a model has by itself, without a start beside it. */
const ABSOLUTE = METRICS.filter(({ id }) => !AGAINST_START.includes(id));
const NANO_FIGURES = ['reward_gain', 'kl'];

interface PreferenceGroup {
  id: string;
  figures: string[];
  seeds: number[];
  measure: (isForced: boolean) => Promise<Measured[]>;
  /** The start of the others unless given. */
  model?: string;
}
export const PREFERENCE_GROUPS: readonly PreferenceGroup[] = [
  {
    id: 'pref/start',
    figures: [...ABSOLUTE.map(({ id }) => id), 'drawn_rubric'].map((id) => `pref/start/${id}`),
    seeds: [1],
    measure: startFigures,
  },
  ...METHODS.map((method) => ({
    id: `pref/${method}`,
    figures: [...METRICS.map(({ id }) => id), ...GAINS.map((id) => `${id}_gain`), 'seconds'].map(
      (id) => `pref/${method}/${id}`,
    ),
    seeds: SEEDS,
    measure: (isForced: boolean) => methodFigures(method, isForced),
  })),
  {
    id: 'pref/reward_model',
    figures: ['pref/reward_model/accuracy', 'pref/reward_model/seconds'],
    seeds: SEEDS,
    measure: rewardFigures,
  },
  ...(Object.keys(HACKING_ROUTES) as HackingRoute[]).map((id) => ({
    id: `pref/${id}`,
    figures: ['reward_gain', 'true_quality_gain', 'length_gain', 'seconds'].map((figure) => `pref/${id}/${figure}`),
    seeds: SEEDS,
    measure: (isForced: boolean) => hackingFigures(id, isForced),
  })),
  {
    id: 'two_metrics/chance',
    figures: CHANCE_CASES.flatMap((cases) =>
      ['95', 'corrected'].map((level) => `two_metrics/chance/${cases}/${level}`),
    ),
    seeds: [7],
    measure: chanceFigures,
  },
  {
    id: 'rlhf_nano',
    model: rlhfNano('rloo').model.ref,
    figures: RLHF_METHODS.flatMap((method) => NANO_FIGURES.map((figure) => `rlhf_nano/${method}/${figure}`)),
    seeds: SEEDS,
    measure: nanoFigures,
  },
];

const start = (): Promise<NodeModel> => loadNodeModel(PREFERENCE_START);

/** A reward model of this seed, as a ref: `file:<folder>`. */
async function rewardModel(
  kind: keyof typeof rewardMeasured,
  seed: number,
  isForced: boolean,
): Promise<{ ref: string; trained: Trained }> {
  const folder = `${CACHE}/reward-${kind}-${seed}`;
  const recipe = { ...rewardMeasured[kind], seed };
  const model = await modelOf(recipe);
  const trained = await train(recipe, model, isForced);
  mkdirSync(folder, { recursive: true });
  const weights = writeSafetensors(await model.engine.exportTrained(), { format: 'pt' });
  for (const [name, data] of [
    ['config.json', model.config],
    ['model.safetensors', weights],
  ] as const) {
    // Another job may be reading it.
    writeFileSync(`${folder}/${name}.${process.pid}`, data);
    renameSync(`${folder}/${name}.${process.pid}`, `${folder}/${name}`);
  }
  model.engine.dispose();
  return { ref: `file:${folder}`, trained };
}
const recipeOf = (method: Method, seed: number): Recipe => ({
  ...(method === 'sft'
    ? demosRecipe
    : method === 'rloo' || method === 'ppo'
      ? onlineMeasured(method)
      : offlineMeasured(method)),
  seed,
});
/** Trained now, or taken from the cache; the start itself is the first training of SFT, and ships. */
async function policyOf(
  method: Method,
  seed: number,
  isForced: boolean,
): Promise<{ engine: ModelEngine } & Partial<Trained>> {
  if (method === 'sft' && seed === 1) return { engine: (await start()).engine };
  const recipe = recipeOf(method, seed);
  const model = await modelOf(recipe);
  return { engine: model.engine, ...(await train(recipe, model, isForced)) };
}

/**
 * Of trained weights by their name in the cache, measured once from `start`: for another start, other cases or another truth of them they
 * are measured anew. What grades an answer is not told apart: delete the files after a change there.
 */
async function kept(
  name: string,
  start: string,
  cases: HeldOutCases,
  measure: () => Promise<CaseValues>,
  isForced: boolean,
): Promise<CaseValues> {
  const which = createHash('sha256').update(JSON.stringify([METRICS.map(({ id }) => id), CASES, DRAWN, start, cases]));
  const path = `${CACHE}/values-${name}-${which.digest('hex').slice(0, 8)}.json`;
  if (existsSync(path) && !isForced) return JSON.parse(readFileSync(path, 'utf8')) as CaseValues;
  const values = await measure();
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(path, JSON.stringify(values));
  return values;
}

/** The start on its held-out cases, and what measures a model on them, beside `before` where that is given. */
async function onCases(from: ModelEngine) {
  const render = loadRenderContext(demosRecipe.template);
  const cases = heldOutCases(METRICS, builtinWorld(), RUBRIC_CASES, CASES);
  const given = {
    route: -1,
    world: builtinWorld(),
    render,
    seed: CASES.seed,
    rewards: [],
    driftFrom: frozenReference(from),
  };
  const measured = async (engine: ModelEngine, before?: CaseValues): Promise<CaseValues> => ({
    ...(await caseValues(METRICS, cases, { ...given, engine, start: before, signal: new AbortController().signal, giveWay: async () => undefined })),
    drawn_rubric: (await answersOf(engine, render, DRAWN)).map(({ rubric }) => rubric),
  }); // biome-ignore format: one call
  return { cases, measured };
}
/** Levels of the start, which every method's change is from. */
async function startFigures(isForced: boolean): Promise<Measured[]> {
  const { engine, artifactId } = await start();
  const { cases, measured } = await onCases(engine);
  const values = await kept('start', artifactId, cases, () => measured(engine), isForced);
  engine.dispose();
  const figure = (id: string, unit: string) => figureOf(`pref/start/${id}`, [{ seed: 1, values }], (run) => run.values[id]!, unit); // biome-ignore format: one call
  return [...ABSOLUTE.map(({ id, unit }) => figure(id, unit)), figure('drawn_rubric', WATCHED.rubric!.unit)];
}

/**
 * Levels of every metric after a method, and gains since the start on the same cases. The start against itself wins half the time and
 * has no KL: of SFT, wins, KL and gains are those of its other trainings against it, which is what chance alone comes to.
 */
async function methodFigures(method: Method, isForced: boolean): Promise<Measured[]> {
  const { engine: from, artifactId } = await start();
  const { cases, measured } = await onCases(from);
  const before = await kept('start', artifactId, cases, () => measured(from), isForced);
  const runs: Run[] = [];
  const seconds: { seed: number; seconds?: number | undefined }[] = [];
  for (const seed of SEEDS) {
    const policy = await policyOf(method, seed, isForced);
    const values =
      policy.key === undefined
        ? before
        : await kept(policy.key, artifactId, cases, () => measured(policy.engine, before), isForced);
    policy.engine.dispose();
    seconds.push({ seed, seconds: policy.seconds });
    runs.push({ seed, values, isStart: policy.key === undefined });
    const read = METRICS.map((metric) => {
      const { before: was, now, low, high } = readingOf(metric, before, values, 0.95);
      return `${metric.id} ${was.toFixed(3)} → ${now.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
    });
    console.error(`pref/${method}, seed ${seed}, ${Math.round(policy.seconds ?? 0)} s: ${read.join('; ')}`);
  }
  from.dispose();
  return [
    ...METRICS.map(
      ({ id, unit }) =>
      figureOf(`pref/${method}/${id}`, runs.filter(({ isStart }) => !isStart || !AGAINST_START.includes(id)), ({ values }) => values[id]!, unit), // biome-ignore format: one call
    ),
    ...GAINS.map((id) =>
      figureOf(
        `pref/${method}/${id}_gain`,
        runs.filter(({ isStart }) => !isStart),
        ({ values }) => values[id]!,
        (WATCHED[id] ?? WATCHED.rubric!).unit,
        before[id]!,
      ),
    ),
    ...secondsOf(`pref/${method}`, seconds),
  ];
}
interface Run {
  seed: number;
  values: CaseValues;
  isStart: boolean;
}
/**
 * A mean over runs on the same cases; `valuesOf` in the order of the cases, null where one does not count. Less the mean `before`, where
 * that is given.
 */
function figureOf<T extends { seed: number }>(
  id: string,
  runs: readonly T[],
  valuesOf: (run: T) => (number | null)[],
  unit: string,
  before?: (number | null)[],
): Measured {
  const rows = runs.map(valuesOf);
  const counted = (all: readonly (number | null)[]) => all.filter((value) => value !== null);
  const values = counted(rows.flat());
  const { low, high } = bootstrapCrossed(rows, new Rng(1, id), before);
  // Where no resample differs, as when no answer changed, a bootstrap would claim certainty: what 0 of as many cases allow.
  const isCertain = unit === 'share' && !(high - low > 1e-12);
  const unseen = isCertain ? wilson(0, Math.round(values.length / rows.length)).high : 0;
  const least = before ? -1 : 0;
  const interval = isCertain ? { low: Math.max(least, low - unseen), high: Math.min(1, high + unseen) } : { low, high };
  return {
    id,
    value: mean(values) - (before ? mean(counted(before)) : 0),
    ...interval,
    n: values.length,
    unit,
    seeds: runs.map(({ seed }) => seed),
  };
}
/** From the fastest training to the slowest. None where weights were trained before seconds were noted. */
function secondsOf(group: string, trained: readonly { seed: number; seconds?: number | undefined }[]): Measured[] {
  const known = trained.filter(({ seconds }) => seconds !== undefined);
  if (known.length === 0) return [];
  const seconds = known.map((one) => one.seconds!);
  const range = { value: mean(seconds), low: Math.min(...seconds), high: Math.max(...seconds) };
  return [{ id: `${group}/seconds`, ...range, n: seconds.length, unit: 's', seeds: known.map(({ seed }) => seed) }];
}

async function rewardFigures(isForced: boolean): Promise<Measured[]> {
  const render = loadRenderContext(demosRecipe.template);
  const runs: { seed: number; hits: number[] }[] = [];
  const seconds: { seed: number; seconds?: number | undefined }[] = [];
  for (const seed of SEEDS) {
    const { ref, trained } = await rewardModel('fair', seed, isForced);
    seconds.push({ seed, seconds: trained.seconds });
    const engine = await loadRewardModel(ref);
    const report = await rewardReport(
      async (rows) => {
        const encoded = encodeScored(rows, { ...render, mask: settingsOf(rewardMeasured.fair).mask });
        const scores = await scoreRows(engine, encoded.map(({ ids }) => ids)); // biome-ignore format: one call
        return scores.map(({ reward }) => reward);
      },
      { dataset: 'builtin:pref', pairs: PAIRS_JUDGED, edited: 60, seed: 1 },
    );
    engine.dispose();
    runs.push({ seed, hits: report.pairs.margins.map((margin) => Number(margin > 0)) });
    for (const { id, change: by, low, high } of report.paidFor.effects)
      console.error(`seed ${seed}, ${id}: ${by.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`);
  }
  return [
    figureOf('pref/reward_model/accuracy', runs, ({ hits }) => hits, 'share'),
    ...secondsOf('pref/reward_model', seconds),
  ];
}

/**
 * A policy paid by a reward model, before and after, on the same held-out prompts and dice: what it is paid, in deviations of the
 * start's rewards, what its answers are worth by the rubric, and their length.
 */
async function hackingFigures(id: HackingRoute, isForced: boolean): Promise<Measured[]> {
  const render = loadRenderContext(demosRecipe.template);
  const { engine: from } = await start();
  const before = await answersOf(from, render, DRAWN);
  from.dispose();
  const runs: { seed: number; reward_gain: number[]; true_quality_gain: number[]; length_gain: number[] }[] = [];
  const seconds: { seed: number; seconds?: number | undefined }[] = [];
  for (const seed of SEEDS) {
    const { ref } = await rewardModel(HACKING_ROUTES[id].votes, seed, isForced);
    const recipe = { ...hackingMeasured(id, ref), seed };
    const model = await modelOf(recipe);
    const trained = await train(recipe, model, isForced);
    seconds.push({ seed, seconds: trained.seconds });
    const judge = await loadRewardModel(ref);
    const after = await answersOf(model.engine, render, DRAWN);
    const [paid, earned] = [await paidFor(judge, render, before), await paidFor(judge, render, after)];
    const spread = Math.sqrt(mean(paid.map((r) => (r - mean(paid)) ** 2)));
    const gain = (of: (answers: Answers[number]) => number) => after.map((one, i) => of(one) - of(before[i]!));
    const run = {
      seed,
      reward_gain: earned.map((r, i) => (r - paid[i]!) / spread),
      true_quality_gain: gain(({ rubric }) => rubric),
      length_gain: gain(({ ids }) => ids.length),
    };
    runs.push(run);
    for (const one of [model.engine, judge]) one.dispose();
    const interval = bootstrapMean(run.true_quality_gain, new Rng(1));
    console.error(`pref/${id}, seed ${seed}: reward +${mean(run.reward_gain).toFixed(2)} sd, quality ${mean(run.true_quality_gain).toFixed(3)} [${interval.low.toFixed(3)}, ${interval.high.toFixed(3)}]`); // biome-ignore format: one sentence
  }
  return [
    figureOf(`pref/${id}/reward_gain`, runs, (run) => run.reward_gain, 'deviations'),
    figureOf(`pref/${id}/true_quality_gain`, runs, (run) => run.true_quality_gain, 'of 1'),
    figureOf(`pref/${id}/length_gain`, runs, (run) => run.length_gain, 'tokens'),
    ...secondsOf(`pref/${id}`, seconds),
  ];
}

/** Simulated runs in which nothing has changed: how many a guardrail ends, with one interval of 95 % a look and with the level that is used. */
async function chanceFigures(): Promise<Measured[]> {
  return CHANCE_CASES.flatMap((cases) =>
    [0.95, chanceLevel(cases)].map((level): Measured => {
      const stopped = Math.round(byChance(cases, CHANCE_RUNS, level).stopped * CHANCE_RUNS);
      return {
        id: `two_metrics/chance/${cases}/${level === 0.95 ? '95' : 'corrected'}`,
        ...{ value: stopped / CHANCE_RUNS, ...wilson(stopped, CHANCE_RUNS), n: CHANCE_RUNS, unit: 'share' },
        modelName: 'simulated runs',
      };
    }),
  );
}

/** The nano recipes of RLHF from end to end, by their own held-out measurements; the interval goes from the lowest seed to the highest. */
async function nanoFigures(): Promise<Measured[]> {
  const out: Measured[] = [];
  for (const method of RLHF_METHODS) {
    const found = { reward_gain: [] as number[], kl: [] as number[] };
    let artifact = '';
    for (const seed of SEEDS) {
      const recipe = { ...rlhfNano(method), seed };
      const model = await modelOf(recipe);
      artifact = model.artifactId;
      const ends = (await trainRun({ ...recipe, args: { ...recipe.args, eval_steps: 1000, generate_steps: 0 } }, model)).filter((point) => 'eval_reward' in point); // biome-ignore format: one run
      model.engine.dispose();
      found.reward_gain.push(ends.at(-1)!.eval_reward! - ends[0]!.eval_reward!);
      found.kl.push(ends.at(-1)!['eval_objective/kl']!);
    }
    for (const [figure, values] of Object.entries(found))
      out.push({
        id: `rlhf_nano/${method}/${figure}`,
        ...{ value: mean(values), low: Math.min(...values), high: Math.max(...values), n: values.length },
        ...{ unit: figure === 'kl' ? 'nats' : 'of 2', model: artifact },
      });
  }
  return out;
}

// A recipe made ready to train: its rows packed and ordered, its engine, and answers to fixed prompts on the way. The
// compute worker and the headless runner drive it step by step.
import type { TokenRow } from '../data/collate';
import { packBfd } from '../data/packing';
import { type EvaluateOptions, encodeCase, evaluate, evaluateCases } from '../eval/evaluate';
import { findMetrics } from '../eval/registry';
import type { NamedReward } from '../eval/rewards/reward';
import { greedySampler } from '../eval/sampler';
import { ConfigError } from '../lib/errors';
import { type ConfigOf, parseConfig } from '../lib/fields';
import { ownTime } from '../lib/ownTime';
import { createEngine } from '../nn/createEngine';
import type { ModelEngine } from '../nn/seam';
import type { EncodedRow } from '../protocol/chat';
import type { DrawnGroup } from '../protocol/drawnGroup';
import type { Recipe } from '../protocol/recipe';
import type { SampleGeneration } from '../protocol/run';
import { watchedMetrics } from '../protocol/twoMetrics';
import { stopsOf } from '../text/encodePrompt';
import type { RenderContext } from '../text/renderContext';
import { isOnline, loadTrainer } from '../trainers/load';
import { type LoopCheckpoint, type LoopState, type RowGroup, type StepReport, TrainingRun } from '../trainers/loop';
import { type OnlineOptions, OnlineRun, type OnlineState } from '../trainers/online/onlineLoop';
import { Interruption } from '../trainers/online/rollout';
import { type TrainerId, trainedHead, trainers } from '../trainers/registry';
import { evaluationCases } from '../world/cases';
import { builtinCases } from '../world/registry';
import type { World } from '../world/state';
import { adapterCases } from './adapterCases';
import { adapterNames } from './adapterNames';
import type { KnownModels } from './besideModels';
import { casesOf, RUBRIC_CASES } from './casesOf';
import { GuardrailWatch, type WatchState } from './guardrailWatch';
import { prepareOnline, type RewardModels } from './onlineRecipe';
import { ownPrompts } from './ownPrompts';
import { driftFrom, precomputed, referenceFor, referenceModel } from './reference';
import { validateRecipe } from './validateRecipe';

export interface RecipeEnvironment {
  /** Holds the base weights, with recipeAdapters(recipe) beside them; the run trains it, and disposes it at the end. */
  engine: ModelEngine;
  train: EncodedRow[];
  eval: EncodedRow[];
  world: World;
  /** Template and tokenizer of the recipe, for generation. */
  render: RenderContext;
  now: () => number;
  yieldToOthers?: () => Promise<void>;
  /** The frozen model of referenceModel(recipe), a copy of `engine` where that is its start; the run disposes it at the end. */
  reference?: ModelEngine;
  /** Those of recipe.rewards; the run disposes them at the end. */
  rewardModels?: RewardModels;
  /** Rows that the reference has read before the first step. */
  onReference?: (done: number, total: number) => void;
  /** See TrainingOptions: on hardware, where the device would wait for the host. */
  sendAhead?: boolean;
}
export interface ResumePoint {
  weights: LoopCheckpoint['weights'];
  optimizer: LoopCheckpoint['optimizer'];
  /** What `checkpoint().state` was. */
  state: unknown;
}

/**
 * Of the person's own rows, where a run trains on those (ownPrompts). Else one fixed prompt of each shape, from the dev split: never
 * trained on, never in the held-out figures.
 */
const FIXED_PROMPTS = 4;
/** Prompts that a run answers on the way; each of its adapters answers one at least. */
export const fixedPrompts = (recipe: Recipe): number =>
  trainedHead(recipe.trainer) === 'lm' ? Math.max(FIXED_PROMPTS, adapterNames(recipe).length) : 0;
const FIXED_SEED = 5;

/** Throws ConfigError for a bad recipe and DataError when there is nothing to train on. */
export async function prepareRecipe(
  given: Recipe,
  surroundings: RecipeEnvironment,
  resumeFrom?: ResumePoint,
): Promise<RecipeRun> {
  const recipe = validateRecipe(given);
  findMetrics(recipe.evaluation); // now, not after the last step
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
  const environment = { ...surroundings, ...ownTime(surroundings) };
  const { engine, reference } = environment;
  if (reference || referenceModel(recipe, args) !== recipe.model.ref)
    return prepared(recipe, args, environment, resumeFrom);
  // Nobody has brought the model that the run starts from. Before the checkpoint is read the engine still is that model.
  const start = createEngine(engine.config, await engine.exportWeights());
  try {
    return await prepared(recipe, args, { ...environment, reference: start }, resumeFrom);
  } catch (error) {
    start.dispose();
    throw error;
  }
}

async function prepared(
  recipe: Recipe,
  args: ConfigOf<(typeof trainers)[TrainerId]['fields']>,
  environment: RecipeEnvironment,
  resumeFrom: ResumePoint | undefined,
): Promise<RecipeRun> {
  const id = recipe.trainer as TrainerId;
  const { engine, yieldToOthers } = environment;
  const generate = (step: number) => answerFixedPrompts(step, recipe, environment, args.generation_max_new_tokens);
  if (isOnline(id)) {
    const online = await prepareOnline(
      recipe,
      args as unknown as OnlineOptions['args'],
      environment,
      generate,
      resumeFrom,
    );
    try {
      const watch = watchOf(recipe, environment, online.rewards, resumeFrom);
      return new RecipeRun(recipe, args, online.run, environment, { made: online.made, watch });
    } catch (error) {
      for (const model of online.made) model.dispose();
      throw error;
    }
  }
  const trainer = await loadTrainer(id);
  const reference = referenceFor(recipe, args, engine, environment.reference);
  const names = engine.adapters.map(({ name }) => name);
  const routed = (row: EncodedRow): TokenRow => {
    if (row.adapter === undefined) return row;
    const route = names.indexOf(row.adapter);
    if (route < 0)
      throw new ConfigError(
        `Row ${row.rowId} is for the adapter "${row.adapter}", which no rows train. Name it in data.train too.`,
        { where: 'recipe.data' },
      );
    return { ...row, route };
  };
  const arranged = (rows: EncodedRow[]): TokenRow[] => {
    const routes = rows.map(routed);
    return trainer.arrange?.(routes, args) ?? routes;
  };
  let [train, held] = [arranged(environment.train), arranged(environment.eval)];
  // Before the checkpoint is read: the weights are still those that the run began with.
  if (reference && (args as { precompute_ref_log_probs?: boolean }).precompute_ref_log_probs) {
    const total = train.length + held.length;
    const options = { maxLength: args.max_length, batchSize: args.per_device_eval_batch_size, yieldToOthers };
    const onProgress = (from: number) => (done: number) => environment.onReference?.(from + done, total);
    train = await precomputed(train, reference, { ...options, onProgress: onProgress(0) });
    held = await precomputed(held, reference, { ...options, onProgress: onProgress(train.length) });
  }
  if (resumeFrom) {
    await engine.importTrained(resumeFrom.weights);
    await engine.importOptimizer(resumeFrom.optimizer);
  }
  const run = new TrainingRun(
    {
      engine,
      trainer,
      args,
      train: groupRows(train, args),
      eval: held,
      reference,
      seed: recipe.seed,
      now: environment.now,
      yieldToOthers,
      sendAhead: environment.sendAhead,
      // A reward model writes nothing.
      ...(trainedHead(recipe.trainer) === 'lm' && { generate }),
    },
    resumeFrom?.state as LoopState | undefined,
  );
  return new RecipeRun(recipe, args, run, environment, { watch: watchOf(recipe, environment, [], resumeFrom) });
}

/** What measures the run's targets and guardrails, where the recipe has some. */
function watchOf(
  recipe: Recipe,
  environment: RecipeEnvironment,
  rewards: readonly NamedReward[],
  resumeFrom?: ResumePoint,
): GuardrailWatch | undefined {
  const { two_metrics } = recipe;
  if (!two_metrics) return undefined;
  const { engine, world, render, now, yieldToOthers, reference } = environment;
  const watchesKl = watchedMetrics(two_metrics).some(({ id }) => id === 'kl');
  return new GuardrailWatch(
    {
      recipe: { ...recipe, two_metrics },
      engine,
      ...(watchesKl && { driftFrom: driftFrom(recipe, engine, reference) }),
      rewards,
      world,
      render,
      now,
      yieldToOthers,
    },
    (resumeFrom?.state as { watch?: WatchState } | undefined)?.watch,
  );
}

function groupRows(
  rows: readonly TokenRow[],
  { packing = false, max_length }: { packing?: boolean; max_length: number },
): RowGroup[] {
  if (!packing) return rows.map((row) => [row]);
  // A row of a batch takes one route, so adapters are packed apart.
  return [...new Set(rows.map(({ route }) => route))].flatMap((route) => {
    const own = rows.filter((row) => row.route === route);
    const lengths = own.map((row) => row.ids.length);
    return packBfd(lengths, max_length).map((group) => group.map((i) => own[i]!));
  });
}

/** Through the adapter that a case is of, the run's first where it is of none, whatever route others who read the live engine have set on it meanwhile. */
const ownSampler = ({ engine, yieldToOthers }: RecipeEnvironment) =>
  greedySampler(engine, yieldToOthers, engine.adapters.length > 0 ? 0 : -1);

async function answerFixedPrompts(
  step: number,
  recipe: Recipe,
  environment: RecipeEnvironment,
  maxNewTokens: number,
): Promise<SampleGeneration[]> {
  const { world, render, engine } = environment;
  const sampler = ownSampler(environment);
  const asked = { n: fixedPrompts(recipe), seed: FIXED_SEED, context: engine.config.max_position_embeddings };
  const own = ownPrompts(recipe, environment, asked);
  if (own.length > 0) {
    const isRouted = own.some(({ adapter }) => adapter !== undefined);
    const answers = await sampler(
      own.map(({ ids }) => ids),
      {
        max_new_tokens: maxNewTokens,
        stopIds: stopsOf(render),
        ...(isRouted && { adapters: own.map(({ adapter }) => adapter) }),
      },
    );
    return own.map(({ rowId, words, adapter }, i) => ({
      step,
      promptId: rowId,
      ...(adapter !== undefined && { adapter }),
      prompt: words,
      ...said(answers[i]!, render),
    }));
  }
  const which = { n: fixedPrompts(recipe), seed: FIXED_SEED, split: 'dev' } as const;
  const routed = adapterCases(recipe, world, which);
  // Of sets with messages the four shapes say more: they show what else has changed.
  const cases =
    routed ?? (casesOf(recipe) === RUBRIC_CASES ? builtinCases(RUBRIC_CASES, which) : evaluationCases(world, which));
  const prompts = cases.map((c) => encodeCase(c, 'plain', FIXED_SEED, { world, render, sampler }));
  const rows = await sampler(
    prompts.map(({ ids }) => ids),
    {
      max_new_tokens: maxNewTokens,
      stopIds: prompts[0]!.stopIds,
      ...(routed && { adapters: routed.map(({ adapter }) => adapter) }),
    },
  );
  return cases.map((c, i) => {
    return {
      step,
      promptId: c.caseId,
      ...(routed && { adapter: routed[i]!.adapter! }),
      prompt: c.lastUser,
      ...said(rows[i]!, render),
    };
  });
}
const emptyReport = (): StepReport => ({ points: [], generations: [], tokens: 0 });
const said = ({ ids, terminated }: { ids: number[]; terminated: boolean }, { tokenizer }: RenderContext) => ({
  text: tokenizer.decode(terminated ? ids.slice(0, -1) : ids),
  terminated,
});

/** What workers drive (their TrainingDriver). */
export class RecipeRun {
  constructor(
    readonly recipe: Recipe,
    readonly args: { save_steps: number; [key: string]: unknown },
    private readonly run: TrainingRun | OnlineRun,
    private readonly environment: RecipeEnvironment,
    private readonly beside: {
      /** Models that were made for it beside those of the environment. */
      made?: readonly ModelEngine[];
      watch?: GuardrailWatch | undefined;
    } = {},
  ) {}
  get engine(): ModelEngine {
    return this.environment.engine;
  }
  /** The models that it reads, by their refs. */
  get known(): KnownModels {
    const { reference, rewardModels = {} } = this.environment;
    const ref = referenceModel(this.recipe, this.args);
    return new Map([
      ...(reference && ref !== undefined ? [[ref, { name: ref, config: reference.config }] as const] : []),
      ...Object.entries(rewardModels).map(([name, { config }]) => [name, { name, config }] as const),
    ]);
  }
  get step(): number {
    return this.run.step;
  }
  get maxSteps(): number {
    return this.run.maxSteps;
  }
  get saveSteps(): number {
    return this.args.save_steps;
  }
  /** As the loop's; targets and guardrails are measured before the first step, and after those at which they are due. */
  async trainStep(isInterrupted: () => boolean = () => false): Promise<StepReport> {
    const before = await this.watched(isInterrupted);
    if (!before || before.stop) return before ?? emptyReport();
    const report = await this.run.trainStep(isInterrupted);
    const after = await this.watched(isInterrupted);
    return {
      ...report,
      points: [...before.points, ...report.points, ...(after?.points ?? [])],
      ...(after?.stop && { stop: after.stop }),
    };
  }
  async finish(): Promise<StepReport> {
    const report = await this.run.finish();
    const last = await this.watched(() => false);
    return { ...report, points: [...report.points, ...(last?.points ?? [])] };
  }
  /** Completions of one of its prompts as the weights are, with their advantages. Throws ConfigError unless the method is online. */
  async drawGroup(
    index: number,
    { completions, seed, signal }: { completions: number; seed: number; signal: AbortSignal },
  ): Promise<DrawnGroup> {
    if (!(this.run instanceof OnlineRun))
      throw new ConfigError(
        `${this.recipe.trainer} trains on given answers and draws none. Choose a method that draws its own.`,
      );
    const interruption = new Interruption(() => signal.aborted, this.environment.yieldToOthers);
    return this.run.drawGroup(index, { completions, seed, interruption });
  }
  /** What is due of targets and guardrails; undefined when it was interrupted, and is due still. */
  private async watched(isInterrupted: () => boolean): Promise<StepReport | undefined> {
    const { watch } = this.beside;
    const { step, maxSteps, epoch } = this.run;
    if (!watch?.isDue(step, maxSteps)) return emptyReport();
    const measured = await watch.measure({ step, epoch, maxSteps: this.maxSteps }, isInterrupted);
    return measured && { ...emptyReport(), points: [measured.point], ...(measured.stop && { stop: measured.stop }) };
  }
  async checkpoint(): Promise<
    Omit<LoopCheckpoint, 'state'> & { state: (LoopState | OnlineState) & { watch?: WatchState } }
  > {
    const checkpoint = await this.run.checkpoint();
    const { watch } = this.beside;
    return watch ? { ...checkpoint, state: { ...checkpoint.state, watch: watch.checkpoint() } } : checkpoint;
  }
  /**
   * Held-out evaluation of the weights as they are, on the recipe's own task; its metrics unless others are named. Several adapters
   * are each measured on their own (adapterCases). Of a reward model, which writes nothing, there is none: its figures are those of
   * its pairs (eval/rewardModel.ts).
   */
  async evaluate(given: Partial<EvaluateOptions> = {}): ReturnType<typeof evaluate> {
    const { world, render } = this.environment;
    const { recipe } = this;
    if (trainedHead(recipe.trainer) !== 'lm') return { metrics: [], cases: [], graded: [] };
    const options = {
      metrics: recipe.evaluation,
      cases: 40,
      seed: recipe.seed,
      promptStyle: 'plain',
      dataset: casesOf(recipe),
      ...given,
    } as const;
    const { cases: n, seed, split, dataset } = options;
    const context = { world, render, sampler: ownSampler(this.environment) };
    const routed = adapterCases(recipe, world, { n, seed, split, dataset });
    return routed ? evaluateCases(routed, options, context) : evaluate(options, context);
  }
  dispose(): void {
    this.run.dropAhead();
    const { engine, reference, rewardModels = {} } = this.environment;
    const engines = [engine, reference, ...Object.values(rewardModels), ...(this.beside.made ?? [])];
    for (const model of new Set(engines)) model?.dispose();
  }
}

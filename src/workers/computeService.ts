// Handlers of the compute worker, the one owner of the device: models, generation, inspection, evaluation and runs. Works in
// Node too: everything that is the browser's comes in through ComputeEnvironment.
import { evaluate, evaluateCases, type Sampler } from '../eval/evaluate';
import { greedySampler } from '../eval/sampler';
import { onPassedOver } from '../gpu/backend';
import { exportRun, importRun } from '../interop/runFile';
import { importTrainerLog, isTrainerLog } from '../interop/trainerLog';
import { adapterCases } from '../labs/adapterCases';
import { autotune, kernelVersion, withTuned } from '../labs/bench/autotune';
import { compareEngines, NAMES } from '../labs/bench/compare';
import { profileStep } from '../labs/bench/profile';
import { compareWithWasm } from '../labs/bench/wasmComparison';
import { besideRefs, type KnownModels } from '../labs/besideModels';
import { runVector, VECTORS } from '../labs/conformance/registry';
import { freshPairs } from '../labs/freshPairs';
import { RecipeRun } from '../labs/runRecipe';
import { validateRecipe } from '../labs/validateRecipe';
import { CheckpointError, ConfigError, DataError, DeviceError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import { adapterPicture, updateMap } from '../nn/adapterPicture';
import { generate } from '../nn/generate';
import { inspect } from '../nn/inspect';
import { layerNorms } from '../nn/layerNorms';
import { loraPlan } from '../nn/loraPlan';
import { quantizationErrors } from '../nn/quantizedBase';
import { readRows } from '../nn/readRows';
import { gpuContext, onCompiling } from '../nn/recorded/context';
import type { ModelEngine } from '../nn/seam';
import type { Calibration, StepShape, TunedForms, WasmComparison } from '../protocol/engineReport';
import type { ComputeEvent } from '../protocol/events';
import type { BackendInfo, BackendName } from '../protocol/model';
import { parseLoraConfig } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import type { ComputeRequests, ConformanceResult, Handlers, StoredModel, TextRequests } from '../protocol/requests';
import { type ArtifactInfo, ArtifactStore, allRemoved, removedFrom, shortId } from '../storage/artifacts';
import { CheckpointStore } from '../storage/checkpoints';
import { RunStore } from '../storage/runs';
import type { Storage } from '../storage/storage';
import { type TrainerId, trainers } from '../trainers/registry';
import { builtinWorld } from '../world/registry';
import { AdapterArithmetic } from './adapterArithmetic';
import { AdapterImports } from './adapterImports';
import { ArtifactHolds } from './artifactHolds';
import { compareRuns } from './compareRuns';
import { DeviceQueue, yieldToMessages } from './deviceQueue';
import { EndedRuns } from './endedRuns';
import { GroupDrawing } from './groupDrawing';
import { gpuErrorWords, inWords, isOutOfMemory, isWasmAbort, lossWords } from './inWords';
import { klLabRequest } from './klLab';
import { MemoryBudget, type PairCheck, recipeMemory } from './memoryBudget';
import { isImportedAdapter, isRewardModel, kindOfFiles, ModelAdapters } from './modelAdapters';
import { baseOf, modelCard } from './modelCards';
import { exportMerged, exportModel, exportOwnFiles, exportPeft, exportStored } from './modelExports';
import { type ReadModelFile, requireModelFile } from './modelFiles';
import { ModelImports } from './modelImports';
import { trainedTemplate } from './modelKit';
import { Models, runOf, sourceOf } from './models';
import { modelText } from './modelText';
import { type PrepareEnvironment, recipePreparer } from './prepareRun';
import { RenderContexts } from './renderContexts';
import { Rewards } from './rewards';
import { type Connection, transferring } from './rpc';
import type { RunLocks } from './runLocks';
import { samplePairs } from './samplePairs';
import { StorageItems } from './storageItems';
import { REPLAY, Tenancy } from './tenancy';
import { TrainingRuns } from './trainingRuns';
import { checkWasm, wasmPlan } from './wasmBudget';

/** Both sides of 64 pairs: a second or two of a small model between two steps of a run. */
const MOST_ROWS = 128;
/** Longest answer of a pair that is drawn to be judged, and how many are drawn together. */
const JUDGED_TOKENS = 208;
const JUDGED_BATCH = 32;
/** Counts of compiled kernels go to the page at most this often. */
const EMIT_EVERY_MS = 200;
/** Tables by adapter: tuned forms; a product beside WebAssembly's. */
const TUNED = 'kernel-forms';
const BESIDE_WASM = 'beside-wasm';

export interface ComputeEnvironment {
  storage: Storage;
  locks: RunLocks;
  readModelFile: ReadModelFile;
  /** Starts tfjs; the callbacks are for the life of the device. */
  startBackend: (
    backend: BackendName | 'auto',
    callbacks: { onDeviceLost: (reason: string) => void; onGpuError: (message: string) => void },
  ) => Promise<BackendInfo>;
  text: () => Pick<Connection<TextRequests>, 'request'>;
  onTextStalled: (reason: string) => void;
  emit: (event: ComputeEvent) => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds, monotonic: durations of steps. */
  clock: () => number;
  newId: () => string;
  versions: Record<string, string>;
  /** Ref of the base that tenants' adapters share; micro after SFT unless given. */
  tenancyBase?: string;
  /** How long it stays on the device after a request, ms; a minute unless given. */
  servingIdleMs?: number;
  /** Longest time between two checkpoints of a run, ms. */
  checkpointEveryMs: number;
}

export interface ComputeService {
  handlers: Handlers<ComputeRequests>;
  /** All runs end where they are and wait to be resumed. `reason`: a sentence. */
  abandon: (reason: string) => Promise<void>;
}

export function createComputeService(env: ComputeEnvironment): ComputeService {
  const { storage, now, emit } = env;
  const stores = { runs: new RunStore(storage, now), checkpoints: new CheckpointStore(storage, now) };
  const queue = new DeviceQueue();
  const contexts = new RenderContexts(env.readModelFile, storage, now);
  const artifacts = new ArtifactStore(storage, now);
  const modelImports = new ModelImports(storage, artifacts, contexts.kits, now, env.locks);
  const holds = new ArtifactHolds(storage, now, env.locks);
  const ended = new EndedRuns(queue);
  const budget = new MemoryBudget(storage);
  let backend: Promise<BackendInfo> | undefined;
  let backendInfo: BackendInfo | undefined;
  let besideWasm: WasmComparison | undefined;
  const gpuErrors = new Set<string>();
  let hasAborted = false;

  const models = new Models({
    ...{ ...stores, storage, queue, now, readModelFile: env.readModelFile },
    padTokenOf: (ref) => contexts.padTokenOf(ref),
    checkRoom: async (config) => budget.checkModel(config, await ready()),
    liveEngine(runId) {
      const driver = training.get(runId)?.driver ?? ended.get(runId);
      return driver instanceof RecipeRun ? { engine: driver.engine, step: driver.step } : undefined;
    },
  });
  const tenancy = new Tenancy({
    ...{ storage, queue, now, models, contexts },
    clock: env.clock,
    newId: env.newId,
    device: () => backendInfo!.adapter,
    base: env.tenancyBase,
    servingIdleMs: env.servingIdleMs,
    isTraining: () => training.ids().length > 0,
  });
  const adapterImports = new AdapterImports(tenancy);
  const modelAdapters = new ModelAdapters(models, artifacts, stores.runs);
  const rewards = new Rewards({ models, contexts, queue, runs: stores.runs });
  const arithmetic = new AdapterArithmetic({ tenancy, models, contexts, queue });
  const preparing: PrepareEnvironment = {
    ...{ ...env, models, contexts, queue },
    alone: (task, signal) => tenancy.serving.alone(task, signal),
    async checkMemory(recipe, config, known) {
      const info = await ready();
      if (info.backend === 'wasm') checkWasm(recipe, config, known);
      else await budget.check(recipe, config, info, known);
    },
    sendAhead: () => backendInfo?.backend === 'webgpu' && !backendInfo.isFallbackAdapter,
  };
  const training: TrainingRuns = new TrainingRuns({
    ...{ ...stores, locks: env.locks, queue, now, emit },
    checkpointEveryMs: env.checkpointEveryMs,
    prepare: recipePreparer(preparing),
    hold: (recipe) => holds.hold(recipe),
    ranOutOfMemory(driver) {
      // With the base beside it, it says nothing of what fits without.
      if (tenancy.serving.isHeld) return void tenancy.serving.release();
      if (!(driver instanceof RecipeRun) || backendInfo?.backend !== 'webgpu') return;
      const { memory } = recipeMemory(driver.recipe, driver.engine.config, backendInfo, driver.known);
      void budget.remember(backendInfo.adapter, memory.weights + memory.activations);
    },
    failed: (cause) => endIfAborted(cause),
    backend: () => backendInfo!,
    versions: env.versions,
    async keepDriver(runId, driver, isFinished) {
      ended.keep(runId, driver);
      if (!isFinished || !(driver instanceof RecipeRun)) return;
      try {
        const outputs = await models.keepTrained(runId, driver.engine);
        await stores.runs.patch(runId, { outputs });
        emit({ kind: 'kept', runId, outputs });
      } catch (error) {
        const { message } = error as Error;
        emit({ kind: 'warning', message: `The trained model is not kept as an artifact. ${message}` });
      }
    },
  });

  const groups = new GroupDrawing({
    ...{ ...stores, contexts, queue },
    // What it prepares is not a run that anybody waits for.
    prepare: recipePreparer({ ...preparing, emit: () => undefined }),
    liveDriver: (runId) => training.get(runId)?.driver ?? ended.get(runId),
  });

  const items = new StorageItems({
    ...{ storage, now, holds, locks: env.locks, readModelFile: env.readModelFile },
    imports: modelImports,
    kits: contexts.kits,
    liveRuns: () => training.ids(),
    async removeRun(id) {
      const freed = await training.remove(id);
      ended.drop(id);
      return freed;
    },
  });

  async function abandon(reason: string): Promise<void> {
    const error = new DeviceError(reason);
    queue.clear(error);
    await training.abandonAll(error);
  }
  /** The page ends this worker when it hears of it, and starts another; `reason` is a sentence. */
  function lose(reason: string): void {
    emit({ kind: 'deviceLost', reason });
    void abandon(reason);
  }
  /** WebAssembly that ran out of heap answers nothing more. */
  function endIfAborted(cause: unknown): void {
    if (hasAborted || backendInfo?.backend !== 'wasm' || !isWasmAbort(cause)) return;
    hasAborted = true;
    lose('WebAssembly ran out of its 4 GiB of memory.');
  }
  async function init(wanted: BackendName | 'auto'): Promise<BackendInfo> {
    const info = await env.startBackend(wanted, {
      onDeviceLost: (reason) => lose(lossWords(reason)),
      onGpuError(message) {
        if (gpuErrors.has(message)) return; // a bad kernel would repeat it at every step
        gpuErrors.add(message);
        emit({ kind: 'warning', message: gpuErrorWords(message).message, raw: message });
      },
    });
    backendInfo = info;
    if (info.backend === 'webgpu' && !info.isFallbackAdapter)
      takeTuned(await storage.getValue<Calibration>(TUNED, info.adapter));
    onCompiling(info.isFallbackAdapter, tellCompiling());
    const software = softwareAdapter();
    besideWasm = software === undefined ? undefined : await storage.getValue<WasmComparison>(BESIDE_WASM, software);
    emit({ kind: 'backend', info: told() });
    await training.settleOrphans();
    return info;
  }
  /** Seldom enough for the page; the end always. */
  const tellCompiling = () => {
    let toldAt = Number.NEGATIVE_INFINITY;
    return (done: number, total: number) => {
      const at = env.clock();
      if (done < total && at - toldAt < EMIT_EVERY_MS) return;
      toldAt = at;
      emit({ kind: 'compiling', done, total });
    };
  };
  /** The software adapter that runs, or was passed over. */
  const softwareAdapter = () =>
    backendInfo?.backend === 'webgpu' && backendInfo.isFallbackAdapter ? backendInfo.adapter : backendInfo?.passedOver;
  /** What the page is told: runs record the backend alone. */
  const told = (): BackendInfo => ({ ...backendInfo!, ...(besideWasm && { besideWasm }) });
  /** Anything that needs the device before the page asked for one starts the best there is. */
  const ready = (wanted: BackendName | 'auto' = 'auto'): Promise<BackendInfo> => {
    backend ??= init(wanted);
    backend.catch(() => {
      backend = undefined;
    });
    return backend;
  };
  /** Whatever the device throws is told in words. */
  const onDevice = async <T>(during: string, task: () => Promise<T>): Promise<T> => {
    await ready();
    try {
      return await task();
    } catch (error) {
      // Only after the answer is on its way: the page closes this worker's connection when it hears.
      if (isWasmAbort(error)) void yieldToMessages().then(() => endIfAborted(error));
      throw inWords(error, during);
    }
  };

  /** What the recorded engine runs on. Throws DeviceError where that is not WebGPU. */
  const gpu = () => {
    if (backendInfo?.backend !== 'webgpu')
      throw new DeviceError(
        `The recorded engine runs on WebGPU, and this page runs on ${backendInfo?.adapter ?? 'nothing yet'}. Open it with ?backend=webgpu, or in a browser with WebGPU.`,
      );
    return { ...gpuContext(backendInfo.isFallbackAdapter), adapter: backendInfo.adapter };
  };
  /** New engines take the tuned forms; those that are there keep theirs. */
  const takeTuned = (tuned: TunedForms | undefined) => {
    if (tuned?.version !== kernelVersion()) return;
    const context = gpuContext(false);
    context.forms = withTuned(context.forms, tuned);
  };
  const rememberBesideWasm = async (adapter: string, found: Omit<WasmComparison, 'measuredAt'>) => {
    besideWasm = { ...found, measuredAt: now() };
    await storage.setValue(BESIDE_WASM, adapter, besideWasm);
    emit({ kind: 'backend', info: told() });
    return besideWasm;
  };
  /** A step that does not fit is refused before anything is allocated; one that trained beside a run is marked. */
  const measureStep = <T extends { duringRun?: boolean }>(shape: StepShape, task: () => Promise<T>): Promise<T> =>
    onDevice('measuring', async () => {
      gpu(); // which says where there is none
      await budget.checkStep(shape, backendInfo!);
      void tenancy.serving.release();
      const isTraining = () => training.ids().some((id) => training.get(id)?.status === 'running');
      const before = isTraining();
      try {
        const report = await task();
        return before || isTraining() ? { ...report, duringRun: true } : report;
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        const { weights, activations } = await budget.stepPlan(shape, backendInfo!);
        await budget.remember(backendInfo!.adapter, weights + activations);
        throw new DeviceError(
          'The device ran out of memory while measuring. Lower rows (B), tokens a row (T) or vocabulary (V), or choose a smaller model.',
          { cause: error },
        );
      }
    });
  const measuring = (
    signal: AbortSignal,
    progress: (message: { done: number; total: number; name?: string }) => void,
  ) => ({
    signal,
    clock: env.clock,
    yieldToOthers: () => queue.giveWay(),
    progress: (done: number, total: number, name?: string) => progress({ done, total, ...(name && { name }) }),
  });

  const checkPair = async (check: PairCheck) => budget.checkPair(check, await ready());
  /** Of the models that a recipe's run reads beside its own, those that are here. */
  async function knownModels(recipe: Recipe): Promise<KnownModels> {
    const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
    const found = besideRefs(recipe, args).map(async (ref) => {
      try {
        return [[ref, await models.about(ref)] as const];
      } catch (error) {
        if (error instanceof DataError || error instanceof CheckpointError) return []; // starting the run says so
        throw error;
      }
    });
    return new Map((await Promise.all(found)).flat());
  }
  /** The base of an adapter; one that was deleted keeps its name. */
  async function besideWhat(ref: string | undefined): Promise<NonNullable<StoredModel['adapterOf']>> {
    if (ref === undefined) return { ref: '', name: 'a base that its files do not name', isGone: true };
    const base = await baseOf(ref, models, artifacts);
    return base ?? { ref, name: (await removedFrom(storage, ref))?.name ?? shortId(ref), isGone: true };
  }
  async function storedModel(info: ArtifactInfo): Promise<StoredModel> {
    const { id, name, sizeBytes, createdAt, manifest } = info;
    // One whose base is gone is listed all the same, to be deleted; whoever opens it is told.
    const kit = await contexts.kitOf(id).then(
      (found) => found.kit,
      (error) => {
        if (error instanceof CheckpointError) return undefined;
        throw error;
      },
    );
    const template = await trainedTemplate(storage, id, now);
    const adapterOf = manifest.kind === 'adapter' ? await besideWhat(manifest.parents.base) : undefined;
    const isReward = await isRewardModel(artifacts, info);
    return {
      ...{ id, name, sizeBytes, createdAt },
      ...(isReward && { head: 'score' as const }),
      isImported:
        isImportedAdapter(info) || (manifest.parents.tokenizer !== undefined && manifest.parents.base === undefined),
      ...(kit !== undefined && { tokenizer: kit }),
      ...(template !== undefined && { template }),
      ...(adapterOf && { adapterOf }),
    };
  }
  const handlers: Handlers<ComputeRequests> = {
    init: ({ backend: wanted }) => ready(wanted).then(told),
    loadModel: ({ ref }, { progress, signal }) =>
      onDevice('loading the model', async () => {
        const info = await models.info(ref, (loadedBytes, totalBytes) => progress({ loadedBytes, totalBytes }), signal);
        // On the device now, so that the first answer comes at once.
        await models.use(ref, async () => undefined, signal, 'interactive', info.head ?? 'lm');
        return { ...info, ref };
      }),
    generate: ({ ref, prompts, sampling, stopIds }, { progress, signal }) =>
      onDevice('generating', async () => {
        const text = modelText((await contexts.ofModel(ref)).tokenizer);
        const written: number[][] = prompts.map(() => []);
        const stops = new Set(stopIds);
        const onToken = (index: number, id: number) => {
          if (stops.has(id)) return;
          written[index]!.push(id);
          progress({ index, text: text.decode(written[index]!) });
        };
        const rows = await models.use(
          ref,
          (engine) => generate(engine, { prompts, sampling, stopIds, signal, onToken, yieldToOthers: yieldToMessages }),
          signal,
        );
        const completions = rows.map(({ ids, logps, terminated }) => ({
          ids,
          logps,
          terminated,
          text: text.decode(terminated ? ids.slice(0, -1) : ids),
        }));
        return { completions };
      }),
    samplePairs: ({ ref, ...options }, { progress, signal }) =>
      onDevice('sampling pairs', async () => {
        const text = modelText((await contexts.ofModel(ref)).tokenizer);
        return samplePairs(options, {
          render: await contexts.served(ref),
          // Prompt by prompt, so that a run that trains meanwhile gets its steps in between.
          async sample(ids, sampling, stopIds) {
            const rows = await models.use(
              ref,
              (engine) =>
                generate(engine, {
                  prompts: [ids, ids.slice()],
                  ...{ sampling, stopIds, signal },
                  yieldToOthers: () => queue.giveWay(),
                }),
              signal,
              'training',
            );
            const [a, b] = rows.map(({ ids: written, terminated }) => ({
              text: text.decode(terminated ? written.slice(0, -1) : written),
              isCut: !terminated,
            }));
            return [a!, b!];
          },
          onPair: progress,
        });
      }),
    inspect: ({ ref, ids, k }, { signal }) =>
      onDevice('reading the row', async () => {
        const text = modelText((await contexts.ofModel(ref)).tokenizer);
        const read = await models.use(ref, (engine) => inspect(engine, ids, k), signal);
        return { ...read, topkTexts: Array.from(read.topkIds, text.token) };
      }),
    klLab: (params, { signal, progress }) =>
      onDevice('comparing', () =>
        klLabRequest(
          params,
          { models, contexts, queue, checkPair, alone: (task, given) => tenancy.serving.alone(task, given) },
          { signal, onProgress: (done, total) => progress({ done, total }) },
        ),
      ),
    drawGroup: (params, { signal }) => onDevice('drawing completions', () => groups.draw(params, signal)),
    readRows: ({ ref, rows }, { signal, progress }) =>
      onDevice('reading the rows', async () => {
        if (rows.length > MOST_ROWS)
          throw new ConfigError(`At most ${MOST_ROWS} rows are read at once, got ${rows.length}. Ask for fewer pairs.`);
        const onProgress = (done: number) => progress({ done, total: rows.length });
        // Not given way to a step in between: all rows are of one state.
        const read = async (engine: ModelEngine) => ({
          rows: await readRows(engine, rows, { signal, onProgress }),
          step: models.liveStep(ref),
        });
        const { step, ...found } = await models.use(ref, read, signal);
        return { ...found, ...(step !== undefined && { step }) };
      }),
    scoreTexts: (params, { signal, progress }) =>
      onDevice('scoring', () =>
        rewards.scoreTexts(params, { signal, onProgress: (done, total) => progress({ done, total }) }),
      ),
    rewardReport: (params, { signal, progress }) =>
      onDevice('measuring the reward model', () =>
        rewards.report(params, { signal, onProgress: (done, total) => progress({ done, total }) }),
      ),
    judgedPairs: ({ policy, judge, ...options }, { signal, progress }) =>
      onDevice('sampling pairs', async () => {
        const text = modelText((await contexts.ofModel(policy)).tokenizer);
        const total = 4 * options.pairs; // two draws a pair, then two rewards
        const { pairs, same } = await freshPairs(
          { ...options, max_new_tokens: JUDGED_TOKENS },
          await contexts.served(policy),
          async (prompts, sampling, stopIds) => {
            const texts: string[] = [];
            for (let at = 0; at < prompts.length; at += JUDGED_BATCH) {
              const own = prompts.slice(at, at + JUDGED_BATCH);
              const given = { prompts: own, sampling: { ...sampling, seed: sampling.seed + at }, stopIds, signal };
              const rows = await models.use(
                policy,
                (engine) => generate(engine, { ...given, yieldToOthers: () => queue.giveWay() }),
                signal,
                'training',
              );
              texts.push(...rows.map(({ ids, terminated }) => text.decode(terminated ? ids.slice(0, -1) : ids)));
              progress({ done: texts.length, total });
            }
            return texts;
          },
        );
        const rows = pairs.flatMap((pair) => pair.rows);
        const scored = rows.length > 0 ? (await rewards.scoreTexts({ ref: judge, rows }, { signal })).rows : [];
        progress({ done: total, total });
        return {
          pairs: pairs.map(({ quality }, i) => ({
            quality,
            reward: [scored[2 * i]!.reward, scored[2 * i + 1]!.reward] as const,
          })),
          same,
        };
      }),
    layerNorms: ({ ref, ids }, { signal }) =>
      onDevice('reading the row', () => models.use(ref, (engine) => layerNorms(engine, ids), signal)),
    evaluate: ({ ref, metrics, cases, seed, promptStyle, dataset, template, casesOf = ref }, { progress, signal }) =>
      onDevice('evaluating', async () => {
        const options = {
          metrics,
          cases,
          seed,
          promptStyle,
          dataset,
          signal,
          onProgress: (done: number, total: number) => progress({ done, total }),
          batch: 32,
        };
        const world = builtinWorld();
        const context = {
          world,
          render: await contexts.served(ref, template),
          // The device is taken batch by batch, so a run that trains meanwhile gets its steps in between; and chat and
          // inspection go first after every token.
          sampler: ((prompts, given) =>
            models.use(
              ref,
              (engine) => greedySampler(engine, () => queue.giveWay())(prompts, { ...given, signal }),
              signal,
              'training',
            )) satisfies Sampler,
        };
        // A ref that names one adapter asks for that one; a run of several has each on its own cases.
        const { runId, adapter } = runOf(casesOf);
        const recipe =
          runId === undefined || adapter !== undefined ? undefined : (await stores.runs.get(runId))?.recipe;
        const routed = recipe && adapterCases(recipe, world, { n: cases, seed, dataset });
        const result = await (routed ? evaluateCases(routed, options, context) : evaluate(options, context));
        return { metrics: result.metrics, cases: result.cases };
      }),
    compareRuns: (params, { progress, signal }) =>
      onDevice('comparing the runs', () =>
        compareRuns(
          params,
          {
            ...{ models, contexts, queue, now, checkPair, runs: stores.runs, clock: env.clock },
            alone: (task, given) => tenancy.serving.alone(task, given),
            device: () => backendInfo!.adapter,
          },
          { signal, onProgress: progress },
        ),
      ),
    conformance: (_, { progress, signal }) =>
      onDevice('comparing', async () => {
        const results: ConformanceResult[] = [];
        const read = (path: string) => requireModelFile(env.readModelFile, path, signal);
        for (const vector of VECTORS) {
          signal.throwIfAborted();
          const result = await queue.run('training', () => runVector(vector, { read }), signal);
          results.push(result);
          progress({ result, total: VECTORS.length });
        }
        return { backend: backendInfo!, results };
      }),
    memoryPlan: async ({ recipe }, { signal }) => {
      const info = await ready();
      if (info.backend === 'cpu') return {};
      const { config } = (await models.source(recipe.model.ref, undefined, signal)).info;
      const checked = validateRecipe(recipe);
      const known = await knownModels(checked);
      if (info.backend === 'wasm') return { plan: wasmPlan(checked, config, known) };
      const plan = await budget.plan(checked, config, info, known);
      if (!plan?.isOver) return { plan };
      const refusal = await budget.check(checked, config, info, known).then(
        () => undefined,
        (error: Error) => error.message,
      );
      return { plan: { ...plan, refusal } };
    },
    stepMemory: async ({ shape }) => {
      const info = await ready();
      return info.backend === 'webgpu' ? { plan: await budget.stepPlan(shape, info) } : {};
    },
    deviceFree: () => onDevice('waiting', () => queue.run('training', async () => ({}))),
    profileStep: ({ shape, isWhole }, { progress, signal }) =>
      measureStep(shape, () =>
        queue.run('training', () => profileStep(gpu(), shape, isWhole, measuring(signal, progress)), signal),
      ),
    tuneKernels: ({ measure }, { progress, signal }) =>
      onDevice('measuring', async () => {
        const { backend: kind, adapter, isFallbackAdapter } = backendInfo!;
        if (kind !== 'webgpu') gpu(); // which says so
        if (isFallbackAdapter)
          throw new DeviceError(
            'A software adapter is not tuned: its forms were measured already, and timing them would take longer than it saves.',
          );
        if (!measure) {
          const remembered = await storage.getValue<Calibration>(TUNED, adapter);
          return { ...(remembered && { tuned: remembered, isStale: remembered.version !== kernelVersion() }) };
        }
        if (training.ids().length > 0)
          throw new ConfigError('A run trains. Calibrate before or after it: a run keeps its kernels to the end.');
        const calibrate = async () => {
          const forms = await autotune(gpu(), measuring(signal, progress));
          takeTuned(forms); // before anybody else has the device: what is made from now on has them
          return { ...forms, measuredAt: now() };
        };
        const tuned = await queue.run('training', calibrate, signal);
        await storage.setValue(TUNED, adapter, tuned);
        return { tuned, isStale: false };
      }),
    compareWithWasm: (_, { signal }) =>
      onDevice('measuring', async () => {
        const adapter = softwareAdapter();
        if (adapter === undefined)
          throw new DeviceError('Only a software WebGPU adapter is timed beside WebAssembly, and there is none here.');
        if (training.ids().length > 0)
          throw new ConfigError('A run trains. Measure before or after it: both would tell less than they can.');
        const task = () =>
          backendInfo!.backend === 'webgpu'
            ? compareWithWasm(gpu().device, env.clock)
            : onPassedOver((device) => compareWithWasm(device, env.clock));
        return rememberBesideWasm(adapter, await queue.run('training', task, signal));
      }),
    benchmark: ({ shape, rounds }, { progress, signal }) =>
      measureStep({ ...shape, r: 0 }, async () => {
        const task = () => compareEngines(gpu(), shape, rounds, measuring(signal, progress));
        const report = await queue.run('training', task, signal);
        // A whole step says more than the product that was timed before.
        const fastest = (name: string) => Math.min(...(report.rows.find((row) => row.name === name)?.ms ?? []));
        const [gpuMs, wasmMs] = [fastest(NAMES.ours), fastest(NAMES.wasm)];
        const adapter = softwareAdapter();
        if (adapter !== undefined && Number.isFinite(gpuMs) && Number.isFinite(wasmMs))
          await rememberBesideWasm(adapter, { work: { kind: 'step', shape: report.shape }, gpuMs, wasmMs });
        return report;
      }),
    tenancy: () => tenancy.view(),
    previewRoute: ({ metadata }) => tenancy.preview(metadata),
    editRules: async ({ edit }) => ({ rules: [...(await tenancy.editRules(edit))] }),
    mergeDifference: ({ id }, { signal }) => onDevice('merging', () => tenancy.mergeDifference(id, { signal })),
    unmergeDifference: ({ id }, { signal }) => onDevice('merging', () => arithmetic.unmerge(id, signal)),
    serveMix: (params, { signal }) => onDevice('answering', () => arithmetic.mix(params, signal)),
    combineAdapters: ({ parts, combination_type, id, ...about }) =>
      arithmetic.combine(parts, combination_type, id, about),
    registerAdapter: ({ id, ref, ...about }) => tenancy.register(id, ref, about),
    readAdapterFiles: ({ files }) => adapterImports.read(files),
    importAdapter: ({ files, isBaseConfirmed, id, ...about }) =>
      adapterImports.register(files, isBaseConfirmed, id, about),
    activateAdapter: ({ id, version, override }) => tenancy.activate(id, version, override),
    rollbackAdapter: ({ id }) => tenancy.rollback(id),
    checkAdapter: ({ id, version, ...options }, { signal, progress }) =>
      onDevice('checking the adapter', () =>
        tenancy.check(id, version, options, { signal, onProgress: (done, total) => progress({ done, total }) }),
      ),
    tenantMatrix: (options, { signal, progress }) =>
      onDevice('measuring the slices', () =>
        tenancy.measured(`matrix ${options.metric ?? ''}`, async () => {
          const matrix = await tenancy.matrix(options, {
            signal,
            onProgress: (done, total) => progress({ done, total }),
          });
          const cells = matrix.cells.map((row) => row.map(({ outcomes: _outcomes, ...cell }) => cell));
          return { ...matrix, cells, seed: options.seed };
        }),
      ),
    keptMeasures: () => tenancy.keptMeasures(),
    serveRequest: ({ metadata, ...options }, { signal }) =>
      onDevice('answering', () => tenancy.answer(metadata, options, { signal })),
    serveTrace: (options, { signal, progress }) =>
      onDevice('replaying the trace', async () => ({
        reports: await tenancy.measured(REPLAY, () =>
          tenancy.serve(options, { signal, onProgress: (done, total) => progress({ done, total }) }),
        ),
      })),
    searchAuditLog: ({ query, offset, limit }) => tenancy.search(query, offset, limit),
    verifyAuditLog: ({ noted }) => tenancy.verifyLog(noted),
    async exportAuditLog() {
      const bytes = (await tenancy.exportLog()).buffer as ArrayBuffer;
      return transferring({ bytes }, [bytes]);
    },
    verifyAuditFile: ({ bytes }) => tenancy.verifyFile(new Uint8Array(bytes)),
    loraPlan: async ({ ref, peft }, { signal }) =>
      loraPlan((await models.source(ref, undefined, signal)).info.config, parseLoraConfig(peft, 'peft')),
    quantizationErrors: async ({ ref, bnb_4bit_use_double_quant }, { signal }) => {
      const { info, files } = await models.whole(ref, signal);
      const source = sourceOf(files.weights);
      const quantization = { load_in_4bit: true, bnb_4bit_quant_type: 'nf4', bnb_4bit_use_double_quant } as const;
      return { tensors: await quantizationErrors(info.config, source, quantization) };
    },
    adapterPicture: async ({ ref }, { signal }) => {
      const { config, weights, adapter, tensors, step } = await models.adapterOf(ref, signal);
      return { modules: await adapterPicture(config, weights, adapter, tensors), step };
    },
    updateMap: async ({ ref, path, side }, { signal }) => {
      const { config, adapter, tensors } = await models.adapterOf(ref, signal);
      const map = updateMap(config, adapter, tensors, path, side);
      if (!map)
        throw new ConfigError(`The adapter does not sit on ${path}. Choose a module that it sits on.`, { where: path });
      return map;
    },
    exportAdapter: async ({ ref, form }, { signal }) => {
      const environment = { ...env, models, contexts };
      if (form === 'merged') return exportMerged(ref, await models.adapterOf(ref, signal), environment, { signal });
      try {
        return await exportPeft(ref, await models.adapterOf(ref, signal), environment);
      } catch (error) {
        // Its base is gone: the files are still the adapter's.
        const own = error instanceof CheckpointError ? await exportOwnFiles(ref, environment) : undefined;
        if (!own) throw error;
        return own;
      }
    },
    startRun: (params, { signal }) => onDevice('preparing the run', () => training.start(params, signal)),
    resumeRun: ({ runId }, { signal }) =>
      onDevice('preparing the run', async () => {
        const result = await training.resume(runId, signal);
        ended.drop(runId);
        return result;
      }),
    async pause({ runId }) {
      const run = training.require(runId);
      await run.pause();
      return { step: run.step };
    },
    async unpause({ runId }) {
      const run = training.require(runId);
      await run.unpause();
      return { step: run.step };
    },
    async stepOnce({ runId }) {
      const run = training.require(runId);
      await run.stepOnce();
      return { step: run.step };
    },
    async stop({ runId }) {
      const run = training.require(runId);
      await run.stop();
      return { step: run.step };
    },
    listRuns: async () => ({ runs: await training.list() }),
    async renameRun({ runId, name }) {
      await training.rename(runId, name);
      return { runId };
    },
    async keepMeasured({ runId, key, metrics }) {
      await stores.runs.keepMeasured(runId, key, metrics);
      return {};
    },
    async keepRewardReport({ runId, kept }) {
      await stores.runs.keepRewardReports(runId, [kept]);
      return {};
    },
    keptRewardReports: async ({ runId }) => ({ reports: await stores.runs.rewardReports(runId) }),
    async deleteRun({ runId }) {
      const freedBytes = await holds.whileUnread(`run:${runId}`, () => training.remove(runId));
      ended.drop(runId);
      return { freedBytes };
    },
    async exportRun({ runId }) {
      const { fileName, bytes } = await exportRun(stores, runId);
      const buffer = bytes.buffer as ArrayBuffer;
      return transferring({ fileName, bytes: buffer }, [buffer]);
    },
    async importRun({ bytes, fileName = 'log.json' }) {
      const given = new Uint8Array(bytes);
      if (isTrainerLog(given))
        return importTrainerLog(stores.runs, given, { fileName, newId: env.newId, now: env.now });
      return { run: await importRun(stores, given, env.newId) };
    },
    async importModel({ name, files }, { signal, progress }) {
      const { info, isKnown } = await modelImports.import(name, files, { signal, onProgress: progress });
      return { ...(await storedModel(info)), ...(isKnown && { isKnown }) };
    },
    kindOfFiles: async ({ files }) => ({ kind: await kindOfFiles(files) }),
    readModelAdapter: ({ base, files }) => modelAdapters.read(base, files),
    async addModelAdapter({ base, files, isBaseConfirmed }) {
      const { info, isKnown } = await modelAdapters.add(base, files, isBaseConfirmed);
      return { ...(await storedModel(info)), ...(isKnown && { isKnown }) };
    },
    listModels: async () => ({
      models: await Promise.all(
        [...(await artifacts.list('model')), ...(await artifacts.list('adapter'))].map(storedModel),
      ),
      pending: await modelImports.pending(),
      removed: (await allRemoved(storage))
        .filter(({ kind }) => kind === 'model' || kind === 'adapter' || kind === 'run')
        .map(({ id, name }) => ({ id, name })),
    }),
    discardImport: async ({ id }) => ({ freedBytes: await modelImports.discard(id) }),
    modelCard: async ({ ref }, { signal }) =>
      modelCard(ref, { ...env, models, contexts, budget }, await ready(), signal),
    async renameModel({ id, name }) {
      if (name.trim() === '') throw new ConfigError('The model has no name. Give it one.', { where: 'name' });
      await artifacts.rename(id, name.trim());
      return { id };
    },
    exportModel: ({ ref }, { signal, progress }) =>
      exportModel(
        ref,
        { ...env, models, contexts },
        {
          signal,
          onProgress: (doneBytes, totalBytes) => progress({ doneBytes, totalBytes }),
        },
      ),
    storageReport: () => items.report(),
    async deleteStored({ kind, id, isForced }) {
      const freedBytes = await items.remove(kind, id, isForced);
      models.forget(id);
      return { freedBytes };
    },
    missingStored: async ({ ids }) => ({ missing: await items.missing(ids) }),
    exportStored: ({ kind, id }) => exportStored(env, kind, id),
    storageEstimate: () => storage.estimate(),
  };
  return { handlers, abandon };
}

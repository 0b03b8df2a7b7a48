// Models by ref: what they are, and their engines on the device, of which the few used last are kept.
import { adapterId, type TrainedAdapter } from '../interop/adapterExport';
import { type HfTensors, isWeights, openWeights, WEIGHTS_INDEX } from '../interop/hfModel';
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  readAdapter,
  readAdapterConfig,
  toEngine,
  writeAdapter,
  writeAdapters,
} from '../interop/peft';
import { recipeAdapters } from '../labs/recipeAdapters';
import { startFiles } from '../labs/startModel';
import { CheckpointError, ConfigError, DataError } from '../lib/errors';
import { tensorsOf } from '../nn/adapterSet';
import { headOf, inFloat32 } from '../nn/hfConfig';
import { loadModel, type ModelFiles, parseLlamaConfig, type StreamedFiles, streamModel } from '../nn/loadModel';
import { isRewardAdapter, loraParameterCount, mergeLora } from '../nn/lora';
import { mergedSource } from '../nn/mergedSource';
import { parameterCount as countParameters } from '../nn/presets';
import { asRewardModel, withPadToken } from '../nn/rewardModel';
import type { LoraAdapter, ModelEngine, NamedTensorMap } from '../nn/seam';
import type { Json } from '../protocol/chat';
import type { LoraConfig } from '../protocol/model';
import { DEFAULT_ADAPTER } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';
import type { ModelInfo, ModelRef } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { type ArtifactInfo, ArtifactStore, filePath } from '../storage/artifacts';
import type { CheckpointStore } from '../storage/checkpoints';
import { artifactId, manifestOf } from '../storage/hash';
import type { RunStore } from '../storage/runs';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';
import type { Storage } from '../storage/storage';
import { inMemory, readTensors, storedBytes, type TensorSource } from '../storage/tensorSource';
import { trainedHead } from '../trainers/registry';
import { BUILTIN, BUILTIN_ADAPTERS, noteBuiltinId } from './builtinModels';
import type { DeviceQueue, Priority } from './deviceQueue';
import { missingModel } from './missingModel';
import { type ReadModelFile, requireModelFile } from './modelFiles';

const ADAPTER_FOLDER = 'adapters/';
const ENGINES_KEPT = 4;
/** Of weights, so that several large models do not fill the device: one is always kept. */
const BYTES_KEPT = 2 ** 30;

/** A model before it is on the device. */
export interface ModelSource {
  /** Equal keys mean equal weights. */
  key: string;
  info: ModelInfo;
  /** Of what lies in the store, weights are read when they are needed. */
  files: ModelFiles | StreamedFiles;
  /** Beside the base that `files` hold. */
  adapters?: { list: LoraAdapter[]; tensors: NamedTensorMap; baseName: string };
  /** Of the base beside which the adapters lie. */
  baseId?: string;
  /** Artifact id of the template that the adapters were trained with, where they name it (`trainedParents`). */
  templateId?: string;
  /** Of a run's checkpoint. */
  step?: number;
  /** Keeps it as artifacts, for what is built on it; absent where it is one, or ships with the studio. */
  keep?: () => Promise<void>;
}
export interface ModelsEnvironment {
  storage: Storage;
  runs: RunStore;
  checkpoints: CheckpointStore;
  queue: DeviceQueue;
  now: () => number;
  readModelFile: ReadModelFile;
  /** Id that a model's tokenizer pads with; null where it has none. */
  padTokenOf: (ref: ModelRef) => Promise<number | null>;
  /** Throws ConfigError for a model that the device has no room for. */
  checkRoom?: (config: ModelInfo['config']) => Promise<void>;
  /** The engine of a run that trains here (or ended here a moment ago), with its step. */
  liveEngine: (runId: string) => { engine: ModelEngine; step: number } | undefined;
}
type OnProgress = (loadedBytes: number, totalBytes: number) => void;

export class Models {
  private readonly artifacts: ArtifactStore;
  private readonly builtin = new Map<string, Promise<ModelSource>>();
  /** Engines by source key, the last used last. */
  private readonly engines = new Map<string, ModelEngine>();
  /** Keys of engines that a task holds, also while it gives way to others. */
  private readonly inUse: string[] = [];

  constructor(private readonly env: ModelsEnvironment) {
    this.artifacts = new ArtifactStore(env.storage, env.now);
  }

  /**
   * Runs `task` with the model's engine, alone on the device. The engine may not be used after it. Throws ConfigError for a model
   * with another head than `head`.
   */
  async use<T>(
    ref: ModelRef,
    task: (engine: ModelEngine) => Promise<T>,
    signal?: AbortSignal,
    priority: Priority = 'interactive',
    head: 'lm' | 'score' = 'lm',
  ): Promise<T> {
    const isLive = () => this.live(ref);
    const source = isLive() ? undefined : await this.source(ref, undefined, signal); // reads files before it takes the device
    requireHead(head, source ? source.info.head : isLive()?.engine.head, ref);
    return this.env.queue.run(
      priority,
      async () => {
        const live = isLive();
        if (live) return asRouted(live.engine, ref, task);
        const { key, engine } = await this.engine(source ?? (await this.source(ref, undefined, signal)));
        this.inUse.push(key);
        try {
          return await asRouted(engine, ref, task);
        } finally {
          this.inUse.splice(this.inUse.indexOf(key), 1);
        }
      },
      signal,
    );
  }

  async info(ref: ModelRef, onProgress?: OnProgress, signal?: AbortSignal): Promise<ModelInfo> {
    const live = this.live(ref);
    if (!live) return (await this.source(ref, onProgress, signal)).info;
    const runId = runOf(ref).runId!;
    const { config } = live.engine;
    const name = (await this.env.runs.head(runId))?.name ?? runId;
    // Weights that still move are no artifact: their id says run and step.
    const adapters = adapterInfos(config, live.engine.adapters);
    const isReward = live.engine.head === 'score';
    return { ref, name, artifactId: `run:${runId}@${live.step}`, config, ...sizes(config, isReward), ...adapters };
  }

  /** What a model is called and its shape, without its weights where they need not be read. Throws as `source` does. */
  async about(ref: ModelRef): Promise<{ name: string; config: ModelInfo['config'] }> {
    const { runId, step } = runOf(ref);
    const head = runId === undefined ? undefined : await this.env.runs.head(runId);
    // What a run trains has the shape of what it starts from.
    if (head) {
      const name = step === undefined ? head.name : `${head.name} · step ${step}`;
      return { ...(await this.about(head.recipe.model.ref)), name };
    }
    const known = ref.startsWith('sha256:') ? await this.artifacts.get(ref) : undefined;
    if (known?.manifest.kind === 'adapter' && known.manifest.parents.base !== undefined)
      return { ...(await this.about(known.manifest.parents.base)), name: known.name };
    if (known?.manifest.kind === 'model') {
      const json = new TextDecoder().decode(await this.artifacts.file(ref, 'config.json'));
      return { name: known.name, config: parseLlamaConfig(JSON.parse(json)) };
    }
    const { name, config } = (await this.source(ref)).info;
    return { name, config };
  }

  /** Throws DataError or CheckpointError, in words, when the ref means nothing here. */
  async source(ref: ModelRef, onProgress?: OnProgress, signal?: AbortSignal): Promise<ModelSource> {
    if (ref.startsWith('builtin:')) return this.builtinSource(ref.slice('builtin:'.length), onProgress, signal);
    if (ref.startsWith('sha256:')) return this.artifactSource(ref);
    const { runId, step } = runOf(ref);
    if (runId !== undefined) return this.checkpointSource(ref, runId, step);
    throw new DataError(`"${ref}" is no model: use builtin:micro, run:<id>, run:<id>@<step> or sha256:….`, {
      where: ref,
    });
  }

  /** What a recipe's run begins with (labs/startModel.ts): its model, with a new head where the method wants one. */
  async start(recipe: Recipe, signal?: AbortSignal): Promise<ModelSource> {
    return this.started(recipe, await this.whole(recipe.model.ref, signal));
  }
  private async started(recipe: Recipe, source: ModelSource): Promise<ModelSource> {
    const padTokenId = trainedHead(recipe.trainer) === 'score' ? await this.env.padTokenOf(recipe.model.ref) : null;
    const files = startFiles(recipe, source.files, padTokenId);
    return files === source.files ? source : asReward(source, files);
  }

  /** A model as something to build on: adapters are merged into their base (PEFT's merge_and_unload). */
  async whole(ref: ModelRef, signal?: AbortSignal): Promise<ModelSource> {
    const source = await this.source(ref, undefined, signal);
    const { adapters, files, info } = source;
    if (!adapters) return source;
    const { adapter: name } = runOf(ref);
    if (adapters.list.length > 1 && name === undefined)
      throw new ConfigError(
        `This run has trained ${adapters.list.length} adapters. Say which one to build on: ${adapters.list.map((a) => `${ref}#${a.name}`).join(' or ')}.`,
        { where: ref },
      );
    const chosen = adapters.list.find((a) => a.name === (name ?? a.name));
    if (!chosen && name !== BASE_ROUTE) throw new ConfigError(`This model has no adapter "${name}".`, { where: ref });
    // Merged at full precision: into four bits a small update would be lost (PEFT 2321).
    const merged = chosen
      ? mergedWeights(info.config, files.weights, chosen, tensorsOf(chosen.name, adapters.tensors))
      : files.weights;
    const { adapters: _none, ...plain } = info;
    // An adapter's own files are the artifact; written anew, as a run's are, they would be another.
    const isRun = runOf(ref).runId !== undefined;
    const artifactId = isRun && chosen ? await this.adapterId(source, chosen) : undefined;
    return {
      key: `${source.key}#${name ?? ''}`,
      info: artifactId ? { ...plain, artifactId } : plain,
      files: { config: files.config, weights: merged } as ModelSource['files'],
      keep: source.keep,
    };
  }

  /** Artifact id of one adapter of a source: as keepAdapters gives. */
  private async adapterId({ info: { config }, adapters, baseId, templateId }: ModelSource, adapter: LoraAdapter) {
    if (!adapters) return undefined;
    const { baseName, tensors } = adapters;
    return adapterId({ config, adapter, tensors: tensorsOf(adapter.name, tensors), baseName, baseId, templateId });
  }
  /**
   * The adapter that a ref means, as it is now, with its base at full precision: what a base in four bits rounds is not the
   * adapter's, so a run is read the same while it trains and after. Throws ConfigError where there is no adapter.
   */
  async adapterOf(ref: ModelRef, signal?: AbortSignal): Promise<TrainedAdapter> {
    const live = this.live(ref);
    const { runId, adapter: name } = runOf(ref);
    const choose = (list: readonly LoraAdapter[]): LoraAdapter => {
      const chosen = list.find((a) => a.name === (name ?? list[0]?.name));
      if (!chosen)
        throw new ConfigError(
          list.length === 0
            ? 'This model has no adapter: all its weights were trained. Choose a run that trained one.'
            : `This model has no adapter "${name}". It has ${list.map((a) => a.name).join(', ')}.`,
          { where: ref },
        );
      return chosen;
    };
    if (live) {
      const { engine } = live;
      const adapter = choose(engine.adapters);
      const head = await this.env.runs.get(runId!);
      const base = await this.start(head.recipe, signal);
      // The run goes on while this waits for the device: the step is the one that is read.
      const read = async () => ({ step: this.live(ref)?.step ?? live.step, tensors: await engine.exportTrained() });
      const { step, tensors } = await this.env.queue.run('interactive', read, signal);
      const { base: baseId, template: templateId } = adapterParents(base.info.artifactId, head);
      const about = { baseName: base.info.name, baseId, templateId, step };
      return trainedAdapter(base.files, { ...base.info, name: head.name }, about, adapter, tensors);
    }
    const { adapters, files, info, baseId, templateId, step } = await this.source(ref, undefined, signal);
    const adapter = choose(adapters?.list ?? []);
    const about = { baseName: adapters!.baseName, baseId, templateId, step };
    return trainedAdapter(files, info, about, adapter, adapters!.tensors);
  }

  /** A new engine that belongs to the caller, with `fresh` adapters to be trained. Only while the device is held. */
  async newEngine({ files, adapters }: ModelSource, fresh: readonly LoraAdapter[] = []): Promise<ModelEngine> {
    const list = adapters?.list ?? fresh;
    const engine = isStreamed(files) ? await streamModel(files, list) : loadModel(files, list);
    try {
      if (adapters) await engine.importTrained(adapters.tensors);
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }
  private async engine(source: ModelSource): Promise<{ key: string; engine: ModelEngine }> {
    const { key } = source;
    let engine = this.engines.get(key);
    if (!engine) {
      // Four bits take an eighth of what is checked.
      if (!source.files.quantization) await this.env.checkRoom?.(source.info.config);
      engine = await this.newEngine(source);
    }
    this.engines.delete(key);
    this.engines.set(key, engine);
    let bytes = 0;
    let kept = 0;
    for (const [oldKey, old] of [...this.engines].reverse()) {
      bytes += 4 * countParameters(old.config);
      kept++;
      if (kept === 1 || (kept <= ENGINES_KEPT && bytes <= BYTES_KEPT) || this.inUse.includes(oldKey)) continue;
      this.engines.delete(oldKey);
      old.dispose();
    }
    return { key, engine };
  }
  /** Frees the engine of a model that was deleted. */
  forget(id: string): void {
    for (const [key, engine] of [...this.engines]) {
      if (!key.startsWith(id) || this.inUse.includes(key)) continue;
      this.engines.delete(key);
      engine.dispose();
    }
  }
  /** Of a run that trains here and is meant as it is now. */
  liveStep(ref: ModelRef): number | undefined {
    return this.live(ref)?.step;
  }
  private live(ref: ModelRef) {
    const { runId, step } = runOf(ref);
    return runId !== undefined && step === undefined ? this.env.liveEngine(runId) : undefined;
  }

  private builtinSource(name: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<ModelSource> {
    let source = this.builtin.get(name);
    if (!source) {
      source = this.readBuiltin(name, onProgress, signal);
      this.builtin.set(name, source);
      source.catch(() => this.builtin.delete(name)); // the next request tries again
    }
    return source;
  }
  private async readBuiltin(name: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<ModelSource> {
    if (name.startsWith(ADAPTER_FOLDER)) return this.readBuiltinAdapter(name, signal);
    if (!/^[\w.-]+$/.test(name) || name.includes('..'))
      throw new DataError(`There is no built-in model "${name}". Known: ${BUILTIN.join(', ')}.`, { where: name });
    const { readModelFile } = this.env;
    const weights = await readModelFile(`${name}/model.safetensors`, onProgress, signal);
    if (!weights)
      throw new DataError(
        BUILTIN.includes(name)
          ? `The files of the built-in model "${name}" are missing from this copy of the studio. Build the site anew, or publish public/models with it.`
          : `There is no built-in model "${name}". Known: ${BUILTIN.join(', ')}.`,
        { where: name },
      );
    const configBytes = await requireModelFile(readModelFile, `${name}/config.json`, signal);
    const reportBytes = await readModelFile(`${name}/report.json`, undefined, signal);
    const json = JSON.parse(new TextDecoder().decode(configBytes)) as unknown;
    const config = parseLlamaConfig(json);
    const id = await artifactId(
      await manifestOf('model', { 'config.json': configBytes, 'model.safetensors': weights }),
    );
    noteBuiltinId(readModelFile, id);
    const report = reportBytes && (JSON.parse(new TextDecoder().decode(reportBytes)) as { [key: string]: Json });
    return {
      key: id,
      info: { ref: `builtin:${name}`, name: `${name}-base`, artifactId: id, config, ...sizes(config), report },
      files: { config: json, weights },
    };
  }
  private async readBuiltinAdapter(name: string, signal?: AbortSignal): Promise<ModelSource> {
    const short = name.slice(ADAPTER_FOLDER.length);
    if (!BUILTIN_ADAPTERS.includes(short))
      throw new DataError(`There is no built-in adapter "${short}". Known: ${BUILTIN_ADAPTERS.join(', ')}.`, {
        where: name,
      });
    const { readModelFile } = this.env;
    const [configBytes, weights, reportBytes] = await Promise.all([
      requireModelFile(readModelFile, `${name}/${ADAPTER_CONFIG}`, signal),
      requireModelFile(readModelFile, `${name}/${ADAPTER_WEIGHTS}`, signal),
      readModelFile(`${name}/report.json`, undefined, signal),
    ]);
    const { base: baseName } = readAdapterConfig(JSON.parse(new TextDecoder().decode(configBytes)));
    const base = await this.builtinSource(baseName ?? '', undefined, signal);
    const id = await artifactId(
      await manifestOf('adapter', { [ADAPTER_CONFIG]: configBytes, [ADAPTER_WEIGHTS]: weights }, { base: base.key }),
    );
    const report = reportBytes && (JSON.parse(new TextDecoder().decode(reportBytes)) as { [key: string]: Json });
    noteBuiltinId(readModelFile, id);
    const about = { ref: `builtin:${name}`, name: short, id };
    const source = await this.besideBase(base, about, configBytes, weights, report);
    const files = { [ADAPTER_CONFIG]: configBytes, [ADAPTER_WEIGHTS]: weights };
    const keep = async () => {
      await this.artifacts.put('adapter', files, { name: short, parents: { base: base.key } });
    };
    return { ...source, keep };
  }
  /** An adapter's files as a source: the base's, with the adapter beside it. */
  private async besideBase(
    given: ModelSource,
    { ref, name, id }: { ref: ModelRef; name: string; id: string },
    configBytes: Uint8Array,
    weights: Uint8Array,
    report?: { [key: string]: Json },
  ): Promise<ModelSource> {
    const file = readAdapter(given.info.config, { config: configBytes, weights });
    const { adapter, tensors } = toEngine(DEFAULT_ADAPTER, file);
    const hasHead = isRewardAdapter(file.config);
    const isReward = hasHead || given.info.head === 'score';
    // The adapter brings its own head: what the base's begins with is not read.
    const start = async () => ({ seed: 0, padTokenId: await this.env.padTokenOf(given.info.ref) });
    const base = hasHead ? asReward(given, asRewardModel(given.files, await start())) : given;
    const { config, artifactId: baseId, name: baseName } = base.info;
    const info = { ref, name, artifactId: id, config, ...sizes(config, isReward), ...adapterInfos(config, [adapter]), ...(report && { report }) }; // biome-ignore format: one object
    return { key: id, info, files: base.files, adapters: { list: [adapter], tensors, baseName }, baseId };
  }
  /** What ships with the studio under this artifact id. */
  async shipped(id: string): Promise<ModelSource | undefined> {
    const adapters = BUILTIN_ADAPTERS.map((name) => ADAPTER_FOLDER + name);
    for (const name of new Set([...BUILTIN, ...adapters, ...this.builtin.keys()])) {
      const source = await this.builtinSource(name).catch(() => undefined); // not in this copy: not the one
      if (source?.key === id) return source;
    }
    return undefined;
  }
  private async artifactSource(ref: ModelRef): Promise<ModelSource> {
    const known = await this.artifacts.get(ref);
    const shipped = known ? undefined : await this.shipped(ref);
    if (shipped) return { ...shipped, info: { ...shipped.info, ref } };
    if (known?.manifest.kind === 'adapter') return this.adapterSource(ref, known);
    if (!known) throw await missingModel(this.env.storage, ref);
    const configJson = new TextDecoder().decode(await this.artifacts.file(ref, 'config.json'));
    const json = JSON.parse(configJson) as unknown;
    const config = parseLlamaConfig(json);
    const head = headOf(json);
    const weights = await this.storedTensors(known, { config, head });
    const isReward = head === 'score';
    const info = { ref, name: known.name, artifactId: ref, config, ...sizes(config, isReward) };
    const files = { config: json, weights };
    if (!isReward) return { key: ref, info, files };
    // Scores, pay and what is trained on it read the same text at the same token.
    const padded = withPadToken(files, await this.env.padTokenOf(ref));
    return { key: ref, info: { ...info, config: parseLlamaConfig(padded.config) }, files: padded };
  }
  /** Of a model artifact. Throws DataError naming the file or tensor that is missing or damaged. */
  private async storedTensors(
    { id, manifest }: ArtifactInfo,
    model: Parameters<typeof openWeights>[0],
  ): Promise<HfTensors> {
    const names = manifest.files.map(({ path }) => path);
    const weights = names.filter(isWeights).map(async (name) => ({
      name,
      bytes: await storedBytes(this.env.storage, filePath(id, name)),
    }));
    const index = names.includes(WEIGHTS_INDEX)
      ? JSON.parse(new TextDecoder().decode(await this.artifacts.file(id, WEIGHTS_INDEX)))
      : undefined;
    return openWeights(model, await Promise.all(weights), index);
  }
  private async checkpointSource(ref: ModelRef, runId: string, step?: number): Promise<ModelSource> {
    const head = await this.env.runs.head(runId);
    if (!head) throw await missingModel(this.env.storage, `run:${runId}`);
    const { recipe } = head;
    const base = await this.started(recipe, await this.baseOf(recipe.model.ref, head.name));
    const isReward = base.info.head === 'score';
    const { weights, ref: checkpoint } = await this.env.checkpoints.weights(runId, step);
    const name = `${head.name} · step ${checkpoint.step}`;
    const list = recipeAdapters(head.recipe);
    if (list.length > 0) {
      const parents = adapterParents(base.info.artifactId, head);
      const { config, name: baseName } = base.info;
      const adapterFiles = writeAdapters(config, list, weights, baseName);
      const key = await artifactId(await manifestOf('adapter', adapterFiles, parents));
      const info = { ref, name, artifactId: key, config, ...sizes(config, isReward), ...adapterInfos(config, list) };
      // As it was trained: beside four bits, where the recipe says so.
      const { quantization } = head.recipe.model;
      return {
        key: `${key}${quantization ? '/nf4' : ''}`,
        info,
        files: { ...base.files, quantization },
        adapters: { list, tensors: weights, baseName },
        baseId: parents.base,
        templateId: parents.template,
        step: checkpoint.step,
        keep: async () => {
          await this.keepAdapters(base, list, weights, name, parents);
        },
      };
    }
    const files = modelFiles(base.files.config, weights);
    const trained = trainedParents(base.info.artifactId, head);
    const id = await artifactId(await manifestOf('model', files, trained));
    const { config } = base.info;
    const info = { ref, name, artifactId: id, config, ...sizes(config, isReward) };
    const keep = async () => {
      await base.keep?.();
      await this.artifacts.put('model', files, { name, parents: trained });
    };
    return { key: id, info, files: { config: base.files.config, weights }, keep };
  }

  /** What `child` was trained on. Throws CheckpointError naming both where it is gone. */
  private async baseOf(ref: ModelRef, child: string): Promise<ModelSource> {
    const { runId } = runOf(ref);
    const isGone = runId !== undefined && !(await this.env.runs.head(runId));
    if (isGone) throw await missingModel(this.env.storage, `run:${runId}`, child);
    try {
      return await this.whole(ref);
    } catch (error) {
      // Only of this base: an older one of the chain has named its own.
      if (!(error instanceof CheckpointError && error.where === ref)) throw error;
      throw await missingModel(this.env.storage, ref, child);
    }
  }

  /** Keeps the adapter of a ref as an artifact, with its base; resolves to its id. Throws ConfigError where there is none. */
  async keepAdapter(ref: ModelRef): Promise<string> {
    const { runId } = runOf(ref);
    const status = runId === undefined ? undefined : (await this.env.runs.head(runId))?.status;
    if (status === 'queued' || status === 'running' || status === 'paused')
      throw new ConfigError('The run has not ended yet. Register its adapter once it has.', { where: ref });
    const source = await this.source(ref);
    const { adapter: name } = runOf(ref);
    const { list = [] } = source.adapters ?? {};
    const chosen = list.find((one) => one.name === (name ?? (list.length === 1 ? one.name : undefined)));
    if (!chosen)
      throw new ConfigError(
        list.length === 0
          ? 'This model has no adapter: all its weights were trained. Choose a run that trained one.'
          : `This run has trained ${list.length} adapters. Say which: ${list.map((one) => `${ref.split('#')[0]}#${one.name}`).join(', ')}.`,
        { where: ref },
      );
    refuseRewardAdapter(chosen.config, ref);
    await source.keep?.();
    // An adapter's own files are the artifact; written anew, as a run's are, they would be another.
    const written = runId === undefined ? undefined : await this.adapterId(source, chosen);
    return written ?? source.info.artifactId;
  }
  /** An adapter artifact as an engine takes it, under a name that no other has. */
  async loadAdapter(artifactId: string): Promise<{ adapter: LoraAdapter; tensors: NamedTensorMap }> {
    const { adapters, info } = await this.source(artifactId);
    if (!adapters) throw new ConfigError(`${info.name} is no adapter.`, { where: artifactId });
    const [{ config }] = adapters.list as [LoraAdapter];
    return toEngine(artifactId, { config, tensors: tensorsOf(DEFAULT_ADAPTER, adapters.tensors) });
  }

  /** An adapter beside the base that its manifest names. */
  private async adapterSource(ref: ModelRef, { manifest, name }: ArtifactInfo): Promise<ModelSource> {
    const baseId = manifest.parents.base;
    if (!baseId)
      throw new DataError(
        `The adapter ${name} does not say which base it is for. Import its files under Adapters, Registry, which asks for the base.`,
        {
          where: ref,
        },
      );
    const base = await this.baseOf(baseId, name);
    const [configBytes, weights] = await Promise.all(
      [ADAPTER_CONFIG, ADAPTER_WEIGHTS].map((file) => this.artifacts.file(ref, file)),
    );
    const source = await this.besideBase(base, { ref, name, id: ref }, configBytes!, weights!);
    return { ...source, templateId: manifest.parents.template };
  }

  /**
   * Keeps what a finished run has trained as artifacts; resolves to their ids: `model`, or `adapter`, or `adapter:<name>` for
   * each of several.
   */
  async keepTrained(runId: string, engine: ModelEngine): Promise<RunRecord['outputs']> {
    const head = await this.env.runs.get(runId);
    const base = await this.start(head.recipe);
    const weights = await this.env.queue.run('interactive', () => engine.exportTrained());
    if (engine.adapters.length === 0) {
      await base.keep?.();
      const files = modelFiles(base.files.config, weights);
      const parents = trainedParents(base.info.artifactId, head);
      return { model: (await this.artifacts.put('model', files, { name: head.name, parents })).id };
    }
    const parents = adapterParents(base.info.artifactId, head);
    return this.keepAdapters(base, engine.adapters, weights, head.name, parents);
  }
  /** Each adapter as an artifact, and the base that they need. */
  private async keepAdapters(
    base: ModelSource,
    adapters: readonly LoraAdapter[],
    tensors: NamedTensorMap,
    title: string,
    parents: Record<string, string>,
  ): Promise<RunRecord['outputs']> {
    await base.keep?.();
    const { config, name: baseName } = base.info;
    const outputs: RunRecord['outputs'] = {};
    for (const { name, config: lora } of adapters) {
      const files = writeAdapter(config, lora, tensorsOf(name, tensors), baseName);
      const isOnly = adapters.length === 1;
      const about = { name: isOnly ? title : `${title} · ${name}`, parents };
      outputs[isOnly ? 'adapter' : `adapter:${name}`] = (await this.artifacts.put('adapter', files, about)).id;
    }
    return outputs;
  }
}

/** A tensor may be called anything, so the method tells, not the name. */
const isSource = (weights: ModelSource['files']['weights']): weights is TensorSource =>
  typeof (weights as Partial<TensorSource>).pieces === 'function';
const isStreamed = (files: ModelSource['files']): files is StreamedFiles => isSource(files.weights);
/** The weights as they are read tensor by tensor. */
export const sourceOf = (weights: ModelSource['files']['weights']): TensorSource =>
  isSource(weights) ? weights : inMemory(tensorsIn(weights));
/** Bytes by type of what lies in files; undefined for what is in memory as f32. */
export const dtypesOf = (weights: ModelSource['files']['weights']): Record<string, number> | undefined =>
  isSource(weights) ? (weights as Partial<HfTensors>).dtypes : undefined;
/** With the weights in memory, whatever they take. */
export async function wholeFiles(files: ModelSource['files']): Promise<ModelFiles> {
  return isStreamed(files) ? { ...files, weights: await readTensors(files.weights) } : files;
}
const tensorsIn = (weights: ModelFiles['weights']): NamedTensorMap =>
  weights instanceof Uint8Array ? readSafetensors(weights, 'model.safetensors') : weights;
function mergedWeights(
  config: ModelInfo['config'],
  weights: ModelSource['files']['weights'],
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): ModelSource['files']['weights'] {
  if (isSource(weights)) return mergedSource(config, weights, adapter, tensors);
  return mergeLora(config, tensorsIn(weights), adapter, tensors);
}

function trainedAdapter(
  files: ModelSource['files'],
  { config, name }: Pick<ModelInfo, 'config' | 'name'>,
  about: Pick<TrainedAdapter, 'baseName' | 'baseId' | 'templateId' | 'step'>,
  adapter: LoraAdapter,
  tensors: NamedTensorMap,
): TrainedAdapter {
  return {
    config,
    hfConfig: files.config,
    weights: sourceOf(files.weights),
    ...about,
    name: adapter.name === DEFAULT_ADAPTER ? name : `${name} ${adapter.name}`,
    adapter,
    tensors: tensorsOf(adapter.name, tensors),
  };
}

/** `run:<id>` or `run:<id>@<step>`, with `#<adapter>` behind it where the run has several. */
export function runOf(ref: ModelRef): { runId?: string; step?: number; adapter?: string } {
  const [, runId, step, adapter] = /^run:([\w-]+)(?:@(\d+))?(?:#([\w.@:-]+))?$/.exec(ref) ?? [];
  return { runId, step: step === undefined ? undefined : Number(step), adapter };
}

/** The engine with the ref's adapter in use: the first unless `#<adapter>` names one; `#base`: none (PEFT's disable_adapter). */
function routed(engine: ModelEngine, ref: ModelRef): ModelEngine {
  const { adapter } = runOf(ref);
  const route = engine.adapters.findIndex(({ name }) => name === adapter);
  if (adapter !== undefined && adapter !== BASE_ROUTE && route < 0)
    throw new ConfigError(
      `This model has no adapter "${adapter}". It has ${engine.adapters.map(({ name }) => name).join(', ') || 'none'}.`,
      { where: ref },
    );
  engine.activeRoute = adapter === BASE_ROUTE || engine.adapters.length === 0 ? -1 : Math.max(0, route);
  return engine;
}
const BASE_ROUTE = 'base';
/** The route is the engine's only during the task: a run's own samples go on through the run's adapter. */
async function asRouted<T>(engine: ModelEngine, ref: ModelRef, task: (engine: ModelEngine) => Promise<T>): Promise<T> {
  const { activeRoute } = engine;
  try {
    return await task(routed(engine, ref));
  } finally {
    engine.activeRoute = activeRoute;
  }
}

const adapterInfos = (config: ModelInfo['config'], list: readonly LoraAdapter[]): Pick<ModelInfo, 'adapters'> =>
  list.length === 0
    ? {}
    : {
        adapters: list.map(({ name, config: lora }) => ({
          name,
          config: lora,
          parameterCount: loraParameterCount(config, lora),
        })),
      };

/**
 * What was trained names its template: it is served with that when its run is gone. The built-in one on a built-in base goes
 * without saying, so that such adapters have the ids that PEFT's files alone give.
 */
function adapterParents(
  base: string,
  { recipe, parents }: Pick<RunRecord, 'recipe' | 'parents'>,
): { base: string; template?: string } {
  const isUsual = recipe.template === 'builtin:chatml' && recipe.model.ref.startsWith('builtin:');
  return { base, ...(!isUsual && parents.template !== undefined && { template: parents.template }) };
}
/** A trained model names its tokenizer too: it is read right when the base is gone. */
function trainedParents(base: string, head: Pick<RunRecord, 'recipe' | 'parents'>): Record<string, string> {
  const { tokenizer } = head.parents;
  return { ...adapterParents(base, head), ...(tokenizer !== undefined && { tokenizer }) };
}

function modelFiles(config: unknown, weights: Parameters<typeof writeSafetensors>[0]): Record<string, Uint8Array> {
  return {
    'config.json': new TextEncoder().encode(JSON.stringify(inFloat32(config), undefined, 2)),
    'model.safetensors': writeSafetensors(weights, { format: 'pt' }),
  };
}

function sizes(
  config: ModelInfo['config'],
  isReward = false,
): Pick<ModelInfo, 'head' | 'parameterCount' | 'sizeBytes'> {
  const parameterCount = countParameters(config) + (isReward ? config.hidden_size : 0);
  return { ...(isReward && { head: 'score' as const }), parameterCount, sizeBytes: 4 * parameterCount };
}
/** A language model's source with the files of a reward model on it; what it is kept as stays the language model. */
function asReward(source: ModelSource, files: ModelSource['files']): ModelSource {
  const config = parseLlamaConfig(files.config);
  return { ...source, key: `${source.key}/score`, info: { ...source.info, config, ...sizes(config, true) }, files };
}
/** Throws ConfigError for an adapter with a head of its own, where one is to answer. */
export function refuseRewardAdapter(config: LoraConfig, where: string): void {
  if (isRewardAdapter(config))
    throw new ConfigError(
      'This is the adapter of a reward model: it gives texts numbers and answers nobody. Choose an adapter of a language model.',
      { where },
    );
}
/** Throws ConfigError for a model that does not have the head a request is for. */
function requireHead(wanted: 'lm' | 'score', found: string | undefined, ref: ModelRef): void {
  if ((found ?? 'lm') === wanted) return;
  throw new ConfigError(
    wanted === 'lm'
      ? `${ref} is a reward model: it gives a text a number and cannot write or continue one. Choose a language model.`
      : `${ref} is a language model and gives no rewards. Choose a reward model, or train one on preference pairs.`,
    { where: ref },
  );
}

// Models by ref: what they are, and their engines on the device, of which the few used last are kept.
import { DataError } from '../lib/errors';
import { loadModel, type ModelFiles, parseLlamaConfig } from '../nn/loadModel';
import { parameterCount as countParameters } from '../nn/presets';
import type { ModelEngine } from '../nn/seam';
import type { Json } from '../protocol/chat';
import type { ModelInfo, ModelRef } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import type { CheckpointStore } from '../storage/checkpoints';
import { artifactId, manifestOf } from '../storage/hash';
import type { RunStore } from '../storage/runs';
import { writeSafetensors } from '../storage/safetensors';
import type { Storage } from '../storage/storage';
import type { DeviceQueue, Priority } from './deviceQueue';
import { type ReadModelFile, requireModelFile } from './modelFiles';

/** Names under public/models; an artifact id may mean one of them. */
const BUILTIN = ['nano', 'micro'];
const ENGINES_KEPT = 4;

/** A model before it is on the device. */
export interface ModelSource {
  /** Equal keys mean equal weights. */
  key: string;
  info: ModelInfo;
  files: ModelFiles;
}
export interface ModelsEnvironment {
  storage: Storage;
  runs: RunStore;
  checkpoints: CheckpointStore;
  queue: DeviceQueue;
  now: () => number;
  readModelFile: ReadModelFile;
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

  /** Runs `task` with the model's engine, alone on the device. The engine may not be used after it. */
  async use<T>(
    ref: ModelRef,
    task: (engine: ModelEngine) => Promise<T>,
    signal?: AbortSignal,
    priority: Priority = 'interactive',
  ): Promise<T> {
    const isLive = () => this.live(ref);
    const source = isLive() ? undefined : await this.source(ref, undefined, signal); // reads files before it takes the device
    return this.env.queue.run(
      priority,
      async () => {
        const live = isLive();
        if (live) return task(live.engine);
        const { key, engine } = this.engine(source ?? (await this.source(ref, undefined, signal)));
        this.inUse.push(key);
        try {
          return await task(engine);
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
    return { ref, name, artifactId: `run:${runId}@${live.step}`, config, ...sizes(config) };
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

  /** A new engine that belongs to the caller. Only while the device is held. */
  newEngine(source: ModelSource): ModelEngine {
    return loadModel(source.files);
  }
  private engine(source: ModelSource): { key: string; engine: ModelEngine } {
    const { key } = source;
    const engine = this.engines.get(key) ?? this.newEngine(source);
    this.engines.delete(key);
    this.engines.set(key, engine);
    for (const [oldKey, old] of [...this.engines].slice(0, -ENGINES_KEPT)) {
      if (this.inUse.includes(oldKey)) continue;
      this.engines.delete(oldKey);
      old.dispose();
    }
    return { key, engine };
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
    const report = reportBytes && (JSON.parse(new TextDecoder().decode(reportBytes)) as { [key: string]: Json });
    return {
      key: id,
      info: { ref: `builtin:${name}`, name: `${name}-base`, artifactId: id, config, ...sizes(config), report },
      files: { config: json, weights },
    };
  }
  private async artifactSource(ref: ModelRef): Promise<ModelSource> {
    const known = await this.artifacts.get(ref);
    if (!known) {
      for (const name of BUILTIN) {
        const source = await this.builtinSource(name).catch(() => undefined); // not shipped: not the one
        if (source?.key === ref) return { ...source, info: { ...source.info, ref } };
      }
    }
    const configJson = new TextDecoder().decode(await this.artifacts.file(ref, 'config.json'));
    const json = JSON.parse(configJson) as unknown;
    const config = parseLlamaConfig(json);
    const weights = await this.artifacts.file(ref, 'model.safetensors');
    const info = { ref, name: known!.name, artifactId: ref, config, ...sizes(config) };
    return { key: ref, info, files: { config: json, weights } };
  }
  private async checkpointSource(ref: ModelRef, runId: string, step?: number): Promise<ModelSource> {
    const head = await this.env.runs.get(runId);
    const base = await this.source(head.recipe.model.ref);
    const { weights, ref: checkpoint } = await this.env.checkpoints.weights(runId, step);
    const name = `${head.name} · step ${checkpoint.step}`;
    const files = modelFiles(base.files.config, weights);
    const id = await artifactId(await manifestOf('model', files, { base: base.info.artifactId }));
    const { config } = base.info;
    const info = { ref, name, artifactId: id, config, ...sizes(config) };
    return { key: id, info, files: { config: base.files.config, weights } };
  }

  /** Keeps the weights of a finished run as an artifact; resolves to its id. */
  async keepTrained(runId: string, engine: ModelEngine): Promise<string> {
    const head = await this.env.runs.get(runId);
    const base = await this.source(head.recipe.model.ref);
    const weights = await this.env.queue.run('interactive', () => engine.exportWeights());
    const files = modelFiles(base.files.config, weights);
    const { id } = await this.artifacts.put('model', files, {
      name: head.name,
      parents: { base: base.info.artifactId },
    });
    return id;
  }
}

/** `run:<id>` or `run:<id>@<step>`. */
export function runOf(ref: ModelRef): { runId?: string; step?: number } {
  const [, runId, step] = /^run:([\w-]+)(?:@(\d+))?$/.exec(ref) ?? [];
  return { runId, step: step === undefined ? undefined : Number(step) };
}

function modelFiles(config: unknown, weights: Parameters<typeof writeSafetensors>[0]): Record<string, Uint8Array> {
  return {
    'config.json': new TextEncoder().encode(JSON.stringify(config, undefined, 2)),
    'model.safetensors': writeSafetensors(weights, { format: 'pt' }),
  };
}

function sizes(config: ModelInfo['config']): Pick<ModelInfo, 'parameterCount' | 'sizeBytes'> {
  const parameterCount = countParameters(config);
  return { parameterCount, sizeBytes: 4 * parameterCount };
}

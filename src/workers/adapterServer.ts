// The serving simulator's device, for real: adapters read from their stored artifacts and put beside one base, rows of a pass
// routed each through its own, and merged models as engines of their own.
import type { AdapterKey, AdapterServer } from '../agent/serving';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readAdapter, toEngine } from '../interop/peft';
import { ConfigError } from '../lib/errors';
import { tensorsOf } from '../nn/adapterSet';
import { generate } from '../nn/generate';
import { loadModel, type ModelFiles } from '../nn/loadModel';
import { mergeLora, sizeOf } from '../nn/lora';
import { parameterShapes } from '../nn/presets';
import type { ModelEngine, NamedTensorMap } from '../nn/seam';
import type { ArtifactStore } from '../storage/artifacts';
import { readSafetensors } from '../storage/safetensors';
import type { LoadedAdapter } from './servingBase';

/** An f32 on the device. */
const BYTES = 4;

export interface AdapterServerOptions {
  /** The base without adapters; the server's until `dispose`, and the caller's again from then on. */
  engine: ModelEngine;
  /** Of the same base: merged models are made from them. */
  files: ModelFiles;
  artifacts: ArtifactStore;
  /** Artifact ids of what may be served. */
  adapters: ReadonlyMap<AdapterKey, string>;
  /** Milliseconds. */
  clock: () => number;
  /** Awaited between tokens. Time that others take counts as the server's. */
  yieldToOthers?: () => Promise<void>;
}

export class EngineAdapterServer implements AdapterServer {
  readonly baseBytes: number;
  private readonly sizes = new Map<AdapterKey, number>();
  /** Beside the base, in the order of their slots. Tensors stay in memory with them: a set is put on the device as a whole. */
  private placed = new Map<AdapterKey, LoadedAdapter>();
  private readonly merged = new Map<AdapterKey, ModelEngine>();

  private constructor(private readonly options: AdapterServerOptions) {
    const shapes = [...parameterShapes(options.engine.config).values()];
    this.baseBytes = BYTES * shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  }
  /**
   * Reads and checks every adapter once. Throws CheckpointError for an artifact that is missing or damaged, DataError, ConfigError or
   * ShapeError for one that does not fit the base.
   */
  static async open(options: AdapterServerOptions): Promise<EngineAdapterServer> {
    const server = new EngineAdapterServer(options);
    for (const [key, artifactId] of options.adapters) {
      await options.artifacts.verify(artifactId);
      const { tensors } = await server.read(key);
      const numbers = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
      server.sizes.set(key, BYTES * numbers);
    }
    return server;
  }

  adapterBytes(key: AdapterKey): number {
    this.artifactOf(key);
    return this.sizes.get(key)!;
  }
  now(): number {
    return this.options.clock();
  }

  /** Reads what is not there yet from the store, each time anew. */
  async resident(keys: readonly AdapterKey[]): Promise<void> {
    const next = new Map<AdapterKey, LoadedAdapter>();
    for (const key of keys) next.set(key, this.placed.get(key) ?? (await this.read(key)));
    const loaded = [...next.values()];
    const tensors = Object.assign({}, ...loaded.map((one) => one.tensors)) as NamedTensorMap;
    await this.options.engine.setAdapters(
      loaded.map(({ adapter }) => adapter),
      { tensors },
    );
    this.placed = next;
  }

  async merge(key: AdapterKey): Promise<void> {
    if (this.merged.has(key)) return;
    const { engine, files } = this.options;
    const { adapter, tensors } = await this.read(key);
    const base =
      files.weights instanceof Uint8Array ? readSafetensors(files.weights, 'model.safetensors') : files.weights;
    const weights = mergeLora(engine.config, base, adapter, tensorsOf(adapter.name, tensors));
    this.merged.set(key, loadModel({ config: files.config, weights }));
  }

  async reset(): Promise<void> {
    this.dispose();
    if (this.placed.size > 0) await this.resident([]);
  }

  /** Rows of merged models go to those, one engine after the other. Throws ConfigError for an adapter that is nowhere. */
  generate: AdapterServer['generate'] = async (rows, { max_new_tokens, stopIds, signal }) => {
    const slots = [...this.placed.keys()];
    const passes = new Map<ModelEngine, { row: number; route: number }[]>();
    rows.forEach(({ adapter }, row) => {
      const merged = this.merged.get(adapter);
      const route = slots.indexOf(adapter);
      if (!merged && route < 0)
        throw new ConfigError(
          `Adapter ${adapter} is neither beside the base nor merged. In place: ${[...slots, ...this.merged.keys()].join(', ') || 'none'}. Put it there first.`,
        );
      const engine = merged ?? this.options.engine;
      passes.set(engine, [...(passes.get(engine) ?? []), { row, route: merged ? -1 : route }]);
    });
    const out: { ids: number[]; terminated: boolean }[] = [];
    for (const [engine, members] of passes) {
      const answers = await generate(engine, {
        prompts: members.map(({ row }) => rows[row]!.prompt),
        rowAdapter: Int32Array.from(members, ({ route }) => route),
        sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
        stopIds,
        signal,
        yieldToOthers: this.options.yieldToOthers,
        maxBatch: members.length,
      });
      members.forEach(({ row }, i) => {
        const { ids, terminated } = answers[i]!;
        out[row] = { ids, terminated };
      });
    }
    return out;
  };

  /** Ends the merged models. Adapters stay beside the base until `reset`. */
  dispose(): void {
    for (const engine of this.merged.values()) engine.dispose();
    this.merged.clear();
  }

  private artifactOf(key: AdapterKey): string {
    const artifactId = this.options.adapters.get(key);
    if (artifactId === undefined)
      throw new ConfigError(
        `This server knows no adapter ${key}. It knows ${[...this.options.adapters.keys()].join(', ') || 'none'}.`,
      );
    return artifactId;
  }
  private async read(key: AdapterKey): Promise<LoadedAdapter> {
    const { artifacts, engine } = this.options;
    const id = this.artifactOf(key);
    const [config, weights] = await Promise.all(
      [ADAPTER_CONFIG, ADAPTER_WEIGHTS].map((file) => artifacts.file(id, file)),
    );
    return toEngine(key, readAdapter(engine.config, { config: config!, weights: weights! }));
  }
}

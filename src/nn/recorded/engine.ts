// The recorded engine behind the seam (design §6): a step is a fixed list of kernel calls, planned once for a shape and
// replayed; losses in tf ops run between forward and backward on the same device; fused losses need no tf at all.
import * as tf from '@tensorflow/tfjs-core';
import { allocating, checkBuffer, largestBuffer, SHORTEN } from '../../gpu/allocation';
import { bufferOf, tensorFrom } from '../../gpu/bridge';
import { adamw, gradientNorm, MOST_OWNERS, squareParts, squares } from '../../gpu/kernels/adamw';
import { biasColumn } from '../../gpu/kernels/biasColumn';
import { updatedNorms } from '../../gpu/kernels/dora';
import { DRAW_WORDS } from '../../gpu/kernels/dropout';
import { addInto } from '../../gpu/kernels/embedding';
import { spreadRows } from '../../gpu/kernels/head';
import { type Fixed, Recording } from '../../gpu/recording';
import { type Command, Replay } from '../../gpu/replay';
import type { GpuScalar } from '../../gpu/runner';
import { CancelledError, ConfigError, DeviceError, ShapeError } from '../../lib/errors';
import type { Batch } from '../../protocol/batch';
import type { LlamaConfig } from '../../protocol/model';
import type { Quantization } from '../../protocol/recipe';
import type { SafeTensors } from '../../storage/safetensors';
import { readTensor, type TensorSource } from '../../storage/tensorSource';
import { AdapterSet, engineName, ownSteps } from '../adapterSet';
import { checkBatch, checkRoutes, HEAD_PARAMETERS, type HeadKind, lossOf, scoreModule } from '../engineChecks';
import { disposeTransposed, type Transposed, transposeWeights, type Weights } from '../llama';
import { sizeOf } from '../lora';
import { dequantizeNf4, type Nf4Tensor, quantizeNf4 } from '../nf4';
import { parameterShapes } from '../presets';
import { ropePeriods, tableBytes, tablePositions } from '../rope';
import { emptyRow } from '../sampling';
import type {
  AdamWOptions,
  DeviceScalar,
  GeneratedRow,
  GenerateRequest,
  LoraAdapter,
  LoraRoute,
  LossFn,
  ModelEngine,
  ModelTensors,
  NamedTensorMap,
  OptimizerState,
  Outputs,
  StepOptions,
  StepRequest,
  StepResult,
  Want,
} from '../seam';
import {
  type AdapterGroup,
  type AdapterLayout,
  adapterLayout,
  type DropoutPass,
  drawsOf,
  fromAdapterFloats,
  type GroupKey,
  ownersOf,
  toAdapterFloats,
  weightOf,
} from './adapterLayout';
import { inputLayout, packInputs } from './batchInputs';
import { type GpuContext, releaseIdle } from './context';
import { Decoder } from './decode';
import { decodeBatches } from './decodeShapes';
import {
  type AdapterMemory,
  type BiasMemory,
  type DoraMemory,
  type LlamaMemory,
  LlamaRecorder,
  type PassMemory,
  type StepSizes,
} from './llamaRecording';
import { packNf4 } from './nf4Blocks';
import { fromSegments, layerBlocks, layoutOf, type ParameterLayout, toSegments } from './parameters';

/** Recordings that are kept in any case. */
const CAPTURES_KEPT = 4;
/** Rows of RoPE's table that are worked out at once. */
const TABLE_PIECE = 4096;
/** Totals that may wait to be read: one of each micro-batch and, where rows take several routes, one of each route and the base. */
const TOTALS = 4096;
const STORAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const STATISTICS = {
  logps: 'logp',
  entropies: 'entropy',
  argmax: 'argmax',
  meanLogits: 'meanLogit',
  ranks: 'rank',
} as const;
type Statistic = keyof typeof STATISTICS;
const isStatistic = (want: Want): want is Statistic => want in STATISTICS;
type Cotangent = 'logps' | 'entropies' | 'hidden' | 'divergences';

/** A recording of one shape, with the memory that is its own. */
interface Captured {
  replay: Replay<StepSizes>;
  inputs: GPUBuffer;
  /** [N] or [N,D] results, and the cotangents that come back, by name. */
  results: Map<string, GPUBuffer>;
  named: LlamaRecorder['named'];
  cotangents: Map<Cotangent, GPUBuffer>;
  own: GPUBuffer[];
  /** Adapters that have dropout draw in it. */
  dropout: boolean;
  teacher?: TeacherLink;
}
/** What a recording holds beside the network itself. */
interface Kind {
  mode: 'crossEntropy' | 'loss' | 'evaluate' | 'rows' | 'intermediates';
  statistics: Statistic[];
  hidden: boolean;
  topk: number;
  /** Number of the engine that is distilled from. */
  teacher?: number;
  /** Without its adapters the model is its base (PEFT's disable_adapter). */
  adapters?: boolean;
  checkpointing?: boolean;
}
/** What a recording takes from a teacher; its hidden states are copied in before each step. */
interface TeacherLink {
  engine: RecordedEngine;
  h: GPUBuffer;
}

const ownBytes = ({ own }: Captured): number => own.reduce((sum, { size }) => sum + size, 0);

/** Sizes of a pass without a loss. */
const NO_LOSS: Omit<StepSizes, 'supervised' | 'groups'> = {
  inverseTemperature: 1,
  scale: 0,
  dft: 0,
  accumulate: 0,
  at: 0,
  beta: 0,
  inverseDistillTemperature: 1,
};
const FUSED: Kind = { mode: 'crossEntropy', statistics: [], hidden: false, topk: 0 };

/** What AdamW updates: the model's own parameters, or the adapters' alone. */
interface Trained {
  segments: number[];
  /** Floats from the start of each segment that decay. */
  decayed: number[];
  weights: GPUBuffer[];
  /** Made when something is first trained: a model that only answers takes a quarter of the memory. */
  state?: TrainingState;
  pack(tensors: NamedTensorMap, prefix?: string): Float32Array<ArrayBuffer>[];
  unpack(flat: readonly Float32Array[], prefix?: string): NamedTensorMap;
}
interface TrainingState {
  grads: GPUBuffer[];
  m: GPUBuffer[];
  v: GPUBuffer[];
  /** Of several adapters: whose each float is (ownersOf). */
  owners?: GPUBuffer;
}
const buffersOf = (state?: TrainingState): GPUBuffer[] => (state ? [...state.grads, ...state.m, ...state.v] : []);
interface AdapterBuffers {
  layout: AdapterLayout;
  routes: GPUBuffer;
  blocks: GPUBuffer;
  /** What dropout draws in the micro-batch at hand. */
  draws: GPUBuffer;
  /** What follows from the adapters' values: see derive(). */
  derived: GPUBuffer;
}

/** The layers' products in four bits: what kernels read, by first parameter of a block, and the codes, by tensor. */
interface FourBits {
  blocks: Map<string, Fixed>;
  codes: Map<string, Nf4Tensor>;
  quantization: Quantization;
}
interface HeadReplay {
  replay: Replay<{ accumulate: number }>;
  /** Gradient of each parameter of the task head, by name. */
  sources: Map<string, GPUBuffer>;
}

/** The mask with the scale of each row's route. */
const scaledMask = ({ T, mask, rowAdapter }: Batch, scales: ReadonlyMap<number, number>): Float32Array =>
  mask.map((weight, n) => weight * (scales.get(rowAdapter[Math.floor(n / T)]!) ?? 1));

let engines = 0;
const sizesOf = ({ temperature = 1, distill }: StepOptions): typeof NO_LOSS => ({
  ...NO_LOSS,
  inverseTemperature: 1 / temperature,
  beta: distill?.beta ?? 0,
  inverseDistillTemperature: 1 / (distill?.temperature ?? 1),
});
/** The engine that is distilled from. Throws ConfigError when it is missing or runs elsewhere. */
function teacherIn(want: readonly Want[], { distill }: StepOptions): RecordedEngine | undefined {
  if (!want.includes('divergences')) return undefined;
  if (!distill) throw new ConfigError('"divergences" needs options.distill with a teacher.');
  if (!(distill.teacher instanceof RecordedEngine))
    throw new ConfigError('The teacher must run on the same engine as the student.');
  return distill.teacher;
}

export class RecordedEngine implements ModelEngine {
  readonly backend = 'webgpu';
  activeRoute: number;
  /** Tells engines apart in keys of recordings. */
  private readonly number = engines++;
  /** With the forms of this moment: a calibration that ends later does not change what a run has recorded of itself. */
  private readonly gpu: GpuContext;
  private readonly layout: ParameterLayout;
  private readonly weights: GPUBuffer[];
  private trained: Trained;
  private set: AdapterSet;
  /** Reject where the device had no room for weights or moments. */
  private readonly allocations: Promise<void>[] = [];
  private adapted?: AdapterBuffers;
  /** The layers' products in four bits, where the base is kept so: buffers by first parameter, and the codes. */
  private readonly fourBits?: FourBits;
  /** RoPE's tables by their positions: a longer row makes a longer one. */
  private readonly tables = new Map<number, Fixed>();
  private readonly totals: GPUBuffer;
  private readonly norm: GPUBuffer;
  /** Bytes of inputs and results that recordings may keep, the ones used last. */
  captureBytes = 64 * 2 ** 20;
  private readonly captured = new Map<string, Promise<Captured>>();
  private update?: Replay<AdamWOptions>;
  /** The norm alone, without an update. */
  private measure?: Replay<Pick<AdamWOptions, 'max_grad_norm'>>;
  private heads?: HeadReplay;
  /** Makes what follows from the adapters' values: the columns of B that are biases, DoRA's g. */
  private derivation?: Replay<null>;
  private derived?: Promise<void>;
  /** Updates of the run, and of each adapter: those in which it had a row. */
  private updates = 0;
  private steps: number[] = [];
  /** Adapters that had a row since the last update, by their place in the set; and those that the last update moved. */
  private readonly present = new Set<number>();
  private moved: number[] = [];
  private nextTotal = 0;
  /** Places among the totals of the micro-batches behind the gradients. */
  private losses = { first: 0, count: 0 };
  /** Whether gradients of earlier micro-batches wait for an update. */
  private hasGradients = false;
  /** Micro-batches before this one since the last update: dropout draws anew for each. */
  private micro = 0;
  private unreadNorm?: GpuScalar;
  private asTensors?: { weights: Weights; transposed: Transposed };

  /**
   * Takes a copy of `weights`; without any it holds zeros until they are filled in. With adapters the base is frozen and they
   * alone are trained. Throws ShapeError for a tensor that is missing or has another shape, ConfigError for adapters that do not
   * fit.
   */
  constructor(
    context: GpuContext,
    readonly config: LlamaConfig,
    weights: NamedTensorMap | undefined,
    readonly head: HeadKind = 'lm',
    adapters: readonly LoraAdapter[] = [],
    quantization?: Quantization | null,
  ) {
    // What can be refused is refused before anything lies on the device.
    this.set = new AdapterSet(config, adapters);
    this.set.checkHead(head);
    this.gpu = { ...context };
    const { device } = this.gpu;
    const extra = HEAD_PARAMETERS[head](config.hidden_size);
    this.layout = layoutOf(config, extra, largestBuffer(device), Boolean(quantization));
    const { layout } = this;
    const flat = weights && toSegments(layout, weights);
    if (quantization) this.fourBits = { blocks: new Map(), codes: new Map(), quantization };
    if (weights)
      for (const names of this.fourBitBlocks())
        this.putBlock(
          names,
          names.map((name) => weights[name]!),
        );
    this.weights = this.make(layout.segments, 'weights');
    if (flat) this.uploadAll(this.weights, flat);
    this.activeRoute = adapters.length > 0 ? 0 : -1;
    if (adapters.length === 0) this.trained = this.wholeModel();
    else {
      const codes = this.fourBits?.codes;
      // LoRA alone starts without the base's weights; DoRA, which needs them, is not made from a stream (createEngine).
      const values = this.set.init((path) => {
        const inCodes = codes?.get(`${path}.weight`);
        return inCodes ? dequantizeNf4(inCodes) : (weights?.[`${path}.weight`]?.data ?? new Float32Array(0));
      });
      const own = this.ownAdapters(this.set, values);
      this.trained = own.trained;
      this.adapted = own.adapted;
    }
    this.steps = adapters.map(() => 0);
    this.totals = this.buffer(16 * TOTALS, 'totals');
    this.norm = this.buffer(16 * (MOST_OWNERS + 1), 'norm');
  }

  /**
   * The same from tensors that are read in pieces: a model of any size crosses through a few pieces of memory. Throws DataError for
   * a tensor that cannot be read, DeviceError where the device has no room.
   */
  static async fromSource(
    context: GpuContext,
    config: LlamaConfig,
    source: TensorSource,
    head: HeadKind = 'lm',
    adapters: readonly LoraAdapter[] = [],
    quantization?: Quantization | null,
  ): Promise<RecordedEngine> {
    const engine = new RecordedEngine(context, config, undefined, head, adapters, quantization);
    try {
      await Promise.all(engine.allocations);
      await engine.fill(source);
      await engine.fillHeads(source);
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }
  private async fill(source: TensorSource): Promise<void> {
    const { runner } = this.gpu;
    let sent = 0;
    for (const { name, segment, offset } of this.layout.parameters)
      for await (const { at, data } of source.pieces(name)) {
        runner.write(this.weights[segment]!, 4 * (offset + at), data);
        sent += data.byteLength;
        if (sent < runner.pieceBytes) continue;
        await this.gpu.device.queue.onSubmittedWorkDone();
        sent = 0;
      }
    for (const names of this.fourBitBlocks()) {
      const tensors: SafeTensors[string][] = [];
      for (const name of names) tensors.push(await readTensor(source, name));
      this.putBlock(names, tensors);
      await this.gpu.device.queue.onSubmittedWorkDone();
    }
  }

  /** Heads that adapters train start as the base's. */
  private async fillHeads(source: TensorSource): Promise<void> {
    const whole = this.set.residents.flatMap(({ adapter, tensors }) =>
      tensors.flatMap((tensor) => (tensor.kind === 'whole' ? [{ adapter, tensor }] : [])),
    );
    if (whole.length === 0) return;
    const trained = await this.exportTrained();
    for (const { adapter, tensor } of whole)
      trained[engineName(adapter.name, tensor.name)] = await readTensor(source, `${tensor.path}.weight`);
    await this.importTrained(trained);
  }

  /** Tensors of the products that lie in four bits, those that one product reads together. */
  private fourBitBlocks(): string[][] {
    if (!this.fourBits) return [];
    return Array.from({ length: this.config.num_hidden_layers }, (_, i) => layerBlocks(i)).flat();
  }
  /** Quantises a block and puts it on the device, in the place of what is there. */
  private putBlock(names: readonly string[], tensors: readonly SafeTensors[string][]): void {
    const { blocks, codes, quantization } = this.fourBits!;
    names.forEach((name, i) => {
      codes.set(name, quantizeNf4(tensors[i]!.data, { doubleQuant: quantization.bnb_4bit_use_double_quant, name }));
    });
    const { words, format } = packNf4(names.map((name) => codes.get(name)!));
    let buffer = blocks.get(names[0]!)?.buffer;
    if (!buffer) {
      const { made, checked } = allocating(this.gpu.device, () => this.buffer(words.byteLength, names[0]!));
      this.allocations.push(checked);
      blocks.set(names[0]!, { ...this.fixed(made), format });
      buffer = made;
    }
    this.gpu.runner.write(buffer, 0, words);
  }
  private fourBitBuffers(): GPUBuffer[] {
    return [...(this.fourBits?.blocks.values() ?? [])].map(({ buffer }) => buffer);
  }
  /** What the codes stand for, by tensor. */
  private *fourBitWeights(): Generator<[name: string, tensor: NamedTensorMap[string]]> {
    const shapes = parameterShapes(this.config);
    for (const [name, q] of this.fourBits?.codes ?? [])
      yield [name, { shape: [...shapes.get(name)!], data: dequantizeNf4(q) }];
  }
  /** Buffers for segments; what the device has no room for is told when the first step is recorded. */
  private make(segments: number[], label: string): GPUBuffer[] {
    const { made, checked } = allocating(this.gpu.device, () =>
      segments.map((floats) => this.buffer(4 * floats, label)),
    );
    this.allocations.push(checked);
    return made;
  }
  /** Gradients and moments of what is trained. */
  private training(): TrainingState {
    const { trained, allocations } = this;
    if (trained.state) return trained.state;
    const several = this.set.residents.length > 1 ? this.adapted : undefined;
    if (this.set.residents.length > MOST_OWNERS)
      throw new ConfigError(
        `${this.set.residents.length} adapters cannot be trained beside one base at once: ${MOST_OWNERS} can. Train them in several runs.`,
      );
    const before = allocations.length;
    const [grads, m, v] = ['gradients', 'adam.m', 'adam.v'].map((label) => this.make(trained.segments, label));
    const owners = several && this.make([several.layout.floats / 4], 'owners')[0];
    if (owners) this.gpu.runner.write(owners, 0, ownersOf(several!.layout));
    const state: TrainingState = { grads: grads!, m: m!, v: v!, ...(owners && { owners }) };
    trained.state = state;
    const checks = allocations.slice(before);
    Promise.all(checks).catch(() => {
      // Told to whoever records a step; what only answers goes on without.
      trained.state = undefined;
      for (const buffer of buffersOf(state)) buffer.destroy();
      owners?.destroy();
      for (const check of checks) allocations.splice(allocations.indexOf(check), 1);
    });
    return state;
  }
  private wholeModel(): Trained {
    const { layout } = this;
    return {
      ...layout,
      weights: this.weights,
      pack: (tensors, prefix) => toSegments(layout, tensors, prefix),
      unpack: (parts, prefix) => fromSegments(layout, parts, prefix),
    };
  }
  private ownAdapters(set: AdapterSet, values: NamedTensorMap): { trained: Trained; adapted: AdapterBuffers } {
    const layout = adapterLayout(this.config, set);
    const packed = [toAdapterFloats(layout, values)];
    const segments = [layout.floats];
    const trained: Trained = {
      segments,
      decayed: [layout.decayed],
      weights: this.make(segments, 'adapters'),
      pack: (tensors, prefix) => [toAdapterFloats(layout, tensors, prefix)],
      unpack: (parts, prefix) => fromAdapterFloats(layout, parts[0]!, prefix),
    };
    this.uploadAll(trained.weights, packed);
    const adapted = {
      layout,
      routes: this.buffer(layout.routes.byteLength, 'routes'),
      blocks: this.buffer(layout.blocks.byteLength, 'blocks'),
      draws: this.buffer(4 * layout.drawWords, 'draws'),
      derived: this.buffer(layout.derived.byteLength, 'derived'),
    };
    this.gpu.runner.write(adapted.derived, 0, layout.derived);
    this.gpu.runner.write(adapted.routes, 0, layout.routes);
    this.gpu.runner.write(adapted.blocks, 0, layout.blocks);
    return { trained, adapted };
  }

  get adapters(): readonly LoraAdapter[] {
    return this.set.adapters;
  }
  async setAdapters(
    adapters: readonly LoraAdapter[],
    { tensors, routes }: { tensors?: NamedTensorMap; routes?: readonly LoraRoute[] } = {},
  ): Promise<void> {
    const set = new AdapterSet(this.config, adapters, routes);
    set.checkHead(this.head);
    if (this.adapted && tensors && this.exchange(set, tensors)) return;
    const needsBase = !tensors && adapters.some(({ config }) => config.use_dora || config.modules_to_save?.length);
    const base = needsBase ? await this.exportWeights() : {};
    const init = () => set.init((path) => base[`${path}.weight`]?.data ?? new Float32Array(0));
    const next =
      adapters.length === 0
        ? { trained: this.wholeModel(), adapted: undefined }
        : this.ownAdapters(set, tensors ?? init());
    this.releaseTrained();
    this.set = set;
    this.activeRoute = set.routes.length > 0 ? 0 : -1;
    this.trained = next.trained;
    this.adapted = next.adapted;
    this.updates = 0;
    this.steps = set.adapters.map(() => 0);
    this.clearGradients();
    this.dropTensors();
  }
  /** Adapters of the same ranks and modules take the place of those there: nothing is recorded again. */
  private exchange(set: AdapterSet, tensors: NamedTensorMap): boolean {
    if (set.residents.length === 0) return false;
    const layout = adapterLayout(this.config, set);
    const old = this.adapted!.layout;
    const places = ({ groups, whole }: AdapterLayout) =>
      JSON.stringify([[...groups], whole.map(({ at, shape }) => [at, shape])]);
    if (places(layout) !== places(old) || set.routes.length !== this.set.routes.length) return false;
    const { runner } = this.gpu;
    const packed = toAdapterFloats(layout, tensors);
    runner.submit();
    runner.write(this.trained.weights[0]!, 0, packed);
    runner.write(this.adapted!.routes, 0, layout.routes);
    for (const buffer of buffersOf(this.trained.state)) runner.clear(buffer);
    runner.submit();
    // Its gradients' names are the adapters'.
    this.releaseHeads();
    this.set = set;
    this.activeRoute = 0;
    this.adapted = { ...this.adapted!, layout };
    this.trained = {
      ...this.trained,
      pack: (given, prefix) => [toAdapterFloats(layout, given, prefix)],
      unpack: (parts, prefix) => fromAdapterFloats(layout, parts[0]!, prefix),
    };
    this.updates = 0;
    this.steps = set.adapters.map(() => 0);
    this.clearGradients();
    this.derived = undefined;
    return true;
  }
  /** Frees what is trained, and every recording that names it; the base's weights stay. */
  private releaseTrained(): void {
    const { runner } = this.gpu;
    const { weights, state } = this.trained;
    const own = buffersOf(state);
    if (state?.owners) own.push(state.owners);
    if (this.adapted) {
      const { routes, blocks, draws, derived } = this.adapted;
      own.push(...weights, routes, blocks, draws, derived);
    }
    runner.submit();
    for (const buffer of own) runner.release(buffer);
    this.update?.dispose();
    this.update = undefined;
    this.measure?.dispose();
    this.measure = undefined;
    this.derivation?.dispose();
    this.derivation = undefined;
    if (this.gpu.idle.owner === this) releaseIdle(this.gpu.idle);
    this.releaseHeads();
    for (const captured of this.captured.values())
      void captured.then(
        (found) => this.releaseCaptured(found),
        (error: unknown) => {
          if (!(error instanceof DeviceError)) throw error;
        },
      );
    this.captured.clear();
  }

  private releaseHeads(): void {
    this.heads?.replay.dispose();
    for (const buffer of this.heads?.sources.values() ?? []) this.gpu.runner.release(buffer);
    this.heads = undefined;
  }

  get variants(): Record<string, string> {
    const { gemm, row, attention } = this.gpu.forms;
    const products = Object.entries(gemm).map(([layout, form]) => [`gemm ${layout}`, Object.values(form).join(' ')]);
    return { engine: 'recorded-webgpu', ...Object.fromEntries(products), rows: row, attention };
  }
  private buffer(bytes: number, label: string, remedy?: string): GPUBuffer {
    checkBuffer(this.gpu.device, bytes, `The buffer "${label}"`, remedy);
    return this.gpu.device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage: STORAGE(), label });
  }
  private fixed(buffer: GPUBuffer, offset = 0, bytes = buffer.size): Fixed {
    return { kind: 'fixed', name: buffer.label, buffer, offset, bytes };
  }
  private uploadAll(buffers: GPUBuffer[], flat: Float32Array<ArrayBuffer>[]): void {
    flat.forEach((data, s) => {
      this.gpu.runner.write(buffers[s]!, 0, data);
    });
  }
  private async uploadInTurn(buffers: GPUBuffer[], flat: Float32Array<ArrayBuffer>[]): Promise<void> {
    for (const [s, data] of flat.entries()) await this.gpu.runner.upload(buffers[s]!, data);
  }
  /** cos and sin for rows of `length` tokens, in f64: WGSL's own are good to 11 bits. */
  private ropeTable(length: number): Fixed {
    const P = tablePositions(this.config, length);
    const known = this.tables.get(P);
    if (known) return known;
    const periods = ropePeriods(this.config);
    const half = this.config.head_dim / 2;
    const bytes = tableBytes(this.config, length);
    const table = this.fixed(this.buffer(bytes, 'rope'), 0, bytes);
    const piece = new Float32Array(Math.min(P, TABLE_PIECE) * half);
    for (const [of, first] of [[Math.cos, 0], [Math.sin, P]] as const) // biome-ignore format: two halves
      for (let from = 0; from < P; from += TABLE_PIECE) {
        const rows = Math.min(TABLE_PIECE, P - from);
        for (let row = 0; row < rows; row++)
          for (let i = 0; i < half; i++) piece[row * half + i] = of((from + row) / periods[i]!);
        this.gpu.runner.write(table.buffer, 4 * (first + from) * half, piece.subarray(0, rows * half));
      }
    this.tables.set(P, table);
    return table;
  }
  private block(buffers: GPUBuffer[], name: string): Fixed {
    const found = this.layout.blocks.get(name) ?? this.layout.parameters.find((p) => p.name === name);
    if (!found) throw new ConfigError(`The model has no parameter ${name}.`);
    return this.fixed(buffers[found.segment]!, 4 * found.offset, 4 * found.floats);
  }

  /** The recording of a shape, made and compiled at its first use. */
  private capture(B: number, T: number, kind: Kind, teacher?: RecordedEngine): Promise<Captured> {
    const key = JSON.stringify([B, T, kind]);
    let captured = this.captured.get(key);
    if (captured)
      this.captured.delete(key); // to the end: used last
    else {
      captured = this.record(B, T, kind, teacher);
      captured.then(
        () => this.dropOldCaptures(),
        () => this.captured.delete(key),
      );
    }
    this.captured.set(key, captured);
    return captured;
  }
  private async dropOldCaptures(): Promise<void> {
    const all = [...this.captured];
    const bytes = await Promise.all(all.map(([, captured]) => captured.then(ownBytes, () => 0)));
    let kept = 0;
    for (let i = all.length - 1; i >= 0; i--) {
      kept += bytes[i]!;
      const [key, captured] = all[i]!;
      if (kept <= this.captureBytes || i >= all.length - CAPTURES_KEPT || this.captured.get(key) !== captured) continue;
      this.captured.delete(key);
      this.releaseCaptured(await captured);
    }
  }
  private releaseCaptured({ replay, own }: Captured): void {
    replay.dispose();
    for (const buffer of own) this.gpu.runner.release(buffer);
  }
  /** The adapters' memory beside a product of the base. */
  private adapterMemory(layer: number, key: GroupKey): AdapterMemory | undefined {
    const { adapted, trained } = this;
    const group = adapted?.layout.groups.get(`${layer}.${key}`);
    if (!adapted || !group) return undefined;
    const { rank, in: inputs, out, A, B, offsets } = group;
    const biases = this.biasesOf(group);
    const weights = trained.weights[0]!;
    const gradient = (floats: number, count: number) => this.fixed(this.training().grads[0]!, 4 * floats, 4 * count);
    return {
      rank,
      in: inputs,
      out,
      A: this.fixed(weights, 4 * A, 4 * rank * inputs),
      B: this.fixed(weights, 4 * B, 4 * out * rank),
      get dA() {
        return gradient(A, rank * inputs);
      },
      get dB() {
        return gradient(B, out * rank);
      },
      routes: this.fixed(adapted.routes, 4 * group.routes, 4 * (this.set.routes.length + 1 + offsets) * rank),
      blocks: this.fixed(adapted.blocks, 4 * group.blocks, 8 * rank),
      offsets,
      ...(biases.length > 0 && { biases }),
      ...(group.dora && { dora: this.doraMemory(adapted, group, group.dora) }),
      ...(group.passes && { passes: group.passes.map((pass) => this.passMemory(adapted, group, pass)) }),
    };
  }
  private biasesOf({ parts }: AdapterGroup): BiasMemory[] {
    return parts.flatMap(({ bias, low: first, high }) => {
      if (!bias) return [];
      const rows = high - first;
      const { trained } = this;
      const gradient = () => this.fixed(this.training().grads[0]!, 4 * bias.at, 4 * rows);
      return {
        ...{ column: bias.column, first, rows },
        values: this.fixed(trained.weights[0]!, 4 * bias.at, 4 * rows),
        get gradient() {
          return gradient();
        },
      };
    });
  }
  private doraMemory(
    { routes, derived }: AdapterBuffers,
    { parts, out }: AdapterGroup,
    { scales, inverse }: NonNullable<AdapterGroup['dora']>,
  ): DoraMemory {
    const rows = this.set.routes.length + 1;
    const magnitudes = parts.flatMap(({ magnitude, low: first, high }) => {
      if (!magnitude) return [];
      const gradient = () => this.fixed(this.training().grads[0]!, 4 * magnitude.at, 4 * (high - first));
      return {
        ...{ first, columns: high - first, own: this.fixed(routes, 4 * magnitude.own, 4 * rows) },
        get gradient() {
          return gradient();
        },
      };
    });
    const table = (at: number) => this.fixed(derived, 4 * at, 4 * rows * out);
    return { scales: table(scales), inverse: table(inverse), magnitudes };
  }
  private passMemory(
    { routes, draws }: AdapterBuffers,
    { A, in: inputs, offsets }: AdapterGroup,
    pass: DropoutPass,
  ): PassMemory {
    const { first, width, depth, adapters } = pass;
    const { trained } = this;
    const at = 4 * (A + first * inputs);
    const gradient = () => this.fixed(this.training().grads[0]!, at, 4 * width * inputs);
    return {
      ...{ first, width, depth },
      A: this.fixed(trained.weights[0]!, at, 4 * width * inputs),
      get dA() {
        return gradient();
      },
      routes: this.fixed(routes, 4 * pass.routes, 4 * (adapters.length + offsets) * width),
      draws: this.fixed(draws, 4 * pass.draws, 4 * DRAW_WORDS * adapters.length),
    };
  }
  /** Brings what adapters derive from their values up to date, before they are used. */
  private derive(): Promise<void> {
    this.derived ??= this.deriveNow().catch((error: unknown) => {
      this.derived = undefined;
      throw error;
    });
    return this.derived;
  }
  private async deriveNow(): Promise<void> {
    const recording = new Recording<null>();
    for (const group of this.adapted?.layout.groups.values() ?? []) {
      const B = this.fixed(this.trained.weights[0]!, 4 * group.B, 4 * group.out * group.rank);
      for (const { column, first, rows, values } of this.biasesOf(group))
        recording.call(biasColumn('put'), [values, B], () => ({
          ...{ column, first, rows, stride: group.rank, accumulate: 0 },
        }));
      this.recordNorms(recording, group);
    }
    if (recording.calls.length === 0) return;
    const replay = this.derivation ?? new Replay(this.gpu.pipelines, this.gpu.pool, recording);
    this.derivation = replay;
    await this.gpu.pipelines.compile(replay.kernels);
    this.gpu.runner.submit();
    replay.prepare();
    replay.write(null);
    await this.gpu.runner.send(replay, '');
  }
  /** g and 1 / ‖W + s·B·A‖ of a group's modules with DoRA, for each route through them. */
  private recordNorms(recording: Recording<null>, group: AdapterGroup): void {
    const { parts, rank, in: inputs, out, layer, key, dora } = group;
    if (!dora) return;
    const { A, B } = this.adapterMemory(layer, key)!;
    const { scales, inverse } = this.doraMemory(this.adapted!, group, dora);
    const weight = this.norms(this.weights, weightOf(layer, key));
    const kernel = updatedNorms({ form: this.gpu.forms.row, ...(weight.format && { weights: weight.format }) });
    for (const { route, part, scaling } of dora.sets) {
      const { low, high, first: column, rank: r, magnitude } = parts[part]!;
      const m = this.fixed(this.trained.weights[0]!, 4 * magnitude!.at, 4 * (high - low));
      recording.call(kernel, [weight, A, B, m, scales, inverse], () => ({
        ...{ rows: high - low, first: low, vectors: inputs / 4, rank: r, column, stride: rank },
        ...{ at: route * out, scaling },
      }));
    }
  }
  /** Whether a pass over these rows needs the adapters at all. */
  private isAdapted(rows: ArrayLike<number>): boolean {
    return Array.from(rows).some((slot) => slot >= 0);
  }
  private async record(B: number, T: number, kind: Kind, distilled?: RecordedEngine): Promise<Captured> {
    const { gpu, config } = this;
    const N = B * T;
    const own: GPUBuffer[] = [];
    const make = (floats: number, label: string) => {
      const buffer = this.buffer(4 * floats, label);
      own.push(buffer);
      return buffer;
    };
    const layout = inputLayout(N);
    const inputs = make(layout.bytes / 4, 'inputs');
    const memory: LlamaMemory = {
      weight: (name) => this.norms(this.weights, name),
      grad: (name) => this.norms(this.training().grads, name),
      input: (part) => this.fixed(inputs, layout.parts[part].offset, layout.parts[part].bytes),
      table: this.ropeTable(T),
      ...(kind.adapters && { adapter: (layer, key) => this.adapterMemory(layer, key) }),
    };
    const { checkpointing = false } = kind;
    const { normStride } = this.layout;
    const dropout = kind.mode === 'crossEntropy' || kind.mode === 'loss';
    const recorder = new LlamaRecorder({ config, B, T, forms: gpu.forms, normStride, checkpointing, dropout }, memory);
    const { recording } = recorder;
    const results = new Map<string, GPUBuffer>();
    const cotangents = new Map<Cotangent, GPUBuffer>();
    let teacherLink: TeacherLink | undefined;
    recording.part = 'forward';
    const saves = kind.mode === 'crossEntropy' || kind.mode === 'loss' || kind.mode === 'intermediates';
    recorder.forward(saves);
    if (kind.mode === 'intermediates') {
      for (const { memory: tensor } of recorder.named.values()) recording.keep(tensor);
    } else if (kind.mode === 'rows') {
      const out = make(N * config.hidden_size, 'rows');
      results.set('rows', out);
      recorder.headInput(this.fixed(out));
    } else if (kind.mode === 'crossEntropy') {
      const { stats, dh } = recorder.crossEntropy();
      recorder.totals(stats, this.fixed(this.totals), { routes: this.severalRoutes(), places: TOTALS });
      recorder.backward(recorder.finalNormBackward(dh), true);
    } else {
      const hasHead = kind.statistics.length > 0 || kind.topk > 0;
      const k = kind.topk;
      const top = k > 0 ? recording.floats('topk', N * 2 * k) : undefined;
      const stats = hasHead ? recorder.headStatistics(top && { k, out: top }) : undefined;
      const link = distilled && this.teacherOf(distilled, N, make);
      teacherLink = link?.link;
      if (link) {
        const out = make(N, 'divergences');
        results.set('divergences', out);
        recorder.divergences(link.teacher, this.fixed(out));
      }
      for (const want of kind.statistics) {
        const out = make(N, want);
        results.set(want, out);
        recorder.spread(stats!, STATISTICS[want], this.fixed(out));
      }
      if (top) {
        const out = make(N * 2 * k, 'topk');
        results.set('topk', out);
        recording.call(spreadRows(), [top, memory.input('slot'), this.fixed(out)], ({ supervised }) => ({
          rows: N,
          slots: supervised,
          stride: 2 * k,
          first: 0,
          width: 2 * k,
        }));
      }
      let rstd: ReturnType<LlamaRecorder['hiddenStates']> | undefined;
      if (kind.hidden) {
        const all = make(N, 'all rows');
        gpu.runner.write(
          all,
          0,
          Uint32Array.from({ length: N }, (_, n) => n),
        );
        const out = make(N * config.hidden_size, 'hidden');
        results.set('hidden', out);
        rstd = recorder.hiddenStates(this.fixed(out), this.fixed(all));
      }
      if (kind.mode === 'loss') {
        recording.part = 'backward';
        const cotangent = (name: Cotangent, floats: number): Fixed => {
          const buffer = make(floats, `d ${name}`);
          cotangents.set(name, buffer);
          return this.fixed(buffer);
        };
        const given = Object.fromEntries(
          (['logps', 'entropies', 'divergences'] as const)
            .filter((name) => (name === 'divergences' ? link : kind.statistics.includes(name)))
            .map((name) => [name, cotangent(name, N)]),
        );
        const hasGradient = Object.keys(given).length > 0;
        const dh = hasGradient ? recorder.headBackward(stats, given, link?.teacher) : undefined;
        const dHidden = kind.hidden ? { d: cotangent('hidden', N * config.hidden_size), rstd: rstd! } : undefined;
        if (dh || dHidden) recorder.backward(recorder.finalNormBackward(dh, dHidden), hasGradient);
      }
    }
    let replay: Replay<StepSizes>;
    try {
      replay = new Replay(gpu.pipelines, gpu.pool, recording);
    } catch (error) {
      for (const buffer of own) buffer.destroy();
      throw error;
    }
    await gpu.pipelines.compile(replay.kernels);
    try {
      await Promise.all(this.allocations);
      await allocating(gpu.device, () => replay.prepare()).checked;
    } catch (error) {
      // Nothing is bound to memory that is not there.
      gpu.pool.release();
      for (const buffer of own) buffer.destroy();
      replay.dispose();
      throw error;
    }
    const { named } = recorder;
    return { replay, inputs, results, named, cotangents, own, dropout, ...(teacherLink && { teacher: teacherLink }) };
  }
  private teacherOf(engine: RecordedEngine, N: number, make: (floats: number, label: string) => GPUBuffer) {
    const d = engine.config.hidden_size;
    const h = make(N * d, 'teacher rows');
    const name = engine.config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    const weight = engine.norms(engine.weights, name);
    return { link: { engine, h }, teacher: { h: this.fixed(h), weight, d } };
  }
  /** This model's normed hidden states of a batch's supervised rows, copied to `into` [M, D]. */
  private async writeRows(batch: Batch, into: GPUBuffer): Promise<void> {
    const { runner } = this.gpu;
    const adapters = this.isAdapted(batch.rowAdapter);
    const captured = await this.capture(batch.B, batch.T, { ...FUSED, mode: 'rows', ...(adapters && { adapters }) });
    await this.derive();
    this.begin(batch, captured, NO_LOSS);
    await runner.send(captured.replay, 'forward');
    runner.copy(captured.results.get('rows')!, 0, into, 0, into.size);
    runner.submit();
  }

  /** A block by its first parameter; a norm's weight by its own name: norms share one block. */
  private norms(buffers: GPUBuffer[], name: string): Fixed {
    const inFourBits = buffers === this.weights && this.fourBits?.blocks.get(name);
    if (inFourBits) return inFourBits;
    if (name === 'model.layers.0.input_layernorm.weight') {
      const { segment, offset, floats } = this.layout.blocks.get(name)!;
      return this.fixed(buffers[segment]!, 4 * offset, 4 * floats);
    }
    return this.block(buffers, name);
  }

  /** Bytes of activations and gradients on the way that an SFT step of B × T tokens takes, beside weights and moments. */
  async plannedBytes(B: number, T: number, checkpointing = false): Promise<number> {
    const { replay } = await this.capture(B, T, this.fused(checkpointing));
    return replay.plan.bytes;
  }

  /** Bytes of weights, and of gradients and moments once something was trained. */
  get weightBytes(): number {
    const { weights, state } = this.trained;
    const owners = state?.owners ? [state.owners] : [];
    const all = new Set([...this.weights, ...weights, ...buffersOf(state), ...owners, ...this.fourBitBuffers()]);
    return [...all].reduce((sum, buffer) => sum + buffer.size, 0);
  }
  /** The commands of an SFT step on a batch, its update included, ready to be dispatched: for the profiler. */
  async recordedStep(batch: Batch): Promise<Command[]> {
    const captured = await this.capture(batch.B, batch.T, this.fused());
    await this.derive();
    this.begin(batch, captured, { ...NO_LOSS, scale: 1 });
    const update = await this.updateReplay();
    this.moved = [...this.set.slotsOf(batch.rowAdapter)];
    update.prepare();
    update.write({ learning_rate: 0, weight_decay: 0, adam_beta1: 0.9, adam_beta2: 0.99, adam_epsilon: 1e-8, max_grad_norm: 1 }); // biome-ignore format: one update
    return [...captured.replay.dispatches('forward'), ...update.dispatches('')];
  }
  private fused(checkpointing?: boolean): Kind {
    return { ...FUSED, ...(this.adapted && { adapters: true }), ...(checkpointing && { checkpointing }) };
  }
  /** Uploads a batch and makes the recording ready to be encoded; after derive(). */
  private begin(
    batch: Batch,
    { replay, inputs, dropout }: Captured,
    sizes: Omit<StepSizes, 'supervised' | 'groups'>,
  ): void {
    const { runner } = this.gpu;
    const positions = tablePositions(this.config, batch.T);
    const far = batch.positions.find((position) => position >= positions);
    if (far !== undefined)
      throw new ShapeError(`Position ${far} lies outside a row of ${batch.T} tokens. Count positions from the start of each row.`); // biome-ignore format: one sentence
    const packed = packInputs(batch);
    runner.submit();
    runner.write(inputs, 0, packed.words);
    const { adapted } = this;
    if (adapted && dropout && adapted.layout.drawWords > 0)
      runner.write(adapted.draws, 0, drawsOf(adapted.layout, this.set, this.updates, this.micro));
    replay.prepare();
    replay.write({ ...sizes, supervised: packed.supervised, groups: packed.groups });
  }

  async step(batch: Batch, loss: LossFn, { want, options = {}, scale }: StepRequest): Promise<StepResult> {
    checkBatch(batch, this.config, this.head, options, this.set.routes.length);
    if (this.fourBits && !this.adapted)
      throw new ConfigError('A base in 4 bits is not trained itself. Put an adapter beside it, or keep it in f32.', {
        where: 'quantization',
      });
    checkTrainable(this.set);
    const { runner, idle } = this.gpu;
    releaseIdle(idle);
    this.micro = this.hasGradients ? this.micro + 1 : 0;
    const sizes = { ...sizesOf(options), scale: scale.loss ?? 1 };
    for (const slot of this.set.slotsOf(batch.rowAdapter)) this.present.add(slot);
    // Totals of parts are kept by route.
    const isFused = loss.fused && (!loss.fused.parts || this.severalRoutes() > 0);
    if (loss.fused && isFused && (options.head ?? 'lm') === 'lm') {
      const { count, dft, parts } = loss.fused;
      const captured = await this.capture(batch.B, batch.T, this.fused(options.gradient_checkpointing));
      const { at } = this.placeOfLoss();
      const accumulate = this.hasGradients ? 1 : 0;
      // Parts with scales of their own come as weights of their rows.
      const scales = new Map(parts?.map(({ name, route }) => [route, Math.fround(scale[`loss/${name}`] ?? 1)]));
      const given = parts ? { ...batch, mask: scaledMask(batch, scales) } : batch;
      await this.derive();
      this.begin(given, captured, { ...sizes, ...(parts && { scale: 1 }), dft: dft ? 1 : 0, accumulate, at });
      await runner.send(captured.replay, 'forward');
      this.hasGradients = true;
      const total = (place: number, factor: number, after = 0): GpuScalar => ({
        buffer: this.totals,
        offset: 16 * ((at + after) % TOTALS) + 4 * place,
        scale: factor,
      });
      if (parts) {
        const result: StepResult = { sums: {}, counts: {}, metrics: {} };
        for (const { name, route, count: own } of parts) {
          const unscaled = 1 / scales.get(route)!;
          const mean = unscaled / Math.max(own, 1);
          result.sums[`loss/${name}`] = total(0, unscaled, route + 2);
          result.counts[`loss/${name}`] = own;
          result.metrics[`mean_token_accuracy/${name}`] = total(1, mean, route + 2);
          result.metrics[`entropy/${name}`] = total(2, mean, route + 2);
        }
        return result;
      }
      const mean = 1 / Math.max(count, 1);
      return {
        sums: { loss: total(0, 1) },
        counts: { loss: count },
        metrics: { mean_token_accuracy: total(1, mean), entropy: total(2, mean) },
      };
    }
    return this.stepByTensors(batch, loss, { want, options, scale }, sizes);
  }

  /** Routes that rows can take, where there are several: totals are then kept for each as well. */
  private severalRoutes(): number {
    const { length } = this.set.routes;
    return length > 1 ? length : 0;
  }
  /** The first of the places among the totals that a micro-batch takes, and how many. */
  private placeOfLoss(): { at: number; taken: number } {
    const routes = this.severalRoutes();
    const taken = routes > 0 ? routes + 2 : 1;
    const at = this.nextTotal % TOTALS;
    this.nextTotal += taken;
    const { first, count } = this.hasGradients ? this.losses : { first: at, count: 0 };
    if (routes > 0 && count + taken > TOTALS)
      throw new ConfigError(
        `${count / taken} micro-batches of ${routes} adapters are the most that one optimizer step can gather here. Lower gradient_accumulation_steps.`,
        { where: 'gradient_accumulation_steps' },
      );
    this.losses = { first, count: Math.min(count + taken, TOTALS) };
    return { at, taken };
  }
  /** Any loss in tf ops: forward, the loss on the tape over the outputs, backward from its cotangents. */
  private async stepByTensors(
    batch: Batch,
    loss: LossFn,
    { want, options = {}, scale }: StepRequest,
    sizes: Omit<StepSizes, 'supervised' | 'groups'>,
  ): Promise<StepResult> {
    const { runner } = this.gpu;
    const kind = this.kindOf('loss', want, options, batch.rowAdapter);
    const captured = await this.capture(batch.B, batch.T, kind, teacherIn(want, options));
    const heads = await this.headReplay();
    await captured.teacher?.engine.writeRows(batch, captured.teacher.h);
    const accumulate = this.hasGradients ? 1 : 0;
    const { at, taken } = this.placeOfLoss();
    await this.derive();
    this.begin(batch, captured, { ...sizes, accumulate });
    await runner.send(captured.replay, 'forward');
    let result: StepResult | undefined;
    const headParameters = this.headTensors(batch, options);
    const cotangents = tf.tidy(() => {
      const given = this.outputsOf(batch, captured, kind);
      const { logps, entropies, hidden, divergences } = given;
      const inputs = { logps, entropies, hidden, divergences, ...headParameters };
      const names = Object.entries(inputs).flatMap(([name, x]) => (x ? [name] : []));
      const xs = names.map((name) => inputs[name as keyof typeof inputs] as tf.Tensor);
      const f = (...args: tf.Tensor[]) => {
        const by = Object.fromEntries(names.map((name, i) => [name, args[i]!]));
        const outputs = { ...given, ...by } as unknown as Outputs & Record<string, tf.Tensor>;
        const scores = this.scoresOf(outputs, options, batch);
        const out = loss({ ...outputs, ...(scores && { scores }) });
        let total: tf.Scalar | undefined;
        for (const [name, sum] of Object.entries(out.sums)) {
          const term = tf.mul<tf.Scalar>(sum, scale[name] ?? 1);
          total = total ? tf.add<tf.Scalar>(total, term) : term;
        }
        const kept = (s: Record<string, tf.Scalar>) =>
          Object.fromEntries(Object.entries(s).map(([k, x]) => [k, tf.keep(tf.clone(x))]));
        result = { sums: kept(out.sums), counts: out.counts, metrics: kept(out.metrics) };
        return total!;
      };
      const { grads } = tf.engine().gradients(() => f(...xs), xs, null as unknown as tf.Tensor, true);
      return Object.fromEntries(names.map((name, i) => [name, grads[i]]));
    }) as Record<string, tf.Tensor | undefined>;
    const sums = (result?.sums ?? {}) as Record<string, tf.Scalar>;
    const found = lossOf(sums);
    // What older steps left at the places of single routes says nothing of this one.
    for (let i = found ? 1 : 0; i < taken; i++) runner.clear(this.totals, 16 * ((at + i) % TOTALS), 4);
    if (found) runner.copy(bufferOf(found), 0, this.totals, 16 * at, 4);
    for (const [name, buffer] of captured.cotangents) {
      const d = cotangents[name];
      if (d) runner.copy(bufferOf(d), 0, buffer, 0, 4 * d.size);
      else runner.clear(buffer);
    }
    await runner.send(captured.replay, 'backward');
    for (const [name, buffer] of heads.sources) {
      const d = cotangents[name];
      if (d) runner.copy(bufferOf(d), 0, buffer, 0, 4 * d.size);
      else runner.clear(buffer);
    }
    heads.replay.prepare();
    heads.replay.write({ accumulate });
    await runner.send(heads.replay, '');
    this.hasGradients = true;
    tf.dispose([cotangents as tf.TensorContainer, headParameters]);
    if (found !== sums.loss) found?.dispose();
    return result!;
  }

  private kindOf(mode: Kind['mode'], want: readonly Want[], options: StepOptions, rows: ArrayLike<number>): Kind {
    const adapters = this.adapted && (mode === 'loss' || this.isAdapted(rows));
    const hasScores = (options.head ?? 'lm') !== 'lm';
    return {
      mode,
      statistics: want.filter(isStatistic),
      hidden: want.includes('hidden') || hasScores,
      topk: want.includes('topk') ? (options.topk ?? 5) : 0,
      ...(want.includes('divergences') && { teacher: teacherIn(want, options)!.number }),
      ...(adapters && { adapters }),
      ...(mode === 'loss' && options.gradient_checkpointing && { checkpointing: true }),
    };
  }
  /** The recording's results as tensors of their own; mask and targets beside them. */
  private outputsOf(batch: Batch, { results }: Captured, kind: Kind): Outputs {
    const { B, T } = batch;
    const D = this.config.hidden_size;
    const copyOf = (name: string, shape: number[]): tf.Tensor => {
      const buffer = results.get(name)!;
      // Multiplied by 1: the view itself would show the next batch's numbers.
      return tf.mul(tensorFrom(buffer, shape as [number]), 1);
    };
    const outputs: Outputs = {
      mask: tf.tensor2d(batch.mask, [B, T]),
      targets: tf.tensor2d(batch.targets, [B, T], 'int32'),
    };
    for (const name of kind.statistics) {
      const x = copyOf(name, [B, T]) as tf.Tensor2D;
      outputs[name] = name === 'argmax' || name === 'ranks' ? tf.cast(x, 'int32') : x;
    }
    if (kind.teacher !== undefined) outputs.divergences = copyOf('divergences', [B, T]) as tf.Tensor2D;
    if (kind.hidden) outputs.hidden = copyOf('hidden', [B, T, D]) as tf.Tensor3D;
    if (kind.topk > 0) {
      const k = kind.topk;
      const both = copyOf('topk', [B, T, 2 * k]) as tf.Tensor3D;
      outputs.topk = {
        logps: tf.slice3d(both, [0, 0, 0], [B, T, k]),
        ids: tf.cast(tf.slice3d(both, [0, 0, k], [B, T, k]), 'int32'),
      };
    }
    return outputs;
  }

  /** The task head's parameters that a batch reads as tensors, when it is asked for. */
  private headTensors({ rowAdapter }: Batch, options: StepOptions): Record<string, tf.Tensor> {
    if ((options.head ?? 'lm') === 'lm') return {};
    const { runner } = this.gpu;
    const out: Record<string, tf.Tensor> = {};
    const heads = this.set.headsOf(rowAdapter, scoreModule(options));
    const own = HEAD_PARAMETERS[this.head](this.config.hidden_size)
      .filter(([name]) => heads.has(name) || name.endsWith('.bias'))
      .map(([name, shape]) => ({ name, shape, from: this.block(this.weights, name) }));
    const whole = (this.adapted?.layout.whole ?? [])
      .filter(({ name }) => heads.has(name))
      .map(({ name, shape, at }) => ({ name, shape, from: this.fixed(this.trained.weights[0]!, 4 * at, 4 * sizeOf(shape)) })); // biome-ignore format: one head
    for (const { name, shape, from } of [...own, ...whole]) {
      const { buffer, offset, bytes } = from;
      const copy = this.buffer(bytes, name);
      runner.copy(buffer, offset, copy, 0, bytes);
      runner.submit();
      out[name] = tf.tidy(() => tf.mul(tensorFrom(copy, shape as [number, number]), 1));
      runner.release(copy);
    }
    return out;
  }
  private scoresOf(
    outputs: Outputs & Record<string, unknown>,
    options: StepOptions,
    { B, T, rowAdapter }: Batch,
  ): tf.Tensor3D | undefined {
    if ((options.head ?? 'lm') === 'lm') return undefined;
    const module = scoreModule(options);
    const bias = outputs[`${module}.bias`] as tf.Tensor1D | undefined;
    const flat = tf.reshape(outputs.hidden!, [B * T, this.config.hidden_size]) as tf.Tensor2D;
    const heads = [...this.set.headsOf(rowAdapter, module)];
    const parts = heads.map(([name, own]) => {
      const scores = tf.matMul(flat, outputs[name] as tf.Tensor2D, false, true); // [N,C]
      if (heads.length === 1) return scores;
      const rows = new Float32Array(B * T);
      for (const b of own) rows.fill(1, b * T, (b + 1) * T);
      return tf.mul<tf.Tensor2D>(scores, tf.tensor2d(rows, [B * T, 1]));
    });
    const s = parts.length === 1 ? parts[0]! : tf.addN(parts);
    return tf.reshape(bias ? tf.add(s, bias) : s, [B, T, -1]) as tf.Tensor3D;
  }
  /** Adds the task head's gradients, which come from tf ops, to the flat buffers. */
  private async headReplay(): Promise<HeadReplay> {
    if (this.heads) return this.heads;
    const recording = new Recording<{ accumulate: number }>();
    const sources = new Map<string, GPUBuffer>();
    const { grads } = this.training();
    // Beside adapters the base's own head is frozen.
    const places: [string, Fixed][] = this.adapted
      ? this.adapted.layout.whole.map(({ name, shape, at }) => [name, this.fixed(grads[0]!, 4 * at, 4 * sizeOf(shape))])
      : HEAD_PARAMETERS[this.head](this.config.hidden_size).map(([name]) => [name, this.block(grads, name)]);
    for (const [name, grad] of places) {
      const source = this.buffer(grad.bytes, `d ${name}`);
      sources.set(name, source);
      recording.call(addInto(), [this.fixed(source), grad], ({ accumulate }) => ({
        floats: grad.bytes / 4,
        accumulate,
      }));
    }
    const replay = new Replay(this.gpu.pipelines, this.gpu.pool, recording);
    await this.gpu.pipelines.compile(replay.kernels);
    this.heads = { replay, sources };
    return this.heads;
  }

  async evaluate(batch: Batch, request: { want: Want[]; options?: StepOptions }): Promise<Outputs> {
    const options = request.options ?? {};
    checkBatch(batch, this.config, this.head, options, this.set.routes.length);
    const { runner } = this.gpu;
    const kind = this.kindOf('evaluate', request.want, options, batch.rowAdapter);
    const captured = await this.capture(batch.B, batch.T, kind, teacherIn(request.want, options));
    await captured.teacher?.engine.writeRows(batch, captured.teacher.h);
    await this.derive();
    this.begin(batch, captured, sizesOf(options));
    await runner.send(captured.replay, 'forward');
    const heads = this.headTensors(batch, options);
    const outputs = tf.tidy(() => {
      const given = this.outputsOf(batch, captured, kind);
      const scores = this.scoresOf({ ...given, ...heads }, options, batch);
      const { hidden, ...rest } = given;
      return {
        ...rest,
        ...(request.want.includes('hidden') && { hidden }),
        ...(scores && { scores }),
      } as unknown as tf.TensorContainerObject;
    }) as unknown as Outputs;
    tf.dispose(heads);
    return outputs;
  }

  /**
   * What stands between the kernels of a forward pass, [B,T,width] by name: `hidden_states.i` as in transformers (the last one
   * before its norm), `layers.i.qkv` (after RoPE), `.attention` (before o_proj), `.attention.logsumexp`, `.residual` (after
   * attention) and `.gate_up`. For inspection and tests: all of it is kept, so it takes the memory of a training step.
   */
  async intermediates(batch: Batch): Promise<NamedTensorMap> {
    checkBatch(batch, this.config, this.head, {}, this.set.routes.length);
    const adapters = this.isAdapted(batch.rowAdapter);
    const captured = await this.capture(batch.B, batch.T, { ...FUSED, mode: 'intermediates', ...(adapters && { adapters }) }); // biome-ignore format: one call
    const { runner } = this.gpu;
    await this.derive();
    this.begin(batch, captured, NO_LOSS);
    await runner.send(captured.replay, 'forward');
    const all = [...captured.named];
    const ranges = all.map(([, { memory }]) => {
      const { buffer, offset } = captured.replay.binding(memory);
      return { buffer, offset, bytes: memory.bytes };
    });
    const found = await runner.read(ranges);
    return Object.fromEntries(
      all.map(([name, { width }], i) => [
        name,
        { shape: [batch.B, batch.T, width], data: new Float32Array(found[i]!) },
      ]),
    );
  }

  /** Records the norm of the gradients, of each adapter that there is, and whether they and the losses behind them are finite. */
  private recordNorm<S extends Pick<AdamWOptions, 'max_grad_norm'>>(recording: Recording<S>): void {
    const { segments } = this.trained;
    const { grads, owners } = this.training();
    const own = segments.map(squareParts);
    const groups = owners ? this.set.residents.length : 1;
    const total = own.reduce((a, b) => a + b, 0);
    const parts = recording.floats('squares', groups * total);
    if (owners) {
      const table = this.fixed(owners);
      for (let owner = 0; owner < groups; owner++)
        recording.call(squares(true), [this.fixed(grads[0]!), parts, table], () => ({
          floats: segments[0]!,
          first: owner * total,
          owner,
        }));
    } else {
      let first = 0;
      segments.forEach((floats, s) => {
        const from = first;
        recording.call(squares(), [this.fixed(grads[s]!), parts], () => ({ floats, first: from }));
        first += own[s]!;
      });
    }
    recording.call(gradientNorm(groups), [parts, this.fixed(this.totals), this.fixed(this.norm)], (o) => ({
      parts: total,
      maxNorm: o.max_grad_norm,
      firstLoss: this.losses.first,
      losses: this.hasGradients ? this.losses.count : 0,
      places: TOTALS,
    }));
  }
  private async replayOf<S>(recording: Recording<S>): Promise<Replay<S>> {
    const replay = new Replay(this.gpu.pipelines, this.gpu.pool, recording);
    await this.gpu.pipelines.compile(replay.kernels);
    return replay;
  }
  private async updateReplay(): Promise<Replay<AdamWOptions>> {
    if (this.update) return this.update;
    const recording = new Recording<AdamWOptions>();
    const { segments, decayed, weights } = this.trained;
    const { grads, m, v, owners } = this.training();
    const norm = this.fixed(this.norm);
    const adam = (o: AdamWOptions, updates: number) => ({
      first: 0,
      rate: o.learning_rate / (1 - o.adam_beta1 ** updates),
      decay: o.learning_rate * o.weight_decay,
      take1: 1 - o.adam_beta1,
      take2: 1 - o.adam_beta2,
      epsilon: o.adam_epsilon,
      root2: Math.sqrt(1 - o.adam_beta2 ** updates),
    });
    const operands = (s: number) => [weights[s]!, grads[s]!, m[s]!, v[s]!].map((buffer) => this.fixed(buffer));
    this.recordNorm(recording);
    if (owners) {
      const table = this.fixed(owners);
      for (const owner of this.set.residents.keys())
        recording.call(adamw(true), [...operands(0), norm, table], (o) => ({
          ...adam(o, this.steps[owner]!),
          floats: this.moved.includes(owner) ? segments[0]! : 0,
          decayed: decayed[0]!,
          owner,
        }));
    } else
      segments.forEach((floats, s) => {
        recording.call(adamw(), [...operands(s), norm], (o) => ({
          ...adam(o, this.updates),
          floats: this.isIdle() ? 0 : floats,
          decayed: decayed[s]!,
        }));
      });
    this.update = await this.replayOf(recording);
    return this.update;
  }

  /** Adapters without a row since the last update: nothing is updated. */
  private isIdle(): boolean {
    return this.adapted !== undefined && this.moved.length === 0;
  }
  async applyGradients(
    options: AdamWOptions,
  ): Promise<{ gradNorm: DeviceScalar; gradNorms?: Record<string, DeviceScalar> }> {
    const { runner } = this.gpu;
    const replay = await this.updateReplay();
    this.emptyGradients();
    this.moved = [...this.present];
    this.present.clear();
    for (const slot of this.moved) this.steps[slot]!++;
    if (!this.isIdle()) this.updates++;
    runner.submit();
    replay.prepare();
    replay.write(options);
    await runner.send(replay, '');
    this.hasGradients = false;
    this.dropTensors();
    const { residents } = this.set;
    const gradNorm = this.normOfAll();
    this.unreadNorm = gradNorm;
    if (residents.length <= 1) return { gradNorm };
    const norms = this.moved.map((slot) => [residents[slot]!.adapter.name, this.normScalar(slot)]);
    return { gradNorm, gradNorms: Object.fromEntries(norms) };
  }
  async gradientNorm(): Promise<GpuScalar> {
    const { runner } = this.gpu;
    if (!this.measure) {
      const recording = new Recording<Pick<AdamWOptions, 'max_grad_norm'>>();
      this.recordNorm(recording);
      this.measure = await this.replayOf(recording);
    }
    this.emptyGradients();
    runner.submit();
    this.measure.prepare();
    this.measure.write({ max_grad_norm: 0 });
    await runner.send(this.measure, '');
    return this.normOfAll();
  }
  /** Nothing was gathered since the last update: what lies there is of before. */
  private emptyGradients(): void {
    if (!this.hasGradients) for (const buffer of this.training().grads) this.gpu.runner.clear(buffer);
  }
  private normScalar(row: number): GpuScalar {
    return { buffer: this.norm, offset: 16 * row, scale: 1 };
  }
  /** Of several adapters the row behind theirs. */
  private normOfAll(): GpuScalar {
    const { length } = this.set.residents;
    return this.normScalar(length > 1 ? length : 0);
  }

  async read(scalars: Record<string, DeviceScalar>): Promise<Record<string, number>> {
    const entries = Object.entries(scalars);
    const ranges = entries.map(([, scalar]) =>
      scalar instanceof tf.Tensor
        ? { buffer: bufferOf(scalar), offset: 0, bytes: 4 }
        : { buffer: scalar.buffer, offset: scalar.offset, bytes: 4 },
    );
    const values = (await this.gpu.runner.read(ranges)).map((bytes) => new Float32Array(bytes)[0]!);
    const out: Record<string, number> = {};
    entries.forEach(([name, scalar], i) => {
      out[name] = scalar instanceof tf.Tensor ? values[i]! : values[i]! * scalar.scale;
      // A step whose gradient was not finite left weights and moments as they were: it was none.
      if (scalar === this.unreadNorm) {
        if (!Number.isFinite(values[i]!)) {
          if (!this.isIdle()) this.updates--;
          for (const slot of this.moved) this.steps[slot]!--;
        }
        this.unreadNorm = undefined;
      }
    });
    this.drop(scalars);
    return out;
  }
  /** Also of tf ops and of another model's kernels: all are on tfjs' device. */
  canRead(): boolean {
    return true;
  }
  drop(scalars: Record<string, DeviceScalar>): void {
    for (const scalar of Object.values(scalars)) if (scalar instanceof tf.Tensor) scalar.dispose();
  }

  clearGradients(): void {
    this.hasGradients = false;
    this.present.clear();
  }
  async readGradients(): Promise<NamedTensorMap> {
    if (!this.hasGradients) return {};
    return this.trained.unpack(await this.download(this.training().grads));
  }
  private async download(buffers: GPUBuffer[]): Promise<Float32Array[]> {
    const ranges = buffers.map((buffer) => ({ buffer, offset: 0, bytes: buffer.size }));
    return (await this.gpu.runner.read(ranges)).map((bytes) => new Float32Array(bytes));
  }
  async exportWeights(): Promise<NamedTensorMap> {
    const weights = fromSegments(this.layout, await this.download(this.weights));
    for (const [name, tensor] of this.fourBitWeights()) weights[name] = tensor;
    return weights;
  }
  async exportOptimizer(): Promise<OptimizerState> {
    const step = this.updates;
    const { residents } = this.set;
    const steps = Object.fromEntries(residents.map(({ adapter }, slot) => [adapter.name, this.steps[slot]!]));
    const { state, segments, unpack } = this.trained;
    const zeros = () => segments.map((floats) => new Float32Array(floats));
    const both = state ? await this.download([...state.m, ...state.v]) : [...zeros(), ...zeros()];
    return {
      tensors: {
        ...unpack(both.slice(0, segments.length), 'adam.m.'),
        ...unpack(both.slice(segments.length), 'adam.v.'),
      },
      step,
      ...(residents.length > 1 && { steps }),
    };
  }
  async importWeights(weights: NamedTensorMap): Promise<void> {
    for (const names of this.fourBitBlocks()) {
      this.putBlock(
        names,
        names.map((name) => weights[name]!),
      );
      await this.gpu.device.queue.onSubmittedWorkDone();
    }
    await this.uploadInTurn(this.weights, toSegments(this.layout, weights));
    this.dropTensors();
  }
  async exportTrained(): Promise<NamedTensorMap> {
    return this.trained.unpack(await this.download(this.trained.weights));
  }
  async importTrained(tensors: NamedTensorMap): Promise<void> {
    await this.uploadInTurn(this.trained.weights, this.trained.pack(tensors));
    this.dropTensors();
  }
  async importOptimizer({ tensors, step, steps }: OptimizerState): Promise<void> {
    const { pack } = this.trained;
    const { m, v } = this.training();
    await this.uploadInTurn(m, pack(tensors, 'adam.m.'));
    await this.uploadInTurn(v, pack(tensors, 'adam.v.'));
    this.updates = step;
    this.steps = this.set.adapters.map(({ name }) => ownSteps(name, step, steps));
  }

  /** Completions, batch after batch; the last shape's memory is kept until something trains. */
  async generate(given: GenerateRequest): Promise<GeneratedRow[]> {
    const rowAdapter = given.rowAdapter ?? new Int32Array(given.prompts.length).fill(this.activeRoute);
    const request = { ...given, rowAdapter };
    checkRoutes(rowAdapter, this.set.routes.length);
    const out: GeneratedRow[] = request.prompts.map(emptyRow);
    const maxBytes = largestBuffer(this.gpu.device);
    await this.derive();
    for (const { rows, groupOf, shape } of decodeBatches(request, this.config, maxBytes)) {
      const decoder = await this.decoder(shape);
      let isSound = false;
      try {
        await decoder.run(request, rows, groupOf, out);
        isSound = true;
      } catch (error) {
        isSound = error instanceof CancelledError;
        throw error;
      } finally {
        if (isSound) {
          releaseIdle(this.gpu.idle);
          Object.assign(this.gpu.idle, { decoder, owner: this, shape: JSON.stringify(shape) });
        } else decoder.dispose();
      }
    }
    return out;
  }
  /** Taken out while it is in use: two conversations at once have memory of their own. */
  private async decoder(shape: Decoder['shape']): Promise<Decoder> {
    const { idle } = this.gpu;
    const kept = idle.owner === this && idle.shape === JSON.stringify(shape) ? idle.decoder : undefined;
    if (kept) {
      idle.decoder = idle.owner = idle.shape = undefined;
      return kept as Decoder;
    }
    releaseIdle(idle);
    return Decoder.create(
      {
        gpu: this.gpu,
        config: this.config,
        weight: (name) => this.norms(this.weights, name),
        table: this.ropeTable(shape.prefixRows + shape.slots),
        adapter: (layer, key) => this.adapterMemory(layer, key),
        makeBuffer: (bytes, label) => this.buffer(bytes, label, SHORTEN),
        ready: async () => {
          await Promise.all(this.allocations);
        },
      },
      shape,
    );
  }

  /** Weights as tensors of tfjs, copied on the device when they are asked for after an update. */
  tensors(): ModelTensors {
    if (!this.asTensors) {
      const { runner } = this.gpu;
      const weights: Weights = {};
      for (const { name, shape, floats, segment, offset } of this.layout.parameters) {
        const copy = this.buffer(4 * floats, name);
        runner.copy(this.weights[segment]!, 4 * offset, copy, 0, 4 * floats);
        runner.submit();
        weights[name] = tf.keep(tf.tidy(() => tf.mul(tensorFrom(copy, shape as [number, number]), 1) as tf.Tensor2D));
        runner.release(copy);
      }
      for (const [name, { shape, data }] of this.fourBitWeights())
        weights[name] = tf.keep(tf.tensor2d(data, shape as [number, number]));
      const transposed = transposeWeights(weights, this.config);
      for (const layer of transposed.layers) for (const x of Object.values(layer)) tf.keep(x);
      tf.keep(transposed.head);
      this.asTensors = { weights, transposed };
    }
    return { ...this.asTensors, routes: 0 };
  }
  /** Weights are new: what was made from them is made again when it is needed. */
  private dropTensors(): void {
    this.derived = undefined;
    if (!this.asTensors) return;
    tf.dispose(this.asTensors.weights);
    disposeTransposed(this.asTensors.transposed);
    this.asTensors = undefined;
  }

  dispose(): void {
    this.dropTensors();
    this.releaseTrained();
    const own = [...this.weights, ...this.fourBitBuffers(), this.totals, this.norm];
    for (const { buffer } of this.tables.values()) own.push(buffer);
    for (const buffer of own) buffer.destroy();
  }
}

/** What the kernels do not train yet is trained in tf ops: createEngine chooses. They measure and generate with any adapter. */
export const isAdapterRecordable = ({ config }: LoraAdapter): boolean => !(config.use_dora && config.lora_dropout);
function checkTrainable(set: AdapterSet): void {
  const other = set.adapters.find((adapter) => !isAdapterRecordable(adapter));
  if (other)
    throw new ConfigError(
      `Adapter "${other.name}" has use_dora with lora_dropout, which the WebGPU kernels do not train. Set lora_dropout to 0, or open the studio with ?backend=wasm.`,
      { where: 'use_dora' },
    );
}

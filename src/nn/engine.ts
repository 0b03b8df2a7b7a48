// The tfjs engine behind the seam (design §6): forward, the loss on the tape, then a hand-written backward with its
// cotangents; AdamW on a flat vector, one for each adapter. Runs on WebGPU, WASM and CPU, and gives the same numbers to about 1e-5.
import * as tf from '@tensorflow/tfjs-core';
import { wasmSlice } from '../gpu/wasm';
import { ConfigError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';
import type { TensorSource } from '../storage/tensorSource';
import { AdapterSet, ownSteps, shapesOf } from './adapterSet';
import { checkBatch, HEAD_PARAMETERS, type HeadKind, lossOf, scoreModule } from './engineChecks';
import { headBackward, headForward, headRows, scatterRows } from './head';
import {
  backward,
  batchTensors,
  disposeTransposed,
  forward,
  headName,
  type Transposed,
  transposeWeights,
  type Weights,
} from './llama';
import { type DropoutAt, disposeOps, keepOps, type LoraOps, LoraPass, loraOps } from './loraOps';
import { ParameterSet } from './parameterSet';
import { parameterShapes } from './presets';
import { matMulTN } from './products';
import type {
  AdamWOptions,
  DeviceScalar,
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
} from './seam';

const DIFFERENTIABLE = ['logps', 'entropies', 'hidden', 'scores', 'divergences'] as const;
type Differentiable = (typeof DIFFERENTIABLE)[number];

/** What AdamW updates together, with one norm and one step count: all weights, or one adapter. */
interface Group {
  /** Name of the adapter; undefined: the weights of the model. */
  adapter?: string;
  set: ParameterSet;
  flat: tf.Tensor1D;
  /** Made when it is first trained: a model that only answers has none. */
  moments?: Moments;
  /** Updates that it has had. */
  updates: number;
}
interface Moments {
  m: tf.Tensor1D;
  v: tf.Tensor1D;
  /** 1 where AdamW decays; norms and biases come after those. */
  decayMask: tf.Tensor1D;
}

export class TfEngine implements ModelEngine {
  readonly backend: 'webgpu' | 'wasm' | 'cpu';
  activeRoute = -1;
  private readonly base: ParameterSet;
  /** What AdamW updates: the base, or the adapters, each for itself. */
  private trained: Group[];
  private set: AdapterSet;
  /** All tensors by name: the base's, and the adapters' under their engine names. */
  private weights: Weights = {};
  private transposed: Transposed | undefined;
  private lora: LoraOps | undefined;
  /** Updates of the run; an adapter that had no row in one of them has fewer of its own. */
  private updates = 0;
  /** Adapters that had a row since the last update, by their place in the set. */
  private readonly present = new Set<number>();
  /** Those that the last update moved. */
  private moved: Group[] = [];
  /** Micro-batches since the last update: dropout draws anew for each. */
  private micro = 0;
  /** grad_norm of the last update, until it is read. */
  private unreadNorm?: tf.Scalar;
  private grads: Record<string, tf.Tensor> = {};
  /** Sum of the losses behind `grads`: not finite when one of them is not. */
  private lossSum?: tf.Scalar;

  /**
   * Takes a copy of `weights`. With adapters the base is frozen and they alone are trained. Throws ShapeError for a tensor that is
   * missing or has another shape, ConfigError for adapters that do not fit. `flat`: the weights in one piece already.
   */
  constructor(
    readonly config: LlamaConfig,
    weights: NamedTensorMap,
    readonly head: HeadKind = 'lm',
    adapters: readonly LoraAdapter[] = [],
    flat?: Float32Array,
  ) {
    this.backend = tf.getBackend() as TfEngine['backend'];
    this.base = baseParameters(config, head);
    this.set = new AdapterSet(config, []);
    this.trained = [makeGroup(this.base, tf.tensor1d(flat ?? this.base.toFlat(weights)))];
    this.refresh(this.trained[0]!);
    if (adapters.length > 0)
      this.replaceAdapters(new AdapterSet(config, adapters), undefined, (path) => weights[`${path}.weight`]!.data);
  }

  /** The same from tensors that are read in pieces: they are in memory once beside the engine's own. */
  static async fromSource(
    config: LlamaConfig,
    source: TensorSource,
    head: HeadKind = 'lm',
    adapters: readonly LoraAdapter[] = [],
  ): Promise<TfEngine> {
    const { parameters, size } = baseParameters(config, head);
    const flat = new Float32Array(size);
    const views: NamedTensorMap = {};
    for (const { name, shape, size: floats, offset } of parameters) {
      for await (const { at, data } of source.pieces(name)) flat.set(data, offset + at);
      views[name] = { shape, data: flat.subarray(offset, offset + floats) };
    }
    return new TfEngine(config, views, head, adapters, flat);
  }

  private isOfBase(name: string): boolean {
    return this.base.parameters.some((one) => one.name === name);
  }
  private get isWhole(): boolean {
    return this.trained[0]!.set === this.base;
  }
  /** The tensors of a group out of its flat vector, and what is derived from them. */
  private refresh({ set, flat }: Group): void {
    this.dropDerived(set === this.base);
    for (const { name, shape, size, offset } of set.parameters) {
      this.weights[name]?.dispose();
      this.weights[name] = tf.keep(
        tf.tidy(() => {
          const part = this.backend === 'wasm' ? wasmSlice(flat, offset, size) : tf.slice(flat, offset, size);
          return tf.reshape<tf.Rank>(part, shape) as tf.Tensor2D;
        }),
      );
    }
  }
  private dropDerived(isBase: boolean): void {
    if (isBase && this.transposed) {
      disposeTransposed(this.transposed);
      this.transposed = undefined;
    }
    if (this.lora) disposeOps(this.lora);
    this.lora = undefined;
  }

  get adapters(): readonly LoraAdapter[] {
    return this.set.adapters;
  }
  async setAdapters(
    adapters: readonly LoraAdapter[],
    { tensors, routes }: { tensors?: NamedTensorMap; routes?: readonly LoraRoute[] } = {},
  ): Promise<void> {
    const set = new AdapterSet(this.config, adapters, routes);
    const needsBase = !tensors && adapters.some(({ config }) => config.use_dora || config.modules_to_save?.length);
    const base = needsBase ? await this.exportWeights() : {};
    this.replaceAdapters(set, tensors, (path) => base[`${path}.weight`]?.data ?? new Float32Array(0));
  }
  private replaceAdapters(
    set: AdapterSet,
    tensors: NamedTensorMap | undefined,
    base: (path: string) => Float32Array,
  ): void {
    set.checkHead(this.head);
    let next: Group[];
    if (set.residents.length === 0) {
      const parts = () => this.base.parameters.map(({ name, size }) => tf.reshape(this.weights[name]!, [size]));
      next = [
        makeGroup(
          this.base,
          tf.tidy(() => tf.concat1d(parts() as tf.Tensor1D[])),
        ),
      ];
    } else {
      const values = tensors ?? set.init(base);
      const sets = set.residents.map((one) => new ParameterSet(shapesOf(one), 'The adapters'));
      const flats = sets.map((one) => one.toFlat(values)); // all of them, before anything is made
      next = sets.map((one, i) => makeGroup(one, tf.tensor1d(flats[i]!), set.residents[i]!.adapter.name));
    }
    this.clearGradients();
    this.dropDerived(false);
    for (const group of this.trained) {
      disposeGroup(group);
      for (const { name } of group.set === this.base ? [] : group.set.parameters) {
        this.weights[name]!.dispose();
        delete this.weights[name];
      }
    }
    this.trained = next;
    this.set = set;
    this.activeRoute = set.routes.length > 0 ? 0 : -1;
    this.updates = 0;
    if (!this.isWhole) for (const group of next) this.refresh(group);
  }
  /** The way of a batch's rows through the adapters; undefined where none goes through any. */
  private pass(rows: ArrayLike<number>, T: number, dropout?: DropoutAt): LoraPass | undefined {
    if (this.set.residents.length === 0) return undefined;
    if (!this.lora) {
      this.lora = loraOps(this.set, this.weights);
      keepOps(this.lora);
    }
    const routes = new Int32Array(rows.length * T);
    for (let b = 0; b < rows.length; b++) routes.fill(rows[b]! + 1, b * T, (b + 1) * T);
    return new LoraPass(this.lora, routes, dropout);
  }
  get variants(): Record<string, string> {
    return { engine: `tfjs-${this.backend}` };
  }
  private headWeight(): tf.Tensor2D {
    return this.weights[headName(this.config)] as tf.Tensor2D;
  }

  /** Head outputs of hidden states, as [B,T] tensors, and what the backward pass needs. */
  private outputs(batch: Batch, hidden: tf.Tensor2D, want: Want[], options: StepOptions) {
    const { B, T } = batch;
    const temperature = options.temperature ?? 1;
    const wanted = new Set(want);
    const outputs: Outputs = {
      mask: tf.tensor2d(batch.mask, [B, T]),
      targets: tf.tensor2d(batch.targets, [B, T], 'int32'),
    };
    const grid = (x: tf.Tensor1D) => tf.tidy(() => tf.reshape(scatterRows(x, rows!), [B, T]) as tf.Tensor2D);
    const needsLogits = ['logps', 'entropies', 'argmax', 'topk', 'ranks', 'meanLogits', 'divergences'].some((w) =>
      wanted.has(w as Want),
    );
    let rows: ReturnType<typeof headRows> | undefined;
    let f: ReturnType<typeof headForward> | undefined;
    let teacherLogSoftmax: tf.Tensor2D | undefined;
    if (needsLogits) {
      rows = headRows(batch);
      f = headForward(hidden, this.wtKept().head, rows, temperature, {
        entropies: wanted.has('entropies'),
        argmax: wanted.has('argmax'),
        meanLogits: wanted.has('meanLogits'),
      });
      if (wanted.has('logps')) outputs.logps = grid(f.logps);
      if (f.entropies) outputs.entropies = grid(f.entropies);
      if (f.argmax) outputs.argmax = grid(f.argmax);
      if (f.meanLogits) outputs.meanLogits = grid(f.meanLogits);
      if (wanted.has('ranks'))
        outputs.ranks = tf.tidy(() =>
          grid(tf.sum(tf.cast(tf.greater(f!.logSoftmax, tf.expandDims(f!.logps, 1)), 'int32'), 1) as tf.Tensor1D),
        );
      if (wanted.has('topk')) {
        const k = options.topk ?? 5;
        const top = tf.tidy(() => {
          const { values, indices } = tf.topk(f!.logSoftmax, k);
          return {
            logps: tf.reshape(scatterRows(values, rows!), [B, T, k]),
            ids: tf.reshape(scatterRows(indices, rows!), [B, T, k]),
          };
        });
        outputs.topk = top as { logps: tf.Tensor3D; ids: tf.Tensor3D };
      }
      if (wanted.has('divergences')) {
        if (!options.distill) throw new ConfigError('"divergences" needs options.distill with a teacher.');
        const { teacher, beta, temperature: tau } = options.distill;
        if (!(teacher instanceof TfEngine))
          throw new ConfigError('The teacher must run on the same engine as the student.');
        teacherLogSoftmax = teacher.rowLogSoftmax(batch, rows, tau);
        outputs.divergences = tf.tidy(() => grid(divergence(f!.raw, teacherLogSoftmax!, beta, tau)));
      }
    }
    if (wanted.has('hidden')) outputs.hidden = tf.tidy(() => tf.reshape(tf.clone(hidden), [B, T, -1]) as tf.Tensor3D);
    if (options.head && options.head !== 'lm')
      outputs.scores = tf.tidy(() => {
        const parts = this.scoreHeads(batch, options).map(({ name, rows }) => {
          const s = tf.matMul(hidden, tf.transpose(this.weights[name] as tf.Tensor2D)); // [N,C]
          return rows ? tf.mul<tf.Tensor2D>(s, rows) : s;
        });
        const s = parts.length === 1 ? parts[0]! : tf.addN(parts);
        const bias = this.weights[`${scoreModule(options)}.bias`];
        return tf.reshape(bias ? tf.add(s, bias) : s, [B, T, -1]) as tf.Tensor3D;
      });
    return { outputs, rows, f, teacherLogSoftmax };
  }

  /** The weights of the task head that a batch reads; where there are several, `rows` [N,1] is 1 at each one's own. */
  private scoreHeads({ B, T, rowAdapter }: Batch, options: StepOptions): { name: string; rows?: tf.Tensor2D }[] {
    const heads = [...this.set.headsOf(rowAdapter, scoreModule(options))];
    if (heads.length === 1) return [{ name: heads[0]![0] }];
    return heads.map(([name, own]) => {
      const rows = new Float32Array(B * T);
      for (const b of own) rows.fill(1, b * T, (b + 1) * T);
      return { name, rows: tf.tensor2d(rows, [B * T, 1]) };
    });
  }
  /** Log-softmax of this model on another engine's head rows [M,V]. The caller disposes. */
  rowLogSoftmax(batch: Batch, rows: ReturnType<typeof headRows>, temperature: number): tf.Tensor2D {
    return tf.tidy(() => {
      const pass = this.pass(batch.rowAdapter, batch.T);
      const { hidden } = forward(
        this.weights,
        this.wtKept(),
        batchTensors(batch, this.config),
        this.config,
        false,
        pass,
      );
      return headForward(hidden, this.wtKept().head, rows, temperature, {
        entropies: false,
        argmax: false,
        meanLogits: false,
      }).logSoftmax;
    });
  }
  /** wt() whose tensors outlive the surrounding tidy. */
  private wtKept(): Transposed {
    if (!this.transposed) {
      this.transposed = transposeWeights(this.weights, this.config);
      for (const l of this.transposed.layers) for (const x of Object.values(l)) tf.keep(x as tf.Tensor);
      tf.keep(this.transposed.head);
    }
    return this.transposed;
  }

  async evaluate(batch: Batch, request: { want: Want[]; options?: StepOptions }): Promise<Outputs> {
    const options = request.options ?? {};
    checkBatch(batch, this.config, this.head, options, this.set.routes.length);
    this.wtKept();
    return tf.tidy(() => {
      const pass = this.pass(batch.rowAdapter, batch.T);
      const { hidden } = forward(
        this.weights,
        this.wtKept(),
        batchTensors(batch, this.config),
        this.config,
        false,
        pass,
      );
      return this.outputs(batch, hidden, request.want, options).outputs as unknown as tf.TensorContainerObject;
    }) as unknown as Outputs;
  }

  async step(batch: Batch, loss: LossFn, { want, options = {}, scale }: StepRequest): Promise<StepResult> {
    checkBatch(batch, this.config, this.head, options, this.set.routes.length);
    this.wtKept();
    for (const group of this.trained) momentsOf(group); // now, so that what a run takes is there from its first step
    for (const slot of this.set.slotsOf(batch.rowAdapter)) this.present.add(slot);
    const dropout = { step: this.updates, micro: this.micro++ };
    let result: StepResult | undefined;
    const newGrads = tf.tidy(() => {
      const t = batchTensors(batch, this.config);
      const pass = this.pass(batch.rowAdapter, batch.T, dropout);
      const { hidden, saved } = forward(this.weights, this.wtKept(), t, this.config, true, pass);
      const { outputs, rows, f, teacherLogSoftmax } = this.outputs(batch, hidden, want, options);
      const names = DIFFERENTIABLE.filter((name) => outputs[name]);
      const xs = names.map((name) => outputs[name] as tf.Tensor);
      const { grads } = tf.engine().gradients(
        () => {
          const out = loss(outputs);
          let total: tf.Scalar | undefined;
          for (const [name, sum] of Object.entries(out.sums)) {
            const factor = scale[name];
            if (factor === undefined)
              throw new ConfigError(`The loss returned the sum "${name}" but the step has no scale for it.`);
            const term = tf.mul<tf.Scalar>(sum, factor);
            total = total ? tf.add<tf.Scalar>(total, term) : term;
          }
          const kept = (s: Record<string, tf.Scalar>) =>
            Object.fromEntries(Object.entries(s).map(([k, x]) => [k, tf.keep(tf.clone(x))]));
          result = { sums: kept(out.sums), counts: out.counts, metrics: kept(out.metrics) };
          return total!;
        },
        xs,
        null as unknown as tf.Tensor,
        true,
      );
      const d = Object.fromEntries(names.map((name, i) => [name, grads[i]])) as Partial<
        Record<Differentiable, tf.Tensor>
      >;
      return this.backwardAll(batch, t, { hidden, saved: saved!, rows, f, teacherLogSoftmax, pass }, d, options);
    });
    const earlier = this.lossSum;
    const found = lossOf(result!.sums as Record<string, tf.Scalar>);
    if (found) this.lossSum = tf.keep(earlier ? tf.add<tf.Scalar>(earlier, found) : tf.clone(found));
    if (found) earlier?.dispose();
    if (found && found !== result!.sums.loss) found.dispose();
    for (const [name, g] of Object.entries(newGrads)) {
      const old = this.grads[name];
      this.grads[name] = old ? tf.add(old, g) : g;
      if (old) tf.dispose([old, g]);
    }
    return result!;
  }

  private backwardAll(
    batch: Batch,
    t: ReturnType<typeof batchTensors>,
    pass: {
      hidden: tf.Tensor2D;
      saved: NonNullable<ReturnType<typeof forward>['saved']>;
      rows?: ReturnType<typeof headRows>;
      f?: ReturnType<typeof headForward>;
      teacherLogSoftmax?: tf.Tensor2D;
      pass?: LoraPass;
    },
    d: Partial<Record<Differentiable, tf.Tensor>>,
    options: StepOptions,
  ): Record<string, tf.Tensor> {
    const N = batch.B * batch.T;
    const D = this.config.hidden_size;
    const extra: Record<string, tf.Tensor> = {};
    const dHiddens: tf.Tensor2D[] = [];
    if (d.hidden) dHiddens.push(tf.reshape(d.hidden, [N, D]) as tf.Tensor2D);
    if (d.scores) {
      const all = tf.reshape(d.scores, [N, -1]) as tf.Tensor2D;
      for (const { name, rows } of this.scoreHeads(batch, options)) {
        const ds = rows ? tf.mul<tf.Tensor2D>(all, rows) : all;
        dHiddens.push(tf.matMul(ds, this.weights[name] as tf.Tensor2D));
        if (this.isWhole || !this.isOfBase(name)) extra[name] = matMulTN(ds, pass.hidden);
      }
      const bias = `${scoreModule(options)}.bias`;
      if (this.isWhole && this.weights[bias]) extra[bias] = tf.sum(all, 0);
    }
    const { rows, f } = pass;
    if (rows && f && (d.logps || d.entropies || d.divergences)) {
      const onRows = (x?: tf.Tensor) =>
        x ? tf.mul<tf.Tensor1D>(tf.gather(tf.reshape(x, [N]), rows.rows), rows.valid) : undefined;
      let dLogits: tf.Tensor2D | undefined;
      if (d.divergences) {
        const c = onRows(d.divergences)!;
        const { beta, temperature: tau } = options.distill!;
        dLogits = tf.grad((raw) =>
          tf.sum(tf.mul(divergence(raw as tf.Tensor2D, pass.teacherLogSoftmax!, beta, tau), c)),
        )(f.raw) as tf.Tensor2D;
      }
      const back = headBackward(f, rows, this.headWeight(), options.temperature ?? 1, {
        dLogps: onRows(d.logps),
        dEntropies: onRows(d.entropies),
        dRaw: dLogits,
        isFrozen: pass.pass !== undefined,
      });
      dHiddens.push(back.dHidden);
      if (back.dHead) extra[headName(this.config)] = back.dHead;
    }
    const dHidden = dHiddens.length ? (tf.addN(dHiddens) as tf.Tensor2D) : tf.zeros<tf.Rank.R2>([N, D]);
    const grads = backward(this.weights, t, this.config, pass.saved, dHidden, pass.pass);
    for (const [name, g] of Object.entries(extra)) grads[name] = grads[name] ? tf.add(grads[name]!, g) : g;
    return grads;
  }

  /** Groups with something to update, their flat gradients and norms; `gradNorm` as applyGradients tells it. */
  private gathered() {
    const groups = this.isWhole ? this.trained : this.trained.filter((_, slot) => this.present.has(slot));
    const found = tf.tidy(() => {
      const gs = groups.map(({ set }) => {
        const parts = set.parameters.map(({ name, size }) => {
          const g = this.grads[name];
          return g ? tf.reshape(g, [size]) : tf.zeros([size]);
        });
        return tf.concat1d(parts as tf.Tensor1D[]);
      });
      const squares = gs.map(squareSum);
      const norms = squares.map((x) => tf.sqrt(x) as tf.Scalar);
      const norm = norms.length === 1 ? norms[0]! : (tf.sqrt(tf.addN([tf.scalar(0), ...squares])) as tf.Scalar);
      // A loss that is not finite spoils the step as a gradient does.
      const { lossSum } = this;
      const gradNorm = lossSum ? (tf.where(tf.isFinite(lossSum), norm, lossSum) as tf.Scalar) : tf.clone(norm);
      return { gs, gradNorm, norms };
    });
    return { groups, ...found };
  }
  async gradientNorm(): Promise<tf.Scalar> {
    const { gs, norms, gradNorm } = this.gathered();
    tf.dispose([gs, norms]);
    return gradNorm;
  }
  async applyGradients(o: AdamWOptions): Promise<{ gradNorm: tf.Scalar; gradNorms?: Record<string, tf.Scalar> }> {
    const { groups, gs, gradNorm, norms } = this.gathered();
    this.clearGradients();
    const told =
      this.trained.length > 1
        ? { gradNorm, gradNorms: Object.fromEntries(groups.map(({ adapter }, i) => [adapter!, norms[i]!])) }
        : { gradNorm };
    const used = told.gradNorms ? [] : norms;
    // Where reading is free a bad step ends here; on WebGPU it would be a second readback, so the GPU itself decides.
    const isGpu = this.backend === 'webgpu';
    if (!isGpu && !Number.isFinite((await gradNorm.data())[0])) {
      tf.dispose([gs, used]);
      return told;
    }
    if (groups.length > 0) this.updates++;
    this.unreadNorm = gradNorm;
    this.moved = groups;
    groups.forEach((group, i) => {
      group.updates++;
      updateGroup(group, gs[i]!, norms[i]!, o, isGpu ? gradNorm : undefined);
      this.refresh(group);
    });
    tf.dispose([gs, used]);
    return told;
  }

  async read(given: Record<string, DeviceScalar>): Promise<Record<string, number>> {
    const scalars = given as Record<string, tf.Scalar>; // canRead: no others
    const names = Object.keys(scalars);
    if (!names.length) return {};
    const stacked = tf.tidy(() => tf.stack(names.map((name) => tf.cast(tf.reshape(scalars[name]!, []), 'float32'))));
    const values = await stacked.data();
    // On WebGPU a step whose gradient was not finite is known only now: weights and moments kept their bytes, so it was none.
    const norm = names.findIndex((name) => scalars[name] === this.unreadNorm);
    if (norm >= 0 && this.unreadNorm) {
      if (!Number.isFinite(values[norm])) {
        if (this.moved.length > 0) this.updates--;
        for (const group of this.moved) group.updates--;
      }
      this.moved = [];
      this.unreadNorm = undefined;
    }
    tf.dispose([stacked, scalars]);
    return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  }
  canRead(scalar: DeviceScalar): boolean {
    return scalar instanceof tf.Tensor;
  }
  drop(scalars: Record<string, DeviceScalar>): void {
    tf.dispose(scalars as Record<string, tf.Scalar>); // this engine makes no others
  }

  /** Drops gradients gathered so far, e.g. after a cancelled step. */
  clearGradients(): void {
    tf.dispose(this.grads);
    this.lossSum?.dispose();
    this.lossSum = undefined;
    this.grads = {};
    this.present.clear();
    this.micro = 0;
  }
  /** Gradients gathered so far under HF names; they stay. For inspection and tests. */
  async readGradients(): Promise<NamedTensorMap> {
    const out: NamedTensorMap = {};
    for (const [name, g] of Object.entries(this.grads))
      out[name] = { shape: g.shape, data: new Float32Array(await g.data()) };
    return out;
  }

  async exportWeights(): Promise<NamedTensorMap> {
    if (this.isWhole) return this.exportTrained();
    const out: NamedTensorMap = {};
    for (const { name, shape } of this.base.parameters)
      out[name] = { shape: [...shape], data: new Float32Array(await this.weights[name]!.data()) };
    return out;
  }
  async exportTrained(): Promise<NamedTensorMap> {
    const out: NamedTensorMap = {};
    for (const { set, flat } of this.trained) Object.assign(out, set.fromFlat((await flat.data()) as Float32Array));
    return out;
  }
  async exportOptimizer(): Promise<OptimizerState> {
    const tensors: NamedTensorMap = {};
    for (const key of ['m', 'v'] as const)
      for (const { set, moments } of this.trained) {
        const values = ((await moments?.[key].data()) ?? new Float32Array(set.size)) as Float32Array;
        Object.assign(tensors, set.fromFlat(values, `adam.${key}.`));
      }
    const step = this.updates;
    if (this.trained.length === 1) return { tensors, step };
    return { tensors, step, steps: Object.fromEntries(this.trained.map((one) => [one.adapter!, one.updates])) };
  }
  async importWeights(weights: NamedTensorMap): Promise<void> {
    if (this.isWhole) return this.importTrained(weights);
    const flat = this.base.toFlat(weights);
    this.dropDerived(true);
    for (const { name, shape, size, offset } of this.base.parameters) {
      this.weights[name]!.dispose();
      this.weights[name] = tf.keep(tf.tensor<tf.Rank>(flat.subarray(offset, offset + size), shape) as tf.Tensor2D);
    }
  }
  async importTrained(tensors: NamedTensorMap): Promise<void> {
    const flats = this.trained.map(({ set }) => set.toFlat(tensors));
    this.trained.forEach((group, i) => {
      group.flat.dispose();
      group.flat = tf.keep(tf.tensor1d(flats[i]!));
      this.refresh(group);
    });
  }
  async importOptimizer({ tensors, step, steps }: OptimizerState): Promise<void> {
    const moments = this.trained.map(({ set }) => [set.toFlat(tensors, 'adam.m.'), set.toFlat(tensors, 'adam.v.')]);
    this.trained.forEach((group, i) => {
      const own = momentsOf(group);
      tf.dispose([own.m, own.v]);
      const [m, v] = moments[i]!;
      own.m = tf.keep(tf.tensor1d(m!));
      own.v = tf.keep(tf.tensor1d(v!));
      group.updates = ownSteps(group.adapter, step, steps);
    });
    this.updates = step;
  }

  /** For generation: weights and their transposes; do not dispose. */
  tensors(): ModelTensors {
    const { weights } = this;
    const adapters = (rows: ArrayLike<number>, tokens: number) => this.pass(rows, tokens)!;
    const { length: routes } = this.set.routes;
    return { weights, transposed: this.wtKept(), routes, ...(this.set.residents.length > 0 && { adapters }) };
  }

  dispose(): void {
    this.clearGradients();
    for (const group of this.trained) disposeGroup(group);
    tf.dispose(this.weights);
    this.dropDerived(true);
  }
}

function makeGroup(set: ParameterSet, flat: tf.Tensor1D, adapter?: string): Group {
  return { ...(adapter !== undefined && { adapter }), set, flat: tf.keep(flat), updates: 0 };
}
function momentsOf(group: Group): Moments {
  if (!group.moments) {
    const { size, decayEnd } = group.set;
    const zeros = () => tf.keep(tf.zeros<tf.Rank.R1>([size]));
    const decayMask = tf.keep(tf.tensor1d(new Float32Array(size).fill(1, 0, decayEnd)));
    group.moments = { m: zeros(), v: zeros(), decayMask };
  }
  return group.moments;
}
const disposeGroup = ({ flat, moments }: Group): void => {
  flat.dispose();
  if (moments) tf.dispose([moments.m, moments.v, moments.decayMask]);
};
/** The base's parameters, decayed ones first. */
function baseParameters(config: LlamaConfig, head: HeadKind): ParameterSet {
  const shapes: [string, number[]][] = [...parameterShapes(config), ...HEAD_PARAMETERS[head](config.hidden_size)];
  return new ParameterSet(
    shapes.map(([name, shape]) => ({ name, shape, decays: shape.length > 1 })),
    'The weights',
  );
}

/**
 * One AdamW update with the gradient g, clipped by its own norm. `gate`: where it is not finite, every change is multiplied by 0,
 * so that weights and moments keep their bytes.
 */
function updateGroup(group: Group, g: tf.Tensor1D, norm: tf.Scalar, o: AdamWOptions, gate?: tf.Scalar): void {
  const { size } = group.set;
  const own = momentsOf(group);
  const bc1 = 1 - o.adam_beta1 ** group.updates;
  const bc2 = 1 - o.adam_beta2 ** group.updates;
  const next = tf.tidy(() => {
    const clip = o.max_grad_norm > 0 ? tf.minimum(1, tf.div(o.max_grad_norm, tf.add(norm, 1e-6))) : tf.scalar(1);
    const clipped = tf.mul<tf.Tensor1D>(g, clip);
    const isGood = gate && tf.isFinite(gate);
    const safe = isGood
      ? tf.where(tf.broadcastTo(tf.reshape(isGood, [1]), [size]), clipped, tf.zerosLike(clipped))
      : clipped;
    const gated = <X extends tf.Tensor>(x: X): X => (isGood ? tf.mul<X>(tf.cast(isGood, 'float32'), x) : x);
    const m = tf.add<tf.Tensor1D>(own.m, gated(tf.mul(1 - o.adam_beta1, tf.sub(safe, own.m))));
    const v = tf.add<tf.Tensor1D>(own.v, gated(tf.mul(1 - o.adam_beta2, tf.sub(tf.mul(safe, safe), own.v))));
    const denominator = tf.add(tf.div(tf.sqrt(v), Math.sqrt(bc2)), o.adam_epsilon);
    const adam = tf.mul<tf.Tensor1D>(tf.div(m, denominator), o.learning_rate / bc1);
    const decay = tf.mul(tf.mul(group.flat, own.decayMask), o.learning_rate * o.weight_decay);
    const change = o.weight_decay === 0 ? adam : tf.add<tf.Tensor1D>(adam, decay);
    return { m, v, flat: tf.sub<tf.Tensor1D>(group.flat, gated(change)) };
  });
  tf.dispose([own.m, own.v, group.flat]);
  own.m = tf.keep(next.m);
  own.v = tf.keep(next.v);
  group.flat = tf.keep(next.flat);
}

/** Σ x² in two ordered stages: one long f32 sum would lose digits. */
function squareSum(x: tf.Tensor1D): tf.Scalar {
  const width = 1024;
  const padded = tf.pad1d(x, [0, (width - (x.size % width)) % width]);
  const square = tf.reshape(tf.mul(padded, padded), [-1, width]);
  return tf.sum(tf.sum(square, 1));
}

/**
 * Generalised JSD per row, nats (Agarwal et al. 2024, arXiv:2306.13649; TRL GKDTrainer.generalized_jsd_loss):
 * β = 0 → KL(T‖S), β = 1 → KL(S‖T), else β·KL(T‖M) + (1−β)·KL(S‖M), M = βT + (1−β)S. raw [M,V], teacher log-softmax [M,V].
 */
function divergence(raw: tf.Tensor2D, teacher: tf.Tensor2D, beta: number, temperature: number): tf.Tensor1D {
  const shifted = tf.sub(raw, tf.max(raw, 1, true));
  const scaled = tf.mul(shifted, 1 / temperature);
  const student = tf.sub(scaled, tf.log(tf.sum(tf.exp(scaled), 1, true)));
  const kl = (p: tf.Tensor, q: tf.Tensor) => tf.sum<tf.Tensor1D>(tf.mul(tf.exp(p), tf.sub(p, q)), 1);
  if (beta === 0) return kl(teacher, student);
  if (beta === 1) return kl(student, teacher);
  const mixture = tf.log(tf.add(tf.mul(beta, tf.exp(teacher)), tf.mul(1 - beta, tf.exp(student))));
  return tf.add(tf.mul(beta, kl(teacher, mixture)), tf.mul(1 - beta, kl(student, mixture)));
}

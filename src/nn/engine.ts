// The tfjs engine behind the seam (design §6): forward, the loss on the tape, then a hand-written backward with its
// cotangents; AdamW on one flat vector. Runs on WebGPU, WASM and CPU, and gives the same numbers to about 1e-5.
import * as tf from '@tensorflow/tfjs-core';
import { wasmSlice } from '../gpu/wasm';
import { ConfigError, ShapeError } from '../lib/errors';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig } from '../protocol/model';
import { checkBatch, HEAD_PARAMETERS, type HeadKind } from './engineChecks';
import { headBackward, headForward, headRows, scatterRows } from './head';
import {
  backward,
  batchTensors,
  disposeTransposed,
  forward,
  headName,
  matMulTN,
  type Transposed,
  transposeWeights,
  type Weights,
} from './llama';
import { parameterShapes } from './presets';
import type {
  AdamWOptions,
  DeviceScalar,
  LossFn,
  ModelEngine,
  NamedTensorMap,
  Outputs,
  StepOptions,
  StepRequest,
  StepResult,
  Want,
} from './seam';

interface Parameter {
  name: string;
  shape: number[];
  size: number;
  offset: number;
}

const DIFFERENTIABLE = ['logps', 'entropies', 'hidden', 'scores', 'divergences'] as const;
type Differentiable = (typeof DIFFERENTIABLE)[number];

export class TfEngine implements ModelEngine {
  readonly backend: 'webgpu' | 'wasm' | 'cpu';
  private readonly parameters: Parameter[] = [];
  private readonly size: number;
  private flat: tf.Tensor1D;
  private weights: Weights = {};
  private transposed: Transposed | undefined;
  private m: tf.Tensor1D;
  private v: tf.Tensor1D;
  private updates = 0;
  /** grad_norm of the last update, until it is read. */
  private unreadNorm?: tf.Scalar;
  private grads: Record<string, tf.Tensor> = {};
  /** 1 where AdamW decays; norms and biases come after those. */
  private readonly decayMask: tf.Tensor1D;

  /** Takes a copy of `weights`. Throws ShapeError for a tensor that is missing or has another shape. */
  constructor(
    readonly config: LlamaConfig,
    weights: NamedTensorMap,
    readonly head: HeadKind = 'lm',
  ) {
    this.backend = tf.getBackend() as TfEngine['backend'];
    const shapes: [string, number[]][] = [...parameterShapes(config), ...HEAD_PARAMETERS[head](config.hidden_size)];
    const decayed = shapes.filter(([, shape]) => shape.length > 1);
    const rest = shapes.filter(([, shape]) => shape.length === 1);
    let offset = 0;
    let decayEnd = 0;
    for (const [name, shape] of [...decayed, ...rest]) {
      const size = shape.reduce((a, b) => a * b, 1);
      this.parameters.push({ name, shape, size, offset });
      offset += size;
      if (shape.length > 1) decayEnd = offset;
    }
    this.size = offset;
    this.flat = tf.keep(tf.tensor1d(this.toFlat(weights)));
    this.m = tf.keep(tf.zeros([this.size]));
    this.v = tf.keep(tf.zeros([this.size]));
    const mask = new Float32Array(this.size).fill(1, 0, decayEnd);
    this.decayMask = tf.keep(tf.tensor1d(mask));
    this.refreshWeights();
  }

  private toFlat(weights: NamedTensorMap): Float32Array {
    const flat = new Float32Array(this.size);
    for (const { name, shape, size, offset } of this.parameters) {
      const given = weights[name];
      if (!given)
        throw new ShapeError(`The weights lack the tensor ${name} (${shape.join('×')}). Use a model of this shape.`, {
          where: name,
        });
      if (given.data.length !== size || given.shape.join() !== shape.join())
        throw new ShapeError(`Tensor ${name} must be ${shape.join('×')}, got ${given.shape.join('×')}.`, {
          where: name,
        });
      flat.set(given.data, offset);
    }
    return flat;
  }
  private fromFlat(flat: Float32Array, prefix = ''): NamedTensorMap {
    const out: NamedTensorMap = {};
    for (const { name, shape, size, offset } of this.parameters)
      out[prefix + name] = { shape: [...shape], data: flat.slice(offset, offset + size) };
    return out;
  }

  private refreshWeights(): void {
    tf.dispose(this.weights);
    if (this.transposed) disposeTransposed(this.transposed);
    this.transposed = undefined;
    this.weights = {};
    for (const { name, shape, size, offset } of this.parameters)
      this.weights[name] = tf.tidy(() => {
        const part = this.backend === 'wasm' ? wasmSlice(this.flat, offset, size) : tf.slice(this.flat, offset, size);
        return tf.reshape<tf.Rank>(part, shape) as tf.Tensor2D;
      });
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
    const scoreName = options.head === 'value' ? 'value' : 'score';
    if (options.head && options.head !== 'lm')
      outputs.scores = tf.tidy(() => {
        const s = tf.matMul(hidden, tf.transpose(this.weights[`${scoreName}.weight`] as tf.Tensor2D));
        const bias = this.weights[`${scoreName}.bias`];
        return tf.reshape(bias ? tf.add(s, bias) : s, [B, T, -1]) as tf.Tensor3D;
      });
    return { outputs, rows, f, teacherLogSoftmax };
  }

  /** Log-softmax of this model on another engine's head rows [M,V]. The caller disposes. */
  rowLogSoftmax(batch: Batch, rows: ReturnType<typeof headRows>, temperature: number): tf.Tensor2D {
    return tf.tidy(() => {
      const { hidden } = forward(this.weights, this.wtKept(), batchTensors(batch, this.config), this.config, false);
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
    checkBatch(batch, this.config, this.head, options);
    this.wtKept();
    return tf.tidy(() => {
      const { hidden } = forward(this.weights, this.wtKept(), batchTensors(batch, this.config), this.config, false);
      return this.outputs(batch, hidden, request.want, options).outputs as unknown as tf.TensorContainerObject;
    }) as unknown as Outputs;
  }

  async step(batch: Batch, loss: LossFn, { want, options = {}, scale }: StepRequest): Promise<StepResult> {
    checkBatch(batch, this.config, this.head, options);
    this.wtKept();
    let result: StepResult | undefined;
    const newGrads = tf.tidy(() => {
      const t = batchTensors(batch, this.config);
      const { hidden, saved } = forward(this.weights, this.wtKept(), t, this.config, true);
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
      return this.backwardAll(batch, t, { hidden, saved: saved!, rows, f, teacherLogSoftmax }, d, options);
    });
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
      const name = options.head === 'value' ? 'value' : 'score';
      const ds = tf.reshape(d.scores, [N, -1]) as tf.Tensor2D;
      dHiddens.push(tf.matMul(ds, this.weights[`${name}.weight`] as tf.Tensor2D));
      extra[`${name}.weight`] = matMulTN(ds, pass.hidden);
      if (this.weights[`${name}.bias`]) extra[`${name}.bias`] = tf.sum(ds, 0);
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
      });
      dHiddens.push(back.dHidden);
      extra[headName(this.config)] = back.dHead;
    }
    const dHidden = dHiddens.length ? (tf.addN(dHiddens) as tf.Tensor2D) : tf.zeros<tf.Rank.R2>([N, D]);
    const grads = backward(this.weights, t, this.config, pass.saved, dHidden);
    for (const [name, g] of Object.entries(extra)) grads[name] = grads[name] ? tf.add(grads[name]!, g) : g;
    return grads;
  }

  async applyGradients(o: AdamWOptions): Promise<{ gradNorm: tf.Scalar }> {
    const { g, gradNorm } = tf.tidy(() => {
      const parts = this.parameters.map(({ name, size }) => {
        const g = this.grads[name];
        return g ? tf.reshape(g, [size]) : tf.zeros([size]);
      });
      const g = tf.concat1d(parts as tf.Tensor1D[]);
      return { g, gradNorm: tf.sqrt(squareSum(g)) as tf.Scalar };
    });
    this.clearGradients();
    // Where reading is free a bad step ends here; on WebGPU it would be a second readback, so the GPU itself decides.
    const isGpu = this.backend === 'webgpu';
    if (!isGpu && !Number.isFinite((await gradNorm.data())[0])) {
      g.dispose();
      return { gradNorm };
    }
    this.updates++;
    this.unreadNorm = gradNorm;
    const bc1 = 1 - o.adam_beta1 ** this.updates;
    const bc2 = 1 - o.adam_beta2 ** this.updates;
    const next = tf.tidy(() => {
      const clip = o.max_grad_norm > 0 ? tf.minimum(1, tf.div(o.max_grad_norm, tf.add(gradNorm, 1e-6))) : tf.scalar(1);
      const clipped = tf.mul<tf.Tensor1D>(g, clip);
      const isGood = isGpu ? tf.isFinite(gradNorm) : undefined;
      const safe = isGood
        ? tf.where(tf.broadcastTo(tf.reshape(isGood, [1]), [this.size]), clipped, tf.zerosLike(clipped))
        : clipped;
      // A bad step multiplies every change by 0, so that weights and moments keep their bytes.
      const gate = <X extends tf.Tensor>(x: X): X => (isGood ? tf.mul<X>(tf.cast(isGood, 'float32'), x) : x);
      const m = tf.add<tf.Tensor1D>(this.m, gate(tf.mul(1 - o.adam_beta1, tf.sub(safe, this.m))));
      const v = tf.add<tf.Tensor1D>(this.v, gate(tf.mul(1 - o.adam_beta2, tf.sub(tf.mul(safe, safe), this.v))));
      const denominator = tf.add(tf.div(tf.sqrt(v), Math.sqrt(bc2)), o.adam_epsilon);
      const adam = tf.mul<tf.Tensor1D>(tf.div(m, denominator), o.learning_rate / bc1);
      const decay = tf.mul(tf.mul(this.flat, this.decayMask), o.learning_rate * o.weight_decay);
      const change = o.weight_decay === 0 ? adam : tf.add<tf.Tensor1D>(adam, decay);
      return { m, v, flat: tf.sub<tf.Tensor1D>(this.flat, gate(change)) };
    });
    tf.dispose([this.m, this.v, this.flat, g]);
    this.m = tf.keep(next.m);
    this.v = tf.keep(next.v);
    this.flat = tf.keep(next.flat);
    this.refreshWeights();
    return { gradNorm };
  }

  async read(given: Record<string, DeviceScalar>): Promise<Record<string, number>> {
    const scalars = given as Record<string, tf.Scalar>; // this engine makes no others
    const names = Object.keys(scalars);
    if (!names.length) return {};
    const stacked = tf.tidy(() => tf.stack(names.map((name) => tf.cast(tf.reshape(scalars[name]!, []), 'float32'))));
    const values = await stacked.data();
    // On WebGPU a step whose gradient was not finite is known only now: weights and moments kept their bytes, so it was none.
    const norm = names.findIndex((name) => scalars[name] === this.unreadNorm);
    if (norm >= 0 && this.unreadNorm) {
      if (!Number.isFinite(values[norm])) this.updates--;
      this.unreadNorm = undefined;
    }
    tf.dispose([stacked, scalars]);
    return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  }

  /** Drops gradients gathered so far, e.g. after a cancelled step. */
  clearGradients(): void {
    tf.dispose(this.grads);
    this.grads = {};
  }
  /** Gradients gathered so far under HF names; they stay. For inspection and tests. */
  async readGradients(): Promise<NamedTensorMap> {
    const out: NamedTensorMap = {};
    for (const [name, g] of Object.entries(this.grads))
      out[name] = { shape: g.shape, data: new Float32Array(await g.data()) };
    return out;
  }

  async exportWeights(): Promise<NamedTensorMap> {
    return this.fromFlat((await this.flat.data()) as Float32Array);
  }
  async exportOptimizer(): Promise<{ tensors: NamedTensorMap; step: number }> {
    const m = this.fromFlat((await this.m.data()) as Float32Array, 'adam.m.');
    const v = this.fromFlat((await this.v.data()) as Float32Array, 'adam.v.');
    return { tensors: { ...m, ...v }, step: this.updates };
  }
  async importWeights(weights: NamedTensorMap): Promise<void> {
    const flat = tf.keep(tf.tensor1d(this.toFlat(weights)));
    this.flat.dispose();
    this.flat = flat;
    this.refreshWeights();
  }
  async importOptimizer(state: { tensors: NamedTensorMap; step: number }): Promise<void> {
    const strip = (prefix: string) =>
      Object.fromEntries(
        Object.entries(state.tensors)
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, x]) => [name.slice(prefix.length), x]),
      );
    const m = this.toFlat(strip('adam.m.'));
    const v = this.toFlat(strip('adam.v.'));
    tf.dispose([this.m, this.v]);
    this.m = tf.keep(tf.tensor1d(m));
    this.v = tf.keep(tf.tensor1d(v));
    this.updates = state.step;
  }

  /** For generation: weights and their transposes; do not dispose. */
  tensors(): { weights: Weights; transposed: Transposed } {
    return { weights: this.weights, transposed: this.wtKept() };
  }

  dispose(): void {
    tf.dispose([this.flat, this.m, this.v, this.decayMask, this.weights, this.grads]);
    if (this.transposed) disposeTransposed(this.transposed);
    this.transposed = undefined;
  }
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

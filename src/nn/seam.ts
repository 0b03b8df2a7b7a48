// The seam of design §6: every method passes through these types. The tfjs engine implements them first; a recorded
// WebGPU engine slips in underneath later.
import type * as tf from '@tensorflow/tfjs-core';
import type { GpuScalar } from '../gpu/runner';
import type { Batch } from '../protocol/batch';
import type { LlamaConfig, LoraConfig, SamplingOptions } from '../protocol/model';
import type { LoraPass } from './loraOps';

export type { Batch } from '../protocol/batch';

export type Want = 'logps' | 'entropies' | 'hidden' | 'argmax' | 'topk' | 'ranks' | 'meanLogits' | 'divergences';
export type Head = 'lm' | 'score' | 'value' | 'token_cls';

export interface StepOptions {
  /** Divides logits before log-softmax; 1 by default. */
  temperature?: number;
  head?: Head;
  /**
   * Keep only the input of each layer and run it again backwards. The numbers are the same; tfjs, which keeps what it likes,
   * takes no notice.
   */
  gradient_checkpointing?: boolean;
  /** How many alternatives `topk` returns; 5 by default. */
  topk?: number;
  /** Per-token generalised JSD against a teacher engine (GKD convention of trl-facts §10). */
  distill?: { teacher: Engine; beta: number; temperature: number; topk?: number };
}

/** Head outputs on the device. Each [B,T] unless noted. Only what was wanted is present. */
export interface Outputs {
  /** log p(targets) in nats; 0 where segmentIds is 0. Differentiable. */
  logps?: tf.Tensor2D;
  /** −Σ p log p over the vocabulary, nats. Differentiable. */
  entropies?: tf.Tensor2D;
  /** Final-norm hidden states [B,T,D]; for heads score/value/token_cls: `scores` too. Differentiable. */
  hidden?: tf.Tensor3D;
  /** Head output [B,T,C] for score (C=1), value (C=1), token_cls (C=2). Differentiable. */
  scores?: tf.Tensor3D;
  /** Most likely id. */
  argmax?: tf.Tensor2D;
  /** How many ids are likelier than the target; 0 = the model's first choice. */
  ranks?: tf.Tensor2D;
  /** [B,T,k] logps and ids of the k likeliest tokens, best first. */
  topk?: { logps: tf.Tensor3D; ids: tf.Tensor3D };
  /** Mean raw logit over the vocabulary. */
  meanLogits?: tf.Tensor2D;
  /** Per-token divergence from the teacher. Differentiable. */
  divergences?: tf.Tensor2D;
  /** The batch's mask and targets [B,T] on the device. */
  mask: tf.Tensor2D;
  targets: tf.Tensor2D;
}

/**
 * Losses return sums and their counts, never means: loop.ts knows the denominator of the whole step. `sums.loss` is
 * differentiated; further sums ('nll', …) are added with their own scale. Metrics are device scalars, read once a step.
 */
/**
 * A loss that engines may compute by kernels of their own, as Σ mask · (−logp), or −sg(p)·logp under dft, with the metrics
 * mean_token_accuracy and entropy as means over `count`. What the function gives must be the same.
 */
export interface FusedLoss {
  kind: 'cross_entropy';
  dft: boolean;
  count: number;
  /** One loss for the rows of each route, with a scale of its own: its sum is called `loss/<name>`, its metrics likewise. */
  parts?: readonly { name: string; route: number; count: number }[];
}
export interface LossOutput {
  sums: Record<string, tf.Scalar>;
  counts: Record<string, number>;
  metrics: Record<string, tf.Scalar>;
}
/** Synchronous, plain tf ops. */
export type LossFn = ((outputs: Outputs) => LossOutput) & { fused?: FusedLoss };

/** A number that is still on the device: tfjs', or a place in a buffer of the engine. */
export type DeviceScalar = tf.Scalar | GpuScalar;

export interface StepRequest {
  want: Want[];
  options?: StepOptions;
  /** Multiplies each of LossOutput.sums before differentiation: 1 / (denominator of the whole optimizer step). */
  scale: Record<string, number>;
}
/** Scalars are kept on the device until `Engine.read`; counts are known at once. */
export interface StepResult {
  sums: Record<string, DeviceScalar>;
  counts: Record<string, number>;
  metrics: Record<string, DeviceScalar>;
}

export interface AdamWOptions {
  learning_rate: number;
  weight_decay: number;
  adam_beta1: number;
  adam_beta2: number;
  adam_epsilon: number;
  /** 0 = no clipping. */
  max_grad_norm: number;
}

export interface NamedTensorMap {
  [name: string]: { shape: number[]; data: Float32Array };
}

/** Moments as `adam.m.<name>`, `adam.v.<name>`, and how often they were updated. */
export interface OptimizerState {
  tensors: NamedTensorMap;
  /** Updates of the run. */
  step: number;
  /** Of several adapters, the updates that each has had: those in which it had a row. Absent: each as many as the run. */
  steps?: Record<string, number>;
}

/** An adapter of a model. With adapters the base is frozen. */
export interface LoraAdapter {
  name: string;
  config: LoraConfig;
  /** Of its first A, and of dropout; 0 by default. */
  seed?: number;
}
/** What a row goes through: one adapter, or several whose weighted updates add. */
export type LoraRoute = readonly { slot: number; weight: number }[];

export interface Engine {
  readonly backend: 'webgpu' | 'wasm' | 'cpu';
  /**
   * rowAdapter of rows that say nothing, as PEFT's set_adapter: 0 where there are adapters, else −1. −1 is disable_adapter.
   */
  activeRoute: number;
  /** Forward, loss, backward; gradients add to the accumulator until `applyGradients`. */
  step(batch: Batch, loss: LossFn, request: StepRequest): Promise<StepResult>;
  /** No gradient. Outputs belong to the caller, who disposes them. */
  evaluate(batch: Batch, request: { want: Want[]; options?: StepOptions }): Promise<Outputs>;
  /**
   * Clips by global norm, one AdamW update (decoupled decay; norm weights and biases excluded), clears the accumulator.
   * Each adapter has a norm and a step count of its own, and one without a row since the last update is left untouched: it comes
   * out as if it had been trained alone.
   * Returns the norm BEFORE clipping as a device scalar, over all that is trained; `gradNorms`: where several adapters are trained,
   * of each that had a row. Where a norm or a loss is NaN or infinite, all weights and moments stay untouched and `gradNorm` is not finite.
   */
  applyGradients(options: AdamWOptions): Promise<{ gradNorm: DeviceScalar; gradNorms?: Record<string, DeviceScalar> }>;
  /**
   * What applyGradients would tell of the gradients gathered so far, as a device scalar: the norm before clipping, not finite where a
   * gradient or a loss behind them is not. Nothing changes, so that two models can be updated both or neither.
   */
  gradientNorm(): Promise<DeviceScalar>;
  /** Drops gradients gathered so far, e.g. after a cancelled step. */
  clearGradients(): void;
  /** One readback for many scalars, also of another model, where `canRead` says so; disposes them. */
  read(scalars: Record<string, DeviceScalar>): Promise<Record<string, number>>;
  canRead(scalar: DeviceScalar): boolean;
  /** Disposes scalars unread. Of an update only where its norm is known to be finite: else `read` says that it was none. */
  drop(scalars: Record<string, DeviceScalar>): void;
  /** Weights of the base under HF names. */
  exportWeights(): Promise<NamedTensorMap>;
  /** What is trained: the weights, or the tensors of the adapters as `<adapter>/<PEFT's name>`. */
  exportTrained(): Promise<NamedTensorMap>;
  importTrained(tensors: NamedTensorMap): Promise<void>;
  exportOptimizer(): Promise<OptimizerState>;
  importWeights(weights: NamedTensorMap): Promise<void>;
  importOptimizer(state: OptimizerState): Promise<void>;
  dispose(): void;
}

/** The weights as tensors, with transposed copies, for code in plain tf ops. They belong to the engine. */
export interface ModelTensors {
  weights: Record<string, tf.Tensor2D | tf.Tensor1D>;
  transposed: {
    layers: Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', tf.Tensor2D>[];
    head: tf.Tensor2D;
  };
  /** How many routes rows can take, beside the base; and their way through the adapters, where there are any. */
  routes: number;
  adapters?: (rows: ArrayLike<number>, tokensPerRow: number) => LoraPass;
}
export interface GenerateRequest {
  prompts: ArrayLike<number>[];
  sampling: SamplingOptions;
  /** Any of these ends a row; it is the completion's last id. */
  stopIds: readonly number[];
  signal?: AbortSignal;
  /** Called for each new token of each row. */
  onToken?: (index: number, id: number) => void;
  /** Route of each prompt (Batch.rowAdapter), the engine's active one by default; −1: the base alone. */
  rowAdapter?: ArrayLike<number>;
  /** Awaited between tokens, so that other work gets its turn. */
  yieldToOthers?: () => Promise<void>;
  /**
   * Ids that may come next, as a bit set of ⌈V/32⌉ words (sampling.ts, allowedSet), from what the row has so far; undefined = all.
   * Asked before each token of each row, so it costs a readback a token.
   */
  allowed?: (index: number, ids: readonly number[]) => Uint32Array | undefined;
  /** Rows decoded together, DECODED_TOGETHER unless given; more are done in turns. */
  maxBatch?: number;
}
export interface GeneratedRow {
  ids: number[];
  /** Of each id: under the full softmax at temperature 1, nats. */
  logps: number[];
  /** In the distribution it was drawn from: after temperature, mask and filters; 0 when greedy. */
  samplingLogps: number[];
  /** Of the full softmax at temperature 1 in its place, nats. */
  entropies: number[];
  /** Ended by a stop id. */
  terminated: boolean;
}

/** An engine with the model it holds: what generation and inspection need beside the seam. */
export interface ModelEngine extends Engine {
  readonly config: LlamaConfig;
  /** Beside the decoder. */
  readonly head: Head;
  readonly adapters: readonly LoraAdapter[];
  /**
   * Puts other adapters beside the base, which stays where it is (hot swap). `tensors` as exportTrained gives them; without
   * them adapters start as PEFT's do. `routes`: what rowAdapter i means; adapter i alone by default. Gradients and moments are
   * dropped. With no adapters all weights are trained again. Throws ConfigError or ShapeError for adapters that do not fit, and
   * then changes nothing.
   */
  setAdapters(
    adapters: readonly LoraAdapter[],
    options?: { tensors?: NamedTensorMap; routes?: readonly LoraRoute[] },
  ): Promise<void>;
  /** Which engine and which forms of its kernels run, for the record of a run. */
  readonly variants: Record<string, string>;
  tensors(): ModelTensors;
  /** Completions by kernels of the engine's own; nn/generate.ts has the general way, and checks the request. */
  generate?(request: GenerateRequest): Promise<GeneratedRow[]>;
  /** Gradients gathered so far under HF names; they stay. For inspection and tests. */
  readGradients(): Promise<NamedTensorMap>;
}

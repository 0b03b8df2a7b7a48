// What the Engine panel shows: a training step taken apart, and beside other engines. Measured on the person's own device.
import { fieldProblem } from '../lib/fields';

/** A step to be measured: random weights, every token supervised. */
export interface StepShape {
  /** nano, micro or mini. */
  preset: string;
  B: number;
  T: number;
  vocab_size: number;
  /** Rank of LoRA on all linear layers; 0 trains all weights. */
  r: number;
}
export type SizeKey = 'B' | 'T' | 'vocab_size' | 'r';
/** Highest rank by preset: half the model's width. */
const MOST_R: Record<string, number> = { nano: 32, micro: 64, mini: 128 };
export const SIZE_NAMES: Record<SizeKey, string> = {
  B: 'rows (B)',
  T: 'tokens a row (T)',
  vocab_size: 'vocabulary (V)',
  r: 'LoRA rank (r)',
};
export const SIZE_KEYS = Object.keys(SIZE_NAMES) as SizeKey[];
/** Least and most of each size, for a preset. */
export const sizeLimits = (preset: string): Record<SizeKey, [least: number, most: number]> => ({
  B: [1, 256],
  T: [2, 4096],
  vocab_size: [16, 65_536],
  r: [0, MOST_R[preset] ?? 0],
});
/** Complaints about sizes, by key; only those that have one. What is no number may be the text that was typed. */
export function sizeProblems(
  preset: string,
  sizes: { readonly [key in SizeKey]: number | string },
): Partial<Record<SizeKey, string>> {
  const limits = sizeLimits(preset);
  const out: Partial<Record<SizeKey, string>> = {};
  for (const key of SIZE_KEYS) {
    const [min, max] = limits[key];
    const field = { type: 'number', integer: true, default: min, min, max, help: '' } as const;
    const problem = fieldProblem(SIZE_NAMES[key], field, sizes[key]);
    if (problem) out[key] = problem;
  }
  return out;
}
/** What a step takes of the GPU's memory, bytes: known before anything is allocated. */
export interface StepMemoryPlan {
  /** Weights, gradients and moments. */
  weights: number;
  activations: number;
  /** The largest single tensor, and what the GPU binds at once. */
  largest: number;
  largestBuffer?: number;
  /** What the adapter is trusted with. */
  budget: number;
  /** Why it is not measured, and what would fit. */
  refusal?: string;
}

export interface KernelCost {
  name: string;
  /** Sizes of a product, m × n × k. */
  sizes?: string;
  /** Dispatches of it in a step. */
  calls: number;
  /** Of all its calls; the median of several timings. */
  ms: number;
  flops: number;
}
export interface StepProfile {
  shape: StepShape;
  adapter: string;
  parameters: number;
  /** Compiling included. */
  firstStepMs: number;
  /** The median of several, from the batch to the numbers read. */
  stepMs: number;
  /** JavaScript until everything was sent; the median. */
  jsMs: number;
  dispatches: number;
  submits: number;
  readbacks: number;
  writtenBytes: number;
  /** Activations and gradients on the way. */
  plannedBytes: number;
  /** Weights, their gradients and moments. */
  weightBytes: number;
  /** Most expensive first; absent when only the step was asked for. */
  kernels?: KernelCost[];
  timing?: 'timestamps' | 'clock';
  /** Multiply-adds in registers alone, GFLOPS; the median of several, timed in turn with the kernels. */
  peakGflops?: number;
  /** A run trained meanwhile. */
  duringRun?: boolean;
}

export interface BenchmarkRow {
  name: string;
  /** A step in each round, without the first. */
  ms: number[];
  /** Why it could not run here. */
  failure?: string;
}
export interface BenchmarkReport {
  adapter: string;
  shape: StepShape;
  rows: BenchmarkRow[];
  /** A run trained meanwhile. */
  duringRun?: boolean;
}

/** Which form of a kind of kernel was fastest on an adapter. */
export type TunedForm = {
  /** Of the kernels timed: chosen, and what an untuned adapter gets. */
  ms: number;
  defaultMs: number;
} & (
  | {
      /** A layout of the matrix product. */
      what: 'NT' | 'NN' | 'TN';
      form:
        | { kind: 'tiled'; bm: number; bn: number; bk: number; tm: number; tn: number }
        | { kind: 'direct'; tm: number; tn: number; wx: number; wy: number };
    }
  | { what: 'row'; form: 'rowPerThread' | 'rowPerWorkgroup' }
  | { what: 'attention'; form: 'rowsPerThread' | 'tiled' }
);
/** For one version of the kernels. */
export interface TunedForms {
  version: string;
  forms: TunedForm[];
}
/** What is remembered for an adapter. */
export interface Calibration extends TunedForms {
  /** Milliseconds since the epoch. */
  measuredAt: number;
}

/** The same work on WebGPU and on WebAssembly, where WebGPU is a software adapter. */
export interface WasmComparison {
  /** A matrix product m × n × k, or a whole training step. */
  work: { kind: 'product'; sizes: [m: number, n: number, k: number] } | { kind: 'step'; shape: StepShape };
  gpuMs: number;
  wasmMs: number;
  /** Milliseconds since the epoch. */
  measuredAt: number;
}

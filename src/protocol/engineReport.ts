// What the Engine panel shows: a training step taken apart, and beside other engines. Measured on the person's own device.

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
export interface KernelCost {
  name: string;
  /** Sizes of a product, m × n × k. */
  sizes?: string;
  /** Dispatches of it in a step. */
  calls: number;
  /** Of all its calls. */
  ms: number;
  flops: number;
}
export interface StepProfile {
  shape: StepShape;
  adapter: string;
  parameters: number;
  /** Compiling included. */
  firstStepMs: number;
  /** The fastest of a few, from the batch to the numbers read. */
  stepMs: number;
  /** JavaScript until everything was sent. */
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
  /** Multiply-adds in registers alone, GFLOPS. */
  peakGflops?: number;
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

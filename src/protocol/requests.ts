// Requests of the two workers: each is paired with its reply and, where it has one, its progress message.
import type {
  AnnotationAction,
  AnnotationHead,
  AnnotationReport,
  AnnotationRowsOptions,
  AnnotationSession,
  AnnotationSource,
  Crowd,
  Reveal,
  SampledPair,
  ShownPair,
} from './annotations';
import type {
  DatasetRow,
  EncodedRow,
  Finding,
  FindingKind,
  Json,
  LintFinding,
  MaskMode,
  MaskOptions,
  Message,
  ToolSchema,
  TruncationMode,
} from './chat';
import type { Compared } from './comparison';
import type {
  DatasetFacets,
  DatasetOperation,
  DerivingOperation,
  ImportPreview,
  OperationReport,
  RowQuery,
  WorkProgress,
} from './datasets';
import type { DrawnGroup } from './drawnGroup';
import type {
  BenchmarkReport,
  Calibration,
  StepMemoryPlan,
  StepProfile,
  StepShape,
  WasmComparison,
} from './engineReport';
import type { KlLabResult } from './klLab';
import type { BackendInfo, BackendName, LlamaConfig, LoraConfig, SamplingOptions } from './model';
import type { Recipe } from './recipe';
import type { KeptRewardReport, RewardReport } from './rewardReport';
import type { RowMapping } from './rowForms';
import type { RunRecord } from './run';
import type {
  AdapterVersion,
  AuditEntry,
  AuditVerdict,
  Measured,
  RegistryEntry,
  RequestMetadata,
  RoutingDecision,
  RoutingRule,
  RuleEdit,
  ServingReport,
  SliceCheck,
} from './serving';
import type { JudgedPair } from './staleness';

/**
 * Where weights come from: `builtin:nano` | `builtin:micro`; `run:<id>` (the live model while it trains, else its last
 * checkpoint); `run:<id>@<step>` (a checkpoint); `sha256:…` (an artifact: a model, or an adapter with its base). `#<adapter>`
 * behind a run's ref chooses among several adapters, `#base` none of them.
 */
export type ModelRef = string;

export interface ModelInfo {
  ref: ModelRef;
  /** Shown in the header: `micro-base`. */
  name: string;
  artifactId: string;
  config: LlamaConfig;
  /** `score`: a reward model, which gives a text a number and writes none. A language model's unless given. */
  head?: 'score';
  parameterCount: number;
  /** Bytes of f32 weights. */
  sizeBytes: number;
  /** Beside the base, where there are any. */
  adapters?: { name: string; config: LoraConfig; parameterCount: number }[];
  /** pretraining report, when the model has one */
  report?: { [key: string]: Json };
}

/** What a reward model gives a text. */
export interface ScoredText {
  /** Of the whole: the score at its last token that is not padding (rewardPosition). */
  reward: number;
  /** Of the whole row, and of its prompt. */
  tokens: number;
  promptTokens: number;
  /** Asked for by `perPrefix`. */
  prefixes?: PrefixRewards;
}
/** Rewards of every beginning of an answer. */
export interface PrefixRewards {
  /** Score of the prompt alone; absent where there is none. */
  prompt?: number;
  /** Tokens of the answer: ids, text, and the score of all up to and with each. */
  ids: Int32Array;
  texts: string[];
  rewards: Float32Array;
  /** Which of these tokens the reward of the whole is read at; below 0 in the prompt. */
  at: number;
}

/** One prompt for the model: ids are what it reads, text is what a person checks. */
export interface EncodedPrompt {
  text: string;
  ids: Int32Array;
  spanStart: Int32Array;
  spanEnd: Int32Array;
}

export interface Completion {
  ids: number[];
  text: string;
  /** Ended by an end-of-turn token. */
  terminated: boolean;
  /** logp of each sampled token under the full softmax at temperature 1, nats. */
  logps: number[];
}

/** Per-token reading of a row under a model; arrays have length T, entry 0 is NaN (nothing predicts token 0). */
export interface Inspection {
  logps: Float32Array;
  entropies: Float32Array;
  /** 0 = the model's first choice. */
  ranks: Int32Array;
  /** [T·k] alternatives for token t, best first. */
  topkIds: Int32Array;
  topkLogps: Float32Array;
  k: number;
  /** Text of each alternative [T·k]. */
  topkTexts: string[];
}

/** A row to be read: only tokens with a mask of 1 are. */
export interface RowToRead {
  ids: Int32Array;
  mask: Uint8Array;
}
/** Nats, [T]; NaN where nothing was asked for, and at the first token, which nothing predicts. */
export interface RowReading {
  logps: Float32Array;
  entropies: Float32Array;
}

/** Norms of each token's vectors on the way through a model; each list by layer, each entry [T]. */
export interface LayerNorms {
  tokens: number;
  /** As transformers counts them: 0 is the embedding, i the output of layer i; the last before its norm. */
  hidden_states: Float32Array[];
  /** Queries, keys and values together; the sum over heads before o_proj; gate and up before SwiGLU. */
  qkv: Float32Array[];
  attention: Float32Array[];
  gate_up: Float32Array[];
}

/** One measured metric: value with a 95 % interval and the rows that it counted. */
export interface MetricResult {
  id: string;
  value: number;
  low: number;
  high: number;
  n: number;
  unit: string;
  direction: 'higher' | 'lower' | 'neutral';
  /** What it counts, in a sentence; absent in results of older versions. */
  meaning?: string;
}

/** One graded held-out case, for the table behind the numbers. */
export interface GradedCase {
  caseId: string;
  /** Which of several adapters answered. */
  adapter?: string;
  kind: string;
  prompt: string;
  expected: string;
  output: string;
  verdicts: Record<string, boolean | number | null>;
}

/** One comparison of the conformance page. */
export interface ConformanceResult {
  id: string;
  title: string;
  source: string;
  toleranceKind: 'relative' | 'absolute';
  tolerance: number;
  /** How many numbers were compared. */
  numbers: number;
  /** Index of the first number in `expected` and `found`: a window with the worst one in it. */
  shownFrom: number;
  expected: number[];
  found: number[];
  /** Infinity for NaN, another length, or a vector that could not run. */
  error: number;
  passes: boolean;
  /** Why it could not run. */
  message?: string;
}

/** A model beside the one that is trained, as memory is planned for it. */
export interface PlannedModel {
  what: 'reference' | 'reward model';
  name: string;
  /** Of its weights. */
  bytes: number;
  /** Nothing is known of it here: counted as large as the model that is trained. */
  isAssumed?: boolean;
}
/** What a run takes of the device's memory, by the engine's plan (GPU) or by its count (WebAssembly). */
export interface MemoryPlan {
  /** Rows and tokens of the largest micro step. */
  B: number;
  T: number;
  /** Bytes: weights, gradients and moments, those of models beside it too; activations and gradients on the way. */
  weights: number;
  activations: number;
  /** Models that are only read. */
  beside?: PlannedModel[];
  /** The largest single tensor, bytes, and what the GPU binds at once; none on WASM. */
  largest?: number;
  largestBuffer?: number;
  /** What the adapter is trusted with. */
  budget: number;
  isOver: boolean;
  /** The GPU's memory unless given. */
  place?: 'wasm';
  /** What takes most and has B × T tokens, where it is no step: `a held-out batch`. */
  peak?: string;
  /** Why it is over, with settings that fit: what starting the run would answer. */
  refusal?: string;
}

/** What an adapter costs before it is trained; bytes of f32 but for the base. */
export interface LoraPlan {
  modules: {
    path: string;
    /** q_proj. */
    name: string;
    layer: number;
    in: number;
    out: number;
    r: number;
    lora_alpha: number;
    scaling: number;
    /** Trained by the adapter, and in the weight itself. */
    parameters: number;
    full: number;
  }[];
  trainable: number;
  /** Of the base. */
  total: number;
  adapter_bytes: number;
  /** Gradient and moments. */
  optimizer_bytes: number;
  full_optimizer_bytes: number;
  base_bytes: { f32: number; f16: number; nf4: number; nf4_double_quant: number };
  /** Of it in four bits: what stays f32 there, embeddings and norms. */
  unquantized_bytes: number;
  /** The highest rank that each module takes: of the smallest matrix among them. */
  max_rank: number;
  /** On keys of rank_pattern and alpha_pattern that mean no module; each begins with the table's name. */
  warnings: string[];
}
/** What an adapter has learnt in one module (nn/adapterPicture.ts). */
export interface ModulePicture {
  path: string;
  layer: number;
  out: number;
  in: number;
  r: number;
  scaling: number;
  weight_norm: number;
  update_norm: number;
  /** Largest first. */
  singular_values: number[];
  effective_rank: number;
  nf4_error: number;
  merge_error: number;
  /** null: there is no update. */
  survival: number | null;
}

/** What four bits cost one tensor (nn/quantizedBase.ts). */
export interface QuantizationErrorOf {
  name: string;
  shape: number[];
  rms: number;
  relativeFrobenius: number;
  max: number;
}

/** The adapters of tenants over one base, as the registry has them. */
export interface TenancyView {
  base: { ref: ModelRef; name: string; artifactId: string; sizeBytes: number };
  entries: RegistryEntry[];
  /** Of each version, by artifact id. */
  bytes: Record<string, number>;
  rules: RoutingRule[];
  /** They are those that the studio comes with. */
  hasDefaultRules: boolean;
  /** Entries of the routing log, and the hash of the last. */
  log: { count: number; hash: string };
  /** The request that `serveRequest` answers where none is given. */
  chapterMessages: Message[];
}
/** An adapter beside its base against the same merged into it, on one row of `tokens`. */
export interface MergeDifference {
  tokens: number;
  /** Largest difference of a logit, and the largest logit. */
  largest: number;
  scale: number;
  /** Tokens after which both go on with the same id. */
  sameChoices: number;
}
/** An update merged into the base and taken out again: what came back beside what had been there. */
export interface UnmergeDifference {
  version: number;
  /** Over the weights of the adapter's modules: how many, how many are another number now, largest |difference|, largest weight. */
  f32: WeightDifference;
  /** The same where the base is held in four bits, before and after. */
  nf4: WeightDifference;
  logits: MergeDifference;
}
export interface WeightDifference {
  weights: number;
  changed: number;
  largest: number;
  scale: number;
}
/** An adapter of the registry with its weight in a sum. */
export interface MixPart {
  id: number;
  weight: number;
}
/** One prompt under several weighted sums of the same adapters. */
export interface MixedAnswers {
  /** In the order of the weights. */
  adapters: { id: number; version: number }[];
  /** Tenants whose policies the answers were held against. */
  checked: string[];
  answers: {
    weights: number[];
    text: string;
    terminated: boolean;
    /** Of `checked`, those whose policy decides as the answer does. */
    decidesAs: string[];
    /** By the schema; absent for a request of one's own. */
    isValid?: boolean;
  }[];
}

/** PEFT's files as read beside the registry's base, before they are registered. */
export interface AdapterReading {
  /** Of its folder or zip. */
  name: string;
  /** That it will have. */
  artifactId: string;
  config: LoraConfig;
  /** Linear layers that it sits on, and its trained parameters. */
  modules: number;
  parameterCount: number;
  /** Of its weights file. */
  sizeBytes: number;
  base: {
    /** What the base was recognised by. */
    by: 'hash' | 'name' | 'shapes';
    /** base_model_name_or_path. */
    said?: string;
    /** Nothing but the shapes speaks for this base: the person has to. */
    needsConfirmation: boolean;
    text: string;
  };
  /** A sentence each; none forbids the import. */
  warnings: string[];
}
/** A file as the person gave it; `path` from its folder on. */
export interface GivenBytes {
  path: string;
  bytes: ArrayBuffer;
}
/** A request that went through the router; refused ones have no answer. */
export interface ServedAnswer {
  decision: RoutingDecision;
  adapterId?: number;
  version?: number;
  text?: string;
  terminated?: boolean;
  /** The right answer of the tenant who asked, where the world knows it. */
  expected?: string;
  verdicts?: GradedCase['verdicts'];
  check?: SliceCheck;
}
/** Adapter × tenant slice; cells [adapter][tenant]. */
export interface TenantMatrixView {
  metric: string;
  adapters: { adapterId: number; tenant: string }[];
  tenants: string[];
  cells: { value: number; low: number; high: number; n: number }[][];
  diagonalMin: number;
  offDiagonalMax: number;
}
/** What was measured of the adapters that serve now; figures of others are dropped. */
export interface KeptMeasures {
  /** One for each metric; `seed`: of the cases. */
  matrices: Measured<TenantMatrixView & { seed: number }>[];
  replay?: Measured<ServingReport[]>;
}
export type ServingSettings = { max_new_tokens: number } & (
  | { mode: 'load_on_request' }
  | { mode: 'hot_lru'; budgetBytes: number }
  | { mode: 'batched'; maxBatch: number; budgetBytes?: number }
  | { mode: 'merged' }
);
/** Of the routing log; text is looked for anywhere in an entry. */
export interface AuditSearch {
  tenant?: string;
  adapterId?: number;
  decision?: AuditEntry['decision'];
  /** Beginning of a replay's id. */
  replay?: string;
  /** Whether entries of replays are found as well. Default true. */
  withReplays?: boolean;
  from?: number;
  to?: number;
  text?: string;
}

/** How far a model's import is. */
export interface ModelImportProgress {
  /** `reading`: hashed, so that its name is known; `copying`: into this browser's store. */
  phase: 'reading' | 'copying';
  doneBytes: number;
  totalBytes: number;
}
/** An import that was cut off: given the same files, it goes on where it stopped. */
export interface PendingImport {
  /** Artifact id that the model will have. */
  id: string;
  name: string;
  startedAt: number;
  totalBytes: number;
  /** It runs in another tab: it can neither go on nor be discarded here. */
  isElsewhere?: boolean;
}
/** A model among this browser's artifacts: imported, or left by a run that trained all weights. */
export interface StoredModel {
  id: string;
  name: string;
  sizeBytes: number;
  createdAt: number;
  /** As ModelInfo's: a reward model. */
  head?: 'score';
  /** From another place than this studio, with a tokenizer of its own. */
  isImported: boolean;
  /** Artifact id of the tokenizer that it reads with; the studio's own unless given. */
  tokenizer?: string;
  /** Ref or artifact id of the template that it was trained with, or its base was; absent where nothing of it was trained here. */
  template?: string;
  /** Of an adapter: the model beside which it lies, also where that is not in this browser any more. */
  adapterOf?: { ref: ModelRef; name: string; isGone?: true };
}
/** A file as it was dropped or picked: read in pieces, never sent whole. */
export interface GivenBlob {
  /** From the folder on that it came in. */
  path: string;
  blob: Blob;
}
/** What one way of using a model takes of the device's memory. */
export interface ModelUse {
  use: 'chat' | 'lora' | 'qlora' | 'full';
  weights: number;
  activations: number;
  /** What the device is trusted with; none where nothing bounds it. */
  budget?: number;
  /** Why it does not run here, with what to do. */
  refusal?: string;
}
export interface ModelCard {
  info: ModelInfo;
  /** Bytes of the files' weights by type. */
  dtypes: Record<string, number>;
  files: { path: string; sizeBytes: number }[];
  parents: Record<string, string>;
  /** The model that it was trained from, or lies beside; absent where it is not here. */
  base?: { ref: ModelRef; name: string };
  /** `sharedWith`: names of other models that read with it. */
  tokenizer: {
    id: string;
    name: string;
    vocabSize: number;
    hasTemplate: boolean;
    notes: string[];
    sharedWith: string[];
  };
  /** Rows and tokens that training was planned for. */
  shape: { B: number; T: number };
  uses: ModelUse[];
  /** What was changed or noticed as it came in, in sentences. */
  notes: string[];
  createdAt?: number;
}
export type StoredKind =
  | 'model'
  | 'adapter'
  | 'tokenizer'
  | 'template'
  | 'dataset'
  | 'run'
  | 'log'
  | 'import'
  | 'other';
/** Something that takes room in this browser. */
export interface StoredItem {
  kind: StoredKind;
  /** Artifact id, run id or path. */
  id: string;
  name: string;
  sizeBytes: number;
  /** Of a run: what its checkpoints take. */
  checkpointBytes?: number;
  createdAt?: number;
  /** Names of what is built on it and would not open, or not be trained, any more. */
  usedBy: string[];
  /** The same as a sentence: what is lost with it. */
  consequence?: string;
  /** Why it cannot be deleted now. */
  held?: string;
}
export interface StorageReport {
  usageBytes: number;
  quotaBytes: number;
  /** What the browser's usage is made of, where it tells (`fileSystem`, `indexedDB`, `caches`, …). */
  usageByKind?: Record<string, number>;
  /** Whether anything outlives the page. */
  isKept: boolean;
  items: StoredItem[];
}

export interface ComputeRequests {
  init: { params: { backend: BackendName | 'auto' }; reply: BackendInfo; progress: never };
  loadModel: { params: { ref: ModelRef }; reply: ModelInfo; progress: { loadedBytes: number; totalBytes: number } };
  /** Streams text as it is decoded; resolves with all completions. `priority` requests run between training steps. */
  generate: {
    params: { ref: ModelRef; prompts: Int32Array[]; sampling: SamplingOptions; stopIds: number[] };
    reply: { completions: Completion[] };
    progress: { index: number; text: string };
  };
  /**
   * Two different answers of a model for each prompt of builtin:pref, dev, from place `from` on, one pair at a time. `same`: prompts
   * that were passed over because all draws were equal; `next`: where to go on. Throws ConfigError for a temperature of 0.
   */
  samplePairs: {
    params: {
      ref: ModelRef;
      from: number;
      pairs: number;
      seed: number;
      temperature: number;
      max_new_tokens: number;
    };
    reply: { next: number; found: number; same: number };
    progress: SampledPair;
  };
  /**
   * Rewards of texts under a reward model: rows of messages, of prompt and completion, or of text. `template`: as the model was
   * trained with unless given.
   */
  scoreTexts: {
    params: { ref: ModelRef; rows: DatasetRow[]; perPrefix?: boolean; template?: string };
    reply: { rows: ScoredText[] };
    progress: { done: number; total: number };
  };
  /**
   * A reward model on held-out pairs of a built-in set, or on `rows` of a person's own; and what it pays for: `edited` chosen answers of
   * `builtin:pref`, one thing changed at a time.
   */
  rewardReport: {
    params: {
      ref: ModelRef;
      dataset: string;
      rows?: DatasetRow[];
      pairs: number;
      edited: number;
      seed: number;
      template?: string;
    };
    reply: RewardReport;
    progress: { done: number; total: number };
  };
  /**
   * Pairs that `policy` draws for held-out prompts of the preference set, with their true quality and what the reward model `judge`
   * gives them. `same`: prompts whose two draws were equal or empty.
   */
  judgedPairs: {
    params: { policy: ModelRef; judge: ModelRef; pairs: number; seed: number; temperature: number };
    reply: { pairs: JudgedPair[]; same: number };
    progress: { done: number; total: number };
  };
  inspect: { params: { ref: ModelRef; ids: Int32Array; k: number }; reply: Inspection; progress: never };
  /**
   * Several rows under one state of a model: a pair's two sides, or the pairs of a batch. Of a run that trains all are of one step,
   * which is given.
   */
  readRows: {
    params: { ref: ModelRef; rows: RowToRead[] };
    reply: { rows: RowReading[]; step?: number };
    progress: { done: number; total: number };
  };
  /** What stands between the parts of a forward pass of one row, by its size. */
  layerNorms: { params: { ref: ModelRef; ids: Int32Array }; reply: LayerNorms; progress: never };
  /**
   * Estimators of KL(model‖reference) on completions that the model draws here at temperature 1, beside the exact one: values and
   * gradients. `tensor`: whose gradient is compared; all unless given.
   */
  klLab: {
    params: {
      model: ModelRef;
      reference: ModelRef;
      /** Conversations up to an answer; each is answered `completions` times. */
      prompts: { messages: Message[]; tools?: ToolSchema[] }[];
      completions: number;
      max_new_tokens: number;
      seed: number;
      tensor?: string;
    };
    reply: KlLabResult & {
      /** By row: the prompt that it answers, and the text of each of its tokens. */
      answers: { prompt: number; tokens: string[] }[];
    };
    progress: { done: number; total: number };
  };
  /** Held-out evaluation by generation. */
  evaluate: {
    params: {
      ref: ModelRef;
      metrics: string[];
      cases: number;
      seed: number;
      promptStyle: 'plain' | 'best_prompt';
      /** Cases of this built-in set (`builtin:where/style`); of the four SFT shapes unless given. */
      dataset?: string;
      /**
       * A run of several adapters: the cases are those of each adapter's own rows, and where `ref` has the adapters, each answers
       * its own; metrics are given for all and as `<metric>/<adapter>`. `ref` itself unless given.
       */
      casesOf?: ModelRef;
      /** Serve with this template, source or ref; the one that the model was trained with unless given. */
      template?: string;
    };
    reply: { metrics: MetricResult[]; cases: GradedCase[] };
    progress: { done: number; total: number };
  };
  /**
   * Runs of one start beside that start, on the same held-out cases of preferences. What was measured is kept with each run when it is
   * done (`finished`). Throws ConfigError for runs of several starts or templates.
   */
  compareRuns: {
    params: { runIds: string[]; cases: number; seed: number };
    reply: { measured: Record<string, Compared> };
    progress: { done: number; total: number; name: string; finished?: { runId: string; compared: Compared } };
  };
  /**
   * Completions of one training prompt, drawn, scored and given advantages as a rollout of the recipe would be. `runId`: under the
   * run's weights and β as they are, or those of its last checkpoint; else as a run would begin. Throws what makes a recipe unfit.
   */
  drawGroup: {
    params: { recipe: Recipe; runId?: string; index: number; completions: number; seed: number };
    reply: DrawnGroup & {
      /** Text of each token, by completion. */
      tokens: string[][];
    };
    progress: never;
  };
  /** The conformance vectors on this device, one by one; a run that trains gets its steps in between. */
  conformance: {
    params: Record<string, never>;
    reply: { backend: BackendInfo; results: ConformanceResult[] };
    progress: { result: ConformanceResult; total: number };
  };
  /** Memory of a recipe's steps before it is run; none on the CPU backend, which has the page's memory. */
  memoryPlan: { params: { recipe: Recipe }; reply: { plan?: MemoryPlan }; progress: never };
  /** Memory of a step that is to be measured; none where the recorded engine does not run. */
  stepMemory: { params: { shape: StepShape }; reply: { plan?: StepMemoryPlan }; progress: never };
  /** Answered once what was begun before, and may have been cancelled, has left the device. */
  deviceFree: { params: Record<string, never>; reply: Record<string, never>; progress: never };
  /** A step of the recorded engine taken apart; `isWhole`: each kernel too. Only on WebGPU. */
  profileStep: {
    params: { shape: StepShape; isWhole: boolean };
    reply: StepProfile;
    progress: { done: number; total: number };
  };
  /**
   * Finds the fastest forms of the kernels on this adapter, uses and remembers them. Only on WebGPU hardware; without `measure` it
   * tells what is remembered. `isStale`: for kernels that have changed since, so it is not used.
   */
  tuneKernels: {
    params: { measure: boolean };
    reply: { tuned?: Calibration; isStale?: boolean };
    progress: { done: number; total: number };
  };
  /** Times a product on the software adapter and on WebAssembly, and remembers it; told in the next `backend` event too. */
  compareWithWasm: { params: Record<string, never>; reply: WasmComparison; progress: never };
  /** The same step beside plain tfjs and jax-js. Only on WebGPU. */
  benchmark: {
    params: { shape: StepShape; rounds: number };
    reply: BenchmarkReport;
    /** `name`: the library whose turn it is. */
    progress: { done: number; total: number; name?: string };
  };
  /** What an adapter of this config costs beside the model. Throws ConfigError, in words, for one that does not fit. */
  loraPlan: { params: { ref: ModelRef; peft: { [key: string]: Json } }; reply: LoraPlan; progress: never };
  tenancy: { params: Record<string, never>; reply: TenancyView; progress: never };
  /** What the router would do; nothing is served or logged. */
  previewRoute: { params: { metadata: RequestMetadata }; reply: RoutingDecision; progress: never };
  /** One change to the routing rules, which the log keeps. Throws ConfigError, in words, where the table would not be a function. */
  editRules: { params: { edit: RuleEdit }; reply: { rules: RoutingRule[] }; progress: never };
  /** Of the active version of entry `id`. */
  mergeDifference: { params: { id: number }; reply: MergeDifference; progress: never };
  /** Of the active version of entry `id`: merged, and taken out again. */
  unmergeDifference: { params: { id: number }; reply: UnmergeDifference; progress: never };
  /** One prompt under weighted sums of active adapters; a weight for each of `ids`. Nothing is routed, so nothing is logged. */
  serveMix: {
    params: { ids: number[]; weightings: number[][]; messages?: Message[] };
    reply: MixedAnswers;
    progress: never;
  };
  /** PEFT's add_weighted_adapter of active adapters; the result becomes the next version of entry `id`, made where it is not there. */
  combineAdapters: {
    params: {
      parts: MixPart[];
      combination_type: 'cat' | 'linear';
      id: number;
      name?: string;
      metadata?: RequestMetadata;
    };
    reply: RegistryEntry;
    progress: never;
  };
  /** The adapter of `ref` becomes the next version of entry `id`, which is made where it is not there. */
  registerAdapter: {
    params: { id: number; ref: ModelRef; name?: string; metadata?: RequestMetadata; note?: string };
    reply: RegistryEntry;
    progress: never;
  };
  /** Reads PEFT's files (a folder's, a zip, or the pair) beside the registry's base. Throws in words what does not fit. */
  readAdapterFiles: { params: { files: GivenBytes[] }; reply: AdapterReading; progress: never };
  /**
   * Keeps such files as an artifact, and as the next version of entry `id`, which is made where it is not there. `isBaseConfirmed`:
   * the person vouches for the base; ConfigError where that is needed and missing.
   */
  importAdapter: {
    params: {
      files: GivenBytes[];
      isBaseConfirmed: boolean;
      id: number;
      name?: string;
      metadata?: RequestMetadata;
    };
    reply: RegistryEntry;
    progress: never;
  };
  /** `override`: why a version without a passed regression check is activated all the same. */
  activateAdapter: {
    params: { id: number; version: number; override?: string };
    reply: RegistryEntry;
    progress: never;
  };
  rollbackAdapter: { params: { id: number }; reply: RegistryEntry; progress: never };
  checkAdapter: {
    params: { id: number; version: number; cases: number; seed: number; allowance: number };
    reply: AdapterVersion;
    progress: { done: number; total: number };
  };
  tenantMatrix: {
    params: { cases: number; seed: number; metric?: string };
    reply: TenantMatrixView;
    progress: { done: number; total: number };
  };
  keptMeasures: { params: Record<string, never>; reply: KeptMeasures; progress: never };
  /** Routed, logged and answered; the chapter's request unless messages are given. */
  serveRequest: {
    params: { requestId: string; metadata: RequestMetadata; messages?: Message[]; misrouteTo?: number };
    reply: ServedAnswer;
    progress: never;
  };
  /** A trace replayed in each mode on this device; every load, merge and generation is really run. */
  serveTrace: {
    params: { requests: number; seed: number; modes: ServingSettings[] };
    reply: { reports: ServingReport[] };
    progress: { done: number; total: number };
  };
  /** Newest first. */
  searchAuditLog: {
    params: { query: AuditSearch; offset: number; limit: number };
    reply: { entries: AuditEntry[]; found: number };
    progress: never;
  };
  /** Recomputes every hash; `noted`: a head written down earlier. */
  verifyAuditLog: {
    params: { noted?: { count: number; hash: string } };
    reply: AuditVerdict;
    progress: never;
  };
  exportAuditLog: { params: Record<string, never>; reply: { bytes: ArrayBuffer }; progress: never };
  /** The same of an exported file, which may have been changed since. */
  verifyAuditFile: {
    params: { bytes: ArrayBuffer };
    reply: { verdict: AuditVerdict; entries: AuditEntry[] };
    progress: never;
  };
  /** What NF4 costs each linear layer of a model, with or without double quantisation. */
  quantizationErrors: {
    params: { ref: ModelRef; bnb_4bit_use_double_quant: boolean };
    reply: { tensors: QuantizationErrorOf[] };
    progress: never;
  };
  /** What the adapter of a model has learnt; `#<adapter>` in the ref chooses among several. */
  /** `step`: of the run at which the adapter was read; absent for an adapter that is no run's. */
  adapterPicture: { params: { ref: ModelRef }; reply: { modules: ModulePicture[]; step?: number }; progress: never };
  /** Root mean squares of the update of one module, in blocks. */
  updateMap: {
    params: { ref: ModelRef; path: string; side: number };
    reply: { rows: number; columns: number; values: Float32Array };
    progress: never;
  };
  /**
   * The adapter of a model as one zip: PEFT's files, or the base with the adapter merged into it as transformers reads it.
   * Throws ConfigError where there is no adapter, and for merging one that cannot be (lora_bias).
   */
  exportAdapter: {
    params: { ref: ModelRef; form: 'peft' | 'merged' };
    reply: { fileName: string; blob: Blob };
    progress: never;
  };
  startRun: {
    params: { runId: string; name: string; recipe: Recipe; group?: string };
    reply: { maxSteps: number };
    progress: never;
  };
  /** Continues an interrupted, stopped or failed run from its last checkpoint. */
  resumeRun: { params: { runId: string }; reply: { step: number; maxSteps: number }; progress: never };
  pause: { params: { runId: string }; reply: { step: number }; progress: never };
  unpause: { params: { runId: string }; reply: { step: number }; progress: never };
  /** Trains exactly one optimizer step, then stays paused. */
  stepOnce: { params: { runId: string }; reply: { step: number }; progress: never };
  /** Ends after the current step; keeps a checkpoint. */
  stop: { params: { runId: string }; reply: { step: number }; progress: never };
  listRuns: { params: Record<string, never>; reply: { runs: RunRecord[] }; progress: never };
  renameRun: { params: { runId: string; name: string }; reply: { runId: string }; progress: never };
  /** Keeps metrics with the run that they were measured for, under the key of what was asked. */
  keepMeasured: {
    params: { runId: string; key: string; metrics: MetricResult[] };
    reply: Record<string, never>;
    progress: never;
  };
  /** Keeps a report beside the run whose reward model was judged, in place of one that was asked the same. */
  keepRewardReport: {
    params: { runId: string; kept: KeptRewardReport };
    reply: Record<string, never>;
    progress: never;
  };
  /** Those that were kept, oldest first. */
  keptRewardReports: { params: { runId: string }; reply: { reports: KeptRewardReport[] }; progress: never };
  deleteRun: { params: { runId: string }; reply: { freedBytes: number }; progress: never };
  /** One file: record, curves, final checkpoint (zip). */
  exportRun: { params: { runId: string }; reply: { fileName: string; bytes: ArrayBuffer }; progress: never };
  /** A file of exportRun, or the log of another program: trainer_state.json, or JSON lines with a step each. */
  importRun: {
    params: { bytes: ArrayBuffer; fileName?: string };
    reply: { run: RunRecord; isKnown?: true };
    progress: never;
  };
  /**
   * Files of a model's folder. Throws DataError naming the file, tensor or field at fault, StorageError where there is no room; after
   * either, and after a cancel, nothing of it is kept.
   */
  importModel: {
    params: { name: string; files: GivenBlob[] };
    /** `isKnown`: the same bytes were there already, under the name and since the time that are given back. */
    reply: StoredModel & { isKnown?: boolean };
    progress: ModelImportProgress;
  };
  /** What dropped files are, by their names and those inside zips. */
  kindOfFiles: { params: { files: GivenBlob[] }; reply: { kind: 'model' | 'adapter' }; progress: never };
  /** Reads PEFT's files (a folder's, a zip, or the pair) beside a model. Throws in words what does not fit. */
  readModelAdapter: { params: { base: ModelRef; files: GivenBlob[] }; reply: AdapterReading; progress: never };
  /**
   * Keeps such files beside the model. `isBaseConfirmed`: the person vouches for the base; ConfigError where that is needed and
   * missing. `isKnown`: the same bytes were there already.
   */
  addModelAdapter: {
    params: { base: ModelRef; files: GivenBlob[]; isBaseConfirmed: boolean };
    reply: StoredModel & { isKnown?: true };
    progress: never;
  };
  /** Models, and adapters that were added to one. */
  listModels: {
    params: Record<string, never>;
    /** `removed`: names of models and runs (`run:<id>`) that were deleted in this browser. */
    reply: { models: StoredModel[]; pending: PendingImport[]; removed: { id: string; name: string }[] };
    progress: never;
  };
  discardImport: { params: { id: string }; reply: { freedBytes: number }; progress: never };
  modelCard: { params: { ref: ModelRef }; reply: ModelCard; progress: never };
  renameModel: { params: { id: string; name: string }; reply: { id: string }; progress: never };
  /**
   * A model as a folder that transformers reads, in a zip; of a run its last checkpoint, with adapters merged. Throws ConfigError for
   * one that cannot be merged.
   */
  exportModel: {
    params: { ref: ModelRef };
    reply: { fileName: string; blob: Blob };
    progress: { doneBytes: number; totalBytes: number };
  };
  storageReport: { params: Record<string, never>; reply: StorageReport; progress: never };
  /** Throws ConfigError where something is built on it, unless `isForced`; for what a run holds always. */
  deleteStored: {
    params: { kind: StoredKind; id: string; isForced?: boolean };
    reply: { freedBytes: number };
    progress: never;
  };
  /** Which of these artifacts and runs (`run:<id>`, with or without a step) are not in this browser; by name where they were deleted here. */
  missingStored: {
    params: { ids: string[] };
    reply: { missing: { id: string; name?: string }[] };
    progress: never;
  };
  /** A tokenizer with its template as a zip of its files, or a saved template as chat_template.jinja. */
  exportStored: {
    params: { kind: 'tokenizer' | 'template'; id: string };
    reply: { fileName: string; blob: Blob };
    progress: never;
  };
  storageEstimate: {
    params: Record<string, never>;
    reply: { usageBytes: number; quotaBytes: number };
    progress: never;
  };
}

/** What `details` of an import's DataError hold: the first bad lines, and whether reading stopped there. */
export interface ImportProblems {
  problems: { line: number; message: string }[];
  /** Lines with and without a fault among those read; `bad` where reading went on behind the last of `problems`. */
  bad?: number;
  good: number;
  stopped: boolean;
  /** What `line` counts: lines unless given. */
  unit?: 'line' | 'row';
}
export interface DatasetInfo {
  id: string;
  title: string;
  /** What it teaches, in one sentence. */
  description: string;
  rows: number;
  splits: Record<string, number>;
  /** TRL's name of the type (protocol/rowTypes). */
  type: string;
  origin: 'builtin' | 'imported';
  /** When it was brought or made, ms since the epoch; absent for built-in sets and those of earlier versions. */
  createdAt?: number;
  /** How an imported or derived set came to be; absent for sets of earlier versions. */
  operation?: DatasetOperation;
  /** Set that it was made from. */
  parent?: string;
  /** Rows with a fault: they are shown and left out of training. */
  faulty?: number;
  /** What was read otherwise than written, in sentences. */
  notes?: string[];
}

/** A row together with what the studio knows about it. */
export interface DatasetRowView {
  index: number;
  rowId: string;
  row: DatasetRow;
  shape: string;
  tenant?: string;
  /** Of the file that it was imported from, from 1. */
  line?: number;
  /** Number in the whole set, faulty rows counted; imported sets only. */
  place?: number;
  /** Why it cannot be trained on; `row` is empty then and `raw` its text. `index` is −1. */
  fault?: string;
  raw?: string;
  /** Columns that are kept beside those of the row's type, each with its value as text; in pages only. */
  beside?: [column: string, value: string][];
  /** Why methods that compare or mark answers learn nothing from it, as their start tells it; imported sets, in pages only. */
  answerFault?: Finding;
  /** Edited and not saved yet, or otherwise than in an earlier version. */
  edited?: 'draft' | 'saved';
}

/** How rows are rendered, encoded and masked; what is not given is TRL's. */
export interface TemplateSettings {
  /** A tokenizer with template that the person brought (`listKits`); undefined = the studio's own. */
  kit?: string;
  /** In place of `kit`: the tokenizer and template of this model. */
  model?: ModelRef;
  /** Jinja source, or the ref of a saved template; undefined = the kit's template. */
  template?: string;
  mode: MaskMode | 'default';
  /** Under assistant_only_loss: whether the prompt of prompt + completion rows is masked too, as in TRL unless it is false. */
  completion_only_loss?: boolean;
  max_length: number;
  truncation_mode?: TruncationMode;
  mask?: Partial<MaskOptions>;
  chat_template_kwargs?: { [key: string]: Json };
  /** Rows of messages: as for the model to answer, or to go on with the last message. Neither when rows are trained. */
  add_generation_prompt?: boolean;
  continue_final_message?: boolean;
  /** A reward model is to be trained on these rows. */
  reads_reward?: boolean;
  /** Of a preference row: which side is encoded; the chosen one unless given. For looking, never for training. */
  side?: 'chosen' | 'rejected';
}

/** A row of a dataset in this browser, as the Mask page numbers it. */
export interface RowPlace {
  datasetId: string;
  split: string;
  index: number;
  /** Of the file that it was imported from, from 1. */
  line?: number;
}
/** One kind of fault that the pre-flight gate found, with the rows that have it. */
export interface GateFinding {
  kind: FindingKind;
  /** A few words. */
  title: string;
  /** Rows that have it; 0 = it is the data as a whole. */
  rows: number;
  /** The first of them. */
  rowIds: string[];
  /** Where Mask shows each of `rowIds`; undefined for one that it does not. */
  places?: (RowPlace | undefined)[];
  part: 'train' | 'eval';
  /** What is wrong with the first row, and the remedy. */
  first: string;
}

/** What is wrong with a row, in one word: a finding, a row that cannot be rendered at all, or nothing. */
export type MaskRowKind = FindingKind | 'unreadable' | 'none';

/**
 * Rows of a mask report as columns, measured before anything is cut; entry i of each belongs to one row. max_length is
 * applied where they are read, so moving it costs nothing.
 */
export interface MaskColumns {
  /** Number of the row in its split. */
  index: Int32Array;
  tokens: Int32Array;
  /** Tokens before the first trained one; all of them where none is trained. */
  prompt: Int32Array;
  /** Trained stretches of row i: pairs [from, to) number runStart[i] to runStart[i + 1] of `runs`. */
  runStart: Int32Array;
  runs: Int32Array;
  /** Positions of trained end-of-turn tokens of row i: stops[stopStart[i]] to stops[stopStart[i + 1] − 1]. */
  stopStart: Int32Array;
  stops: Int32Array;
  /** Index into `shapes`. */
  shape: Uint8Array;
  shapes: string[];
  /** Index into `kinds`: the weightiest finding as long as nothing is cut. */
  kind: Uint8Array;
  kinds: MaskRowKind[];
}
export interface MaskReport {
  total: number;
  /** The first row of each kind, with its sentence. */
  first: { kind: MaskRowKind; index: number; message: string }[];
}

export interface TokenAt {
  id: number;
  text: string;
}
/** One row under two templates or tokenizers, A and B. */
export interface RowComparison {
  text: 'same' | 'differs' | 'error';
  ids: 'same' | 'differs' | 'error';
  mask: 'same' | 'differs' | 'error';
  errorA?: string;
  errorB?: string;
  trainedA?: number;
  trainedB?: number;
  /** First differing UTF-16 offset, with the text around it. */
  textAt?: { offset: number; a: string; b: string };
  /** First differing token; a side that has ended there has none. */
  tokenAt?: { index: number; a?: TokenAt; b?: TokenAt };
}
export interface ComparisonReport {
  rows: number;
  /** Rows that differ, by level; a row that one side cannot render counts as an error only. */
  textDiffers: number;
  idsDiffer: number;
  maskDiffers: number;
  errors: number;
  /** The first rows that are not the same. */
  examples: (RowComparison & { index: number; rowId: string })[];
}

/** A row with what it gave when it was pinned. */
export interface Golden {
  name: string;
  row: DatasetRow;
  mode: MaskMode | 'default';
  mask?: Partial<MaskOptions>;
  completion_only_loss?: boolean;
  /** Variables of the template beside those of the row. */
  chat_template_kwargs?: { [key: string]: Json };
  text: string;
  ids: number[];
  supervised_tokens: number;
  /** Of the template's source, when it was pinned. */
  template_sha256: string;
}
export interface GoldenCheck {
  name: string;
  text: 'same' | 'changed' | 'error';
  ids: 'same' | 'changed' | 'error';
  supervised: 'same' | 'changed' | 'error';
  supervised_tokens: number;
  textAt?: { offset: number; was: string; is: string };
  tokenAt?: { index: number; was?: number; is?: TokenAt; tokens: { was: number; is: number } };
  error?: string;
}
export interface GoldenFile {
  format: 'posttrain-studio/goldens';
  version: 1;
  goldens: Golden[];
}

/** A template with {% generation %} put in, and what that was proven on. */
export interface MarkerInsertion {
  source: string;
  /** Lines of the given source at which markers went in. */
  lines: number[];
  proof: { conversations: number; bytesCompared: number };
}

/** A tokenizer with its template, as a person brought it: the files of a Hugging Face folder. */
export interface KitInfo {
  id: string;
  title: string;
  vocabSize: number;
  /** bos_token, eos_token, …: those that are set. */
  tokens: { [name: string]: string };
  /** Jinja source; undefined when the files have none. */
  template?: string;
  /** With tools, another template is taken. */
  hasToolTemplate: boolean;
  /** What is not supported, or done otherwise; a sentence each. */
  notes: string[];
}

/** A chat template that recipes can name. */
export interface TemplateInfo {
  /** `builtin:chatml` or `sha256:…`. */
  ref: string;
  name: string;
  source: string;
}

export interface TextRequests {
  listDatasets: { params: Record<string, never>; reply: { datasets: DatasetInfo[] }; progress: never };
  /**
   * The first rows of a file under a mapping, or under the one that its columns suggest. `fileId` names the file from one question
   * to the next.
   */
  previewDataset: {
    params: { fileId: string; name: string; file: Blob; mapping?: RowMapping };
    reply: ImportPreview;
    progress: WorkProgress;
  };
  /**
   * A file of the person's. Throws DataError naming the line and field (details: ImportProblems), and where the columns have names
   * of their own and no mapping is given. `keepFaulty`: rows with a fault are kept, marked, and left out of training.
   */
  importDataset: {
    params: { name: string; file: Blob; mapping?: RowMapping; keepFaulty?: boolean };
    /** `storedSince`: the same rows were there already, under the name that is given back. */
    reply: DatasetInfo & { storedSince?: number };
    /** `kept`: share of the rows that is stored, once all are read. */
    progress: { rows: number; readBytes: number; totalBytes: number; kept?: number };
  };
  /** Imported sets only. */
  deleteDataset: { params: { datasetId: string }; reply: { freedBytes: number }; progress: never };
  /** Sets of the person's own; the name stands outside of what the set is. Throws DataError for an empty name. */
  renameDataset: { params: { datasetId: string; title: string }; reply: DatasetInfo; progress: never };
  datasetFacets: { params: { datasetId: string }; reply: DatasetFacets; progress: never };
  /** `editing`: as the Data page shows them, faulty rows and edits that are not saved among them. */
  rows: {
    params: {
      datasetId: string;
      split: string;
      offset: number;
      limit: number;
      query?: RowQuery;
      editing?: boolean;
    };
    reply: { rows: DatasetRowView[]; total: number };
    progress: WorkProgress;
  };
  rowText: { params: { datasetId: string; place: number }; reply: { text: string }; progress: never };
  /** Keeps an edit as a draft. Throws DataError for a text that is no row of the set's type. */
  editRow: {
    params: { datasetId: string; place: number; text: string };
    reply: { drafts: number };
    progress: never;
  };
  /** Takes the last edit of a row back, or all that are not saved. */
  undoEdit: { params: { datasetId: string; place?: number }; reply: { drafts: number }; progress: never };
  /** Makes a set of the edited rows; the one before stays. */
  saveEdits: { params: { datasetId: string }; reply: DatasetInfo; progress: WorkProgress };
  /** What an operation would do to a set. */
  previewOperation: {
    params: { datasetId: string; operation: DerivingOperation };
    reply: OperationReport;
    progress: WorkProgress;
  };
  deriveDataset: {
    params: { datasetId: string; operation: DerivingOperation };
    reply: { info: DatasetInfo; report: OperationReport };
    progress: WorkProgress;
  };
  /**
   * Rows without a fault, as they are saved, with the columns beside them: of one split, or of all. All come in a zip with a file
   * a split, as datasets.load_dataset finds them in a folder, and for JSONL a card with the type of each column; in one file where
   * only one split has rows.
   */
  exportDataset: {
    params: { datasetId: string; split?: string; format?: 'jsonl' | 'parquet' };
    reply: { fileName: string; blob: Blob; rows: number; faulty: number };
    progress: WorkProgress;
  };
  /** Sessions of blind comparisons, the latest first. */
  listAnnotations: { params: Record<string, never>; reply: { sessions: AnnotationHead[] }; progress: never };
  /** `pairs` of a set are drawn by the seed; those of a model are added one by one. Throws ConfigError for a name that is taken. */
  createAnnotation: {
    params: { name: string; source: AnnotationSource; pairs: number; seed: number };
    reply: AnnotationSession;
    progress: never;
  };
  annotationSession: { params: { id: string }; reply: AnnotationSession; progress: never };
  annotationPair: { params: { id: string; pair: number }; reply: ShownPair; progress: never };
  annotate: { params: { id: string; action: AnnotationAction }; reply: AnnotationSession; progress: never };
  /** Throws ConfigError as long as nothing was said of the pair. */
  revealPair: { params: { id: string; pair: number; crowd: Crowd }; reply: Reveal; progress: never };
  annotationReport: { params: { id: string }; reply: AnnotationReport; progress: never };
  /** The votes as a preference set. `undecided`: pairs without a majority, left out. Throws DataError where no row would come of it. */
  makeAnnotationSet: {
    params: { id: string; options: AnnotationRowsOptions };
    reply: { info: DatasetInfo; undecided: number };
    progress: never;
  };
  exportAnnotation: { params: { id: string }; reply: { fileName: string; bytes: ArrayBuffer }; progress: never };
  deleteAnnotation: { params: { id: string }; reply: { id: string }; progress: never };
  encodeRow: {
    params: { row: DatasetRow; rowId: string; settings: TemplateSettings };
    /** `bytes`: UTF-8 of each token as hexadecimal digits. `pad`: what fills a batch beside longer rows, if the tokenizer has it. */
    reply: { encoded: EncodedRow; tokens: string[]; bytes: string[]; pad?: { id: number; text: string } };
    progress: never;
  };
  encodePrompt: {
    /** `template`: source or ref, as in TemplateSettings; `model`: whose tokenizer reads it, and whose template unless given. */
    params: { messages: Message[]; tools?: ToolSchema[]; template?: string; model?: ModelRef };
    /** role and origin as in EncodedRow. */
    reply: EncodedPrompt & { tokens: string[]; stopIds: number[]; role?: Uint8Array; origin?: Uint8Array };
    progress: never;
  };
  /** Plain continuation (no template): what a base model is given. */
  encodeText: {
    params: { text: string; model?: ModelRef };
    reply: EncodedPrompt & { tokens: string[]; stopIds: number[] };
    progress: never;
  };
  decode: { params: { ids: number[] }; reply: { text: string; tokens: string[] }; progress: never };
  maskReport: {
    params: { datasetId: string; split: string; settings: TemplateSettings; limit?: number };
    reply: MaskReport;
    /** Rows as they are read, each once. */
    progress: { done: number; total: number; columns: MaskColumns };
  };
  /** What is likely to go wrong with the template, on this conversation and on small probes. */
  lintTemplate: {
    params: { messages: Message[]; tools?: ToolSchema[]; settings: TemplateSettings };
    reply: { findings: LintFinding[] };
    progress: never;
  };
  /**
   * Puts {% generation %} into the template; the proof covers the conversation and rows of the dataset in hand too. Throws
   * TemplateError when it cannot be done.
   */
  insertMarkers: {
    params: {
      settings: TemplateSettings;
      messages?: Message[];
      tools?: ToolSchema[];
      datasetId?: string;
      split?: string;
    };
    reply: MarkerInsertion;
    progress: never;
  };
  /** The rows of a split under two settings. */
  compare: {
    params: { datasetId: string; split: string; limit?: number; a: TemplateSettings; b: TemplateSettings };
    reply: ComparisonReport;
    /** What was found in the first rows, for a person who has seen enough. */
    progress: { report: ComparisonReport; total: number };
  };
  /** Keeps what the row gives now. Throws ConfigError when the name is taken, unless it is to be replaced. */
  pinGolden: {
    params: { name: string; row: DatasetRow; settings: TemplateSettings; replace?: boolean };
    reply: Golden;
    progress: never;
  };
  removeGolden: { params: { name: string }; reply: { name: string }; progress: never };
  /** All goldens, and what became of them under this tokenizer and template. */
  checkGoldens: {
    params: { settings: TemplateSettings };
    reply: { goldens: Golden[]; checks: GoldenCheck[] };
    progress: never;
  };
  exportGoldens: {
    params: Record<string, never>;
    reply: { fileName: string; bytes: ArrayBuffer };
    progress: never;
  };
  /**
   * Throws DataError naming the field; nothing is added then. Nor is anything when names are taken by other samples, unless
   * `taken` says what to do with those: the reply lists them.
   */
  importGoldens: {
    params: { bytes: ArrayBuffer; taken?: 'replace' | 'rename' };
    reply: { added: number; taken: string[] };
    progress: never;
  };
  listKits: { params: Record<string, never>; reply: { kits: KitInfo[] }; progress: never };
  /** `files`: any of a model's folder; those that matter are kept. Throws DataError naming file and field. */
  importKit: {
    params: { name: string; files: { path: string; bytes: ArrayBuffer }[] };
    /** `storedSince`: the same files were there already, under the name that is given back. */
    reply: KitInfo & { storedSince?: number };
    progress: never;
  };
  deleteKit: { params: { id: string }; reply: { freedBytes: number }; progress: never };
  /** Built-in and saved templates, the built-in one first. */
  listTemplates: { params: Record<string, never>; reply: { templates: TemplateInfo[] }; progress: never };
  /** Keeps a template, so that recipes can name it. The same source again keeps its first name. */
  saveTemplate: { params: { name: string; source: string }; reply: TemplateInfo; progress: never };
  deleteTemplate: { params: { ref: string }; reply: { freedBytes: number }; progress: never };
  /** What stands behind the settings: ids by content, and how the template can be trained with. */
  describeTemplate: {
    /** `model`: in place of `kit`, as in TemplateSettings; `template`: source or ref. */
    params: { kit?: string; model?: ModelRef; template?: string };
    reply: {
      templateId: string;
      tokenizerId: string;
      source: string;
      hasGeneration: boolean;
      vocabSize: number;
      /** Tokens that end a turn, as text. */
      turnEnds: string[];
    };
    progress: never;
  };
  /** Used by the compute worker over its port: rows of a recipe, encoded, in training order before shuffling. */
  encodeRecipe: {
    params: { recipe: Recipe; part: 'train' | 'eval' };
    reply: {
      rows: EncodedRow[];
      dropped: { rowId: string; reason: string }[];
      parents: Record<string, string>;
      findings: GateFinding[];
      /** Rules by which tokens of these rows are trained. */
      rules: string[];
    };
    progress: { done: number; total: number };
  };
}

export interface HandlerContext<P> {
  signal: AbortSignal;
  progress: (message: P) => void;
}
export type Handlers<R> = {
  [K in keyof R]: R[K] extends { params: infer P; reply: infer Y; progress: infer G }
    ? (params: P, context: HandlerContext<G>) => Promise<Y> | Y
    : never;
};

// What a run leaves behind: status, metric points, sample generations, checkpoints, lineage (design §3).
import type { ErrorData } from '../lib/errors';
import type { Compared } from './comparison';
import type { BackendInfo } from './model';
import type { Recipe } from './recipe';
import type { MetricResult } from './requests';

export type RunStatus = 'queued' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed' | 'interrupted';

/** One logged row, TRL's log_history style: metric name → value. NaN is written as null. */
export interface MetricPoint {
  step: number;
  epoch: number;
  [metric: string]: number | null;
}

export interface SampleGeneration {
  step: number;
  promptId: string;
  /** Which of several adapters answered. */
  adapter?: string;
  prompt: string;
  text: string;
  /** Ended by an end-of-turn token rather than by max_new_tokens. */
  terminated: boolean;
}

export interface CheckpointRef {
  id: string;
  step: number;
  /** Milliseconds since the epoch, from an injected clock. */
  savedAt: number;
  sizeBytes: number;
}

/** Why a run ended itself before its last step. Its status is `stopped`, and it can be continued. */
export interface StopReason {
  kind: 'guardrail';
  metric: string;
  step: number;
  /** In words, with the figures. */
  message: string;
}

export interface RunRecord {
  id: string;
  name: string;
  recipe: Recipe;
  status: RunStatus;
  createdAt: number;
  updatedAt: number;
  step: number;
  maxSteps: number;
  backend?: BackendInfo;
  versions: Record<string, string>;
  kernelVariants: Record<string, string>;
  /** Artifact ids: base model, tokenizer, template, datasets. */
  parents: Record<string, string>;
  /** Artifact ids made by the run. */
  outputs: Record<string, string>;
  checkpoints: CheckpointRef[];
  points: MetricPoint[];
  generations: SampleGeneration[];
  error?: ErrorData;
  stopReason?: StopReason;
  /** Groups the two arms of an experiment pair. */
  group?: string;
  /** Held-out metrics measured by generation, of the run and of the base beside it, by what was asked (stores/measurements). */
  measured?: Record<string, MetricResult[]>;
  /** The last comparison with other runs of its start. */
  compared?: Compared;
  /** A log of another program: curves without weights, and a recipe that only holds what the log says. */
  imported?: {
    fileName: string;
    format: LogFormat;
    notes: string[];
    /** Of the file; absent for logs of earlier versions. */
    sha256?: string;
    /** When the run began, ms since the epoch, where the log has clocks; `createdAt` is when it was imported. */
    startedAt?: number;
  };
}

/** transformers' trainer_state.json, or one JSON object a line. */
export type LogFormat = 'trainer_state' | 'metrics';

// Events that workers send unasked.
import type { ErrorData } from '../lib/errors';
import type { BackendInfo } from './model';
import type { CheckpointRef, MetricPoint, RunStatus, SampleGeneration } from './run';

export type ComputeEvent =
  | { kind: 'backend'; info: BackendInfo }
  | { kind: 'metrics'; runId: string; points: MetricPoint[] }
  | { kind: 'progress'; runId: string; step: number; maxSteps: number; stepMs: number; tokensPerSecond: number }
  | { kind: 'status'; runId: string; status: RunStatus; step: number; error?: ErrorData }
  | { kind: 'generation'; runId: string; sample: SampleGeneration }
  | { kind: 'checkpoint'; runId: string; checkpoint: CheckpointRef }
  /** New GPU kernels, before a first step or answer; done = total ends it. */
  | { kind: 'compiling'; done: number; total: number }
  | { kind: 'deviceLost'; reason: string }
  | { kind: 'warning'; message: string };

// Events that workers send unasked.
import type { ErrorData } from '../lib/errors';
import type { BackendInfo } from './model';
import type { CheckpointRef, MetricPoint, RunStatus, SampleGeneration, StopReason } from './run';

export type ComputeEvent =
  | { kind: 'backend'; info: BackendInfo }
  | { kind: 'metrics'; runId: string; points: MetricPoint[] }
  | { kind: 'progress'; runId: string; step: number; maxSteps: number; stepMs: number; tokensPerSecond: number }
  | { kind: 'status'; runId: string; status: RunStatus; step: number; error?: ErrorData; stopReason?: StopReason }
  /** Rows are encoded and checked before the run begins. */
  | { kind: 'preparing'; runId: string; part: 'train' | 'eval' | 'reference'; done: number; total: number }
  | { kind: 'generation'; runId: string; sample: SampleGeneration }
  /** What a finished run has left is kept as an artifact: after its status, because weights take a while to write. */
  | { kind: 'kept'; runId: string; outputs: Record<string, string> }
  | { kind: 'checkpoint'; runId: string; checkpoint: CheckpointRef }
  /** New GPU kernels, before a first step or answer; done = total ends it. */
  | { kind: 'compiling'; done: number; total: number }
  /** What the device was, and why it is gone: one sentence. Its worker is of no use any more. */
  | { kind: 'deviceLost'; reason: string }
  /** From the page's client: these runs are being taken up by a new worker; none, once that has ended. */
  | { kind: 'recovering'; runIds: string[] }
  /** `raw`: what the browser said, in its own words. */
  | { kind: 'warning'; message: string; raw?: string };

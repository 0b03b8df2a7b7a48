// What a training step of the recorded engine takes, by its plan: known before anything is allocated, without a device.
import type { KernelForms } from '../../gpu/kernels/forms';
import { planMemory } from '../../gpu/planner';
import type { Fixed } from '../../gpu/recording';
import type { LlamaConfig } from '../../protocol/model';
import { LlamaRecorder } from './llamaRecording';
import { layoutOf } from './parameters';

export interface StepMemory {
  /** Bytes of weights, gradients and both moments. */
  weights: number;
  /** Bytes of activations and gradients on the way. */
  activations: number;
  /** The largest single buffer. */
  largest: number;
}

/** Of an SFT step with B rows of T tokens that trains all weights. */
export function stepMemory(
  config: LlamaConfig,
  B: number,
  T: number,
  forms: KernelForms,
  checkpointing = false,
): StepMemory {
  const layout = layoutOf(config, [], Number.POSITIVE_INFINITY);
  const nowhere = (name: string): Fixed => ({ kind: 'fixed', name, buffer: undefined as never, offset: 0, bytes: 0 });
  const recorder = new LlamaRecorder(
    { config, B, T, forms, normStride: layout.normStride, checkpointing },
    { weight: nowhere, grad: nowhere, input: nowhere, table: nowhere('table') },
  );
  recorder.forward(true);
  const { stats, dh } = recorder.crossEntropy();
  recorder.totals(stats, nowhere('totals'));
  recorder.backward(recorder.finalNormBackward(dh), true);
  const plan = planMemory(recorder.recording);
  const weights = 4 * layout.segments.reduce((sum, floats) => sum + 4 * floats, 0);
  return { weights, activations: plan.bytes, largest: Math.max(...plan.slots) };
}

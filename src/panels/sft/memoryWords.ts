// What a run takes on the GPU, in words. Pure.
import { number } from '../../lib/words';
import type { MemoryPlan } from '../../protocol/requests';

const GIB = 2 ** 30;
export const sizeWords = (bytes: number): string =>
  bytes >= GIB ? `${number(bytes / GIB)} GiB` : `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`;

/** `up to 41 MiB on the GPU: 14 MiB of weights and moments, 27 MiB of activations (8 × 384 tokens)`. */
export function memoryWords({
  B,
  T,
  weights,
  activations,
  largest,
  largestBuffer,
  budget,
  isOver,
}: MemoryPlan): string {
  const parts = `${sizeWords(weights)} of weights and moments, ${sizeWords(activations)} of activations (${B} × ${T} tokens)`;
  const whole = `up to ${sizeWords(weights + activations)} on the GPU: ${parts}`;
  if (largestBuffer !== undefined && largest > largestBuffer)
    return `${whole}. One tensor takes ${sizeWords(largest)} and this GPU binds at most ${sizeWords(largestBuffer)} at once: the run would be refused.`;
  return isOver ? `${whole}. This adapter is trusted with ${sizeWords(budget)}: the run would be refused.` : whole;
}

// What a run takes of the device's memory, in words. Pure.
import { sizeWords } from '../lib/words';
import type { MemoryPlan } from '../protocol/requests';

/** `Up to 41 MiB on the GPU: 14 MiB of weights and moments, 27 MiB of activations (8 × 384 tokens)`. */
export function memoryWords({ B, T, weights, activations, place, isHeldOut }: MemoryPlan): string {
  const of = place === 'wasm' ? 'of WebAssembly’s 4 GiB' : 'on the GPU';
  const what = isHeldOut ? 'for a held-out batch' : 'of activations';
  return `Up to ${sizeWords(weights + activations)} ${of}: ${sizeWords(weights)} of weights and moments, ${sizeWords(activations)} ${what} (${B} × ${T} tokens)`;
}

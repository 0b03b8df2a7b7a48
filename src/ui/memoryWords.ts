// What a run takes of the device's memory, in words. Pure.
import { sizeWords } from '../lib/words';
import { besideWords } from '../protocol/besideWords';
import type { MemoryPlan } from '../protocol/requests';

/** `Up to 41 MiB on the GPU: 14 MiB of weights and moments, 27 MiB of activations (8 × 384 tokens)`. */
export function memoryWords({ B, T, weights, activations, beside, place, peak }: MemoryPlan): string {
  const of = place === 'wasm' ? 'of WebAssembly’s 4 GiB' : 'on the GPU';
  const what = peak ? `for ${peak}` : 'of activations';
  const read = beside?.length ? ` (${besideWords(beside)})` : '';
  return `Up to ${sizeWords(weights + activations)} ${of}: ${sizeWords(weights)} of weights and moments${read}, ${sizeWords(activations)} ${what} (${B} × ${T} tokens)`;
}

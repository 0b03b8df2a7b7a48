// Linear layers of a frozen base in four bits, packed as the product's kernels read them (gpu/kernels/nf4.ts).
import { NF4_HEADER, NF4_HEADER_WORDS, type WeightFormat } from '../../gpu/kernels/nf4';
import type { LlamaConfig } from '../../protocol/model';
import { linearModules } from '../lora';
import { DYNAMIC_MAP, NF4_VALUES, type Nf4Tensor } from '../nf4';

const NONE = 0xffffffff;
/** Values that share a scale. */
const BLOCK = 64;

/** Whether kernels can read a model's products from codes: no scale may span two tensors that lie side by side. */
export const isPackable = (config: LlamaConfig): boolean =>
  linearModules(config).every(({ in: inputs, out }) => (inputs * out) % BLOCK === 0);

/** One block: tensors in the order of their rows. All with double quantisation, or none. */
export function packNf4(tensors: readonly Nf4Tensor[]): { words: Uint32Array<ArrayBuffer>; format: WeightFormat } {
  const format: WeightFormat = tensors[0]!.nested === null ? 'nf4' : 'nf4_double';
  const h = NF4_HEADER;
  const blocks = tensors.map(({ count }) => count / BLOCK);
  const total = blocks.reduce((a, b) => a + b, 0);
  const nestedCounts = tensors.map((t) => (t.nested ? t.nested.absmax.length : 0));
  const scalesAt = NF4_HEADER_WORDS[format];
  const nestedAt = scalesAt + (format === 'nf4' ? total : Math.ceil(total / 4));
  const codesAt = nestedAt + nestedCounts.reduce((a, b) => a + b, 0);
  const words = new Uint32Array(codesAt + (total * BLOCK) / 8);
  const floats = new Float32Array(words.buffer);
  const bytes = new Uint8Array(words.buffer);
  floats.set(NF4_VALUES, h.values);
  words.fill(NONE, h.first, h.first + 4);
  words[h.scalesAt] = scalesAt;
  words[h.nestedAt] = nestedAt;
  words[h.codesAt] = codesAt;
  if (format === 'nf4_double') floats.set(DYNAMIC_MAP, h.map);
  let block = 0;
  let nested = 0;
  tensors.forEach((tensor, t) => {
    words[h.first + t] = block;
    words[h.nested + t] = nested;
    if (tensor.nested === null) floats.set(tensor.absmax, scalesAt + block);
    else {
      bytes.set(tensor.absmax, 4 * scalesAt + block);
      floats.set(tensor.nested.absmax, nestedAt + nested);
      floats[h.offset + t] = tensor.nested.offset;
    }
    bytes.set(tensor.codes, 4 * codesAt + (block * BLOCK) / 2);
    block += blocks[t]!;
    nested += nestedCounts[t]!;
  });
  return { words, format };
}

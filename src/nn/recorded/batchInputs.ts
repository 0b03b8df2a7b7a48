// A batch as the kernels read it: one packed array of 32-bit words, uploaded at once, bound in parts.
import { attentionRanges } from '../../gpu/attentionRanges';
import { groupIds } from '../../gpu/kernels/embedding';
import type { Batch } from '../../protocol/batch';

/** Parts of the packed inputs in order, with their words for N tokens. */
const PARTS = {
  ids: (n: number) => n,
  /** start [N], end [N], position [N]: global row numbers of the first key and of the last query. */
  meta: (n: number) => 3 * n,
  /** Supervised row n's place among them, or NOT_SUPERVISED. */
  slot: (n: number) => n,
  /** Token of each supervised row, its target and its weight (f32). */
  index: (n: number) => n,
  targets: (n: number) => n,
  weights: (n: number) => n,
  /** Ids in groups, for the embedding's gradient. */
  unique: (n: number) => n,
  starts: (n: number) => n + 1,
  order: (n: number) => n,
  /** Route of each token's row among the adapters: 0 is the base alone, then one for each. */
  route: (n: number) => n,
} as const;
export type InputPart = keyof typeof PARTS;
const NAMES = Object.keys(PARTS) as InputPart[];
const NOT_SUPERVISED = 0xffffffff;

/** Byte offsets and sizes of the parts for N tokens. */
export function inputLayout(tokens: number): {
  bytes: number;
  parts: Record<InputPart, { offset: number; bytes: number }>;
} {
  let at = 0;
  const parts = {} as Record<InputPart, { offset: number; bytes: number }>;
  for (const name of NAMES) {
    const bytes = 4 * PARTS[name](tokens);
    parts[name] = { offset: at, bytes };
    at += Math.ceil(bytes / 256) * 256;
  }
  return { bytes: at, parts };
}

export interface PackedInputs {
  words: ArrayBuffer;
  /** Supervised rows and distinct ids. */
  supervised: number;
  groups: number;
}

/** Packs a batch; supervised rows are those whose mask is not 0. */
export function packInputs(batch: Batch): PackedInputs {
  const N = batch.B * batch.T;
  const { bytes, parts } = inputLayout(N);
  const words = new ArrayBuffer(bytes);
  const u32 = (name: InputPart) => new Uint32Array(words, parts[name].offset, parts[name].bytes / 4);
  u32('ids').set(batch.ids);
  const { start, end } = attentionRanges(batch);
  const meta = u32('meta');
  meta.set(start);
  meta.set(end, N);
  meta.set(batch.positions, 2 * N);
  const [slot, index, targets] = [u32('slot').fill(NOT_SUPERVISED), u32('index'), u32('targets')];
  const weights = new Float32Array(words, parts.weights.offset, N);
  let supervised = 0;
  for (let n = 0; n < N; n++) {
    if (batch.mask[n] === 0) continue;
    slot[n] = supervised;
    index[supervised] = n;
    targets[supervised] = batch.targets[n]!;
    weights[supervised] = batch.mask[n]!;
    supervised++;
  }
  const { unique, starts, order } = groupIds(batch.ids);
  u32('unique').set(unique);
  u32('starts').set(starts);
  u32('order').set(order);
  const route = u32('route');
  batch.rowAdapter.forEach((slot, b) => {
    route.fill(slot + 1, b * batch.T, (b + 1) * batch.T);
  });
  return { words, supervised, groups: unique.length };
}

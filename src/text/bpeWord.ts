// BPE of one word: merge the pair of lowest rank, leftmost first, until none is left.

/** Ids are below this, so that left · PAIR_SHIFT + right is exact. */
export const PAIR_SHIFT = 2 ** 21;
/** left id · PAIR_SHIFT + right id → rank and merged id. */
export type Merges = Map<number, { rank: number; id: number }>;
const POSITIONS = 2 ** 26;

/** Pushes into and pops from a binary min-heap of numbers. */
function push(heap: number[], value: number): void {
  let i = heap.push(value) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent]! <= value) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = value;
}
function pop(heap: number[]): number {
  const top = heap[0]!;
  const last = heap.pop()!;
  const n = heap.length;
  if (n === 0) return top;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= n) break;
    if (child + 1 < n && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= last) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
  return top;
}

/**
 * Merges byte tokens in place of a word. `ids` are byte-token ids; returns merged ids and how many of the given ids each
 * covers. O(n log n), so that a word of a megabyte does not hang.
 */
export function mergeWord(ids: readonly number[], merges: Merges): { ids: number[]; sizes: number[] } {
  const n = ids.length;
  const id = ids.slice();
  const size = new Array<number>(n).fill(1);
  const next = Array.from({ length: n }, (_, i) => i + 1);
  const previous = Array.from({ length: n }, (_, i) => i - 1);
  const heap: number[] = []; // rank · 2^26 + position
  const offer = (i: number) => {
    const j = next[i]!;
    if (j >= n) return;
    const merge = merges.get(id[i]! * PAIR_SHIFT + id[j]!);
    if (merge) push(heap, merge.rank * POSITIONS + i);
  };
  for (let i = 0; i + 1 < n; i++) offer(i);
  while (heap.length > 0) {
    const entry = pop(heap);
    const i = entry % POSITIONS;
    const j = next[i]!;
    if (size[i] === 0 || j >= n) continue;
    const merge = merges.get(id[i]! * PAIR_SHIFT + id[j]!);
    // Stale: the pair at this place has changed since it was offered.
    if (!merge || merge.rank !== Math.floor(entry / POSITIONS)) continue;
    id[i] = merge.id;
    size[i] = size[i]! + size[j]!;
    size[j] = 0;
    next[i] = next[j]!;
    if (next[i]! < n) previous[next[i]!] = i;
    offer(i);
    if (previous[i]! >= 0) offer(previous[i]!);
  }
  const out = { ids: [] as number[], sizes: [] as number[] };
  for (let i = 0; i < n; i = next[i]!) {
    out.ids.push(id[i]!);
    out.sizes.push(size[i]!);
  }
  return out;
}

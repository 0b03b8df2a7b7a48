// The embedding: rows by id, and its gradient without atomics: the host sorts the ids once, so that each row of the table
// has one writer, which adds its tokens in their order.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, WORKGROUP_INDEX } from '../kernel';

const THREADS = 64;
const MAIN = `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;`;

/** x[n] = table[ids[first + n]]. Buffers: table [V,D], ids u32, x [N,D]. Values: rows = N, first. */
export function embed({ d }: { d: number }): Kernel<'rows' | 'first'> {
  return makeKernel({
    name: 'embed',
    params: [
      ['rows', 'u32'],
      ['first', 'u32'],
    ],
    buffers: [
      { name: 'weights', type: 'array<vec4f>', access: 'read' },
      { name: 'ids', type: 'array<u32>', access: 'read' },
      { name: 'x', type: 'array<vec4f>', access: 'write' },
    ],
    code: `${MAIN}
  if (i >= p.rows * ${d / 4}u) { return; }
  x[i] = weights[ids[p.first + i / ${d / 4}u] * ${d / 4}u + i % ${d / 4}u];
}`,
    grid: ({ rows }) => foldedGrid(ceilDiv(rows * (d / 4), THREADS)),
  });
}

/** Ids of a batch in groups: unique[u] stands at positions order[starts[u] … starts[u + 1]). */
export interface IdGroups {
  unique: Uint32Array<ArrayBuffer>;
  /** unique.length + 1 entries. */
  starts: Uint32Array<ArrayBuffer>;
  order: Uint32Array<ArrayBuffer>;
}
export function groupIds(ids: ArrayLike<number>): IdGroups {
  // By counting, in the order of positions: a sort with a comparison takes ten times as long.
  let most = 0;
  for (let n = 0; n < ids.length; n++) most = Math.max(most, ids[n]!);
  const counts = new Uint32Array(most + 1);
  for (let n = 0; n < ids.length; n++) counts[ids[n]!]!++;
  const unique = new Uint32Array(Math.min(ids.length, most + 1));
  const starts = new Uint32Array(unique.length + 1);
  let [groups, before] = [0, 0];
  counts.forEach((count, id) => {
    if (count === 0) return;
    unique[groups] = id;
    starts[groups++] = before;
    counts[id] = before;
    before += count;
  });
  starts[groups] = before;
  const order = new Uint32Array(ids.length);
  for (let n = 0; n < ids.length; n++) order[counts[ids[n]!]!++] = n;
  return { unique: unique.slice(0, groups), starts: starts.slice(0, groups + 1), order };
}

/**
 * grads[id] += Σ dx[n] over the positions of id. Buffers: dx [N,D], unique, starts, order (IdGroups), grads [V,D].
 * Values: groups = number of unique ids. Rows that no token has are left alone: `accumulate` is the caller's.
 */
export function embedBackward({ d }: { d: number }): Kernel<'groups'> {
  return makeKernel({
    name: 'embed backward',
    params: [['groups', 'u32']],
    buffers: [
      { name: 'dx', type: 'array<vec4f>', access: 'read' },
      { name: 'ids', type: 'array<u32>', access: 'read' },
      { name: 'starts', type: 'array<u32>', access: 'read' },
      { name: 'order', type: 'array<u32>', access: 'read' },
      { name: 'grads', type: 'array<vec4f>', access: 'write' },
    ],
    code: `${MAIN}
  let group = i / ${d / 4}u; let c = i % ${d / 4}u;
  if (group >= p.groups) { return; }
  var sum = vec4f();
  for (var k = starts[group]; k < starts[group + 1u]; k++) { sum += dx[order[k] * ${d / 4}u + c]; }
  grads[ids[group] * ${d / 4}u + c] += sum;
}`,
    grid: ({ groups }) => foldedGrid(ceilDiv(groups * (d / 4), THREADS)),
  });
}

/** Sets `floats` floats to 0. Buffers: out. */
export function clear(): Kernel<'floats'> {
  return makeKernel({
    name: 'clear',
    params: [['floats', 'u32']],
    buffers: [{ name: 'cleared', type: 'array<f32>', access: 'write' }],
    code: `${MAIN}
  if (i < p.floats) { cleared[i] = 0.0; }
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(floats, THREADS)),
  });
}

/** dense[index[m]] += rows[m]; every row is named at most once. Buffers: compact [M,D], index [M], dense [N,D]. Values: rows = M. */
export function addRows({ d }: { d: number }): Kernel<'rows'> {
  return makeKernel({
    name: 'add rows',
    params: [['rows', 'u32']],
    buffers: [
      { name: 'compact', type: 'array<vec4f>', access: 'read' },
      { name: 'index', type: 'array<u32>', access: 'read' },
      { name: 'dense', type: 'array<vec4f>', access: 'write' },
    ],
    code: `${MAIN}
  if (i >= p.rows * ${d / 4}u) { return; }
  dense[index[i / ${d / 4}u] * ${d / 4}u + i % ${d / 4}u] += compact[i];
}`,
    grid: ({ rows }) => foldedGrid(ceilDiv(rows * (d / 4), THREADS)),
  });
}

/** out = source, or out += source where `accumulate` is 1. Buffers: source, out. */
export function addInto(): Kernel<'floats' | 'accumulate'> {
  return makeKernel({
    name: 'add into',
    params: [
      ['floats', 'u32'],
      ['accumulate', 'u32'],
    ],
    buffers: [
      { name: 'source', type: 'array<f32>', access: 'read' },
      { name: 'out', type: 'array<f32>', access: 'write' },
    ],
    code: `${MAIN}
  if (i >= p.floats) { return; }
  if (p.accumulate != 0u) { out[i] += source[i]; } else { out[i] = source[i]; }
}`,
    grid: ({ floats }) => foldedGrid(ceilDiv(floats, THREADS)),
  });
}

// A bias of an adapter as a column of B: the product adds it with the low-rank part, AdamW keeps it as a vector of its own.
import { ceilDiv, foldedGrid, type Kernel, makeKernel, WORKGROUP_INDEX } from '../kernel';

const THREADS = 64;
/**
 * Rows `first` … `first + rows` of one column of a matrix [·, stride], and a vector. put: the column becomes the vector. take: vector
 * (+)= column, which becomes 0. Buffers: put: vector, matrix; take: matrix, vector.
 */
export function biasColumn(direction: 'put' | 'take'): Kernel<'rows' | 'first' | 'column' | 'stride' | 'accumulate'> {
  const isPut = direction === 'put';
  // Both written: they lie in one buffer, which WebGPU lets a dispatch either read or write.
  const vector = { name: 'vector', type: 'array<f32>', access: 'write' } as const;
  const matrix = { name: 'matrix', type: 'array<f32>', access: 'write' } as const;
  return makeKernel({
    name: `bias column ${direction}`,
    params: [
      ['rows', 'u32'],
      ['first', 'u32'],
      ['column', 'u32'],
      ['stride', 'u32'],
      ['accumulate', 'u32'],
    ],
    buffers: isPut ? [vector, matrix] : [matrix, vector],
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = ${WORKGROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.rows) { return; }
  let at = (p.first + i) * p.stride + p.column;
  ${
    isPut
      ? 'matrix[at] = vector[i];'
      : 'var v = matrix[at]; if (p.accumulate != 0u) { v += vector[i]; } vector[i] = v; matrix[at] = 0.0;'
  }
}`,
    grid: ({ rows }) => foldedGrid(ceilDiv(rows, THREADS)),
  });
}

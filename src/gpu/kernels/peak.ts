// How fast the adapter multiplies and adds at most: what products are measured against.
import { makeKernel } from '../kernel';

const LOOPS = 256;
const CHAINS = 16;

/** Multiply-adds in registers alone: what the adapter can do at most. */
export const peakKernel = makeKernel<'groups'>({
  name: 'peak',
  params: [['groups', 'u32']],
  buffers: [
    { name: 'A', type: 'array<vec4f>', access: 'read' },
    { name: 'B', type: 'array<vec4f>', access: 'read' },
    { name: 'C', type: 'array<vec4f>', access: 'write' },
  ],
  code: `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = A[id.x % 1024u]; let b = B[id.x % 1024u];
  ${Array.from({ length: CHAINS }, (_, i) => `var c${i} = vec4f(${i}.0);`).join(' ')}
  for (var k = 0u; k < ${LOOPS}u; k++) { ${Array.from({ length: CHAINS }, (_, i) => `c${i} = fma(c${i}, a, b);`).join(' ')} }
  C[id.x % 1024u] = ${Array.from({ length: CHAINS }, (_, i) => `c${i}`).join(' + ')};
}`,
  grid: ({ groups }) => [groups, 1, 1],
  flops: ({ groups }) => groups * 64 * LOOPS * CHAINS * 8,
});

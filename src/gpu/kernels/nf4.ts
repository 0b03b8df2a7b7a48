// Weights in four bits inside the matrix product: each vector of four is made from its codes where the product reads it
// (QLoRA, arXiv:2305.14314; codes and scales as src/nn/nf4.ts makes them), so that no f32 copy of the weight exists.

/** How the second operand of a product lies in memory. `nf4_double`: its scales are quantised too. */
export type WeightFormat = 'nf4' | 'nf4_double';

/**
 * Words of a block's header. A block is up to three tensors that a product reads as one matrix, each quantised by itself and a
 * multiple of 64 long, so that no scale spans two of them.
 */
export const NF4_HEADER = {
  /** The 16 values. */
  values: 0,
  /** First scale of each tensor; 2³² − 1 where there is none. */
  first: 16,
  /** Of double quantisation, by tensor: what its scales were taken from, and its first nested scale. */
  offset: 20,
  nested: 24,
  /** Where, in words: scales, nested scales, codes. */
  scalesAt: 28,
  nestedAt: 29,
  codesAt: 30,
  /** The 256 values of the dynamic map; only with double quantisation. */
  map: 32,
} as const;
export const NF4_HEADER_WORDS = { nf4: 32, nf4_double: 32 + 256 } as const satisfies Record<WeightFormat, number>;

/** WGSL: `weightAt(i)`, the i-th vector of four of the block in B, in row-major order. */
export function weightCode(format: WeightFormat): string {
  const h = NF4_HEADER;
  // 64 values, 16 vectors, share a scale; eight codes fill a word, the first of each byte's two in its high half.
  const scale =
    format === 'nf4'
      ? `return bitcast<f32>(B[B[${h.scalesAt}u] + block]);`
      : `let tensor = u32(block >= B[${h.first + 1}u]) + u32(block >= B[${h.first + 2}u]);
  let own = block - B[${h.first}u + tensor];
  let code = (B[B[${h.scalesAt}u] + (block >> 2u)] >> (8u * (block & 3u))) & 255u;
  let nested = bitcast<f32>(B[B[${h.nestedAt}u] + B[${h.nested}u + tensor] + (own >> 8u)]);
  return bitcast<f32>(B[${h.map}u + code]) * nested + bitcast<f32>(B[${h.offset}u + tensor]);`;
  return `fn weightScale(block: u32) -> f32 { ${scale} }
fn weightValue(code: u32) -> f32 { return bitcast<f32>(B[code & 15u]); }
fn weightAt(i: u32) -> vec4f {
  let codes = B[B[${h.codesAt}u] + (i >> 1u)] >> (16u * (i & 1u));
  return weightScale(i >> 4u) * vec4f(weightValue(codes >> 4u), weightValue(codes), weightValue(codes >> 12u), weightValue(codes >> 8u));
}`;
}

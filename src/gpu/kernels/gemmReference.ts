// Products and norms in f64, for the tests of the kernels.
import type { GemmLayout } from './gemm';

/** [m,n] in f64 from operands as they are stored. */
export function product(
  layout: GemmLayout,
  A: ArrayLike<number>,
  B: ArrayLike<number>,
  m: number,
  n: number,
  k: number,
) {
  const a = (i: number, l: number) => (layout === 'TN' ? A[l * m + i]! : A[i * k + l]!);
  const b = (l: number, j: number) => (layout === 'NT' ? B[j * k + l]! : B[l * n + j]!);
  const C = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a(i, l) * b(l, j);
      C[i * n + j] = sum;
    }
  return C;
}
/** RMSNorm of rows, in f64. */
export function rmsNorm(x: ArrayLike<number>, gamma: ArrayLike<number>, rows: number, eps: number) {
  const d = gamma.length;
  const rstd = Float64Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += x[i * d + j]! ** 2;
    return 1 / Math.sqrt(sum / d + eps);
  });
  return {
    rstd,
    y: Float64Array.from({ length: rows * d }, (_, at) => x[at]! * rstd[Math.floor(at / d)]! * gamma[at % d]!),
  };
}

// Singular values of a low-rank update s·B·A without forming it: they are the roots of the eigenvalues of Lᵀ(A·Aᵀ)L with
// B ᵀB = L·Lᵀ, an r × r matrix (Jacobi's rotations, f64).

/** rows [n, m] → rows · rowsᵀ [n, n]. */
function gram(rows: ArrayLike<number>, n: number, m: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < m; k++) sum += rows[i * m + k]! * rows[j * m + k]!;
      out[i * n + j] = out[j * n + i] = sum;
    }
  return out;
}
function transposed(x: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j]!;
  return out;
}

/** Eigenvalues (descending) and eigenvectors (columns of `vectors`) of a symmetric [n, n]: cyclic Jacobi. */
function symmetricEigen(given: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(given);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    let on = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const square = a[i * n + j]! ** 2;
        if (i === j) on += square;
        else off += square;
      }
    if (off <= 1e-30 * on) break;
    for (let p = 0; p < n - 1; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]!;
        if (apq === 0) continue;
        const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k * n + p]!, a[k * n + q]!];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p * n + k]!, a[q * n + k]!];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [v[k * n + p]!, v[k * n + q]!];
          v[k * n + p] = c * x - s * y;
          v[k * n + q] = s * x + c * y;
        }
      }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let k = 0; k < n; k++) vectors[k * n + to] = v[k * n + from]!;
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/** Singular values of scale · B·A, largest first, r of them; B [out, r], A [r, in]. Good to about 1e-8 of the largest. */
export function updateSpectrum(B: ArrayLike<number>, A: ArrayLike<number>, r: number, scale: number): Float64Array {
  const out = B.length / r;
  const inputs = A.length / r;
  // BᵀB = V·D·Vᵀ, so L = V·√D; negative rounding of a zero eigenvalue is a zero.
  const { values, vectors } = symmetricEigen(gram(transposed(B, out, r), r, out), r);
  const L = new Float64Array(r * r);
  for (let i = 0; i < r; i++)
    for (let j = 0; j < r; j++) L[i * r + j] = vectors[i * r + j]! * Math.sqrt(Math.max(0, values[j]!));
  const AA = gram(A, r, inputs);
  const T = new Float64Array(r * r);
  for (let i = 0; i < r; i++)
    for (let k = 0; k < r; k++) for (let j = 0; j < r; j++) T[i * r + j]! += AA[i * r + k]! * L[k * r + j]!;
  const M = new Float64Array(r * r);
  for (let k = 0; k < r; k++)
    for (let i = 0; i < r; i++) for (let j = 0; j < r; j++) M[i * r + j]! += L[k * r + i]! * T[k * r + j]!;
  return symmetricEigen(M, r).values.map((x) => Math.abs(scale) * Math.sqrt(Math.max(0, x)));
}

/**
 * How many directions an update really uses: exp of the entropy of σᵢ / Σσ (Roy & Vetterli 2007, "The effective rank"). 0 for
 * an update of zero.
 */
export function effectiveRank(singularValues: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < singularValues.length; i++) sum += singularValues[i]!;
  if (sum === 0) return 0;
  let entropy = 0;
  for (let i = 0; i < singularValues.length; i++) {
    const p = singularValues[i]! / sum;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return Math.exp(entropy);
}

// Matrix products in tf ops that sum in the same order on every backend, and fast on WASM.
import * as tf from '@tensorflow/tfjs-core';
import { wasmBatchMatMul } from '../gpu/wasm';

/** From this K on tfjs-webgpu splits K with float atomics, so the sum is taken in slices of MAX_K. */
const SPLIT_K = 2000;
const MAX_K = 1024;

/** aᵀ·b for a [N,P], b [N,Q] → [P,Q], reproducible on every backend. Transposes the narrower side: transposes are slow. */
export function matMulTN(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (a.shape[1] > b.shape[1]) return tf.tidy(() => tf.transpose(matMulTN(b, a)));
  return tf.tidy(() => {
    const n = a.shape[0];
    if (n < SPLIT_K || tf.getBackend() !== 'webgpu') return tf.matMul(tf.transpose(a), b);
    let sum: tf.Tensor2D | undefined;
    for (let start = 0; start < n; start += MAX_K) {
      const size = Math.min(MAX_K, n - start);
      const part: tf.Tensor2D = tf.matMul(
        tf.transpose(tf.slice(a, [start, 0], [size, -1])),
        tf.slice(b, [start, 0], [size, -1]),
      );
      sum = sum ? tf.add<tf.Tensor2D>(sum, part) : part;
    }
    return sum!;
  });
}

/** a [G,M,K] · b [G,K,N] → [G,M,N]. */
export function batchMatMul(a: tf.Tensor3D, b: tf.Tensor3D): tf.Tensor3D {
  return tf.getBackend() === 'wasm' ? wasmBatchMatMul(a, b) : tf.matMul(a, b);
}

/** Column sums of a [N,P] → [P], as a matmul with ones: tfjs-wasm reduces over axis 0 slowly. */
export function columnSums(a: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => tf.reshape(matMulTN(tf.ones([a.shape[0], 1]), a), [a.shape[1]]));
}

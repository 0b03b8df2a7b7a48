// Two shortcuts into tfjs-backend-wasm's memory (the only file that touches its private fields; tfjs is pinned).
// Its batched matmul is a naive loop and its slice copies the whole input first: measured 3.4 against 27 GFLOPS, and
// 0.7 ms for a 128 KiB slice. Registering a range of a tensor's memory as a tensor of its own costs nothing.
import * as tf from '@tensorflow/tfjs-core';

interface WasmInternals {
  wasm: {
    HEAPU8: Uint8Array;
    cwrap(name: string, result: null, types: string[]): (...args: unknown[]) => void;
    tfjs: { registerTensor(id: number, size: number, memoryOffset: number): void; disposeData(id: number): void };
  };
  dataIdNextNumber: number;
  dataIdMap: { get(dataId: object): { id: number; memoryOffset: number } };
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
}
const internals = (): WasmInternals => tf.backend() as unknown as WasmInternals;
const shapeBytes = (shape: number[]) => new Uint8Array(new Int32Array(shape).buffer);

let matMul: ((...args: unknown[]) => void) | undefined;
let matMulOf: unknown;

/** a [G,M,K] · b [G,K,N] → [G,M,N] with XNNPACK for each of the G products. Not on the tape. */
export function wasmBatchMatMul(a: tf.Tensor3D, b: tf.Tensor3D): tf.Tensor3D {
  const be = internals();
  if (matMulOf !== be.wasm) {
    const n = 'number';
    matMul = be.wasm.cwrap('BatchMatMul', null, [n, 'array', n, n, 'array', n, n, n, n]);
    matMulOf = be.wasm;
  }
  const [G, M, K] = a.shape;
  const N = b.shape[2];
  const out = be.makeOutput([G, M, N], 'float32');
  const at = (info: { dataId: object }) => be.dataIdMap.get(info.dataId).memoryOffset;
  const [aAt, bAt, outAt] = [at(a), at(b), at(out)];
  const aShape = shapeBytes([1, M, K]);
  const bShape = shapeBytes([1, K, N]);
  const view = (offset: number, size: number) => {
    const id = be.dataIdNextNumber++;
    be.wasm.tfjs.registerTensor(id, size, offset);
    return id;
  };
  for (let g = 0; g < G; g++) {
    const ids = [
      view(aAt + 4 * g * M * K, M * K),
      view(bAt + 4 * g * K * N, K * N),
      view(outAt + 4 * g * M * N, M * N),
    ];
    matMul!(ids[0], aShape, 3, ids[1], bShape, 3, 0, 0, ids[2]);
    for (const id of ids) be.wasm.tfjs.disposeData(id); // forgets the view and XNNPACK's packed copy; frees no tensor
  }
  return tf.engine().makeTensorFromTensorInfo(out) as tf.Tensor3D;
}

/** Copy of x[offset, offset + size). x is float32. */
export function wasmSlice(x: tf.Tensor1D, offset: number, size: number): tf.Tensor1D {
  const be = internals();
  const start = be.dataIdMap.get(x.dataId).memoryOffset + 4 * offset;
  // slice: making the new tensor may grow, and so move, the heap.
  return tf.tensor1d(new Float32Array(be.wasm.HEAPU8.slice(start, start + 4 * size).buffer));
}

/** Overwrites cache[:, slot, :] with x, in place. cache [G,T,W], x [G,W], float32. */
export function wasmWriteSlot(cache: tf.Tensor3D, x: tf.Tensor2D, slot: number): void {
  const be = internals();
  const [G, T, W] = cache.shape;
  const heap = be.wasm.HEAPU8;
  const to = be.dataIdMap.get(cache.dataId).memoryOffset;
  const from = be.dataIdMap.get(x.dataId).memoryOffset;
  for (let g = 0; g < G; g++) heap.copyWithin(to + 4 * (g * T + slot) * W, from + 4 * g * W, from + 4 * (g + 1) * W);
}

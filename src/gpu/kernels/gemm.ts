// Matrix products of a linear layer and of its gradients, generated: three layouts, what happens to A on the way in
// (prologue) and to C on the way out (epilogue), so that norm, RoPE, SwiGLU and residual cost no pass of their own.
//
//   NT  C[m,n] = A[m,k] · B[n,k]ᵀ    forward: x · Wᵀ, weights stay in HF's [out, in]
//   NN  C[m,n] = A[m,k] · B[k,n]     gradient of the input: dY · W
//   TN  C[m,n] = A[k,m]ᵀ · B[k,n]    gradient of the weight: dYᵀ · x
//
// Rows of A, B and C are read and written four floats at a time: k (NT, NN), n, m (TN) and lda are multiples of 4; where n is
// not, as with an odd vocabulary, C's rows are padded to `ldc` and what stands there is undefined.
import { ceilDiv, type Kernel, makeKernel, type StorageBinding, type Values } from '../kernel';
import { directCode } from './gemmDirect';
import { tiledCode } from './gemmTiled';
import type { WeightFormat } from './nf4';

export type GemmLayout = 'NT' | 'NN' | 'TN';
/** Rows in registers alone (software adapters), or tiles in workgroup memory (hardware). */
export type GemmForm =
  | { kind: 'direct'; tm: number; tn: number; wx: number; wy: number }
  | { kind: 'tiled'; bm: number; bn: number; bk: number; tm: number; tn: number };

export interface GemmSpec {
  layout: GemmLayout;
  form: GemmForm;
  /**
   * RMSNorm of the rows of x (A in NT, B in TN): y = x · rstd · γ. NT computes rstd itself and writes it when `save`; TN reads it,
   * and leaves the norm out where `bare` is 1.
   */
  norm?: { eps: number; save: boolean };
  /** B in four bits (nf4.ts); of NT and NN. */
  weights?: WeightFormat;
  /** C = A·B + A2·B2, k2 long: a low-rank part beside the product (LoRA). Of NT and NN. */
  lowRank?: boolean;
  /**
   * store: C = acc, or C += acc where `accumulate` is 1. residual: C = R + acc, or acc where `bare` is 1. rope: C = acc with the q and k heads rotated;
   * with `append`, row i goes to C's row meta[3m + i]: a cache that grows.
   * swiglu: columns are gate and up; act = silu(gate)·up, and gate|up too when `save`. swigluBackward: acc = d act; writes
   * d gate|d up, and act again for the gradient of the next weight; with `extra`, d act = acc + what stands there.
   * route: C = acc ∘ routes[route of the row], + routes[offsets + route] where `offsets` is not 0: scale and choice of adapters,
   * and the constants that their biases are multiplied by. blocks (TN): column c of C is 0 outside the rows
   * from blocks[c] to blocks[n + c]: each module's adapter reaches its own outputs alone. drop (NN): C (+)= acc ∘ the factors of
   * dropout under the draw of the row's route (dropout.ts).
   */
  epilogue: GemmEpilogue;
}
export type GemmEpilogue =
  | { kind: 'store' }
  | { kind: 'residual' }
  | { kind: 'rope'; headDim: number; rotatedHeads: number; positions: number; append?: boolean }
  | { kind: 'swiglu'; save: boolean }
  | { kind: 'swigluBackward'; extra?: boolean }
  | { kind: 'route' }
  | { kind: 'drop' }
  | { kind: 'blocks' };

/** `bare`: a kernel with a residual, or of TN with a norm, works as one without: then one pipeline does for both. */
export type GemmParam = 'm' | 'n' | 'k' | 'lda' | 'ldc' | 'accumulate' | 'k2' | 'bare' | 'offsets';
export const GEMM_PARAMS = [
  ['m', 'u32'],
  ['n', 'u32'],
  ['k', 'u32'],
  ['lda', 'u32'],
  ['ldc', 'u32'],
  ['accumulate', 'u32'],
  ['k2', 'u32'],
  ['bare', 'u32'],
  ['offsets', 'u32'],
] as const;

const VEC: Omit<StorageBinding, 'name' | 'access'> = { type: 'array<vec4f>' };
const reads = (name: string, type = VEC.type): StorageBinding => ({ name, type, access: 'read' });
const writes = (name: string, type = VEC.type): StorageBinding => ({ name, type, access: 'write' });

/**
 * Buffers in binding order: A, B, (lowRank) A2, B2, what prologue and epilogue read, then what is written.
 * norm: gamma, (TN) rstd. residual: R. rope: table (cos then sin, [positions, headDim / 2] each), meta (position of row i at
 * 2m + i). swigluBackward: gate|up [m, 2n], (extra) [m, n]. route: routes [routes, n], route of each row [m]. drop: draws
 * [routes, 4], route of each row [m]. blocks: [2, n]. Outputs: C; swiglu: act [m, n / 2], (save) gate|up; swigluBackward: C
 * [m, 2n], act [m, n]; norm in NT with save: rstd [m].
 */
function buffersOf({ layout, norm, epilogue, lowRank, weights }: GemmSpec): StorageBinding[] {
  const list = [reads('A'), reads('B', weights ? 'array<u32>' : VEC.type)];
  if (lowRank) list.push(reads('A2'), reads('B2'));
  if (norm) list.push(reads('gamma'));
  if (norm && layout === 'TN') list.push(reads('rstd', 'array<f32>'));
  list.push(...epilogueReads(epilogue), ...epilogueWrites(epilogue));
  if (norm?.save && layout === 'NT') list.push(writes('rstd', 'array<f32>'));
  return list;
}

/** What an epilogue reads, in binding order. */
export function epilogueReads(epilogue: GemmEpilogue): StorageBinding[] {
  switch (epilogue.kind) {
    case 'residual':
      return [reads('residual')];
    case 'rope':
      return [reads('table'), reads('rowMeta', 'array<u32>')];
    case 'swigluBackward':
      return [reads('gateUp'), ...(epilogue.extra ? [reads('extra')] : [])];
    case 'route':
      return [reads('routes'), reads('rowRoute', 'array<u32>')];
    case 'drop':
      return [reads('draws', 'array<vec4u>'), reads('rowRoute', 'array<u32>')];
    case 'blocks':
      return [reads('blocks', 'array<vec4u>')];
    default:
      return [];
  }
}
/** What it writes. */
export function epilogueWrites(epilogue: GemmEpilogue): StorageBinding[] {
  if (epilogue.kind === 'swiglu') return [writes('act'), ...(epilogue.save ? [writes('C')] : [])];
  return [writes('C'), ...(epilogue.kind === 'swigluBackward' ? [writes('act')] : [])];
}

const describe = ({ layout, form, norm, epilogue, lowRank, weights }: GemmSpec): string =>
  [
    `gemm ${layout}`,
    weights,
    norm && 'norm',
    epilogue.kind !== 'store' && epilogue.kind,
    epilogue.kind === 'swigluBackward' && epilogue.extra && 'extra',
    lowRank && 'lowRank',
    form.kind,
  ]
    .filter(Boolean)
    .join(' ');

/** Throws RangeError for a form that does not fit (see checkForm). */
export function gemm(spec: GemmSpec): Kernel<GemmParam> {
  checkForm(spec);
  const { layout, epilogue } = spec;
  const form = formFor(spec);
  const isPaired = epilogue.kind === 'rope' || epilogue.kind === 'swiglu';
  if (isPaired && layout !== 'NT') throw new RangeError(`The epilogue ${epilogue.kind} belongs to layout NT.`);
  if (spec.weights && layout === 'TN') throw new RangeError('Weights in four bits belong to layouts NT and NN.');
  if (spec.lowRank && layout === 'TN') throw new RangeError('A low-rank part belongs to layouts NT and NN.');
  const [rows, columns] = form.kind === 'direct' ? [form.tm * form.wy, form.tn * form.wx] : [form.bm, form.bn];
  return makeKernel({
    name: describe(spec),
    params: GEMM_PARAMS,
    buffers: buffersOf(spec),
    code: form.kind === 'direct' ? directCode(spec, form) : tiledCode(spec, form),
    grid: ({ m, n }: Values<GemmParam>) => [ceilDiv(n, columns), ceilDiv(m, rows), 1],
    flops: ({ m, n, k, k2 }: Values<GemmParam>) => 2 * m * n * (k + k2),
  });
}

/**
 * The form of a kernel, from its layout's. A direct tile with RoPE's epilogue is halved: the kernel would take a second to compile
 * on a software adapter, and is a thirtieth of a step; a quarter slower, it is ready in half the time.
 */
const formFor = ({ form, epilogue }: GemmSpec): GemmForm =>
  form.kind === 'direct' && epilogue.kind === 'rope' && form.tm % 8 === 0 ? { ...form, tm: form.tm / 2 } : form;

function checkForm({ form, epilogue }: GemmSpec): void {
  const isPaired = epilogue.kind === 'rope' || epilogue.kind === 'swiglu';
  const step = isPaired ? 8 : 4;
  if (form.tm % 4 !== 0 || form.tn % step !== 0)
    throw new RangeError(`A tile of ${form.tm} × ${form.tn} needs rows in fours and columns in steps of ${step}.`);
  if (epilogue.kind === 'rope' && epilogue.headDim % 8 !== 0)
    throw new RangeError(`head_dim must be a multiple of 8, got ${epilogue.headDim}.`);
  if (form.kind !== 'tiled') return;
  const { bm, bn, bk, tm, tn } = form;
  if (bm % tm || bn % tn || bk % 4 || (bm / tm) * (bn / tn) > 256 || 4 * bk * (bm + bn) > 16_384)
    throw new RangeError(`The tile ${bm} × ${bn} × ${bk} with ${tm} × ${tn} a thread does not fit a workgroup.`);
}

/** Values of a call; lda and ldc default to packed rows. */
export const gemmValues = (
  layout: GemmLayout,
  given: { m: number; n: number; k: number } & Partial<Values<GemmParam>>,
): Values<GemmParam> => {
  const { m, n, k, lda = layout === 'TN' ? m : k, ldc = n, accumulate = 0, k2 = 0, bare = 0, offsets = 0 } = given;
  return { m, n, k, lda, ldc, accumulate, k2, bare, offsets };
};

/**
 * For SwiftShader, among 35 forms: 256 to 512 results a thread, few threads a workgroup. Twice as many are up to a third
 * faster and take two to four times as long to compile.
 */
export const SOFTWARE_FORM = {
  NT: { kind: 'direct', tm: 16, tn: 16, wx: 2, wy: 4 },
  NN: { kind: 'direct', tm: 16, tn: 16, wx: 2, wy: 4 },
  TN: { kind: 'direct', tm: 16, tn: 32, wx: 1, wy: 4 },
} as const satisfies Record<GemmLayout, GemmForm>;

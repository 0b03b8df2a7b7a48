// The Llama of nn/llama.ts as recorded kernel calls: forward, the head on supervised rows, backward. Same maths, same names;
// norms, RoPE, SwiGLU and residuals live inside the products next to them, so that a layer is five calls forward and twelve
// back (thirteen dispatches with the two of attention's gradient).
import { attentionBackwardKv, attentionBackwardQ } from '../../gpu/kernels/attentionBackward';
import { attentionForward } from '../../gpu/kernels/attentionForward';
import { biasColumn } from '../../gpu/kernels/biasColumn';
import { divergenceRows } from '../../gpu/kernels/divergence';
import { magnitudeGradient, scaledRows } from '../../gpu/kernels/dora';
import { columns, dropRows } from '../../gpu/kernels/dropout';
import { addInto, addRows, clear, embed, embedBackward } from '../../gpu/kernels/embedding';
import type { KernelForms } from '../../gpu/kernels/forms';
import { type GemmEpilogue, type GemmLayout, type GemmParam, gemm, gemmValues } from '../../gpu/kernels/gemm';
import {
  CHUNK_ROWS,
  headRows,
  logitStride,
  nllTotals,
  STAT_FLOATS,
  STATS,
  type Stat,
  spreadRows,
  topkRows,
} from '../../gpu/kernels/head';
import { normGradients, normParts, rmsNormBackward, rmsNormRows } from '../../gpu/kernels/norm';
import { type Fixed, formatOf, type Memory, type Planned, Recording, type ValuesOf, view } from '../../gpu/recording';
import type { LlamaConfig } from '../../protocol/model';
import type { GroupKey } from './adapterLayout';
import type { InputPart } from './batchInputs';

/** What changes from batch to batch under one recording. */
export interface StepSizes {
  /** Supervised rows and distinct ids of the batch. */
  supervised: number;
  groups: number;
  inverseTemperature: number;
  /** Multiplies the loss before it is differentiated. */
  scale: number;
  /** 1: the loss of dft (see headRows). */
  dft: number;
  /** 1: gradients add to what earlier micro-batches left. */
  accumulate: number;
  /** Place of the micro-batch's totals. */
  at: number;
  /** Of the divergence from a teacher. */
  beta: number;
  inverseDistillTemperature: number;
}

/** A teacher's normed hidden states of the same supervised rows, [M, d], and its vocabulary head. */
export interface Teacher {
  h: Fixed;
  weight: Fixed;
  d: number;
}

/** Fixed memory that recordings name. */
export interface LlamaMemory {
  /** Weight or gradient of a block by the name of its first parameter. */
  weight(name: string): Fixed;
  grad(name: string): Fixed;
  input(part: InputPart): Fixed;
  /** RoPE's cos and sin, [positions, hd / 2] each: as many positions as its bytes say. */
  table: Fixed;
  /** Adapters of a layer's modules, if it has any; then the base is frozen. */
  adapter?(layer: number, key: GroupKey): AdapterMemory | undefined;
}
/** Adapters beside one product: see AdapterGroup. */
export interface AdapterMemory {
  rank: number;
  in: number;
  out: number;
  A: Fixed;
  B: Fixed;
  dA: Fixed;
  dB: Fixed;
  routes: Fixed;
  blocks: Fixed;
  /** Rows of `routes` before what is added to coefficients; 0 without biases. */
  offsets: number;
  biases?: readonly BiasMemory[];
  passes?: readonly PassMemory[];
  dora?: DoraMemory;
}
/** g and 1 / ‖W + s·B·A‖ [routes + 1, out]; the magnitudes of outputs `first` … `first + columns`, with the routes that are theirs. */
export interface DoraMemory {
  scales: Fixed;
  inverse: Fixed;
  magnitudes: readonly { first: number; columns: number; own: Fixed; gradient: Fixed }[];
}
/** A bias, its gradient, and its place in B. */
export interface BiasMemory {
  column: number;
  first: number;
  rows: number;
  values: Fixed;
  gradient: Fixed;
}
/** A pass of dropout: see DropoutPass. A and dA are the module's rows. */
export interface PassMemory {
  first: number;
  width: number;
  depth: number;
  A: Fixed;
  dA: Fixed;
  routes: Fixed;
  draws: Fixed;
}

export interface LlamaShape {
  config: LlamaConfig;
  B: number;
  T: number;
  forms: KernelForms;
  normStride: number;
  /** Keep only the input of each layer and run it again in the backward pass (arXiv:1604.06174): less memory, a third more work. */
  checkpointing?: boolean;
  /** Adapters that have dropout draw: a step of training, no measurement. */
  dropout?: boolean;
}

interface SavedLayer {
  x: Planned;
  rstd1: Planned;
  qkv: Planned;
  o: Planned;
  lse: Planned;
  mid: Planned;
  rstd2: Planned;
  gateUp: Planned;
  /** x·Aᵀ of each group of modules with adapters, times the rows' coefficients. */
  low: Partial<Record<GroupKey, Planned>>;
  /** Outputs of each group with DoRA before g. */
  z: Partial<Record<GroupKey, Planned>>;
}

/** The low-rank part of a product: left [m, rank] · right. */
interface LowRank {
  rank: number;
  left: Memory;
  right: Fixed;
}
/**
 * Of a group, from the gradient of its outputs: dZ, what the base's product gets; and what reaches its input through adapters, a
 * low-rank part or with dropout the left sides of its passes.
 */
interface InputGradient {
  dZ: Memory;
  low?: LowRank;
  passes?: { pass: PassMemory; left: Memory }[];
}
/** A group's input: rows, with what a norm in front of them needs. */
interface GroupInput {
  x: Memory;
  norm?: { gamma: Fixed; rstd: Memory };
}

/** Builds recordings of one shape. Each method records its part of a step. */
export class LlamaRecorder {
  readonly recording = new Recording<StepSizes>();
  readonly rows: number;
  /** What stands between the kernels of a forward pass that saves it, with the floats of a row: see intermediates(). */
  readonly named = new Map<string, { memory: Planned; width: number }>();
  private readonly layers: SavedLayer[] = [];
  private last?: Planned;
  private h?: { rows: Planned; rstd: Planned };

  constructor(
    readonly shape: LlamaShape,
    readonly memory: LlamaMemory,
  ) {
    this.rows = shape.B * shape.T;
  }

  private product(
    layout: GemmLayout,
    sizes: { m: number; n: number; k: number; lda?: number; ldc?: number; offsets?: number },
    args: Memory[],
    options: { epilogue?: GemmEpilogue; norm?: 'save' | 'use'; accumulates?: boolean; low?: LowRank } = {},
  ): void {
    const { config, forms } = this.shape;
    const { epilogue = { kind: 'store' }, norm, accumulates, low } = options;
    if (layout === 'TN' && !norm && epilogue.kind === 'store') {
      this.outerProduct(args[0]!, args[1]!, args[2]!, ({ accumulate }) =>
        gemmValues('TN', { ...sizes, accumulate: accumulates ? accumulate : 0 }),
      );
      return;
    }
    const weights = formatOf(args[1]);
    const kernel = gemm({
      layout,
      form: forms.gemm[layout],
      epilogue,
      ...(weights && { weights }),
      ...(low && { lowRank: true }),
      ...(norm && { norm: { eps: config.rms_norm_eps, save: norm === 'save' } }),
    });
    const fixed = gemmValues(layout, { ...sizes, k2: low?.rank ?? 0 });
    const all = low ? [...args.slice(0, 2), low.left, low.right, ...args.slice(2)] : args;
    this.recording.call(kernel, all, accumulates ? ({ accumulate }) => ({ ...fixed, accumulate }) : () => fixed);
  }

  /**
   * C = Aᵀ · B. On software adapters, which compile for half a second, by the kernel that has a norm in front of B as well.
   */
  private outerProduct(A: Memory, B: Memory, C: Memory, values: ValuesOf<StepSizes, GemmParam>): void {
    const { config, forms } = this.shape;
    const form = forms.gemm.TN;
    const isShared = form.kind === 'direct';
    const kernel = gemm({
      layout: 'TN',
      form,
      epilogue: { kind: 'store' },
      ...(isShared && { norm: { eps: config.rms_norm_eps, save: false } }),
    });
    // What a bare kernel binds as γ and rstd does not matter.
    if (isShared) this.recording.call(kernel, [A, B, B, A, C], (s) => ({ ...values(s), bare: 1 }));
    else this.recording.call(kernel, [A, B, C], values);
  }
  /** C = A · Bᵀ as it stands: the kernel with a residual, so that there is one pipeline for both. */
  private plainProduct(A: Memory, B: Memory, C: Memory, values: ValuesOf<StepSizes, GemmParam>): void {
    const form = this.shape.forms.gemm.NT;
    const kernel = gemm({ layout: 'NT', form, epilogue: { kind: 'residual' } });
    this.recording.call(kernel, [A, B, A, C], (s) => ({ ...values(s), bare: 1 }));
  }

  /** x·Aᵀ of all adapters of a group, times the coefficients of each row; behind a norm it saves that norm's rstd. */
  private shrink(
    layer: number,
    key: GroupKey,
    x: Memory,
    norm?: { gamma: Fixed; rstd?: Planned },
  ): (LowRank & { left: Planned }) | undefined {
    const adapter = this.memory.adapter?.(layer, key);
    if (!adapter) return undefined;
    const { rank, A, B, routes } = adapter;
    const left = this.recording.floats(`low.${key}${layer}`, this.rows * rank);
    const passes = this.passesOf(adapter);
    if (passes) {
      const rstd = norm && (norm.rstd ?? this.recording.floats(`rstd.${key}${layer}`, this.rows));
      this.shrinkDropped(`${key}${layer}`, adapter, passes, { x, ...(rstd && { norm: { ...norm, rstd } }) }, left);
      return { rank, left, right: B };
    }
    this.product(
      'NT',
      { m: this.rows, n: rank, k: adapter.in, offsets: adapter.offsets },
      [
        x,
        A,
        ...(norm ? [norm.gamma] : []),
        routes,
        this.memory.input('route'),
        left,
        ...(norm?.rstd ? [norm.rstd] : []),
      ],
      { epilogue: { kind: 'route' }, ...(norm && { norm: norm.rstd ? 'save' : 'use' }) },
    );
    return { rank, left, right: B };
  }
  private passesOf(adapter: AdapterMemory): readonly PassMemory[] | undefined {
    return this.shape.dropout ? adapter.passes : undefined;
  }
  /** The dropped input of a pass, drawn anew at each call: nothing is kept of it. */
  private dropped(label: string, pass: PassMemory, { x, norm }: GroupInput, width: number): Planned {
    const { config, forms } = this.shape;
    const y = this.recording.floats(`dropped.${label}`, this.rows * width);
    const kernel = dropRows({ form: forms.row, ...(norm && { norm: { eps: config.rms_norm_eps } }) });
    const args = [x, ...(norm ? [norm.gamma] : []), this.memory.input('route'), pass.draws, y];
    this.recording.call(kernel, [...args, ...(norm ? [norm.rstd] : [])], () => ({
      rows: this.rows,
      vectors: width / 4,
    }));
    return y;
  }
  /** shrink with dropout: a product for each pass, its columns put beside the others'. */
  private shrinkDropped(
    label: string,
    adapter: AdapterMemory,
    passes: readonly PassMemory[],
    input: GroupInput,
    left: Planned,
  ): void {
    const { rank } = adapter;
    passes.forEach((pass, i) => {
      const { first, width, depth, A, routes } = pass;
      const y = this.dropped(`${label}.${i}`, pass, input, adapter.in);
      const own = passes.length === 1 ? left : this.recording.floats(`low.${label}.${i}`, this.rows * width);
      const args = [y, A, routes, this.memory.input('route'), own];
      const sizes = { m: this.rows, n: width, k: adapter.in, offsets: adapter.offsets };
      this.product('NT', sizes, args, { epilogue: { kind: 'route' } });
      if (own !== left)
        this.recording.call(columns('put'), [own, left], () => ({
          ...{ rows: this.rows, width, stride: rank, first },
          accumulate: depth > 0 ? 1 : 0,
        }));
    });
  }
  /**
   * dB of a group's adapters from the gradient of its outputs, dY; gives what reaches the group's input through them.
   */
  private adapterBackward(layer: number, key: GroupKey, dY: Memory): InputGradient {
    const adapter = this.memory.adapter?.(layer, key);
    if (!adapter) return { dZ: dY };
    const { rank, A, B, routes, blocks, dB } = adapter;
    const left = this.recording.floats(`dLow.${key}${layer}`, this.rows * rank);
    const dZ = this.scaleBackward(layer, key, adapter, dY);
    const args = [dZ, B, routes, this.memory.input('route'), left];
    this.product('NN', { m: this.rows, n: rank, k: adapter.out }, args, { epilogue: { kind: 'route' } });
    this.product('TN', { m: adapter.out, n: rank, k: this.rows }, [dZ, this.layers[layer]!.low[key]!, blocks, dB], {
      epilogue: { kind: 'blocks' },
      accumulates: true,
    });
    for (const { column, first, rows, gradient } of adapter.biases ?? [])
      this.recording.call(biasColumn('take'), [dB, gradient], ({ accumulate }) => ({
        ...{ column, first, rows, stride: rank, accumulate },
      }));
    const passes = this.passesOf(adapter);
    if (!passes) return { dZ, low: { rank, left, right: A } };
    const taken = passes.map((pass, i) => {
      if (passes.length === 1) return { pass, left };
      const { first, width } = pass;
      const own = this.recording.floats(`dLow.${key}${layer}.${i}`, this.rows * width);
      this.recording.call(columns('take'), [left, pass.routes, this.memory.input('route'), own], () => ({
        ...{ rows: this.rows, width, stride: rank, first, accumulate: 0 },
      }));
      return { pass, left: own };
    });
    return { dZ, passes: taken };
  }
  /** Through DoRA's g, and the gradient of its magnitudes. */
  private scaleBackward(layer: number, key: GroupKey, { dora, out }: AdapterMemory, dY: Memory): Memory {
    if (!dora) return dY;
    const { recording: r, rows: N } = this;
    const route = this.memory.input('route');
    const kernel = magnitudeGradient({ form: this.shape.forms.row });
    const z = this.layers[layer]!.z[key]!;
    for (const { first, columns, own, gradient } of dora.magnitudes)
      r.call(kernel, [dY, z, dora.inverse, own, route, gradient], ({ accumulate }) => ({
        ...{ rows: N, columns, first, stride: out, accumulate },
      }));
    const dZ = r.floats(`dZ.${key}${layer}`, N * out);
    const values = gemmValues('NT', { m: N, n: out, k: 0 });
    r.call(scaledRows({ kind: 'store' }), [dY, dora.scales, route, dZ], () => values);
    return dZ;
  }
  /**
   * The product of a group forward, x · Wᵀ with its low-rank part; `rest`: what the epilogue binds. With DoRA g and the epilogue come
   * after it, and z is given back.
   */
  private linear(
    layer: number,
    key: GroupKey,
    sizes: { n: number; k: number },
    args: { x: Memory; weight: Fixed; gamma?: Fixed; rest: Memory[]; rstd?: Memory },
    epilogue: GemmEpilogue,
    low: LowRank | undefined,
  ): Planned | undefined {
    const { x, weight, gamma, rest, rstd } = args;
    const m = this.rows;
    const norm = gamma ? [gamma] : [];
    const dora = this.memory.adapter?.(layer, key)?.dora;
    if (!dora || !low) {
      const options = { epilogue, low, ...(gamma && { norm: rstd ? ('save' as const) : ('use' as const) }) };
      this.product('NT', { m, ...sizes }, [x, weight, ...norm, ...rest, ...(rstd ? [rstd] : [])], options);
      return undefined;
    }
    const z = this.recording.floats(`z.${key}${layer}`, m * sizes.n);
    this.product('NT', { m, ...sizes }, [x, weight, ...norm, z], { low, ...(gamma && { norm: 'use' }) });
    const values = gemmValues('NT', { m, ...sizes });
    const scaled = [z, dora.scales, this.memory.input('route'), ...rest];
    this.recording.call(scaledRows(epilogue), scaled, () => values);
    return z;
  }
  /** dA, from what adapterBackward gave and the group's input. */
  private adapterInputGradient(layer: number, key: GroupKey, { low, passes }: InputGradient, input: GroupInput): void {
    const adapter = this.memory.adapter?.(layer, key);
    if (!adapter) return;
    const sizes = { n: adapter.in, k: this.rows };
    if (low) {
      const { x, norm } = input;
      const args = [low.left, x, ...(norm ? [norm.gamma, norm.rstd] : []), adapter.dA];
      this.product('TN', { ...sizes, m: adapter.rank }, args, { accumulates: true, ...(norm && { norm: 'use' }) });
    }
    passes?.forEach(({ pass, left }, i) => {
      const y = this.dropped(`${key}${layer}.${i} again`, pass, input, adapter.in);
      this.outerProduct(left, y, pass.dA, ({ accumulate }) =>
        gemmValues('TN', { ...sizes, m: pass.width, accumulate: pass.depth > 0 ? 1 : accumulate }),
      );
    });
  }
  /** What reaches a group's input through dropout and A, into dX [N, in]; added to what stands there if `adds`. */
  private throughDropout(passes: NonNullable<InputGradient['passes']>, dX: Memory, width: number, adds: boolean): void {
    const kernel = gemm({ layout: 'NN', form: this.shape.forms.gemm.NN, epilogue: { kind: 'drop' } });
    passes.forEach(({ pass, left }, i) => {
      const values = gemmValues('NN', { m: this.rows, n: width, k: pass.width, accumulate: adds || i > 0 ? 1 : 0 });
      this.recording.call(kernel, [left, pass.A, pass.draws, this.memory.input('route'), dX], () => values);
    });
  }
  /** dX = dZ · W [k, n] and what reaches the input through adapters. */
  private inputGradient(n: number, k: number, W: Fixed, dX: Memory, { dZ, low, passes }: InputGradient): void {
    this.product('NN', { m: this.rows, n, k }, [dZ, W, dX], { low });
    if (passes) this.throughDropout(passes, dX, n, true);
  }

  /**
   * x of the last layer; `save`: with what the backward pass needs. With `keyValues` only q, k and v of each layer are made, in
   * that memory: a prompt that others will continue.
   */
  forward(save: boolean, keyValues?: (layer: number) => Fixed): void {
    const { recording: r, memory, rows: N } = this;
    const { hidden_size: D, num_hidden_layers: layers } = this.shape.config;
    let x = r.floats('x0', N * D);
    r.call(embed({ d: D }), [memory.weight('model.embed_tokens.weight'), memory.input('ids'), x], () => ({
      rows: N,
      first: 0,
    }));
    this.named.set('hidden_states.0', { memory: x, width: D });
    for (let i = 0; i < layers; i++) {
      const { saved, next } = this.layer(i, x, save, keyValues?.(i));
      this.layers.push(saved);
      if (!next) break;
      x = next;
      this.nameLayer(i, saved, next);
    }
    this.last = x;
  }
  /** hidden_states as transformers counts them: 0 is the embedding, i the output of layer i; the last without its norm. */
  private nameLayer(i: number, { qkv, o, lse, mid, gateUp }: SavedLayer, next: Planned): void {
    const parts = { qkv, attention: o, 'attention.logsumexp': lse, residual: mid, gate_up: gateUp };
    const name = (key: string, memory: Planned) => this.named.set(key, { memory, width: memory.bytes / 4 / this.rows });
    for (const [key, memory] of Object.entries(parts)) name(`layers.${i}.${key}`, memory);
    name(`hidden_states.${i + 1}`, next);
  }
  /**
   * Layer i from its input x. `keys`: only these are made in the last layer, see forward. `isAgain`: the second time under
   * checkpointing, when its output is known.
   */
  private layer(
    i: number,
    x: Planned,
    save: boolean,
    keys?: Fixed,
    isAgain = false,
  ): { saved: SavedLayer; next?: Planned } {
    const { config, forms } = this.shape;
    const {
      hidden_size: D,
      num_attention_heads: H,
      num_key_value_heads: Hk,
      head_dim: hd,
      intermediate_size: F,
    } = config;
    const { recording: r, memory, rows: N } = this;
    const W = (H + 2 * Hk) * hd;
    const weight = (suffix: string) => memory.weight(`model.layers.${i}.${suffix}.weight`);
    const floats = (name: string, count: number) => r.floats(`${name}${i}`, count);
    const saved: SavedLayer = {
      x,
      rstd1: floats('rstd1.', N),
      qkv: floats('qkv', N * W),
      o: floats('o', N * H * hd),
      lse: floats('lse', N * H),
      mid: floats('mid', N * D),
      rstd2: floats('rstd2.', N),
      gateUp: floats('gateUp', 2 * N * F),
      low: {},
      z: {},
    };
    const { o, lse, mid, rstd1, rstd2, gateUp } = saved;
    const qkv = keys ?? saved.qkv;
    const act = floats('act', N * F);
    const rope = {
      kind: 'rope',
      headDim: hd,
      rotatedHeads: H + Hk,
      positions: memory.table.bytes / (4 * hd),
    } as const;
    const lowQkv = this.shrink(i, 'qkv', x, { gamma: weight('input_layernorm'), ...(save && { rstd: rstd1 }) });
    const zQkv = this.linear(
      i,
      'qkv',
      { n: W, k: D },
      {
        ...{ x, weight: weight('self_attn.q_proj'), gamma: weight('input_layernorm') },
        rest: [memory.table, memory.input('meta'), qkv],
        ...(save && !lowQkv && { rstd: rstd1 }),
      },
      rope,
      lowQkv,
    );
    if (keys && i === config.num_hidden_layers - 1) return { saved };
    const attention = { heads: H, kvHeads: Hk, headDim: hd, form: forms.attention };
    r.call(attentionForward(attention), [qkv, memory.input('meta'), o, lse], () => ({ rows: N }));
    const lowO = this.shrink(i, 'o', o);
    const outputArgs = { x: o, weight: weight('self_attn.o_proj'), rest: [x, mid] };
    const zO = this.linear(i, 'o', { n: D, k: H * hd }, outputArgs, { kind: 'residual' }, lowO);
    const gamma2 = weight('post_attention_layernorm');
    const lowGateUp = this.shrink(i, 'gateUp', mid, { gamma: gamma2, ...(save && { rstd: rstd2 }) });
    const gateUpArgs = {
      ...{ x: mid, weight: weight('mlp.gate_proj'), gamma: gamma2, rest: [act, ...(save ? [gateUp] : [])] },
      ...(save && !lowGateUp && { rstd: rstd2 }),
    };
    const zGateUp = this.linear(i, 'gateUp', { n: 2 * F, k: D }, gateUpArgs, { kind: 'swiglu', save }, lowGateUp);
    const lowDown = this.shrink(i, 'down', act);
    const next = isAgain ? undefined : r.floats(`x${i + 1}`, N * D);
    // DoRA's gradient needs z, for which the last product runs again too.
    const needsDown = next ?? (memory.adapter?.(i, 'down')?.dora && r.floats(`x${i + 1} again`, N * D));
    const downArgs = needsDown && { x: act, weight: weight('mlp.down_proj'), rest: [mid, needsDown] };
    const zDown = downArgs && this.linear(i, 'down', { n: D, k: F }, downArgs, { kind: 'residual' }, lowDown);
    for (const [key, low, z] of [
      ['qkv', lowQkv, zQkv],
      ['o', lowO, zO],
      ['gateUp', lowGateUp, zGateUp],
      ['down', lowDown, zDown],
    ] as const) {
      if (low) saved.low[key] = low.left;
      if (z) saved.z[key] = z;
    }
    return { saved, ...(next && { next }) };
  }

  /** The final norm of the rows that the head reads. */
  headInput(out?: Fixed): { rows: Planned; rstd: Planned } {
    const { config, forms } = this.shape;
    const { recording: r, memory, rows: N } = this;
    const D = config.hidden_size;
    const h = { rows: r.floats('h', N * D), rstd: r.floats('rstdF', N) };
    r.call(
      rmsNormRows({ d: D, eps: config.rms_norm_eps, form: forms.row }),
      [this.last!, memory.weight('model.norm.weight'), memory.input('index'), out ?? h.rows, h.rstd],
      ({ supervised }) => ({ rows: supervised }),
    );
    return h;
  }

  /** Only adapters are trained. */
  private get isFrozen(): boolean {
    return this.memory.adapter !== undefined;
  }
  private get headName(): string {
    return this.shape.config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  }
  /** Chunks of supervised rows, and how many rows each has in a batch. */
  private chunks(): { first: number; size: (s: StepSizes) => number }[] {
    const chunks = [];
    for (let first = 0; first < this.rows; first += CHUNK_ROWS)
      chunks.push({
        first,
        size: ({ supervised }: StepSizes) => Math.max(0, Math.min(CHUNK_ROWS, supervised - first)),
      });
    return chunks;
  }
  private logits(h: Planned, logits: Planned, first: number, size: (s: StepSizes) => number): void {
    const { hidden_size: D, vocab_size: V } = this.shape.config;
    this.plainProduct(this.rowsOf(h, first), this.memory.weight(this.headName), logits, (s) =>
      gemmValues('NT', { m: size(s), n: V, k: D, ldc: logitStride(V) }),
    );
  }
  private rowsOf(h: Planned, first: number): Memory {
    const D = this.shape.config.hidden_size;
    return view(h, 4 * first * D, 4 * Math.min(CHUNK_ROWS, this.rows - first) * D);
  }
  private logitsMemory(name: string): Planned {
    return this.recording.floats(name, Math.min(CHUNK_ROWS, this.rows) * logitStride(this.shape.config.vocab_size));
  }

  /** Statistics of the supervised rows, [N, STAT_FLOATS]; kept, for whoever reads them. */
  headStatistics(topk?: { k: number; out: Planned }): Planned {
    const { recording: r, memory, shape } = this;
    this.h ??= this.headInput();
    const { rows: h } = this.h;
    const stats = r.keep(r.floats('stats', this.rows * STAT_FLOATS));
    const kernel = headRows({ vocabulary: shape.config.vocab_size, form: shape.forms.row, mode: 'stats' });
    for (const { first, size } of this.chunks()) {
      const logits = this.logitsMemory(`logits${first}`);
      this.logits(h, logits, first, size);
      r.call(kernel, [logits, memory.input('targets'), stats], (s) => chunkValues(s, first, size(s)));
      if (topk)
        r.call(
          topkRows({ vocabulary: shape.config.vocab_size, k: topk.k, form: shape.forms.row }),
          [logits, stats, topk.out],
          (s) => ({ rows: size(s), first, inverseTemperature: s.inverseTemperature }),
        );
    }
    return stats;
  }

  /**
   * Cross-entropy in one go: statistics, and the gradient of scale · Σ w · loss, down to the last layer's output. Logits are
   * made once.
   */
  crossEntropy(): { stats: Planned; dh: Planned } {
    const { recording: r, memory, shape } = this;
    this.h = this.headInput();
    const { rows: h } = this.h;
    const stats = r.keep(r.floats('stats', this.rows * STAT_FLOATS));
    const dh = r.floats('dh', this.rows * shape.config.hidden_size);
    const kernel = headRows({ vocabulary: shape.config.vocab_size, form: shape.forms.row, mode: 'nll' });
    for (const { first, size } of this.chunks()) {
      const logits = this.logitsMemory(`logits${first}`);
      this.logits(h, logits, first, size);
      r.call(kernel, [logits, memory.input('targets'), memory.input('weights'), stats], (s) =>
        chunkValues(s, first, size(s)),
      );
      this.headGradients(logits, h, dh, first, size);
    }
    return { stats, dh };
  }

  /**
   * Sums of the fused loss and its metrics (see nllTotals) at one of `places`; with `routes`, those of the base's rows and of each
   * route's follow.
   */
  totals(stats: Planned, out: Fixed, { routes = 0, places = 1 } = {}): void {
    const { recording: r, memory } = this;
    const args = [stats, memory.input('targets'), memory.input('weights')];
    r.call(nllTotals(), [...args, out], ({ supervised, at, dft }) => ({ rows: supervised, at, dft }));
    if (routes === 0) return;
    const ways = [memory.input('index'), memory.input('route')];
    r.call(nllTotals(true), [...args, ...ways, out], ({ supervised, at, dft }) => ({
      rows: supervised,
      at: at + 1,
      dft,
      places,
      routes: routes + 1,
    }));
  }

  /** The teacher's logits on a chunk of rows, into memory of their own. */
  private teacherLogits(
    { h, weight, d }: Teacher,
    logits: Planned,
    first: number,
    size: (s: StepSizes) => number,
  ): void {
    const { vocab_size: V } = this.shape.config;
    const rows = Math.min(CHUNK_ROWS, this.rows - first);
    const part: Fixed = { ...h, offset: h.offset + 4 * first * d, bytes: 4 * rows * d };
    this.plainProduct(part, weight, logits, (s) => gemmValues('NT', { m: size(s), n: V, k: d, ldc: logitStride(V) }));
  }
  /** Divergence of every supervised row from the teacher, spread over the tokens [N] into `out`. */
  divergences(teacher: Teacher, out: Memory): void {
    const { recording: r, memory, shape } = this;
    this.h ??= this.headInput();
    const found = r.floats('divergences', this.rows);
    const kernel = divergenceRows({ vocabulary: shape.config.vocab_size, form: shape.forms.row, mode: 'value' });
    for (const { first, size } of this.chunks()) {
      const [ours, theirs] = [`student${first}`, `teacher${first}`].map((name) => this.logitsMemory(name));
      this.logits(this.h.rows, ours!, first, size);
      this.teacherLogits(teacher, theirs!, first, size);
      r.call(kernel, [ours!, theirs!, found], (s) => divergenceValues(s, first, size(s)));
    }
    r.call(spreadRows(), [found, memory.input('slot'), out], ({ supervised }) => ({
      rows: this.rows,
      slots: supervised,
      stride: 1,
      first: 0,
      width: 1,
    }));
  }

  /** dh for any loss on logps and entropies, given their cotangents [N] each; logits are made again. */
  headBackward(
    stats: Planned | undefined,
    cotangents: { logps?: Fixed; entropies?: Fixed; divergences?: Fixed },
    teacher?: Teacher,
  ): Planned {
    const { recording: r, memory, shape } = this;
    const { rows: h } = this.h!;
    const dh = r.floats('dh', this.rows * shape.config.hidden_size);
    const { logps, entropies, divergences } = cotangents;
    const fromStatistics = Boolean(logps ?? entropies);
    const kernel = headRows({
      vocabulary: shape.config.vocab_size,
      form: shape.forms.row,
      mode: 'gradient',
      cotangents: { logps: Boolean(logps), entropies: Boolean(entropies) },
    });
    for (const { first, size } of this.chunks()) {
      const logits = this.logitsMemory(`dlogits${first}`);
      this.logits(h, logits, first, size);
      let dLogits = logits;
      if (divergences && teacher) {
        dLogits = this.logitsMemory(`dteacher${first}`);
        this.teacherLogits(teacher, dLogits, first, size);
        const slope = divergenceRows({ vocabulary: shape.config.vocab_size, form: shape.forms.row, mode: 'gradient' });
        r.call(slope, [logits, dLogits, memory.input('index'), divergences], (s) =>
          divergenceValues(s, first, size(s)),
        );
      }
      if (fromStatistics) {
        const given = [logps, entropies].filter((x) => x !== undefined);
        r.call(kernel, [logits, memory.input('targets'), memory.input('index'), ...given, stats!], (s) =>
          chunkValues(s, first, size(s)),
        );
        if (dLogits !== logits)
          r.call(addInto(), [logits, dLogits], (s) => ({
            floats: size(s) * logitStride(shape.config.vocab_size),
            accumulate: 1,
          }));
      }
      this.headGradients(dLogits, h, dh, first, size);
    }
    return dh;
  }

  /** dh = dlogits · E and dE += dlogitsᵀ · h for one chunk. */
  private headGradients(logits: Planned, h: Planned, dh: Planned, first: number, size: (s: StepSizes) => number): void {
    const { recording: r, memory, shape } = this;
    const [D, V] = [shape.config.hidden_size, shape.config.vocab_size];
    const lda = logitStride(V);
    const input = gemm({ layout: 'NN', form: shape.forms.gemm.NN, epilogue: { kind: 'store' } });
    r.call(input, [logits, memory.weight(this.headName), this.rowsOf(dh, first)], (s) =>
      gemmValues('NN', { m: size(s), n: D, k: V, lda }),
    );
    if (this.isFrozen) return;
    // The first chunk sets the gradient, even of no rows at all; empty ones after it have nothing to add.
    this.outerProduct(logits, this.rowsOf(h, first), memory.grad(this.headName), (s) => {
      const rows = size(s);
      const isLeftOut = first > 0 && rows === 0;
      return gemmValues('TN', { m: isLeftOut ? 0 : V, n: D, k: rows, lda, accumulate: first > 0 ? 1 : s.accumulate });
    });
  }

  private parts?: Planned;
  /** Gradient of a norm; dγ's partial sums go to their place among those of all norms. */
  private normBackward(norm: number, args: Memory[], source: 'dense' | 'compact', residual?: Memory): Planned {
    const { recording: r, shape, rows: N } = this;
    const D = shape.config.hidden_size;
    const P = normParts(N);
    this.parts ??= r.floats('normParts', (2 * shape.config.num_hidden_layers + 1) * P * D);
    const dx = r.floats(`dx.norm${norm}`, N * D);
    const kernel = rmsNormBackward({ d: D, source, residual: residual !== undefined, form: shape.forms.row });
    r.call(kernel, [...args, ...(residual ? [residual] : []), dx, this.parts], ({ supervised }) => ({
      rows: N,
      slots: supervised,
      part: norm * P,
    }));
    return dx;
  }
  /**
   * The gradient of the last layer's output: of the head's rows (dh), of all hidden states (dHidden, which dh is then added to),
   * or both.
   */
  finalNormBackward(dh?: Planned, dHidden?: { d: Fixed; rstd: Planned }): Planned {
    const { memory, shape, recording: r } = this;
    const norm = 2 * shape.config.num_hidden_layers;
    const args: Memory[] = [this.last!, memory.weight('model.norm.weight')];
    if (!dHidden) return this.normBackward(norm, [...args, this.h!.rstd, dh!, memory.input('slot')], 'compact');
    if (dh)
      r.call(addRows({ d: shape.config.hidden_size }), [dh, memory.input('index'), dHidden.d], ({ supervised }) => ({
        rows: supervised,
      }));
    return this.normBackward(norm, [...args, dHidden.rstd, dHidden.d], 'dense');
  }

  /** The final norm of all rows, into `out` [N,D]. `all`: 0, 1, 2 … */
  hiddenStates(out: Memory, all: Fixed): Planned {
    const { config, forms } = this.shape;
    const rstd = this.recording.floats('rstdAll', this.rows);
    this.recording.call(
      rmsNormRows({ d: config.hidden_size, eps: config.rms_norm_eps, form: forms.row }),
      [this.last!, this.memory.weight('model.norm.weight'), all, out, rstd],
      () => ({ rows: this.rows }),
    );
    return rstd;
  }

  /** A statistic of every token, [N], 0 where it is not supervised. */
  spread(stats: Planned, stat: Stat, out: Memory): void {
    this.recording.call(spreadRows(), [stats, this.memory.input('slot'), out], ({ supervised }) => ({
      rows: this.rows,
      slots: supervised,
      stride: STAT_FLOATS,
      first: STATS[stat],
      width: 1,
    }));
  }

  /** From the last layer's output back to the embedding. `hasHead`: the vocabulary head has set its gradient already. */
  backward(dLast: Planned, hasHead: boolean): void {
    const { config, forms, normStride } = this.shape;
    const {
      hidden_size: D,
      num_attention_heads: H,
      num_key_value_heads: Hk,
      head_dim: hd,
      intermediate_size: F,
    } = config;
    const { recording: r, memory, rows: N } = this;
    const W = (H + 2 * Hk) * hd;
    const attention = {
      heads: H,
      kvHeads: Hk,
      headDim: hd,
      form: forms.attention,
      positions: memory.table.bytes / (4 * hd),
    };
    let dx = dLast;
    for (let i = config.num_hidden_layers - 1; i >= 0; i--) {
      // Checkpointed: of each layer only its input was kept, and it runs a second time.
      if (this.shape.checkpointing) this.layers[i] = this.layer(i, this.layers[i]!.x, true, undefined, true).saved;
      const saved = this.layers[i]!;
      const name = (suffix: string) => `model.layers.${i}.${suffix}.weight`;
      const weight = (suffix: string) => memory.weight(name(suffix));
      // A frozen base has no gradients of its own.
      const weightGradient = (
        suffix: string,
        sizes: { m: number; n: number; k: number },
        args: Memory[],
        norm?: 'use',
      ) => {
        if (this.isFrozen) return;
        this.product('TN', sizes, [...args, memory.grad(name(suffix))], { accumulates: true, ...(norm && { norm }) });
      };
      const floats = (label: string, count: number) => r.floats(`${label}${i}`, count);
      const dGateUp = floats('dGateUp', 2 * N * F);
      const act = floats('act again', N * F);
      const throughDown = this.adapterBackward(i, 'down', dx);
      // SwiGLU's gradient needs all of d act, so what dropout lets through comes first.
      const extra = throughDown.passes && floats('dAct', N * F);
      if (throughDown.passes) this.throughDropout(throughDown.passes, extra!, F, false);
      const downArgs = [throughDown.dZ, weight('mlp.down_proj'), saved.gateUp, ...(extra ? [extra] : []), dGateUp, act];
      this.product('NN', { m: N, n: F, k: D }, downArgs, {
        epilogue: { kind: 'swigluBackward', ...(extra && { extra: true }) },
        low: throughDown.low,
      });
      this.adapterInputGradient(i, 'down', throughDown, { x: act });
      weightGradient('mlp.down_proj', { m: D, n: F, k: N }, [dx, act]);
      const dNorm2 = floats('dNorm2.', N * D);
      const throughGateUp = this.adapterBackward(i, 'gateUp', dGateUp);
      this.inputGradient(D, 2 * F, weight('mlp.gate_proj'), dNorm2, throughGateUp);
      const gamma2 = weight('post_attention_layernorm');
      const normed2 = [saved.mid, gamma2, saved.rstd2];
      this.adapterInputGradient(i, 'gateUp', throughGateUp, {
        x: saved.mid,
        norm: { gamma: gamma2, rstd: saved.rstd2 },
      });
      weightGradient('mlp.gate_proj', { m: 2 * F, n: D, k: N }, [dGateUp, ...normed2], 'use');
      const dMid = this.normBackward(2 * i + 1, [saved.mid, gamma2, saved.rstd2, dNorm2], 'dense', dx);
      const dO = floats('dO', N * H * hd);
      const throughO = this.adapterBackward(i, 'o', dMid);
      this.inputGradient(H * hd, D, weight('self_attn.o_proj'), dO, throughO);
      this.adapterInputGradient(i, 'o', throughO, { x: saved.o });
      weightGradient('self_attn.o_proj', { m: D, n: H * hd, k: N }, [dMid, saved.o]);
      const delta = floats('delta', N * H);
      const dqkv = floats('dqkv', N * W);
      const meta = memory.input('meta');
      r.call(
        attentionBackwardQ(attention),
        [saved.qkv, meta, saved.o, dO, saved.lse, memory.table, delta, dqkv],
        () => ({ rows: N }),
      );
      r.call(attentionBackwardKv(attention), [saved.qkv, meta, dO, saved.lse, delta, memory.table, dqkv], () => ({
        rows: N,
      }));
      const throughQkv = this.adapterBackward(i, 'qkv', dqkv);
      const gamma1 = weight('input_layernorm');
      const normed1 = [saved.x, gamma1, saved.rstd1];
      this.adapterInputGradient(i, 'qkv', throughQkv, { x: saved.x, norm: { gamma: gamma1, rstd: saved.rstd1 } });
      // Nothing below the first layer is trained: the embedding is frozen too.
      if (this.isFrozen && i === 0) return;
      const dNorm1 = floats('dNorm1.', N * D);
      this.inputGradient(D, W, weight('self_attn.q_proj'), dNorm1, throughQkv);
      weightGradient('self_attn.q_proj', { m: W, n: D, k: N }, [dqkv, ...normed1], 'use');
      dx = this.normBackward(2 * i, [saved.x, gamma1, saved.rstd1, dNorm1], 'dense', dMid);
    }
    const embedding = memory.grad('model.embed_tokens.weight');
    const floats = config.vocab_size * D;
    if (!config.tie_word_embeddings || !hasHead)
      r.call(clear(), [embedding], ({ accumulate }) => ({ floats: accumulate ? 0 : floats }));
    if (!config.tie_word_embeddings && !hasHead)
      r.call(clear(), [memory.grad('lm_head.weight')], ({ accumulate }) => ({ floats: accumulate ? 0 : floats }));
    const ids = (['unique', 'starts', 'order'] as const).map((part) => memory.input(part));
    r.call(embedBackward({ d: D }), [dx, ...ids, embedding], ({ groups }) => ({ groups }));
    r.call(
      normGradients({ d: D, stride: normStride }),
      [this.parts!, memory.grad('model.layers.0.input_layernorm.weight')],
      ({ accumulate }) => ({ parts: normParts(N), norms: 2 * config.num_hidden_layers + 1, accumulate }),
    );
  }
}

const chunkValues = (s: StepSizes, first: number, rows: number) => ({
  rows,
  first,
  inverseTemperature: s.inverseTemperature,
  scale: s.scale,
  dft: s.dft,
});
const divergenceValues = (s: StepSizes, first: number, rows: number) => ({
  rows,
  first,
  beta: s.beta,
  inverseTemperature: s.inverseDistillTemperature,
});

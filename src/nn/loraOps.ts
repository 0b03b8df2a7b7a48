// Adapters beside the base's linear layers in plain tfjs ops, gradients written by hand: y = g ∘ (x·Wᵀ + ((x·Aᵀ) ∘ c)·Bᵀ),
// where c holds scale and choice of the adapters for each row, and g is 1 or, with DoRA, m / ‖W + s·B·A‖ (detached, as in
// PEFT's dora.py). Dropout d(x) is drawn in front of A; with DoRA also in front of W, where only g − 1 multiplies:
// y = x·Wᵀ − d(x)·Wᵀ + g ∘ (d(x)·Wᵀ + …), as in PEFT's variants.py. The adapters of a module stand side by side, so a batch of
// many tenants takes one product.
import * as tf from '@tensorflow/tfjs-core';
import { type AdapterSet, dropoutFactor, dropoutKey, engineName } from './adapterSet';
import type { Weights } from './llama';
import type { TargetModule } from './lora';
import { matMulTN } from './products';

interface Part {
  slot: number;
  /** Of its adapter's tensors in the engine. */
  prefix: string;
  target: TargetModule;
  /** First rank column. */
  first: number;
  dropout: number;
  seed: number;
  hasBias: boolean;
  hasMagnitude: boolean;
}
interface ModuleOps {
  path: string;
  parts: Part[];
  A: tf.Tensor2D; // [R, in]
  AT: tf.Tensor2D; // [in, R]
  B: tf.Tensor2D; // [out, R]
  BT: tf.Tensor2D; // [R, out]
  /** By route, 0 the base: scale of each rank column; of each part. [routes + 1, R], [routes + 1, parts] */
  columns: tf.Tensor2D;
  scales: tf.Tensor2D;
  bias?: tf.Tensor2D; // [parts, out]
  /** g by route, and 1 / ‖W + s·B·A‖ by part. [routes + 1, out], [parts, out] */
  dora?: { g: tf.Tensor2D; inverseNorms: tf.Tensor2D; members: tf.Tensor2D };
  /** By route, 0 the base: the part with DoRA and dropout that its rows go through. */
  dropped: (Part | undefined)[];
}
/** The adapters' tensors as they are now; made again after each update. */
export interface LoraOps {
  modules: Map<string, ModuleOps>;
}

/** tensors: all of the engine, by name. */
export function loraOps(set: AdapterSet, tensors: Weights): LoraOps {
  const modules = new Map<string, ModuleOps>();
  const paths = new Set(set.residents.flatMap(({ targets }) => targets.map(({ path }) => path)));
  for (const path of paths) {
    const parts: Part[] = [];
    let first = 0;
    set.residents.forEach(({ adapter, targets }, slot) => {
      const target = targets.find((t) => t.path === path);
      if (!target) return;
      const prefix = engineName(adapter.name, `base_model.model.${path}.`);
      const { lora_dropout: dropout = 0, lora_bias: hasBias = false, use_dora: hasMagnitude = false } = adapter.config;
      parts.push({ slot, prefix, target, first, dropout, seed: adapter.seed ?? 0, hasBias, hasMagnitude });
      first += target.r;
    });
    modules.set(path, moduleOps(path, parts, set, tensors));
  }
  return { modules };
}

function moduleOps(path: string, parts: Part[], set: AdapterSet, tensors: Weights): ModuleOps {
  const R = parts.reduce((sum, { target }) => sum + target.r, 0);
  const rows = set.routes.length + 1;
  const scales = new Float32Array(rows * parts.length);
  const columns = new Float32Array(rows * R);
  const members = new Float32Array(rows * parts.length);
  set.routes.forEach((route, i) => {
    for (const { slot, weight } of route)
      parts.forEach((part, j) => {
        if (part.slot !== slot) return;
        const scale = weight * part.target.scaling;
        scales[(i + 1) * parts.length + j]! += scale;
        members[(i + 1) * parts.length + j] = 1;
        for (let c = part.first; c < part.first + part.target.r; c++) columns[(i + 1) * R + c]! += scale;
      });
  });
  const { out } = parts[0]!.target;
  // A route with DoRA holds one adapter: they cannot be stacked.
  const dropped = set.routes.map((route) =>
    parts.find(({ slot, hasMagnitude, dropout }) => slot === route[0]?.slot && hasMagnitude && dropout > 0),
  );
  return tf.tidy(() => {
    const list = (suffix: string) => parts.map(({ prefix }) => tensors[prefix + suffix] as tf.Tensor2D);
    const A = parts.length === 1 ? tf.clone(list('lora_A.weight')[0]!) : tf.concat(list('lora_A.weight'), 0);
    const B = parts.length === 1 ? tf.clone(list('lora_B.weight')[0]!) : tf.concat(list('lora_B.weight'), 1);
    const ops: ModuleOps = {
      path,
      parts,
      A,
      AT: tf.transpose(A),
      B,
      BT: tf.transpose(B),
      columns: tf.tensor2d(columns, [rows, R]),
      scales: tf.tensor2d(scales, [rows, parts.length]),
      dropped: [undefined, ...dropped],
    };
    if (parts.some((part) => part.hasBias))
      ops.bias = tf.stack(
        parts.map((part) => (part.hasBias ? (tensors[`${part.prefix}lora_B.bias`] as tf.Tensor1D) : tf.zeros([out]))),
      ) as tf.Tensor2D;
    if (parts.some((part) => part.hasMagnitude)) {
      const W = tensors[`${path}.weight`] as tf.Tensor2D;
      const ones = tf.ones([out]) as tf.Tensor1D;
      const inverse = parts.map((part) => {
        const { target, prefix } = part;
        const delta = tf.matMul(
          tensors[`${prefix}lora_B.weight`] as tf.Tensor2D,
          tensors[`${prefix}lora_A.weight`] as tf.Tensor2D,
        );
        const V = tf.add(W, tf.mul(delta, target.scaling));
        return part.hasMagnitude ? (tf.rsqrt(tf.sum(tf.mul(V, V), 1)) as tf.Tensor1D) : ones;
      });
      const g = parts.map((part, j) =>
        part.hasMagnitude
          ? tf.mul<tf.Tensor1D>(tensors[`${part.prefix}lora_magnitude_vector`] as tf.Tensor1D, inverse[j]!)
          : ones,
      );
      const of = set.routes.map((route) => {
        const j = parts.findIndex((part) => route.length === 1 && route[0]!.slot === part.slot);
        return j < 0 ? ones : g[j]!;
      });
      ops.dora = {
        g: tf.stack([ones, ...of]) as tf.Tensor2D,
        inverseNorms: tf.stack(inverse) as tf.Tensor2D,
        members: tf.tensor2d(members, [rows, parts.length]),
      };
    }
    return ops as unknown as tf.TensorContainerObject;
  }) as unknown as ModuleOps;
}
export const keepOps = ({ modules }: LoraOps): void => forEachTensor(modules, (x) => tf.keep(x));
export const disposeOps = ({ modules }: LoraOps): void => forEachTensor(modules, (x) => x.dispose());
function forEachTensor(modules: LoraOps['modules'], act: (x: tf.Tensor) => void): void {
  for (const { A, AT, B, BT, columns, scales, bias, dora } of modules.values())
    for (const x of [A, AT, B, BT, columns, scales, bias, ...Object.values(dora ?? {})]) if (x) act(x);
}

/** What the backward pass of a module needs. */
export interface LoraSaved {
  low: tf.Tensor2D; // (x·Aᵀ) ∘ c, [N, R]
  z?: tf.Tensor2D; // what g multiplies, [N, out]
}
/** Where dropout draws from; absent: no dropout. */
export interface DropoutAt {
  step: number;
  micro: number;
}

/** One pass of a batch through the adapters. */
export class LoraPass {
  private readonly routes: tf.Tensor1D;
  /** rows [N]: 0 the base, i + 1 route i. */
  constructor(
    private readonly ops: LoraOps,
    private readonly rows: Int32Array,
    private readonly dropout?: DropoutAt,
  ) {
    this.routes = tf.tensor1d(rows, 'int32');
  }

  dispose(): void {
    this.routes.dispose();
  }
  private isDropped(module: ModuleOps): boolean {
    return this.dropout !== undefined && module.parts.some((part) => part.dropout > 0);
  }
  private keyOf({ seed, target }: Part): number {
    return dropoutKey(seed, this.dropout!.step, this.dropout!.micro, target.path);
  }
  private mask(part: Part, shape: [number, number]): tf.Tensor2D | undefined {
    if (!this.dropout || part.dropout === 0) return undefined;
    const key = this.keyOf(part);
    const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => dropoutFactor(part.dropout, key, i));
    return tf.tensor2d(data, shape);
  }
  /** Each row's mask of the part with DoRA that it goes through, 1 where that has none; undefined where none has. */
  private doraMask({ dropped }: ModuleOps, shape: [number, number]): tf.Tensor2D | undefined {
    if (!this.dropout || !dropped.some((part) => part)) return undefined;
    const keys = dropped.map((part) => (part ? this.keyOf(part) : 0));
    const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => {
      const route = this.rows[Math.floor(i / shape[1])]!;
      const part = dropped[route];
      return part ? dropoutFactor(part.dropout, keys[route]!, i) : 1;
    });
    return tf.tensor2d(data, shape);
  }
  private columnsOf(x: tf.Tensor2D, { first, target }: Part): tf.Tensor2D {
    return tf.slice(x, [0, first], [-1, target.r]);
  }

  /** The output of the layer for x [N, in], with WT [in, out] of the base. Inside tf.tidy. */
  forward(path: string, x: tf.Tensor2D, WT: tf.Tensor2D): { y: tf.Tensor2D; saved?: LoraSaved } {
    const module = this.ops.modules.get(path);
    const base: tf.Tensor2D = tf.matMul(x, WT);
    if (!module) return { y: base };
    const doraMask = this.doraMask(module, x.shape);
    const droppedBase = doraMask ? (tf.matMul(tf.mul(x, doraMask), WT) as tf.Tensor2D) : base;
    const c = tf.gather(module.columns, this.routes) as tf.Tensor2D;
    const u = this.isDropped(module)
      ? (tf.concat(
          module.parts.map((part) => {
            const mask = this.mask(part, x.shape);
            return tf.matMul(mask ? tf.mul<tf.Tensor2D>(x, mask) : x, this.columnsOf(module.AT, part));
          }),
          1,
        ) as tf.Tensor2D)
      : tf.matMul(x, module.AT);
    const low = tf.mul<tf.Tensor2D>(u as tf.Tensor2D, c);
    let z = tf.add<tf.Tensor2D>(droppedBase, tf.matMul(low, module.BT));
    if (module.bias) z = tf.add(z, tf.matMul(tf.gather(module.scales, this.routes) as tf.Tensor2D, module.bias));
    if (!module.dora) return { y: z, saved: { low } };
    const scaled = tf.mul<tf.Tensor2D>(z, tf.gather(module.dora.g, this.routes));
    const y = doraMask ? tf.add<tf.Tensor2D>(scaled, tf.sub(base, droppedBase)) : scaled;
    return { y, saved: { low, z } };
  }

  /**
   * From dy [N, out]: the gradient of x, and those of the adapters by engine name; W [out, in] is the base's.
   * `wantsInput`: whether anything below x is trained. Inside tf.tidy.
   */
  backward(
    path: string,
    x: tf.Tensor2D,
    W: tf.Tensor2D,
    dy: tf.Tensor2D,
    saved: LoraSaved | undefined,
    wantsInput: boolean,
  ): { dx?: tf.Tensor2D; grads: Record<string, tf.Tensor> } {
    const module = this.ops.modules.get(path);
    const grads: Record<string, tf.Tensor> = {};
    const throughBase = (d: tf.Tensor2D): tf.Tensor2D => tf.matMul(d, W);
    if (!module || !saved) return { grads, ...(wantsInput && { dx: throughBase(dy) }) };
    let dz = dy;
    if (module.dora) {
      dz = tf.mul<tf.Tensor2D>(dy, tf.gather(module.dora.g, this.routes));
      const members = tf.gather(module.dora.members, this.routes) as tf.Tensor2D; // [N, parts]
      const perPart = tf.mul<tf.Tensor2D>(
        matMulTN(members, tf.mul<tf.Tensor2D>(dy, saved.z!)),
        module.dora.inverseNorms,
      );
      module.parts.forEach(({ prefix, target, hasMagnitude }, j) => {
        if (!hasMagnitude) return;
        grads[`${prefix}lora_magnitude_vector`] = tf.reshape(tf.slice(perPart, [j, 0], [1, -1]), [target.out]);
      });
    }
    const c = tf.gather(module.columns, this.routes) as tf.Tensor2D;
    const dU = tf.mul<tf.Tensor2D>(tf.matMul(dz, module.B), c); // [N, R]
    const dB = matMulTN(dz, saved.low); // [out, R]
    const single = module.parts.length === 1;
    for (const part of module.parts) grads[`${part.prefix}lora_B.weight`] = single ? dB : this.columnsOf(dB, part);
    if (module.bias) {
      const db = matMulTN(tf.gather(module.scales, this.routes) as tf.Tensor2D, dz); // [parts, out]
      module.parts.forEach(({ prefix, target, hasBias }, j) => {
        if (!hasBias) return;
        grads[`${prefix}lora_B.bias`] = tf.reshape(tf.slice(db, [j, 0], [1, -1]), [target.out]);
      });
    }
    if (!this.isDropped(module)) {
      const dA = matMulTN(dU, x); // [R, in]
      for (const { prefix, first, target } of module.parts)
        grads[`${prefix}lora_A.weight`] = single ? dA : tf.slice(dA, [first, 0], [target.r, -1]);
      if (!wantsInput) return { grads };
      return { grads, dx: tf.add<tf.Tensor2D>(throughBase(dz), tf.matMul(dU, module.A)) };
    }
    let dx: tf.Tensor2D | undefined;
    const doraMask = this.doraMask(module, x.shape);
    if (doraMask && wantsInput) dx = tf.mul<tf.Tensor2D>(throughBase(tf.sub(dz, dy)), doraMask);
    for (const part of module.parts) {
      const mask = this.mask(part, x.shape);
      const own = this.columnsOf(dU, part);
      grads[`${part.prefix}lora_A.weight`] = matMulTN(own, mask ? tf.mul<tf.Tensor2D>(x, mask) : x);
      if (!wantsInput) continue;
      const through: tf.Tensor2D = tf.matMul(
        own,
        tf.slice(module.A, [part.first, 0], [part.target.r, -1]) as tf.Tensor2D,
      );
      const term = mask ? tf.mul<tf.Tensor2D>(through, mask) : through;
      dx = dx ? tf.add<tf.Tensor2D>(dx, term) : term;
    }
    if (!wantsInput) return { grads };
    return { grads, dx: tf.add<tf.Tensor2D>(throughBase(doraMask ? dy : dz), dx!) };
  }
}

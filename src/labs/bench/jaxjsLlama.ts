// FROZEN. The same Llama and the same training step in @jax-js/jax: gradient and AdamW in one jitted function, its own
// attention, no tuning beyond what its guide advises. It takes a device of its own on the same adapter: it cannot be given one.
import {
  blockUntilReady,
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import type { NamedTensorMap } from '../../nn/seam';
import type { LlamaConfig } from '../../protocol/model';
import type { PlainBatch, PlainOptions } from './tfjsPlain';

type Named = Record<string, JaxArray>;

/** jax-js calls map and filter on iterators, which every browser of today has and Node 20 has not. */
function provideIteratorHelpers(): void {
  const prototype: object = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const helpers = {
    *map<X, Y>(this: Iterable<X>, f: (x: X) => Y) {
      for (const x of this) yield f(x);
    },
    *filter<X>(this: Iterable<X>, f: (x: X) => unknown) {
      for (const x of this) if (f(x)) yield x;
    },
  };
  for (const [name, value] of Object.entries(helpers))
    if (!(name in prototype)) Object.defineProperty(prototype, name, { configurable: true, writable: true, value });
}

/** Starts the library on a device of its own. Throws Error where it finds none. */
export async function startJax(device: 'webgpu' | 'wasm'): Promise<void> {
  provideIteratorHelpers();
  const found = await init(device);
  if (!found.includes(device)) throw new Error(`jax-js found no ${device}.`);
  defaultDevice(device);
}

export class JaxjsLlama {
  private params: Named = {};
  private m: Named = {};
  private v: Named = {};
  private steps = 0;
  private readonly train;

  constructor(
    readonly config: LlamaConfig,
    weights: NamedTensorMap,
    readonly options: PlainOptions,
  ) {
    for (const [name, { shape, data }] of Object.entries(weights)) {
      this.params[name] = np.array(new Float32Array(data)).reshape(shape);
      this.m[name] = np.zeros(shape);
      this.v[name] = np.zeros(shape);
    }
    this.train = jit(
      (params: Named, m: Named, v: Named, ids: JaxArray, targets: JaxArray, mask: JaxArray, rates: JaxArray) =>
        this.update(params, m, v, ids, targets, mask, rates),
    );
  }

  /** Mean nll over the mask; ids, targets and mask [B,T], rows unpadded. */
  private lossOf(p: Named, ids: JaxArray, targets: JaxArray, mask: JaxArray): JaxArray {
    const { config: c } = this;
    const [B, T] = ids.shape as [number, number];
    const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd, hidden_size: D, vocab_size: V } = c;
    const norm = (x: JaxArray, name: string) =>
      x.ref
        .mul(np.reciprocal(np.sqrt(np.mean(np.square(x), -1, { keepdims: true }).add(c.rms_norm_eps))))
        .mul(p[name]!.ref);
    const angles = new Float32Array(T * hd);
    for (let t = 0; t < T; t++)
      for (let i = 0; i < hd; i++) angles[t * hd + i] = t / c.rope_theta ** ((2 * (i % (hd / 2))) / hd);
    const [cos, sin] = [Math.cos, Math.sin].map((f) => np.array(angles.map((x) => f(x))).reshape([1, T, 1, hd]));
    const rope = (x: JaxArray) => {
      const [a, b] = np.split(x.ref, 2, -1);
      return x.mul(cos!.ref).add(np.concatenate([b!.neg(), a!], -1).mul(sin!.ref));
    };
    const linear = (x: JaxArray, name: string) => np.matmul(x, p[name]!.ref.transpose());
    const onehot = nn.oneHot(ids.reshape([B * T]), V);
    let x = np.matmul(onehot, p['model.embed_tokens.weight']!.ref);
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const name = (suffix: string) => `model.layers.${i}.${suffix}.weight`;
      const h = norm(x.ref, name('input_layernorm'));
      const heads = (y: JaxArray, n: number) => y.reshape([B, T, n, hd]);
      const q = rope(heads(linear(h.ref, name('self_attn.q_proj')), H));
      const k = rope(heads(linear(h.ref, name('self_attn.k_proj')), Hk));
      const v = heads(linear(h, name('self_attn.v_proj')), Hk);
      const o = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([B * T, H * hd]);
      x = x.add(linear(o, name('self_attn.o_proj')));
      const y = norm(x.ref, name('post_attention_layernorm'));
      const gate = nn.silu(linear(y.ref, name('mlp.gate_proj')));
      const act = gate.mul(linear(y, name('mlp.up_proj')));
      x = x.add(linear(act, name('mlp.down_proj')));
    }
    const head = c.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    const logits = np.matmul(norm(x, 'model.norm.weight').reshape([B * T, D]), p[head]!.ref.transpose());
    const picked = nn
      .logSoftmax(logits, -1)
      .mul(nn.oneHot(targets.reshape([B * T]), V))
      .sum(-1);
    const total = picked
      .mul(mask.ref.reshape([B * T]))
      .sum()
      .neg();
    cos!.dispose();
    sin!.dispose();
    tree.dispose(p);
    return total.div(mask.sum());
  }

  /** `rates`: learning rate over the first correction, and the root of the second. */
  private update(params: Named, m: Named, v: Named, ids: JaxArray, targets: JaxArray, mask: JaxArray, rates: JaxArray) {
    const o = this.options;
    const [loss, grads] = valueAndGrad((p: Named, a: JaxArray, b: JaxArray, c: JaxArray) => this.lossOf(p, a, b, c))(
      tree.ref(params) as Named,
      ids,
      targets,
      mask,
    ) as unknown as [JaxArray, Named];
    const names = Object.keys(params);
    const norm = np.sqrt(names.map((name) => np.square(grads[name]!.ref).sum()).reduce((a, b) => a.add(b)));
    const clip = o.max_grad_norm > 0 ? np.minimum(np.reciprocal(norm.add(1e-6)).mul(o.max_grad_norm), 1) : np.array(1);
    const rate = rates.ref.slice(0);
    const root2 = rates.slice(1);
    const next: Record<'params' | 'm' | 'v', Named> = { params: {}, m: {}, v: {} };
    for (const name of names) {
      const w = params[name]!;
      const decays = w.shape.length > 1;
      const g = grads[name]!.mul(clip.ref);
      const m1 = m[name]!.mul(o.adam_beta1).add(g.ref.mul(1 - o.adam_beta1));
      const v1 = v[name]!.mul(o.adam_beta2).add(np.square(g).mul(1 - o.adam_beta2));
      const change = m1.ref.mul(rate.ref).div(np.sqrt(v1.ref).div(root2.ref).add(o.adam_epsilon));
      next.params[name] = (decays ? w.mul(1 - o.learning_rate * o.weight_decay) : w).sub(change);
      next.m[name] = m1;
      next.v[name] = v1;
    }
    for (const x of [clip, rate, root2]) x.dispose();
    return { loss, ...next };
  }

  /** One optimizer step on the mean loss over the mask; the loss before it. */
  async step({ B, T, ids, targets, mask }: PlainBatch): Promise<number> {
    const { learning_rate, adam_beta1, adam_beta2 } = this.options;
    this.steps++;
    const rates = [learning_rate / (1 - adam_beta1 ** this.steps), Math.sqrt(1 - adam_beta2 ** this.steps)];
    const integers = (data: Int32Array) => np.array(new Int32Array(data), { dtype: np.int32 }).reshape([B, T]);
    const { params, m, v } = this;
    const out = this.train(
      params,
      m,
      v,
      integers(ids),
      integers(targets),
      np.array(new Float32Array(mask)).reshape([B, T]),
      np.array(new Float32Array(rates)),
    ) as unknown as { loss: JaxArray; params: Named; m: Named; v: Named };
    this.params = out.params;
    this.m = out.m;
    this.v = out.v;
    await blockUntilReady([out.params, out.m, out.v]);
    return (await out.loss.data())[0]!;
  }

  async exportWeights(): Promise<NamedTensorMap> {
    const out: NamedTensorMap = {};
    for (const [name, w] of Object.entries(this.params))
      out[name] = { shape: [...w.shape], data: new Float32Array((await w.ref.data()) as Float32Array) };
    return out;
  }
  dispose(): void {
    tree.dispose([this.params, this.m, this.v]);
    this.train.dispose();
  }
}

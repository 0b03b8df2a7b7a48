// FROZEN. The same Llama and the same training step as a tfjs user would write them: stock ops of an unmodified tfjs, gradients
// by the tape, AdamW in tf ops. The benchmark's baseline; it imports nothing of the studio but types and is never tuned.
import * as tf from '@tensorflow/tfjs-core';
import type { NamedTensorMap } from '../../nn/seam';
import type { LlamaConfig } from '../../protocol/model';

export interface PlainBatch {
  B: number;
  T: number;
  ids: Int32Array;
  targets: Int32Array;
  /** 1 where a target counts. */
  mask: Float32Array;
}
export interface PlainOptions {
  learning_rate: number;
  weight_decay: number;
  adam_beta1: number;
  adam_beta2: number;
  adam_epsilon: number;
  max_grad_norm: number;
}
type Named = Record<string, tf.Tensor>;

export class TfjsPlain {
  private readonly variables: Record<string, tf.Variable> = {};
  private moments: { m: Named; v: Named } = { m: {}, v: {} };
  private steps = 0;

  constructor(
    readonly config: LlamaConfig,
    weights: NamedTensorMap,
  ) {
    for (const [name, { shape, data }] of Object.entries(weights)) {
      this.variables[name] = tf.variable(tf.tensor(data, shape));
      this.moments.m[name] = tf.zeros(shape);
      this.moments.v[name] = tf.zeros(shape);
    }
  }

  private w = <T extends tf.Tensor>(name: string) => this.variables[name] as unknown as T;

  /** Final hidden states [B·T, D] of unpadded rows. */
  private hidden(ids: tf.Tensor2D): tf.Tensor2D {
    const { config: c } = this;
    const [B, T] = ids.shape;
    const { num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = c;
    const norm = (x: tf.Tensor, name: string): tf.Tensor2D =>
      tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), c.rms_norm_eps))), this.w(name)) as tf.Tensor2D;
    const inverse = tf.pow(c.rope_theta, tf.div(tf.range(0, hd, 2), -hd));
    const angles = tf.outerProduct(tf.range(0, T) as tf.Tensor1D, inverse as tf.Tensor1D);
    const both = tf.concat([angles, angles], 1);
    const [cos, sin] = [tf.cos(both), tf.sin(both)];
    const rope = (x: tf.Tensor4D): tf.Tensor4D => {
      const [a, b] = tf.split(x, 2, 3);
      return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(b!), a!], 3), sin)) as tf.Tensor4D;
    };
    const causal = tf.mul(tf.sub(tf.linalg.bandPart(tf.ones([T, T]), -1, 0), 1), 1e9);
    const linear = (y: tf.Tensor2D, name: string): tf.Tensor2D => tf.matMul(y, this.w<tf.Tensor2D>(name), false, true);
    let x = tf.gather(this.w<tf.Tensor2D>('model.embed_tokens.weight'), tf.reshape(ids, [B * T])) as tf.Tensor2D;
    for (let i = 0; i < c.num_hidden_layers; i++) {
      const name = (suffix: string) => `model.layers.${i}.${suffix}.weight`;
      const h = norm(x, name('input_layernorm'));
      const heads = (y: tf.Tensor2D, n: number) =>
        tf.transpose(tf.reshape(y, [B, T, n, hd]), [0, 2, 1, 3]) as tf.Tensor4D;
      const repeat = (y: tf.Tensor4D) =>
        tf.reshape(tf.tile(tf.reshape(y, [B * Hk, 1, T, hd]), [1, H / Hk, 1, 1]), [B, H, T, hd]) as tf.Tensor4D;
      const q = rope(heads(linear(h, name('self_attn.q_proj')), H));
      const k = repeat(rope(heads(linear(h, name('self_attn.k_proj')), Hk)));
      const v = repeat(heads(linear(h, name('self_attn.v_proj')), Hk));
      const scores = tf.add(tf.div(tf.matMul(q, k, false, true), Math.sqrt(hd)), causal);
      const o = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [
        B * T,
        H * hd,
      ]) as tf.Tensor2D;
      x = tf.add(x, linear(o, name('self_attn.o_proj')));
      const y = norm(x, name('post_attention_layernorm'));
      const gate = linear(y, name('mlp.gate_proj'));
      const act = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(y, name('mlp.up_proj'))) as tf.Tensor2D;
      x = tf.add(x, linear(act, name('mlp.down_proj')));
    }
    return norm(x, 'model.norm.weight');
  }
  private logits2d(ids: tf.Tensor2D): tf.Tensor2D {
    const head = this.config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return tf.matMul(this.hidden(ids), this.w<tf.Tensor2D>(head), false, true);
  }

  /** One optimizer step on the mean loss over the mask; the loss before it. */
  async step({ B, T, ids, targets, mask }: PlainBatch, o: PlainOptions): Promise<number> {
    const names = Object.keys(this.variables);
    const { value, grads } = tf.tidy(() =>
      tf.variableGrads(() => {
        const logits = this.logits2d(tf.tensor2d(ids, [B, T], 'int32'));
        const onehot = tf.oneHot(tf.tensor1d(targets, 'int32'), this.config.vocab_size);
        const nll = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), onehot), 1));
        const m = tf.tensor1d(mask);
        return tf.div(tf.sum(tf.mul(nll, m)), tf.sum(m)) as tf.Scalar;
      }, Object.values(this.variables)),
    );
    this.steps++;
    const correction1 = 1 - o.adam_beta1 ** this.steps;
    const correction2 = 1 - o.adam_beta2 ** this.steps;
    const byName = Object.fromEntries(names.map((name) => [name, grads[this.variables[name]!.name]!]));
    const next = tf.tidy(() => {
      // Not addN: it binds one buffer an input, and 39 are more than WebGPU allows.
      const squares = Object.values(byName)
        .map((g) => tf.sum(tf.square(g)))
        .reduce((a, b) => tf.add(a, b));
      const norm = tf.sqrt(squares);
      const clip = o.max_grad_norm > 0 ? tf.minimum(1, tf.div(o.max_grad_norm, tf.add(norm, 1e-6))) : tf.scalar(1);
      const m: Named = {};
      const v: Named = {};
      for (const name of names) {
        const g = tf.mul(byName[name]!, clip);
        const w = this.variables[name]!;
        m[name] = tf.add(tf.mul(this.moments.m[name]!, o.adam_beta1), tf.mul(g, 1 - o.adam_beta1));
        v[name] = tf.add(tf.mul(this.moments.v[name]!, o.adam_beta2), tf.mul(tf.square(g), 1 - o.adam_beta2));
        const change = tf.div(
          tf.mul(m[name]!, o.learning_rate / correction1),
          tf.add(tf.sqrt(tf.div(v[name]!, correction2)), o.adam_epsilon),
        );
        const decayed = w.shape.length > 1 ? tf.mul(w, 1 - o.learning_rate * o.weight_decay) : w;
        w.assign(tf.sub(decayed, change));
      }
      return { m, v } as unknown as tf.TensorContainerObject;
    }) as unknown as typeof this.moments;
    tf.dispose([this.moments as unknown as tf.TensorContainer, grads]);
    this.moments = next;
    const loss = (await value.data())[0]!;
    value.dispose();
    return loss;
  }

  /** Greedy tokens without a cache: the whole forward pass for each new token. Prompts of one length. */
  async generateUncached(prompts: readonly (readonly number[])[], newTokens: number): Promise<number[][]> {
    const rows = prompts.map((prompt) => [...prompt]);
    const B = rows.length;
    for (let t = 0; t < newTokens; t++) {
      const T = rows[0]!.length;
      const next = tf.tidy(() => {
        const logits = tf.reshape(this.logits2d(tf.tensor2d(rows, [B, T], 'int32')), [B, T, -1]);
        return tf.argMax(tf.reshape(tf.slice(logits, [0, T - 1, 0], [B, 1, -1]), [B, -1]), 1);
      });
      const ids = await next.data();
      next.dispose();
      rows.forEach((row, b) => {
        row.push(ids[b]!);
      });
    }
    return rows.map((row, b) => row.slice(prompts[b]!.length));
  }

  async exportWeights(): Promise<NamedTensorMap> {
    const out: NamedTensorMap = {};
    for (const [name, w] of Object.entries(this.variables))
      out[name] = { shape: w.shape, data: new Float32Array(await w.data()) };
    return out;
  }
  dispose(): void {
    tf.dispose([this.variables, this.moments.m, this.moments.v]);
  }
}

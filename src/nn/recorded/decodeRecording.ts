// Decoding as recorded kernel calls: one token for every row, as a function of the memory that it names.
import { attentionDecode, DECODE_KEYS } from '../../gpu/kernels/attentionDecode';
import { DECODE } from '../../gpu/kernels/decodeState';
import { scaledRows } from '../../gpu/kernels/dora';
import { embed } from '../../gpu/kernels/embedding';
import type { KernelForms } from '../../gpu/kernels/forms';
import { type GemmEpilogue, gemm, gemmValues } from '../../gpu/kernels/gemm';
import { logitStride } from '../../gpu/kernels/head';
import { rmsNormRows } from '../../gpu/kernels/norm';
import { sampleTokens } from '../../gpu/kernels/sample';
import { type Fixed, formatOf, type Memory, Recording } from '../../gpu/recording';
import type { LlamaConfig, SamplingOptions } from '../../protocol/model';
import { SAMPLING_STREAM } from '../sampling';
import type { GroupKey } from './adapterLayout';
import { type DecodeShape, RING, rowFloats } from './decodeShapes';
import type { AdapterMemory } from './llamaRecording';

export interface SampleSizes extends DecodeShape {
  /** Rows that have not ended; they come first. */
  active: number;
  sampling: SamplingOptions;
  stops: number;
}

/** Fixed memory that a token's recording names. */
export interface TokenMemory {
  weight(name: string): Fixed;
  table: Fixed;
  adapter?(layer: number, key: GroupKey): AdapterMemory | undefined;
  state: Fixed;
  /** Route of each row among the adapters; 0, 1, 2 … for the final norm; see sampleTokens for the rest. */
  routes: Fixed;
  all: Fixed;
  stops: Fixed;
  tokens: Fixed;
  choices: Fixed;
  allowed?: Fixed;
  cache(layer: number): Fixed;
  prefix(layer: number): Fixed;
}

/** Values that hang on nothing but the number of live rows: one object for each, so that a replay sees what is unchanged. */
function byActive<V>(make: (active: number) => V): (sizes: SampleSizes) => V {
  const made = new Map<number, V>();
  return ({ active }) => {
    const known = made.get(active) ?? make(active);
    made.set(active, known);
    return known;
  };
}

/** One token for every row. */
export function recordToken(
  config: LlamaConfig,
  forms: KernelForms,
  shape: DecodeShape,
  memory: TokenMemory,
): Recording<SampleSizes> {
  const { weight, table, state, routes } = memory;
  const { rows: R, prefixRows, slots } = shape;
  const W = rowFloats(config);
  const { hidden_size: D, num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
  const { intermediate_size: F, vocab_size: V } = config;
  const r = new Recording<SampleSizes>();
  const product = (
    sizes: { n: number; k: number; ldc?: number },
    args: Memory[],
    epilogue: GemmEpilogue,
    hasNorm = false,
    adapter?: AdapterMemory,
  ) => {
    const norm = hasNorm ? { norm: { eps: config.rms_norm_eps, save: false } } : {};
    const k2 = adapter?.rank ?? 0;
    const [x, weight, ...rest] = args;
    const low: Memory[] = [];
    if (adapter) {
      // x·Aᵀ of all adapters; a row keeps those of its route.
      const left = r.floats('low', R * k2);
      const shrink = gemm({ layout: 'NT', form: forms.gemm.NT, epilogue: { kind: 'route' }, ...norm });
      const gamma = hasNorm ? [rest[0]!] : [];
      const { offsets } = adapter;
      const values = byActive((m) => gemmValues('NT', { m, n: k2, k: adapter.in, offsets }));
      r.call(shrink, [x!, adapter.A, ...gamma, adapter.routes, routes, left], values);
      low.push(left, adapter.B);
    }
    const values = byActive((m) => gemmValues('NT', { ...sizes, m, k2 }));
    const weights = formatOf(weight);
    const dora = adapter?.dora;
    const kernel = gemm({
      layout: 'NT',
      form: forms.gemm.NT,
      epilogue: dora ? { kind: 'store' } : epilogue,
      ...norm,
      ...(adapter && { lowRank: true }),
      ...(weights && { weights }),
    });
    if (!dora) {
      r.call(kernel, [x!, weight!, ...low, ...rest], values);
      return;
    }
    const z = r.floats('z', R * sizes.n);
    const own = hasNorm ? rest.slice(1) : rest;
    r.call(kernel, [x!, weight!, ...low, ...(hasNorm ? [rest[0]!] : []), z], values);
    r.call(scaledRows(epilogue), [z, dora.scales, routes, ...own], values);
  };
  let x = r.floats('x', R * D);
  r.call(embed({ d: D }), [weight('model.embed_tokens.weight'), state, x], ({ active }) => ({
    rows: active,
    first: DECODE.token * active,
  }));
  const attention = attentionDecode({
    heads: H,
    kvHeads: Hk,
    headDim: hd,
    // By the keys of this batch, not by the context: a short chat with a long-context model is not decoded serially.
    form: prefixRows + slots > DECODE_KEYS ? 'rowPerThread' : forms.row,
  });
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const w = (suffix: string) => weight(`model.layers.${i}.${suffix}.weight`);
    const [o, mid, act, next] = [H * hd, D, F, D].map((n, j) => r.floats(`${i}.${j}`, R * n));
    const rope = {
      kind: 'rope',
      headDim: hd,
      rotatedHeads: H + Hk,
      positions: table.bytes / (4 * hd),
      append: true,
    } as const;
    const low = (key: GroupKey) => (shape.adapted ? memory.adapter?.(i, key) : undefined);
    const cache = memory.cache(i);
    const qkv = [x, w('self_attn.q_proj'), w('input_layernorm'), table, state, cache];
    product({ n: W, k: D }, qkv, rope, true, low('qkv'));
    r.call(attention, [cache, memory.prefix(i), state, o!], ({ active }) => ({ rows: active, prefixRows }));
    const output = [o!, w('self_attn.o_proj'), x, mid!];
    product({ n: D, k: H * hd }, output, { kind: 'residual' }, false, low('o'));
    const gateUp = [mid!, w('mlp.gate_proj'), w('post_attention_layernorm'), act!];
    product({ n: 2 * F, k: D }, gateUp, { kind: 'swiglu', save: false }, true, low('gateUp'));
    const down = [act!, w('mlp.down_proj'), mid!, next!];
    product({ n: D, k: F }, down, { kind: 'residual' }, false, low('down'));
    x = next!;
  }
  const [h, rstd] = [r.floats('h', R * D), r.floats('rstd', R)];
  const norm = rmsNormRows({ d: D, eps: config.rms_norm_eps, form: forms.row });
  r.call(norm, [x, weight('model.norm.weight'), memory.all, h, rstd], ({ active }) => ({ rows: active }));
  const logits = r.floats('logits', R * logitStride(V));
  const head = weight(config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');
  product({ n: V, k: D, ldc: logitStride(V) }, [h, head, logits], { kind: 'store' });
  const allowed = memory.allowed ? [memory.allowed] : [];
  r.call(
    sampleTokens({ vocabulary: V, form: forms.row, masked: memory.allowed !== undefined }),
    [logits, state, memory.stops, memory.tokens, memory.choices, ...allowed],
    ({ active, sampling, stops }) => ({
      rows: active,
      temperature: sampling.temperature,
      topK: sampling.top_k,
      topP: sampling.top_p,
      minP: sampling.min_p ?? 0,
      seed: sampling.seed,
      mix: SAMPLING_STREAM,
      ring: RING,
      stops,
    }),
  );
  return r;
}

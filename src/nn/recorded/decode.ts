// Text from the recorded engine: a prompt runs once and is shared by all rows that continue it; then one list of calls makes a
// token for every row, state and caches on the device, and is encoded several times before the host looks.
import { allocating, SHORTEN } from '../../gpu/allocation';
import type { Kernel } from '../../gpu/kernel';
import { attentionDecode, DECODE_KEYS } from '../../gpu/kernels/attentionDecode';
import { DECODE, DECODE_WORDS } from '../../gpu/kernels/decodeState';
import { embed } from '../../gpu/kernels/embedding';
import { type GemmEpilogue, gemm, gemmValues } from '../../gpu/kernels/gemm';
import { logitStride } from '../../gpu/kernels/head';
import { rmsNormRows } from '../../gpu/kernels/norm';
import { CHOICE_FLOATS, sampleTokens } from '../../gpu/kernels/sample';
import { type Fixed, type Memory, Recording } from '../../gpu/recording';
import { Replay } from '../../gpu/replay';
import { CancelledError, DeviceError } from '../../lib/errors';
import type { LlamaConfig, SamplingOptions } from '../../protocol/model';
import { checkAllowed, newTokens, SAMPLING_STREAM } from '../sampling';
import type { GeneratedRow, GenerateRequest } from '../seam';
import type { GroupKey } from './adapterLayout';
import { inputLayout, packInputs } from './batchInputs';
import type { GpuContext } from './context';
import { type AdapterMemory, type LlamaMemory, LlamaRecorder, type StepSizes } from './llamaRecording';

/** Tokens encoded before the host looks: on hardware a readback costs more than a token, on a software adapter it does not. */
const TOKENS_A_READ = { hardware: 8, software: 2 };
/** Bytes that caches and shared prompts of one batch may take together: a quarter of what an adapter is trusted with at first. */
const CACHE_BYTES = 2 ** 30;
/** Tokens of prompts that go through the model at once: their activations stay as small as those of a training step. */
const PREFILL_TOKENS = 8192;
/** Stop ids that fit; chat templates have one or two. */
const STOPS = 16;

export interface DecodeHost {
  gpu: GpuContext;
  config: LlamaConfig;
  weight(name: string): Fixed;
  table: Fixed;
  adapter(layer: number, key: GroupKey): AdapterMemory | undefined;
  makeBuffer(bytes: number, label: string): GPUBuffer;
  /** Rejects where the device had no room for the weights. */
  ready(): Promise<void>;
}
interface Shape {
  /** Distinct prompts, their rows in the prefix, how many run at once, rows of the batch, own slots and tokens at most. */
  groups: number;
  prefixRows: number;
  groupsAtOnce: number;
  rows: number;
  slots: number;
  maxNew: number;
  /** Some rows go through adapters. */
  adapted: boolean;
  /** The host says before each token which ids may come. */
  masked: boolean;
}
interface SampleSizes extends Shape {
  /** Rows that have not ended; they come first. */
  active: number;
  sampling: SamplingOptions;
  stops: number;
}

/** The pass of some prompts, `count` groups from `first` on. */
interface Prefill {
  replay: Replay<StepSizes>;
  inputs: GPUBuffer;
  first: number;
  count: number;
}

/** Memory and recordings for one shape; kept for the next call of the same shape. */
export class Decoder {
  private readonly own: GPUBuffer[] = [];
  private readonly state: GPUBuffer;
  private readonly stops: GPUBuffer;
  /** Route of each row among the adapters. */
  private readonly routes: GPUBuffer;
  private readonly allowed?: GPUBuffer;
  private readonly tokens: GPUBuffer;
  private readonly choices: GPUBuffer;
  private readonly caches: Fixed[];
  private readonly prefixes: Fixed[];
  private readonly prefills: Prefill[] = [];
  private readonly token: Replay<SampleSizes>;

  private constructor(
    private readonly host: DecodeHost,
    readonly shape: Shape,
  ) {
    const { config, gpu } = host;
    const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => i);
    const bytes = decodeBytes(config, shape);
    try {
      this.state = this.make(bytes.state, 'decode state');
      this.stops = this.make(4 * STOPS, 'stop ids');
      this.routes = this.make(4 * shape.rows, 'routes of rows');
      if (shape.masked) this.allowed = this.make(bytes.allowed, 'allowed ids');
      this.tokens = this.make(bytes.tokens, 'tokens');
      this.choices = this.make(bytes.choices, 'choices');
      this.caches = layers.map((i) => this.fixed(this.make(bytes.cache, `cache ${i}`)));
      this.prefixes = layers.map((i) => this.fixed(this.make(bytes.prefix, `prefix ${i}`)));
      this.token = new Replay(gpu.pipelines, gpu.pool, this.tokenRecording(rowFloats(config)), SHORTEN);
      this.recordPrompts();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }
  /** Throws ConfigError or DeviceError, in words, where the device has no room for it. */
  static async create(host: DecodeHost, shape: Shape): Promise<Decoder> {
    const { device, pipelines } = host.gpu;
    await host.ready();
    const { made: decoder, checked } = allocating(device, () => new Decoder(host, shape), SHORTEN);
    try {
      await checked;
      await pipelines.compile(decoder.replays.flatMap(({ kernels }) => kernels));
      await allocating(device, () => decoder.replays.map((replay) => replay.prepare()), SHORTEN).checked;
    } catch (error) {
      host.gpu.pool.release(); // nothing is bound to memory that is not there
      decoder.dispose();
      throw error;
    }
    return decoder;
  }
  private get replays(): { kernels: Kernel[]; prepare(): void; dispose(): void }[] {
    return [this.token, ...this.prefills.map(({ replay }) => replay)];
  }

  private make(bytes: number, label: string): GPUBuffer {
    const buffer = this.host.makeBuffer(bytes, label);
    this.own.push(buffer);
    return buffer;
  }
  private fixed(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Fixed {
    return { kind: 'fixed', name: buffer.label, buffer, offset, bytes };
  }

  /** Prompts go through in pieces, so that their activations stay small; what is kept is a part of the prefixes each. */
  private recordPrompts(): void {
    const { gpu, config, weight, table } = this.host;
    const { groups, prefixRows: T, groupsAtOnce, adapted } = this.shape;
    if (T === 0) return;
    const inputs = this.make(inputLayout(groupsAtOnce * T).bytes, 'prompts');
    const groupBytes = 4 * T * rowFloats(config);
    for (let first = 0; first < groups; first += groupsAtOnce) {
      const count = Math.min(groupsAtOnce, groups - first);
      const layout = inputLayout(count * T);
      const memory: LlamaMemory = {
        weight,
        grad: weight,
        input: (part) => this.fixed(inputs, layout.parts[part].offset, layout.parts[part].bytes),
        table,
        ...(adapted && { adapter: this.host.adapter }),
      };
      const recorder = new LlamaRecorder({ config, B: count, T, forms: gpu.forms, normStride: 0 }, memory);
      recorder.forward(false, (layer) =>
        this.fixed(this.prefixes[layer]!.buffer, first * groupBytes, count * groupBytes),
      );
      const replay = new Replay(gpu.pipelines, gpu.pool, recorder.recording, SHORTEN);
      this.prefills.push({ replay, inputs, first, count });
    }
  }

  /** One token for every row. */
  private tokenRecording(W: number): Recording<SampleSizes> {
    const { gpu, config, weight, table } = this.host;
    const { forms } = gpu;
    const { rows: R, prefixRows, maxNew } = this.shape;
    const { hidden_size: D, num_attention_heads: H, num_key_value_heads: Hk, head_dim: hd } = config;
    const { intermediate_size: F, vocab_size: V } = config;
    const r = new Recording<SampleSizes>();
    const state = this.fixed(this.state);
    const routes = this.fixed(this.routes);
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
        const values = byActive((m) => gemmValues('NT', { m, n: k2, k: adapter.in }));
        r.call(shrink, [x!, adapter.A, ...gamma, adapter.routes, routes, left], values);
        low.push(left, adapter.B);
      }
      const values = byActive((m) => gemmValues('NT', { ...sizes, m, k2 }));
      const kernel = gemm({ layout: 'NT', form: forms.gemm.NT, epilogue, ...norm, ...(adapter && { lowRank: true }) });
      r.call(kernel, [x!, weight!, ...low, ...rest], values);
    };
    let x = r.floats('x', R * D);
    r.call(embed({ d: D }), [weight('model.embed_tokens.weight'), state, x], ({ active }) => ({
      rows: active,
      first: DECODE.token * active,
    }));
    const keys = config.max_position_embeddings;
    const attention = attentionDecode({
      heads: H,
      kvHeads: Hk,
      headDim: hd,
      form: keys > DECODE_KEYS ? 'rowPerThread' : forms.row,
    });
    for (let i = 0; i < config.num_hidden_layers; i++) {
      const w = (suffix: string) => weight(`model.layers.${i}.${suffix}.weight`);
      const [o, mid, act, next] = [H * hd, D, F, D].map((n, j) => r.floats(`${i}.${j}`, R * n));
      const rope = { kind: 'rope', headDim: hd, rotatedHeads: H + Hk, positions: keys, append: true } as const;
      const low = (key: GroupKey) => (this.shape.adapted ? this.host.adapter(i, key) : undefined);
      const cache = this.caches[i]!;
      const qkv = [x, w('self_attn.q_proj'), w('input_layernorm'), table, state, cache];
      product({ n: W, k: D }, qkv, rope, true, low('qkv'));
      r.call(attention, [cache, this.prefixes[i]!, state, o!], ({ active }) => ({ rows: active, prefixRows }));
      const output = [o!, w('self_attn.o_proj'), x, mid!];
      product({ n: D, k: H * hd }, output, { kind: 'residual' }, false, low('o'));
      const gateUp = [mid!, w('mlp.gate_proj'), w('post_attention_layernorm'), act!];
      product({ n: 2 * F, k: D }, gateUp, { kind: 'swiglu', save: false }, true, low('gateUp'));
      const down = [act!, w('mlp.down_proj'), mid!, next!];
      product({ n: D, k: F }, down, { kind: 'residual' }, false, low('down'));
      x = next!;
    }
    const all = this.make(4 * R, 'all rows');
    gpu.runner.write(
      all,
      0,
      Uint32Array.from({ length: R }, (_, n) => n),
    );
    const [h, rstd] = [r.floats('h', R * D), r.floats('rstd', R)];
    const norm = rmsNormRows({ d: D, eps: config.rms_norm_eps, form: forms.row });
    r.call(norm, [x, weight('model.norm.weight'), this.fixed(all), h, rstd], ({ active }) => ({ rows: active }));
    const logits = r.floats('logits', R * logitStride(V));
    const head = weight(config.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');
    product({ n: V, k: D, ldc: logitStride(V) }, [h, head, logits], { kind: 'store' });
    const allowed = this.allowed ? [this.fixed(this.allowed)] : [];
    r.call(
      sampleTokens({ vocabulary: V, form: forms.row, masked: this.allowed !== undefined }),
      [logits, state, this.fixed(this.stops), this.fixed(this.tokens), this.fixed(this.choices), ...allowed],
      ({ active, sampling, stops }) => ({
        rows: active,
        temperature: sampling.temperature,
        topK: sampling.top_k,
        topP: sampling.top_p,
        minP: sampling.min_p ?? 0,
        seed: sampling.seed,
        mix: SAMPLING_STREAM,
        maxNew,
        stops,
      }),
    );
    return r;
  }

  /** Completions of `rows` (indices into the request's prompts) into `out`. */
  async run(
    request: GenerateRequest,
    rows: readonly number[],
    groupOf: readonly number[],
    out: GeneratedRow[],
  ): Promise<void> {
    const { runner } = this.host.gpu;
    const { rows: R, slots, maxNew, masked } = this.shape;
    const { prompts, sampling, onToken, signal, yieldToOthers } = request;
    const stopIds = request.stopIds.slice(0, STOPS);
    runner.submit();
    const state = new Uint32Array(R * DECODE_WORDS);
    const set = (name: keyof typeof DECODE, r: number, value: number) => {
      state[DECODE[name] * R + r] = value;
    };
    for (let r = 0; r < R; r++) {
      const row = rows[r]!;
      const prompt = prompts[row]!;
      set('cacheRow', r, r * slots);
      set('own', r, 1);
      set('group', r, groupOf[r]!);
      set('prefix', r, prompt.length - 1);
      set('position', r, prompt.length - 1);
      set('token', r, prompt[prompt.length - 1]!);
      set('stream', r, row);
      set('limit', r, newTokens(prompt.length, sampling, this.host.config));
    }
    runner.write(this.state, 0, state);
    runner.write(
      this.stops,
      0,
      Uint32Array.from({ length: STOPS }, (_, i) => stopIds[i] ?? 0),
    );
    const slotOf = (row: number) => request.rowAdapter?.[row] ?? -1;
    const writeRoutes = (live: readonly number[]) =>
      runner.write(
        this.routes,
        0,
        Uint32Array.from(live, (row) => slotOf(row) + 1),
      );
    writeRoutes(rows);
    for (const prefill of this.prefills) await this.runPrompts(prefill, prompts, rows, groupOf, slotOf);
    const isSoftware = this.host.gpu.forms.row === 'rowPerThread';
    const chunk = masked ? 1 : isSoftware ? TOKENS_A_READ.software : TOKENS_A_READ.hardware;
    let live = [...rows];
    for (let t = 0; t < maxNew; t += chunk) {
      const active = live.length;
      if (masked) this.writeAllowed(request, live, out);
      this.token.prepare();
      this.token.write({ ...this.shape, active, sampling, stops: stopIds.length });
      for (let k = 0; k < Math.min(chunk, maxNew - t); k++)
        if (this.token.proven.has('')) runner.encode(this.token, '');
        else await runner.send(this.token, '');
      const [words, ids, choices] = await runner.read([
        { buffer: this.state, offset: 0, bytes: 4 * active * DECODE_WORDS },
        { buffer: this.tokens, offset: 0, bytes: 4 * active * maxNew },
        { buffer: this.choices, offset: 0, bytes: 4 * active * maxNew * CHOICE_FLOATS },
      ]);
      const now = new Uint32Array(words!);
      const [newIds, told] = [new Uint32Array(ids!), new Float32Array(choices!)];
      live.forEach((row, r) => {
        const result = out[row]!;
        if (now[DECODE.count * active + r]! <= t)
          throw new DeviceError(
            `The GPU made no token for prompt ${row + 1}, and said nothing of it. Try again; if it happens again, open the studio with ?backend=wasm.`,
          );
        for (let i = t; i < now[DECODE.count * active + r]!; i++) {
          const at = r * maxNew + i;
          const id = newIds[at]!;
          const [logp, samplingLogp, entropy] = told.subarray(at * CHOICE_FLOATS);
          result.ids.push(id);
          result.logps.push(logp!);
          result.samplingLogps.push(samplingLogp!);
          result.entropies.push(entropy!);
          result.terminated = stopIds.includes(id);
          onToken?.(row, id);
        }
      });
      const alive = live.flatMap((_, r) => (now[DECODE.done * active + r] === 0 ? [r] : []));
      if (alive.length === 0) return;
      if (signal?.aborted) throw new CancelledError('Generation was stopped.', { cause: signal.reason });
      // Ended rows leave: caches stay where they are, the state says where.
      if (alive.length < active) {
        const state = Uint32Array.from({ length: alive.length * DECODE_WORDS }, (_, i) => {
          const [section, r] = [Math.floor(i / alive.length), i % alive.length];
          return now[section * active + alive[r]!]!;
        });
        runner.write(this.state, 0, state);
        live = alive.map((r) => live[r]!);
        writeRoutes(live);
      }
      await yieldToOthers?.();
    }
  }

  /** Which ids may come next in each row, before its token is made. */
  private writeAllowed(request: GenerateRequest, live: readonly number[], out: readonly GeneratedRow[]): void {
    const words = maskWords(this.host.config);
    const all = new Uint32Array(live.length * words).fill(0xffffffff);
    live.forEach((row, r) => {
      const allowed = checkAllowed(request.allowed?.(row, out[row]!.ids), row);
      if (allowed) all.set(allowed, r * words);
    });
    this.host.gpu.runner.write(this.allowed!, 0, all);
  }

  private async runPrompts(
    { replay, inputs, first, count: B }: Prefill,
    prompts: GenerateRequest['prompts'],
    rows: readonly number[],
    groupOf: readonly number[],
    slotOf: (row: number) => number,
  ): Promise<void> {
    const { runner } = this.host.gpu;
    const { prefixRows: T } = this.shape;
    const N = B * T;
    const [ids, positions, segmentIds] = [new Int32Array(N), new Int32Array(N), new Int32Array(N)];
    const rowAdapter = new Int32Array(B).fill(-1);
    rows.forEach((row, r) => {
      const group = groupOf[r]! - first;
      if (group < 0 || group >= B) return;
      const prompt = prompts[row]!;
      rowAdapter[group] = slotOf(row);
      for (let t = 0; t + 1 < prompt.length; t++) {
        const n = group * T + t;
        ids[n] = prompt[t]!;
        positions[n] = t;
        segmentIds[n] = 1;
      }
    });
    const mask = new Float32Array(N);
    const batch = { B, T, ids, positions, segmentIds, targets: new Int32Array(N), mask, rowAdapter };
    const packed = packInputs(batch);
    runner.write(inputs, 0, packed.words);
    const sizes: StepSizes = {
      supervised: 0,
      groups: packed.groups,
      inverseTemperature: 1,
      scale: 0,
      dft: 0,
      accumulate: 0,
      at: 0,
      beta: 0,
      inverseDistillTemperature: 1,
    };
    replay.prepare();
    replay.write(sizes);
    await runner.send(replay, '');
  }

  dispose(): void {
    // The token's is missing where there was no room for it.
    for (const replay of this.replays) replay?.dispose();
    for (const buffer of this.own) buffer.destroy();
  }
}

const maskWords = ({ vocab_size }: LlamaConfig): number => Math.ceil(vocab_size / 32);
/** Values that hang on nothing but the number of live rows: one object for each, so that a replay sees what is unchanged. */
function byActive<V>(make: (active: number) => V): (sizes: SampleSizes) => V {
  const made = new Map<number, V>();
  return ({ active }) => {
    const known = made.get(active) ?? make(active);
    made.set(active, known);
    return known;
  };
}
const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;
/** Floats of q|k|v of a token. */
const rowFloats = (c: LlamaConfig): number => (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;

/** Bytes of a decoder's buffers; caches and prefixes are one a layer. */
function decodeBytes(config: LlamaConfig, { rows, slots, groups, prefixRows, maxNew }: Shape) {
  return {
    state: 4 * rows * DECODE_WORDS,
    allowed: 4 * rows * maskWords(config),
    tokens: 4 * rows * maxNew,
    choices: 4 * rows * maxNew * CHOICE_FLOATS,
    cache: 4 * rows * slots * rowFloats(config),
    prefix: 4 * Math.max(1, groups * prefixRows) * rowFloats(config),
    /** Of the plan: the widest that a token of every row leaves on its way. */
    logits: 4 * rows * logitStride(config.vocab_size),
    activations: 4 * rows * Math.max(config.hidden_size, config.intermediate_size, rowFloats(config)),
  };
}

/**
 * The rows of a request in batches: like lengths together, as many as `maxBatch` allows and as keep each buffer below `maxBytes`
 * and all caches below CACHE_BYTES. One row is always a batch: where it alone is too much, the decoder refuses it.
 */
export function decodeBatches(
  request: GenerateRequest,
  config: LlamaConfig,
  maxBytes: number,
): { rows: number[]; groupOf: number[]; shape: Shape }[] {
  const { prompts, sampling, maxBatch = 64 } = request;
  const order = prompts.map((_, i) => i).sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
  const routeOf = (row: number) => request.rowAdapter?.[row] ?? -1;
  const keyOf = (row: number) => [routeOf(row), ...Array.from(prompts[row]!)].join();
  const promptFloats = Math.max(config.hidden_size, config.intermediate_size, rowFloats(config));
  const shapeOf = (rows: readonly number[], groups: number): Shape => {
    const longest = prompts[rows.at(-1)!]!.length;
    const maxNew = newTokens(prompts[rows[0]!]!.length, sampling, config);
    const prefixRows = longest > 1 ? roundUp(longest - 1, 32) : 0;
    const tokensAtOnce = Math.min(PREFILL_TOKENS, Math.floor(maxBytes / (4 * promptFloats)));
    return {
      groups,
      prefixRows,
      groupsAtOnce: Math.max(1, Math.min(groups, Math.floor(tokensAtOnce / Math.max(1, prefixRows)))),
      rows: rows.length,
      slots: roundUp(maxNew, 32),
      maxNew,
      adapted: rows.some((row) => routeOf(row) >= 0),
      masked: request.allowed !== undefined,
    };
  };
  const fits = (shape: Shape): boolean => {
    const bytes = decodeBytes(config, shape);
    const caches = config.num_hidden_layers * (bytes.cache + bytes.prefix);
    return shape.rows <= maxBatch && Math.max(...Object.values(bytes)) <= maxBytes && caches <= CACHE_BYTES;
  };
  const out: { rows: number[]; groupOf: number[]; shape: Shape }[] = [];
  let groups = new Map<string, number>();
  for (const row of order) {
    const key = keyOf(row);
    const last = out.at(-1);
    if (last) {
      const rows = [...last.rows, row];
      const shape = shapeOf(rows, groups.size + (groups.has(key) ? 0 : 1));
      if (fits(shape)) {
        const group = groups.get(key) ?? groups.size;
        groups.set(key, group);
        out[out.length - 1] = { rows, groupOf: [...last.groupOf, group], shape };
        continue;
      }
    }
    groups = new Map([[key, 0]]);
    out.push({ rows: [row], groupOf: [0], shape: shapeOf([row], 1) });
  }
  return out;
}

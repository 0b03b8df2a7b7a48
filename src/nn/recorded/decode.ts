// Text from the recorded engine: a prompt runs once and is shared by all rows that continue it; then one list of calls makes a
// token for every row, state and caches on the device, and is encoded several times before the host looks.
import { attentionDecode, DECODE_KEYS } from '../../gpu/kernels/attentionDecode';
import { DECODE, DECODE_WORDS } from '../../gpu/kernels/decodeState';
import { embed } from '../../gpu/kernels/embedding';
import { type GemmEpilogue, gemm, gemmValues } from '../../gpu/kernels/gemm';
import { logitStride } from '../../gpu/kernels/head';
import { rmsNormRows } from '../../gpu/kernels/norm';
import { CHOICE_FLOATS, sampleTokens } from '../../gpu/kernels/sample';
import { type Fixed, type Memory, Recording } from '../../gpu/recording';
import { Replay } from '../../gpu/replay';
import { CancelledError } from '../../lib/errors';
import type { LlamaConfig, SamplingOptions } from '../../protocol/model';
import { checkAllowed, SAMPLING_STREAM } from '../sampling';
import type { GeneratedRow, GenerateRequest } from '../seam';
import type { GroupKey } from './adapterLayout';
import { inputLayout, packInputs } from './batchInputs';
import type { GpuContext } from './context';
import { type AdapterMemory, type LlamaMemory, LlamaRecorder, type StepSizes } from './llamaRecording';

/** Tokens encoded before the host looks: on hardware a readback costs more than a token, on a software adapter it does not. */
const TOKENS_A_READ = { hardware: 8, software: 2 };
/** Stop ids that fit; chat templates have one or two. */
const STOPS = 16;

export interface DecodeHost {
  gpu: GpuContext;
  config: LlamaConfig;
  weight(name: string): Fixed;
  table: Fixed;
  adapter(layer: number, key: GroupKey): AdapterMemory | undefined;
  makeBuffer(bytes: number, label: string): GPUBuffer;
}
interface Shape {
  /** Distinct prompts, their rows in the prefix, rows of the batch, own slots and tokens at most. */
  groups: number;
  prefixRows: number;
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
  private prefill?: { replay: Replay<StepSizes>; inputs: GPUBuffer };
  private readonly token: Replay<SampleSizes>;

  private constructor(
    private readonly host: DecodeHost,
    readonly shape: Shape,
  ) {
    const { config } = host;
    const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => i);
    const W = (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;
    const { rows, slots, groups, prefixRows, maxNew } = shape;
    this.state = this.make(4 * rows * DECODE_WORDS, 'decode state');
    this.stops = this.make(4 * STOPS, 'stop ids');
    this.routes = this.make(4 * rows, 'routes of rows');
    if (shape.masked) this.allowed = this.make(4 * rows * maskWords(config), 'allowed ids');
    this.tokens = this.make(4 * rows * maxNew, 'tokens');
    this.choices = this.make(4 * rows * maxNew * CHOICE_FLOATS, 'choices');
    this.caches = layers.map((i) => this.fixed(this.make(4 * rows * slots * W, `cache ${i}`)));
    this.prefixes = layers.map((i) => this.fixed(this.make(4 * Math.max(1, groups * prefixRows) * W, `prefix ${i}`)));
    this.token = new Replay(host.gpu.pipelines, host.gpu.pool, this.tokenRecording(W));
    if (prefixRows > 0) this.prefill = this.prefillReplay();
  }
  static async create(host: DecodeHost, shape: Shape): Promise<Decoder> {
    const decoder = new Decoder(host, shape);
    await host.gpu.pipelines.compile([...decoder.token.kernels, ...(decoder.prefill?.replay.kernels ?? [])]);
    return decoder;
  }

  private make(bytes: number, label: string): GPUBuffer {
    const buffer = this.host.makeBuffer(bytes, label);
    this.own.push(buffer);
    return buffer;
  }
  private fixed(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Fixed {
    return { kind: 'fixed', name: buffer.label, buffer, offset, bytes };
  }

  private prefillReplay() {
    const { gpu, config, weight, table } = this.host;
    const { groups: B, prefixRows: T } = this.shape;
    const layout = inputLayout(B * T);
    const inputs = this.make(layout.bytes, 'prompts');
    const memory: LlamaMemory = {
      weight,
      grad: weight,
      input: (part) => this.fixed(inputs, layout.parts[part].offset, layout.parts[part].bytes),
      table,
      ...(this.shape.adapted && { adapter: this.host.adapter }),
    };
    const recorder = new LlamaRecorder({ config, B, T, forms: gpu.forms, normStride: 0 }, memory);
    recorder.forward(false, (layer) => this.prefixes[layer]!);
    return { replay: new Replay(gpu.pipelines, gpu.pool, recorder.recording), inputs };
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
    const { rows: R, slots, prefixRows, maxNew, masked } = this.shape;
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
    if (this.prefill && prefixRows > 0) this.runPrompts(prompts, rows, groupOf, slotOf);
    const isSoftware = this.host.gpu.forms.row === 'rowPerThread';
    const chunk = masked ? 1 : isSoftware ? TOKENS_A_READ.software : TOKENS_A_READ.hardware;
    let live = [...rows];
    for (let t = 0; t < maxNew; t += chunk) {
      const active = live.length;
      if (masked) this.writeAllowed(request, live, out);
      this.token.prepare();
      this.token.write({ ...this.shape, active, sampling, stops: stopIds.length });
      for (let k = 0; k < Math.min(chunk, maxNew - t); k++) runner.encode(this.token, '');
      const [words, ids, choices] = await runner.read([
        { buffer: this.state, offset: 0, bytes: 4 * active * DECODE_WORDS },
        { buffer: this.tokens, offset: 0, bytes: 4 * active * maxNew },
        { buffer: this.choices, offset: 0, bytes: 4 * active * maxNew * CHOICE_FLOATS },
      ]);
      const now = new Uint32Array(words!);
      const [newIds, told] = [new Uint32Array(ids!), new Float32Array(choices!)];
      live.forEach((row, r) => {
        const result = out[row]!;
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

  private runPrompts(
    prompts: GenerateRequest['prompts'],
    rows: readonly number[],
    groupOf: readonly number[],
    slotOf: (row: number) => number,
  ): void {
    const { runner } = this.host.gpu;
    const { groups: B, prefixRows: T } = this.shape;
    const N = B * T;
    const [ids, positions, segmentIds] = [new Int32Array(N), new Int32Array(N), new Int32Array(N)];
    const rowAdapter = new Int32Array(B).fill(-1);
    rows.forEach((row, r) => {
      const prompt = prompts[row]!;
      rowAdapter[groupOf[r]!] = slotOf(row);
      for (let t = 0; t + 1 < prompt.length; t++) {
        const n = groupOf[r]! * T + t;
        ids[n] = prompt[t]!;
        positions[n] = t;
        segmentIds[n] = 1;
      }
    });
    const mask = new Float32Array(N);
    const batch = { B, T, ids, positions, segmentIds, targets: new Int32Array(N), mask, rowAdapter };
    const { replay, inputs } = this.prefill!;
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
    runner.encode(replay, '');
    runner.submit();
  }

  dispose(): void {
    this.token.dispose();
    this.prefill?.replay.dispose();
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

/** The rows of a request in batches: like lengths together, as many as `maxBatch` and the largest binding allow. */
export function decodeBatches(
  request: GenerateRequest,
  config: LlamaConfig,
  maxBytes: number,
): { rows: number[]; groupOf: number[]; shape: Shape }[] {
  const { prompts, sampling, maxBatch = 64 } = request;
  const context = config.max_position_embeddings;
  const W = (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;
  const order = prompts.map((_, i) => i).sort((a, b) => prompts[a]!.length - prompts[b]!.length || a - b);
  const slots = roundUp(Math.min(sampling.max_new_tokens, context), 32);
  const most = Math.max(1, Math.min(maxBatch, Math.floor(maxBytes / (4 * slots * W))));
  const out = [];
  for (let start = 0; start < order.length; start += most) {
    const rows = order.slice(start, start + most);
    const groups = new Map<string, number>();
    const groupOf = rows.map((row) => {
      const key = [request.rowAdapter?.[row] ?? -1, ...Array.from(prompts[row]!)].join();
      const group = groups.get(key) ?? groups.size;
      groups.set(key, group);
      return group;
    });
    const adapted = rows.some((row) => (request.rowAdapter?.[row] ?? -1) >= 0);
    const longest = Math.max(...rows.map((row) => prompts[row]!.length));
    const maxNew = Math.min(sampling.max_new_tokens, context - longest);
    const prefixRows = longest > 1 ? roundUp(longest - 1, 32) : 0;
    out.push({
      rows,
      groupOf,
      shape: {
        groups: groups.size,
        prefixRows,
        rows: rows.length,
        slots,
        maxNew,
        adapted,
        masked: request.allowed !== undefined,
      },
    });
  }
  return out;
}

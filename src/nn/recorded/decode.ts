// Text from the recorded engine: a prompt runs once and is shared by all rows that continue it; then one list of calls makes a
// token for every row, state and caches on the device, and is encoded several times before the host looks.
import { allocating, SHORTEN } from '../../gpu/allocation';
import type { Kernel } from '../../gpu/kernel';
import { DECODE, DECODE_WORDS } from '../../gpu/kernels/decodeState';
import { CHOICE_FLOATS } from '../../gpu/kernels/sample';
import type { Fixed } from '../../gpu/recording';
import { Replay } from '../../gpu/replay';
import { CancelledError, DeviceError } from '../../lib/errors';
import type { LlamaConfig } from '../../protocol/model';
import { checkAllowed, checkChoice, newTokens } from '../sampling';
import type { GeneratedRow, GenerateRequest } from '../seam';
import type { GroupKey } from './adapterLayout';
import { inputLayout, packInputs } from './batchInputs';
import type { GpuContext } from './context';
import { recordToken, type SampleSizes, type TokenMemory } from './decodeRecording';
import { type DecodeShape, decodeBytes, maskWords, RING, rowFloats } from './decodeShapes';
import { type AdapterMemory, type LlamaMemory, LlamaRecorder, type StepSizes } from './llamaRecording';

/** Tokens encoded before the host looks, at most RING: on hardware a readback costs more than a token, on a software adapter it does not. */
const TOKENS_A_READ = { hardware: 8, software: 2 };
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
    readonly shape: DecodeShape,
  ) {
    const { config, gpu } = host;
    const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => i);
    const bytes = decodeBytes(config, shape);
    try {
      this.state = this.make(bytes.state, 'decode state');
      this.stops = this.make(4 * shape.stopIds, 'stop ids');
      this.routes = this.make(4 * shape.rows, 'routes of rows');
      if (shape.masked) this.allowed = this.make(bytes.allowed, 'allowed ids');
      this.tokens = this.make(bytes.tokens, 'tokens');
      this.choices = this.make(bytes.choices, 'choices');
      this.caches = layers.map((i) => this.fixed(this.make(bytes.cache, `cache ${i}`)));
      this.prefixes = layers.map((i) => this.fixed(this.make(bytes.prefix, `prefix ${i}`)));
      this.token = new Replay(gpu.pipelines, gpu.pool, recordToken(config, gpu.forms, shape, this.memory()), SHORTEN);
      this.recordPrompts();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }
  /** Throws ConfigError or DeviceError, in words, where the device has no room for it. */
  static async create(host: DecodeHost, shape: DecodeShape): Promise<Decoder> {
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

  private memory(): TokenMemory {
    const { gpu, weight, table, adapter } = this.host;
    const { rows } = this.shape;
    const all = this.make(4 * rows, 'all rows');
    gpu.runner.write(
      all,
      0,
      Uint32Array.from({ length: rows }, (_, n) => n),
    );
    return {
      ...{ weight, table, adapter },
      state: this.fixed(this.state),
      routes: this.fixed(this.routes),
      all: this.fixed(all),
      stops: this.fixed(this.stops),
      tokens: this.fixed(this.tokens),
      choices: this.fixed(this.choices),
      ...(this.allowed && { allowed: this.fixed(this.allowed) }),
      cache: (layer) => this.caches[layer]!,
      prefix: (layer) => this.prefixes[layer]!,
    };
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

  /** Completions of `rows` (indices into the request's prompts) into `out`. */
  async run(
    request: GenerateRequest,
    rows: readonly number[],
    groupOf: readonly number[],
    out: GeneratedRow[],
  ): Promise<void> {
    const { runner } = this.host.gpu;
    const { rows: R, slots, masked } = this.shape;
    const { prompts, sampling, onToken, signal, yieldToOthers } = request;
    const { stopIds } = request;
    runner.submit();
    const limits = rows.map((row) => newTokens(prompts[row]!.length, sampling, this.host.config));
    const maxNew = Math.max(...limits);
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
      set('limit', r, limits[r]!);
    }
    runner.write(this.state, 0, state);
    runner.write(
      this.stops,
      0,
      Uint32Array.from({ length: this.shape.stopIds }, (_, i) => stopIds[i] ?? 0),
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
      const made = Math.min(chunk, maxNew - t);
      for (let k = 0; k < made; k++)
        if (this.token.proven.has('')) runner.encode(this.token, '');
        else await runner.send(this.token, '');
      const [words, ids, choices] = await runner.read([
        { buffer: this.state, offset: 0, bytes: 4 * active * DECODE_WORDS },
        { buffer: this.tokens, offset: 4 * (t % RING) * active, bytes: 4 * made * active },
        {
          buffer: this.choices,
          offset: 4 * (t % RING) * active * CHOICE_FLOATS,
          bytes: 4 * made * active * CHOICE_FLOATS,
        },
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
          const at = (i - t) * active + r;
          const id = newIds[at]!;
          const [logp, samplingLogp, entropy] = told.subarray(at * CHOICE_FLOATS);
          checkChoice({ id, logp: logp! }, row, this.host.config.vocab_size);
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
      const allowed = checkAllowed(request.allowed?.(row, out[row]!.ids), row, this.host.config.vocab_size);
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

// npm run bench: the recorded engine beside its peers, in turn, on the GPU that Dawn finds (SwiftShader where there is none).
// Writes docs/benchmarks.json and docs/benchmarks.md, figures of each adapter beside those of the others.
// Usage: npm run bench [-- --rounds 4] [--only sft_step,gemm]; `--only tiles` prints what each tile of the products reaches, which
// is no figure; --render writes the page from the JSON again and measures nothing. Ends with 1 when a part failed.
// With --python PATH (of an environment with scripts/parity/requirements.txt) PyTorch takes the same step on the CPU.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { number } from '../src/lib/words';
import { type BenchFigure, renderBenchmarks } from './bench/benchTable';
import { softwareDriver, startDawn } from './bench/dawn';
import type { FirstStep } from './bench/firstStep';
import { formName, gemmSpeeds, largeName, TILE_CANDIDATES } from './bench/gemmBench';
import { commitNow } from './commit';

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '4' },
    only: { type: 'string' },
    python: { type: 'string' },
    render: { type: 'boolean' },
  },
});
const JSON_FILE = 'docs/benchmarks.json';
const PARTS = ['first_step', 'sft_step', 'lora', 'rollout', 'gemm', 'js', 'soak', 'bytes', 'tiles'] as const;
type Part = (typeof PARTS)[number];
const only = args.only?.split(',');
const unknown = only?.find((part) => part !== 'torch' && !PARTS.some((known) => known === part));
if (unknown !== undefined) {
  console.error(`Nothing is called ${unknown}. Known: ${PARTS.join(', ')}, and torch with --python.`);
  process.exit(2);
}
if (args.render) {
  writeFileSync('docs/benchmarks.md', renderBenchmarks(JSON.parse(readFileSync(JSON_FILE, 'utf8'))));
  process.exit(0);
}

// The driver is chosen by variables that Dawn's loader reads when the process starts.
const driver = softwareDriver();
if (driver) {
  const { status } = spawnSync(process.execPath, ['scripts/run.mjs', ...process.argv.slice(1)], {
    env: { ...process.env, ...driver },
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

const rounds = Number(args.rounds);
const gpu = await startDawn();
// tfjs-backend-webgpu looks for WebGPU when it is imported.
const tf = await import('@tensorflow/tfjs-core');
const { initBackend, isSoftwareAdapter } = await import('../src/gpu/backend');
const { initNodeBackend } = await import('../src/gpu/node');
const { gpuContext } = await import('../src/nn/recorded/context');
const { RecordedEngine } = await import('../src/nn/recorded/engine');
const { TfEngine } = await import('../src/nn/engine');
const { PRESETS } = await import('../src/nn/presets');
const { initWeights } = await import('../src/nn/init');
const { TfjsPlain } = await import('../src/labs/bench/tfjsPlain');
const { JaxjsLlama, startJax } = await import('../src/labs/bench/jaxjsLlama');
const { benchBatch, interleave, OPTIONS, sftStep } = await import('../src/labs/bench/setup');

const info = await initBackend({
  prefer: 'webgpu',
  gpu,
  wasmPath: '',
  now: () => performance.now(),
  onGpuError: (message) => {
    throw new Error(message);
  },
});
if (info.backend !== 'webgpu') throw new Error(`No WebGPU: ${info.reason}`);
const commit = commitNow();
const figures: BenchFigure[] = existsSync(JSON_FILE) ? JSON.parse(readFileSync(JSON_FILE, 'utf8')) : [];
const save = (
  id: string,
  part: string,
  figure: Pick<BenchFigure, 'value' | 'low' | 'high' | 'n' | 'unit' | 'note'>,
) => {
  const full: BenchFigure = {
    id,
    ...figure,
    adapter: info.adapter,
    commit,
    command: `npm run bench -- --only ${part}`,
  };
  const at = figures.findIndex((f) => f.id === id && f.adapter === info.adapter);
  if (at >= 0) figures[at] = full;
  else figures.push(full);
  writeFileSync(JSON_FILE, `${JSON.stringify(figures, null, 2)}\n`);
  writeFileSync('docs/benchmarks.md', renderBenchmarks(figures));
  console.log(`${id}: ${figure.value.toPrecision(4)} ${figure.unit} (${figure.note})`);
};
const exact = (value: number) => ({ value, low: value, high: value, n: 1 });
const ratio = (slow: number[], fast: number[]) => {
  const each = slow.map((ms, i) => ms / fast[i]!);
  return {
    value: Math.min(...slow) / Math.min(...fast),
    low: Math.min(...each),
    high: Math.max(...each),
    n: each.length,
  };
};
const clock = () => performance.now();
/** A part that fails costs the others nothing. */
const part = async (name: Part | 'torch', task: () => Promise<void>) => {
  if (only ? !only.includes(name) : name === 'tiles' || (name === 'torch' && !args.python)) return;
  const started = clock();
  try {
    await task();
  } catch (error) {
    console.error(`${name} failed:`, error);
    process.exitCode = 1;
  }
  console.error(`${name}: ${number((clock() - started) / 1000)} s`);
};
const ms = (times: number[]) => `${number(Math.min(...times))} ms`;

interface Peer {
  step: () => Promise<unknown>;
  dispose: () => void;
}
const config = PRESETS.micro;
const weights = initWeights(config, 1);
const batch = benchBatch(8, 128, config.vocab_size);
const context = gpuContext(isSoftwareAdapter());
const { counts } = context.runner;

await part('first_step', async () => {
  const fresh = (...mode: string[]): FirstStep => {
    const script = ['scripts/run.mjs', 'scripts/bench/firstStep.ts', ...mode];
    const out = execFileSync(process.execPath, script, { encoding: 'utf8' });
    return JSON.parse(out.trim().split('\n').at(-1)!);
  };
  const runs = Array.from({ length: rounds }, () => fresh());
  const seconds = runs.map(({ firstS }) => firstS);
  save('bench/first_step_s', 'first_step', {
    ...{ value: Math.min(...seconds), low: Math.min(...seconds), high: Math.max(...seconds), n: rounds, unit: 's' },
    note: `compiling and running, each in a fresh process; a step after it takes ${number(Math.min(...runs.map((r) => r.stepS)))} s`,
  });
  const { pipelines } = fresh('each');
  save('bench/first_step_s/compile', 'first_step', {
    ...exact(pipelines.reduce((sum, [, s]) => sum + s, 0)),
    unit: 's',
    note: `${pipelines.length} pipelines one by one; the dearest: ${pipelines
      .slice(0, 8)
      .map(([name, s]) => `${name} ${number(s)}`)
      .join(', ')}`,
  });
});
await part('sft_step', async () => {
  const ours = new RecordedEngine(context, config, weights);
  const own = () => sftStep(ours, batch, clock);
  await own();
  const before = { ...counts };
  for (let i = 0; i < rounds; i++) await own();
  const aStep = (count: keyof typeof counts) => (counts[count] - before[count]) / rounds;
  save('bench/dispatches/full', 'sft_step', {
    ...exact(aStep('dispatches')),
    unit: 'dispatches',
    note: `${number(aStep('submits'))} submits, ${Math.round(aStep('writtenBytes') / 1024)} KiB written`,
  });
  save('bench/readbacks_per_step', 'sft_step', {
    ...exact(aStep('readbacks')),
    unit: 'readbacks',
    note: 'loss, metrics and gradient norm together',
  });
  const ownTimes: number[] = [];
  const peers: { id: string; name: string; where?: string; start: () => Promise<Peer> }[] = [
    {
      id: 'vs_tfjs',
      name: 'tfjs',
      start: async () => {
        const plain = new TfjsPlain(config, weights);
        return { step: () => plain.step(batch, OPTIONS), dispose: () => plain.dispose() };
      },
    },
    {
      id: 'vs_jaxjs',
      name: 'jax-js 0.1.25, jitted,',
      where: '; on a device of its own',
      start: async () => {
        await startJax('webgpu');
        const jax = new JaxjsLlama(config, weights, OPTIONS);
        return { step: () => jax.step(batch), dispose: () => jax.dispose() };
      },
    },
  ];
  for (const { id, name, where, start } of peers)
    try {
      const peer = await start();
      const times = await interleave({ ours: own, peer: peer.step }, rounds, clock);
      peer.dispose();
      ownTimes.push(...times.ours);
      save(`bench/sft_step/${id}`, 'sft_step', {
        ...ratio(times.peer, times.ours),
        unit: '×',
        note: `ours ${ms(times.ours)}, ${name} ${ms(times.peer)} a step${where ?? ''}`,
      });
    } catch (error) {
      console.error(`${name} takes no step on this adapter:`, error);
      process.exitCode = 1;
    }
  const onWasm = await (async () => {
    await initNodeBackend('wasm');
    const wasm = new TfEngine(config, weights);
    const times = await interleave({ wasm: () => sftStep(wasm, batch, clock) }, Math.min(rounds, 10), clock);
    wasm.dispose();
    await tf.setBackend('webgpu');
    return times.wasm;
  })();
  save('bench/sft_step/vs_wasm', 'sft_step', {
    ...ratio(onWasm, ownTimes),
    unit: '×',
    note: `ours ${ms(ownTimes)}, WASM ${ms(onWasm)} a step; not in turn: two backends of tfjs`,
  });
  ours.dispose();
});
await part('torch', async () => {
  const out = execFileSync(args.python!, ['scripts/parity/torch_step.py', '--rounds', String(rounds)], {
    encoding: 'utf8',
  });
  const torch: number[] = JSON.parse(out.trim().split('\n').at(-1)!).ms;
  const ours = new RecordedEngine(context, config, weights);
  const times = await interleave({ ours: () => sftStep(ours, batch, clock) }, rounds, clock);
  save('bench/sft_step/vs_torch', 'torch', {
    ...ratio(torch, times.ours!),
    unit: '×',
    note: `ours ${ms(times.ours!)}, PyTorch on 2 CPU threads ${ms(torch)} a step; not in turn: two processes`,
  });
  ours.dispose();
});
await part('lora', async () => {
  const target_modules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const adapters = [{ name: 'bench', config: { r: 8, lora_alpha: 16, target_modules } }];
  const lora = new RecordedEngine(context, config, weights, 'lm', adapters);
  const full = new RecordedEngine(context, config, weights);
  const routed = { ...batch, rowAdapter: new Int32Array(batch.B) };
  await sftStep(lora, routed, clock);
  const before = counts.dispatches;
  await sftStep(lora, routed, clock);
  const dispatches = counts.dispatches - before;
  const times = await interleave(
    { lora: () => sftStep(lora, routed, clock), full: () => sftStep(full, batch, clock) },
    rounds,
    clock,
  );
  save('bench/dispatches/lora', 'lora', {
    ...exact(dispatches),
    unit: 'dispatches',
    note: 'r = 8 on all linear layers of micro',
  });
  save('bench/sft_step/lora_vs_full', 'lora', {
    ...ratio(times.full!, times.lora!),
    unit: '×',
    note: `LoRA ${ms(times.lora!)}, full ${ms(times.full!)} a step`,
  });
  lora.dispose();
  full.dispose();
});
await part('rollout', async () => {
  const [rows, length, fresh] = [32, 64, 64];
  const promptOf = (row: number, n: number) =>
    Array.from({ length: n }, (_, t) => (row * 131 + t * 7919) % config.vocab_size);
  const prompts = (n: number) => Array.from({ length: rows }, (_, row) => promptOf(row, n));
  const ours = new RecordedEngine(context, config, weights);
  const plain = new TfjsPlain(config, weights);
  const sampling = { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: fresh, seed: 1 };
  const generate = () => ours.generate({ prompts: prompts(length), sampling, stopIds: [] });
  const seconds = (times: number[]) => `${number(Math.min(...times) / 1000)} s`;
  const what = `${rows} × ${fresh} tokens, prompts of ${length}`;
  if (!isSoftwareAdapter()) {
    const times = await interleave(
      { ours: generate, plain: () => plain.generateUncached(prompts(length), fresh) },
      Math.min(rounds, 3),
      clock,
    );
    save('bench/rollout/vs_uncached', 'rollout', {
      ...ratio(times.plain, times.ours),
      unit: '×',
      note: `${what}: ours ${seconds(times.ours)}; stock ops without a cache ${seconds(times.plain)}`,
    });
  } else {
    const times = await interleave({ ours: generate }, Math.min(rounds, 3), clock);
    // A pass for each new token would take half an hour on a software adapter: three lengths, and Simpson's rule between them.
    const lengths = [length, length + fresh / 2, length + fresh - 1];
    const passes: number[] = [];
    for (const n of lengths) {
      const one = await interleave({ plain: () => plain.generateUncached(prompts(n), 1) }, 1, clock);
      passes.push(one.plain![0]!);
    }
    const uncached = (fresh * (passes[0]! + 4 * passes[1]! + passes[2]!)) / 6;
    save('bench/rollout/vs_uncached', 'rollout', {
      ...ratio(
        times.ours.map(() => uncached),
        times.ours,
      ),
      unit: '×',
      note: `${what}: ours ${seconds(times.ours)}; stock ops without a cache ${seconds([uncached])}, from passes at ${lengths.join(', ')} tokens (${passes.map((t) => number(t / 1000)).join(', ')} s)`,
    });
  }
  ours.dispose();
  plain.dispose();
});
await part('gemm', async () => {
  const { speeds, peak, timing } = await gemmSpeeds(context.device, context.forms, rounds + 1);
  const large = ['NT', 'NN', 'TN'].map((layout) => {
    const speed = speeds.get(largeName(layout))!;
    speeds.delete(largeName(layout));
    return { layout, speed };
  });
  const shares = large.map(({ speed }) => speed / peak);
  save('bench/gemm/large_peak_share', 'gemm', {
    value: Math.exp(shares.reduce((sum, x) => sum + Math.log(x), 0) / shares.length),
    low: Math.min(...shares),
    high: Math.max(...shares),
    n: rounds + 1,
    unit: 'of the peak',
    note: `${large.map(({ layout, speed }) => `${largeName(layout)} ${speed.toFixed(1)}`).join(', ')} GFLOPS; peak ${peak.toFixed(1)}; by ${timing === 'timestamps' ? "the adapter's timestamps" : 'the clock'}`,
  });
  const all = [...speeds.values()];
  const mean = Math.exp(all.reduce((sum, x) => sum + Math.log(x), 0) / all.length);
  const spread = { low: Math.min(...all), high: Math.max(...all), n: rounds + 1 };
  const note = [...speeds].map(([name, x]) => `${name} ${x.toFixed(1)}`).join(', ');
  save('bench/gemm/gflops', 'gemm', { value: mean, ...spread, unit: 'GFLOPS', note });
  save('bench/gemm/peak_share', 'gemm', {
    value: mean / peak,
    low: spread.low / peak,
    high: spread.high / peak,
    n: spread.n,
    unit: 'of the peak',
    note: `peak ${peak.toFixed(1)} GFLOPS`,
  });
});
await part('tiles', async () => {
  for (const form of TILE_CANDIDATES) {
    const gemm = { NT: form, NN: form, TN: form };
    // A tile that is too large for the adapter is told by its pipeline.
    const found = await gemmSpeeds(context.device, { ...context.forms, gemm }, rounds).catch(
      (error: Error) => error.message,
    );
    if (typeof found === 'string') console.log(`${formName(form)}: ${found}`);
    else {
      const speeds = Object.fromEntries([...found.speeds].map(([name, x]) => [name, Number(x.toPrecision(4))]));
      console.log(`${formName(form)}: ${JSON.stringify({ peak: Number(found.peak.toPrecision(4)), ...speeds })}`);
    }
  }
});
await part('js', async () => {
  // Hardware needs a handful of submits where a software adapter's step is cut into many: both are counted.
  const engine = new RecordedEngine(context, config, weights);
  await sftStep(engine, batch, clock);
  const { runner } = context;
  const cut = runner.submitMs;
  for (const [id, submitMs] of [
    ['bench/js_ms_per_step', cut],
    ['bench/js_ms_per_step/few_submits', Number.POSITIVE_INFINITY],
  ] as const) {
    runner.submitMs = submitMs;
    const sent: number[] = [];
    const before = counts.submits;
    for (let i = 0; i < 5 * rounds; i++) sent.push((await sftStep(engine, batch, clock)).sentMs);
    sent.sort((a, b) => a - b);
    save(id, 'js', {
      value: sent[0]!,
      low: sent[0]!,
      high: sent[Math.floor(0.9 * sent.length)]!,
      n: sent.length,
      unit: 'ms',
      note: `until everything is sent, ${(counts.submits - before) / sent.length} submits; least and 90th percentile${isSoftwareAdapter() ? ": the adapter's own threads take both cores" : ''}`,
    });
  }
  runner.submitMs = cut;
  engine.dispose();
});
await part('soak', async () => {
  // Buffers alive are counted at the device: made minus destroyed.
  let alive = 0;
  const { device } = context;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    alive++;
    buffer.destroy = () => {
      alive--;
      destroy();
    };
    return buffer;
  };
  // What waits to be collected is not growth.
  setFlagsFromString('--expose_gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const small = PRESETS.nano;
  const engine = new RecordedEngine(context, small, initWeights(small, 1));
  const rows = [16, 24, 32].map((T) => benchBatch(2, T, small.vocab_size));
  const state = () => {
    collectGarbage();
    return { buffers: alive, tensors: tf.memory().numTensors, heap: process.memoryUsage().heapUsed / 2 ** 20 };
  };
  const steps = 1000;
  const train = async (n: number) => {
    for (let i = 0; i < n; i++) await sftStep(engine, rows[i % rows.length]!, clock);
  };
  await train(100);
  const before = state();
  await train(steps);
  const after = state();
  save('bench/soak/buffers', 'soak', {
    ...exact(after.buffers - before.buffers),
    unit: 'buffers',
    note: `after ${steps} steps of three lengths; tensors ${after.tensors - before.tensors}, JS heap ${(after.heap - before.heap).toFixed(1)} MiB (${before.heap.toFixed(0)} before)`,
  });
  engine.dispose();
});
await part('bytes', async () => {
  const engine = new RecordedEngine(context, config, weights);
  const bytes = (T: number) => engine.plannedBytes(8, T);
  const [small, large] = [await bytes(512), await bytes(1024)];
  save('bench/bytes/t1024_over_t512', 'bytes', {
    ...exact(large / small),
    unit: '×',
    note: `${(small / 2 ** 20).toFixed(0)} and ${(large / 2 ** 20).toFixed(0)} MiB for 8 rows`,
  });
  engine.dispose();
});
// Dawn's instance keeps the process alive.
process.exit();

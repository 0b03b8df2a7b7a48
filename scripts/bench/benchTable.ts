// docs/benchmarks.md from docs/benchmarks.json: the page is never written by hand.
import { number } from '../../src/lib/words';

/** One measured figure, known by its id and adapter; only scripts/bench.ts writes them. */
export interface BenchFigure {
  id: string;
  value: number;
  /** Least and most over the rounds; a count has no spread. */
  low: number;
  high: number;
  /** Rounds, ours and the peer in turn. */
  n: number;
  unit: string;
  /** What runs beside it, with its own figure, e.g. ms a step. */
  note: string;
  adapter: string;
  commit: string;
  command: string;
}

const TITLES: Record<string, string> = {
  'bench/sft_step/vs_tfjs': 'SFT step of micro, 8 × 128 tokens: times as fast as plain tfjs on the same adapter',
  'bench/sft_step/vs_wasm': 'the same step: recorded engine against our WASM fallback, one thread',
  'bench/sft_step/vs_jaxjs': 'the same step: times as fast as the same Llama in jax-js on the same adapter',
  'bench/sft_step/vs_torch': 'the same step: recorded engine against PyTorch on the CPU, two threads',
  'bench/sft_step/lora_vs_full': 'an SFT step of LoRA against one of all weights',
  'bench/dispatches/lora': 'dispatches of an SFT step of LoRA on all linear layers',
  'bench/rollout/vs_uncached': 'rollout, 32 sequences of 64 new tokens: times as fast as stock ops without a cache',
  'bench/dispatches/full': 'dispatches of an SFT step, forward, backward and AdamW',
  'bench/readbacks_per_step': 'readbacks a step',
  'bench/js_ms_per_step': 'JavaScript a step',
  'bench/js_ms_per_step/few_submits': 'the same, when the step is not cut into submits of 8 ms',
  'bench/gemm/gflops': 'matrix products of the step, geometric mean over layouts and shapes',
  'bench/gemm/large_peak_share': 'products of 2048³, geometric mean over layouts, as a share of the peak',
  'bench/gemm/peak_share': 'the same, as a share of the measured multiply-add peak',
  'bench/bytes/t1024_over_t512': 'planned bytes of a step at T 1024 over T 512',
  'bench/soak/buffers': 'GPU buffers, tensors and heap that 1,000 steps leave behind',
  'bench/first_step_s': 'first step after opening a model, all pipelines compiled',
  'bench/first_step_s/compile': 'compiling the pipelines of that step alone',
};

/** What was aimed at. On hardware some aims are higher, and some are for it alone. */
interface Aim {
  id: string;
  what: string;
  /** At least or at most; undefined where the aim is not for that kind of adapter. */
  software?: { least?: number; most?: number };
  hardware: { least?: number; most?: number };
  /** Why a software adapter misses it, with its numbers, and what was tried. */
  bound?: (figure: BenchFigure, all: ReadonlyMap<string, BenchFigure>) => string;
  /** The same of hardware; the figure's note is told where there is none. */
  hardwareBound?: (figure: BenchFigure, all: ReadonlyMap<string, BenchFigure>) => string;
}
const AIMS: readonly Aim[] = [
  {
    id: 'bench/sft_step/vs_tfjs',
    what: 'SFT step against plain tfjs',
    software: { least: 7 },
    hardware: { least: 10 },
  },
  { id: 'bench/sft_step/vs_jaxjs', what: 'SFT step against jax-js', software: { least: 2 }, hardware: { least: 3 } },
  { id: 'bench/dispatches/full', what: 'dispatches, all weights', software: { most: 120 }, hardware: { most: 120 } },
  { id: 'bench/dispatches/lora', what: 'dispatches, LoRA', software: { most: 140 }, hardware: { most: 140 } },
  { id: 'bench/readbacks_per_step', what: 'readbacks a step', software: { most: 1 }, hardware: { most: 1 } },
  {
    id: 'bench/js_ms_per_step',
    what: 'JavaScript a step',
    software: { most: 1 },
    hardware: { most: 1 },
    bound: (found, all) => {
      const few = all.get('bench/js_ms_per_step/few_submits');
      const submits = /[\d.]+ submits/.exec(found.note)?.[0];
      const uncut = few && `, and ${number(few.value)} ms in ${/[\d.]+ submits/.exec(few.note)?.[0]}`;
      return `a software adapter is so slow that its step is cut into ${submits ?? 'many submits'}, and its threads take the cores that JavaScript needs to encode: ${number(found.value)} ms${uncut ?? ''}. Tried: sending in few submits, which would make the page wait for the adapter.`;
    },
    hardwareBound: (found, all) => {
      const few = all.get('bench/js_ms_per_step/few_submits');
      const uncut = few && ` In one piece (${/[\d.]+ submits/.exec(few.note)?.[0]}) it takes ${number(few.value)} ms.`;
      return `sent in ${/[\d.]+ submits/.exec(found.note)?.[0]}, cut so that a page stays smooth.${uncut ?? ''}`;
    },
  },
  {
    id: 'bench/gemm/gflops',
    what: 'products of the step, geometric mean',
    software: { least: 3.5 },
    hardware: {},
    bound: (found) =>
      `${found.note}. SwiftShader compiles larger tiles for seconds; those in use are the best trade among 35.`,
  },
  { id: 'bench/gemm/large_peak_share', what: 'products of 2048³ as a share of the peak', hardware: { least: 0.4 } },
  {
    id: 'bench/first_step_s',
    what: 'first step, all pipelines compiled',
    software: { most: 8 },
    hardware: {},
    bound: (found, all) => {
      const compile = all.get('bench/first_step_s/compile');
      const alone = compile ? ` Compiling alone takes ${number(compile.value)} s (${compile.note}).` : '';
      return `${found.note}.${alone} SwiftShader compiles one pipeline at a time, by the size of its code. Tried: one pipeline for products with and without a residual or a norm, half the tile for RoPE, epilogues and loads as loops.`;
    },
  },
  {
    id: 'bench/rollout/vs_uncached',
    what: 'rollout against stock ops without a cache',
    software: { least: 20 },
    hardware: { least: 20 },
    hardwareBound: (found) =>
      `${found.note}. With a model this small a token is bounded by its launches, not by arithmetic, so that the cache saves work the card has to spare; on the software adapter it does not.`,
  },
  {
    id: 'bench/bytes/t1024_over_t512',
    what: 'planned bytes, T 512 → 1024',
    software: { most: 2.2 },
    hardware: { most: 2.2 },
  },
  {
    id: 'bench/soak/buffers',
    what: 'buffers left behind by 1,000 steps',
    software: { most: 0 },
    hardware: { most: 0 },
  },
];
const isSoftware = (adapter: string): boolean => /swiftshader|llvmpipe/i.test(adapter);

/** The figures of one adapter, its aims, and what bounds those that were missed. */
function adapterSection(adapter: string, figures: readonly BenchFigure[]): string {
  const rows = figures.map(
    (f) =>
      `| ${TITLES[f.id] ?? f.id} | ${number(f.value)} ${f.unit} | ${number(f.low)} – ${number(f.high)} | ${f.n} | ${f.note} | \`${f.id}\` |`,
  );
  const all = new Map(figures.map((f) => [f.id, f]));
  const aims: string[] = [];
  const reasons: string[] = [];
  for (const { id, what, software, hardware, bound, hardwareBound } of AIMS) {
    const found = all.get(id);
    const { least, most } = (isSoftware(adapter) ? software : hardware) ?? {};
    if (!found || (least === undefined && most === undefined)) continue;
    const isMet =
      found.value >= (least ?? Number.NEGATIVE_INFINITY) && found.value <= (most ?? Number.POSITIVE_INFINITY);
    const words = least === undefined ? `≤ ${number(most!)}` : `≥ ${number(least)}`;
    aims.push(
      `| ${what} | ${words} | ${number(found.value)} ${found.unit} | ${isMet ? 'met' : '**missed**'} | \`${id}\` |`,
    );
    const reason = (isSoftware(adapter) ? bound : hardwareBound)?.(found, all);
    if (!isMet) reasons.push(`- **${what}** (\`${id}\`): ${reason ?? `${found.note}.`}`);
  }
  return `## On ${adapter}

| what | value | range | rounds | with | id |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
${
  aims.length > 0
    ? `
What was aimed at on ${isSoftware(adapter) ? 'a software adapter' : 'hardware'}:

| aim | at least, at most | measured | | id |
| --- | --- | --- | --- | --- |
${aims.join('\n')}
`
    : ''
}${reasons.length > 0 ? `\nWhat bounds those that were missed:\n\n${reasons.join('\n')}\n` : ''}`;
}

/** What holds beside single adapters. */
function remarks(figures: readonly BenchFigure[]): string {
  const parts = [
    'What is asserted instead of measured (equal bytes of two runs and of a resumed one, gradients and cached logits against references) stands in the tests.\n',
  ];
  if (figures.every(({ adapter }) => isSoftware(adapter)))
    parts.push(
      'No hardware GPU was at hand, so nothing is claimed for one: its aims (10 × plain tfjs, 3 × jax-js, 40 % of the peak at 2048³) are open. The kernels in the forms that hardware takes are tested on small shapes, on the software adapter.\n',
    );
  const wasm = figures.find(({ id, adapter }) => id === 'bench/sft_step/vs_wasm' && isSoftware(adapter));
  if (wasm && wasm.value < 1)
    parts.push(
      `The base models were not trained again: where they are made, WebAssembly takes a step ${number(1 / wasm.value)} times as fast as the engine on a software adapter (\`${wasm.id}\`), and both give the same losses to 1e-4, so that nothing about a base would change.\n`,
    );
  return parts.join('\n');
}

export function renderBenchmarks(figures: readonly BenchFigure[]): string {
  // What people have comes before what CI has.
  const adapters = [...new Set(figures.map(({ adapter }) => adapter))].sort(
    (a, b) => Number(isSoftware(a)) - Number(isSoftware(b)),
  );
  const of = (adapter: string) => figures.filter((f) => f.adapter === adapter);
  const sources = adapters.flatMap((adapter) =>
    of(adapter).map((f) => `| \`${f.id}\` | ${adapter} | ${f.commit} | \`${f.command}\` |`),
  );
  return `# Benchmarks

Measured by \`npm run bench\`, which writes \`docs/benchmarks.json\` and renders this page from it, one section for each adapter.
Ours and the peer run in turn, with the same weights and batch, in one process on one device; a row whose peer has a process, a
device or a backend of its own says so. A ratio is of the fastest rounds of each, its range the least and the most of single rounds.
Milliseconds hang on the machine; ratios and counts do not, or hardly.

${adapters.map((adapter) => adapterSection(adapter, of(adapter))).join('\n')}
## Beside the figures

${remarks(figures)}
## Where they come from

| id | adapter | commit | command |
| --- | --- | --- | --- |
${sources.join('\n')}
`;
}

// docs/benchmarks.md from docs/benchmarks.json: the page is never written by hand.
import { number } from '../../src/lib/words';

/** One measured figure; only scripts/bench.ts writes them. */
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
  'bench/js_ms_per_step/few_submits': 'the same, when the step is not cut into submits of 8 ms, as on hardware',
  'bench/gemm/gflops': 'matrix products of the step, geometric mean over layouts and shapes',
  'bench/gemm/large_peak_share': 'products of 2048³, geometric mean over layouts, as a share of the peak',
  'bench/gemm/peak_share': 'the same, as a share of the measured multiply-add peak',
  'bench/bytes/t1024_over_t512': 'planned bytes of a step at T 1024 over T 512',
  'bench/soak/buffers': 'GPU buffers, tensors and heap that 1,000 steps leave behind',
  'bench/first_step_s': 'first step after opening a model, all pipelines compiled',
};

export function renderBenchmarks(figures: readonly BenchFigure[]): string {
  const rows = figures.map(
    (f) =>
      `| ${TITLES[f.id] ?? f.id} | ${number(f.value)} ${f.unit} | ${number(f.low)} – ${number(f.high)} | ${f.n} | ${f.note} | \`${f.id}\` |`,
  );
  const sources = figures.map((f) => `| \`${f.id}\` | ${f.adapter} | ${f.commit} | \`${f.command}\` |`);
  return `# Benchmarks

Measured by \`npm run bench\`, which writes \`docs/benchmarks.json\` and renders this page from it. Ours and the peer run in turn, in one
process, on one device, with the same weights and batch; a ratio is of the fastest rounds of each, its range the least and the most
of single rounds. Milliseconds hang on the machine; ratios and counts do not, or hardly.

| what | value | range | rounds | with | id |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

| id | adapter | commit | command |
| --- | --- | --- | --- |
${sources.join('\n')}
`;
}

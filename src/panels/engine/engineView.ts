// The Engine panel's words and sums. Pure.
import { count, number } from '../../lib/words';
import type { BenchmarkReport, KernelCost, StepProfile, StepShape, TunedForm } from '../../protocol/engineReport';

export const PRESET_NAMES = ['nano', 'micro', 'mini'] as const;
export const DEFAULT_SHAPE: StepShape = { preset: 'nano', B: 4, T: 64, vocab_size: 1024, r: 0 };

/** What a sweep changes, with its three values around the shape's own. */
export const AXES = ['T', 'B', 'vocab_size', 'r'] as const;
export type Axis = (typeof AXES)[number];
export const AXIS_NAMES: Record<Axis, string> = {
  T: 'tokens a row (T)',
  B: 'rows (B)',
  vocab_size: 'vocabulary (V)',
  r: 'LoRA rank (r)',
};
export function sweepOf(shape: StepShape, axis: Axis): StepShape[] {
  if (axis === 'r') return [0, 4, 16].map((r) => ({ ...shape, r }));
  return [0.5, 1, 2].map((factor) => ({ ...shape, [axis]: Math.max(2, Math.round(shape[axis] * factor)) }));
}

/** `12.4 ms`, `1.9 s`. */
export const timeWords = (ms: number): string =>
  ms >= 1000 ? `${number(ms / 1000)} s` : ms >= 10 ? `${Math.round(ms)} ms` : `${number(ms)} ms`;
/** `3.4 MiB`. */
export const bytesWords = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${number(bytes / 2 ** 20)} MiB`;
export const shapeWords = ({ preset, B, T, vocab_size, r }: StepShape): string =>
  `${preset}, ${B} × ${T} tokens, vocabulary ${count(vocab_size)}, ${r === 0 ? 'all weights' : `LoRA r = ${r}`}`;

export interface KernelRow extends KernelCost {
  /** Of the sum of all kernels, 0 to 1. */
  share: number;
  gflops?: number;
  /** Of the measured peak. */
  ofPeak?: number;
}
/** The table: each kernel with its share, products with their speed. */
export function kernelRows({ kernels = [], peakGflops }: StepProfile): KernelRow[] {
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
  return kernels.map((kernel) => {
    const gflops = kernel.flops > 0 && kernel.ms > 0 ? kernel.flops / kernel.ms / 1e6 : undefined;
    return {
      ...kernel,
      share: total > 0 ? kernel.ms / total : 0,
      ...(gflops !== undefined && { gflops, ...(peakGflops && { ofPeak: gflops / peakGflops }) }),
    };
  });
}

/** What a kernel does in the step, for those who do not read its name. */
export function kernelWords(name: string): string {
  const [kind, layout] = name.split(' ');
  if (kind === 'gemm') {
    if (name.includes('route')) return 'through the adapters';
    if (layout === 'NT') return name.includes('rope') ? 'q, k and v with RoPE' : name.includes('swiglu') ? 'gate and up, SwiGLU' : name.includes('residual') ? 'output added to the stream' : 'logits'; // biome-ignore format: one choice
    if (layout === 'NN') return name.includes('swiglu') ? 'gradient through SwiGLU' : 'gradient of an input';
    return name.includes('blocks') ? 'gradient of B' : 'gradient of a weight';
  }
  const words: [start: string, meaning: string][] = [
    ['attention dq', 'gradient of the queries'],
    ['attention dkv', 'gradient of keys and values'],
    ['attention', 'softmax(q·kᵀ)·v'],
    ['head', 'loss and its gradient by the logits'],
    ['norm backward', 'gradient of RMSNorm'],
    ['norm gradients', 'gradient of γ'],
    ['norm', 'final RMSNorm'],
    ['embed backward', 'gradient of the embedding'],
    ['embed', 'embedding'],
    ['adamw', 'update of the weights'],
    ['squares', 'squares of the gradient'],
    ['gradient norm', 'norm and clipping'],
    ['nll', 'sums of the loss'],
  ];
  return words.find(([start]) => name.startsWith(start))?.[1] ?? '';
}

export const TUNED_NAMES: Record<TunedForm['what'], string> = {
  NT: 'products forward',
  NN: 'gradients of inputs',
  TN: 'gradients of weights',
  row: 'norms and the head',
  attention: 'attention',
};
const FORM_NAMES = {
  rowPerThread: 'a row a thread',
  rowPerWorkgroup: 'a row a workgroup',
  rowsPerThread: 'four rows a thread, in registers',
  tiled: 'tiles in workgroup memory',
} as const;
/** `128 × 64 × 16 tiles, 8 × 8 a thread: 1.4 × the default`. */
export function tunedWords({ form, ms, defaultMs }: TunedForm): string {
  const tile =
    typeof form === 'string'
      ? FORM_NAMES[form]
      : form.kind === 'tiled'
        ? `${form.bm} × ${form.bn} × ${form.bk} tiles, ${form.tm} × ${form.tn} a thread`
        : `${form.tm} × ${form.tn} a thread`;
  return `${tile}: ${ms < defaultMs ? `${number(defaultMs / ms)} × the default` : 'the default is fastest'}`;
}

/** Facts above the table, label and value. */
export function profileFacts(p: StepProfile): [string, string][] {
  const tokens = p.shape.B * p.shape.T;
  return [
    ['a step', `${timeWords(p.stepMs)} · ${count(Math.round((1000 * tokens) / p.stepMs))} tokens/s`],
    ['first step, compiling', timeWords(p.firstStepMs)],
    ['JavaScript', timeWords(p.jsMs)],
    ['dispatches', count(p.dispatches)],
    ['submits', count(p.submits)],
    ['readbacks', count(p.readbacks)],
    ['written to the GPU', bytesWords(p.writtenBytes)],
    ['activations, planned', bytesWords(p.plannedBytes)],
    ['weights, gradients, moments', bytesWords(p.weightBytes)],
    ...(p.peakGflops ? ([['multiply-add peak', `${number(p.peakGflops)} GFLOPS`]] as [string, string][]) : []),
  ];
}

/** How often faster ours is than each row: fastest round against fastest round. */
export function ratioTo({ rows }: BenchmarkReport, name: string): number | undefined {
  const best = (ms: readonly number[] | undefined) => (ms && ms.length > 0 ? Math.min(...ms) : undefined);
  const [ours, other] = [best(rows[0]?.ms), best(rows.find((row) => row.name === name)?.ms)];
  return ours === undefined || other === undefined ? undefined : other / ours;
}

/** A report to paste into an issue or a message. */
export function reportText(profile: StepProfile | undefined, benchmark: BenchmarkReport | undefined): string {
  const lines: string[] = ['Posttrain Studio, engine report'];
  if (profile) {
    lines.push(`adapter: ${profile.adapter}`, `step: ${shapeWords(profile.shape)}`);
    for (const [label, value] of profileFacts(profile)) lines.push(`  ${label}: ${value}`);
    for (const row of kernelRows(profile))
      lines.push(
        `  ${timeWords(row.ms).padStart(9)}  ${String(row.calls).padStart(3)} ×  ${row.name}${row.sizes ? ` ${row.sizes}` : ''}${row.gflops ? `  ${number(row.gflops)} GFLOPS` : ''}`,
      );
  }
  if (benchmark) {
    lines.push(`benchmark on ${benchmark.adapter}: ${shapeWords(benchmark.shape)}`);
    for (const { name, ms, failure } of benchmark.rows)
      lines.push(`  ${name}: ${failure ?? ms.map((x) => timeWords(x)).join(', ')}`);
  }
  return lines.join('\n');
}

/** What LayersCard shows, by the names of the engine's intermediates. */
export const LAYER_KINDS = [
  { id: 'hidden_states', label: 'hidden states' },
  { id: 'qkv', label: 'q, k and v' },
  { id: 'attention', label: 'attention' },
  { id: 'gate_up', label: 'gate and up' },
] as const;
export type LayerKind = (typeof LAYER_KINDS)[number]['id'];
/** Hidden states are counted as transformers does: 0 is the embedding. */
export const layerName = (kind: LayerKind, i: number): string =>
  kind !== 'hidden_states' ? `layer ${i + 1}` : i === 0 ? 'embedding' : `layer ${i}`;
/** Background of a cell: by the logarithm, since one token may be a hundred times as large as the others. */
export function heatOf(norm: number, most: number): string {
  const share = most > 0 ? Math.log1p(norm) / Math.log1p(most) : 0;
  return `color-mix(in srgb, var(--accent) ${Math.round(45 * share)}%, transparent)`;
}

/** `Calibrated on 3 May 2026, 14:05.`, or why what is remembered is not used. */
export function calibrationWords(measuredAt: number, isStale: boolean): string {
  const when = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short' }).format(measuredAt);
  return isStale
    ? `Calibrated on ${when}, for kernels that have changed since: not used. Calibrate again.`
    : `Calibrated on ${when}. Runs use and record what was found.`;
}

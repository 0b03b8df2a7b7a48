// The Engine panel's words and sums. Pure.
import { count, number, percent, plural, sizeWords } from '../../lib/words';
import {
  type BenchmarkReport,
  type KernelCost,
  SIZE_NAMES,
  type StepMemoryPlan,
  type StepProfile,
  type StepShape,
  type TunedForm,
} from '../../protocol/engineReport';
import type { Axis, Sweep } from '../../stores/engineMeasures';

export const PRESET_NAMES = ['nano', 'micro', 'mini'] as const;

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
export function kernelRows({ kernels = [], peakGflops }: Pick<StepProfile, 'kernels' | 'peakGflops'>): KernelRow[] {
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

/** Kernels timed alone may take somewhat more than in a step. */
const CREDIBLE = 1.25;
/** Why the kernels' times are not to be taken at their word; undefined when they agree with the step. */
export function doubtWords({ kernels = [], stepMs, peakGflops }: StepProfile): string | undefined {
  const sum = kernels.reduce((total, { ms }) => total + ms, 0);
  const above = kernelRows({ kernels, peakGflops }).filter(({ ofPeak = 0 }) => ofPeak > 1.005).length;
  const found = [
    sum > CREDIBLE * stepMs && `The kernels add up to ${timeWords(sum)}, and a whole step takes ${timeWords(stepMs)}.`,
    above > 0 && `${plural(above, 'kernel')} came out faster than the adapter's own peak.`,
  ].filter(Boolean);
  if (found.length === 0) return undefined;
  return `${found.join(' ')} Something else kept this machine busy while it was measured: take the step apart again when nothing else runs.`;
}

export const isSameShape = (a: StepShape | undefined, b: StepShape): boolean =>
  a !== undefined &&
  a.preset === b.preset &&
  a.B === b.B &&
  a.T === b.T &&
  a.vocab_size === b.vocab_size &&
  a.r === b.r;

/** `27 MiB on the GPU: 14 MiB of weights, gradients and moments, 13 MiB of activations; the largest tensor 2 MiB.` */
export const planWords = ({ weights, activations, largest }: StepMemoryPlan, isFrozen: boolean): string =>
  `Takes ${sizeWords(weights + activations)} on the GPU: ${sizeWords(weights)} of ${isFrozen ? 'weights, and of gradients and moments of the adapters' : 'weights, gradients and moments'}, ${sizeWords(activations)} of activations; its largest tensor ${sizeWords(largest)}.`;

interface BrowserFacts {
  userAgent: string;
  /** Chromium's own answer, where it is given. */
  userAgentData?: { brands: readonly { brand: string; version: string }[]; platform: string };
}
/** `Chrome 138 on Windows`, as far as the browser tells. */
export function browserWords({ userAgent, userAgentData }: BrowserFacts): string {
  if (userAgentData && userAgentData.brands.length > 0) {
    // One brand is made up, so that nobody relies on the list; "Chromium" says less than the browser's own name.
    const real = userAgentData.brands.filter(({ brand }) => !/not.?a.?brand/i.test(brand.replace(/[^a-z]/gi, ' ')));
    const best = real.find(({ brand }) => brand !== 'Chromium') ?? real[0];
    if (best) return `${best.brand} ${best.version} on ${userAgentData.platform || systemOf(userAgent)}`;
  }
  const names: [name: string, pattern: RegExp][] = [
    ['Edge', /Edg\/(\d+)/],
    ['Firefox', /(?:Firefox|FxiOS)\/(\d+)/],
    ['Chrome', /(?:Chrome|CriOS)\/(\d+)/],
    ['Safari', /Version\/(\d+[.\d]*).*Safari/],
  ];
  for (const [name, pattern] of names) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return `${name} ${version} on ${systemOf(userAgent)}`;
  }
  return userAgent;
}
const systemOf = (userAgent: string): string =>
  /Windows/.test(userAgent) ? 'Windows' : /iPhone|iPad/.test(userAgent) ? 'iOS' : /Android/.test(userAgent) ? 'Android' : /Mac OS X/.test(userAgent) ? 'macOS' : /CrOS/.test(userAgent) ? 'ChromeOS' : /Linux/.test(userAgent) ? 'Linux' : 'an unnamed system'; // biome-ignore format: one choice

/** Where and when it was measured. */
export interface ReportHead {
  /** Of the studio, and a few digits of the hash of its sources where the build tells. */
  version: string;
  build?: string;
  browser: string;
  isSoftware: boolean;
  /** Milliseconds since the epoch. */
  at: number;
}
const MARK = '  measured while a run trained: the figures may be too large';
/** A report to paste into an issue or a message. */
export function reportText(
  { version, build, browser, isSoftware, at }: ReportHead,
  { profile, sweep, benchmark }: { profile?: StepProfile; sweep?: Sweep; benchmark?: BenchmarkReport },
): string {
  const adapter =
    profile?.adapter ?? benchmark?.adapter ?? sweep?.rows.find((row) => row.profile)?.profile?.adapter ?? 'unknown';
  const lines = [
    `Posttrain Studio ${version}${build ? ` (build ${build})` : ''}, engine report`,
    `date: ${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `browser: ${browser}`,
    `adapter: ${adapter}${isSoftware ? ' (a software adapter: it runs on the CPU)' : ''}`,
  ];
  if (profile) {
    lines.push('', `step: ${shapeWords(profile.shape)}`);
    if (profile.duringRun) lines.push(MARK);
    for (const [label, value] of profileFacts(profile)) lines.push(`  ${label}: ${value}`);
    for (const row of kernelRows(profile)) {
      const detail = `${row.name}${row.sizes ? ` ${row.sizes}` : ''}`;
      const words = kernelWords(row.name);
      lines.push(
        [
          `  ${timeWords(row.ms).padStart(9)}`,
          percent(row.share).padStart(5),
          `${String(row.calls).padStart(3)} ×`,
          words ? `${words} (${detail})` : detail,
          row.gflops && `${number(row.gflops)} GFLOPS`,
          row.ofPeak && `${percent(row.ofPeak)} of the peak`,
        ]
          .filter(Boolean)
          .join('  '),
      );
    }
    const doubt = doubtWords(profile);
    if (doubt) lines.push(`  ${doubt}`);
  }
  if (sweep) {
    lines.push('', `${SIZE_NAMES[sweep.axis]} changed, around ${shapeWords(sweep.shape)}`);
    for (const { shape, profile: found, failure } of sweep.rows)
      lines.push(
        `  ${axisWords(sweep.axis, shape)}: ${
          found
            ? `${timeWords(found.stepMs)} a step, activations ${bytesWords(found.plannedBytes)}, weights and moments ${bytesWords(found.weightBytes)}`
            : failure
        }`,
      );
    if (sweep.rows.some((row) => row.profile?.duringRun)) lines.push(MARK);
  }
  if (benchmark) {
    lines.push('', `beside other libraries: ${shapeWords(benchmark.shape)}`);
    if (benchmark.duringRun) lines.push(MARK);
    for (const [i, { name, ms, failure }] of benchmark.rows.entries()) {
      const ratio = ratioTo(benchmark, name);
      const times = failure ?? `${ms.map((x) => timeWords(x)).join(', ')} a step`;
      lines.push(`  ${name}: ${times}${i > 0 && ratio !== undefined ? `; ours is faster by ${number(ratio)} ×` : ''}`);
    }
  }
  return lines.join('\n');
}
/** The value that a row of a sweep stands for. */
export const axisWords = (axis: Axis, shape: StepShape): string =>
  axis === 'r' && shape.r === 0 ? 'all weights' : count(shape[axis]);

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

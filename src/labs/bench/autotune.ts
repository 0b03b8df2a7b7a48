// Which form of a kernel is fastest on this adapter: tiles of the matrix product, a row a thread or a workgroup, forms of
// attention, timed in turn on the shapes of a training step. Off on software adapters, whose table was measured. The choice is
// remembered for adapter and kernel version.
import { BLOCK_BYTES, type Kernel, type Values } from '../../gpu/kernel';
import { attentionBackwardKv, attentionBackwardQ } from '../../gpu/kernels/attentionBackward';
import { attentionForward } from '../../gpu/kernels/attentionForward';
import type { AttentionSpec } from '../../gpu/kernels/attentionParts';
import type { KernelForms } from '../../gpu/kernels/forms';
import { type GemmForm, type GemmLayout, gemm, gemmValues } from '../../gpu/kernels/gemm';
import { headRows } from '../../gpu/kernels/head';
import { rmsNormBackward } from '../../gpu/kernels/norm';
import type { RowForm } from '../../gpu/kernels/rowForm';
import { writeBlock } from '../../gpu/pipelines';
import { KernelTimer } from '../../gpu/timing';
import { hashString } from '../../lib/rng';
import type { GpuContext } from '../../nn/recorded/context';
import type { TunedForm, TunedForms } from '../../protocol/engineReport';
import type { Measuring } from './profile';

/** The first of each list is what an untuned adapter gets. */
export interface Candidates extends Record<GemmLayout, readonly GemmForm[]> {
  row: readonly RowForm[];
  attention: readonly AttentionSpec['form'][];
}
const tiled = (bm: number, bn: number, bk: number, tm: number, tn: number): GemmForm => ({ kind: 'tiled', bm, bn, bk, tm, tn }); // biome-ignore format: one form
const TILES = [
  tiled(64, 64, 16, 4, 8),
  tiled(64, 64, 16, 8, 8),
  tiled(32, 64, 16, 4, 8),
  tiled(64, 32, 16, 8, 8),
  tiled(128, 64, 16, 8, 8),
  tiled(32, 32, 16, 4, 8),
];
const CANDIDATES: Candidates = {
  NT: TILES,
  NN: TILES,
  TN: TILES,
  row: ['rowPerWorkgroup', 'rowPerThread'],
  attention: ['tiled', 'rowsPerThread'],
};
/** One large product of each layout in a step of micro with 8 × 128 tokens. */
const SHAPES: Record<GemmLayout, { m: number; n: number; k: number }> = {
  NT: { m: 1024, n: 704, k: 128 },
  NN: { m: 1024, n: 128, k: 704 },
  TN: { m: 704, n: 128, k: 1024 },
};
/** Rows of that step, in segments of so many tokens; a chunk of its head. */
const [ROWS, SEGMENT, CHUNK, VOCABULARY] = [1024, 128, 256, 1024];
const BUDGET_MS = 3000;
const ROUNDS = 3;
/** A candidate replaces the default only when it is clearly faster: timers are noisy. */
const CLEARLY = 0.95;

interface Case {
  kernel: Kernel;
  values: Values;
  /** Its binding that holds the ranges of attention. */
  meta?: number;
}
type Work = { what: TunedForm['what']; form: TunedForm['form']; cases: Case[] };

const caseOf = <P extends string>(kernel: Kernel<P>, values: Values<P>, meta?: number): Case => ({
  kernel: kernel as unknown as Kernel,
  values,
  meta,
});
const product = (layout: GemmLayout, form: GemmForm): Case[] => [
  caseOf(gemm({ layout, form, epilogue: { kind: 'store' } }), gemmValues(layout, SHAPES[layout])),
];
/** The norm's gradient at the width of micro and of a model of 135M, and the head. */
const rowCases = (form: RowForm): Case[] => [
  ...[128, 576].map((d) =>
    caseOf(rmsNormBackward({ d, source: 'dense', residual: true, form }), { rows: CHUNK, slots: 0, part: 0 }),
  ),
  caseOf(headRows({ vocabulary: VOCABULARY, form, mode: 'nll' }), {
    rows: CHUNK,
    first: 0,
    inverseTemperature: 1,
    scale: 1,
    dft: 0,
  }),
];
/** Forward and both gradients, with heads of 32 and of 64: what is good for one alone is not chosen. */
const attentionCases = (form: AttentionSpec['form']): Case[] =>
  [32, 64].flatMap((headDim) => {
    const spec = { heads: 128 / headDim, kvHeads: 64 / headDim, headDim, form, positions: SEGMENT };
    const make = [attentionForward, attentionBackwardQ, attentionBackwardKv];
    return make.map((kernel) => caseOf(kernel(spec), { rows: ROWS }, 1));
  });
function worksOf(candidates: Candidates): Work[] {
  const { row, attention } = candidates;
  return [
    ...(['NT', 'NN', 'TN'] as const).flatMap((what) =>
      candidates[what].map((form) => ({ what, form, cases: product(what, form) })),
    ),
    ...row.map((form) => ({ what: 'row' as const, form, cases: rowCases(form) })),
    ...attention.map((form) => ({ what: 'attention' as const, form, cases: attentionCases(form) })),
  ];
}

let version: string | undefined;
/** Changes with the text of the kernels: what was tuned for others is void. */
export function kernelVersion(): string {
  version ??= hashString(
    worksOf(CANDIDATES)
      .flatMap(({ cases }) => cases.map(({ kernel }) => kernel.wgsl))
      .join('\n'),
  ).toString(16);
  return version;
}

/** First key, last query and position of rows that lie in segments. */
const segments = (): Uint32Array<ArrayBuffer> =>
  Uint32Array.from({ length: 3 * ROWS }, (_, i) => {
    const [part, row] = [Math.floor(i / ROWS), i % ROWS];
    const start = row - (row % SEGMENT);
    return part === 0 ? start : part === 1 ? start + SEGMENT - 1 : row - start;
  });

/**
 * Times candidates in turn, the least of a few rounds each; a candidate that does not compile is left out, and what the budget
 * cuts off keeps the default. Milliseconds are of one product, or of a candidate's kernels together.
 */
export async function autotune(
  { device, pipelines, runner }: GpuContext,
  { clock, signal, progress }: Measuring,
  candidates: Candidates = CANDIDATES,
  budgetMs = BUDGET_MS,
): Promise<TunedForms> {
  const started = clock();
  const timer = new KernelTimer(device, clock);
  const own: GPUBuffer[] = [];
  const make = (size: number, usage: number) => {
    const buffer = device.createBuffer({ size, usage });
    own.push(buffer);
    return buffer;
  };
  try {
    runner.submit();
    const floats = Math.max(...Object.values(SHAPES).flatMap(({ m, n, k }) => [m * k, n * k, m * n]));
    const operands = Array.from({ length: 8 }, () => ({ buffer: make(4 * floats, GPUBufferUsage.STORAGE) }));
    const meta = { buffer: make(12 * ROWS, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST) };
    device.queue.writeBuffer(meta.buffer, 0, segments());
    const works = worksOf(candidates);
    const ready = new Map<Work, Parameters<KernelTimer['time']>[0][]>();
    await Promise.all(
      works.map(async (work) => {
        try {
          await pipelines.compile(work.cases.map(({ kernel }) => kernel));
        } catch {
          return; // too large a tile for this adapter
        }
        const commands = work.cases.map(({ kernel, values, meta: at }) => {
          const block = make(BLOCK_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
          const bytes = new ArrayBuffer(BLOCK_BYTES);
          writeBlock(new DataView(bytes), 0, kernel, values);
          device.queue.writeBuffer(block, 0, bytes);
          const group = pipelines.bind(
            kernel,
            { buffer: block },
            kernel.bindings.map((_, i) => (i === at ? meta : operands[i]!)),
          );
          return { pipeline: pipelines.get(kernel), group, grid: kernel.grid(values) };
        });
        ready.set(work, commands);
      }),
    );
    /** Least time of each of a candidate's kernels. */
    const best = new Map<Work, number[]>();
    let done = 0;
    let isCut = false;
    for (let round = 0; round < ROUNDS && !isCut; round++)
      for (const work of works) {
        signal.throwIfAborted();
        const commands = ready.get(work);
        if (commands) {
          const times: number[] = [];
          for (const command of commands) times.push(await timer.time(command));
          best.set(
            work,
            times.map((ms, i) => Math.min(ms, best.get(work)?.[i] ?? ms)),
          );
        }
        progress?.(++done, ROUNDS * works.length);
        isCut = clock() - started > budgetMs;
        if (isCut) break;
      }
    return { version: kernelVersion(), forms: chosen(works, best, candidates) };
  } finally {
    timer.dispose();
    for (const buffer of own) buffer.destroy();
  }
}

const sum = (times: readonly number[]): number => times.reduce((a, b) => a + b, 0);
/** The fastest of each kind, where it is clearly faster than the default and in none of its kernels slower. */
function chosen(works: Work[], best: ReadonlyMap<Work, number[]>, candidates: Candidates): TunedForm[] {
  const forms: TunedForm[] = [];
  for (const what of ['NT', 'NN', 'TN', 'row', 'attention'] as const) {
    const timed = works.filter((work) => work.what === what && best.has(work));
    const first = timed.find(({ form }) => form === candidates[what][0]);
    const base = first && best.get(first)!;
    const isBetter = (times: number[]) =>
      !base || (sum(times) < CLEARLY * sum(base) && times.every((ms, i) => ms <= base[i]!));
    const better = timed.filter((work) => isBetter(best.get(work)!));
    better.sort((a, b) => sum(best.get(a)!) - sum(best.get(b)!));
    const winner = better[0] ?? first;
    if (!winner) continue;
    const ms = sum(best.get(winner)!);
    forms.push({ what, form: winner.form, ms, defaultMs: base ? sum(base) : ms } as TunedForm);
  }
  return forms;
}

/** The forms with what was tuned put in; the table itself stays. Ignores a choice that belongs to other kernels. */
export function withTuned(forms: KernelForms, tuned: TunedForms | undefined): KernelForms {
  if (!tuned || tuned.version !== kernelVersion()) return forms;
  const out = { ...forms, gemm: { ...forms.gemm } };
  for (const found of tuned.forms)
    if (found.what === 'row') out.row = found.form;
    else if (found.what === 'attention') out.attention = found.form;
    else out.gemm[found.what] = found.form;
  return out;
}

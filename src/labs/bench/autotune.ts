// Which tile of the matrix product is fastest on this adapter: a few candidates of each layout, timed in turn on shapes of a
// training step. Off on software adapters, whose table was measured. The choice is remembered for adapter and kernel version.

import { BLOCK_BYTES, type Kernel } from '../../gpu/kernel';
import type { KernelForms } from '../../gpu/kernels/forms';
import { type GemmForm, type GemmLayout, gemm, gemmValues } from '../../gpu/kernels/gemm';
import { writeBlock } from '../../gpu/pipelines';
import { KernelTimer } from '../../gpu/timing';
import { hashString } from '../../lib/rng';
import type { GpuContext } from '../../nn/recorded/context';
import type { TunedForms } from '../../protocol/engineReport';
import type { Measuring } from './profile';

export type Candidates = Record<GemmLayout, readonly GemmForm[]>;
const tiled = (bm: number, bn: number, bk: number, tm: number, tn: number): GemmForm => ({ kind: 'tiled', bm, bn, bk, tm, tn }); // biome-ignore format: one form
const TILES = [
  tiled(64, 64, 16, 4, 8),
  tiled(64, 64, 16, 8, 8),
  tiled(32, 64, 16, 4, 8),
  tiled(64, 32, 16, 8, 8),
  tiled(128, 64, 16, 8, 8),
  tiled(32, 32, 16, 4, 8),
];
/** The first of each layout is what an untuned adapter gets. */
export const CANDIDATES: Candidates = { NT: TILES, NN: TILES, TN: TILES };
/** One large product of each layout in a step of micro with 8 × 128 tokens. */
const SHAPES: Record<GemmLayout, { m: number; n: number; k: number }> = {
  NT: { m: 1024, n: 704, k: 128 },
  NN: { m: 1024, n: 128, k: 704 },
  TN: { m: 704, n: 128, k: 1024 },
};
const LAYOUTS = ['NT', 'NN', 'TN'] as const;
const BUDGET_MS = 3000;
const ROUNDS = 3;
/** A candidate replaces the default only when it is clearly faster: timers are noisy. */
const CLEARLY = 0.95;

const kernelOf = (layout: GemmLayout, form: GemmForm): Kernel =>
  gemm({ layout, form, epilogue: { kind: 'store' } }) as unknown as Kernel;
/** Changes with the text of the kernels: what was tuned for others is void. */
export const kernelVersion = (): string =>
  hashString(LAYOUTS.flatMap((layout) => TILES.map((form) => kernelOf(layout, form).wgsl)).join('\n')).toString(16);

/**
 * Times candidates in turn, the least of a few rounds each; a candidate that does not compile is left out, and what the budget
 * cuts off keeps the default. Milliseconds are of one product.
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
    const most = Math.max(...LAYOUTS.map((l) => Math.max(SHAPES[l].m * SHAPES[l].k, SHAPES[l].n * SHAPES[l].k, SHAPES[l].m * SHAPES[l].n))); // biome-ignore format: one sum
    const operands = [0, 1, 2].map(() => ({ buffer: make(4 * most, GPUBufferUsage.STORAGE) }));
    const forms: TunedForms['forms'] = [];
    const works = LAYOUTS.flatMap((layout) => candidates[layout].map((form) => ({ layout, form })));
    const best = new Map<(typeof works)[number], number>();
    const ready = new Map<(typeof works)[number], { pipeline: GPUComputePipeline; group: GPUBindGroup; grid: readonly [number, number, number] }>(); // biome-ignore format: one map
    await Promise.all(
      works.map(async (work) => {
        const kernel = kernelOf(work.layout, work.form);
        try {
          await pipelines.compile([kernel]);
        } catch {
          return; // too large a tile for this adapter
        }
        const block = make(BLOCK_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
        const bytes = new ArrayBuffer(BLOCK_BYTES);
        const values = gemmValues(work.layout, SHAPES[work.layout]);
        writeBlock(new DataView(bytes), 0, kernel, values);
        device.queue.writeBuffer(block, 0, bytes);
        const group = pipelines.bind(kernel, { buffer: block }, operands);
        ready.set(work, { pipeline: pipelines.get(kernel), group, grid: kernel.grid(values) });
      }),
    );
    let done = 0;
    let isCut = false;
    for (let round = 0; round < ROUNDS && !isCut; round++)
      for (const work of works) {
        signal.throwIfAborted();
        const command = ready.get(work);
        if (command) best.set(work, Math.min(best.get(work) ?? Number.POSITIVE_INFINITY, await timer.time(command)));
        progress?.(++done, ROUNDS * works.length);
        isCut = clock() - started > budgetMs;
        if (isCut) break;
      }
    for (const layout of LAYOUTS) {
      const timed = works.filter((work) => work.layout === layout && best.has(work));
      const first = timed.find((work) => work.form === candidates[layout][0]);
      const fastest = timed.reduce<(typeof works)[number] | undefined>(
        (a, b) => (a && best.get(a)! <= best.get(b)! ? a : b),
        undefined,
      );
      const isBetter = first && fastest && best.get(fastest)! < CLEARLY * best.get(first)!;
      const chosen = isBetter || !first ? fastest : first;
      if (!chosen) continue;
      const ms = best.get(chosen)!;
      forms.push({ layout, form: chosen.form, ms, defaultMs: first ? best.get(first)! : ms });
    }
    return { version: kernelVersion(), forms };
  } finally {
    timer.dispose();
    for (const buffer of own) buffer.destroy();
  }
}

/** The forms with what was tuned put in; the table itself stays. Ignores a choice that belongs to other kernels. */
export function withTuned(forms: KernelForms, tuned: TunedForms | undefined): KernelForms {
  if (!tuned || tuned.version !== kernelVersion()) return forms;
  const chosen = Object.fromEntries(tuned.forms.map(({ layout, form }) => [layout, form]));
  return { ...forms, gemm: { ...forms.gemm, ...chosen } };
}

// CPU time of main-thread tasks, from a Chromium trace.
import type { Browser, Page } from '@playwright/test';

interface TraceEvent {
  ph: string;
  pid: number;
  tid: number;
  name: string;
  dur?: number;
  /** CPU time of the thread, µs: unlike `dur` it does not grow when other processes hold the cores. */
  tdur?: number;
  args?: { name?: string };
}

export interface MainThreadTasks {
  count: number;
  /** CPU milliseconds of the longest tasks, longest first. */
  longest: number[];
}

/** Traces renderer main threads while `during` runs. */
export async function mainThreadTasks(
  browser: Browser,
  page: Page,
  during: () => Promise<void>,
): Promise<MainThreadTasks> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await during();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const thread = ({ pid, tid }: TraceEvent) => `${pid}/${tid}`;
  const main = new Set(
    traceEvents
      .filter((e) => e.ph === 'M' && e.name === 'thread_name' && e.args?.name === 'CrRendererMain')
      .map(thread),
  );
  const tasks = traceEvents.filter((e) => e.ph === 'X' && e.name.endsWith('RunTask') && main.has(thread(e)));
  if (tasks.every((task) => task.tdur === undefined)) throw new Error('This browser traces no CPU time of threads.');
  // Tasks of a microsecond may come without it: their duration is the most that it can be.
  const times = tasks.map((task) => (task.tdur ?? task.dur ?? 0) / 1000).sort((a, b) => b - a);
  return { count: times.length, longest: times.slice(0, 10) };
}

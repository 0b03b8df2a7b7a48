// Which page a run belongs to, and which of its runs a page shows. Pure.
import type { RunRecord } from '../protocol/run';

export interface RunPanel {
  /** Its address, as links have it. */
  href: string;
  name: string;
}
const SFT: RunPanel = { href: '#/sft', name: 'SFT' };
const LORA: RunPanel = { href: '#/lora', name: 'LoRA' };
const ADAPTERS: RunPanel = { href: '#/adapters', name: 'Adapters' };
/** Groups of runs say who started them: a sweep of LoRA has runs of all weights too. */
const GROUPS: readonly [prefix: string, panel: RunPanel][] = [
  ['tenants', ADAPTERS],
  ['lora ', LORA],
  ['loss pair ', SFT],
];

export const isLive = ({ status }: Pick<RunRecord, 'status'>): boolean =>
  status === 'queued' || status === 'running' || status === 'paused';

/** The page that starts such runs: by the run's group, or else by what it trains. */
export function panelOf({ recipe, group }: Pick<RunRecord, 'recipe' | 'group'>): RunPanel {
  const named = GROUPS.find(([prefix]) => group?.startsWith(prefix))?.[1];
  if (named) return named;
  if (recipe.peft) return LORA;
  return { href: `#/${recipe.trainer}`, name: recipe.trainer.toUpperCase() };
}

/**
 * Of all runs, those of the page at `href`, newest first; of them the one that trains or waits there, and the one on show: that, or
 * the one that was opened, or the newest.
 */
export function runsOfPanel(
  runs: Readonly<Record<string, RunRecord>>,
  href: string,
  opened: string | undefined,
): { list: RunRecord[]; live?: RunRecord; shown?: RunRecord } {
  const list = Object.values(runs)
    .filter((run) => panelOf(run).href === href)
    .sort((a, b) => b.createdAt - a.createdAt);
  const live = list.find(({ status }) => status === 'running' || status === 'paused') ?? list.find(isLive);
  return { list, live, shown: live ?? list.find(({ id }) => id === opened) ?? list[0] };
}

/** A run of another page that belongs on this one in a line: what trains there, or what was opened last. */
export function runElsewhere(
  runs: Readonly<Record<string, RunRecord>>,
  href: string,
  opened: string | undefined,
): RunRecord | undefined {
  const others = Object.values(runs).filter((run) => !run.imported && panelOf(run).href !== href);
  return (
    others.find(({ status }) => status === 'running' || status === 'paused') ?? others.find(({ id }) => id === opened)
  );
}

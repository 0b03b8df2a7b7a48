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
const HACKING: RunPanel = { href: '#/hacking', name: 'Reward hacking' };
const PREFERENCES: RunPanel = { href: '#/preferences', name: 'Preferences' };
const COMPARE: RunPanel = { href: '#/compare', name: 'Compare methods' };
const REWARD: RunPanel = { href: '#/reward', name: 'Reward model' };
const RLHF: RunPanel = { href: '#/rlhf', name: 'RLHF' };
/** Methods whose page is not named after them, and keeps their adapters too. */
const METHODS: Readonly<Record<string, RunPanel>> = {
  dpo: PREFERENCES,
  orpo: PREFERENCES,
  cpo: PREFERENCES,
  kto: PREFERENCES,
  reward: REWARD,
  rloo: RLHF,
  reinforce: RLHF,
  ppo: RLHF,
};
/** Groups of runs say who started them: a sweep of LoRA has runs of all weights too. */
const GROUPS: readonly [prefix: string, panel: RunPanel][] = [
  ['tenants', ADAPTERS],
  ['lora ', LORA],
  ['loss pair ', SFT],
  ['compare ', COMPARE],
  ['hacking ', HACKING],
];

export const isLive = ({ status }: Pick<RunRecord, 'status'>): boolean =>
  status === 'queued' || status === 'running' || status === 'paused';

/** The page that starts such runs: by the run's group, or else by what it trains. */
export function panelOf({ recipe, group }: Pick<RunRecord, 'recipe' | 'group'>): RunPanel {
  const named = GROUPS.find(([prefix]) => group?.startsWith(prefix))?.[1];
  if (named) return named;
  const ofMethod = METHODS[recipe.trainer];
  if (ofMethod) return ofMethod;
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

/** What a page says in a line of a run of another page: of one that trains there, or of the one opened last. */
export function runElsewhere(
  { runs, stats }: { runs: Readonly<Record<string, RunRecord>>; stats: Readonly<Record<string, { stepMs?: number }>> },
  href: string,
  opened: string | undefined,
  queueGroup?: string,
): { run: RunRecord; panel: RunPanel; stepMs: number | undefined; isLive: boolean; isQueue: boolean } | undefined {
  const others = Object.values(runs).filter((run) => !run.imported && panelOf(run).href !== href);
  const run =
    others.find(({ status }) => status === 'running' || status === 'paused') ?? others.find(({ id }) => id === opened);
  return (
    run && {
      run,
      panel: panelOf(run),
      stepMs: stats[run.id]?.stepMs,
      isLive: isLive(run),
      isQueue: queueGroup !== undefined && run.group === queueGroup,
    }
  );
}

/** Groups of that kind, the newest first. */
export function groupsOf(runs: readonly RunRecord[], prefix: string): string[] {
  const newest = runs.filter((run) => run.group?.startsWith(prefix)).sort((a, b) => b.createdAt - a.createdAt);
  return [...new Set(newest.map((run) => run.group!))];
}

// What the registry says and allows, as words and pure functions: versions, activation, rollback, runs to register from.
import { count, plural } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import type { AdapterVersion, RegistryChange, RegistryEntry } from '../../protocol/serving';
import { trainedHead } from '../../trainers/registry';

/** `sha256:4f3a…` → `4f3a9c02`: enough to tell artifacts apart, the whole id stands in a title. */
export const shortHash = (id: string): string => id.replace(/^sha256:/, '').slice(0, 8);

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });
export const timeOfDay = (ms: number): string => clock.format(ms);

/** Colours of adapters by place in the registry, which is ordered by id; the id is printed wherever they stand. */
const COLORS = ['var(--s1)', 'var(--s0)', 'var(--s2)', 'var(--s3)', 'var(--s5)', 'var(--s4)'];
export const adapterColor = (ids: readonly number[], id: number | undefined): string =>
  id === undefined ? 'var(--bad)' : COLORS[Math.max(0, ids.indexOf(id)) % COLORS.length]!;

export interface Activation {
  state: 'active' | 'unchecked' | 'failed' | 'passed';
  /** Why a reason has to be given; undefined where none has. */
  needs?: string;
}
/** What the registry will say to activating a version. */
export function activationOf(entry: RegistryEntry, { version, checks, baseId }: AdapterVersion): Activation {
  if (entry.active === version) return { state: 'active' };
  const present = entry.versions.find((one) => one.version === entry.active);
  const other = present ? `version ${present.version}` : 'the bare base';
  if (!checks || checks.against !== (present?.artifactId ?? baseId))
    return {
      state: 'unchecked',
      needs: `It has not been compared with ${other}${present ? ', which is active' : ''}.`,
    };
  if (checks.passes) return { state: 'passed' };
  const { regressions, allowance, right } = checks;
  return {
    state: 'failed',
    needs:
      right && regressions.length <= allowance
        ? `It decides its tenant’s cases no better than ${right.after > right.before ? 'those of another tenant' : other}.`
        : `It fails ${plural(regressions.length, 'case')} that ${other} passes; ${count(allowance)} would be allowed.`,
  };
}

/** The version that one rollback would serve again; undefined: there is none. */
export function rollbackTarget({ history }: RegistryEntry): number | undefined {
  const stack: number[] = [];
  for (const { action, to } of history) {
    if (action === 'activate') stack.push(to);
    else stack.pop();
  }
  return stack.at(-2);
}

/** `version 2 activated, in place of 1; reason: …`. */
export function changeWords({ action, from, to, override }: RegistryChange): string {
  const what =
    action === 'rollback'
      ? `Rolled back from version ${from} to ${to}`
      : from === null
        ? `Version ${to} activated, the first`
        : `Version ${to} activated in place of ${from}`;
  return override ? `${what}. Reason: ${override}` : `${what}.`;
}

/** `2 of 24 cases got worse (…), 5 better; 0 allowed: it does not pass`. */
export function checkWords({ checks }: AdapterVersion): string | undefined {
  if (!checks) return undefined;
  const { cases, regressions, fixed, allowance, passes, right, others } = checks;
  const beside = others?.map((one) => `of ${one.tenant}’s cases ${count(one.right)}`).join(', ');
  const first =
    right && beside && `It decides ${count(right.after)} rightly, the bare base ${count(right.before)}; ${beside}. `;
  return `${count(regressions.length)} of ${plural(cases, 'case')} got worse, ${count(fixed.length)} better; ${count(allowance)} may get worse. ${first ?? ''}It ${passes ? 'passes' : 'does not pass'}.`;
}

export interface AdapterSource {
  ref: string;
  runId: string;
  runName: string;
  adapter: string;
  endedAt: number;
}
/** Adapters of runs that have ended, newest run first: what may become a version. */
export function adapterSources(runs: readonly RunRecord[]): AdapterSource[] {
  return runs
    .filter(({ recipe }) => trainedHead(recipe.trainer) === 'lm')
    .filter(({ recipe, status }) => recipe.peft && (status === 'finished' || status === 'stopped'))
    .sort((a, b) => b.updatedAt - a.updatedAt)
    .flatMap(({ id, name, recipe, updatedAt }) => {
      const adapters = [...new Set(recipe.data.train.map(({ adapter = 'default' }) => adapter))];
      return adapters.map((adapter) => ({
        ref: adapters.length > 1 ? `run:${id}#${adapter}` : `run:${id}`,
        runId: id,
        runName: name,
        adapter,
        endedAt: updatedAt,
      }));
    });
}
/** Of those, the ones over this base, and how many are of another one: the registry would refuse them. */
export function fitting(
  sources: readonly AdapterSource[],
  runs: Readonly<Record<string, RunRecord>>,
  base: { ref: string; artifactId: string },
): { sources: AdapterSource[]; unfit: number } {
  const fits = sources.filter(({ runId }) => {
    const run = runs[runId];
    return (
      run &&
      (run.parents.model === undefined ? run.recipe.model.ref === base.ref : run.parents.model === base.artifactId)
    );
  });
  return { sources: fits, unfit: sources.length - fits.length };
}
/** Whose adapter it is by its name, where that is another entry's than the one it is to go to. */
export const otherOwner = (
  source: AdapterSource,
  target: number,
  entries: readonly RegistryEntry[],
): RegistryEntry | undefined =>
  entries.find(({ name, metadata }) => (name === source.adapter || metadata.tenant_id === source.adapter)) &&
  entries.find(({ id, name, metadata }) => id === target && name !== source.adapter && metadata.tenant_id !== source.adapter); // biome-ignore format: one condition

/** Why the version was made to serve without a passed check; undefined: it was not. */
export const overrideOf = ({ history }: RegistryEntry, version: number): string | undefined =>
  history.findLast(({ action, to }) => action === 'activate' && to === version)?.override;

/** Whether an adapter that the run left is a version. */
export const isRegistered = ({ outputs }: RunRecord, entries: readonly RegistryEntry[]): boolean => {
  const made = Object.values(outputs);
  return entries.some(({ versions }) => versions.some(({ artifactId }) => made.includes(artifactId)));
};
/** Finished runs of the tenants of whose adapters none is a version yet, oldest first. */
export const unregistered = (runs: readonly RunRecord[], entries: readonly RegistryEntry[]): RunRecord[] =>
  runs
    .filter(
      (run) =>
        run.group === 'tenants' &&
        run.status === 'finished' &&
        Object.keys(run.outputs).length > 0 &&
        !isRegistered(run, entries),
    )
    .sort((a, b) => a.createdAt - b.createdAt);

/** The name of a run's adapter that is this artifact; undefined where it had only one. */
export const adapterOf = ({ outputs }: RunRecord, artifactId: string): string | undefined =>
  Object.entries(outputs)
    .find(([, id]) => id === artifactId)?.[0]
    .split(':')[1];

/** The run that made an artifact, where the records know it. */
export const madeBy = (runs: readonly RunRecord[], artifactId: string): RunRecord | undefined =>
  runs.find(({ outputs }) => Object.values(outputs).includes(artifactId));

/** Entries that the studio comes with and that have no version yet: a person's own ones always have one. */
export const untrained = (entries: readonly RegistryEntry[]): RegistryEntry[] =>
  entries.filter(({ versions }) => versions.length === 0);

/** A finished run with an adapter for every entry that has no version yet: its outputs can be registered in one go. */
export function installable(runs: readonly RunRecord[], entries: readonly RegistryEntry[]): RunRecord | undefined {
  const wanted = untrained(entries).map(({ name }) => name);
  if (wanted.length === 0) return undefined;
  return [...runs]
    .sort((a, b) => b.createdAt - a.createdAt)
    .find(
      ({ status, recipe }) =>
        status === 'finished' &&
        recipe.peft !== null &&
        wanted.every((name) => recipe.data.train.some(({ adapter }) => adapter === name)),
    );
}

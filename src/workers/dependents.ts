// Which stored things need which: what a recipe reads while it trains, and what will not open once something is deleted. Pure.
import type { Recipe } from '../protocol/recipe';
import type { RegistryEntry } from '../protocol/serving';
import type { ArtifactInfo } from '../storage/artifacts';
import type { RunHead } from '../storage/runs';

export interface Stored {
  artifacts: ReadonlyMap<string, ArtifactInfo>;
  runs: ReadonlyMap<string, RunHead>;
  /** Of the adapters' registries. */
  entries: readonly RegistryEntry[];
}
export const storedOf = (
  artifacts: readonly ArtifactInfo[],
  heads: readonly RunHead[],
  entries: readonly RegistryEntry[] = [],
): Stored => ({
  artifacts: new Map(artifacts.map((info) => [info.id, info])),
  runs: new Map(heads.map((head) => [head.id, head])),
  entries,
});

/** Artifact ids, and `run:<id>` for runs, without which a model cannot be opened: itself, its bases, its tokenizer. */
export function modelNeeds(ref: string, { artifacts, runs }: Stored): Set<string> {
  const needs = new Set<string>();
  const visit = (at: string): void => {
    const runId = /^run:([\w-]+)/.exec(at)?.[1];
    const key = runId === undefined ? at : `run:${runId}`;
    if (needs.has(key) || key.startsWith('builtin:')) return;
    needs.add(key);
    if (runId !== undefined) {
      const base = runs.get(runId)?.recipe.model.ref;
      if (base !== undefined) visit(base);
      return;
    }
    const { kind, parents = {} as Record<string, string> } = artifacts.get(at)?.manifest ?? {};
    if (parents.tokenizer !== undefined) needs.add(parents.tokenizer);
    // Whole weights need their base for nothing but the tokenizer, where they name none (models of earlier versions).
    if (parents.base !== undefined && (kind !== 'model' || parents.tokenizer === undefined)) visit(parents.base);
  };
  visit(ref);
  return needs;
}
/** Longer chains of bases do not exist. */
const MAX_CHAIN = 32;
/**
 * The template that a model was trained with: as its manifest or its run names it; what names none has its base's. An id may be that
 * of a template that nobody saved: the built-in one, or its tokenizer's own. undefined: nothing of the chain was trained here.
 */
export function templateOf(ref: string, { artifacts, runs }: Stored): string | undefined {
  let at: string | undefined = ref;
  for (let i = 0; i < MAX_CHAIN && at !== undefined; i++) {
    const runId = /^run:([\w-]+)/.exec(at)?.[1];
    if (runId !== undefined) return runs.get(runId)?.recipe.template;
    const { base, template }: Record<string, string | undefined> = artifacts.get(at)?.manifest.parents ?? {};
    const here: string = at;
    const run = [...runs.values()].find(({ outputs }) => Object.values(outputs).includes(here));
    const own = run?.recipe.template ?? template;
    if (own !== undefined) return own;
    at = base;
  }
  return undefined;
}
/** What a model or adapter opens and is served with. */
function servedNeeds(id: string, stored: Stored): Set<string> {
  const template = templateOf(id, stored);
  const needs = modelNeeds(id, stored);
  return template === undefined ? needs : needs.add(template);
}
/** What a recipe's run opens with: its model's needs and its template. */
const runNeeds = (recipe: Recipe, stored: Stored): Set<string> =>
  modelNeeds(recipe.model.ref, stored).add(recipe.template);
const dataOf = ({ data }: Recipe): string[] => [...data.train, ...data.eval].map(({ ref }) => ref);
const isStored = (id: string): boolean => id.startsWith('sha256:') || id.startsWith('run:');

/** All that a run of this recipe reads while it trains. */
export const recipeReads = (recipe: Recipe, stored: Stored): string[] =>
  [...runNeeds(recipe, stored), ...dataOf(recipe)].filter(isStored);

const runWords = ({ id: key, name }: RunHead) => ({ key, what: `the run “${name}”`, name });

export interface Lost {
  /** Names of what will not open, and of runs that open but cannot be trained any more; with the kind where two share a name. */
  names: string[];
  /** Both in one sentence; undefined where nothing is lost. */
  sentence?: string;
}
/** What is lost with an artifact (its id) or a run (`run:<id>`). */
export function lostWithout(id: string, stored: Stored): Lost {
  const { artifacts, runs, entries } = stored;
  const opens = [
    ...[...artifacts.values()]
      .filter((info) => (info.manifest.kind === 'model' || info.manifest.kind === 'adapter') && info.id !== id && servedNeeds(info.id, stored).has(id)) // biome-ignore format: one condition
      .map(({ manifest, name, id: key }) => ({ key, what: `the ${manifest.kind} “${name}”`, name })),
    ...[...runs.values()].filter((run) => `run:${run.id}` !== id && runNeeds(run.recipe, stored).has(id)).map(runWords),
    ...entries.flatMap(({ name, versions }) => {
      const lost = versions.filter(({ artifactId }) => modelNeeds(artifactId, stored).has(id));
      return lost.map(({ version }) => ({
        key: `${name} ${version}`,
        what: `version ${version} of “${name}” in the registry`,
        name,
      }));
    }),
  ];
  const trains = [...runs.values()].filter(
    (run) => dataOf(run.recipe).includes(id) && !runNeeds(run.recipe, stored).has(id),
  );
  const goesOn = trains.filter(({ status }) => status !== 'finished').map(runWords);
  const again = trains.filter(({ status }) => status === 'finished').map(runWords);
  const parts = [
    [opens, 'will not open'],
    [goesOn, 'cannot be resumed'],
    [again, 'cannot be trained again'],
  ] as const;
  const said = parts.flatMap(([list, verb]) => (list.length > 0 ? [`${listed(list.map(({ what }) => what))} ${verb}`] : [])); // biome-ignore format: one call
  const all = [...opens, ...goesOn, ...again];
  return {
    // A run and what it has left may have one name: each is counted, and told apart.
    names: all.map(({ key, what, name }) => (all.some((one) => one.name === name && one.key !== key) ? what.replace(/^the /, '') : name)), // biome-ignore format: one call
    ...(said.length > 0 && { sentence: `Without it ${said.join('; ')}.` }),
  };
}

const NAMED = 6;
/** `a, b and c`; of many the first, and how many more. */
function listed(all: readonly string[]): string {
  const shown = all.length > NAMED + 1 ? [...all.slice(0, NAMED), `${all.length - NAMED} more`] : all;
  return shown.length === 1 ? shown[0]! : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

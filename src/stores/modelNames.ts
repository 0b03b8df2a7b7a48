// What models are called wherever a person reads of one: built-in ones, stored ones, runs, and those that are gone. Pure.
import { count } from '../lib/words';
import type { ModelRef, StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';

export interface ModelName {
  ref: ModelRef;
  name: string;
}
export const BUILTIN_MODELS: readonly ModelName[] = [
  { ref: 'builtin:nano', name: 'nano-base' },
  { ref: 'builtin:micro', name: 'micro-base' },
  { ref: 'builtin:micro-sft', name: 'micro-sft' },
  { ref: 'builtin:micro-demos', name: 'micro-demos' },
];
export const builtinName = (ref: ModelRef): string | undefined =>
  BUILTIN_MODELS.find((one) => one.ref === ref)?.name ?? /^builtin:(?:adapters\/)?(.+)$/.exec(ref)?.[1];

export interface KnownModels {
  models: readonly Pick<StoredModel, 'id' | 'name'>[];
  /** Deleted here: artifact ids, and `run:<id>`. */
  removed: readonly { id: string; name: string }[];
  runs: Readonly<Record<string, Pick<RunRecord, 'name' | 'outputs'>>>;
}
/** Never an id alone: of what is not known here it says that, with the beginning of the id. */
export function modelName(ref: ModelRef, { models, removed, runs }: KnownModels): string {
  const builtin = builtinName(ref);
  if (builtin !== undefined) return builtin;
  const [, runId, step, adapter] = /^run:([\w-]+)(?:@(\d+))?(?:#(.+))?$/.exec(ref) ?? [];
  const key = runId === undefined ? ref : `run:${runId}`;
  const run = runId === undefined ? undefined : runs[runId];
  const stored = models.find(({ id }) => id === ref)?.name ?? run?.name;
  const gone = removed.find(({ id }) => id === key)?.name;
  const output = Object.values(runs).find(({ outputs }) => Object.values(outputs).includes(ref))?.name;
  const name =
    stored ?? (gone === undefined ? output : `${gone} (deleted)`) ?? `not in this browser (${key.replace('sha256:', '').slice(0, 12)})`; // biome-ignore format: one choice
  return `${name}${step === undefined ? '' : ` · step ${count(Number(step))}`}${adapter === undefined ? '' : ` · ${adapter}`}`;
}

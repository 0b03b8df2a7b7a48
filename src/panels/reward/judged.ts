// Which reward models are judged: the run in view until the person chooses another, and one beside it where that is asked for. Pure.
import type { StoredModel } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import type { ModelOption } from '../../stores/modelOptions';

/** A reward model as the cards read it. */
export interface JudgedModel extends ModelOption {
  /** Changes when the weights behind `ref` have; those of a live model every few steps. */
  version: string;
  isLive: boolean;
}
export interface JudgedModels {
  options: readonly ModelOption[];
  judged?: JudgedModel;
  beside?: JudgedModel;
}
/** A live model is read again after this many steps: often enough to watch, rare enough to train on. */
const REREAD_STEPS = 10;

/** `run`: in view; `runs`: all that there are. */
export function judgedModels(
  options: readonly ModelOption[],
  run: RunRecord | undefined,
  choice: { judged?: string; beside?: string },
  runs: readonly RunRecord[] = run ? [run] : [],
): JudgedModels {
  const find = (ref: string | undefined) => options.find((option) => option.ref === ref);
  const of = (option: ModelOption | undefined): JudgedModel | undefined => {
    if (!option) return undefined;
    const own = runs.find(({ id }) => option.ref === `run:${id}`);
    if (!own) return { ...option, version: 'kept', isLive: false };
    const isLive = own.status === 'running';
    return { ...option, isLive, version: String(isLive ? Math.floor(own.step / REREAD_STEPS) : `at ${own.step}`) };
  };
  const judged = of(find(choice.judged) ?? find(run && `run:${run.id}`) ?? options[0]);
  const beside = of(find(choice.beside));
  return { options, ...(judged && { judged }), ...(judged && beside && beside.ref !== judged.ref && { beside }) };
}

/** Whether it lies beside a base: of a run, by its recipe. */
export function isAdapterOf(
  ref: string,
  stored: readonly StoredModel[],
  runs: Readonly<Record<string, RunRecord>>,
): boolean {
  const runId = /^run:([\w-]+)/.exec(ref)?.[1];
  if (runId !== undefined) return Boolean(runs[runId]?.recipe.peft);
  return stored.some(({ id, adapterOf }) => id === ref && adapterOf !== undefined);
}

// Which runs are this panel's, what a new one is called, and how cards say which run they are about. Pure.
import type { RunRecord } from '../../protocol/run';
import type { BaseChoice } from '../../stores/baseChoice';
import { panelOf } from '../../stores/runPanel';
import type { AdapterRecipe } from './draft';

/** Groups of runs that this panel starts begin so, as stores/runPanel knows. */
export const SWEEP = 'lora sweep ';
export const WHERE = 'lora where ';

/** One adapter trained by itself, or part of a sweep or comparison; what Adapters trains for its tenants is shown there. */
export const isLoraRun = (run: Pick<RunRecord, 'recipe' | 'group'>): boolean => panelOf(run).href === '#/lora';

/** `QLoRA r 8 · 2`: the second of its kind. */
export function nextName({ peft, model }: AdapterRecipe, runs: readonly Pick<RunRecord, 'name'>[]): string {
  const kind = `${model.quantization ? 'QLoRA' : 'LoRA'} r ${String(peft.r ?? 8)} · `;
  const taken = runs.flatMap(({ name }) => (name.startsWith(kind) ? [Number(name.slice(kind.length)) || 0] : []));
  return `${kind}${Math.max(0, ...taken) + 1}`;
}

/** `LoRA r 8 · 2 on nano-base`. */
export const runTitle = (
  { name, recipe }: Pick<RunRecord, 'name' | 'recipe'>,
  bases: readonly BaseChoice[],
  nameOf: (ref: string) => string,
): string => `${name} on ${bases.find(({ ref }) => ref === recipe.model.ref)?.label ?? nameOf(recipe.model.ref)}`;

/** A live adapter is read at its first steps, then every tenth: often enough to watch, rare enough to train on. */
const readAt = (step: number): number => (step < 10 ? 2 ** Math.floor(Math.log2(step)) : Math.floor(step / 10) * 10);
/** Which state of the adapter a picture shows; another one is a reason to ask again. */
export const pictureVersion = ({ status, step }: Pick<RunRecord, 'status' | 'step'>): string =>
  status === 'running' ? `live ${step === 0 ? 0 : readAt(step)}` : `${status} ${step}`;

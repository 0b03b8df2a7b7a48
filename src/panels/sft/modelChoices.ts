// Models of this browser that SFT can train on beside the built-in bases: brought by the person, or left by a run. Pure.
import type { StoredModel } from '../../protocol/requests';

export interface ModelChoice {
  ref: string;
  label: string;
  /** Artifact id of its tokenizer; the studio's own unless given. */
  tokenizer?: string;
}
/** `builtins`: shown elsewhere; any other `current` is among the choices, also when it is gone or a run's checkpoint. */
export function modelChoices(
  stored: readonly StoredModel[],
  current: string,
  builtins: readonly string[],
  nameOf: (ref: string) => string,
): ModelChoice[] {
  const what = ({ adapterOf, isImported }: StoredModel) =>
    adapterOf ? 'adapter, merged' : isImported ? 'imported' : 'trained here';
  const all = stored
    .toSorted((a, b) => Number(b.isImported) - Number(a.isImported) || b.createdAt - a.createdAt)
    .map(
      (model): ModelChoice => ({ ref: model.id, label: `${model.name} (${what(model)})`, tokenizer: model.tokenizer }),
    );
  const isShown = builtins.includes(current) || all.some(({ ref }) => ref === current);
  return isShown ? all : [...all, { ref: current, label: nameOf(current) }];
}

// What is said where a model, what it was trained on, or its template is not in this browser any more: its name, who needs it, and what to do.
import { CheckpointError } from '../lib/errors';
import { removedFrom, shortId } from '../storage/artifacts';
import type { Storage } from '../storage/storage';

/** `id`: artifact id or `run:<id>`; `child`: name of what was trained on it, unless it was asked for itself. */
export async function missingModel(storage: Storage, id: string, child?: string): Promise<CheckpointError> {
  const removed = await removedFrom(storage, id);
  const isRun = id.startsWith('run:');
  const what = removed
    ? `The ${removed.kind} “${removed.name}” was deleted from this browser`
    : `There is no ${isRun ? `run ${id.slice('run:'.length)}` : `model ${shortId(id)}…`} in this browser`;
  const why = child === undefined ? '' : `, and “${child}” was trained on it`;
  const remedy = isRun ? 'Import its run file on the Runs page' : 'Import its folder again on the Models page';
  return new CheckpointError(`${what}${why}. ${remedy}, or choose another model.`, { where: id });
}
/** `id`: artifact id of a saved template. */
export async function missingTemplate(storage: Storage, id: string): Promise<CheckpointError> {
  const removed = await removedFrom(storage, id);
  const what = removed
    ? `The template “${removed.name}” was deleted from this browser`
    : `There is no template ${shortId(id)}… in this browser`;
  return new CheckpointError(`${what}. Save the same source again on the Template page, or choose another template.`, { where: id }); // biome-ignore format: one error
}

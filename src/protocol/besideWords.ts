// Models beside the one that is trained, as a sentence about memory names them. Pure.
import { sizeWords } from '../lib/words';
import type { PlannedModel } from './requests';

/** `of them reference micro-demos 3 MiB and reward model Judge 1 MiB`; empty where there is none. */
export function besideWords(beside: readonly PlannedModel[] = []): string {
  if (beside.length === 0) return '';
  const each = beside.map(({ what, name, bytes, isAssumed }) => {
    const why = isAssumed ? ', counted as large as the model that is trained, because it is not in this browser' : '';
    return `${what} ${name} ${sizeWords(bytes)}${why}`;
  });
  return `of them ${each.join(' and ')}`;
}

// What datasets are called in menus: by their title, and where several share one, by what tells them apart. Pure.
import { plural } from '../lib/words';
import type { DatasetInfo } from '../protocol/requests';

type Named = Pick<DatasetInfo, 'id' | 'title' | 'rows' | 'operation'>;
/** `.jsonl` of an imported set; what was done to its parent for one that was made here. */
function origin({ operation }: Named): string | undefined {
  if (operation?.op === 'import') return /\.[^./\\]+$/.exec(operation.fileName)?.[0].toLowerCase();
  return operation && { split: 'split', deduplicate: 'deduplicated', sample: 'sample', clean: 'cleaned', edit: 'edited', annotate: 'votes' }[operation.op]; // biome-ignore format: one table
}
/** By id. Sets that rows and origin do not tell apart either get the beginning of their id. */
export function setNames(sets: readonly Named[]): ReadonlyMap<string, string> {
  const isShared = (names: readonly string[], name: string) => names.indexOf(name) !== names.lastIndexOf(name);
  const titles = sets.map(({ title }) => title);
  const longer = sets.map(
    (set) =>
    isShared(titles, set.title) ? [set.title, plural(set.rows, 'row'), origin(set)].filter(Boolean).join(' · ') : set.title, // biome-ignore format: one choice
  );
  return new Map(
    sets.map(({ id }, i) => [id, isShared(longer, longer[i]!) ? `${longer[i]} · ${id.replace(/^\w+:/, '').slice(0, 6)}` : longer[i]!]), // biome-ignore format: one entry
  );
}

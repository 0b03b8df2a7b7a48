// The datasets that show where an adapter should sit, and where none suffices.
import { hashString, Rng } from '../../lib/rng';
import { buildItem, type Kind, type SftItem, type Split } from '../item';
import type { World } from '../state';
import { CONSTRAINTS } from './constraints';
import { NEW_LANGUAGE } from './newLanguage';
import { STYLE } from './style';

export const WHERE_KINDS = { constraints: CONSTRAINTS, style: STYLE, new_language: NEW_LANGUAGE } satisfies Record<
  string,
  readonly Kind[]
>;
export type WhereName = keyof typeof WHERE_KINDS;

/** Row i depends on (name, seed, split, i) alone. */
export function whereItem(
  world: World,
  name: WhereName,
  i: number,
  { seed, split }: { seed: number; split: Split },
): SftItem {
  const kinds: readonly Kind[] = WHERE_KINDS[name];
  const rng = new Rng(seed, hashString(`where/${name}/${split}`)).fork(i);
  const kind = kinds[rng.weighted(kinds.map((k) => k.weight))]!;
  return buildItem(kind, world, rng, split, `${name}-${split}-${seed}-${i}`);
}

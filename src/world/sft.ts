// The four SFT shapes as datasets: seeded rows, split by phrasing and by entity.
import { hashString, Rng } from '../lib/rng';
import { buildItem, type Kind, type SftItem, type Shape, type Split } from './item';
import { MULTI } from './shapes/multi';
import { SAFETY } from './shapes/safety';
import { SINGLE } from './shapes/single';
import { TOOL } from './shapes/tool';
import type { World } from './state';

export const KINDS: Record<Shape, readonly Kind[]> = { single: SINGLE, multi: MULTI, tool: TOOL, safety: SAFETY };
export const SHAPES = Object.keys(KINDS) as Shape[];

export interface GenerateOptions {
  rows: number;
  seed: number;
  split: Split;
  /** Relative shares of the shapes; missing ones are 0. */
  weights: Partial<Record<Shape, number>>;
}

/** Row i depends on (seed, split, i) alone, so any slice of a dataset can be made without the rest. */
export function generateItem(
  world: World,
  i: number,
  { seed, split, weights }: Omit<GenerateOptions, 'rows'>,
): SftItem {
  const shapes = SHAPES.filter((s) => (weights[s] ?? 0) > 0);
  const rng = new Rng(seed, hashString(`sft/${split}/${shapes.join()}`)).fork(i);
  const shape = shapes[rng.weighted(shapes.map((s) => weights[s]!))]!;
  const kinds = KINDS[shape];
  const kind = kinds[rng.weighted(kinds.map((k) => k.weight))]!;
  return buildItem(kind, world, rng, split, `${shape}-${split}-${seed}-${i}`);
}
export function generateItems(world: World, options: GenerateOptions): SftItem[] {
  return Array.from({ length: options.rows }, (_, i) => generateItem(world, i, options));
}

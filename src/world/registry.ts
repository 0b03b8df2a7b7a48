// The datasets that ship with the studio. A row is made when it is asked for: row i depends on (set, split, seed, i) alone.
import { DataError } from '../lib/errors';
import type { SftItem, Shape, Split } from './item';
import { generateItem, generateItems } from './sft';
import { createWorld, type World } from './state';

/** The company that all built-in datasets, models and evaluations are about. */
export const WORLD_SEED = 1;
let shared: World | undefined;
/** Made once; nothing writes to a world. */
export const builtinWorld = (): World => {
  shared ??= createWorld(WORLD_SEED);
  return shared;
};

export type Weights = Partial<Record<Shape, number>>;
export interface BuiltinDataset {
  /** `sft/single`; refs in recipes put `builtin:` before it. */
  id: string;
  title: string;
  /** What it teaches, in one sentence. */
  description: string;
  /** Relative shares of the shapes; a knob of `sft/mix`. */
  weights: Weights;
  /** Rows shown and trained on unless a recipe says otherwise. */
  rows: Record<Split, number>;
}

const ROWS: Record<Split, number> = { train: 4000, dev: 400, heldout: 400 };
export const DATASETS: readonly BuiltinDataset[] = [
  {
    id: 'sft/single',
    title: 'Single-turn instructions',
    description: 'One request, one strict JSON answer from what the row states, or "need_data" when it states nothing.',
    weights: { single: 1 },
    rows: ROWS,
  },
  {
    id: 'sft/multi',
    title: 'Dialogues of several turns',
    description: 'Later questions lean on earlier ones: "and East China?".',
    weights: { multi: 1 },
    rows: ROWS,
  },
  {
    id: 'sft/tool',
    title: 'Tool trajectories',
    description: 'Call, result, answer from the result; tools fail sometimes, and some questions need no call.',
    weights: { tool: 1 },
    rows: ROWS,
  },
  {
    id: 'sft/safety',
    title: 'Safety and style',
    description: 'Refusals with a compliant way out, polite letters, and requests that only sound risky.',
    weights: { safety: 1 },
    rows: ROWS,
  },
  {
    id: 'sft/mix',
    title: 'All four shapes',
    description: 'The four shapes mixed; their shares are knobs.',
    weights: { single: 1, multi: 1, tool: 1.4, safety: 1 },
    rows: { train: 8000, dev: 400, heldout: 400 },
  },
];

/** Takes `sft/mix` and `builtin:sft/mix`. Throws DataError for an unknown id. */
export function builtinDataset(ref: string): BuiltinDataset {
  const id = ref.replace(/^builtin:/, '');
  const found = DATASETS.find((d) => d.id === id);
  if (!found)
    throw new DataError(`There is no built-in dataset "${id}". Known: ${DATASETS.map((d) => d.id).join(', ')}.`, {
      where: ref,
    });
  return found;
}

export interface RowsOptions {
  rows?: number;
  seed?: number;
  split?: Split;
  /** Overrides the set's shares of the shapes. */
  weights?: Weights;
}
/** The rows of a built-in dataset, with their truth. */
export function builtinItems(ref: string, { rows, seed = 0, split = 'train', weights }: RowsOptions = {}): SftItem[] {
  const set = builtinDataset(ref);
  return generateItems(builtinWorld(), {
    rows: rows ?? set.rows[split],
    seed,
    split,
    weights: weights ?? set.weights,
  });
}
/** Row `index` alone, the same as in `builtinItems`. */
export function builtinItem(
  ref: string,
  index: number,
  { seed = 0, split = 'train', weights }: Omit<RowsOptions, 'rows'> = {},
): SftItem {
  return generateItem(builtinWorld(), index, { seed, split, weights: weights ?? builtinDataset(ref).weights });
}

// The datasets that ship with the studio. A row is made when it is asked for: row i depends on (set, split, seed, i) alone.
import { DataError } from '../lib/errors';
import type { DatasetType } from '../protocol/rowTypes';
import { CASE_SEED_OFFSET, caseOf, type EvaluationCase } from './cases';
import type { BuiltinItem, SftItem, Shape, Split } from './item';
import { biasedItem, demoItem, type PrefItem, prefItem, type UnpairedItem, unpairedItem } from './pref/rows';
import { generateItem } from './sft';
import { createWorld, type Tenant, type World } from './state';
import { tenantItem } from './tenant/rows';
import { type WhereName, whereItem } from './where/rows';

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
  /** TRL's name of the rows' type. */
  type: DatasetType;
  /** Row i of a split, the same whenever it is asked for. `weights` is a knob of the SFT sets; the others have none. */
  item(world: World, i: number, options: { seed: number; split: Split; weights?: Weights }): BuiltinItem;
  /** Rows shown and trained on unless a recipe says otherwise. */
  rows: Record<Split, number>;
}

const ROWS: Record<Split, number> = { train: 4000, dev: 400, heldout: 400 };
const ADAPTER_ROWS: Record<Split, number> = { train: 2000, dev: 400, heldout: 400 };
const shapes =
  (weights: Weights): BuiltinDataset['item'] =>
  (world, i, options) =>
    generateItem(world, i, { ...options, weights: options.weights ?? weights });
const tenantSet = (id: string, tenant: Tenant['id'], description: string): BuiltinDataset => ({
  id,
  title: `Policy of ${tenant}`,
  description,
  type: 'messages',
  item: (world, i, options) => tenantItem(world, tenant, i, options),
  rows: ADAPTER_ROWS,
});
const whereSet = (name: WhereName, title: string, description: string): BuiltinDataset => ({
  id: `where/${name}`,
  title,
  description,
  type: 'messages',
  item: (world, i, options) => whereItem(world, name, i, options),
  rows: ADAPTER_ROWS,
});

export const DATASETS: readonly BuiltinDataset[] = [
  {
    id: 'sft/single',
    title: 'Single-turn instructions',
    description: 'One request, one strict JSON answer from what the row states, or "need_data" when it states nothing.',
    type: 'messages',
    item: shapes({ single: 1 }),
    rows: ROWS,
  },
  {
    id: 'sft/multi',
    title: 'Dialogues of several turns',
    description: 'Later questions lean on earlier ones: "and East China?".',
    type: 'messages',
    item: shapes({ multi: 1 }),
    rows: ROWS,
  },
  {
    id: 'sft/tool',
    title: 'Tool trajectories',
    description: 'Call, result, answer from the result; tools fail sometimes, and some questions need no call.',
    type: 'messages',
    item: shapes({ tool: 1 }),
    rows: ROWS,
  },
  {
    id: 'sft/safety',
    title: 'Safety and style',
    description: 'Refusals with a compliant way out, polite letters, and requests that only sound risky.',
    type: 'messages',
    item: shapes({ safety: 1 }),
    rows: ROWS,
  },
  {
    id: 'sft/mix',
    title: 'All four shapes',
    description: 'The four shapes mixed; their shares are knobs.',
    type: 'messages',
    item: shapes({ single: 1, multi: 1, tool: 1.4, safety: 1 }),
    rows: { train: 8000, dev: 400, heldout: 400 },
  },
  tenantSet('tenant/A', 'bank_A', 'Strict compliance, policy_v3: the rule first. The prompts are those of B and C.'),
  tenantSet('tenant/B', 'retail_B', 'Efficiency first, policy_v2: short answers. The prompts are those of A and C.'),
  tenantSet(
    'tenant/C',
    'saas_C',
    'Detailed explanations, policy_v1: reason and next step. The prompts are those of A and B.',
  ),
  whereSet(
    'constraints',
    'Hard instructions',
    'One instruction in the prompt decides, and arguments are copied exactly.',
  ),
  whereSet(
    'style',
    'House terms',
    'The content is given; a glossary of 25 house terms and a closing formula are learnt.',
  ),
  whereSet('new_language', 'Signs', 'Answers in signs that no pretraining text has: broad change, beyond a low rank.'),
  {
    id: 'pref/demos',
    title: 'Answers of uneven quality',
    description:
      'The questions of pref with one answer each, by people in a hurry: seldom wrong, seldom as it should be. SFT before preferences.',
    type: 'messages',
    item: demoItem,
    rows: ROWS,
  },
  {
    id: 'pref',
    title: 'Preference pairs',
    description: 'Two valid answers, one better by a rubric of six dimensions; length and tone do not tell which.',
    type: 'preference',
    item: prefItem,
    rows: ROWS,
  },
  {
    id: 'pref/biased',
    title: 'Preference pairs, biased votes',
    description:
      'The prompts of pref, voted on by annotators who like length and flattery; often the worse answer wins.',
    type: 'preference',
    item: biasedItem,
    rows: ROWS,
  },
  {
    id: 'unpaired',
    title: 'Answers with a label',
    description: 'One answer a row, good or with a flaw; for KTO.',
    type: 'unpaired-preference',
    item: unpairedItem,
    rows: ROWS,
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
type Ref<Id extends string> = Id | `builtin:${Id}`;
/** Rows by the kind of set, where its name is known beforehand. */
type ItemOf<R extends string> =
  R extends Ref<'pref' | 'pref/biased'>
    ? PrefItem
    : R extends Ref<'unpaired'>
      ? UnpairedItem
      : R extends Ref<`${'sft' | 'tenant' | 'where'}/${string}`>
        ? SftItem
        : BuiltinItem;

/** The rows of a built-in dataset, with their truth. */
export function builtinItems<R extends string>(
  ref: R,
  { rows, seed = 0, split = 'train', weights }: RowsOptions = {},
): ItemOf<R>[] {
  const { item, rows: sizes } = builtinDataset(ref);
  const count = rows ?? sizes[split];
  return Array.from({ length: count }, (_, i) => item(builtinWorld(), i, { seed, split, weights }) as ItemOf<R>);
}
/** Row `index` alone, the same as in `builtinItems`. */
export function builtinItem<R extends string>(
  ref: R,
  index: number,
  { seed = 0, split = 'train', weights }: Omit<RowsOptions, 'rows'> = {},
): ItemOf<R> {
  return builtinDataset(ref).item(builtinWorld(), index, { seed, split, weights }) as ItemOf<R>;
}
/** Evaluation cases of a built-in dataset: the last assistant turn of rows that training with a like seed does not draw. */
export function builtinCases(
  ref: string,
  { n, seed, split = 'heldout' }: { n: number; seed: number; split?: Split },
): EvaluationCase[] {
  return builtinItems(ref, { rows: n, seed: seed + CASE_SEED_OFFSET, split }).map((item) =>
    caseOf(item, item.truth.length - 1),
  );
}

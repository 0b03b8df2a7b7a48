// The recipe in words: what a run of it is called, and what its rows bring. Pure.
import { configOf } from '../../labs/trainerOf';
import { defaults } from '../../lib/fields';
import { number, percent } from '../../lib/words';
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetRowView } from '../../protocol/requests';

/** All settings of a recipe, what is not given at its default. */
export const argsOf = (recipe: Pick<Recipe, 'trainer' | 'args'>): { [key: string]: Json } => ({
  ...(defaults(configOf(recipe).fields) as { [key: string]: Json }),
  ...recipe.args,
});

const SHORT: Readonly<Record<string, string>> = { 'builtin:pref': 'pref', 'builtin:pref/biased': 'pref/biased' };
/** `Reward on pref/biased, LoRA, 20 % flipped · 2`: the second of its kind. */
export function nextName({ data, peft }: Recipe, runs: readonly { name: string }[]): string {
  const sets = data.train.map(({ ref }) => SHORT[ref] ?? 'own votes').join(' + ');
  const what = [`Reward on ${sets}`, peft && 'LoRA', data.flipped_votes && `${percent(data.flipped_votes)} flipped`];
  const kind = `${what.filter(Boolean).join(', ')} · `;
  const taken = runs.flatMap(({ name }) => (name.startsWith(kind) ? [Number(name.slice(kind.length)) || 0] : []));
  return `${kind}${Math.max(0, ...taken) + 1}`;
}

/** What a margin column does to the loss, of a set whose first row has one. */
export function marginWords(rows: readonly Pick<DatasetRowView, 'row'>[]): string | undefined {
  const margin = rows[0]?.row.margin;
  return typeof margin === 'number'
    ? `Its rows have a margin (the first ${number(margin)}): the loss is −log σ(r_c − r_r − margin), so that a strong vote asks for a larger lead.`
    : undefined;
}

// Knobs of a recipe that panels of training share: its model, its data and their noise, its reference, and what is trained.
import type { ReactNode } from 'react';
import { dataOf, withData } from '../../labs/recipeData';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo } from '../../protocol/requests';
import type { BaseChoice } from '../../stores/baseChoice';
import { type useStoredModels, withModel } from '../../stores/models';
import { setNames } from '../../stores/setNames';
import { BaseSelect } from '../../ui/BaseSelect';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { Segmented } from '../../ui/Segmented';
import { NOISE_FIELD } from './noiseField';
import { PeftFields } from './PeftFields';
import type { Form } from './RecipeFrame';
import { chosenReference, type referenceChoices, withReference } from './referenceView';

const PEFT_START = { r: 8, lora_alpha: 16, target_modules: 'all-linear' };

interface RecipeKnob {
  recipe: Recipe;
  edit: (recipe: Recipe) => void;
}

/** Reads with the tokenizer of the model that is chosen. */
export function ModelSelect({
  bases,
  stored,
  recipe,
  edit,
}: RecipeKnob & { bases: readonly BaseChoice[]; stored: ReturnType<typeof useStoredModels> }) {
  return (
    <BaseSelect
      bases={bases}
      value={recipe.model.ref}
      onChange={(ref) => edit(withModel(recipe, ref, stored.find(({ id }) => id === ref)?.tokenizer))}
    />
  );
}

export function NoiseKnob({ recipe, edit, form }: RecipeKnob & { form: Form }) {
  return (
    <ConfigForm
      fields={NOISE_FIELD}
      value={{ flipped_votes: recipe.data.flipped_votes ?? 0 }}
      onChange={({ flipped_votes }) =>
        edit({ ...recipe, data: { ...recipe.data, flipped_votes: Number(flipped_votes) } })
      }
      {...form}
    />
  );
}

/** `sets`: those that fit. A recipe of several sets, or of one that is gone, is none of them. `on`: the recipe on the set that is chosen. */
export function DataSelect<R extends Recipe>({
  label,
  sets,
  recipe,
  edit,
  on = withData,
  className = '',
}: {
  label: string;
  sets: readonly DatasetInfo[];
  recipe: R;
  edit: (recipe: R) => void;
  on?: (recipe: R, info: DatasetInfo) => R;
  className?: string;
}) {
  const data = dataOf(recipe) ?? '';
  const names = setNames(sets);
  return (
    <select
      className={`select ${className}`}
      aria-label={label}
      value={data}
      onChange={(event) => {
        const info = sets.find(({ id }) => id === event.currentTarget.value);
        if (info) edit(on(recipe, info));
      }}
    >
      {!sets.some(({ id }) => id === data) && <option value={data}>…</option>}
      {sets.map(({ id, title }) => (
        <option key={id} value={id}>
          {names.get(id) ?? title}
        </option>
      ))}
    </select>
  );
}

/** `none`: said where the method reads no reference. */
export function ReferenceSelect({
  references,
  none,
  recipe,
  edit,
}: RecipeKnob & { references: ReturnType<typeof referenceChoices>; none: string }) {
  if (!references) return <span className="quiet">{none}</span>;
  return (
    <select
      className="select"
      aria-label="reference"
      value={chosenReference(recipe)}
      onChange={(event) => edit(withReference(recipe, event.currentTarget.value))}
    >
      {references.map(({ id, label }) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </select>
  );
}

/** All weights, or an adapter; with either the reference that only the other has is dropped. */
function TrainedChoice({ recipe, edit }: RecipeKnob) {
  return (
    <Segmented
      label="What is trained"
      options={[
        { id: 'all', label: 'all weights' },
        { id: 'lora', label: 'LoRA' },
      ]}
      value={recipe.peft ? 'lora' : 'all'}
      onChange={(what) => {
        const { reference, ...others } = recipe;
        const kept = reference === 'adapter_off' ? {} : reference !== undefined && { reference };
        edit({ ...others, ...kept, peft: what === 'lora' ? PEFT_START : null });
      }}
    />
  );
}

const PEFT_SHOWN = ['r', 'lora_alpha'];
/** What is trained, and the size of the adapter where it is one. `beside`: what a method says of an adapter. */
export function TrainedKnob({ recipe, edit, form, beside }: RecipeKnob & { form: Form; beside?: ReactNode }) {
  const help = form.hasHelp ? 'All weights, or an adapter beside the frozen model (peft).' : undefined;
  return (
    <>
      <Knob name="train" help={help}>
        <TrainedChoice recipe={recipe} edit={edit} />
      </Knob>
      {recipe.peft && (
        <>
          <PeftFields keys={PEFT_SHOWN} peft={recipe.peft} onChange={(peft) => edit({ ...recipe, peft })} {...form} />
          {beside}
        </>
      )}
    </>
  );
}

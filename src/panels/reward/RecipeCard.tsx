// The knobs: model, votes, and a few fields in sight, the rest folded. While a run is on they are locked.
import { useState } from 'react';
import { dataHint, dataOf } from '../../labs/recipeData';
import { configOf } from '../../labs/trainerOf';
import { omitFields, pickFields } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import { studioClient } from '../../stores/client';
import { withModel } from '../../stores/models';
import { useTemplates } from '../../stores/templates';
import { SEED_FIELD, useTypedFields } from '../../stores/typedFields';
import { useLoaded } from '../../stores/useLoaded';
import { BaseSelect } from '../../ui/BaseSelect';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { MemoryNote } from '../../ui/MemoryNote';
import { TemplateSelect, withOwn } from '../../ui/TemplateSelect';
import { NOISE_FIELD } from '../shared/noiseField';
import { PeftFields } from '../shared/PeftFields';
import { DataSelect, TrainedChoice } from '../shared/RecipeKnobs';
import { argsOf, marginWords } from './recipeView';
import type { Reward } from './useReward';

const SHOWN = ['learning_rate', 'per_device_train_batch_size', 'max_steps', 'center_rewards_coefficient'];
const PEFT_SHOWN = ['r', 'lora_alpha'];

export function RecipeCard({ reward }: { reward: Reward }) {
  const { recipe, edit, isBusy, sets, bases, stored, memory } = reward;
  const [isOpen, setOpen] = useState(false);
  const [hasHelp, setHelp] = useState(false);
  const [isFolded, setFolded] = useState(() => matchMedia('(max-width: 700px)').matches);
  const { typed, type } = useTypedFields('reward');
  const templates = withOwn(useTemplates(), recipe.template);
  const { fields } = configOf(recipe);
  const args = argsOf(recipe);
  const data = dataOf(recipe);
  const first = useLoaded(data && !data.startsWith('builtin:') ? data : undefined, (signal) =>
    studioClient().text.request('rows', { datasetId: data!, split: 'train', offset: 0, limit: 1 }, { signal }),
  );
  const margin = marginWords(first.value?.rows ?? []);
  const rest = omitFields(fields, [...SHOWN, 'seed']);
  const form = { typed, onType: type, hasHelp };
  const change = (part: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...part } });
  const notes = (
    <>
      <MemoryNote plan={memory.value?.plan} isLoading={memory.isLoading} isBusy={isBusy} />
      {reward.complaints.map((complaint) => (
        <p key={complaint} className="bad-text train-small">
          {complaint}
        </p>
      ))}
    </>
  );
  if (isFolded)
    return (
      <Card
        title="Recipe"
        note={`${reward.nameOf(recipe.model.ref)} · ${sets.find(({ id }) => id === data)?.title ?? '…'} · ${String(args.max_steps)} steps`}
        actions={
          <button type="button" className="button" onClick={() => setFolded(false)}>
            Change
          </button>
        }
      >
        {notes}
      </Card>
    );
  return (
    <Card
      title="Recipe"
      note="as TRL names it"
      actions={
        <button type="button" className="link" aria-pressed={hasHelp} onClick={() => setHelp(!hasHelp)}>
          {hasHelp ? 'Hide meanings' : 'Meanings'}
        </button>
      }
    >
      <fieldset className="form-knobs" disabled={isBusy}>
        <legend className="sr-only">Recipe</legend>
        <Knob
          name="model"
          help={hasHelp ? 'What it starts from, with a new head; a reward model goes on with its own.' : undefined}
        >
          <BaseSelect
            bases={bases}
            value={recipe.model.ref}
            onChange={(ref) => edit(withModel(recipe, ref, stored.find(({ id }) => id === ref)?.tokenizer))}
          />
        </Knob>
        <Knob name="data" help={hasHelp ? 'Pairs with a vote each; bring your own on the Data page.' : undefined}>
          <DataSelect label="data" sets={sets} recipe={recipe} edit={edit} />
        </Knob>
        {dataHint(recipe) && <p className="quiet train-small">{dataHint(recipe)}</p>}
        {margin && <p className="quiet train-small">{margin}</p>}
        <Knob name="train" help={hasHelp ? 'All weights, or an adapter beside the frozen model (peft).' : undefined}>
          <TrainedChoice recipe={recipe} edit={edit} />
        </Knob>
        {recipe.peft && (
          <>
            <PeftFields keys={PEFT_SHOWN} peft={recipe.peft} onChange={(peft) => edit({ ...recipe, peft })} {...form} />
            <p className="quiet train-small">The score head is trained whole beside it: modules_to_save ["score"].</p>
          </>
        )}
        <ConfigForm fields={pickFields(fields, SHOWN)} value={args} onChange={change} {...form} />
        <ConfigForm
          fields={NOISE_FIELD}
          value={{ flipped_votes: recipe.data.flipped_votes ?? 0 }}
          onChange={({ flipped_votes }) =>
            edit({ ...recipe, data: { ...recipe.data, flipped_votes: flipped_votes as number } })
          }
          {...form}
        />
        {notes}
        <button type="button" className="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fewer settings' : `${Object.keys(rest).length + 2} more settings`}
        </button>
        {isOpen && (
          <>
            <Knob name="template">
              <TemplateSelect
                label="template"
                templates={templates}
                value={recipe.template}
                onChange={(template) => edit({ ...recipe, template })}
              />
            </Knob>
            <ConfigForm
              fields={SEED_FIELD}
              value={{ seed: recipe.seed }}
              onChange={({ seed }) => edit({ ...recipe, seed: seed as number })}
              {...form}
            />
            <ConfigForm fields={rest} value={args} onChange={change} {...form} />
          </>
        )}
      </fieldset>
    </Card>
  );
}

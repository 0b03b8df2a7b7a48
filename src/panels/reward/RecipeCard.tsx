// The knobs: model, votes, and a few fields in sight, the rest folded. While a run is on they are locked.
import { useState } from 'react';
import { dataHint, dataOf } from '../../labs/recipeData';
import { configOf } from '../../labs/trainerOf';
import { omitFields, pickFields } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import { studioClient } from '../../stores/client';
import { useTypedFields } from '../../stores/typedFields';
import { useLoaded } from '../../stores/useLoaded';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { FoldedSettings, RecipeFrame, RecipeNotes } from '../shared/RecipeFrame';
import { DataSelect, ModelSelect, NoiseKnob, TrainedKnob } from '../shared/RecipeKnobs';
import { PaddingNote } from './PaddingNote';
import { argsOf, marginWords } from './recipeView';
import type { Reward } from './useReward';

const SHOWN = ['learning_rate', 'per_device_train_batch_size', 'max_steps', 'center_rewards_coefficient'];

export function RecipeCard({ reward }: { reward: Reward }) {
  const { recipe, edit, isBusy, sets, bases, stored } = reward;
  const [hasHelp, setHelp] = useState(false);
  const { typed, type } = useTypedFields('reward');
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
  const notes = <RecipeNotes training={reward} />;
  return (
    <RecipeFrame
      summary={`${reward.nameOf(recipe.model.ref)} · ${sets.find(({ id }) => id === data)?.title ?? '…'} · ${String(args.max_steps)} steps`}
      folded={notes}
      isBusy={isBusy}
      hasHelp={hasHelp}
      onHelp={setHelp}
    >
      <Knob
        name="model"
        help={hasHelp ? 'What it starts from, with a new head; a reward model goes on with its own.' : undefined}
      >
        <ModelSelect bases={bases} stored={stored} recipe={recipe} edit={edit} />
      </Knob>
      <Knob name="data" help={hasHelp ? 'Pairs with a vote each; bring your own on the Data page.' : undefined}>
        <DataSelect label="data" sets={sets} recipe={recipe} edit={edit} />
      </Knob>
      {dataHint(recipe) && <p className="quiet train-small">{dataHint(recipe)}</p>}
      {margin && <p className="quiet train-small">{margin}</p>}
      <PaddingNote recipe={recipe} data={data} />
      <TrainedKnob
        recipe={recipe}
        edit={edit}
        form={form}
        beside={
          <p className="quiet train-small">The score head is trained whole beside it: modules_to_save ["score"].</p>
        }
      />
      <ConfigForm fields={pickFields(fields, SHOWN)} value={args} onChange={change} {...form} />
      <NoiseKnob recipe={recipe} edit={edit} form={form} />
      {notes}
      <FoldedSettings rest={rest} args={args} change={change} recipe={recipe} edit={edit} form={form} />
    </RecipeFrame>
  );
}

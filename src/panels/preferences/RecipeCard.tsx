// The knobs: method, model, data, reference and a few fields in sight, the rest folded. While a run is on they are locked.
import { useState } from 'react';
import { dataHint, fittingSets } from '../../labs/recipeData';
import { PREFERENCE_START } from '../../labs/recipes/preference';
import { argsOf, configOf } from '../../labs/trainerOf';
import { omitFields, pickFields } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import { RAW_BASES } from '../../stores/baseChoice';
import { withModel } from '../../stores/models';
import { useTypedFields } from '../../stores/typedFields';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { Segmented } from '../../ui/Segmented';
import { FoldedSettings, RecipeFrame, RecipeNotes } from '../shared/RecipeFrame';
import { DataSelect, ModelSelect, NoiseKnob, ReferenceSelect, TrainedKnob } from '../shared/RecipeKnobs';
import { referenceChoices } from '../shared/referenceView';
import { METHODS, methodOf, withMethod } from './methods';
import type { Preferences } from './usePreferences';

const SHOWN = [
  'loss_type',
  'beta',
  'simpo_gamma',
  'alpha',
  'learning_rate',
  'per_device_train_batch_size',
  'max_steps',
];
export function RecipeCard({ preferences }: { preferences: Preferences }) {
  const { recipe, edit, isBusy, sets, bases, stored } = preferences;
  const [hasHelp, setHelp] = useState(false);
  const { typed, type } = useTypedFields('preferences');
  const method = methodOf(recipe);
  const config = configOf(recipe);
  const fields = config.fields;
  const args = argsOf(recipe);
  const change = (part: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...part } });
  const fitting = fittingSets(recipe, sets);
  const references = referenceChoices(recipe, bases);
  const isRaw = RAW_BASES.includes(recipe.model.ref);
  const rest = omitFields(fields, [...SHOWN, 'seed']);
  const shown = pickFields(fields, SHOWN);
  const form = { typed, onType: type, hasHelp };
  const notes = (
    <>
      {isRaw && (
        <p className="warn-text train-small">
          A raw base has not learnt to answer: two unlikely answers are compared, and the format is not there yet. SFT
          comes first: train it under{' '}
          <a className="link" href="#/sft">
            SFT
          </a>
          , or{' '}
          <button
            type="button"
            className="link"
            disabled={isBusy}
            onClick={() => edit(withModel(recipe, PREFERENCE_START, undefined))}
          >
            start from micro-demos
          </button>
          .
        </p>
      )}
      <RecipeNotes training={preferences} />
    </>
  );
  return (
    <RecipeFrame
      summary={`${method.title} · ${preferences.nameOf(recipe.model.ref)} · β ${String(args.beta)} · ${String(args.max_steps)} steps`}
      folded={notes}
      isBusy={isBusy}
      hasHelp={hasHelp}
      onHelp={setHelp}
      className="pref-recipe"
      knobs="pref-knobs"
    >
      <Segmented
        label="Method"
        options={METHODS.map(({ id, title }) => ({ id, label: title }))}
        value={method.id}
        onChange={(id) => edit(withMethod(recipe, METHODS.find((one) => one.id === id)!, sets))}
      />
      <p className="quiet train-small">{method.words}</p>
      <Knob name="model" help={hasHelp ? 'What it starts from: a model that has been through SFT.' : undefined}>
        <ModelSelect bases={bases} stored={stored} recipe={recipe} edit={edit} />
      </Knob>
      <Knob name="data" help={hasHelp ? 'Pairs, or labelled answers; bring your own on the Data page.' : undefined}>
        <DataSelect label="data" sets={fitting} recipe={recipe} edit={edit} />
      </Knob>
      {dataHint(recipe) && <p className="quiet train-small">{dataHint(recipe)}</p>}
      <Knob
        name="reference"
        help={hasHelp ? 'The anchor: rewards are log-ratios to it, and drift is measured from it.' : undefined}
      >
        <ReferenceSelect references={references} none="none in this loss" recipe={recipe} edit={edit} />
      </Knob>
      <TrainedKnob recipe={recipe} edit={edit} form={form} />
      <ConfigForm fields={shown} value={args} onChange={change} {...form} />
      {notes}
      <FoldedSettings
        rest={rest}
        args={args}
        change={change}
        recipe={recipe}
        edit={edit}
        form={form}
        others={{ count: 1, fields: <NoiseKnob recipe={recipe} edit={edit} form={form} /> }}
      />
    </RecipeFrame>
  );
}

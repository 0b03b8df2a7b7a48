// The knobs: method, model, prompts, the KL brake and a few fields in sight, the rest folded. While a run is on they are locked.

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
import { DataSelect, ModelSelect, ReferenceSelect, TrainedKnob } from '../shared/RecipeKnobs';
import { referenceChoices } from '../shared/referenceView';
import { betaName, METHODS, methodOf, rolloutRows, withMethod } from './methods';
import { FORM, type Rlhf } from './useRlhf';

const SHOWN = [
  'learning_rate',
  'num_generations',
  'per_device_train_batch_size',
  'num_ppo_epochs',
  'max_completion_length',
  'max_steps',
];
const BRAKE = ['kl_target', 'kl_horizon'];
/** KL that an adaptive β is steered to unless another is typed, nats a completion: Ziegler et al. 2019 took 6 to 10. */
const FIRST_TARGET = 6;

export function RecipeCard({ rlhf }: { rlhf: Rlhf }) {
  const { recipe, edit, isBusy, sets, bases, stored } = rlhf;
  const [hasHelp, setHelp] = useState(false);
  const { typed, type } = useTypedFields(FORM);
  const method = methodOf(recipe);
  const { fields } = configOf(recipe);
  const args = argsOf(recipe);
  const beta = betaName(recipe);
  const change = (part: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...part } });
  const fitting = fittingSets(recipe, sets);
  const references = referenceChoices(recipe, bases);
  const isAdaptive = Number(args.kl_target) > 0;
  const shown = pickFields(fields, SHOWN);
  const rest = omitFields(fields, [...SHOWN, ...BRAKE, beta, 'seed']);
  const form = { typed, onType: type, hasHelp };
  const rows = rolloutRows(recipe);
  const notes = (
    <>
      {RAW_BASES.includes(recipe.model.ref) && (
        <p className="warn-text rlhf-small">
          A raw base has not learnt to answer: it can be paid for form, and hardly for content. SFT comes first: train
          it under{' '}
          <a className="link" href="#/sft">
            SFT
          </a>
          , or{' '}
          <button
            type="button"
            className="link"
            disabled={isBusy}
            onClick={() => edit({ ...withModel(method.recipe, PREFERENCE_START, undefined), seed: recipe.seed })}
          >
            take the recipe on micro-demos
          </button>
          .
        </p>
      )}
      <RecipeNotes training={rlhf} />
    </>
  );
  return (
    <RecipeFrame
      summary={`${method.title} · ${rlhf.nameOf(recipe.model.ref)} · β ${String(args[beta])} · ${String(args.max_steps)} steps`}
      folded={notes}
      isBusy={isBusy}
      hasHelp={hasHelp}
      onHelp={setHelp}
      knobs="rlhf-knobs"
    >
      <Segmented
        label="Method"
        options={METHODS.map(({ id, title }) => ({ id, label: title }))}
        value={method.id}
        onChange={(id) => edit(withMethod(recipe, METHODS.find((one) => one.id === id)!))}
      />
      <p className="quiet rlhf-small">{method.words}</p>
      <Knob name="model" help={hasHelp ? 'What it starts from: a model that has been through SFT.' : undefined}>
        <ModelSelect bases={bases} stored={stored} recipe={recipe} edit={edit} />
      </Knob>
      <Knob name="prompts" help={hasHelp ? 'Rows of which the prompt is read; answers in them are not.' : undefined}>
        <DataSelect label="prompts" sets={fitting} recipe={recipe} edit={edit} />
      </Knob>
      {dataHint(recipe) && <p className="quiet rlhf-small">{dataHint(recipe)}</p>}
      <Knob
        name="β"
        help={hasHelp ? 'Fixed, or steered after each rollout so that the KL comes to a target.' : undefined}
      >
        <Segmented
          label="β"
          options={[
            { id: 'fixed', label: 'fixed' },
            { id: 'adaptive', label: 'adaptive' },
          ]}
          value={isAdaptive ? 'adaptive' : 'fixed'}
          onChange={(which) => change({ kl_target: which === 'adaptive' ? FIRST_TARGET : 0 })}
        />
      </Knob>
      <ConfigForm
        fields={pickFields(fields, isAdaptive ? [beta, ...BRAKE] : [beta])}
        value={args}
        onChange={change}
        {...form}
      />
      <Knob name="reference" help={hasHelp ? 'The anchor that the KL is measured from.' : undefined}>
        <ReferenceSelect references={references} none="none while β is 0" recipe={recipe} edit={edit} />
      </Knob>
      <TrainedKnob recipe={recipe} edit={edit} form={form} />
      <ConfigForm fields={shown} value={args} onChange={change} {...form} />
      <p className="quiet rlhf-small">
        A rollout draws {rows} completions of {rows / Number(args.num_generations)} prompts.
      </p>
      {notes}
      <FoldedSettings rest={rest} args={args} change={change} recipe={recipe} edit={edit} form={form} />
    </RecipeFrame>
  );
}

// The knobs: few in sight, the rest folded. While a run is on, they show what it was started with.
import { useState } from 'react';
import { dataHint, dataOf, modeHint, withSet } from '../../labs/recipeData';
import { settingsOf } from '../../labs/recipeSettings';
import { type Fields, omitFields, pickFields } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import type { DatasetInfo } from '../../protocol/requests';
import { useModelName, useModelStore, useStoredModels, withModel } from '../../stores/models';
import { useTemplates } from '../../stores/templates';
import { SEED_FIELD, useTypedFields } from '../../stores/typedFields';
import { useWorkbench } from '../../stores/workbench';
import { trainers } from '../../trainers/registry';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { MemoryNote } from '../../ui/MemoryNote';
import { Segmented } from '../../ui/Segmented';
import { TemplateSelect, withOwn } from '../../ui/TemplateSelect';
import { DataSelect } from '../shared/RecipeKnobs';
import { LOSS_ON, lossOn, withLossOn } from './lossOn';
import { modelChoices } from './modelChoices';
import type { Sft } from './useSft';

/** In sight, in this order; `loss on`, the model and the seed are beside them. */
const SHOWN = ['learning_rate', 'per_device_train_batch_size', 'max_steps', 'packing'];
/** Chosen through `loss on`. */
const HIDDEN = ['assistant_only_loss', 'seed'];
const MODELS = [
  { id: 'builtin:nano', label: 'nano' },
  { id: 'builtin:micro', label: 'micro' },
] as const;
const BUILTINS = MODELS.map(({ id }) => id);

export function RecipeCard({ sft, datasets }: { sft: Sft; datasets: readonly DatasetInfo[] }) {
  const [isOpen, setOpen] = useState(false);
  const { recipe, edit, isBusy } = sft;
  const { typed, type } = useTypedFields('sft');
  const nameOf = useModelName();
  const isLoaded = useModelStore((s) => s.isLoaded);
  const stored = useStoredModels();
  const own = isLoaded ? modelChoices(stored, recipe.model.ref, BUILTINS, nameOf) : [];
  /** Template and Mask read with its tokenizer from then on. */
  const choose = (ref: string, tokenizer?: string) => {
    edit(withModel(recipe, ref, tokenizer));
    useWorkbench.getState().bringKit(tokenizer);
  };
  const templates = withOwn(useTemplates(), recipe.template);
  const [isFolded, setFolded] = useState(() => matchMedia('(max-width: 700px)').matches);
  const fields: Fields = trainers.sft.fields;
  const shown = pickFields(fields, SHOWN);
  // Under assistant_only_loss the other switch is a choice of its own: whether answers in the prompt are trained.
  const hidden = recipe.args.assistant_only_loss === true ? HIDDEN : [...HIDDEN, 'completion_only_loss'];
  const rest = omitFields(fields, [...SHOWN, ...hidden]);
  const rowType = datasets.find(({ id }) => id === dataOf(recipe))?.type;
  const lossHint = modeHint(rowType, settingsOf(recipe).mode);
  const change = (args: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...args } });
  if (isFolded)
    return (
      <Card
        title="Recipe"
        note={[
          nameOf(recipe.model.ref),
          ...SHOWN.filter((key) => key !== 'packing').map((key) => shownValue(fields, recipe.args, key)),
          `loss on ${lossOn(recipe.args)}`,
        ].join(' · ')}
        actions={
          <button type="button" className="button" onClick={() => setFolded(false)}>
            Change
          </button>
        }
        className="recipe"
      >
        <MemoryNote plan={sft.memory.value?.plan} isLoading={sft.memory.isLoading} isBusy={sft.isBusy} />
        {sft.complaints.map((complaint) => (
          <p key={complaint} className="bad-text">
            {complaint}
          </p>
        ))}
      </Card>
    );
  return (
    <Card title="Recipe" note={recipe.name} className={isOpen ? 'recipe is-open' : 'recipe'}>
      <fieldset className="knobs" disabled={isBusy}>
        <div className="knob">
          <span>model</span>
          <Segmented
            label="Base model"
            options={MODELS}
            value={recipe.model.ref as (typeof MODELS)[number]['id']}
            onChange={(ref) => choose(ref)}
          />
        </div>
        {own.length > 0 && (
          <label className="knob" title="Models that you brought on the Models page or trained here.">
            <span>or yours</span>
            <select
              className="select data-select"
              aria-label="Imported or trained model"
              value={own.some(({ ref }) => ref === recipe.model.ref) ? recipe.model.ref : ''}
              onChange={(event) => {
                const model = own.find(({ ref }) => ref === event.currentTarget.value);
                if (model) choose(model.ref, model.tokenizer);
              }}
            >
              <option value="" disabled>
                none
              </option>
              {own.map(({ ref, label }) => (
                <option key={ref} value={ref}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        <div className="knob" title="Which rows teach; bring your own on the Data page.">
          <span>data</span>
          <DataSelect
            label="data"
            className="data-select"
            sets={datasets}
            recipe={recipe}
            edit={edit}
            on={(given, info) => withSet(given, info, datasets)}
          />
        </div>
        <div className="knob" title="How conversations become strings; save your own on the Template page.">
          <span>template</span>
          <TemplateSelect
            label="template"
            templates={templates}
            value={recipe.template}
            onChange={(template) => edit({ ...recipe, template })}
          />
        </div>
        {sft.spansHint && <p className="quiet">{sft.spansHint}</p>}
        {dataHint(recipe) && <p className="quiet">{dataHint(recipe)}</p>}
        {lossHint && <p className="quiet">{lossHint}</p>}
        <ConfigForm fields={shown} value={recipe.args} onChange={change} typed={typed} onType={type} />
        <label className="knob" title="Which tokens are targets: the assistant’s, everything after the prompt, or all.">
          <span>loss on</span>
          <select
            className="select mono"
            value={lossOn(recipe.args)}
            onChange={(event) => {
              const on = LOSS_ON.find((choice) => choice === event.currentTarget.value) ?? 'assistant';
              edit({ ...recipe, args: withLossOn(recipe.args, on) });
            }}
          >
            {LOSS_ON.map((on) => (
              <option key={on}>{on}</option>
            ))}
          </select>
        </label>
        <ConfigForm
          fields={SEED_FIELD}
          value={{ seed: recipe.seed }}
          onChange={({ seed }) => edit({ ...recipe, seed: seed as number })}
          typed={typed}
          onType={type}
        />
        <MemoryNote plan={sft.memory.value?.plan} isLoading={sft.memory.isLoading} isBusy={sft.isBusy} />
        <button type="button" className="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fewer settings' : `${Object.keys(rest).length} more settings`}
        </button>
        {isOpen && <ConfigForm fields={rest} value={recipe.args} onChange={change} typed={typed} onType={type} />}
      </fieldset>
    </Card>
  );
}

/** `8 rows`, `400 steps`; a setting without a unit by its name. */
function shownValue(fields: Fields, args: { [key: string]: Json }, key: string): string {
  const field = fields[key];
  const value = String(args[key] ?? field?.default ?? '');
  return field?.unit ? `${value} ${field.unit}` : `${key} ${value}`;
}

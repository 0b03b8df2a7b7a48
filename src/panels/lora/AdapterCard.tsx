// The knobs: rank, scale, targets and base in sight, the rest folded. While a run is on they show what is edited, locked.
import { useId, useState } from 'react';
import { type Fields, fieldProblem } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import type { DatasetInfo } from '../../protocol/requests';
import { useStoredModels, withModel } from '../../stores/models';
import { useTemplates } from '../../stores/templates';
import { useTypedFields } from '../../stores/typedFields';
import { fields as adapterFields } from '../../trainers/peft/config';
import { trainers } from '../../trainers/registry';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { Segmented } from '../../ui/Segmented';
import { TemplateSelect, withOwn } from '../../ui/TemplateSelect';
import {
  adapterValues,
  NF4,
  nearestStop,
  type Peft,
  plainOpsOn,
  RANK_STOPS,
  withoutUndefined,
  withValues,
} from './adapterForm';
import { type BaseChoice, baseChoices } from './baseChoice';
import { PatternTable } from './PatternTable';
import { TargetsField } from './TargetsField';
import type { Lora } from './useLora';

const SHOWN = ['lora_alpha', 'lora_dropout', 'use_rslora', 'use_dora'];
const FOLDED = ['bias', 'lora_bias', 'init_lora_weights'];
const RUN_SHOWN = ['learning_rate', 'max_steps'];
/** Where an error of the plan is told: beside the knob that it names. */
const PLACES = ['r', 'target_modules', 'rank_pattern', 'alpha_pattern'];

const pick = (fields: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(keys.flatMap((key) => (fields[key] ? [[key, fields[key]]] : [])));

export function AdapterCard({ lora, datasets }: { lora: Lora; datasets: readonly DatasetInfo[] }) {
  const { recipe, edit, plan, backend } = lora;
  const [isOpen, setOpen] = useState(false);
  const [isFolded, setFolded] = useState(() => matchMedia('(max-width: 700px)').matches);
  const templates = withOwn(useTemplates(), recipe.template);
  const { peft } = recipe;
  const values = adapterValues(peft);
  const setPeft = (next: Peft) => edit({ ...recipe, peft: next });
  const change = (part: { [key: string]: Json }) => setPeft(withValues(peft, part));
  const changeArgs = (args: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...args } });
  const runFields: Fields = trainers.sft.fields;
  const rest = Object.fromEntries(Object.entries(runFields).filter(([key]) => !RUN_SHOWN.includes(key)));
  const where = plan.error?.where?.replace(/^peft\./, '');
  const problem = (key: string) => (where === key ? plan.error?.message : undefined);
  const stored = useStoredModels();
  const bases = baseChoices(lora.allRuns, recipe.model.ref, stored);
  const plain = backend?.backend === 'webgpu' ? plainOpsOn(values) : [];
  const { quantization } = recipe.model;
  const { typed, type } = useTypedFields('lora');
  if (isFolded)
    return (
      <Card
        title="Adapter"
        note={`${bases.find(({ ref }) => ref === recipe.model.ref)?.label} · r ${values.r} · lora_alpha ${values.lora_alpha}${quantization ? ' · NF4' : ''}`}
        actions={
          <button type="button" className="button" onClick={() => setFolded(false)}>
            Change
          </button>
        }
      >
        <Rank value={values.r} isLocked={lora.isBusy} onChange={(r) => change({ r })} problem={problem('r')} />
      </Card>
    );
  return (
    <Card title="Adapter" note="names and meaning are PEFT’s" className="lora-knobs-card">
      <fieldset className="lora-knobs" disabled={lora.isBusy}>
        <legend className="sr-only">Adapter settings</legend>
        <div className="lora-knob">
          <span>model</span>
          <BaseSelect
            bases={bases}
            value={recipe.model.ref}
            onChange={(ref) => edit(withModel(recipe, ref, stored.find(({ id }) => id === ref)?.tokenizer))}
          />
        </div>
        <label className="lora-knob" title="Which rows teach; bring your own on the Data page.">
          <span>data</span>
          <select
            className="select"
            aria-label="data"
            value={recipe.data.train.length === 1 ? recipe.data.train[0]!.ref : ''}
            onChange={(event) => {
              const info = datasets.find(({ id }) => id === event.currentTarget.value);
              if (info)
                edit({
                  ...recipe,
                  data: {
                    ...recipe.data,
                    train: [{ ref: info.id, split: 'train' }],
                    eval: 'dev' in info.splits ? [{ ref: info.id, split: 'dev' }] : [],
                  },
                });
            }}
          >
            {datasets.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Rank value={values.r} isLocked={lora.isBusy} onChange={(r) => change({ r })} problem={problem('r')} />
        <ConfigForm fields={pick(adapterFields, SHOWN)} value={values} onChange={change} typed={typed} onType={type} />
        <TargetsField
          value={peft.target_modules}
          onChange={(target_modules) => setPeft({ ...peft, target_modules })}
          problem={problem('target_modules')}
        />
        <div className="lora-knob" title="How the frozen base is kept while the adapter trains; NF4 is QLoRA.">
          <span>base</span>
          <Segmented
            label="How the base is kept"
            options={[
              { id: 'f32', label: 'f32' },
              { id: 'nf4', label: 'NF4, 4 bit' },
            ]}
            value={quantization ? 'nf4' : 'f32'}
            onChange={(kept) =>
              edit({
                ...recipe,
                model: { ref: recipe.model.ref, ...(kept === 'nf4' && { quantization: NF4(true) }) },
              })
            }
          />
        </div>
        {quantization && (
          <label className="lora-knob" title="The scales of the blocks are quantised too: about 0.4 bits less a value.">
            <span className="mono">bnb_4bit_use_double_quant</span>
            <input
              type="checkbox"
              checked={quantization.bnb_4bit_use_double_quant}
              onChange={(event) =>
                edit({
                  ...recipe,
                  model: { ref: recipe.model.ref, quantization: NF4(event.currentTarget.checked) },
                })
              }
            />
          </label>
        )}
        <ConfigForm
          fields={pick(runFields, RUN_SHOWN)}
          value={recipe.args}
          onChange={changeArgs}
          typed={typed}
          onType={type}
        />
        {plain.length > 0 && (
          <p className="warn-text lora-small">
            {plain.join(', ')}: no recorded kernel has {plain.length === 1 ? 'it' : 'them'} yet. On WebGPU this run
            takes plain tensor operations, with the same numbers and more time a step.
          </p>
        )}
        {plan.error && !PLACES.includes(where ?? '') && (
          <p className="bad-text lora-small" role="alert">
            {plan.error.message}
          </p>
        )}
        <button type="button" className="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fewer settings' : `${Object.keys(rest).length + FOLDED.length + 4} more settings`}
        </button>
        {isOpen && (
          <>
            <ConfigForm
              fields={pick(adapterFields, FOLDED)}
              value={values}
              onChange={change}
              typed={typed}
              onType={type}
            />
            {(['rank_pattern', 'alpha_pattern'] as const).map((name) => (
              <PatternTable
                key={name}
                name={name}
                value={peft[name]}
                fallback={name === 'rank_pattern' ? values.r : values.lora_alpha}
                onChange={(table) => setPeft(withoutUndefined({ ...peft, [name]: table }))}
                problem={problem(name)}
              />
            ))}
            <div className="lora-knob">
              <span>template</span>
              <TemplateSelect
                label="template"
                templates={templates}
                value={recipe.template}
                onChange={(template) => edit({ ...recipe, template })}
              />
            </div>
            <label className="lora-knob">
              <span>seed</span>
              <input
                type="number"
                className="field-input mono"
                min={0}
                step={1}
                value={recipe.seed}
                onChange={(event) => {
                  const seed = event.currentTarget.valueAsNumber;
                  if (Number.isInteger(seed) && seed >= 0) edit({ ...recipe, seed });
                }}
              />
            </label>
            <ConfigForm fields={rest} value={recipe.args} onChange={changeArgs} typed={typed} onType={type} />
          </>
        )}
      </fieldset>
    </Card>
  );
}

/** A slider over powers of two beside a number that takes any rank. */
function Rank({
  value,
  onChange,
  problem,
  isLocked,
}: {
  value: number;
  onChange: (r: number) => void;
  problem?: string;
  isLocked: boolean;
}) {
  const id = useId();
  const [typed, setTyped] = useState<string>();
  const fault = typed === undefined ? undefined : fieldProblem('r', adapterFields.r, Number(typed || Number.NaN));
  return (
    <div className="lora-rank" title={adapterFields.r.help}>
      <label className="mono lora-key" htmlFor={id}>
        r
      </label>
      <input
        type="range"
        aria-label="r, powers of two"
        min={0}
        max={RANK_STOPS.length - 1}
        value={nearestStop(value)}
        disabled={isLocked}
        aria-valuetext={`rank ${value}`}
        onChange={(event) => {
          setTyped(undefined);
          onChange(RANK_STOPS[event.currentTarget.valueAsNumber]!);
        }}
      />
      <input
        id={id}
        className="field-input mono"
        inputMode="numeric"
        value={typed ?? String(value)}
        disabled={isLocked}
        aria-invalid={fault !== undefined || problem !== undefined}
        aria-describedby={fault || problem ? `${id}-problem` : undefined}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setTyped(text);
          const r = Number(text || Number.NaN);
          if (fieldProblem('r', adapterFields.r, r) === undefined) onChange(r);
        }}
        onBlur={() => setTyped(undefined)}
      />
      {(fault ?? problem) && (
        <span id={`${id}-problem`} className="field-problem" role="alert">
          {fault ?? problem}
        </span>
      )}
    </div>
  );
}

export function BaseSelect({
  bases,
  value,
  onChange,
  label = 'model',
}: {
  bases: readonly BaseChoice[];
  value: string;
  onChange: (ref: string) => void;
  label?: string;
}) {
  return (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {bases.map(({ ref, label: text }) => (
        <option key={ref} value={ref}>
          {text}
        </option>
      ))}
    </select>
  );
}

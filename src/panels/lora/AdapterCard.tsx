// The knobs: rank, scale, targets and base in sight, the rest folded. While a run is on they show what is edited, locked.
import { useId } from 'react';
import { dataOf, modeHint, withSet } from '../../labs/recipeData';
import { settingsOf as recipeSettings } from '../../labs/recipeSettings';
import { defaults, type Fields, fieldProblem, omitFields, pickFields, typedNumber } from '../../lib/fields';
import { plural } from '../../lib/words';
import type { Json } from '../../protocol/chat';
import type { DatasetInfo } from '../../protocol/requests';
import { tokenizerOf, useStoredModels, withModel } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useWorkbench } from '../../stores/workbench';
import { fields as adapterFields } from '../../trainers/peft/config';
import { trainers } from '../../trainers/registry';
import { BaseSelect } from '../../ui/BaseSelect';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { Segmented } from '../../ui/Segmented';
import { PeftFields } from '../shared/PeftFields';
import { type Peft, peftValues } from '../shared/peftValues';
import { RecipeFrame, TEMPLATE_AND_SEED } from '../shared/RecipeFrame';
import { DataSelect } from '../shared/RecipeKnobs';
import { NF4, nearestStop, PATTERN_TABLES, rankStops, startingAt, takesPlainOps } from './adapterForm';
import { START } from './draft';
import { FOLDED, RUN_SHOWN, SHOWN } from './formProblems';
import { TargetsField } from './TargetsField';
import type { Lora } from './useLora';

/** Of the run, from where this panel starts. */
export const runFields: Fields = startingAt(trainers.sft.fields, START.args);
export const foldedRunFields: Fields = omitFields(runFields, RUN_SHOWN);
/** Patterns, template and seed are folded too. */
const FOLDED_COUNT = Object.keys(foldedRunFields).length + FOLDED.length + PATTERN_TABLES.length + TEMPLATE_AND_SEED;

export const settingsOf = (lora: Lora) => {
  const { recipe, edit } = lora;
  const setPeft = (next: Peft) => edit({ ...recipe, peft: next });
  return {
    setPeft,
    values: peftValues(recipe.peft),
    args: { ...defaults(trainers.sft.fields), ...recipe.args } as { [key: string]: Json },
    changeArgs: (args: { [key: string]: Json }) => edit({ ...recipe, args: { ...recipe.args, ...args } }),
  };
};

export function AdapterCard({
  lora,
  datasets,
  isOpen,
  onOpen,
  hasHelp,
  onHelp,
}: {
  lora: Lora;
  datasets: readonly DatasetInfo[];
  /** The folded settings are in sight (MoreSettings). */
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  /** The meaning of each setting is in sight. */
  hasHelp: boolean;
  onHelp: (hasHelp: boolean) => void;
}) {
  const { recipe, edit, backend, bases, typed, type, problems } = lora;
  const stored = useStoredModels();
  const runs = useRuns((s) => s.runs);
  const { values, setPeft, args, changeArgs } = settingsOf(lora);
  const { peft } = recipe;
  const problem = (key: string) => problems.find((one) => one.key === key)?.text;
  const isPlain = backend?.backend === 'webgpu' && takesPlainOps(values);
  const { quantization } = recipe.model;
  const rowType = datasets.find(({ id }) => id === dataOf(recipe))?.type;
  const lossHint = modeHint(rowType, recipeSettings(recipe).mode);
  const folded = problems.filter((one) => one.isFolded);
  const rank = (help?: string) => (
    <Rank
      value={values.r}
      highest={lora.plan.value?.max_rank}
      isLocked={lora.isBusy}
      onChange={(r) => setPeft({ ...peft, r })}
      typed={typed.r}
      onType={(text) => type('r', text)}
      problem={problem('r')}
      help={help}
    />
  );
  return (
    <RecipeFrame
      title="Adapter"
      note="as PEFT names them"
      summary={`${bases.find(({ ref }) => ref === recipe.model.ref)?.label} · r ${values.r} · lora_alpha ${values.lora_alpha}${quantization ? ' · NF4' : ''}`}
      folded={
        <>
          {rank()}
          <Faults texts={problems.filter(({ key }) => key !== 'r').map(({ text }) => text)} />
        </>
      }
      isBusy={lora.isBusy}
      hasHelp={hasHelp}
      onHelp={onHelp}
      className="lora-knobs-card"
    >
      {hasHelp && <p className="field-help">A name in bold is set to something else than this panel starts with.</p>}
      <Knob name="model" help={hasHelp ? 'The base, which stays as it is while the adapter learns.' : undefined}>
        <BaseSelect
          bases={bases}
          value={recipe.model.ref}
          onChange={(ref) => {
            const tokenizer = tokenizerOf(ref, stored, runs);
            edit(withModel(recipe, ref, tokenizer));
            useWorkbench.getState().bringKit(tokenizer);
          }}
        />
      </Knob>
      <Knob name="data" help={hasHelp ? 'Which rows teach; bring your own on the Data page.' : undefined}>
        <DataSelect
          label="data"
          sets={datasets}
          recipe={recipe}
          edit={edit}
          on={(given, info) => withSet(given, info, datasets)}
        />
      </Knob>
      {lora.spansHint && <p className="quiet">{lora.spansHint}</p>}
      {lossHint && <p className="quiet">{lossHint}</p>}
      {rank(hasHelp ? adapterFields.r.help : undefined)}
      <PeftFields keys={SHOWN} peft={peft} onChange={setPeft} typed={typed} onType={type} hasHelp={hasHelp} />
      <TargetsField
        value={peft.target_modules}
        onChange={(target_modules) => setPeft({ ...peft, target_modules })}
        typed={typed.target_modules}
        onType={(text) => type('target_modules', text)}
        problem={problem('target_modules')}
        help={
          hasHelp
            ? 'On which linear layers of each block an adapter sits. Attention: q, k, v, o, where the model looks. MLP: gate, up, down, what it makes of that. q, v alone is PEFT’s default.'
            : undefined
        }
      />
      <Knob
        name="base"
        help={hasHelp ? 'How the frozen base is kept while the adapter trains; NF4 is QLoRA.' : undefined}
      >
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
      </Knob>
      {quantization && (
        <Knob
          name={<span className="mono">bnb_4bit_use_double_quant</span>}
          help={hasHelp ? 'The scales of the blocks are quantised too: about 0.4 bits less a value.' : undefined}
        >
          <input
            type="checkbox"
            aria-label="bnb_4bit_use_double_quant"
            checked={quantization.bnb_4bit_use_double_quant}
            onChange={(event) =>
              edit({
                ...recipe,
                model: { ref: recipe.model.ref, quantization: NF4(event.currentTarget.checked) },
              })
            }
          />
        </Knob>
      )}
      <ConfigForm
        fields={pickFields(runFields, RUN_SHOWN)}
        value={args}
        onChange={changeArgs}
        typed={typed}
        onType={type}
        hasHelp={hasHelp}
      />
      {isPlain && (
        <p className="warn-text lora-small">
          use_dora with lora_dropout: no recorded kernel has both yet. On WebGPU this run takes plain tensor operations,
          with the same numbers and more time a step.
        </p>
      )}
      <Faults texts={problems.filter(({ key }) => key === undefined).map(({ text }) => text)} />
      {!isOpen && <Faults texts={folded.map(({ text }) => text)} />}
      <button
        type="button"
        className={folded.length > 0 && !isOpen ? 'link bad-text' : 'link'}
        aria-expanded={isOpen}
        onClick={() => onOpen(!isOpen)}
      >
        {isOpen
          ? 'Fewer settings'
          : `${FOLDED_COUNT} more settings${folded.length > 0 ? `, ${plural(folded.length, 'fault')}` : ''}`}
      </button>
    </RecipeFrame>
  );
}

/** Why the form cannot be trained, where the fault's own control is out of sight. */
function Faults({ texts }: { texts: readonly string[] }) {
  return texts.map((text) => (
    <p key={text} className="bad-text lora-small" role="alert">
      {text}
    </p>
  ));
}

/** A slider over powers of two beside a number that takes any rank. */
function Rank({
  value,
  highest,
  onChange,
  typed,
  onType,
  problem,
  isLocked,
  help,
}: {
  value: number;
  /** That the matrices take, once it is known. */
  highest?: number;
  onChange: (r: number) => void;
  typed: string | undefined;
  onType: (text: string | undefined) => void;
  problem?: string;
  isLocked: boolean;
  help?: string;
}) {
  const id = useId();
  const stops = rankStops(highest);
  return (
    <div className="lora-rank" title={adapterFields.r.help}>
      <label className="mono lora-key" htmlFor={id}>
        r
      </label>
      <input
        type="range"
        aria-label="r, powers of two"
        min={0}
        max={stops.length - 1}
        value={nearestStop(value, stops)}
        disabled={isLocked}
        aria-valuetext={`rank ${value}`}
        onChange={(event) => {
          onType(undefined);
          onChange(stops[event.currentTarget.valueAsNumber]!);
        }}
      />
      <input
        id={id}
        className="field-input mono"
        inputMode="numeric"
        value={typed ?? String(value)}
        disabled={isLocked}
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onChange={(event) => {
          const text = event.currentTarget.value;
          onType(text);
          const r = typedNumber(text);
          if (typeof r === 'number' && fieldProblem('r', adapterFields.r, r) === undefined) onChange(r);
        }}
        onBlur={() => {
          if (typed !== undefined && fieldProblem('r', adapterFields.r, typedNumber(typed)) === undefined)
            onType(undefined);
        }}
      />
      {help && <span className="field-help">{help}</span>}
      {problem && (
        <span id={`${id}-problem`} className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}

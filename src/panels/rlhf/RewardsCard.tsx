// What is paid for: rules with their settings, and reward models, each with a weight in the sum.
import { useState } from 'react';
import type { Fields } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import type { RewardSpec } from '../../protocol/recipe';
import { type RewardRuleId, rewardRules } from '../../protocol/rewardRules';
import { useTypedFields } from '../../stores/typedFields';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { functionTitles, keyOf, mixWords, rewardsOf, settingsOf } from './rewardsView';
import { FORM, fieldKey, type Rlhf, WEIGHT_FIELD } from './useRlhf';

export function RewardsCard({ rlhf }: { rlhf: Rlhf }) {
  const { recipe, edit, isBusy, rewards: choices, nameOf } = rlhf;
  const [hasHelp, setHelp] = useState(false);
  const chosen = rewardsOf(recipe);
  const put = (rewards: readonly RewardSpec[]) => edit({ ...recipe, rewards: [...rewards] });
  const free = choices.filter(({ key }) => !chosen.some((spec) => keyOf(spec) === key));
  const [isFolded, setFolded] = useState(() => matchMedia('(max-width: 700px)').matches);
  const models = free.filter(({ spec }) => spec.type === 'model');
  if (isFolded)
    return (
      <Card
        title="Rewards"
        note={mixWords(recipe, functionTitles(recipe, nameOf))}
        actions={
          <button type="button" className="button" onClick={() => setFolded(false)}>
            Change
          </button>
        }
      />
    );
  return (
    <Card
      title="Rewards"
      note="r = Σ weight · reward"
      actions={
        <button type="button" className="link" aria-pressed={hasHelp} onClick={() => setHelp(!hasHelp)}>
          {hasHelp ? 'Hide meanings' : 'Meanings'}
        </button>
      }
      className="rlhf-rewards"
    >
      <fieldset className="form-knobs" disabled={isBusy}>
        <legend className="sr-only">Rewards</legend>
        {chosen.length === 0 && <p className="bad-text rlhf-small">Nothing is paid for yet: add a rule or a model.</p>}
        {chosen.map((spec, i) => (
          <Reward
            key={keyOf(spec)}
            spec={spec}
            title={spec.type === 'rule' ? rewardRules[spec.id as RewardRuleId].title : nameOf(spec.ref)}
            hasHelp={hasHelp}
            onChange={(next) => put(chosen.with(i, next))}
            onRemove={() => put(chosen.filter((_, j) => j !== i))}
          />
        ))}
        {free.length > 0 && (
          <select
            className="select rlhf-add"
            aria-label="Add a reward"
            value=""
            onChange={(event) => {
              const choice = free.find(({ key }) => key === event.currentTarget.value);
              if (choice) put([...chosen, choice.spec]);
            }}
          >
            <option value="" disabled>
              + add a reward
            </option>
            <optgroup label="Rules">
              {free
                .filter(({ spec }) => spec.type === 'rule')
                .map(({ key, label }) => (
                  <option key={key} value={key}>
                    {label}
                  </option>
                ))}
            </optgroup>
            {models.length > 0 && (
              <optgroup label="Reward models">
                {models.map(({ key, label }) => (
                  <option key={key} value={key}>
                    {label}
                  </option>
                ))}
              </optgroup>
            )}
          </select>
        )}
        {!choices.some(({ spec }) => spec.type === 'model') && (
          <p className="quiet rlhf-small">
            A reward model is offered here once a run of the trainer reward has left one: it learns from the pairs of{' '}
            <a className="link" href="#/annotate">
              Annotate
            </a>{' '}
            or of the world.
          </p>
        )}
      </fieldset>
    </Card>
  );
}

function Reward({
  spec,
  title,
  hasHelp,
  onChange,
  onRemove,
}: {
  spec: RewardSpec;
  title: string;
  hasHelp: boolean;
  onChange: (spec: RewardSpec) => void;
  onRemove: () => void;
}) {
  const { typed, type } = useTypedFields(FORM);
  const rule = spec.type === 'rule' ? rewardRules[spec.id as RewardRuleId] : undefined;
  const owner = spec.type === 'rule' ? spec.id : spec.ref;
  // Fields are called as their rule calls them; what is typed is kept under names that no other reward has.
  const own = (keys: readonly string[]) =>
    Object.fromEntries(keys.flatMap((key) => (typed[fieldKey(owner, key)] === undefined ? [] : [[key, typed[fieldKey(owner, key)]!]]))); // biome-ignore format: one table
  const fields: Fields = rule?.fields ?? {};
  const form = {
    hasHelp,
    onType: (key: string, text: string | undefined) => type(fieldKey(owner, key), text),
  };
  return (
    <section className="rlhf-reward" aria-label={title}>
      <p className="rlhf-reward-head">
        <b>{title}</b> <span className="mono quiet">{spec.type === 'rule' ? spec.id : 'reward model'}</span>
        <button type="button" className="icon-button" aria-label={`Take out ${title}`} onClick={onRemove}>
          ×
        </button>
      </p>
      {hasHelp && (
        <p className="quiet rlhf-small">
          {rule
            ? rule.meaning.replaceAll('`', '')
            : 'The score that the model gives prompt and completion, token by token as they were drawn.'}
        </p>
      )}
      <ConfigForm
        fields={WEIGHT_FIELD}
        value={{ weight: spec.weight ?? 1 }}
        onChange={({ weight }) => onChange({ ...spec, weight: weight as number })}
        typed={own(['weight'])}
        {...form}
      />
      {spec.type === 'rule' && Object.keys(fields).length > 0 && (
        <ConfigForm
          fields={fields}
          value={settingsOf(spec)}
          onChange={(part: { [key: string]: Json }) => onChange({ ...spec, args: { ...spec.args, ...part } })}
          typed={own(Object.keys(fields))}
          {...form}
        />
      )}
    </section>
  );
}

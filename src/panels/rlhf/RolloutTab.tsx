// A rollout opened: completions of one prompt with what each was paid, its KL, and its advantage taken apart.
import { useState } from 'react';
import { argsOf } from '../../labs/trainerOf';
import { number, plural, setting, signed } from '../../lib/words';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { RowStepper } from '../../ui/RowStepper';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import { TokenStrip } from '../../ui/TokenStrip';
import { type DrawnGroups, drawGroup, type ShownGroup } from './drawing';
import { methodOf } from './methods';
import { functionTitles } from './rewardsView';
import {
  advantageAt,
  gaeTokens,
  klOf,
  largestAdvantage,
  leaveOneOut,
  leaveOneOutFormula,
  logRatio,
  ROLLOUT_HEATS,
  type RolloutHeat,
  rolloutHeat,
} from './rolloutView';
import type { Rlhf } from './useRlhf';

const SIZES = ['2', '4', '8'] as const;
const HEAT_WORDS: Record<RolloutHeat, string> = {
  advantage: 'Green: training makes the token likelier. Orange: less likely.',
  'log π − log π_ref': 'Green: likelier than under the reference. Orange: less likely.',
  '−log π': 'Orange: the policy itself was surprised by it.',
};

export function RolloutTab({ rlhf, drawn }: { rlhf: Rlhf; drawn: DrawnGroups }) {
  const { run, recipe } = rlhf;
  const states = [
    ...(run && (run.checkpoints.length > 0 || run.status === 'running' || run.status === 'paused')
      ? [{ id: run.id, label: run.name }]
      : []),
    { id: '', label: 'as a run would begin' },
  ];
  const [wanted, setState] = useState<string>();
  const state = states.find(({ id }) => id === wanted) ?? states[0]!;
  const [size, setSize] = useState<(typeof SIZES)[number]>('4');
  const [index, setIndex] = useState(0);
  const [seed, setSeed] = useState(1);
  const isOfRun = state.id !== '' && run !== undefined;
  const shown = isOfRun ? run.recipe : recipe;
  const draw = (at: number, dice: number) => {
    setIndex(at);
    setSeed(dice);
    drawn.ask((signal) =>
      drawGroup(
        {
          recipe: shown,
          ...(isOfRun && { runId: run.id }),
          ...{ index: at, completions: Number(size), seed: dice },
          of: isOfRun ? run.name : `${methodOf(shown).title} on ${rlhf.nameOf(shown.model.ref)}, before training`,
        },
        signal,
      ),
    );
  };
  const total = drawn.value?.group.prompts ?? shown.data.rows ?? 1;
  const blocked = isOfRun ? undefined : rlhf.complaints[0];
  return (
    <>
      <Card
        title="Draw a group"
        note="one prompt, as a rollout has it: same sampler, rewards, reference and advantages"
        className="rlhf-draw"
        actions={
          drawn.isAsking ? (
            <button type="button" className="button" onClick={drawn.cancel}>
              Cancel
            </button>
          ) : (
            <button
              type="button"
              className="button primary"
              disabled={blocked !== undefined}
              title={blocked}
              onClick={() => draw(index, drawn.value ? seed + 1 : seed)}
            >
              {drawn.value ? 'Draw again' : 'Draw'}
            </button>
          )
        }
      >
        <div className="rlhf-picker">
          <label className="inline-field">
            <span>weights</span>
            <select
              className="select"
              aria-label="Weights"
              value={state.id}
              onChange={(event) => setState(event.currentTarget.value)}
            >
              {states.map(({ id, label }) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <RowStepper index={index} total={total} what="prompt" onGo={setIndex} />
          <Segmented label="Completions" options={SIZES} value={size} onChange={setSize} />
          <span className="quiet">completions, seed {seed}</span>
        </div>
        {blocked && <p className="bad-text rlhf-small">{blocked}</p>}
        <Fault text={drawn.error} />
        {drawn.isAsking && (
          <p className="quiet" role="status">
            The recipe’s rows and models are read where they are not at hand yet; then the group is drawn, scored and
            read under the reference …
          </p>
        )}
        {!drawn.value && !drawn.isAsking && !drawn.error && (
          <p className="quiet rlhf-lead">
            A draw shows what the method sees: each completion with its rewards by function, its KL from the reference,
            and the advantage that its tokens are weighed by. Nothing is trained by looking.
          </p>
        )}
      </Card>
      {drawn.value && (
        <Group
          key={drawn.value.group.rows.map(({ ids }) => ids.join()).join(';')}
          shown={drawn.value}
          titles={functionTitles(drawn.value.recipe, rlhf.nameOf)}
        />
      )}
    </>
  );
}

function Group({ shown: { group, recipe, of }, titles }: { shown: ShownGroup; titles: Record<string, string> }) {
  const [mode, setMode] = useState<RolloutHeat>('advantage');
  const [chosen, setChosen] = useState(0);
  const args = argsOf(recipe);
  const isRloo = recipe.trainer === 'rloo';
  const parts = leaveOneOut(group, (args.reward_clip_range as number[] | undefined) ?? []);
  return (
    <>
      <Card
        title="Group"
        note={`${of}${group.step > 0 ? `, step ${group.step}` : ''}: row ${group.index} of ${group.prompts} prompts, β ${setting(group.klCoef)}`}
        className="rlhf-group"
      >
        <details className="rlhf-prompt">
          <summary>The prompt, as the model reads it</summary>
          <code>{group.prompt}</code>
        </details>
        <Scroll label="Completions with rewards and advantages">
          <table className="data-table flow-table">
            <thead>
              <tr>
                <th>completion</th>
                <th className="n">tokens</th>
                {group.functions.map(({ name, weight }) => (
                  <th key={name} className="n" title={titles[name]}>
                    {weight === 1 ? '' : `${weight} · `}
                    {titles[name] ?? name}
                  </th>
                ))}
                <th className="n">r</th>
                <th className="n">KL</th>
                <th className="n">r − β·KL</th>
                {isRloo && <th className="n">mean of the others</th>}
                <th className="n">{isRloo ? 'advantage' : 'mean advantage'}</th>
              </tr>
            </thead>
            <tbody>
              {group.rows.map((one, i) => {
                const advantages = [one.isMasked ? 0 : one.advantages].flat();
                const mean = advantages.reduce((a, b) => a + b, 0) / advantages.length;
                return (
                  // biome-ignore lint/suspicious/noArrayIndexKey: completions have no other name
                  <tr key={i} className={i === chosen ? 'on' : undefined}>
                    <td data-label="completion">
                      <button type="button" className="link" aria-pressed={i === chosen} onClick={() => setChosen(i)}>
                        {i + 1}
                      </button>
                    </td>
                    <td data-label="tokens" className="n">
                      {one.ids.length}
                      {one.terminated ? '' : one.isMasked ? ', cut, masked' : ', cut'}
                    </td>
                    {one.rewards.map((reward, j) => (
                      <td
                        key={group.functions[j]!.name}
                        data-label={titles[group.functions[j]!.name] ?? group.functions[j]!.name}
                        className="n"
                      >
                        {reward === null ? 'does not apply' : number(reward)}
                      </td>
                    ))}
                    <td data-label="r" className="n">
                      {one.score === null ? '–' : number(one.score)}
                    </td>
                    <td data-label="KL" className="n">
                      {number(klOf(one, group.klEstimator))}
                      {one.isMasked && ', not taken'}
                    </td>
                    <td data-label="r − β·KL" className="n">
                      {parts[i]!.final === null ? '–' : number(parts[i]!.final!)}
                    </td>
                    {isRloo && (
                      <td data-label="mean of the others" className="n">
                        {parts[i]!.baseline === undefined ? '–' : number(parts[i]!.baseline!)}
                      </td>
                    )}
                    <td
                      data-label={isRloo ? 'advantage' : 'mean advantage'}
                      className={`n ${mean > 0 ? 'ok-text' : mean < 0 ? 'bad-text' : ''}`}
                    >
                      {signed(mean)}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Scroll>
        <Explained group={group} recipe={recipe} chosen={chosen} parts={parts} />
      </Card>
      <div className="rlhf-colours">
        <Segmented label="Colour tokens by" options={ROLLOUT_HEATS} value={mode} onChange={setMode} />
        <span className="quiet">{HEAT_WORDS[mode]}</span>
      </div>
      <div className="rlhf-completions">
        {group.rows.map((_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: completions have no other name
          <Completion key={i} group={group} recipe={recipe} index={i} mode={mode} isChosen={i === chosen} />
        ))}
      </div>
    </>
  );
}

function Explained({
  group,
  recipe,
  chosen,
  parts,
}: {
  group: ShownGroup['group'];
  recipe: ShownGroup['recipe'];
  chosen: number;
  parts: ReturnType<typeof leaveOneOut>;
}) {
  const args = argsOf(recipe);
  const part = parts[chosen]!;
  const { score, kl, final } = part;
  if (score === null || final === null)
    return (
      <p className="quiet rlhf-small">
        No reward function applies to completion {chosen + 1}: it gets no advantage, and stays out of the others’ mean.
      </p>
    );
  const penalised = `r − β · KL = ${number(score)} − ${setting(group.klCoef)} · ${kl < 0 ? `(${number(kl)})` : number(kl)} = ${number(final)}`;
  if (recipe.trainer === 'rloo') {
    const formula = leaveOneOutFormula(part);
    const { advantages, isMasked } = group.rows[chosen]!;
    const given = advantages as number;
    const isChanged = part.advantage !== undefined && Math.abs(given - part.advantage) > 1e-4;
    return (
      <div className="rlhf-formulas">
        <p className="mono">{penalised}</p>
        {formula && (
          <p className="mono">
            <span className="quiet">A = own − mean of the others =</span> {formula}
          </p>
        )}
        <p className="quiet rlhf-small">
          {isMasked
            ? 'It was cut off, so mask_truncated_completions trains on none of its tokens: its A is set to 0, and no KL is taken from it. Its r counts in the mean of the others.'
            : isChanged
              ? `The run weighs it by ${signed(given)}, because normalize_advantages shifts and scales the rollout.`
              : 'The baseline is of the other completions alone, so it does not depend on this one, and the gradient stays right on average. Every token of the completion is weighed by this one number.'}
        </p>
      </div>
    );
  }
  if (recipe.trainer === 'ppo')
    return (
      <div className="rlhf-formulas">
        <p className="mono">{penalised}</p>
        <p className="quiet rlhf-small">
          PPO takes β · KL from each token and adds r behind the last. Advantages are GAE (γ {String(args.gamma)}, λ{' '}
          {String(args.lam)}) on the values of the value model, then shifted and scaled to mean 0 and deviation 1: here
          over this group, in a run over its whole rollout. Choose a token below to see it taken apart.
        </p>
      </div>
    );
  return (
    <div className="rlhf-formulas">
      <p className="mono">{penalised}</p>
      <p className="quiet rlhf-small">
        REINFORCE weighs a token by its return: r, less β · KL of the tokens from it on (γ {String(args.gamma)}).{' '}
        {args.baseline === 'batch'
          ? 'Their mean is taken off: here that of this group, in a run that of its whole rollout.'
          : 'Nothing is taken off: right on average, and noisy.'}
      </p>
    </div>
  );
}

function Completion({
  group,
  recipe,
  index,
  mode,
  isChosen,
}: {
  group: ShownGroup['group'];
  recipe: ShownGroup['recipe'];
  index: number;
  mode: RolloutHeat;
  isChosen: boolean;
}) {
  const row = group.rows[index]!;
  const texts = group.tokens[index]!;
  const [token, setToken] = useState(0);
  const args = argsOf(recipe);
  const largest = largestAdvantage(group);
  const tokens = texts.map((text, t) => ({ text, ...rolloutHeat(mode, row, t, largest) }));
  const gae = gaeTokens(row, group, {
    gamma: Number(args.gamma ?? 1),
    T: Number(args.max_completion_length),
    penalty: Number(args.missing_eos_penalty ?? 0),
  });
  const d = logRatio(row, token);
  const at = gae?.[token];
  const isEnd = token === row.ids.length - 1;
  return (
    <Card
      title={`Completion ${index + 1}`}
      note={`r ${row.score === null ? '–' : number(row.score)} · KL ${number(klOf(row, group.klEstimator))} nats · ${plural(row.ids.length, 'token')}, ${row.terminated ? 'ended by itself' : 'cut off'}`}
      className={`rlhf-completion${isChosen ? ' is-on' : ''}`}
    >
      <TokenStrip
        tokens={tokens}
        selected={token}
        onSelect={setToken}
        label={`Completion ${index + 1} coloured by ${mode}`}
      />
      <div className="rlhf-token">
        <p className="mono">
          {JSON.stringify(texts[token])}: log π {number(row.logps[token]!)}
          {d !== undefined && `, log π_ref ${number(row.refLogps![token]!)}, d ${signed(d)}`}; advantage{' '}
          {signed(advantageAt(row, token))}
          {row.isMasked && ', masked'}
        </p>
        {at && (
          <p className="mono">
            δ = {number(at.reward)} + {String(args.gamma)} · {number(at.nextValue)} −{' '}
            {at.value < 0 ? `(${number(at.value)})` : number(at.value)} = {signed(at.delta)}{' '}
            <span className="quiet">(reward + γ · V of the next − V)</span>; A = {signed(at.raw)}, return ={' '}
            {number(at.return)}; shifted and scaled {signed(at.advantage)}
            {args.whiten_rewards === true && <span className="quiet">; whiten_rewards scales the rewards first</span>}
            {isEnd && row.ids.length < Number(args.max_completion_length) && (
              <span className="quiet">; r = {number(row.score!)} is counted at the place after it</span>
            )}
          </p>
        )}
      </div>
    </Card>
  );
}

// One pair opened: its two answers token by token under policy and reference, what each adds to Δ, and the loss with its numbers.
import { useCallback, useState } from 'react';
import { argsOf } from '../../labs/trainerOf';
import { number, signed } from '../../lib/words';
import { ktoLosses, pullOfRow } from '../../protocol/ktoLosses';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo, RowReading, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import type { ModelState } from '../../stores/modelStates';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Fault } from '../../ui/Fault';
import { RowStepper } from '../../ui/RowStepper';
import { Segmented } from '../../ui/Segmented';
import { StateSelect } from '../../ui/StateSelect';
import { directionWords, formulaLines, type LossOption, lossArgs, lossesOf, pairUnder, sftTerm } from './lossView';
import {
  type AddsUpTo,
  deltaLine,
  PAIR_HEATS,
  type PairHeat,
  pairHeat,
  pairOf,
  SIDES,
  type Side,
  type SideSums,
  sumsOf,
  sumWords,
  tellingToken,
  tokenWords,
} from './pairView';
import { type EncodedSide, encodeAnswers, readAnswers } from './readPairs';

export interface PairPlace {
  datasetId: string;
  split: string;
  index: number;
}
export function PairBox({
  recipe,
  states,
  reference,
  sets,
  settings,
  place,
  onPlace,
  z,
}: {
  recipe: Recipe;
  /** Newest first: the live model, then checkpoints, then the start. */
  states: readonly ModelState[];
  reference: { ref: string; isInLoss: boolean };
  /** With pairs. */
  sets: readonly DatasetInfo[];
  settings: TemplateSettings;
  place: PairPlace;
  onPlace: (place: PairPlace) => void;
  /** KTO's point of reference as it was logged last. */
  z: number;
}) {
  const [mode, setMode] = useState<PairHeat>('adds to Δ');
  const [stateRef, setStateRef] = useState<string>();
  const state = states.find(({ ref }) => ref === stateRef) ?? states[0]!;
  const restarts = useSession((s) => s.restarts);
  const set = sets.find(({ id }) => id === place.datasetId) ?? sets[0];
  const splits = Object.keys(set?.splits ?? {});
  const pairKey = set && JSON.stringify([set.id, place.split, place.index, settings]);
  const pair = useLoaded(pairKey, async (signal) => {
    const page = { datasetId: set!.id, split: place.split, offset: place.index, limit: 1 };
    const { rows, total } = await studioClient().text.request('rows', page, { signal });
    return { key: pairKey!, total, encoded: rows[0] && (await encodeAnswers(rows[0], settings, signal)) };
  });
  const encoded = pair.value?.key === pairKey ? pair.value?.encoded : undefined;
  const total = pair.value?.total ?? 0;
  const read = async (ref: string, signal: AbortSignal) => {
    return { pair: encoded!, ...(await readAnswers(ref, encoded!, signal)) };
  };
  const now = useLoaded(
    encoded && `${pairKey} ${state.ref} ${state.version} ${restarts}`,
    (signal) => read(state.ref, signal),
    60,
  );
  const before = useLoaded(encoded && `${pairKey} ${reference.ref} ${restarts}`, (signal) =>
    read(reference.ref, signal),
  );
  // What stayed while the next is loading counts only if it is of the same pair.
  const policySides = now.error === undefined && now.value?.pair === encoded ? now.value?.sides : undefined;
  const referenceSides = before.error === undefined && before.value?.pair === encoded ? before.value?.sides : undefined;
  const hasRead = policySides !== undefined && referenceSides !== undefined;
  const answers = SIDES.flatMap((side): Answer[] => {
    const own = encoded?.[side];
    const [policy, under] = [policySides?.[side], referenceSides?.[side]];
    return own ? [{ side, ...own, ...(policy && under && { readings: { policy, reference: under } }) }] : [];
  });
  const isLabelled = set?.type === 'unpaired-preference';
  const fault = pair.error ?? now.error ?? before.error;
  return (
    <Card
      title={isLabelled ? 'Glass box of a labelled answer' : 'Glass box of a pair'}
      note={`${state.label}${now.value?.step === undefined ? '' : `, read at step ${now.value.step}`} beside ${reference.isInLoss ? 'the reference' : 'its start (no reference in this loss)'}`}
      actions={
        <>
          <StateSelect states={states} value={state.ref} onChange={setStateRef} />
          <Segmented
            label="Colour tokens by"
            options={PAIR_HEATS.map((id) => ({ id, label: isLabelled ? id.replace('Δ', 'log π∕π_ref') : id }))}
            value={mode}
            onChange={setMode}
          />
        </>
      }
      className="pref-box"
    >
      <div className="pref-picker">
        <select
          className="select"
          aria-label="Set of the pair"
          value={set?.id}
          onChange={(event) => onPlace({ datasetId: event.currentTarget.value, split: 'train', index: 0 })}
        >
          {sets.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
        <Segmented
          label="Split"
          options={splits}
          value={place.split}
          onChange={(split) => onPlace({ ...place, split, index: 0 })}
        />
        <RowStepper
          index={place.index}
          total={total}
          what={isLabelled ? 'answer' : 'pair'}
          onGo={(index) => onPlace({ ...place, index })}
        />
        {recipe.data.flipped_votes ? (
          <span className="quiet">
            Votes are shown as the set has them; training turns {Math.round(100 * recipe.data.flipped_votes)} % round.
          </span>
        ) : null}
      </div>
      {fault ? (
        <Fault text={fault.message} />
      ) : !encoded ? (
        pair.isLoading ? (
          <div className="skeleton-block" aria-hidden="true" />
        ) : (
          <p className="quiet">There is no row in this split.</p>
        )
      ) : (
        <>
          <div className={`pref-sides${isLabelled ? ' is-one' : ''}`} aria-busy={now.isLoading || before.isLoading}>
            {answers.map((answer) => (
              <SideStrip key={`${pairKey} ${answer.side}`} answer={answer} isLabelled={isLabelled} mode={mode} />
            ))}
          </div>
          {hasRead ? (
            <Numbers recipe={recipe} answers={answers} z={z} />
          ) : (
            <p className="quiet pref-numbers">The models are reading …</p>
          )}
        </>
      )}
    </Card>
  );
}

interface Answer extends EncodedSide {
  side: Side;
  /** Once both models have read it. */
  readings?: { policy: RowReading; reference: RowReading };
}

function SideStrip({
  answer: { side, encoded, tokens, readings },
  isLabelled,
  mode,
}: {
  answer: Answer;
  isLabelled: boolean;
  mode: PairHeat;
}) {
  const name = isLabelled ? (side === 'chosen' ? 'good' : 'bad') : side;
  const [chosen, setChosen] = useState<number>();
  // Alone, an answer has no side to be taken from the other.
  const [sign, total]: [Side, AddsUpTo] = isLabelled ? ['chosen', 'log π∕π_ref'] : [side, 'Δ'];
  const heat = useCallback(
    (t: number) => pairHeat(mode, sign, readings!.policy, readings!.reference, t, total),
    [mode, sign, total, readings],
  );
  const token = chosen ?? (readings ? Math.max(0, tellingToken(side, encoded, readings.policy, readings.reference)) : 0); // biome-ignore format: one choice
  const sums = readings && sumsOf(encoded, readings.policy, readings.reference);
  // The prompt is the same on both sides and in no loss: the answer is what is compared.
  // One token of the prompt stands before it, since a strip takes its first token for one that nothing predicts.
  const from = Math.max(0, encoded.mask.findIndex((m, t) => t > 0 && m === 1) - 1);
  const shown = answerOf(encoded, from);
  return (
    <section className="pref-side" aria-label={name}>
      <p className="pref-side-head">
        <b>{name}</b> <span className="quiet">{sums ? sumWords(sums) : ''}</span>
      </p>
      <div className="pref-strip">
        <EncodedStrip
          row={shown}
          tokens={tokens.slice(from)}
          selected={token - from}
          onSelect={(t) => setChosen(t + from)}
          label={`${name} answer coloured by ${mode.replace('Δ', total)}`}
          heat={readings && ((t) => heat(t + from))}
        />
      </div>
      <p className="quiet train-small pref-token">
        {readings && tokenWords(sign, encoded, readings.policy, readings.reference, token, total)}
      </p>
    </section>
  );
}
/** What a strip reads of the row, from a token on. */
function answerOf(row: EncodedSide['encoded'], from: number) {
  const { ids, mask, role, origin } = row;
  return { ...row, ids: ids.slice(from), mask: mask.slice(from), role: role.slice(from), origin: origin.slice(from) };
}

function Numbers({ recipe, answers, z }: { recipe: Recipe; answers: readonly Answer[]; z: number }) {
  const sums: Partial<Record<Side, SideSums>> = Object.fromEntries(
    answers.map(({ side, encoded, readings }) => [side, sumsOf(encoded, readings!.policy, readings!.reference)]),
  ); // biome-ignore format: one table
  const { chosen, rejected } = sums;
  return (
    <div className="pref-numbers">
      {chosen && rejected && <PairNumbers recipe={recipe} sides={[chosen, rejected]} />}
      {recipe.trainer === 'kto' && <KtoOfAnswers recipe={recipe} sums={sums} z={z} />}
    </div>
  );
}

function PairNumbers({ recipe, sides }: { recipe: Recipe; sides: [SideSums, SideSums] }) {
  const { delta, refDelta, difference } = deltaLine(...sides);
  return (
    <>
      <div className="pref-formulas mono">
        <p>
          Δ = {delta} · Δ_ref = {refDelta} · Δ − Δ_ref = <b>{difference}</b>
        </p>
      </div>
      {lossesOf(recipe).map((option) => (
        <LossOfPair key={option.id} option={option} recipe={recipe} sides={sides} />
      ))}
      <SftOfPair recipe={recipe} sides={sides} />
    </>
  );
}

function LossOfPair({ option, recipe, sides }: { option: LossOption; recipe: Recipe; sides: [SideSums, SideSums] }) {
  const pair = pairOf(...sides);
  const args = lossArgs(recipe, option);
  const under = pairUnder(option, pair, args);
  return (
    <div className="pref-formulas">
      <p className="quiet">
        {option.label}: {option.loss.meaning}
      </p>
      {formulaLines(option, pair, args).map(({ formula, numbers }) => (
        <p key={formula} className="mono">
          <span className="quiet">{formula}</span>
          <br />
          {numbers}
        </p>
      ))}
      <p>
        {under.weight !== undefined && (
          <>
            Weight −dL∕dm = <b className="mono">{number(under.weight)}</b>
            {option.id === 'dpo/sigmoid' && ', which is σ(−m): a pair that is decided pulls less'}.{' '}
          </>
        )}
        ∂L∕∂log π: chosen <span className="mono">{signed(under.chosen)}</span>, rejected{' '}
        <span className="mono">{signed(under.rejected)}</span>; a step moves {directionWords(under)}.
      </p>
    </div>
  );
}

/** The NLL of the chosen answer, where the loss adds it up with another: what holds the chosen answer up. */
function SftOfPair({ recipe, sides: [chosen] }: { recipe: Recipe; sides: [SideSums, SideSums] }) {
  const term = sftTerm(recipe, chosen);
  if (!term) return null;
  return (
    <div className="pref-formulas">
      <p className="quiet">
        DPO sft: the mean −log π of the chosen answer’s tokens, so that it is learnt and not only preferred.
      </p>
      <p className="mono">
        <span className="quiet">{term.formula}</span>
        <br />
        {term.numbers}
      </p>
      <p>
        ∂L∕∂log π: chosen <span className="mono">{signed(term.chosen)}</span>; a step moves chosen ↑.
      </p>
    </div>
  );
}

function KtoOfAnswers({ recipe, sums, z }: { recipe: Recipe; sums: Partial<Record<Side, SideSums>>; z: number }) {
  const args = argsOf(recipe);
  const loss = ktoLosses[args.loss_type as keyof typeof ktoLosses];
  const settings = {
    beta: Number(args.beta),
    desirable_weight: Number(args.desirable_weight),
    undesirable_weight: Number(args.undesirable_weight),
  };
  return (
    <div className="pref-formulas">
      <p className="quiet">
        {sums.chosen && sums.rejected
          ? 'KTO takes each answer alone, the chosen one as good and the rejected one as bad.'
          : 'KTO takes each answer alone, by its label.'}{' '}
        {loss.meaning} z = {number(z)} nats, as logged last.
      </p>
      {SIDES.map((side) => {
        const own = sums[side];
        if (!own) return null;
        const isGood = side === 'chosen';
        const logRatio = own.logps - own.refLogps;
        const { loss: value, slope } = pullOfRow(loss, { logRatio, label: isGood, z }, settings);
        return (
          <p key={side} className="mono">
            <span className="quiet">{isGood ? loss.formulas.desirable : loss.formulas.undesirable}</span>
            <br />
            {`${isGood ? 'good' : 'bad'}: r = ${settings.beta} · ${signed(logRatio)} = ${number(settings.beta * logRatio)}; loss = ${number(value)}; ∂L∕∂log π = ${signed(slope)}`}
          </p>
        );
      })}
    </div>
  );
}

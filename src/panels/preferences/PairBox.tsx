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
import { directionWords, formulaLines, type LossOption, lossArgs, lossesOf, pairUnder } from './lossView';
import {
  deltaLine,
  PAIR_HEATS,
  type PairHeat,
  pairHeat,
  pairOf,
  rowToRead,
  SIDES,
  type Side,
  type SideSums,
  sumsOf,
  sumWords,
  tellingToken,
  tokenWords,
} from './pairView';
import { type EncodedPair, encodePair, readUnder } from './readPairs';

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
    return { key: pairKey!, total, encoded: rows[0] && (await encodePair(rows[0], settings, signal)) };
  });
  const encoded = pair.value?.key === pairKey ? pair.value?.encoded : undefined;
  const total = pair.value?.total ?? 0;
  const read = async (ref: string, signal: AbortSignal) => {
    const { sides, step } = await readUnder(ref, [encoded!], signal);
    return { pair: encoded!, sides: sides[0]!, step };
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
  const readings = encoded && policySides && referenceSides && { policy: policySides, reference: referenceSides };
  const fault = pair.error ?? now.error ?? before.error;
  return (
    <Card
      title="Glass box of a pair"
      note={`${state.label}${now.value?.step === undefined ? '' : `, read at step ${now.value.step}`} beside ${reference.isInLoss ? 'the reference' : 'its start (no reference in this loss)'}`}
      actions={
        <>
          <StateSelect states={states} value={state.ref} onChange={setStateRef} />
          <Segmented label="Colour tokens by" options={PAIR_HEATS} value={mode} onChange={setMode} />
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
        <RowStepper index={place.index} total={total} what="pair" onGo={(index) => onPlace({ ...place, index })} />
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
          <p className="quiet">There is no pair in this set.</p>
        )
      ) : (
        <>
          <div className="pref-sides" aria-busy={now.isLoading || before.isLoading}>
            {SIDES.map((side) => (
              <SideStrip key={`${pairKey} ${side}`} side={side} pair={encoded} readings={readings} mode={mode} />
            ))}
          </div>
          {readings ? (
            <PairNumbers recipe={recipe} pair={encoded} readings={readings} z={z} />
          ) : (
            <p className="quiet pref-numbers">The models are reading the pair …</p>
          )}
        </>
      )}
    </Card>
  );
}

interface Readings {
  policy: Record<Side, RowReading>;
  reference: Record<Side, RowReading>;
}

function SideStrip({
  side,
  pair,
  readings,
  mode,
}: {
  side: Side;
  pair: EncodedPair;
  readings: Readings | undefined;
  mode: PairHeat;
}) {
  const { encoded, tokens } = pair.sides[side];
  const [chosen, setChosen] = useState<number>();
  const row = rowToRead(encoded);
  const heat = useCallback(
    (t: number) => pairHeat(mode, side, readings!.policy[side], readings!.reference[side], t),
    [mode, side, readings],
  );
  const token = chosen ?? (readings ? Math.max(0, tellingToken(side, row, readings.policy[side], readings.reference[side])) : 0); // biome-ignore format: one choice
  const sums = readings && sumsOf(row, readings.policy[side], readings.reference[side]);
  // The prompt is the same on both sides and in no loss: the answer is what is compared.
  // One token of the prompt stands before it, since a strip takes its first token for one that nothing predicts.
  const from = Math.max(0, encoded.mask.findIndex((m, t) => t > 0 && m === 1) - 1);
  const answer = answerOf(encoded, from);
  return (
    <section className="pref-side" aria-label={side}>
      <p className="pref-side-head">
        <b>{side}</b> <span className="quiet">{sums ? sumWords(sums) : ''}</span>
      </p>
      <div className="pref-strip">
        <EncodedStrip
          row={answer}
          tokens={tokens.slice(from)}
          selected={token - from}
          onSelect={(t) => setChosen(t + from)}
          label={`${side} answer coloured by ${mode}`}
          heat={readings && ((t) => heat(t + from))}
        />
      </div>
      <p className="quiet train-small pref-token">
        {readings && tokenWords(side, row, readings.policy[side], readings.reference[side], token)}
      </p>
    </section>
  );
}
/** What a strip reads of the row, from a token on. */
function answerOf(row: EncodedPair['sides']['chosen']['encoded'], from: number) {
  const { ids, mask, role, origin } = row;
  return { ...row, ids: ids.slice(from), mask: mask.slice(from), role: role.slice(from), origin: origin.slice(from) };
}

function PairNumbers({
  recipe,
  pair,
  readings,
  z,
}: {
  recipe: Recipe;
  pair: EncodedPair;
  readings: Readings;
  z: number;
}) {
  const [chosen, rejected] = SIDES.map((side) =>
    sumsOf(rowToRead(pair.sides[side].encoded), readings.policy[side], readings.reference[side]),
  ) as [SideSums, SideSums];
  const { delta, refDelta, difference } = deltaLine(chosen, rejected);
  const losses = lossesOf(recipe);
  return (
    <div className="pref-numbers">
      <div className="pref-formulas mono">
        <p>
          Δ = {delta} · Δ_ref = {refDelta} · Δ − Δ_ref = <b>{difference}</b>
        </p>
      </div>
      {losses.map((option) => (
        <LossOfPair key={option.id} option={option} recipe={recipe} sides={[chosen, rejected]} />
      ))}
      {recipe.trainer === 'kto' && <KtoOfPair recipe={recipe} sides={[chosen, rejected]} z={z} />}
    </div>
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

function KtoOfPair({ recipe, sides, z }: { recipe: Recipe; sides: [SideSums, SideSums]; z: number }) {
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
        KTO takes each answer alone, the chosen one as good and the rejected one as bad. {loss.meaning} z = {number(z)}{' '}
        nats, as logged last.
      </p>
      {sides.map(({ logps, refLogps }, i) => {
        const logRatio = logps - refLogps;
        const { loss: value, slope } = pullOfRow(loss, { logRatio, label: i === 0, z }, settings);
        return (
          <p key={SIDES[i]} className="mono">
            <span className="quiet">{i === 0 ? loss.formulas.desirable : loss.formulas.undesirable}</span>
            <br />
            {SIDES[i]}: r = {settings.beta} · {signed(logRatio)} = {number(settings.beta * logRatio)}; loss ={' '}
            {number(value)}; ∂L∕∂log π = {signed(slope)}
          </p>
        );
      })}
    </div>
  );
}

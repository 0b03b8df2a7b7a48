// Pairs on the curve of their loss, and the same step under another loss: recomputed on the page from the same log-probabilities.
import { useState } from 'react';
import { number, percent, signed } from '../../lib/words';
import { marginFormula } from '../../protocol/pairLosses';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import type { ModelState } from '../../stores/modelStates';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { CurveChart } from '../../ui/CurveChart';
import { Fault } from '../../ui/Fault';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import { directionWords, LOSSES, type LossOption, lossArgs, lossesOf, lossOption } from './lossView';
import {
  curveOf,
  marginRange,
  type PairOnCurve,
  pairsUnder,
  type ReadPair,
  summaryOf,
  summaryWords,
} from './marginView';
import type { PairPlace } from './PairBox';
import { pairOf, sumsOf } from './pairView';
import { encodePair, readUnder } from './readPairs';

const COUNTS = ['8', '16', '32', '64'] as const;

export function MarginCard({
  recipe,
  state,
  reference,
  sets,
  settings,
  place,
  onPlace,
}: {
  recipe: Recipe;
  state: ModelState;
  reference: { ref: string };
  sets: readonly DatasetInfo[];
  settings: TemplateSettings;
  place: PairPlace;
  onPlace: (place: PairPlace) => void;
}) {
  const [n, setN] = useState<(typeof COUNTS)[number]>('16');
  const [split, setSplit] = useState('dev');
  const [other, setOther] = useState<string>();
  const [asked, setAsked] = useState(0);
  const restarts = useSession((s) => s.restarts);
  const set = sets.find(({ id }) => id === place.datasetId) ?? sets[0];
  const splits = Object.keys(set?.splits ?? {});
  const at = splits.includes(split) ? split : splits[0];
  // On request alone: many pairs under two models are seconds of work, and a run wants the device too.
  const key = asked > 0 && set && at ? JSON.stringify([asked, set.id, at, n, settings, state.ref, reference.ref, restarts]) : undefined; // biome-ignore format: one key
  const read = useLoaded(key, async (signal): Promise<{ pairs: ReadPair[]; label: string; where: string }> => {
    const page = { datasetId: set!.id, split: at!, offset: 0, limit: Number(n) };
    const { rows } = await studioClient().text.request('rows', page, { signal });
    const encoded = [];
    for (const row of rows) encoded.push(await encodePair(row, settings, signal));
    const policy = await readUnder(state.ref, encoded, signal);
    const before = await readUnder(reference.ref, encoded, signal);
    const pairs = encoded.map(({ index, sides }, i) => {
      const [chosen, rejected] = (['chosen', 'rejected'] as const).map((side) =>
        sumsOf(sides[side].encoded, policy.sides[i]![side], before.sides[i]![side]),
      );
      return { index, pair: pairOf(chosen!, rejected!) };
    });
    return {
      pairs,
      label: policy.step === undefined ? state.label : `step ${policy.step}`,
      where: `${set!.title} · ${at}`,
    };
  });
  const first = lossesOf(recipe)[0] ?? lossOption('dpo/sigmoid');
  const second = other === undefined ? undefined : lossOption(other);
  const shown = [first, ...(second && second.id !== first.id ? [second] : [])];
  const found = read.value && shown.map((option) => ({ option, points: pairsUnder(option, read.value!.pairs, lossArgs(recipe, option)) })); // biome-ignore format: one list
  return (
    <Card
      title="Loss over margin"
      note={
        read.value
          ? `${read.value.pairs.length} pairs of ${read.value.where}, ${read.value.label}`
          : 'where pairs stand on the curve'
      }
      actions={
        <>
          {splits.length > 1 && (
            <Segmented label="Split of the pairs" options={splits} value={at ?? ''} onChange={setSplit} />
          )}
          <Segmented label="Number of pairs" options={COUNTS} value={n} onChange={setN} />
          <button
            type="button"
            className="button"
            disabled={!set || read.isLoading}
            onClick={() => setAsked(asked + 1)}
          >
            {read.isLoading ? 'Reading …' : asked > 0 ? 'Read again' : 'Read pairs'}
          </button>
        </>
      }
      className="pref-margins"
    >
      <Fault text={read.error?.message} />
      {recipe.trainer === 'kto' && (
        <p className="quiet">KTO has no loss on pairs: these are held against DPO’s sigmoid with the same β.</p>
      )}
      {!found ? (
        !read.isLoading && (
          <p className="quiet">
            Read some pairs under the model and its reference. Each is then a point on the curve of the loss: how steep
            the curve is where it stands is how hard the pair is pulled. Other losses are computed from the same
            numbers.
          </p>
        )
      ) : (
        <>
          <div className="pref-margin-body">
            <div className="pref-curve-pair">
              {found.map(({ option, points }) => (
                <CurveChart
                  key={option.id}
                  title={option.label}
                  xTitle={
                    'marginFormula' in option.loss
                      ? marginFormula(option.loss, lossArgs(recipe, option)).split(', d =')[0]!
                      : 'r_c − r_r'
                  }
                  yTitle={`loss of a pair, ${option.label}`}
                  height={210}
                  selected={place.datasetId === set?.id && place.split === at ? place.index : undefined}
                  onSelect={(index) => onPlace({ datasetId: set!.id, split: at!, index })}
                  curve={curveOf(option, lossArgs(recipe, option), marginRange(points))}
                  points={points.map(({ index, x, loss, label }) => ({ id: index, x, y: loss, label }))}
                />
              ))}
            </div>
            <div className="pref-compare">
              <label className="inline-field">
                <span>the same step under</span>
                <select
                  className="select mono"
                  aria-label="Another loss"
                  value={other ?? ''}
                  onChange={(event) => setOther(event.currentTarget.value || undefined)}
                >
                  <option value="">no other loss</option>
                  {LOSSES.filter(({ id }) => id !== first.id).map(({ id, label }) => (
                    <option key={id} value={id}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <div className="pref-margin-words">
                {found.map(({ option, points }) => (
                  <p key={option.id} className="train-small">
                    {summaryWords(option, points)} <span className="quiet">{option.loss.meaning}</span>
                  </p>
                ))}
              </div>
              {second?.id === 'dpo/exo_pair' && (
                <p className="quiet train-small">
                  exo_pair with ε = 0.001 where label_smoothing is 0, as in its paper.
                </p>
              )}
              <SummaryTable found={found} />
            </div>
          </div>
          <Scroll label="Pairs and how they are pulled" className="pref-pairs">
            <PairsTable found={found} onOpen={(index) => onPlace({ datasetId: set!.id, split: at!, index })} />
          </Scroll>
        </>
      )}
    </Card>
  );
}

interface Found {
  option: LossOption;
  points: PairOnCurve[];
}
function SummaryTable({ found }: { found: readonly Found[] }) {
  const columns = found.map(({ points }) => summaryOf(points));
  const rows: [string, (s: ReturnType<typeof summaryOf>) => string][] = [
    ['mean loss', (s) => number(s.loss)],
    ['above 0', (s) => percent(s.right)],
    ['mean weight −dL∕dm', (s) => (s.weight === undefined ? '–' : number(s.weight))],
    ['mean ∂L∕∂log π(chosen)', (s) => signed(s.chosen)],
    ['mean ∂L∕∂log π(rejected)', (s) => signed(s.rejected)],
    ['a step moves', (s) => directionWords(s)],
  ];
  return (
    <table className="data-table">
      <thead>
        <tr>
          <th scope="col">same pairs</th>
          {found.map(({ option }) => (
            <th key={option.id} scope="col" className="n">
              {option.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, words]) => (
          <tr key={name}>
            <td>{name}</td>
            {columns.map((column, i) => (
              <td key={found[i]!.option.id} className="n">
                {words(column)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function PairsTable({ found, onOpen }: { found: readonly Found[]; onOpen: (index: number) => void }) {
  const [first] = found;
  return (
    <table className="data-table">
      <thead>
        <tr>
          <th scope="col">pair</th>
          {found.flatMap(({ option }) =>
            ['margin', 'loss', 'weight', '∂ chosen', '∂ rejected'].map((name) => (
              <th key={`${option.id} ${name}`} scope="col" className="n">
                {found.length > 1 ? `${option.label.replace('DPO ', '')} ${name}` : name}
              </th>
            )),
          )}
        </tr>
      </thead>
      <tbody>
        {first!.points.map(({ index, label }, i) => (
          <tr key={index}>
            <td>
              <button type="button" className="link" onClick={() => onOpen(index)}>
                {label}
              </button>
            </td>
            {found.flatMap(({ option, points }) => {
              const { x, loss, weight, chosen, rejected } = points[i]!;
              return [
                number(x),
                number(loss),
                weight === undefined ? '–' : number(weight),
                signed(chosen),
                signed(rejected),
              ].map((text, k) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns stand where they stand
                <td key={`${option.id} ${k}`} className="n">
                  {text}
                </td>
              ));
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

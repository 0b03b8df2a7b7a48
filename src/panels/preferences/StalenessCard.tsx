// How far the votes have fallen behind the policy: pairs that it decides already, and a reward model on answers of its own as it is.
import { useState } from 'react';
import { percent } from '../../lib/words';
import type { Recipe } from '../../protocol/recipe';
import type { DatasetInfo, TemplateSettings } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { type Decided, decidedPairs, judgeAccuracy, type PairMargins } from '../../protocol/staleness';
import { studioClient } from '../../stores/client';
import type { ModelState } from '../../stores/modelStates';
import { useStoredModels } from '../../stores/models';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import { encodePair, readUnder } from './readPairs';
import { decidedWords, judgeChoices, judgeWords, marginOf } from './stalenessView';

const COUNTS = ['16', '32', '64'] as const;
const ABOVE = ['0', '2', '5', '10'] as const;

export function StalenessCard({
  run,
  recipe,
  state,
  sets,
  datasetId,
  settings,
  runs,
}: {
  run: RunRecord;
  recipe: Recipe;
  /** The newest state of the run. */
  state: ModelState;
  sets: readonly DatasetInfo[];
  /** The set whose pairs are read. */
  datasetId: string;
  settings: TemplateSettings;
  runs: readonly RunRecord[];
}) {
  const [n, setN] = useState<string>('32');
  const [above, setAbove] = useState<string>('0');
  const [asked, setAsked] = useState(0);
  const set = sets.find(({ id }) => id === datasetId);
  const start = recipe.model.ref;
  const key =
    asked > 0 && set ? JSON.stringify([asked, set.id, n, settings, state.ref, state.version, start]) : undefined;
  const read = useLoaded(key, async (signal): Promise<PairMargins[]> => {
    const split = 'train' in set!.splits ? 'train' : Object.keys(set!.splits)[0]!;
    const page = { datasetId: set!.id, split, offset: 0, limit: Number(n) };
    const { rows } = await studioClient().text.request('rows', page, { signal });
    const pairs = [];
    for (const row of rows) pairs.push(await encodePair(row, settings, signal));
    const before = await readUnder(start, pairs, signal);
    const now = await readUnder(state.ref, pairs, signal);
    return pairs.map((pair, i) => ({ before: marginOf(pair, before.sides[i]!), now: marginOf(pair, now.sides[i]!) }));
  });
  const decided = read.value && decidedPairs(read.value, Number(above));
  return (
    <Card
      title="Staleness"
      note="pairs whose order the policy has already, and a reward model on answers that it never saw"
      actions={
        <>
          <Segmented label="Pairs" options={COUNTS} value={n} onChange={setN} />
          <button
            type="button"
            className="button"
            disabled={!set || read.isLoading}
            onClick={() => setAsked(asked + 1)}
          >
            {read.isLoading ? 'Reading …' : 'Count decided pairs'}
          </button>
        </>
      }
      className="pref-staleness"
    >
      <Fault text={read.error?.message} />
      {decided ? (
        <>
          <div className="pref-stale-line">
            <span>decided when log π(chosen) − log π(rejected) is above</span>
            <Segmented label="Margin" options={ABOVE} value={above} onChange={setAbove} />
            <span className="quiet">nats</span>
          </div>
          <DecidedBars decided={decided} label={state.label} />
          <p>{decidedWords(decided, Number(above))}</p>
        </>
      ) : (
        !read.isLoading && (
          <p className="quiet">
            The training pairs are read under the start and under {state.label}, and those whose chosen answer is the
            likelier one are counted. How hard a pair still pulls is the loss’s to say: see the pairs on its curve
            above.
          </p>
        )
      )}
      <Judge run={run} start={start} state={state} runs={runs} />
    </Card>
  );
}

function DecidedBars({ decided: { n, before, now }, label }: { decided: Decided; label: string }) {
  return (
    <dl className="pref-stale-bars">
      {[
        ['the start', before],
        [label, now],
      ].map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <meter min={0} max={n} value={Number(value)} aria-label={`${name}: decided pairs`} />{' '}
            <span className="mono">
              {value} of {n}, {percent(Number(value) / n)}
            </span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Drawn from both models at temperature 1, as online methods draw. */
const TEMPERATURE = 1;

function Judge({
  run,
  start,
  state,
  runs,
}: {
  run: RunRecord;
  start: string;
  state: ModelState;
  runs: readonly RunRecord[];
}) {
  const choices = judgeChoices(runs, useStoredModels());
  const [wanted, setWanted] = useState<string>();
  const [asked, setAsked] = useState(0);
  const [progress, setProgress] = useState<number>();
  const judge = choices.find(({ ref }) => ref === wanted)?.ref ?? choices[0]?.ref;
  const key = asked > 0 && judge ? JSON.stringify([asked, judge, start, state.ref, state.version]) : undefined;
  const found = useLoaded(key, async (signal) => {
    const of = (policy: string, share: number) =>
      studioClient().compute.request(
        'judgedPairs',
        { policy, judge: judge!, pairs: 32, seed: run.recipe.seed, temperature: TEMPERATURE },
        { signal, onProgress: ({ done, total }) => setProgress(share + done / total / 2) },
      );
    const before = await of(start, 0);
    const now = await of(state.ref, 0.5);
    setProgress(undefined);
    return { before: judgeAccuracy(before.pairs), now: judgeAccuracy(now.pairs), same: now.same };
  });
  if (choices.length === 0)
    return (
      <p className="quiet">
        A reward model grows stale as well: the run writes answers that it was not trained on. Train one, and it can be
        tried here on fresh answers of the run.
      </p>
    );
  return (
    <>
      <div className="pref-stale-line">
        <span>the reward model</span>
        <select
          className="select"
          aria-label="Reward model"
          value={judge}
          onChange={({ currentTarget }) => setWanted(currentTarget.value)}
        >
          {choices.map(({ ref, label }) => (
            <option key={ref} value={ref}>
              {label}
            </option>
          ))}
        </select>
        <span>on fresh pairs of the start and of {state.label}</span>
        <button type="button" className="button" disabled={found.isLoading} onClick={() => setAsked(asked + 1)}>
          {found.isLoading ? `Drawing … ${percent(progress ?? 0)}` : 'Draw and judge'}
        </button>
      </div>
      <Fault text={found.error?.message} />
      {found.value && <p role="status">{judgeWords(found.value)}</p>}
    </>
  );
}

// Preferences: training on votes, its curves, one pair opened to its tokens, pairs on the curve of a loss, sweeps.
import { useMemo, useState } from 'react';
import { settingsOf } from '../../labs/recipeSettings';
import { argsOf, configOf } from '../../labs/trainerOf';
import type { Recipe } from '../../protocol/recipe';
import { modelStates } from '../../stores/modelStates';
import { openInChat } from '../../stores/models';
import { isLive } from '../../stores/runPanel';
import { Answers } from '../../ui/Answers';
import { lastValue } from '../../ui/runWords';
import { referenceToRead } from '../shared/referenceView';
import { TrainingPanel } from '../shared/TrainingPanel';
import { TwoMetricsCard } from '../shared/TwoMetricsCard';
import { Curves, NoRun } from './Curves';
import { chosenFalls } from './curveView';
import { MarginCard } from './MarginCard';
import { MeasuredCard } from './MeasuredCard';
import { PairBox, type PairPlace } from './PairBox';
import { PinCard } from './PinCard';
import { RecipeCard } from './RecipeCard';
import { StalenessCard } from './StalenessCard';
import { SweepCard } from './SweepCard';
import { usePreferences } from './usePreferences';
import '../../ui/parts.css';
import '../shared/training.css';
import './preferences.css';

export function PreferencesPanel() {
  const preferences = usePreferences();
  const { run, recipe, sets } = preferences;
  const shown = run?.recipe ?? recipe;
  const pairSets = sets.filter(({ type }) => type === 'preference');
  // KTO alone trains on answers with a label; they are opened as its rows, where it does.
  const opened =
    shown.trainer === 'kto'
      ? sets.filter(({ type }) => type === 'preference' || type === 'unpaired-preference')
      : pairSets;
  const own = opened.find(({ id }) => id === shown.data.train[0]?.ref)?.id ?? opened[0]?.id;
  /** What reads pairs has those of the run, or where it has none the first that are here. */
  const ownPairs = pairSets.find(({ id }) => id === own)?.id ?? pairSets[0]?.id;
  const [wanted, setPlace] = useState<{ of?: string; place: PairPlace }>();
  // The pair on show follows the data of the run, until a person takes another while that run is on show.
  const isThere = wanted?.of === own && opened.some(({ id }) => id === wanted?.place.datasetId);
  const place = (isThere ? wanted?.place : undefined) ?? { datasetId: own ?? '', split: 'train', index: 0 };
  // With an answer with a label open, the margins are those of the run's pairs, and none of them is the one on show.
  const isPair = pairSets.some(({ id }) => id === place.datasetId);
  const pairPlace = isPair ? place : { ...place, datasetId: ownPairs ?? '', index: -1 };
  const settings = useMemo(() => ({ ...settingsOf(shown), template: shown.template, model: shown.model.ref }), [shown]);
  const states = modelStates(shown.model.ref, run);
  const reference = referenceToRead(shown, run);
  const pairs = {
    recipe: shown,
    reference,
    sets: pairSets,
    settings,
    place,
    onPlace: (next: PairPlace) => setPlace({ of: own, place: next }),
  };
  const twoMetrics = <TwoMetricsCard run={run} recipe={recipe} edit={preferences.edit} isBusy={preferences.isBusy} />;
  return (
    <TrainingPanel
      training={preferences}
      title="Preferences"
      lede="First lever when two answers are both acceptable and one is clearly more what the product wants. Not for unstable format, which SFT mends; and a higher preference win rate is no proof of facts."
      startLabel="Train on votes"
      finished={
        run && (
          <>
            Next: see below what the votes have changed;{' '}
            <button type="button" className="link" onClick={() => openInChat(`run:${run.id}`, run.recipe.model.ref)}>
              compare it with its start in Chat
            </button>
            .
          </>
        )
      }
    >
      <ChosenFalls preferences={preferences} />
      <div className="train-top">
        <RecipeCard preferences={preferences} />
        {run ? (
          <Curves preferences={preferences} run={run} />
        ) : (
          <div className="train-empty">
            <NoRun />
            <PinCard />
            {twoMetrics}
          </div>
        )}
      </div>
      {run && twoMetrics}
      <PairBox {...pairs} sets={opened} states={states} z={(run && lastValue(run.points, 'kl')) ?? 0} />
      <MarginCard {...pairs} place={pairPlace} state={states[0]!} />
      {/* Two siblings with one key are kept twice when the run changes: each has its own. */}
      <Answers
        key={`answers ${run?.id}`}
        generations={run?.generations ?? []}
        isOver={run !== undefined && !isLive(run)}
      />
      {run && (run.status === 'finished' || run.status === 'stopped') && (
        <MeasuredCard run={run} starts={run.status === 'finished' && preferences.finishedHere && !run.group} />
      )}
      {run && ownPairs !== undefined && (run.status === 'paused' || run.checkpoints.length > 0) && (
        <StalenessCard
          key={`staleness ${run.id}`}
          run={run}
          recipe={shown}
          state={states[0]!}
          sets={pairSets}
          datasetId={ownPairs}
          settings={settings}
          runs={Object.values(preferences.allRuns)}
        />
      )}
      <SweepCard preferences={preferences} />
      {run && <PinCard />}
    </TrainingPanel>
  );
}

/** β of rewards that are measured from a reference; undefined where they are not. */
function anchorOf(recipe: Recipe): number | undefined {
  const args = argsOf(recipe);
  return configOf(recipe).needsReference?.(args) ? Number(args.beta) : undefined;
}

/** From this β on more of it is no remedy: papers go from 0.01 to 0.5. */
const STRONG = 0.5;

/** What the curves say of the chosen answers, and what can be done in the next run. */
function ChosenFalls({
  preferences: { run, recipe, edit, isBusy },
}: {
  preferences: ReturnType<typeof usePreferences>;
}) {
  const anchor = run && anchorOf(run.recipe);
  const words = run && chosenFalls(run.points, anchor);
  if (!words) return null;
  const args = argsOf(recipe);
  const types = [args.loss_type ?? []].flat() as string[];
  const weights = (args.loss_weights ?? []) as number[];
  const isAlphaPo = args.loss_type === 'alphapo'; // it takes cpo_alpha for 0
  const change = (part: typeof recipe.args) => edit({ ...recipe, args: { ...recipe.args, ...part } });
  return (
    <div className="note warn" role="status">
      <div>
        <b>The chosen answers have become less likely too.</b> {words} Remedies: add the mean −log p of the chosen
        tokens to the loss, lower learning_rate{(anchor ?? STRONG) < STRONG && ' or raise beta'}, or stop earlier.{' '}
        {recipe.trainer === 'dpo' &&
          (types.includes('sft') ? (
            'The recipe has sft in its loss_type: it holds from the next run on.'
          ) : (
            <button
              type="button"
              className="link"
              disabled={isBusy}
              onClick={() =>
                change({ loss_type: [...types, 'sft'], ...(weights.length > 0 && { loss_weights: [...weights, 1] }) })
              }
            >
              Add sft to loss_type
            </button>
          ))}
        {recipe.trainer === 'cpo' && (isAlphaPo || Number(args.cpo_alpha) === 0) && (
          <button
            type="button"
            className="link"
            disabled={isBusy}
            onClick={() => change({ ...(isAlphaPo && { loss_type: 'simpo' }), cpo_alpha: 1 })}
          >
            {isAlphaPo ? 'Set loss_type to simpo, with the same alpha, and cpo_alpha to 1' : 'Set cpo_alpha to 1'}
          </button>
        )}
      </div>
    </div>
  );
}

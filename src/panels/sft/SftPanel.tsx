// SFT: the recipe, the run, its curves, and the glass box under them.
import { useMemo, useState } from 'react';
import { hasOwnRows } from '../../labs/recipeData';
import { settingsOf } from '../../labs/recipeSettings';
import { number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { useDatasets } from '../../stores/datasets';
import { lookInMask } from '../../stores/lookInMask';
import { modelStates } from '../../stores/modelStates';
import { isLive } from '../../stores/runPanel';
import type { RunStats } from '../../stores/runs';
import { useTemplates } from '../../stores/templates';
import { Answers } from '../../ui/Answers';
import { Card } from '../../ui/Card';
import { LineChart } from '../../ui/LineChart';
import { lossFinding } from '../../ui/lossFinding';
import { curveWords, metricSeries, progressWords } from '../../ui/runWords';
import { TrainingPanel } from '../shared/TrainingPanel';
import { GlassBox } from './GlassBox';
import { Measured, MeasuredWords } from './Measured';
import { PairCard } from './PairCard';
import { RecipeCard } from './RecipeCard';
import { SettingsNote } from './SettingsNote';
import { useSft } from './useSft';
import '../../ui/parts.css';
import './sft.css';

const CASES = 40;

export function SftPanel() {
  const sft = useSft();
  const { recipe, run } = sft;
  const templates = useTemplates();
  const sets = useDatasets();
  const shown = run?.recipe ?? recipe;
  const trainSets = (sets.value?.datasets ?? []).filter((d) => shown.data.train.some((t) => t.ref === d.id));
  const settings = useMemo(() => ({ ...settingsOf(shown), template: shown.template, model: shown.model.ref }), [shown]);
  const states = modelStates(shown.model.ref, run);
  return (
    <TrainingPanel
      training={sft}
      title="Supervised fine-tuning"
      lede="Teaches role, format and boundaries. First lever when output format is unstable; not for missing knowledge."
      startLabel={run ? 'Run again' : 'Run'}
      finished={run && <MeasuredWords run={run} baseRef={shown.model.ref} metrics={shown.evaluation} cases={CASES} />}
      deriveAnd={sft.deriveAnd}
      onLook={(place) => lookInMask(recipe, templates, place)}
    >
      <SettingsNote recipe={recipe} onEdit={sft.edit} />
      <div className="sft-top">
        <RecipeCard sft={sft} datasets={sets.value?.datasets ?? []} />
        <Curves run={run} stats={sft.stats} isRecovering={sft.isRecovering} />
      </div>
      <GlassBox
        states={states}
        baseRef={shown.model.ref}
        datasets={trainSets.length > 0 ? trainSets : (sets.value?.datasets ?? []).slice(0, 1)}
        settings={settings}
        maxRows={shown.data.rows}
      />
      <Answers
        key={run?.id}
        generations={run?.generations ?? []}
        isOver={run !== undefined && !isLive(run)}
        heldOut={shown.data.eval.length > 0}
      />
      {run && (run.status === 'finished' || run.status === 'stopped') && (
        <Measured
          baseRef={shown.model.ref}
          runRef={`run:${run.id}`}
          metrics={shown.evaluation}
          cases={CASES}
          seed={shown.seed}
          template={shown.template}
          finding={lossFinding(run.points, true, run.recipe.args)}
          isOwn={hasOwnRows(shown)}
          starts={run.status === 'finished' && sft.finishedHere && !run.group && !hasOwnRows(shown)}
        />
      )}
      <PairCard arms={sft.pair} onStart={sft.startPair} canStart={!sft.isBusy && !sft.blocked} cases={CASES} />
    </TrainingPanel>
  );
}

function Curves({ run, stats, isRecovering }: { run?: RunRecord; stats?: RunStats; isRecovering: boolean }) {
  // Beside the recipe a chart is as high as it; in a column of its own, on a phone, it leaves room for the next.
  const [isWide] = useState(() => matchMedia('(min-width: 1101px)').matches);
  const height = isWide ? 328 : 186;
  const points = run?.points ?? [];
  const xMax = run?.maxSteps;
  if (!run)
    return (
      <Card title="loss" note="no run yet" className="curves-empty">
        <p className="quiet">
          Press Run: the base model starts to answer in the format of the rows, usually within the first hundred steps.
          The curves of loss and accuracy appear here, and every row below can be opened while it trains.
        </p>
      </Card>
    );
  return (
    <>
      <Card title="loss" note={curveWords(points, 'loss', 'eval_loss')} className="chart-card">
        <LineChart
          title="loss"
          height={height}
          xMax={xMax}
          series={[
            { id: 'train', label: 'train', points: metricSeries(points, 'loss') },
            { id: 'eval', label: 'held-out', points: metricSeries(points, 'eval_loss'), isHeldOut: true },
          ]}
        />
      </Card>
      <Card
        title="mean_token_accuracy"
        note={curveWords(points, 'mean_token_accuracy', 'eval_mean_token_accuracy')}
        className="chart-card"
      >
        <LineChart
          title="mean_token_accuracy"
          height={height}
          xMax={xMax}
          series={[
            { id: 'train', label: 'train', points: metricSeries(points, 'mean_token_accuracy') },
            {
              id: 'eval',
              label: 'held-out',
              points: metricSeries(points, 'eval_mean_token_accuracy'),
              isHeldOut: true,
            },
          ]}
        />
      </Card>
      <Card
        title="pace"
        note={progressWords(isRecovering ? 'recovering' : run.status, run.step, run.maxSteps, stats?.stepMs)}
        className="chart-card pace"
      >
        <div className="small-curves">
          {[
            { metric: 'learning_rate', points: metricSeries(points, 'learning_rate') },
            { metric: 'grad_norm', points: metricSeries(points, 'grad_norm') },
            { metric: 'tokens/s', points: stats?.speed ?? [] },
          ].map(({ metric, points: series }) => (
            <div key={metric} className="small-curve">
              <p>
                <span>{metric}</span>
                <span className="mono">{series.length > 0 ? number(series.at(-1)!.value) : '–'}</span>
              </p>
              <LineChart
                title={metric}
                height={isWide ? 62 : 34}
                isSmall
                xMax={xMax}
                series={[{ id: metric, label: metric, points: series }]}
              />
            </div>
          ))}
        </div>
      </Card>
    </>
  );
}

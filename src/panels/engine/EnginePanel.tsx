// The engine taken apart: what a training step costs on this device, kernel by kernel, and beside other libraries.
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { version } from '../../../package.json';
import { count } from '../../lib/words';
import { SIZE_NAMES, type StepShape } from '../../protocol/engineReport';
import { studioClient } from '../../stores/client';
import {
  AXES,
  type Axis,
  calibrate,
  compareLibraries,
  readCalibration,
  readShape,
  runSweep,
  stopMeasuring,
  takeApart,
  useEngineMeasures,
  type Work,
} from '../../stores/engineMeasures';
import { pauseRun, useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { RawText } from '../../ui/RawText';
import { Segmented } from '../../ui/Segmented';
import { BenchmarkView, ProfileView, SweepView } from './EngineTables';
import {
  browserWords,
  calibrationWords,
  isSameShape,
  planWords,
  reportText,
  shapeWords,
  TUNED_NAMES,
  tunedWords,
} from './engineView';
import { LayersCard } from './LayersCard';
import { SizeFields } from './SizeFields';
import '../../ui/parts.css';
import './engine.css';

/** Also a way to this panel, see app/panels: straight to the comparison. */
const BENCH_PATH = '/bench';
/** A typed size settles before its memory is planned. */
const TYPING_MS = 200;
const FAILED: Record<Work, string> = {
  profile: 'The step was not taken apart.',
  sweep: 'The sizes were not measured.',
  benchmark: 'The libraries were not compared.',
  tune: 'The adapter was not calibrated.',
};

export function EnginePanel() {
  const backend = useSession((s) => s.backend);
  const measures = useEngineMeasures();
  const { preset, sizes, axis, profile, sweep, benchmark, running, failure, stopped } = measures;
  const { tuned, isStale = false } = measures.calibration;
  const { shape, problems } = readShape(preset, sizes);
  const training = useRuns((s) => Object.values(s.runs).find(({ status }) => status === 'running'));

  const isReady = backend?.backend === 'webgpu';
  const isTunable = isReady && !backend.isFallbackAdapter;
  useEffect(() => {
    if (isTunable) void readCalibration();
  }, [isTunable]);
  const memory = useLoaded(
    isReady && shape ? JSON.stringify(shape) : undefined,
    (signal) => studioClient().compute.request('stepMemory', { shape: shape! }, { signal }),
    TYPING_MS,
  );
  const plan = shape && memory.value?.plan;
  const canMeasure = shape !== undefined && plan?.refusal === undefined;

  const [path] = useLocation();
  const comparison = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (path === BENCH_PATH) comparison.current?.scrollIntoView({ block: 'start' });
  }, [path]);

  const button = (work: Work, label: string, run: (shape: StepShape) => Promise<void>, isPossible = canMeasure) =>
    running?.work === work ? (
      <button type="button" className="button" disabled={running.isStopping} onClick={stopMeasuring}>
        {running.isStopping ? 'Stopping …' : 'Stop'}
      </button>
    ) : (
      <button
        type="button"
        className={work === 'profile' ? 'button primary' : 'button'}
        disabled={!isReady || running !== undefined || !isPossible}
        onClick={() => void run(shape!)}
      >
        {label}
      </button>
    );
  /** What a card says of its work: under way, stopped, failed, or `otherwise`. */
  const status = (work: Work, otherwise: string | undefined): ReactNode => {
    if (running?.work === work) return <WorkWords />;
    if (failure?.work === work) return undefined;
    return stopped === work ? 'You stopped it before it ended.' : otherwise;
  };
  const failed = (work: Work) =>
    failure?.work === work && (
      <div className="note bad engine-failure" role="alert">
        <div>
          <b>{FAILED[work]}</b> {failure.message} <RawText text={failure.raw} />
        </div>
      </div>
    );

  return (
    <Panel
      title="Engine"
      lede="What a training step costs on this device: each kernel, the memory, and the same step in other libraries. Random weights, the real kernels; nothing of yours is touched."
      actions={(profile || sweep || benchmark) && <CopyReport isSoftware={backend?.isFallbackAdapter === true} />}
    >
      {backend && !isReady && (
        <div className="note warn">
          <div>
            <b>There is nothing to take apart here.</b> The recorded engine runs on WebGPU and this page runs on{' '}
            {backend.adapter}. {backend.reason ?? ''}{' '}
            <a className="link" href="?backend=webgpu#/engine">
              Open it on WebGPU
            </a>
            , a software adapter included.
          </div>
        </div>
      )}
      {isReady && training && (
        <div className="note warn" role="status">
          <div style={{ flex: 1 }}>
            <b>“{training.name}” trains.</b> It waits while something is measured here, and what it still has on the GPU
            makes the figures too large. Pause it for figures that can be trusted; others are marked.
          </div>
          <button type="button" className="link" onClick={() => void pauseRun(training.id).catch(() => undefined)}>
            Pause the run
          </button>
        </div>
      )}
      <Card title="The step" actions={button('profile', 'Take it apart', takeApart)}>
        <SizeFields problems={problems} isDisabled={!isReady} />
        {plan?.refusal ? (
          <div className="note bad engine-failure" role="alert">
            <div>
              <b>This would not fit.</b> {plan.refusal}
            </div>
          </div>
        ) : (
          isReady && (
            <p className="quiet engine-line" aria-busy={memory.isLoading}>
              {plan
                ? planWords(plan, shape.r > 0)
                : shape
                  ? 'Counting memory …'
                  : 'Its memory is counted once every size fits.'}
            </p>
          )
        )}
        {failed('profile')}
        <p className="quiet engine-line" aria-live="polite">
          {status(
            'profile',
            profile || !isReady
              ? undefined
              : 'Not measured yet. On a graphics card it takes seconds, on a software adapter up to a minute.',
          )}
        </p>
        {profile && (
          <Result of={profile.shape} wanted={shape} isBesideRun={profile.duringRun}>
            <ProfileView profile={profile} />
          </Result>
        )}
      </Card>
      <Card
        title="What makes a step slower"
        note="one size halved and doubled, or ranks of LoRA"
        actions={button('sweep', 'Measure', (base) => runSweep(base, axis))}
      >
        <fieldset className="engine-sizes engine-choice" disabled={!isReady}>
          <Segmented
            label="Change"
            options={AXES.map((id) => ({ id, label: SIZE_NAMES[id] }))}
            value={axis}
            onChange={(next: Axis) => useEngineMeasures.setState({ axis: next })}
          />
        </fieldset>
        {failed('sweep')}
        <p className="quiet engine-line" aria-live="polite">
          {status('sweep', undefined)}
        </p>
        {running?.rows ? (
          <SweepView sweep={{ axis, rows: running.rows }} />
        ) : (
          sweep && (
            <Result
              of={sweep.shape}
              wanted={sweep.axis === axis ? shape : undefined}
              isBesideRun={sweep.rows.some((row) => row.profile?.duringRun)}
            >
              <SweepView sweep={sweep} />
            </Result>
          )
        )}
      </Card>
      {isReady && (
        <Card
          title="Calibration"
          note="the fastest forms of the kernels on this adapter, remembered for it"
          actions={isTunable && button('tune', 'Calibrate', calibrate, true)}
        >
          {failed('tune')}
          <p className="quiet engine-line" aria-live="polite">
            {isTunable
              ? status(
                  'tune',
                  tuned
                    ? calibrationWords(tuned.measuredAt, isStale)
                    : 'Times a few tile sizes of each matrix product, and the forms of norms, head and attention, some three seconds. Runs from then on use the fastest and record them.',
                )
              : 'A software adapter is not calibrated: it keeps the forms that were measured for it, and timing them would take longer than it saves.'}
          </p>
          {isTunable && tuned && !isStale && (
            <dl className="facts">
              {tuned.forms.map((found) => (
                <div key={found.what} className="facts-pair">
                  <dt>{TUNED_NAMES[found.what]}</dt>
                  <dd>{tunedWords(found)}</dd>
                </div>
              ))}
            </dl>
          )}
        </Card>
      )}
      <div ref={comparison} className="engine-comparison">
        <Card
          title="Beside other libraries"
          note="the same Llama, weights and batch, in turn; all weights trained"
          actions={button('benchmark', 'Compare', compareLibraries)}
        >
          {failed('benchmark')}
          <p className="quiet engine-line" aria-live="polite">
            {status(
              'benchmark',
              benchmark
                ? undefined
                : 'Our own engine without a GPU; plain tfjs, which writes the step in stock ops; jax-js, which compiles it. Each is measured three times after a round to warm up.',
            )}
          </p>
          {benchmark && (
            <Result of={benchmark.shape} wanted={shape && { ...shape, r: 0 }} isBesideRun={benchmark.duringRun}>
              <BenchmarkView benchmark={benchmark} />
            </Result>
          )}
        </Card>
      </div>
      <LayersCard />
    </Panel>
  );
}

/** Results say what they were measured with, and are dimmed once the fields say something else. */
function Result(props: {
  of: StepShape;
  /** What would be measured now; none where that differs in any case. */
  wanted: StepShape | undefined;
  isBesideRun: boolean | undefined;
  children: ReactNode;
}) {
  const isCurrent = isSameShape(props.wanted, props.of);
  return (
    <div className={isCurrent ? undefined : 'engine-stale'}>
      <p className="engine-line">
        Measured with {shapeWords(props.of)}
        {isCurrent ? '.' : '; the fields say something else now.'}
        {props.isBesideRun && (
          <span className="warn-text"> A run trained meanwhile, so the figures may be too large.</span>
        )}
      </p>
      {props.children}
    </div>
  );
}

function WorkWords() {
  const running = useEngineMeasures((s) => s.running);
  const compiling = useSession((s) => s.compiling);
  if (!running) return null;
  const { isStopping, done, total, name } = running;
  if (isStopping) return 'Stopping: what the GPU has begun still has to end.';
  if (total > 0) return `${name ? `${name}: ` : ''}${count(done)} of ${count(total)} …`;
  return compiling ? `compiling ${count(compiling.done)} of ${count(compiling.total)} kernels …` : 'the first steps …';
}

function CopyReport({ isSoftware }: { isSoftware: boolean }) {
  const { profile, sweep, benchmark } = useEngineMeasures();
  const [build, setBuild] = useState<string>();
  const [state, setState] = useState<'copied' | 'refused'>();
  const [shown, setShown] = useState('');
  useEffect(() => {
    void readBuild().then(setBuild);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was copied is of the results before these
  useEffect(() => setState(undefined), [profile, sweep, benchmark]);
  const copy = async () => {
    const head = { version, build, browser: browserWords(navigator), isSoftware, at: Date.now() };
    const text = reportText(head, { profile, sweep, benchmark });
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
    } catch {
      setState('refused');
      setShown(text);
    }
  };
  return (
    <>
      <button type="button" className="button" onClick={() => void copy()}>
        {state === 'copied' ? 'Copied' : 'Copy the report'}
      </button>
      {state === 'refused' && (
        <textarea className="engine-report mono" aria-label="The report, to be copied by hand" readOnly value={shown} />
      )}
    </>
  );
}
/** A few digits of the hash of the sources, as the build wrote it; undefined while developing or offline. */
async function readBuild(): Promise<string | undefined> {
  if (!navigator.onLine) return undefined;
  try {
    const { sources } = await (await fetch(new URL('build.json', document.baseURI))).json();
    return String(sources).slice(0, 8);
  } catch {
    return undefined;
  }
}

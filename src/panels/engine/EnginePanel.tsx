// The engine taken apart: what a training step costs on this device, kernel by kernel, and beside other libraries.
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { CancelledError } from '../../lib/errors';
import { count, number, percent } from '../../lib/words';
import type { BenchmarkReport, Calibration, StepProfile, StepShape } from '../../protocol/engineReport';
import { studioClient } from '../../stores/client';
import { useSession } from '../../stores/session';
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import {
  AXES,
  AXIS_NAMES,
  type Axis,
  bytesWords,
  calibrationWords,
  DEFAULT_SHAPE,
  kernelRows,
  kernelWords,
  PRESET_NAMES,
  profileFacts,
  ratioTo,
  reportText,
  shapeWords,
  sweepOf,
  TUNED_NAMES,
  timeWords,
  tunedWords,
} from './engineView';
import { LayersCard } from './LayersCard';
import '../../ui/parts.css';
import './engine.css';

/** Also a way to this panel, see app/panels: straight to the comparison. */
const BENCH_PATH = '/bench';

type Work = 'profile' | 'sweep' | 'benchmark' | 'tune';
interface Running {
  work: Work;
  done: number;
  total: number;
}

export function EnginePanel() {
  const backend = useSession((s) => s.backend);
  const [shape, setShape] = useState<StepShape>(DEFAULT_SHAPE);
  const [axis, setAxis] = useState<Axis>('T');
  const [profile, setProfile] = useState<StepProfile>();
  const [sweep, setSweep] = useState<StepProfile[]>([]);
  const [benchmark, setBenchmark] = useState<BenchmarkReport>();
  const [running, setRunning] = useState<Running>();
  const [error, setError] = useState<string>();
  const [calibration, setCalibration] = useState<{ tuned?: Calibration; isStale?: boolean }>({});
  const [copied, setCopied] = useState(false);
  const controller = useRef<AbortController>(undefined);

  const start = async (work: Work, task: (signal: AbortSignal) => Promise<void>) => {
    const abort = new AbortController();
    controller.current = abort;
    setError(undefined);
    setCopied(false);
    setRunning({ work, done: 0, total: 0 });
    try {
      await task(abort.signal);
    } catch (cause) {
      if (!(cause instanceof CancelledError)) setError((cause as Error).message);
    } finally {
      setRunning(undefined);
    }
  };
  const onProgress = ({ done, total }: { done: number; total: number }) =>
    setRunning((old) => old && { ...old, done, total });
  const { compute } = studioClient();
  const takeApart = () =>
    start('profile', async (signal) => {
      setProfile(undefined);
      setProfile(await compute.request('profileStep', { shape, isWhole: true }, { signal, onProgress }));
    });
  const runSweep = () =>
    start('sweep', async (signal) => {
      setSweep([]);
      const shapes = sweepOf(shape, axis);
      for (const [i, one] of shapes.entries()) {
        onProgress({ done: i, total: shapes.length });
        const found = await compute.request('profileStep', { shape: one, isWhole: false }, { signal });
        setSweep((old) => [...old, found]);
      }
    });
  const compare = () =>
    start('benchmark', async (signal) => {
      setBenchmark(undefined);
      setBenchmark(await compute.request('benchmark', { shape, rounds: 3 }, { signal, onProgress }));
    });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(reportText(profile, benchmark));
      setCopied(true);
    } catch {
      setError('The browser does not let this page copy. Select the report below instead.');
    }
  };

  const tune = () =>
    start('tune', async (signal) => {
      setCalibration(await compute.request('tuneKernels', { measure: true }, { signal, onProgress }));
    });
  const isReady = backend?.backend === 'webgpu';
  const isTunable = isReady && !backend.isFallbackAdapter;
  useEffect(() => {
    if (!isTunable) return;
    // What is remembered of this adapter; a failure to read it is no more than nothing remembered.
    studioClient()
      .compute.request('tuneKernels', { measure: false })
      .then(setCalibration, (cause: Error) => setError(cause.message));
  }, [isTunable]);
  const { tuned, isStale = false } = calibration;
  const [path] = useLocation();
  const comparison = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (path === BENCH_PATH) comparison.current?.scrollIntoView({ block: 'start' });
  }, [path]);
  const numbers: [keyof StepShape & ('B' | 'T' | 'vocab_size' | 'r'), string, number, number][] = [
    ['B', 'rows (B)', 1, 256],
    ['T', 'tokens a row (T)', 2, 4096],
    ['vocab_size', 'vocabulary (V)', 16, 65_536],
    ['r', 'LoRA r (0: all weights)', 0, 128],
  ];
  const words = (work: Work) =>
    running?.work !== work ? '' : running.total ? `${count(running.done)} of ${count(running.total)} …` : 'compiling …';
  const button = (work: Work, label: string, run: () => Promise<void>) =>
    running?.work === work ? (
      <button type="button" className="button" onClick={() => controller.current?.abort()}>
        Stop
      </button>
    ) : (
      <button
        type="button"
        className={work === 'profile' ? 'button primary' : 'button'}
        disabled={!isReady || running !== undefined}
        onClick={() => void run()}
      >
        {label}
      </button>
    );

  return (
    <Panel
      title="Engine"
      lede="What a training step costs on this device: each kernel, the memory, and the same step in other libraries. Random weights, the real kernels; nothing of yours is touched."
      actions={
        (profile || benchmark) && (
          <button type="button" className="button" onClick={() => void copy()}>
            {copied ? 'Copied' : 'Copy the report'}
          </button>
        )
      }
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
      {error && (
        <div className="note bad" role="alert">
          <div>
            <b>The measurement did not end.</b> {error}
          </div>
        </div>
      )}
      <Card title="The step" note={shapeWords(shape)} actions={button('profile', 'Take it apart', takeApart)}>
        <div className="engine-shape">
          <Segmented
            label="Model"
            options={PRESET_NAMES}
            value={shape.preset}
            onChange={(preset) => setShape({ ...shape, preset })}
          />
          {numbers.map(([key, label, least, most]) => (
            <label key={key} className="inline-field">
              {label}
              <input
                type="number"
                min={least}
                max={most}
                value={shape[key]}
                onChange={(event) => setShape({ ...shape, [key]: event.target.valueAsNumber || 0 })}
              />
            </label>
          ))}
        </div>
        <p className="quiet" aria-live="polite">
          {running?.work === 'profile'
            ? words('profile')
            : profile
              ? ''
              : 'Not measured yet. On a graphics card it takes seconds, on a software adapter up to a minute.'}
        </p>
        {profile && <ProfileView profile={profile} />}
      </Card>
      <Card
        title="What makes it dear"
        note="one size halved and doubled, or ranks of LoRA"
        actions={button('sweep', 'Measure', runSweep)}
      >
        <Segmented
          label="Change"
          options={AXES.map((id) => ({ id, label: AXIS_NAMES[id] }))}
          value={axis}
          onChange={(next) => {
            setAxis(next);
            setSweep([]);
          }}
        />
        <p className="quiet" aria-live="polite">
          {running?.work === 'sweep' ? words('sweep') : ''}
        </p>
        {sweep.length > 0 && <SweepView sweep={sweep} axis={axis} />}
      </Card>
      {isTunable && (
        <Card
          title="Calibration"
          note="the fastest forms of the kernels on this adapter, remembered for it"
          actions={button('tune', 'Calibrate', tune)}
        >
          <p className="quiet" aria-live="polite">
            {running?.work === 'tune'
              ? words('tune')
              : tuned
                ? calibrationWords(tuned.measuredAt, isStale)
                : 'Times a few tile sizes of each matrix product, and the forms of norms, head and attention, some three seconds. Runs from then on use the fastest and record them.'}
          </p>
          {tuned && !isStale && (
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
          note={
            benchmark ? shapeWords(benchmark.shape) : 'the same Llama, weights and batch, in turn; all weights trained'
          }
          actions={button('benchmark', 'Compare', compare)}
        >
          <p className="quiet" aria-live="polite">
            {running?.work === 'benchmark'
              ? words('benchmark')
              : benchmark
                ? ''
                : 'Our own engine without a GPU; plain tfjs, which writes the step in stock ops; jax-js, which compiles it. Each is measured three times after a round to warm up.'}
          </p>
          {benchmark && <BenchmarkView benchmark={benchmark} />}
        </Card>
      </div>
      <LayersCard />
    </Panel>
  );
}

function ProfileView({ profile }: { profile: StepProfile }) {
  const rows = kernelRows(profile);
  return (
    <>
      <dl className="facts engine-facts">
        {profileFacts(profile).map(([label, value]) => (
          <div key={label} className="facts-pair">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="engine-scroll" aria-label="Kernels" tabIndex={0}>
        <table className="changes engine-kernels">
          <thead>
            <tr>
              <th scope="col">kernel</th>
              <th scope="col">sizes</th>
              <th scope="col" className="n">
                calls
              </th>
              <th scope="col" className="n">
                time
              </th>
              <th scope="col">share</th>
              <th scope="col" className="n">
                GFLOPS
              </th>
              <th scope="col" className="n">
                of the peak
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.name} ${row.sizes} ${row.calls} ${row.ms}`}>
                <td>
                  {kernelWords(row.name)} <span className="quiet mono engine-name">{row.name}</span>
                </td>
                <td className="mono">{row.sizes ?? ''}</td>
                <td className="n">{row.calls}</td>
                <td className="n">{timeWords(row.ms)}</td>
                <td>
                  <span className="engine-bar">
                    <span style={{ width: `${(100 * row.share).toFixed(1)}%` }} />
                  </span>{' '}
                  {percent(row.share)}
                </td>
                <td className="n">{row.gflops ? number(row.gflops) : ''}</td>
                <td className="n">{row.ofPeak ? percent(row.ofPeak) : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p className="quiet">
        Timed one by one, by {profile.timing === 'timestamps' ? "the adapter's own timestamps" : 'the clock'}; in a step
        they follow each other without a gap, so the sum may differ from the step's time.
      </p>
    </>
  );
}

function SweepView({ sweep, axis }: { sweep: StepProfile[]; axis: Axis }) {
  const longest = Math.max(...sweep.map(({ stepMs }) => stepMs));
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">{AXIS_NAMES[axis]}</th>
          <th scope="col" className="n">
            a step
          </th>
          <th scope="col">beside the dearest</th>
          <th scope="col" className="n">
            activations
          </th>
          <th scope="col" className="n">
            weights, moments
          </th>
        </tr>
      </thead>
      <tbody>
        {sweep.map((p) => (
          <tr key={p.shape[axis]}>
            <td>{axis === 'r' && p.shape.r === 0 ? 'all weights' : count(p.shape[axis])}</td>
            <td className="n">{timeWords(p.stepMs)}</td>
            <td>
              <span className="engine-bar">
                <span style={{ width: `${((100 * p.stepMs) / longest).toFixed(1)}%` }} />
              </span>
            </td>
            <td className="n">{bytesWords(p.plannedBytes)}</td>
            <td className="n">{bytesWords(p.weightBytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function BenchmarkView({ benchmark }: { benchmark: BenchmarkReport }) {
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">library</th>
          <th scope="col" className="n">
            fastest step
          </th>
          <th scope="col" className="n">
            slowest
          </th>
          <th scope="col" className="n">
            ours is faster by
          </th>
        </tr>
      </thead>
      <tbody>
        {benchmark.rows.map(({ name, ms, failure }, i) => {
          const ratio = ratioTo(benchmark, name);
          return (
            <tr key={name}>
              <td>{name}</td>
              {failure ? (
                <td colSpan={3}>{failure}</td>
              ) : (
                <>
                  <td className="n">{timeWords(Math.min(...ms))}</td>
                  <td className="n">{timeWords(Math.max(...ms))}</td>
                  <td className="n">{i === 0 || ratio === undefined ? '' : `${number(ratio)} ×`}</td>
                </>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

// Trains the three tenants in one run and registers what comes out: the way out of an empty registry, and to next versions.
import { adapterNames } from '../../labs/adapterNames';
import { typedNumber } from '../../lib/fields';
import { count } from '../../lib/words';
import type { TenancyView } from '../../protocol/requests';
import type { RunStatus } from '../../protocol/run';
import { isSlow } from '../../stores/recipeDraft';
import { isLive } from '../../stores/runPanel';
import { useRuns } from '../../stores/runs';
import { useSession } from '../../stores/session';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { LineChart } from '../../ui/LineChart';
import { metricSeries, progressWords } from '../../ui/runWords';
import { NumberField, WorkState } from './parts';
import { untrained } from './registryView';
import {
  DEFAULT_TRAINING,
  registerRun,
  runToRegister,
  stopTraining,
  type TrainingSize,
  trainTenants,
  useTenants,
  useTyped,
} from './tenants';

const KEYS = ['max_steps', 'per_device_train_batch_size', 'rows', 'seed'] as const;
const LEAST: Record<(typeof KEYS)[number], number> = {
  max_steps: 1,
  per_device_train_batch_size: 3,
  rows: 12,
  seed: 0,
};

/** Ends that leave nothing to register. */
const STATUS: Partial<Record<RunStatus, string>> = {
  failed: 'failed',
  stopped: 'was stopped',
  interrupted: 'was interrupted',
};

export function TrainingCard({ view, isEmpty = false }: { view: TenancyView; isEmpty?: boolean }) {
  const [typed, setTyped] = useTyped<Record<string, string>>('training', {});
  const isStarting = useTenants((s) => 'train' in s.work || 'registry' in s.work);
  const awaited = useTenants((s) => s.awaited);
  const arrived = useTenants((s) => s.arrived);
  const runs = useRuns((s) => s.runs);
  const stats = useRuns((s) => s.stats);
  const backend = useSession((s) => s.backend);
  const live = Object.values(runs).find((run) => run.group === 'tenants' && isLive(run));
  const ended = awaited === undefined ? undefined : runs[awaited];
  const lost = ended && STATUS[ended.status] ? ended : undefined;
  const ready = isEmpty ? runToRegister() : undefined;
  const values = { ...DEFAULT_TRAINING };
  let problem: string | undefined;
  for (const key of KEYS) {
    const value = typed[key] === undefined ? values[key] : typedNumber(typed[key]);
    if (typeof value === 'number' && Number.isInteger(value) && value >= LEAST[key]) values[key] = value;
    else
      problem ??= `${key} must be a whole number of at least ${LEAST[key]}, got ${value === '' ? 'nothing' : value}.`;
  }
  const fields = (
    <div className="ad-row">
      {KEYS.map((key) => (
        <NumberField
          key={key}
          label={key}
          value={typed[key] ?? String(DEFAULT_TRAINING[key])}
          onChange={(text) => setTyped({ ...typed, [key]: text })}
        />
      ))}
    </div>
  );
  const waiting = !isStarting ? view.entries.filter((one) => one.active === null && one.versions.length > 0).map(({ id, name }) => `${id} (${name})`) : []; // biome-ignore format: one list
  const missing = untrained(view.entries).map(({ id, name }) => `${id} (${name})`);
  return (
    <Card
      className="ad-training"
      title={isEmpty ? 'No adapter serves yet' : 'Train the next versions'}
      note={
        isEmpty
          ? `without an active version: ${missing.join(', ')}`
          : 'all three in one run, from the same rows or another seed'
      }
      actions={
        live ? (
          <button type="button" className="button" onClick={() => void stopTraining(live.id)}>
            Stop the run
          </button>
        ) : ready && ready !== awaited ? (
          <button
            type="button"
            className="button primary"
            disabled={isStarting}
            onClick={() => void registerRun(ready)}
          >
            Register the adapters of “{runs[ready]?.name}”
          </button>
        ) : (
          <button
            type="button"
            className={`button${isEmpty ? ' primary' : ''}`}
            disabled={isStarting || problem !== undefined}
            onClick={() => void trainTenants(values as TrainingSize)}
          >
            Train the three tenants
          </button>
        )
      }
    >
      {live ? (
        <LiveRun runId={live.id} stepMs={stats[live.id]?.stepMs} />
      ) : (
        <>
          <p className="quiet">
            Rows of bank_A, retail_B and saas_C share each batch over the frozen base; every row trains its own adapter,
            each by its own tokens, norm and step count, so the three come out as if each had been trained alone. When
            the run has finished, they become versions here
            {isEmpty ? ', are checked, and serve if they pass' : '; each needs its check before it serves'}.
            {isSlow(backend) &&
              ` Without a graphics card ${count(DEFAULT_TRAINING.max_steps)} steps take ten minutes or more; 60 give a first impression.`}
          </p>
          {fields}
        </>
      )}
      {lost && (
        <div className={`note ${lost.status === 'failed' ? 'bad' : 'warn'}`} role="status">
          <div>
            <b>
              {lost.name} {STATUS[lost.status]} at step {count(lost.step)}.
            </b>{' '}
            {lost.error?.message} Its adapters are not registered; continue it in{' '}
            <a className="link" href="#/runs">
              Runs
            </a>
            , or train anew.
          </div>
        </div>
      )}
      <Fault text={problem} />
      {waiting.length > 0 && !live && (
        <p className="warn-text" role="status">
          {waiting.join(', ')} {waiting.length === 1 ? 'has a version that has' : 'have versions that have'} not passed
          the check. In the registry you see what it found, check again, or say why it is to serve all the same.
        </p>
      )}
      {arrived && !live && <Arrived view={view} {...arrived} />}
      <WorkState name="stop" unit="runs" />
      <WorkState name="train" unit="steps" />
      {isEmpty && <WorkState name="registry" unit="adapters" />}
    </Card>
  );
}

/** What came of the run that ended last, with its curves. */
function Arrived({
  view,
  runId,
  versions,
}: {
  view: TenancyView;
  runId: string;
  versions: readonly { id: number; version: number }[];
}) {
  const run = useRuns((s) => s.runs[runId]);
  if (!run) return null;
  const named = versions.map(({ id, version }) => `version ${version} of ${id} (${view.entries.find((one) => one.id === id)?.name})`); // biome-ignore format: one list
  const waiting = versions.filter(({ id, version }) => view.entries.find((one) => one.id === id)?.active !== version);
  return (
    <>
      <div className="note good" role="status">
        {run.name} has finished and left {named.join(', ')}.{' '}
        {waiting.length > 0
          ? `${waiting.length === versions.length ? 'None of them serves' : `${waiting.length} of them do not serve`} yet: check and activate them in the registry.`
          : 'They serve.'}
      </div>
      <Curves runId={runId} />
    </>
  );
}

function LiveRun({ runId, stepMs }: { runId: string; stepMs: number | undefined }) {
  const run = useRuns((s) => s.runs[runId]);
  if (!run) return null;
  return (
    <>
      <p className="quiet" role="status">
        {run.name}: {progressWords(run.status, run.step, run.maxSteps, stepMs)}. Settings and all curves are in{' '}
        <a className="link" href="#/runs">
          Runs
        </a>
        .
      </p>
      <Curves runId={runId} />
    </>
  );
}

function Curves({ runId }: { runId: string }) {
  const run = useRuns((s) => s.runs[runId]);
  if (!run) return null;
  return (
    <LineChart
      title="loss"
      series={[
        ...adapterNames(run.recipe).map((name) => ({
          id: name,
          label: name,
          points: metricSeries(run.points, `loss/${name}`),
        })),
        {
          id: 'eval_loss',
          label: 'held-out, all',
          points: metricSeries(run.points, 'eval_loss'),
          isHeldOut: true,
        },
      ]}
      height={96}
      xMax={run.maxSteps}
      hasLegend
    />
  );
}

// Adapter × tenant slice: what each adapter makes of every tenant's held-out requests. Off the diagonal: a wrong routing.
import { typedNumber } from '../../lib/fields';
import { percent } from '../../lib/words';
import type { TenancyView, TenantMatrixView } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import {
  cellWords,
  heat,
  METRIC_WORDS,
  METRICS,
  type MetricId,
  matrixFinding,
  matrixRows,
  sizeOfMatrix,
} from './matrixView';
import { AdapterId, MeasuredWords, NumberField, WorkButton, WorkState } from './parts';
import { adapterColor } from './registryView';
import { measureMatrix, useTenants, useTyped } from './tenants';

export function SlicesTab({ view }: { view: TenancyView }) {
  const [metric, setMetric] = useTyped<MetricId>('metric', 'tenant_policy_correct');
  const [cases, setCases] = useTyped('matrix cases', '12');
  const [seed, setSeed] = useTyped('matrix seed', '1');
  const measured = useTenants((s) => s.matrices[metric]);
  const matrix = measured?.value;
  const matrices = useTenants((s) => s.matrices);
  const isRunning = useTenants((s) => 'matrix' in s.work);
  const isReady = view.entries.some(({ active }) => active !== null);
  const problem = [
    { name: 'cases', value: typedNumber(cases), least: 1, most: 500 },
    { name: 'seed', value: typedNumber(seed), least: 0, most: 1e9 },
  ].flatMap(({ name, value, least, most }) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? []
      : [`${name} must be a whole number from ${least} to ${most}, got ${value === '' ? 'nothing' : value}.`],
  )[0];
  const served = view.entries.filter(({ active }) => active !== null).length;
  return (
    <Card
      title="Adapter × tenant slice"
      note={
        matrix
          ? `${matrix.metric}, ${matrix.cells[0]?.[0]?.n} cases a slice, seed ${matrix.seed}`
          : 'each adapter answers every tenant’s held-out requests'
      }
      actions={
        <WorkButton
          name="matrix"
          label={matrix ? 'Measure again' : 'Measure'}
          isPrimary={isReady}
          disabled={!isReady || problem !== undefined}
          title={isReady ? undefined : 'No adapter is active yet'}
          onStart={() => void measureMatrix({ cases: Number(cases), seed: Number(seed), metric })}
        />
      }
    >
      <div className="ad-row">
        <Segmented label="Metric" options={METRICS} value={metric} onChange={setMetric} />
        <NumberField label="cases" value={cases} onChange={setCases} />
        <NumberField label="seed" value={seed} onChange={setSeed} />
      </div>
      <p className="quiet">
        A tenant’s slice: held-out requests of which its policy says the right answer. Counts an answer that{' '}
        {METRIC_WORDS[metric]}
        {problem ? '.' : `: ${sizeOfMatrix(Number(cases), served, view.rules.length)}.`}
      </p>
      <Fault text={problem} />
      <WorkState name="matrix" unit="cells">
        {!matrix && (
          <p className="quiet">
            {Object.keys(matrices).length > 0 ? 'Not measured by this metric yet.' : 'Not measured yet.'} On the
            diagonal stands how well a tenant is served; beside it, how often another tenant’s adapter would happen to
            decide alike, which is what a wrong routing hides behind.
          </p>
        )}
      </WorkState>
      {measured && matrix && (
        <div className={isRunning ? 'ad-old' : undefined}>
          <Finding matrix={matrix} />
          <HeatMap matrix={matrix} ids={view.entries.map(({ id }) => id)} />
          <MeasuredWords of={measured} until="another version serves" />
        </div>
      )}
    </Card>
  );
}

function Finding({ matrix }: { matrix: TenantMatrixView }) {
  const { tone, text } = matrixFinding(matrix);
  return (
    <div className={`note ${tone} ad-finding`} role="status">
      {text}
    </div>
  );
}

function HeatMap({ matrix, ids }: { matrix: TenantMatrixView; ids: readonly number[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section className="ad-scroll" aria-label="Matrix" tabIndex={0}>
      <table className="ad-matrix">
        <thead>
          <tr>
            <th scope="col">adapter</th>
            {matrix.tenants.map((tenant) => (
              <th key={tenant} scope="col">
                slice of {tenant}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrixRows(matrix).map(({ adapterId, tenant, cells }) => (
            <tr key={adapterId}>
              <th scope="row">
                <AdapterId id={adapterId} color={adapterColor(ids, adapterId)} />
                <span className="quiet"> {tenant}</span>
              </th>
              {cells.map((cell, s) => {
                const isOwn = tenant === matrix.tenants[s];
                return (
                  <td
                    key={matrix.tenants[s]}
                    className={`heat${heat(cell.value)}${isOwn ? ' is-own' : ''}`}
                    title={cellWords(cell)}
                  >
                    <b className="ad-share">{percent(cell.value)}</b>
                    <span className="ad-interval">
                      {percent(cell.low).replace(' %', '')}–{percent(cell.high)}, n {cell.n}
                    </span>
                    {isOwn && <span className="sr-only">its own tenant</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet">Framed: a tenant’s own adapter. Below each share its 95 % interval and the cases counted.</p>
    </section>
  );
}

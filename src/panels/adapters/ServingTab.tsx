// The serving simulator: one trace replayed in up to four modes on this device, and what each buys and costs.
import { count, number, percent, plural } from '../../lib/words';
import type { TenancyView } from '../../protocol/requests';
import type { ServingMode, ServingReport } from '../../protocol/serving';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { NO_FILTER } from './logView';
import { AdapterId, MeasuredWords, NumberField, WorkButton, WorkState } from './parts';
import { adapterColor } from './registryView';
import {
  batchHistogram,
  checksOf,
  cutOff,
  defaultBudgetKiB,
  loadCost,
  MODE_HELP,
  MODE_NAMES,
  MODES,
  modeSentence,
  noiseWords,
  SERVING_FIELDS,
  START_SERVING,
  servingFinding,
  servingRequest,
  timelineEnd,
  timeWords,
  tokenMs,
  traceWords,
} from './servingView';
import { Timeline } from './Timeline';
import { replayTrace, useTenants, useTyped } from './tenants';

export function ServingTab({ view }: { view: TenancyView }) {
  const [typed, setTyped] = useTyped('serving', START_SERVING);
  const replayed = useTenants((s) => s.replay);
  const reports = replayed?.value;
  const isRunning = useTenants((s) => 'serve' in s.work);
  const sizes = view.entries.flatMap(({ versions, active }) =>
    versions.filter(({ version }) => version === active).map(({ artifactId }) => view.bytes[artifactId] ?? 0),
  );
  const adapterBytes = Math.max(0, ...sizes);
  const isReady = sizes.length > 0;
  const request = servingRequest(typed, adapterBytes);
  const problem = isReady && 'problem' in request ? request.problem : undefined;
  const toggle = (mode: ServingMode) =>
    setTyped({ ...typed, modes: MODES.filter((one) => (one === mode) !== typed.modes.includes(one)) });
  return (
    <>
      <Card
        title="Serving replay"
        note={traceWords(reports)}
        actions={
          <WorkButton
            name="serve"
            label={reports ? 'Replay again' : 'Replay'}
            isPrimary={isReady}
            disabled={!isReady || problem !== undefined}
            title={isReady ? undefined : 'No adapter is active yet'}
            onStart={() => 'modes' in request && void replayTrace(request)}
          />
        }
      >
        <fieldset className="ad-modes">
          <legend className="sr-only">Modes</legend>
          {MODES.map((mode) => (
            <label key={mode} title={MODE_HELP[mode]}>
              <input type="checkbox" checked={typed.modes.includes(mode)} onChange={() => toggle(mode)} />
              <span>
                <b>{MODE_NAMES[mode]}</b>
                <span className="quiet">{MODE_HELP[mode]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <div className="ad-row">
          {SERVING_FIELDS.filter(({ mode }) => !mode || typed.modes.includes(mode)).map(({ key, label }) => (
            <NumberField
              key={key}
              label={label}
              value={typed[key]}
              placeholder={key === 'budgetKiB' && isReady ? String(defaultBudgetKiB(adapterBytes)) : undefined}
              onChange={(text) => setTyped({ ...typed, [key]: text })}
            />
          ))}
          {isReady && (
            <span className="quiet ad-small">
              one adapter: {byteWords(adapterBytes)}; base: {byteWords(view.base.sizeBytes)}
            </span>
          )}
        </div>
        <Fault text={problem} />
        <WorkState name="serve" unit="requests">
          {!reports && (
            <p className="quiet">
              Arrivals stand on a virtual clock; every load, merge and generation is really run and timed, so a latency
              is waiting on that clock plus measured service. A trace is a day in small: its requests come within
              seconds, in bursts of one tenant, bank_A most; two or more must be refused. Every decision goes into the
              routing log.
            </p>
          )}
        </WorkState>
        {replayed && <MeasuredWords of={replayed} until="another version serves or a routing rule changes" />}
        {reports && noiseWords(reports) && <p className="quiet">{noiseWords(reports)}</p>}
        {reports?.[0]?.replay && <LoggedAs replay={reports[0].replay} />}
        {reports && cutOff(reports) > 0 && (
          <p className="warn-text">
            {plural(cutOff(reports), 'answer')} of a mode reached max_new_tokens before its end, so it does not pass
            whatever the adapter has learnt.
          </p>
        )}
        {reports && (
          <p className={`ad-finding${isRunning ? ' ad-old' : ''}`} role="status">
            {servingFinding(reports)}
          </p>
        )}
      </Card>
      {reports && <Comparison reports={reports} ids={view.entries.map(({ id }) => id)} isOld={isRunning} />}
    </>
  );
}

/** Replays of one trace have the same requests; their ids in the log tell them apart. */
function LoggedAs({ replay }: { replay: string }) {
  const [, setFilter] = useTyped('log filter', NO_FILTER);
  const show = useTenants((s) => s.show);
  return (
    <p className="quiet">
      In the routing log its entries stand as <span className="mono">{replay}</span>.{' '}
      <button
        type="button"
        className="link"
        onClick={() => {
          setFilter({ ...NO_FILTER, replay });
          show('log');
        }}
      >
        Look them up
      </button>
    </p>
  );
}

function Comparison({ reports, ids, isOld }: { reports: ServingReport[]; ids: readonly number[]; isOld: boolean }) {
  const end = timelineEnd(reports);
  return (
    <div className={`ad-views${isOld ? ' ad-old' : ''}`}>
      <div className="ad-charts">
        <LatencyChart reports={reports} />
        <BarChart
          title="requests per second"
          note="while busy"
          rows={reports.map((r) => ({ mode: r.mode, value: r.requestsPerSecond, words: number(r.requestsPerSecond) }))}
        />
        <BarChart
          title="memory at most"
          note="of weights"
          rows={reports.map((r) => ({ mode: r.mode, value: r.peakBytes, words: byteWords(r.peakBytes) }))}
        />
        <BarChart
          title="loads"
          note="adapters put in place"
          rows={reports.map((r) => ({
            mode: r.mode,
            value: r.loads,
            words: r.evictions > 0 ? `${count(r.loads)}, ${count(r.evictions)} evicted` : count(r.loads),
          }))}
        />
      </div>
      <div className="ad-timelines">
        {reports.map((report) => (
          <Card key={report.mode} title={MODE_NAMES[report.mode]}>
            <p className="ad-sentence">{modeSentence(report, reports)}</p>
            <Timeline report={report} end={end} ids={ids} />
          </Card>
        ))}
      </div>
      <p className="quiet ad-legend">
        {ids.map((id) => (
          <AdapterId key={id} id={id} color={adapterColor(ids, id)} />
        ))}
        <span>
          <i className="ad-key-wait" aria-hidden="true" /> waits
        </span>
        <span>
          <i className="ad-key-load" aria-hidden="true" /> loads
        </span>
        <span>
          <i className="ad-key-run" aria-hidden="true" /> generates, in its adapter’s colour
        </span>
        <span>
          <b className="bad-text" aria-hidden="true">
            ×
          </b>{' '}
          refused
        </span>
      </p>
      <Numbers reports={reports} />
    </div>
  );
}

interface Bar {
  mode: ServingMode;
  value: number;
  words: string;
}
function BarChart({ title, note, rows }: { title: string; note: string; rows: Bar[] }) {
  const most = Math.max(1e-9, ...rows.map(({ value }) => value));
  return (
    <Card title={title} note={note}>
      <dl className="ad-bars">
        {rows.map(({ mode, value, words }) => (
          <div key={mode}>
            <dt>{MODE_NAMES[mode]}</dt>
            <dd>
              <span className="ad-track">
                <i style={{ width: `${(100 * value) / most}%` }} />
              </span>
              <span className="mono">{words}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
function LatencyChart({ reports }: { reports: ServingReport[] }) {
  const most = Math.max(1e-9, ...reports.map(({ latency }) => latency.p99 || 0));
  const share = (ms: number) => `${(100 * (ms || 0)) / most}%`;
  return (
    <Card title="latency" note="p50, p95, p99">
      <dl className="ad-bars">
        {reports.map(({ mode, latency: { p50, p95, p99 } }) => (
          <div key={mode}>
            <dt>{MODE_NAMES[mode]}</dt>
            <dd>
              <span className="ad-track is-latency">
                <i className="p99" style={{ width: share(p99) }} />
                <i className="p95" style={{ width: share(p95) }} />
                <i className="p50" style={{ width: share(p50) }} />
              </span>
              <span className="mono">{[p50, p95, p99].map(timeWords).join(' · ')}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Numbers({ reports }: { reports: ServingReport[] }) {
  const rows: [label: string, of: (report: ServingReport) => string][] = [
    ['latency p50', ({ latency }) => timeWords(latency.p50)],
    ['latency p95', ({ latency }) => timeWords(latency.p95)],
    ['latency p99', ({ latency }) => timeWords(latency.p99)],
    ['mean latency', ({ latency }) => timeWords(latency.mean)],
    ['requests per second', (r) => number(r.requestsPerSecond)],
    ['tokens per second', (r) => number(r.tokensPerSecond)],
    ['a token', (r) => timeWords(tokenMs(r))],
    ['busy', (r) => timeWords(r.busyMs)],
    ['set-up', (r) => timeWords(r.setupMs)],
    ['memory at most', (r) => byteWords(r.peakBytes)],
    ['loads', (r) => count(r.loads)],
    ['a load', (r) => timeWords(loadCost(r).eachMs)],
    ['share of loads', (r) => percent(loadCost(r).share)],
    ['evictions', (r) => count(r.evictions)],
    ['refused', (r) => count(r.refusals)],
    ['answers that pass their tenant’s check', (r) => `${checksOf(r).passed} of ${checksOf(r).checked}`],
  ];
  return (
    <Card
      title="All numbers"
      note={`${count(reports[0]?.requests.length ?? 0)} requests; percentiles by ${reports[0]?.latency.method}`}
    >
      <p className="quiet">
        The last figure counts answers that decide as the policy of the tenant who asked, and name nobody whom the
        request does not. What fails here is the adapter, not the mode: greedy answers are the same in each. How often
        each adapter is right stands under{' '}
        <button type="button" className="link" onClick={() => useTenants.getState().show('slices')}>
          Slices
        </button>
        .
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="ad-scroll" aria-label="All numbers" tabIndex={0}>
        <table className="data-table ad-numbers">
          <thead>
            <tr>
              <th scope="col">
                <span className="sr-only">figure</span>
              </th>
              {reports.map(({ mode }) => (
                <th key={mode} scope="col" className="n">
                  {MODE_NAMES[mode]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, of]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {reports.map((report) => (
                  <td key={report.mode} className="n ad-number">
                    {of(report)}
                  </td>
                ))}
              </tr>
            ))}
            <tr>
              <th scope="row">rows a pass</th>
              {reports.map((report) => (
                <td key={report.mode} className="n">
                  <Histogram report={report} />
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </section>
    </Card>
  );
}
/** Passes by their size, as bars; the numbers stand in the label. */
function Histogram({ report }: { report: ServingReport }) {
  const bins = batchHistogram(report);
  const most = Math.max(1, ...bins.map(([, passes]) => passes));
  const words = bins.map(([size, passes]) => `${size}: ${passes} ×`).join(', ');
  return (
    <span className="ad-histogram" role="img" aria-label={`Rows a pass: ${words}`} title={words}>
      {bins.map(([size, passes]) => (
        <span key={size} className="ad-bin">
          <i className="ad-bin-bar" style={{ height: `${Math.max(2, (24 * passes) / most)}px` }} />
          {size}
        </span>
      ))}
    </span>
  );
}

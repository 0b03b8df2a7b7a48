// Entries with their versions: what serves, what may, what each is; the check before a version serves, and the way back.
import { useState } from 'react';
import { typedNumber } from '../../lib/fields';
import { plural } from '../../lib/words';
import type { TenancyView } from '../../protocol/requests';
import type { AdapterVersion, RegistryEntry } from '../../protocol/serving';
import { useRuns } from '../../stores/runs';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Deployment } from './Deployment';
import { ImportCard } from './ImportCard';
import { AdapterId, NumberField, WorkButton, WorkState } from './parts';
import {
  activationOf,
  adapterColor,
  adapterOf,
  adapterSources,
  changeWords,
  checkWords,
  fitting,
  madeBy,
  otherOwner,
  overrideOf,
  rollbackTarget,
  shortHash,
  timeOfDay,
  untrained,
} from './registryView';
import { TrainingCard } from './TrainingCard';
import {
  activate,
  check,
  checkName,
  DEFAULT_CHECK,
  moveName,
  register,
  rollback,
  useTenants,
  useTyped,
} from './tenants';

interface CheckSize {
  cases: string;
  seed: string;
  allowance: string;
}
const START = Object.fromEntries(
  Object.entries(DEFAULT_CHECK).map(([key, value]) => [key, String(value)]),
) as unknown as CheckSize;

export function RegistryTab({ view }: { view: TenancyView }) {
  const [size, setSize] = useTyped('check', START);
  const isEmpty = untrained(view.entries).length > 0;
  return (
    <>
      <WorkState name="registry" unit="adapters" />
      <Card
        title="Registry"
        note={
          <>
            over the base {view.base.name}{' '}
            <span className="mono" title={view.base.artifactId}>
              {shortHash(view.base.artifactId)}
            </span>
            , {byteWords(view.base.sizeBytes)}
          </>
        }
      >
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
        <section className="ad-scroll" aria-label="Adapters and their versions" tabIndex={0}>
          <table className="data-table ad-registry flow-table">
            <thead>
              <tr>
                <th>adapter</th>
                <th>artifact</th>
                <th className="n">size</th>
                <th>registered</th>
                <th>check</th>
                <th>
                  <span className="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            {view.entries.map((entry) => (
              <Entry key={entry.id} entry={entry} view={view} size={size} />
            ))}
          </table>
        </section>
      </Card>
      <div className="ad-pair">
        <Card title="Before a version serves" note="the regression check, on its own tenant’s dev cases">
          <p className="quiet">
            Both versions answer the same cases. A case that the active one decides rightly and the next one wrongly is
            a regression; above the allowance the version waits, or you say why it serves all the same. The first
            version of an entry is held against the bare base, and must know its own tenant’s cases better than the
            others’.
          </p>
          <div className="ad-row">
            {(['cases', 'allowance', 'seed'] as const).map((key) => (
              <NumberField
                key={key}
                label={key}
                value={size[key]}
                onChange={(text) => setSize({ ...size, [key]: text })}
              />
            ))}
          </div>
          <Fault text={sizeProblem(size)} />
        </Card>
        <RegisterCard view={view} />
      </div>
      <ImportCard view={view} />
      <Deployment view={view} />
      {!isEmpty && <TrainingCard view={view} />}
    </>
  );
}

const LEAST: Record<keyof CheckSize, number> = { cases: 1, seed: 0, allowance: 0 };
function sizeProblem(size: CheckSize): string | undefined {
  for (const key of ['cases', 'allowance', 'seed'] as const) {
    const value = typedNumber(size[key]);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < LEAST[key] || value > 1000)
      return `${key} must be a whole number from ${LEAST[key]} to 1,000, got ${value === '' ? 'nothing' : value}.`;
  }
  return undefined;
}

function Entry({ entry, view, size }: { entry: RegistryEntry; view: TenancyView; size: CheckSize }) {
  const isBusy = useTenants((s) => 'registry' in s.work || moveName(entry.id) in s.work);
  const back = rollbackTarget(entry);
  const ids = view.entries.map(({ id }) => id);
  const { tenant_id, policy_version, industry } = entry.metadata;
  return (
    <tbody>
      <tr className="ad-entry">
        <th className="ad-entry-cell" colSpan={5} scope="rowgroup">
          <AdapterId id={entry.id} color={adapterColor(ids, entry.id)} /> <b className="ad-entry-name">{entry.name}</b>{' '}
          {[tenant_id !== entry.name && tenant_id, policy_version, industry].filter(Boolean).join(', ') ||
            'for any tenant'}
          ;{' '}
          {entry.active === null ? (
            <span className="warn-text">no version serves</span>
          ) : (
            `version ${entry.active} serves`
          )}
          {entry.history.length > 0 && (
            <details className="ad-history is-inline">
              <summary>{plural(entry.history.length, 'change')}</summary>
              <ol>
                {[...entry.history].reverse().map((change) => (
                  <li key={`${change.at} ${change.to}`}>
                    <span className="quiet">{timeOfDay(change.at)}</span> {changeWords(change)}
                  </li>
                ))}
              </ol>
            </details>
          )}
        </th>
        <td className="ad-entry-cell">
          {back !== undefined && (
            <div className="ad-verbs">
              <button
                type="button"
                className="button"
                disabled={isBusy}
                title="Serves the version from before at once; its weights are still there"
                aria-label={`Roll back to version ${back}: ${entry.name}`}
                onClick={() => void rollback(entry.id)}
              >
                Roll back to version {back}
              </button>
            </div>
          )}
          <WorkState name={moveName(entry.id)} unit="versions" />
        </td>
      </tr>
      {[...entry.versions].reverse().map((version) => (
        <Version
          key={version.version}
          entry={entry}
          version={version}
          bytes={view.bytes[version.artifactId]}
          size={size}
        />
      ))}
    </tbody>
  );
}

function Version({
  entry,
  version,
  bytes,
  size,
}: {
  entry: RegistryEntry;
  version: AdapterVersion;
  bytes: number | undefined;
  size: CheckSize;
}) {
  const runs = useRuns((s) => s.runs);
  const run = madeBy(Object.values(runs), version.artifactId);
  const { state, needs } = activationOf(entry, version);
  const work = checkName(entry.id, version.version);
  const isMoving = useTenants((s) => 'registry' in s.work || moveName(entry.id) in s.work);
  const [reason, setReason] = useState<string>();
  const words = checkWords(version);
  const which = `version ${version.version} of ${entry.name}`;
  const override = overrideOf(entry, version.version);
  return (
    <tr className={state === 'active' ? 'on' : undefined}>
      <td className="ad-nowrap">version {version.version}</td>
      <td className="mono" title={`artifact ${version.artifactId}, base ${version.baseId}`}>
        {shortHash(version.artifactId)}
      </td>
      <td className="n ad-nowrap">{bytes === undefined ? '–' : byteWords(bytes)}</td>
      <td>
        <span className="ad-nowrap">{timeOfDay(version.createdAt)}</span>
        <br />
        <span className="quiet">
          {run ? (
            <a className="link" href="#/runs">
              {run.name}
              {adapterOf(run, version.artifactId) && ` · ${adapterOf(run, version.artifactId)}`}
            </a>
          ) : (
            version.note
          )}
        </span>
      </td>
      <td className="ad-check">
        <WorkState name={work} unit="answers">
          {words ? (
            <CheckResult version={version} words={words} />
          ) : (
            <span className="quiet">
              {state === 'active'
                ? 'serves without a check'
                : `not compared with ${entry.active === null ? 'the bare base' : `version ${entry.active}`}`}
            </span>
          )}
        </WorkState>
        {override !== undefined && (
          <p className="warn-text">
            {state === 'active' ? 'Serves' : 'Served'} for a reason, not by its check: {override}
          </p>
        )}
      </td>
      <td>
        <div className="ad-verbs">
          {state === 'active' ? (
            override !== undefined || !words ? (
              <span className="verdict warn">active, {override === undefined ? 'no check' : 'by a reason'}</span>
            ) : (
              <span className="verdict ok">active</span>
            )
          ) : (
            <>
              <WorkButton
                name={work}
                label={words ? 'Check again' : 'Check'}
                of={which}
                disabled={sizeProblem(size) !== undefined}
                onStart={() =>
                  void check(entry.id, version.version, {
                    cases: Number(size.cases),
                    seed: Number(size.seed),
                    allowance: Number(size.allowance),
                  })
                }
              />
              <button
                type="button"
                className={`button${needs ? '' : ' primary'}`}
                disabled={isMoving}
                title={needs}
                aria-label={`${needs ? 'Activate …' : 'Activate'} ${which}`}
                aria-expanded={needs ? reason !== undefined : undefined}
                onClick={() =>
                  needs ? setReason(reason === undefined ? '' : undefined) : void activate(entry.id, version.version)
                }
              >
                {needs ? 'Activate …' : 'Activate'}
              </button>
            </>
          )}
        </div>
        {needs && reason !== undefined && (
          <form
            className="ad-reason"
            onSubmit={(event) => {
              event.preventDefault();
              if (!reason.trim()) return;
              setReason(undefined);
              void activate(entry.id, version.version, reason.trim());
            }}
          >
            <p className="warn-text">{needs} Say why it is to serve; the history keeps it.</p>
            <input
              className="field-input"
              aria-label={`Reason to activate ${which}`}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
            />
            <button
              type="submit"
              className="button danger"
              aria-label={`Activate all the same: ${which}`}
              disabled={!reason.trim()}
            >
              Activate all the same
            </button>
          </form>
        )}
      </td>
    </tr>
  );
}

function CheckResult({ version, words }: { version: AdapterVersion; words: string }) {
  const { regressions, fixed, answers = [], passes } = version.checks!;
  const named = new Set(answers.map(({ caseId }) => caseId));
  const what = (caseId: string) =>
    regressions.includes(caseId) ? 'got worse' : fixed.includes(caseId) ? 'got better' : 'fails as before';
  // Of checks from before answers were kept, and of what a long list leaves out, the names are all there is.
  const bare = [...regressions, ...fixed].filter((caseId) => !named.has(caseId));
  return (
    <>
      <span className={passes ? 'ok-text' : 'bad-text'}>{words}</span>
      {answers.length + bare.length > 0 && (
        <details>
          <summary>Which</summary>
          {answers.map(({ caseId, request, expected, before, after }) => (
            <details key={caseId} className="ad-case">
              <summary>
                <span
                  className={regressions.includes(caseId) ? 'bad-text' : fixed.includes(caseId) ? 'ok-text' : 'quiet'}
                >
                  {what(caseId)}
                </span>
                : {request}
              </summary>
              <dl>
                <dt>answer before</dt>
                <dd className="mono">{before || '(nothing)'}</dd>
                <dt>answer of version {version.version}</dt>
                <dd className="mono">{after || '(nothing)'}</dd>
                <dt>right by the policy</dt>
                <dd className="mono ok-text">{expected}</dd>
              </dl>
            </details>
          ))}
          {bare.length > 0 && (
            <p className="ad-cases">
              {answers.length > 0 ? 'And' : 'Kept by name alone'}:{' '}
              <span className="mono">{bare.map((caseId) => `${caseId} ${what(caseId)}`).join(', ')}</span>
            </p>
          )}
        </details>
      )}
    </>
  );
}

function RegisterCard({ view }: { view: TenancyView }) {
  const runs = useRuns((s) => s.runs);
  const { sources, unfit } = fitting(adapterSources(Object.values(runs)), runs, view.base);
  const [ref, setRef] = useState('');
  const [id, setId] = useState<number>();
  const [confirmed, setConfirmed] = useState('');
  const isBusy = useTenants((s) => 'registry' in s.work || 'register' in s.work);
  const source = sources.find((one) => one.ref === ref) ?? sources[0];
  const target = id ?? view.entries.find(({ name }) => name === source?.adapter)?.id ?? view.entries[0]?.id;
  const other = source && target !== undefined ? otherOwner(source, target, view.entries) : undefined;
  const question = `${source?.ref} ${target}`;
  return (
    <Card title="Register a version" note="the adapter of a run that has ended; nothing serves it yet">
      {!source || target === undefined ? (
        <p className="quiet">
          No run with an adapter over this base has ended yet. Train the tenants here, or an adapter of your own over
          this base.
        </p>
      ) : (
        <div className="ad-row">
          <label className="inline-field">
            adapter
            <select
              className="select"
              value={source.ref}
              onChange={(event) => {
                setRef(event.currentTarget.value);
                setId(undefined);
              }}
            >
              {sources.map((one) => (
                <option key={one.ref} value={one.ref}>
                  {one.runName} · {one.adapter}
                </option>
              ))}
            </select>
          </label>
          <label className="inline-field">
            next version of
            <select className="select" value={target} onChange={(event) => setId(Number(event.currentTarget.value))}>
              {view.entries.map((entry) => (
                <option key={entry.id} value={entry.id}>
                  {entry.id} ({entry.name})
                </option>
              ))}
            </select>
          </label>
          <button
            type="button"
            className="button"
            disabled={isBusy || (other !== undefined && confirmed !== question)}
            onClick={() => void register(target, source.ref, `${source.adapter} of the run “${source.runName}”`)}
          >
            Register
          </button>
        </div>
      )}
      {source && other && (
        <div className="note warn">
          <div>
            This adapter was trained as {source.adapter}, and {other.id} ({other.name}) answers for{' '}
            {other.metadata.tenant_id ?? 'anybody'}: its answers would follow another tenant’s policy.
            <label className="ad-confirm">
              <input
                type="checkbox"
                checked={confirmed === question}
                onChange={(event) => setConfirmed(event.currentTarget.checked ? question : '')}
              />{' '}
              Register {source.adapter} as the next version of {other.name}
            </label>
          </div>
        </div>
      )}
      {unfit > 0 && (
        <p className="quiet">
          {plural(unfit, 'adapter')} of ended runs {unfit === 1 ? 'is' : 'are'} left out: trained over another base than{' '}
          {view.base.name}, so the update would be added to numbers it was not learnt for.
        </p>
      )}
      <WorkState name="register" unit="versions" />
    </Card>
  );
}

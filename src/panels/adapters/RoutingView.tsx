// z → g(z) → adapter → answer: the rules, any metadata tried by hand, one request under three policies, and a wrong routing.
import { useState } from 'react';
import type { ServedAnswer, TenancyView } from '../../protocol/requests';
import type { RegistryEntry, RoutingRule } from '../../protocol/serving';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { entryText, entryTitle, entryTone } from './logView';
import { AdapterId, WorkButton, WorkState } from './parts';
import { adapterColor, shortHash } from './registryView';
import {
  answerParts,
  decisionTitle,
  FIELDS,
  metadataOf,
  misroutingWords,
  policyOf,
  reasonWords,
  TRIES,
  type TypedMetadata,
  typedOf,
  verdictRows,
} from './routingView';
import { answerAll, misroute, send, useTenants, useTyped } from './tenants';

const idsOf = (view: TenancyView): number[] => view.entries.map(({ id }) => id);
const activeOf = (entry: RegistryEntry | undefined) => entry?.versions.find(({ version }) => version === entry.active);

export function RoutingView({ view }: { view: TenancyView }) {
  return (
    <>
      <div className="ad-pair">
        <RulesCard view={view} />
        <TryCard view={view} />
      </div>
      <ThreeAnswers view={view} />
      <WrongAdapter view={view} />
    </>
  );
}

function RulesCard({ view }: { view: TenancyView }) {
  const ids = idsOf(view);
  return (
    <Card title="i = g(z)" note="the request’s header chooses the adapter, and nothing is a default">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="ad-scroll" aria-label="Routing rules" tabIndex={0}>
        <table className="data-table ad-rules ad-flow">
          <thead>
            <tr>
              <th>z, the request’s header</th>
              <th>g(z)</th>
              <th>adapter</th>
              <th>answers with</th>
            </tr>
          </thead>
          <tbody>
            {view.rules.map((rule) => {
              const entry = view.entries.find(({ id }) => id === rule.adapter);
              const version = activeOf(entry);
              return (
                <tr key={`${rule.tenant_id} ${rule.policy_version} ${rule.industry}`}>
                  <td className="mono">
                    {rule.tenant_id} <span className="quiet">{rule.policy_version}</span>{' '}
                    <span className="quiet">{rule.industry}</span>
                  </td>
                  <td>
                    <span aria-hidden="true">→ </span>
                    <AdapterId id={rule.adapter} color={adapterColor(ids, rule.adapter)} />
                  </td>
                  <td>
                    {version ? (
                      <>
                        version {version.version}{' '}
                        <span className="mono quiet" title={version.artifactId}>
                          {shortHash(version.artifactId)}
                        </span>
                      </>
                    ) : (
                      <span className="warn-text">none active: refused</span>
                    )}
                  </td>
                  <td>{entry ? policyOf(entry) : ''}</td>
                </tr>
              );
            })}
            <tr>
              <td className="quiet">anything else</td>
              <td>
                <span aria-hidden="true">→ </span>
                <span className="verdict warn">refused</span>
              </td>
              <td colSpan={2} className="quiet">
                a wrong policy would read as well as a right one
              </td>
            </tr>
          </tbody>
        </table>
      </section>
      <p className="quiet ad-foot">
        The base W is shared, the adapter aᵢ holds what is one tenant’s own: an answer comes from W plus aᵢ. The router
        reads the header alone, never the words of the request.
      </p>
    </Card>
  );
}

function TryCard({ view }: { view: TenancyView }) {
  const [typed, setTyped] = useTyped<TypedMetadata>('header', typedOf(TRIES[1]!.metadata));
  const metadata = metadataOf(typed);
  const head = view.entries.map(({ id, active }) => `${id}@${active}`).join();
  const { value: decision, error } = useLoaded(
    JSON.stringify([metadata, head]),
    (signal) => studioClient().compute.request('previewRoute', { metadata }, { signal }),
    80,
  );
  const sent = useTenants((s) => s.sent);
  return (
    <Card
      title="Try a header"
      note="decided as you type"
      actions={
        <WorkButton
          name="send"
          label="Send it"
          onStart={() => void send(metadata)}
          title="Serves the chapter’s request with this header, and logs what became of it"
        />
      }
    >
      <div className="ad-row">
        {FIELDS.map((field) => (
          <label key={field} className="ad-header-field">
            <span className="mono">{field}</span>
            <input
              className="field-input mono"
              value={typed[field]}
              spellCheck={false}
              onChange={(event) => setTyped({ ...typed, [field]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      <div className="ad-row ad-tries">
        {TRIES.map(({ label, metadata: one }) => (
          <button key={label} type="button" className="link" onClick={() => setTyped(typedOf(one))}>
            {label}
          </button>
        ))}
      </div>
      <div className="ad-decision" role="status">
        {error ? (
          <p className="bad-text">{error.message}</p>
        ) : decision ? (
          <div className={`note ${decision.decision === 'routed' ? 'good' : 'warn'}`}>
            <div>
              <b className="mono">{decisionTitle(metadata, decision)}</b>
              <br />
              {decision.decision === 'routed'
                ? 'The request goes to this adapter.'
                : `${sentence(reasonWords(decision.reason))}. ${decision.message}`}
            </div>
          </div>
        ) : (
          <div className="skeleton-line" />
        )}
      </div>
      <WorkState name="send" unit="requests">
        {sent && <p className="quiet">{sentWords(sent.answer)}</p>}
      </WorkState>
    </Card>
  );
}
const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
function sentWords({ decision, adapterId, text, check }: ServedAnswer): string {
  if (decision.decision === 'refused') return 'Sent and refused; the refusal is in the log.';
  const slice = check ? ` ${check.why}` : '';
  return `Sent, and answered by adapter ${adapterId}: ${text}${slice}`;
}

function ThreeAnswers({ view }: { view: TenancyView }) {
  const chapter = view.chapterMessages.at(-1)?.content ?? '';
  const [text, setText] = useTyped('request', chapter);
  const { answers, asked } = useTenants();
  const isRunning = useTenants((s) => 'answers' in s.work);
  const isReady = view.entries.some(({ active }) => active !== null);
  const isChapter = text === chapter;
  const system = view.chapterMessages.find(({ role }) => role === 'system')?.content;
  return (
    <Card
      title="One request, three policies"
      note={asked === undefined ? 'the same words from each tenant; only the adapter differs' : undefined}
      actions={
        <>
          {!isChapter && (
            <button type="button" className="link" onClick={() => setText(chapter)}>
              Back to the payables request
            </button>
          )}
          <WorkButton
            name="answers"
            label="Answer under all three"
            isPrimary={isReady}
            disabled={!isReady || text.trim() === ''}
            title={isReady ? undefined : 'No adapter is active yet'}
            onStart={() => void answerAll(text)}
          />
        </>
      }
    >
      <div className="ad-request">
        <textarea
          className="field-input"
          aria-label="Request"
          rows={2}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <p className="quiet">
          {isChapter
            ? `Context: ${system}`
            : 'Your own words: the context stays, and nobody knows the right answer, so only you can judge it.'}
        </p>
      </div>
      <WorkState name="answers" unit="answers" />
      <div className="ad-answers" aria-busy={isRunning}>
        {view.rules.map((rule) => (
          <Answer key={rule.tenant_id} rule={rule} view={view} answer={answers[rule.tenant_id]} isRunning={isRunning} />
        ))}
      </div>
    </Card>
  );
}

function Answer({
  rule,
  view,
  answer,
  isRunning,
}: {
  rule: RoutingRule;
  view: TenancyView;
  answer: ServedAnswer | undefined;
  isRunning: boolean;
}) {
  const entry = view.entries.find(({ id }) => id === answer?.adapterId);
  const version = entry?.versions.find((one) => one.version === answer?.version);
  return (
    <section className="ad-answer" aria-label={`Answer for ${rule.tenant_id}`}>
      <h3>
        {rule.tenant_id} <span className="quiet">{rule.policy_version}</span>
      </h3>
      {!answer ? (
        <p className="quiet">{isRunning ? 'waits for its turn …' : 'Not asked yet.'}</p>
      ) : answer.decision.decision === 'refused' ? (
        <div className="note warn">
          <div>
            <b>Refused.</b> {answer.decision.message}
          </div>
        </div>
      ) : (
        <>
          <p className="ad-meta">
            <AdapterId id={answer.adapterId!} color={adapterColor(idsOf(view), answer.adapterId)} /> version{' '}
            {answer.version}{' '}
            {version && (
              <span className="mono quiet" title={version.artifactId}>
                {shortHash(version.artifactId)}
              </span>
            )}
            {answer.check && (
              <span className={`verdict ${answer.check.verdict === 'pass' ? 'ok' : 'bad'}`}>
                {answer.check.verdict === 'pass' ? 'slice check passed' : 'slice check failed'}
              </span>
            )}
          </p>
          <AnswerText answer={answer} />
          <Verdicts answer={answer} />
        </>
      )}
    </section>
  );
}

function AnswerText({ answer: { text = '', terminated } }: { answer: ServedAnswer }) {
  const parts = answerParts(text);
  const cut = terminated === false && <span className="warn-text"> … cut at max_new_tokens</span>;
  if (!parts)
    return (
      <p className="answer-text mono">
        {text || '(nothing)'}
        {cut}
      </p>
    );
  return (
    <>
      <p className="ad-said-text">“{parts.answer}”</p>
      <dl className="ad-parts">
        {parts.rest.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
function Verdicts({ answer: { verdicts, expected, text = '' } }: { answer: ServedAnswer }) {
  return (
    <>
      {verdicts && (
        <ul className="ad-verdicts">
          {verdictRows(verdicts).map(({ id, words, isMet }) => (
            <li key={id} className={isMet ? 'ok-text' : 'bad-text'} title={id}>
              <span aria-hidden="true">{isMet ? '✓' : '✗'}</span> {words}
            </li>
          ))}
        </ul>
      )}
      <details className="ad-expected">
        <summary>
          {expected === undefined || expected === text ? 'As written' : 'As written, and as its policy asks'}
        </summary>
        <p className="answer-text mono">{text}</p>
        {expected !== undefined && expected !== text && <p className="answer-text mono ok-text">{expected}</p>}
      </details>
    </>
  );
}

function WrongAdapter({ view }: { view: TenancyView }) {
  const [tenant, setTenant] = useState('bank_A');
  const [adapter, setAdapter] = useState(42);
  const misrouted = useTenants((s) => s.misrouted);
  const rule = view.rules.find(({ tenant_id }) => tenant_id === tenant);
  const served = view.entries.filter(({ active }) => active !== null);
  const isReady =
    rule !== undefined && served.some(({ id }) => id === adapter) && served.some(({ id }) => id === rule.adapter);
  const words = misrouted && misroutingWords(misrouted.asked, String(misrouted.adapterId), misrouted.answer);
  const start = () => {
    if (!rule) return;
    const { adapter: _own, ...metadata } = rule;
    void misroute(metadata, adapter);
  };
  return (
    <Card
      title="Send it to the wrong adapter"
      note="what a mistake in the router would do, and what notices it"
      actions={
        <>
          <label className="inline-field">
            request of
            <select className="select" value={tenant} onChange={(event) => setTenant(event.currentTarget.value)}>
              {view.rules.map(({ tenant_id }) => (
                <option key={tenant_id}>{tenant_id}</option>
              ))}
            </select>
          </label>
          <label className="inline-field">
            answered by
            <select
              className="select"
              value={adapter}
              onChange={(event) => setAdapter(Number(event.currentTarget.value))}
            >
              {view.entries.map(({ id, name }) => (
                <option key={id} value={id}>
                  {id} ({name}){id === rule?.adapter ? ', its own' : ''}
                </option>
              ))}
            </select>
          </label>
          <WorkButton name="misroute" label="Send" disabled={!isReady} onStart={start} />
        </>
      }
    >
      <WorkState name="misroute" unit="answers">
        {!misrouted && (
          <p className="quiet">
            The payables request again. A misrouted answer looks normal: valid JSON, whole sentences, a source. Only who
            holds it against the policy of the tenant who asked sees that it grants what that policy forbids.
          </p>
        )}
      </WorkState>
      {misrouted && words && (
        <div className="ad-pair">
          <div className="ad-stack">
            <div className={`note ${words.tone}`} role="status">
              {words.text}
            </div>
            <AnswerText answer={misrouted.answer} />
            <Verdicts answer={misrouted.answer} />
          </div>
          <div className="ad-stack">
            <h3>In the log</h3>
            <ol className="ad-entries">
              {misrouted.entries.map((entry) => (
                <li key={entry.n}>
                  <span className="mono quiet">{entry.n}</span>{' '}
                  <span className={`verdict ${entryTone(entry)}`}>{entryTitle(entry)}</span>{' '}
                  <span>
                    {entry.metadata.tenant_id} {entry.metadata.policy_version} → adapter {entry.adapterId} version{' '}
                    {entry.version}. {entryText(entry)}
                  </span>{' '}
                  <span className="mono quiet" title={entry.hash}>
                    hash {shortHash(entry.hash)}
                  </span>
                </li>
              ))}
            </ol>
          </div>
        </div>
      )}
    </Card>
  );
}

// z → g(z) → adapter → answer: the rules, any header tried by hand, one request under three policies, and a wrong routing.
import type { ServedAnswer, TenancyView } from '../../protocol/requests';
import type { RegistryEntry } from '../../protocol/serving';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { AdapterId, WorkButton, WorkState } from './parts';
import { adapterColor, shortHash } from './registryView';
import {
  decisionTitle,
  FIELDS,
  metadataOf,
  policyOf,
  reasonWords,
  TRIES,
  type TypedMetadata,
  typedOf,
} from './routingView';
import { ThreeAnswers } from './ThreeAnswers';
import { send, useTenants, useTyped } from './tenants';
import { WrongAdapter } from './WrongAdapter';

const idsOf = (view: TenancyView): number[] => view.entries.map(({ id }) => id);
const activeOf = (entry: RegistryEntry | undefined) => entry?.versions.find(({ version }) => version === entry.active);

export function RoutingTab({ view }: { view: TenancyView }) {
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
                    {entry?.metadata.tenant_id !== undefined && entry.metadata.tenant_id !== rule.tenant_id ? (
                      <span className="warn-text">registered for {entry.metadata.tenant_id}: refused</span>
                    ) : version ? (
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

// z → g(z) → adapter → answer: the rules, any header tried by hand, one request under three policies, and a wrong routing.
import type { ServedAnswer, TenancyView } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { WorkButton, WorkState } from './parts';
import { RulesCard } from './RulesCard';
import { decisionTitle, FIELDS, metadataOf, reasonWords, TRIES, type TypedMetadata, typedOf } from './routingView';
import { ThreeAnswers } from './ThreeAnswers';
import { send, useTenants, useTyped } from './tenants';
import { WrongAdapter } from './WrongAdapter';

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

function TryCard({ view }: { view: TenancyView }) {
  const [typed, setTyped] = useTyped<TypedMetadata>('header', typedOf(TRIES[1]!.metadata));
  const metadata = metadataOf(typed);
  const head = view.entries.map(({ id, active }) => `${id}@${active}`).join();
  const { value: decision, error } = useLoaded(
    JSON.stringify([metadata, head, view.rules]),
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
              placeholder={field === 'industry' ? 'optional' : undefined}
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
      <p className="quiet">“Send it” asks the payables request below with this header, and logs what became of it.</p>
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

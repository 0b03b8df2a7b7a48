// A request sent to an adapter that is not its tenant's: it reads well, and the slice check and the log tell.
import { useState } from 'react';
import type { TenancyView } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { AnswerText, Verdicts } from './AnswerText';
import { entryText, entryTitle, entryTone } from './logView';
import { WorkButton, WorkState } from './parts';
import { shortHash } from './registryView';
import { misroutingWords, ruleKey } from './routingView';
import { misroute, useTenants } from './tenants';

export function WrongAdapter({ view }: { view: TenancyView }) {
  const [key, setKey] = useState<string>();
  const [adapter, setAdapter] = useState(42);
  const misrouted = useTenants((s) => s.misrouted);
  const rule =
    view.rules.find((one) => ruleKey(one) === key) ??
    view.rules.find(({ tenant_id }) => tenant_id === 'bank_A') ??
    view.rules[0];
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
            <select
              className="select"
              value={rule && ruleKey(rule)}
              onChange={(event) => setKey(event.currentTarget.value)}
            >
              {view.rules.map((one) => (
                <option key={ruleKey(one)} value={ruleKey(one)}>
                  {one.tenant_id}
                  {view.rules.some((other) => other !== one && other.tenant_id === one.tenant_id) &&
                    ` ${one.policy_version}`}
                </option>
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

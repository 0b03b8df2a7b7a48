// g as a table that a person edits: which adapter a header leads to; every change is checked and logged by the worker.
import { useState } from 'react';
import type { TenancyView } from '../../protocol/requests';
import type { RegistryEntry, RoutingRule } from '../../protocol/serving';
import { Card } from '../../ui/Card';
import { AdapterId, WorkState } from './parts';
import { adapterColor, shortHash } from './registryView';
import { FIELDS, policyOf, ruleKey, ruleOf, type TypedRule, typedRule } from './routingView';
import { editRules, useTenants } from './tenants';

const activeOf = (entry: RegistryEntry | undefined) => entry?.versions.find(({ version }) => version === entry.active);
interface Editing {
  /** The rule as it is; none: a new one. */
  was?: RoutingRule;
  typed: TypedRule;
}

export function RulesCard({ view }: { view: TenancyView }) {
  const ids = view.entries.map(({ id }) => id);
  const [editing, setEditing] = useState<Editing>();
  const isBusy = useTenants((s) => 'rules' in s.work);
  const edit = async (...[change]: Parameters<typeof editRules>) => {
    if (await editRules(change)) setEditing(undefined);
  };
  return (
    <Card
      title="i = g(z)"
      note="the request’s header chooses the adapter, and nothing is a default"
      actions={
        <>
          {!view.hasDefaultRules && (
            <button type="button" className="link" disabled={isBusy} onClick={() => void edit({ kind: 'reset' })}>
              Back to the defaults
            </button>
          )}
          <button type="button" className="button" onClick={() => setEditing({ typed: typedRule(undefined, ids[0]) })}>
            Add a rule
          </button>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="ad-scroll" aria-label="Routing rules" tabIndex={0}>
        <table className="data-table ad-rules flow-table">
          <thead>
            <tr>
              <th>z, the request’s header</th>
              <th>g(z)</th>
              <th>adapter</th>
              <th>answers with</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {view.rules.map((rule) => {
              const entry = view.entries.find(({ id }) => id === rule.adapter);
              const version = activeOf(entry);
              return (
                <tr key={ruleKey(rule)} className={editing?.was === rule ? 'on' : undefined}>
                  <td className="mono">
                    {rule.tenant_id} <span className="quiet">{rule.policy_version}</span>{' '}
                    <span className="quiet">{rule.industry ?? 'any industry'}</span>
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
                  <td>
                    <button
                      type="button"
                      className="link"
                      aria-label={`Change the rule for ${rule.tenant_id} ${rule.policy_version}`}
                      onClick={() => setEditing({ was: rule, typed: typedRule(rule, rule.adapter) })}
                    >
                      Change
                    </button>
                  </td>
                </tr>
              );
            })}
            <tr>
              <td className="quiet">anything else</td>
              <td>
                <span aria-hidden="true">→ </span>
                <span className="verdict warn">refused</span>
              </td>
              <td colSpan={3} className="quiet">
                a wrong policy would read as well as a right one
              </td>
            </tr>
          </tbody>
        </table>
      </section>
      {editing && (
        <form
          className="ad-rule-form"
          aria-label={editing.was ? 'Change the rule' : 'A new rule'}
          onSubmit={(event) => {
            event.preventDefault();
            const rule = ruleOf(editing.typed);
            void edit(editing.was ? { kind: 'change', was: editing.was, rule } : { kind: 'add', rule });
          }}
        >
          <div className="ad-row">
            {FIELDS.map((field) => (
              <label key={field} className="ad-header-field">
                <span className="mono">{field}</span>
                <input
                  className="field-input mono"
                  value={editing.typed[field]}
                  spellCheck={false}
                  placeholder={field === 'industry' ? 'any' : undefined}
                  onChange={(event) =>
                    setEditing({ ...editing, typed: { ...editing.typed, [field]: event.currentTarget.value } })
                  }
                />
              </label>
            ))}
            <label className="ad-header-field">
              <span>adapter</span>
              <select
                className="select"
                value={editing.typed.adapter}
                onChange={(event) =>
                  setEditing({ ...editing, typed: { ...editing.typed, adapter: event.currentTarget.value } })
                }
              >
                {view.entries.map(({ id, name }) => (
                  <option key={id} value={String(id)}>
                    {id} ({name})
                  </option>
                ))}
              </select>
            </label>
          </div>
          <div className="ad-row">
            <button type="submit" className="button primary" disabled={isBusy}>
              Save the rule
            </button>
            {editing.was && (
              <button
                type="button"
                className="button danger"
                disabled={isBusy}
                onClick={() => void edit({ kind: 'remove', was: editing.was! })}
              >
                Delete it
              </button>
            )}
            <button type="button" className="button" onClick={() => setEditing(undefined)}>
              Cancel
            </button>
          </div>
        </form>
      )}
      <WorkState name="rules" unit="rules" />
      <p className="quiet ad-foot">
        The base W is shared, the adapter aᵢ holds what is one tenant’s own: an answer comes from W plus aᵢ. The router
        reads the header alone, never the words of the request. A change to the rules is an entry in the log.
      </p>
    </Card>
  );
}

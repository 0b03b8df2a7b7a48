// The routing table that decides from an entry of the log on, as that entry keeps it.
import type { AuditEntry } from '../../protocol/serving';
import { shortHash } from './registryView';
import { ruleKey } from './routingView';

export function RulesFrom({ entry: { rules = [], rulesHash = '' } }: { entry: AuditEntry }) {
  return (
    <details>
      <summary>
        In force from here on,{' '}
        <span className="mono" title={rulesHash}>
          {shortHash(rulesHash)}
        </span>
      </summary>
      <ul className="ad-entries mono">
        {rules.map((rule) => (
          <li key={ruleKey(rule)}>
            {rule.tenant_id} {rule.policy_version} {rule.industry ?? 'any industry'} → {rule.adapter}
          </li>
        ))}
      </ul>
    </details>
  );
}

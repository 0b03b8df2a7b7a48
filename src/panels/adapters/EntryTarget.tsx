// Fields for where an adapter is to be registered: an entry of the registry, or a new one with whose requests it is for.
import type { RegistryEntry } from '../../protocol/serving';
import { Fault } from '../../ui/Fault';
import type { TypedTarget } from './entryTarget';

const FIELDS = ['id', 'name', 'tenant_id', 'policy_version', 'industry'] as const;
const HINTS: Partial<Record<(typeof FIELDS)[number], string>> = {
  tenant_id: 'any',
  policy_version: 'any',
  industry: 'any',
};

export function EntryTarget({
  entries,
  value,
  onChange,
  problem,
}: {
  entries: readonly RegistryEntry[];
  value: TypedTarget;
  onChange: (value: TypedTarget) => void;
  problem: string | undefined;
}) {
  return (
    <div className="ad-stack">
      <div className="ad-row">
        <label className="inline-field">
          next version of
          <select
            className="select"
            value={value.entry}
            onChange={(event) => onChange({ ...value, entry: event.currentTarget.value })}
          >
            <option value="">a new adapter</option>
            {entries.map(({ id, name }) => (
              <option key={id} value={String(id)}>
                {id} ({name})
              </option>
            ))}
          </select>
        </label>
      </div>
      {value.entry === '' && (
        <div className="ad-row">
          {FIELDS.map((field) => (
            <label key={field} className="ad-header-field">
              <span className="mono">{field}</span>
              <input
                className="field-input mono"
                value={value[field]}
                spellCheck={false}
                placeholder={HINTS[field]}
                onChange={(event) => onChange({ ...value, [field]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
      )}
      <Fault text={problem} />
    </div>
  );
}

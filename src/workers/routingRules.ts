// The routing table of a base, as a person edits it: one change at a time, checked as a whole, and in the routing log before it
// holds, with the table itself, so that a decision can be told from the rules that were in force.
import { checkRules, DEFAULT_RULES } from '../agent/routing';
import { ConfigError, StorageError } from '../lib/errors';
import { plural } from '../lib/words';
import type { RegistryEntry, RoutingRule, RuleEdit } from '../protocol/serving';
import type { AuditLog } from '../storage/auditLog';
import { canonicalJson, sha256 } from '../storage/hash';
import { exclusive, type Storage } from '../storage/storage';

const TABLE = 'routing-rules';
const FIELDS = ['tenant_id', 'policy_version', 'industry', 'adapter'] as const;

const isSame = (a: RoutingRule, b: RoutingRule): boolean => FIELDS.every((field) => a[field] === b[field]);
const words = ({ tenant_id, policy_version, industry, adapter }: RoutingRule): string =>
  `${tenant_id} ${policy_version}${industry === undefined ? '' : ` ${industry}`} → ${adapter}`;
/** Of a table; what the log's entry of a change has as rulesHash. */
export const rulesHash = (rules: readonly RoutingRule[]): Promise<string> => sha256(canonicalJson(rules));

export class RoutingRules {
  /** `key`: of the base. */
  constructor(
    private readonly storage: Pick<Storage, 'getValue' | 'setValue'>,
    private readonly log: Pick<AuditLog, 'append' | 'search'>,
    private readonly key: string,
  ) {}

  async current(): Promise<readonly RoutingRule[]> {
    return (await this.storage.getValue<RoutingRule[]>(TABLE, this.key)) ?? DEFAULT_RULES;
  }

  /** Logs the table that holds where the log ends on another: a tab was killed between a change's entry and the change. */
  settle(): Promise<void> {
    return exclusive(`rules/${this.key}`, () => this.correct());
  }
  private async correct(): Promise<void> {
    const rules = await this.current();
    const hash = await rulesHash(rules);
    const logged = (await this.log.search({ decision: 'rules' })).at(-1)?.rulesHash ?? (await rulesHash(DEFAULT_RULES));
    if (logged !== hash)
      await this.note(rules, hash, `The log ended on the rules ${logged.slice(0, 8)}, which were not stored and do not hold.`); // biome-ignore format: one call
  }

  /**
   * Makes one change and logs it. Throws ConfigError, in words, for a rule that is malformed, contradicts another, leads to no entry
   * of the registry or to another tenant's, and for one that is no longer there; nothing changes then.
   */
  edit(edit: RuleEdit, entries: readonly RegistryEntry[]): Promise<readonly RoutingRule[]> {
    return exclusive(`rules/${this.key}`, async () => {
      await this.correct();
      const before = await this.current();
      const after = edited(before, edit);
      checkRules(after);
      if (edit.kind === 'add' || edit.kind === 'change') checkAdapter(edit.rule, entries);
      const hash = await rulesHash(after);
      if (hash === (await rulesHash(before))) return before;
      // Logged first: what the log does not know must not route.
      const message = `${changeWords(edit)} ${plural(after.length, 'rule')} in force, in place of ${(await rulesHash(before)).slice(0, 8)}.`;
      await this.note(after, hash, message);
      try {
        await this.storage.setValue(TABLE, this.key, after);
      } catch (error) {
        const failed = `The change to ${hash.slice(0, 8)} could not be stored and does not hold.`;
        await this.note(before, await rulesHash(before), failed).catch((second: Error) => {
          throw new StorageError(`${failed} Nor could the log be told so: ${second.message} The next change, or opening the studio again, sets it right.`, { cause: error }); // biome-ignore format: one error
        });
        throw error;
      }
      return after;
    });
  }
  private note(rules: readonly RoutingRule[], hash: string, message: string) {
    const requestId = `rules-${hash.slice(0, 8)}`;
    return this.log.append([
      { requestId, metadata: {}, decision: 'rules', rules: [...rules], rulesHash: hash, message },
    ]);
  }
}

function edited(rules: readonly RoutingRule[], edit: RuleEdit): RoutingRule[] {
  if (edit.kind === 'reset') return [...DEFAULT_RULES];
  if (edit.kind === 'add') return [...rules, plain(edit.rule)];
  const at = rules.findIndex((rule) => isSame(rule, edit.was));
  if (at < 0)
    throw new ConfigError(`The rule ${words(edit.was)} is no longer in force: another tab has changed it. Look at the rules again.`, { where: 'rules' }); // biome-ignore format: one error
  return rules.flatMap((rule, i) => (i !== at ? [rule] : edit.kind === 'change' ? [plain(edit.rule)] : []));
}
/** The fields of a rule and no others; an industry that is not said is left out. */
const plain = ({ tenant_id, policy_version, industry, adapter }: RoutingRule): RoutingRule => ({
  tenant_id,
  policy_version,
  ...(industry !== undefined && { industry }),
  adapter,
});

function checkAdapter({ tenant_id: tenant, adapter }: RoutingRule, entries: readonly RegistryEntry[]): void {
  const entry = entries.find(({ id }) => id === adapter);
  if (!entry)
    throw new ConfigError(`The rule for ${tenant} leads to adapter ${adapter}, which is not in the registry. It has ${entries.map(({ id }) => id).join(', ') || 'none yet'}. Register the adapter first, or correct the id.`, { where: 'adapter' }); // biome-ignore format: one error
  const owner = entry.metadata.tenant_id;
  if (owner !== undefined && owner !== tenant)
    throw new ConfigError(`Adapter ${adapter} (${entry.name}) is registered for ${owner}, and the rule is ${tenant}’s: its answers would follow another tenant’s policy. Choose an adapter of ${tenant}, or register one for it.`, { where: 'adapter' }); // biome-ignore format: one error
}

function changeWords(edit: RuleEdit): string {
  if (edit.kind === 'reset') return 'Rules set back to the defaults.';
  if (edit.kind === 'add') return `Rule added: ${words(edit.rule)}.`;
  return edit.kind === 'remove' ? `Rule deleted: ${words(edit.was)}.` : `Rule changed: ${words(edit.was)} is now ${words(edit.rule)}.`; // biome-ignore format: one choice
}

// Where an adapter is to be registered, as typed: the next version of an entry, or an entry of its own.
import { typedNumber } from '../../lib/fields';
import type { RegistryEntry, RequestMetadata } from '../../protocol/serving';

export interface TypedTarget {
  /** Id of an entry; empty: a new one. */
  entry: string;
  id: string;
  name: string;
  tenant_id: string;
  policy_version: string;
  industry: string;
}
export interface Target {
  id: number;
  name?: string;
  metadata?: RequestMetadata;
}
const METADATA = ['tenant_id', 'policy_version', 'industry'] as const;

/** The entry of that name where there is one, else a new one under the next free id. */
export function startTarget(entries: readonly RegistryEntry[], name: string): TypedTarget {
  const own = entries.find((entry) => entry.name === name);
  const next = Math.max(0, ...entries.map(({ id }) => id)) + 1;
  return {
    ...{ entry: own ? String(own.id) : '', id: String(next), name },
    ...{ tenant_id: '', policy_version: '', industry: '' },
  };
}

/** What is typed as a target, or what is wrong with it. */
export function targetOf(typed: TypedTarget, entries: readonly RegistryEntry[]): Target | { problem: string } {
  if (typed.entry !== '') return { id: Number(typed.entry) };
  const id = typedNumber(typed.id);
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
    return {
      problem: `The id of a new adapter must be a whole number from 0 on, got ${typed.id.trim() || 'nothing'}.`,
    };
  const taken = entries.find((entry) => entry.id === id);
  if (taken) return { problem: `Adapter ${id} is ${taken.name} already. Choose it above, or another id.` };
  const metadata: RequestMetadata = {};
  for (const field of METADATA) {
    const value = typed[field].trim();
    if (/[\s,]/.test(value)) return { problem: `${field} must be one name without blanks and commas, got “${value}”.` };
    if (value !== '') metadata[field] = value;
  }
  return { id, ...(typed.name.trim() && { name: typed.name.trim() }), metadata };
}

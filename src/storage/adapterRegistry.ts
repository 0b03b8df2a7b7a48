// The adapters that may be served beside one base: numbered entries with versions, of which one at a time is active. Versions
// are immutable artifacts, so a rollback moves a number and nothing else; what was active when is kept for good.
import { ConfigError } from '../lib/errors';
import { plural } from '../lib/words';
import type {
  AdapterVersion,
  RegistryChange,
  RegistryEntry,
  RegressionCheck,
  RequestMetadata,
  ServedVersion,
} from '../protocol/serving';
import { type ArtifactStore, shortId } from './artifacts';
import { exclusive, type Storage } from './storage';

/** One value for a base, so that each change is written whole or not at all. */
export const REGISTRY_TABLE = 'adapter-registry';

export class AdapterRegistry {
  /**
   * `baseId`: artifact id of the base. Each base has a registry of its own. `note` is told of what serves from now on before it does,
   * and of a change that then could not be stored.
   */
  constructor(
    private readonly storage: Pick<Storage, 'getValue' | 'setValue'>,
    private readonly artifacts: ArtifactStore,
    private readonly now: () => number,
    readonly baseId: string,
    private readonly note?: (entry: RegistryEntry, change: RegistryChange, isStored: boolean) => Promise<unknown>,
  ) {}

  /** Ordered by id. */
  async list(): Promise<RegistryEntry[]> {
    return (await this.storage.getValue<RegistryEntry[]>(REGISTRY_TABLE, this.baseId)) ?? [];
  }
  /** Throws ConfigError naming the ids that there are. */
  async get(id: number): Promise<RegistryEntry> {
    return find(await this.list(), id);
  }
  /** The active version of each entry that has one. */
  async active(): Promise<Map<number, ServedVersion>> {
    const served = new Map<number, ServedVersion>();
    for (const entry of await this.list())
      if (entry.active !== null)
        served.set(entry.id, { ...versionOf(entry, entry.active), tenant: entry.metadata.tenant_id });
    return served;
  }

  /** An entry without versions. Throws ConfigError when the id is taken or is none. */
  create(id: number, name: string, metadata: RequestMetadata): Promise<RegistryEntry> {
    return this.change((entries) => {
      if (!Number.isInteger(id) || id < 0)
        throw new ConfigError(`An adapter id must be a whole number from 0 on, got ${id}.`, { where: 'id' });
      const taken = entries.find((entry) => entry.id === id);
      if (taken)
        throw new ConfigError(
          `Adapter ${id} is ${taken.name} already. Add a version to it, or choose an id other than ${entries.map((entry) => entry.id).join(', ')}.`,
          { where: 'id' },
        );
      const entry: RegistryEntry = { id, name, metadata, versions: [], active: null, history: [] };
      entries.push(entry);
      entries.sort((a, b) => a.id - b.id);
      return entry;
    });
  }

  /**
   * Puts an adapter artifact under the entry as its next version; nothing is served by it yet. Throws CheckpointError when the
   * artifact is not there or damaged, ConfigError when it is no adapter, belongs to another base, or is a version already.
   */
  addVersion(id: number, artifactId: string, { note }: { note?: string } = {}): Promise<AdapterVersion> {
    return this.change(async (entries) => {
      const entry = find(entries, id);
      await this.checkArtifact(artifactId);
      const known = entry.versions.find((version) => version.artifactId === artifactId);
      if (known)
        throw new ConfigError(
          `${shortId(artifactId)} is version ${known.version} of adapter ${id} already. Activate that one.`,
          { where: artifactId },
        );
      const version: AdapterVersion = {
        version: (entry.versions.at(-1)?.version ?? 0) + 1,
        artifactId,
        baseId: this.baseId,
        createdAt: this.now(),
        ...(note !== undefined && { note }),
      };
      entry.versions.push(version);
      return version;
    });
  }
  /** Throws as `addVersion` does for an artifact that no entry may hold. */
  async checkArtifact(artifactId: string): Promise<void> {
    await this.artifacts.verify(artifactId);
    const { manifest, name } = (await this.artifacts.get(artifactId))!;
    const refuse = (message: string): never => {
      throw new ConfigError(message, { where: artifactId });
    };
    if (manifest.kind !== 'adapter')
      refuse(`${name} (${shortId(artifactId)}) is a ${manifest.kind}, not an adapter. Choose an adapter.`);
    const { base } = manifest.parents;
    if (base === undefined)
      refuse(
        `The adapter ${name} does not say which base it was trained on, and this registry serves ${shortId(this.baseId)}. Import its files under Adapters, Registry, which asks for the base.`,
      );
    if (base !== this.baseId)
      refuse(
        `The adapter ${name} was trained on the base ${shortId(base!)}, and this registry serves ${shortId(this.baseId)}. These are hashes of the two models’ files: the weights differ, so the adapter’s update would be added to numbers it was not learnt for. Train it on this base.`,
      );
  }

  /** Keeps what a version's regression check found; activation asks for it. */
  recordCheck(id: number, version: number, checks: RegressionCheck): Promise<AdapterVersion> {
    return this.change((entries) => Object.assign(versionOf(find(entries, id), version), { checks }));
  }

  /**
   * Serves this version from now on. It needs a passed regression check against the active one, the first of an entry against the
   * bare base; or `override`: why it is activated all the same, which the history keeps. Throws ConfigError in words otherwise, CheckpointError
   * when the artifact is no longer whole; then nothing changes.
   */
  activate(id: number, version: number, { override }: { override?: string } = {}): Promise<RegistryEntry> {
    return this.move(id, async (entry) => {
      const wanted = versionOf(entry, version);
      if (entry.active === version) return undefined;
      const problem = activationProblem(entry, wanted);
      if (problem && !override?.trim()) throw new ConfigError(problem, { where: `adapter ${id}, version ${version}` });
      await this.artifacts.verify(wanted.artifactId);
      return {
        at: this.now(),
        action: 'activate',
        from: entry.active,
        to: version,
        ...(problem && { override }),
      };
    });
  }

  /**
   * Serves the version that was active before the present one again; repeated, it goes further back. Throws ConfigError when there
   * is none, CheckpointError when its artifact is no longer whole; then nothing changes.
   */
  rollback(id: number): Promise<RegistryEntry> {
    return this.move(id, async (entry) => {
      const to = before(entry);
      if (to === undefined)
        throw new ConfigError(
          `Adapter ${id} (${entry.name}) has no version that was active before ${entry.active === null ? 'any' : `version ${entry.active}`}. There is nothing to roll back to.`,
          { where: `adapter ${id}` },
        );
      await this.artifacts.verify(versionOf(entry, to).artifactId);
      return { at: this.now(), action: 'rollback', from: entry.active, to };
    });
  }

  /** Another version serves, by the change that `decide` makes of the entry; undefined: it stays as it is. */
  private move(
    id: number,
    decide: (entry: RegistryEntry) => Promise<RegistryChange | undefined>,
  ): Promise<RegistryEntry> {
    return exclusive(`registry/${this.baseId}`, async () => {
      const entries = structuredClone(await this.list());
      const entry = find(entries, id);
      const change = await decide(entry);
      if (!change) return entry;
      entry.history.push(change);
      entry.active = change.to;
      // Logged first: what the log does not know must not serve.
      await this.note?.(entry, change, true);
      try {
        await this.storage.setValue(REGISTRY_TABLE, this.baseId, entries);
      } catch (error) {
        await this.note?.(entry, change, false);
        throw error;
      }
      return entry;
    });
  }

  /** One change after the other; written only when `edit` did not throw. */
  private change<T>(edit: (entries: RegistryEntry[]) => T | Promise<T>): Promise<T> {
    return exclusive(`registry/${this.baseId}`, async () => {
      const entries = structuredClone(await this.list());
      const result = await edit(entries);
      await this.storage.setValue(REGISTRY_TABLE, this.baseId, entries);
      return result;
    });
  }
}

function find(entries: readonly RegistryEntry[], id: number): RegistryEntry {
  const entry = entries.find((one) => one.id === id);
  if (!entry)
    throw new ConfigError(
      `There is no adapter ${id} in the registry. It has ${entries.map((one) => one.id).join(', ') || 'none yet'}.`,
      { where: `adapter ${id}` },
    );
  return entry;
}
function versionOf(entry: RegistryEntry, version: number): AdapterVersion {
  const found = entry.versions.find((one) => one.version === version);
  if (!found)
    throw new ConfigError(
      `Adapter ${entry.id} (${entry.name}) has no version ${version}. It has ${entry.versions.map((one) => one.version).join(', ') || 'none yet'}.`,
      { where: `adapter ${entry.id}` },
    );
  return found;
}

/** The version under the active one on the stack of activations: each rollback takes the top away. */
function before({ history }: RegistryEntry): number | undefined {
  const stack: number[] = [];
  for (const { action, to } of history) {
    if (action === 'activate') stack.push(to);
    else stack.pop();
  }
  return stack.at(-2);
}

/** Why a version may not be activated without an override; undefined: it may. */
function activationProblem(entry: RegistryEntry, wanted: AdapterVersion): string | undefined {
  const present = entry.active === null ? undefined : versionOf(entry, entry.active);
  const { checks } = wanted;
  const who = `Version ${wanted.version} of adapter ${entry.id} (${entry.name})`;
  const other = present ? `version ${present.version}` : 'the bare base';
  if (!checks || checks.against !== (present?.artifactId ?? wanted.baseId))
    return `${who} has not been compared with ${other}${present ? ', which is active' : ', as the first of an entry must be'}. Run the regression check first.`;
  if (checks.passes) return undefined;
  const { regressions, allowance, right, cases, others = [] } = checks;
  const remedy = 'Train it again, or say why it is to be served all the same.';
  if (right && regressions.length <= allowance) {
    const own = `${who} decides ${right.after} of ${plural(cases, 'case')} as its tenant does`;
    // The conditions of regressionCheck, in its order.
    const isPerfect = right.after === cases;
    if (!isPerfect && right.after <= right.before)
      return `${own}, and ${other} ${right.before}: it is of no help to this tenant. ${remedy}`;
    const better = others.find((one) => one.right / one.cases >= right.after / cases);
    if (!isPerfect && better)
      return `${own}, and ${better.right} of ${better.cases} as ${better.tenant} does: it is not this tenant’s adapter. ${remedy}`;
    return `${own}, and was checked by a rule that failed it all the same. Run the regression check again.`;
  }
  const named = regressions.slice(0, 3).join(', ') + (regressions.length > 3 ? ', …' : '');
  return `${who} fails ${plural(regressions.length, 'case')} that ${other} passes (${named}); the allowance is ${allowance}. ${remedy}`;
}

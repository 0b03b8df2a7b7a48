// Adapters of many tenants over one base, as the page works with them: registry, routing, measured slices, replayed traces and
// the routing log. The base is micro after SFT, with the three adapters that ship.
import { DEFAULT_RULES, route } from '../agent/routing';
import { type AdapterKey, adapterKey, replay, type ServingOptions, type TraceRequest } from '../agent/serving';
import { encodeCase, evaluateCases, type Sampler } from '../eval/evaluate';
import { findMetrics } from '../eval/registry';
import {
  type CaseOutcomes,
  caseOutcomes,
  regressionCheck,
  type TenantMatrix,
  tenantMatrix,
} from '../eval/tenantMatrix';
import { CancelledError, ConfigError } from '../lib/errors';
import { count } from '../lib/words';
import { tensorsOf } from '../nn/adapterSet';
import { generate } from '../nn/generate';
import { type LogitDifference, logitDifference } from '../nn/logitDifference';
import { mergeLora } from '../nn/lora';
import type { ModelEngine } from '../nn/seam';
import type { Message } from '../protocol/chat';
import type { KeptMeasures, ServedAnswer, TenancyView } from '../protocol/requests';
import type {
  AdapterVersion,
  AuditDraft,
  AuditEntry,
  AuditVerdict,
  CheckedCase,
  RegistryChange,
  RegistryEntry,
  RegressionCheck,
  RequestMetadata,
  RoutingDecision,
  RoutingRule,
  RuleEdit,
  ServingReport,
  SliceCheck,
} from '../protocol/serving';
import { AdapterRegistry } from '../storage/adapterRegistry';
import { ArtifactStore } from '../storage/artifacts';
import { type AuditHead, AuditLog, type AuditQuery, verifyExport } from '../storage/auditLog';
import { artifactId, canonicalJson, manifestOf } from '../storage/hash';
import { ServingMeasures } from '../storage/servingMeasures';
import { exclusive, type Storage } from '../storage/storage';
import { caseOf, type EvaluationCase } from '../world/cases';
import { gradeTurn } from '../world/grade';
import { builtinWorld } from '../world/registry';
import { metadataOf, TENANTS, type Tenant } from '../world/state';
import { chapterItem, tenantCases } from '../world/tenant/rows';
import { servingTrace } from '../world/tenant/trace';
import { EngineAdapterServer } from './adapterServer';
import type { DeviceQueue } from './deviceQueue';
import { type ModelSource, type Models, wholeFiles } from './models';
import type { RenderContexts } from './renderContexts';
import { RoutingRules, rulesHash } from './routingRules';
import { ServingBase } from './servingBase';

/** The verdict that a slice is about: the answer decides as this tenant's policy does. */
const SLICE_METRIC = 'tenant_policy_correct';
export const MAX_NEW_TOKENS = 112;
/** Cases of a check that are kept in words with the version. */
const MOST_ANSWERS = 40;
/** Under this name the last replay is kept; a matrix under that of its metric. */
export const REPLAY = 'replay';
const shipped = (tenant: Tenant['id']): string => `builtin:adapters/${tenant}`;

export interface TenancyEnvironment {
  storage: Storage;
  models: Models;
  contexts: RenderContexts;
  queue: DeviceQueue;
  now: () => number;
  /** Milliseconds, monotonic. */
  clock: () => number;
  newId: () => string;
  /** Ref of the shared base. */
  base?: string;
  /** How long the base stays on the device for a next request, ms. */
  servingIdleMs?: number;
  /** The device in words, beside what is measured on it. */
  device: () => string;
  /** Whether a run has an engine on the device: the base then leaves sooner. */
  isTraining?: () => boolean;
}
/** What a shipped adapter's report says of its regression check; `artifact`: of the adapter that was checked. */
type ShippedCheck = RegressionCheck & { artifact: string };
/** Runs work alone on the device; the engine may not be used after it. */
type OnEngine = <T>(work: (engine: ModelEngine) => Promise<T>) => Promise<T>;
interface Working {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export class Tenancy {
  private readonly artifacts: ArtifactStore;
  private readonly log: AuditLog;
  /** Whoever works with the base, or wants its memory, asks here: it is the one engine of it. */
  readonly serving: ServingBase;
  private readonly baseRef: string;
  private readonly table: RoutingRules;
  private opened?: Promise<AdapterRegistry>;

  constructor(private readonly env: TenancyEnvironment) {
    this.artifacts = new ArtifactStore(env.storage, env.now);
    this.log = new AuditLog(env.storage, env.now);
    const { queue, models, servingIdleMs: idleMs, isTraining } = env;
    this.serving = new ServingBase({ queue, newEngine: (base) => models.newEngine(base), idleMs, isTraining });
    this.baseRef = env.base ?? 'builtin:micro-sft';
    this.table = new RoutingRules(env.storage, this.log, this.baseRef);
  }

  registry(): Promise<AdapterRegistry> {
    this.opened ??= this.open();
    this.opened.catch(() => {
      this.opened = undefined; // the next request tries again
    });
    return this.opened;
  }
  /** The registry of the base; the first time with the adapters that ship, each as version 1 of its entry. */
  private async open(): Promise<AdapterRegistry> {
    const { models, storage, now } = this.env;
    const base = await models.source(this.baseRef);
    const registry = new AdapterRegistry(storage, this.artifacts, now, base.info.artifactId, (...about) =>
      this.log.append([registryDraft(...about)]),
    );
    await exclusive(`registry-seed/${registry.baseId}`, () => this.seed(registry)); // several tabs may open it at once
    await this.table.settle().catch(() => undefined); // what is only looked at need not wait for a log that can be written
    return registry;
  }
  /** What a killed tab, or a file that could not be read, left out or half done comes the next time. */
  private async seed(registry: AdapterRegistry): Promise<void> {
    const { models } = this.env;
    const entries = new Map((await registry.list()).map((entry) => [entry.id, entry]));
    for (const tenant of TENANTS) {
      const id = DEFAULT_RULES.find((rule) => rule.tenant_id === tenant.id)!.adapter;
      const entry = entries.get(id) ?? (await registry.create(id, tenant.id, metadataOf(tenant)));
      if (entry.history.length > 0) continue;
      const source = await models.source(shipped(tenant.id)).catch(() => undefined); // not shipped beside this base
      if (source?.baseId !== registry.baseId) continue;
      const { artifactId, report } = source.info;
      const present = entry.versions.find((one) => one.artifactId === artifactId);
      if (!present && entry.versions.length > 0) continue; // a person has begun with another adapter
      // Checked when it was made; one whose check is of other files waits for its own.
      const check = report?.check as unknown as ShippedCheck | undefined;
      const passes = check?.artifact === artifactId && check.against === registry.baseId && check.passes;
      if (present && !passes) continue;
      await source.keep?.();
      const { version, checks: found } = present ?? (await registry.addVersion(id, artifactId, { note: 'ships with the studio' })); // biome-ignore format: one choice
      if (!passes) continue;
      const { artifact: _artifact, ...checks } = check;
      if (!found) await registry.recordCheck(id, version, checks);
      else if (canonicalJson(found) !== canonicalJson(checks)) continue; // who has checked it here decides what it serves
      await registry.activate(id, version);
    }
  }
  /** The shared base. */
  base(signal?: AbortSignal): Promise<ModelSource> {
    return this.env.models.source(this.baseRef, undefined, signal);
  }
  /** What a decision is made by at this moment. */
  private async inForce() {
    const active = await (await this.registry()).active();
    const rules = await this.table.current();
    return { active, rules, rulesHash: await rulesHash(rules) };
  }
  async editRules(edit: RuleEdit): Promise<readonly RoutingRule[]> {
    return this.table.edit(edit, await (await this.registry()).list());
  }

  async view(): Promise<TenancyView> {
    const registry = await this.registry();
    const { info } = await this.env.models.source(this.baseRef);
    const entries = await registry.list();
    const rules = await this.table.current();
    const bytes: Record<string, number> = {};
    for (const { artifactId } of entries.flatMap(({ versions }) => versions))
      bytes[artifactId] = (await this.artifacts.get(artifactId))?.sizeBytes ?? 0;
    return {
      base: { ref: this.baseRef, name: info.name, artifactId: info.artifactId, sizeBytes: info.sizeBytes },
      entries,
      bytes,
      rules: [...rules],
      hasDefaultRules: (await rulesHash(rules)) === (await rulesHash(DEFAULT_RULES)),
      log: await this.log.head(),
      chapterMessages: caseOf(chapterItem(builtinWorld(), TENANTS[0]!.id), 0).messages, // the same for every tenant
    };
  }
  /** Runs `measure` and keeps what it finds, as a figure of what served when it began. `name`: `replay`, or of a matrix. */
  async measured<T>(name: string, measure: () => Promise<T>): Promise<T> {
    const measures = await this.measures();
    const basis = (await this.basis())(name);
    const value = await measure();
    await measures.keep(name, { value, at: this.env.now(), on: this.env.device() }, basis);
    return value;
  }
  /** What still holds of it. */
  async keptMeasures(): Promise<KeptMeasures> {
    const { [REPLAY]: replay, ...matrices } = await (await this.measures()).current(await this.basis());
    return { matrices: Object.values(matrices), ...(replay && { replay }) } as KeptMeasures;
  }
  private async measures(): Promise<ServingMeasures> {
    return new ServingMeasures(this.env.storage, (await this.registry()).baseId);
  }
  /** What a figure depends on: the adapters that serve, and where requests are routed. */
  private async basis(): Promise<(name: string) => string> {
    const { active, rulesHash: rules } = await this.inForce();
    const adapters = [...active].map(([id, { artifactId: artifact, tenant }]) => ({ id, artifact, ...(tenant !== undefined && { tenant }) })); // biome-ignore format: one list
    return (name) => canonicalJson(name === REPLAY ? { adapters, rules } : { adapters });
  }
  /** What the router would do with a request; nothing is served, so nothing is logged. */
  async preview(metadata: RequestMetadata): Promise<RoutingDecision> {
    const { rules, active } = await this.inForce();
    return route(metadata, rules, active);
  }

  /**
   * Puts the adapter of a model ref under an entry as its next version; a new entry where `id` is not there. Throws ConfigError for a
   * ref without an adapter, or one of another base.
   */
  async register(
    id: number,
    ref: string,
    about: { name?: string; metadata?: RequestMetadata; note?: string },
  ): Promise<RegistryEntry> {
    return this.registerArtifact(id, await this.env.models.keepAdapter(ref), about);
  }
  /** The same of an artifact that is stored. */
  private async registerArtifact(
    id: number,
    artifactId: string,
    about: { name?: string; metadata?: RequestMetadata; note?: string },
  ): Promise<RegistryEntry> {
    const registry = await this.registry();
    await registry.checkArtifact(artifactId); // before an entry is made for it
    const entries = await registry.list();
    if (!entries.some((entry) => entry.id === id))
      await registry.create(id, about.name?.trim() || `adapter ${id}`, about.metadata ?? {});
    await registry.addVersion(id, artifactId, { note: about.note });
    return registry.get(id);
  }
  /** The same of an adapter's files, which are kept; when the registry refuses them, only if they were there before. */
  async registerFiles(
    id: number,
    files: Record<string, Uint8Array>,
    { name, parents }: { name: string; parents: Record<string, string> },
    about: { name?: string; metadata?: RequestMetadata; note?: string },
  ): Promise<RegistryEntry> {
    const artifact = await artifactId(await manifestOf('adapter', files, parents));
    const isKnown = (await this.artifacts.get(artifact)) !== undefined;
    await this.artifacts.put('adapter', files, { name, parents });
    try {
      return await this.registerArtifact(id, artifact, about);
    } catch (error) {
      const entries = await (await this.registry()).list(); // another tab may have registered it meanwhile
      if (!isKnown && !entries.some(({ versions }) => versions.some((one) => one.artifactId === artifact)))
        await this.artifacts.remove(artifact);
      throw error;
    }
  }
  async activate(id: number, version: number, override?: string): Promise<RegistryEntry> {
    return (await this.registry()).activate(id, version, { override });
  }
  async rollback(id: number): Promise<RegistryEntry> {
    return (await this.registry()).rollback(id);
  }

  /** Runs `task` with samplers of adapter versions, and of the bare base where none is named, all of them beside the base that stays on the device. */
  private async withAdapters<T>(
    versions: readonly AdapterVersion[],
    { signal }: Working,
    task: (sampler: (artifactId?: string) => Sampler, onEngine: OnEngine) => Promise<T>,
  ): Promise<T> {
    const { models, queue } = this.env;
    // Versions of two entries may be one artifact, which lies on the device once.
    const ids = [...new Set(versions.map(({ artifactId }) => artifactId))];
    const loaded = await Promise.all(ids.map((id) => models.loadAdapter(id)));
    const base = await models.source(this.baseRef, undefined, signal);
    const onEngine: OnEngine = (work) => this.serving.use(base, loaded, work, signal);
    const samplerOf =
      (artifactId?: string): Sampler =>
      (prompts, { max_new_tokens, stopIds }) =>
        onEngine((engine) =>
          generate(engine, {
            prompts,
            stopIds,
            signal,
            rowAdapter: new Int32Array(prompts.length).fill(artifactId === undefined ? -1 : ids.indexOf(artifactId)),
            yieldToOthers: () => queue.giveWay(),
            sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens, seed: 0 },
          }),
        );
    return task(samplerOf, onEngine);
  }
  private async context() {
    return { world: builtinWorld(), render: await this.env.contexts.ofSource() };
  }
  private slices(cases: number, seed: number, split: 'dev' | 'heldout') {
    return TENANTS.map(({ id }) => ({ tenant: id, cases: tenantCases(builtinWorld(), { tenant: id, n: cases, seed, split }) })); // biome-ignore format: one list
  }
  /** Entries that serve a tenant of the world, with the version that is active. */
  private async served(): Promise<{ entry: RegistryEntry; version: AdapterVersion; tenant: Tenant['id'] }[]> {
    const registry = await this.registry();
    const active = await registry.active();
    const found = (await registry.list()).flatMap((entry) => {
      const version = active.get(entry.id);
      const tenant = TENANTS.find(({ id }) => id === entry.metadata.tenant_id)?.id;
      return version && tenant ? [{ entry, version, tenant }] : [];
    });
    if (found.length === 0)
      throw new ConfigError('No adapter is active. Train the tenants’ adapters and register them, or install those that ship.'); // biome-ignore format: one sentence
    return found;
  }

  /** Every active adapter on every tenant's held-out slice. */
  async matrix(
    { cases, seed, metric = SLICE_METRIC }: { cases: number; seed: number; metric?: string },
    working: Working,
  ): Promise<TenantMatrix> {
    const served = await this.served();
    const context = await this.context();
    return this.withAdapters(
      served.map(({ version }) => version),
      working,
      (sampler) =>
        tenantMatrix(
          served.map(({ entry, version, tenant }) => ({
            adapterId: entry.id,
            tenant,
            sampler: sampler(version.artifactId),
          })),
          this.slices(cases, seed, 'heldout'),
          { metric, seed, max_new_tokens: MAX_NEW_TOKENS, ...working },
          context,
        ),
    );
  }

  /**
   * The regression suite of a version against the one that is active, on its tenant's dev slice; kept with the version. Where none
   * is active, against the bare base, and on the other tenants' slices too, which the adapter must not know better than its own.
   */
  async check(
    id: number,
    version: number,
    { cases, seed, allowance }: { cases: number; seed: number; allowance: number },
    working: Working,
  ): Promise<AdapterVersion> {
    const registry = await this.registry();
    const entry = await registry.get(id);
    const active = entry.versions.find((one) => one.version === entry.active);
    const next = entry.versions.find((one) => one.version === version);
    if (!next || active === next)
      throw new ConfigError(
        `A regression check compares a version of adapter ${id} with the active one; ${next ? `version ${version} is the active one` : `there is no version ${version}`}.`,
        { where: `adapter ${id}` },
      );
    const slices = this.slices(cases, seed, 'dev');
    const own = slices.find(({ tenant }) => tenant === entry.metadata.tenant_id);
    if (!own)
      throw new ConfigError(
        `There are no cases of the tenant ${JSON.stringify(entry.metadata.tenant_id ?? '')}: a check needs ${TENANTS.map((t) => t.id).join(', ')}.`,
        { where: `adapter ${id}` },
      );
    const others = active ? [] : slices.filter((slice) => slice !== own);
    const context = await this.context();
    const metric = findMetrics([SLICE_METRIC])[0]!;
    const { signal, onProgress } = working;
    let parts = 0;
    return this.withAdapters(active ? [active, next] : [next], working, async (sampler) => {
      const outcomesOf = async (one: AdapterVersion | undefined, slice: typeof own) => {
        const part = parts++;
        const { graded, cases: said } = await evaluateCases(
          slice.cases,
          {
            metrics: [SLICE_METRIC],
            seed,
            promptStyle: 'plain',
            max_new_tokens: MAX_NEW_TOKENS,
            signal,
            onProgress: (done, total) => onProgress?.(part * total + done, (2 + others.length) * total),
          },
          { ...context, sampler: sampler(one?.artifactId) },
        );
        return { outcomes: caseOutcomes(graded, metric), said };
      };
      const [first, second] = [await outcomesOf(active, own), await outcomesOf(next, own)];
      const [before, after] = [first.outcomes, second.outcomes];
      const elsewhere: Record<string, CaseOutcomes> = {};
      for (const slice of others) elsewhere[slice.tenant] = (await outcomesOf(next, slice)).outcomes;
      const against = active?.artifactId ?? registry.baseId;
      const checks = regressionCheck(before, after, { against, allowance, ...(!active && { others: elsewhere }) });
      const stillFail = Object.keys(after).filter((caseId) => !before[caseId] && !after[caseId]);
      const shown = [...checks.regressions, ...checks.fixed, ...stillFail].slice(0, MOST_ANSWERS);
      const answers = shown.map((caseId): CheckedCase => {
        const [was, is] = [first, second].map(({ said }) => said.find((one) => one.caseId === caseId)!);
        return { caseId, request: is!.prompt, expected: is!.expected, before: was!.output, after: is!.output };
      });
      return registry.recordCheck(id, version, { ...checks, answers });
    });
  }

  /**
   * One request, routed, logged, answered and looked at as its tenant would. `messages`: the chapter's request unless given.
   * `misrouteTo`: what would happen if the router sent it to this adapter instead; logged as a check of that adapter's answer.
   */
  async answer(
    metadata: RequestMetadata,
    { messages, misrouteTo, requestId }: { messages?: Message[]; misrouteTo?: number; requestId: string },
    working: Working,
  ): Promise<ServedAnswer> {
    const { rules, rulesHash: hash, active } = await this.inForce();
    const decision = route(metadata, rules, active);
    const about = { requestId, metadata };
    const made = { ...about, rulesHash: hash };
    if (decision.decision === 'refused') {
      const { reason, message } = decision;
      await this.log.append([{ ...made, decision: 'refused', reason, message }]);
      return { decision };
    }
    const adapterId = misrouteTo ?? decision.adapterId;
    const version = active.get(adapterId);
    if (!version)
      throw new ConfigError(`Adapter ${adapterId} has no active version, so it cannot answer.`, { where: `adapter ${adapterId}` }); // biome-ignore format: one error
    const { version: number, artifactId } = version;
    const chosen = active.get(decision.adapterId)!;
    const routed = { ...made, decision: 'routed' as const, adapterId: decision.adapterId, version: chosen.version, artifactId: chosen.artifactId }; // biome-ignore format: one entry
    // What the router decided is logged as it is; that the answer came from another adapter stands in an entry of its own.
    const message = `Sent to adapter ${adapterId} by hand; the router chose ${decision.adapterId}.`;
    await this.log.append([
      routed,
      ...(adapterId === decision.adapterId
        ? []
        : [{ ...made, decision: 'misrouted' as const, adapterId, version: number, artifactId, message }]),
    ]);
    const tenant = TENANTS.find(({ id }) => id === metadata.tenant_id)?.id;
    const item = tenant && !messages ? caseOf(chapterItem(builtinWorld(), tenant), 0) : undefined;
    const context = await this.context();
    const served = this.withAdapters([version], working, async (sampler) => {
      const given = item ?? freeCase(messages ?? []);
      const run = { ...context, sampler: sampler(artifactId) };
      const encoded = encodeCase(given, 'plain', 1, run);
      const most = (await this.base()).info.config.max_position_embeddings;
      if (encoded.ids.length >= most)
        throw new ConfigError(`The request has ${count(encoded.ids.length)} tokens with its context and template, and the base reads fewer than ${count(most)}. Shorten it.`, { where: 'request' }); // biome-ignore format: one error
      const [row] = await run.sampler([encoded.ids], { max_new_tokens: MAX_NEW_TOKENS, stopIds: encoded.stopIds });
      const { ids, terminated } = row!;
      const text = context.render.tokenizer.decode(terminated ? ids.slice(0, -1) : ids);
      const check = item && sliceCheck(item, text);
      if (check)
        await this.log.append([{ ...about, decision: 'checked', adapterId, version: number, artifactId, check }]);
      return {
        decision,
        adapterId,
        version: number,
        text,
        terminated,
        ...(item && {
          expected: item.expected,
          verdicts: { ...gradeTurn(item.truth, text, item.expected, item.lastUser) },
        }),
        ...(check && { check }),
      };
    });
    try {
      return await served;
    } catch (error) {
      const why = error instanceof CancelledError ? 'Stopped by hand before it was answered.' : `It got no answer. ${(error as Error).message}`; // biome-ignore format: one choice
      await this.log.append([{ ...about, decision: 'failed', adapterId, version: number, artifactId, message: why }]);
      throw error;
    }
  }

  /**
   * The active version of an entry beside its base, and merged into it: how far the two are apart on the chapter's request with the
   * right answer of the entry's tenant.
   */
  async mergeDifference(id: number, { signal }: Working): Promise<LogitDifference> {
    const { models } = this.env;
    const registry = await this.registry();
    const entry = await registry.get(id);
    const version = (await registry.active()).get(id);
    if (!version) throw new ConfigError(`Adapter ${id} has no active version, so there is nothing to merge.`, { where: `adapter ${id}` }); // biome-ignore format: one error
    const tenant = TENANTS.find((one) => one.id === entry.metadata.tenant_id) ?? TENANTS[0]!;
    const item = caseOf(chapterItem(builtinWorld(), tenant.id), 0);
    const context = await this.context();
    const { ids: prompt } = encodeCase(item, 'plain', 1, { ...context, sampler: noSampler });
    const ids = Int32Array.from([...prompt, ...context.render.tokenizer.encode(item.expected).ids]);
    const base = await models.source(this.baseRef, undefined, signal);
    const loaded = await models.loadAdapter(version.artifactId);
    return this.withAdapters([version], { signal }, (_sampler, onEngine) =>
      onEngine(async (engine) => {
        const tensors = tensorsOf(loaded.adapter.name, loaded.tensors);
        const weights = mergeLora(base.info.config, await engine.exportWeights(), loaded.adapter, tensors);
        const merged = await models.newEngine({ ...base, files: { ...base.files, weights } });
        try {
          return await logitDifference(engine, merged, ids);
        } finally {
          merged.dispose();
        }
      }),
    );
  }

  /** Replays a day of requests in each of the modes, one after the other, on one engine. */
  async serve(
    { requests, seed, modes }: { requests: number; seed: number; modes: readonly ServingOptions[] },
    { signal, onProgress }: Working,
  ): Promise<ServingReport[]> {
    const { models, queue, clock } = this.env;
    await this.registry(); // the tenants' adapters, before the base takes the device
    const context = await this.context();
    const given = servingTrace(builtinWorld(), { requests, seed });
    const cases = new Map(given.map((request) => [request.id, request.case]));
    const trace = given.map(({ id, arrivalMs, metadata, messages }): TraceRequest => {
      const { ids, stopIds } = encodeCase(freeCase(messages), 'plain', seed, { ...context, sampler: noSampler });
      return { id, arrivalMs, metadata, promptIds: ids, stopIds };
    });
    const base = await models.source(this.baseRef, undefined, signal);
    const replayId = `replay-${this.env.newId().slice(0, 8)}`;
    return this.serving.use(
      base,
      [],
      async (engine) => {
        const files = await wholeFiles(base.files);
        const reports: ServingReport[] = [];
        for (const [i, mode] of modes.entries()) {
          const { active, ...table } = await this.inForce(); // a person may have changed either since the mode before
          const adapters = new Map<AdapterKey, string>([...active].map(([id, { version, artifactId }]) => [adapterKey(id, version), artifactId])); // biome-ignore format: one map
          const options = { engine, files, artifacts: this.artifacts, adapters, clock, yieldToOthers: () => queue.giveWay() }; // biome-ignore format: one object
          const server = await EngineAdapterServer.open(options);
          try {
            reports.push(
              await replay(trace, mode, {
                server,
                ...table,
                adapters: active,
                replay: replayId,
                log: this.log,
                signal,
                onProgress: (done, total) => onProgress?.(i * total + done, modes.length * total),
                check: ({ id }, { ids, terminated }) => {
                  const own = cases.get(id);
                  const text = context.render.tokenizer.decode(terminated ? ids.slice(0, -1) : [...ids]);
                  return own ? sliceCheck(own, text) : undefined;
                },
              }),
            );
          } finally {
            server.dispose();
          }
        }
        return reports;
      },
      signal,
    );
  }

  async search(query: AuditQuery, offset: number, limit: number): Promise<{ entries: AuditEntry[]; found: number }> {
    const all = await this.log.search(query);
    return { entries: all.reverse().slice(offset, offset + limit), found: all.length };
  }
  verifyLog(noted?: AuditHead): Promise<AuditVerdict> {
    return this.log.verify(noted);
  }
  exportLog(): Promise<Uint8Array> {
    return this.log.export();
  }
  /** A chain without a secret can be made anew as a whole, so a file is held against the log of this browser as well. */
  async verifyFile(bytes: Uint8Array): Promise<{ verdict: AuditVerdict; entries: AuditEntry[] }> {
    const found = await verifyExport(bytes);
    if (!found.verdict.ok) return found;
    const own = await this.log.search();
    const { entries } = found;
    if (own.length === 0 || entries.length === 0 || own[0]!.hash !== entries[0]!.hash)
      return { ...found, verdict: { ...found.verdict, own: 0 } };
    const apart = entries.findIndex((entry, i) => entry.hash !== own[i]?.hash);
    if (apart < 0) return { ...found, verdict: { ...found.verdict, own: own.length } };
    const n = apart + 1;
    const why = own[apart]
      ? `Its chain holds, but entry ${n} is not the one in the log of this browser: it was written anew from there on.`
      : `Its chain holds, but entry ${n} is not in the log of this browser, which ends before it.`;
    return { ...found, verdict: { ok: false, brokenAt: n, why } };
  }
}

/** What serves from now on, for the log: the version, in place of which, whether it had passed its check, and why it serves if not. */
function registryDraft(
  { id, name, metadata, versions }: RegistryEntry,
  { action, from, to, override }: RegistryChange,
  isStored: boolean,
): AuditDraft {
  const { artifactId, checks, note } = versions.find(({ version }) => version === to)!;
  const what =
    action === 'rollback'
      ? `rolled back from version ${from} to ${to}`
      : `version ${to} activated${from === null ? ', the first' : ` in place of ${from}`}`;
  const how =
    action === 'rollback' ? '' : override ? ` ${checks ? 'Its check did not pass or was against another version' : 'It has no check'}; the reason given: ${override.trim()}` : ' Its check had passed.'; // biome-ignore format: one choice
  return {
    requestId: `registry-${id}-${to}`,
    metadata,
    decision: 'registry',
    adapterId: id,
    version: to,
    artifactId,
    message: isStored
      ? `Adapter ${id} (${name}): ${what}${note ? ` (${note})` : ''}.${how}`
      : `Adapter ${id} (${name}): ${what}; this could not be stored and does not hold.`,
  };
}

export const noSampler: Sampler = () => Promise.reject(new Error('nothing is generated here'));

/** A conversation that nobody grades. */
export const freeCase = (messages: Message[]): EvaluationCase =>
  ({
    caseId: 'free',
    shape: 'tenant',
    kind: 'free',
    messages,
    truth: { expect: 'final', final: { answer: '', sources: [], action: null, status: 'ok' }, facts: [] },
    expected: '',
    lastUser: messages.findLast((m) => m.role === 'user')?.content ?? '',
  }) satisfies EvaluationCase;

/** Whether an answer decides as the policy of the tenant who asked, and makes no name up. */
function sliceCheck(item: EvaluationCase, text: string): SliceCheck | undefined {
  const verdicts = gradeTurn(item.truth, text, item.expected, item.lastUser);
  if (verdicts.tenant_policy_correct === null) return undefined;
  const reads = verdicts.schema_valid ? 'It is valid JSON by the schema' : 'It is not valid by the schema';
  if (!verdicts.tenant_policy_correct)
    return {
      verdict: 'fail',
      why: `${reads}, ${verdicts.schema_valid ? 'but' : 'and'} decides otherwise than ${item.tenant}’s policy.`,
    };
  return verdicts.names === false
    ? {
        verdict: 'fail',
        why: `${reads}, and decides as ${item.tenant}’s policy does, but names somebody whom the request does not.`,
      }
    : { verdict: 'pass', why: `${reads}, and decides as ${item.tenant}’s policy does.` };
}

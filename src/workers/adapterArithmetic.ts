// What is computed from registered adapters beyond serving one: a prompt under weighted sums of several, several made into one,
// and an update taken out of merged weights again. No tenant is served by it, so nothing of it is a routing decision.
import { encodeCase } from '../eval/evaluate';
import { writeAdapter } from '../interop/peft';
import { ConfigError } from '../lib/errors';
import { tensorsOf } from '../nn/adapterSet';
import { type CombinationType, combineLora } from '../nn/combineLora';
import { generate } from '../nn/generate';
import { logitDifference } from '../nn/logitDifference';
import type { LoraRoute } from '../nn/seam';
import { mergeAndBack, mergeAndBackNf4 } from '../nn/unmergeLora';
import type { Message } from '../protocol/chat';
import type { MixedAnswers, MixPart, UnmergeDifference } from '../protocol/requests';
import type { AdapterVersion, RegistryEntry, RequestMetadata } from '../protocol/serving';
import { readTensors } from '../storage/tensorSource';
import { caseOf } from '../world/cases';
import { gradeTurn } from '../world/grade';
import { builtinWorld } from '../world/registry';
import { TENANTS } from '../world/state';
import { chapterItem } from '../world/tenant/rows';
import type { DeviceQueue } from './deviceQueue';
import { type Models, sourceOf } from './models';
import type { RenderContexts } from './renderContexts';
import { freeCase, MAX_NEW_TOKENS, noSampler, type Tenancy } from './tenancy';

/** Weighted sums of one request: each is a row of one batch. */
const MOST_SUMS = 16;

export interface ArithmeticEnvironment {
  tenancy: Pick<Tenancy, 'base' | 'registry' | 'registerFiles' | 'serving'>;
  models: Models;
  contexts: RenderContexts;
  queue: Pick<DeviceQueue, 'giveWay'>;
}

export class AdapterArithmetic {
  constructor(private readonly env: ArithmeticEnvironment) {}

  /**
   * One prompt under each of `weightings` (a weight for each of `ids`, in their order), all in one batch beside the base. The
   * chapter's request unless `messages` are given; its answers are held against the policies of the chosen adapters' tenants.
   */
  async mix(
    { ids, weightings, messages }: { ids: number[]; weightings: number[][]; messages?: Message[] },
    signal?: AbortSignal,
  ): Promise<MixedAnswers> {
    const { models, queue, contexts } = this.env;
    if (ids.length < 2 || new Set(ids).size < ids.length)
      throw new ConfigError(`A weighted sum is of two adapters or more, each once, got ${ids.join(', ') || 'none'}.`, { where: 'ids' }); // biome-ignore format: one error
    if (weightings.length === 0 || weightings.length > MOST_SUMS)
      throw new ConfigError(`Ask for 1 to ${MOST_SUMS} weighted sums at a time, got ${weightings.length}.`, { where: 'weightings' }); // biome-ignore format: one error
    const short = weightings.find((weights) => weights.length !== ids.length);
    if (short)
      throw new ConfigError(`A weighted sum of ${ids.length} adapters has as many weights, got ${short.join(', ')}.`, { where: 'weightings' }); // biome-ignore format: one error
    const odd = weightings.flat().findIndex((weight) => !Number.isFinite(weight));
    if (odd >= 0)
      throw new ConfigError(`The weight of adapter ${ids[odd % ids.length]} is ${weightings.flat()[odd]}. Write a number, 1 for the adapter as it is.`, { where: 'weightings' }); // biome-ignore format: one error
    const served = await this.served(ids);
    const slots = [...new Set(served.map(({ version }) => version.artifactId))];
    // Two entries may hold one artifact, which lies on the device once: their weights add.
    const routes = weightings.map((weights): LoraRoute => slots.map((artifactId, slot) => ({ slot, weight: weights.reduce((sum, w, i) => sum + (served[i]!.version.artifactId === artifactId ? w : 0), 0) }))); // biome-ignore format: one map
    const loaded = await Promise.all(slots.map((id) => models.loadAdapter(id)));
    const base = await this.env.tenancy.base(signal);
    const render = await contexts.ofSource();
    const tenants = TENANTS.filter(({ id }) => served.some(({ entry }) => entry.metadata.tenant_id === id));
    const items = messages ? [] : tenants.map(({ id }) => caseOf(chapterItem(builtinWorld(), id), 0));
    const prompt = items[0] ?? (messages ? freeCase(messages) : caseOf(chapterItem(builtinWorld(), TENANTS[0]!.id), 0));
    const encoded = encodeCase(prompt, 'plain', 1, { world: builtinWorld(), render, sampler: noSampler });
    const rows = await this.env.tenancy.serving.use(
      base,
      loaded,
      (engine) =>
        generate(engine, {
          prompts: weightings.map(() => encoded.ids),
          stopIds: encoded.stopIds,
          signal,
          rowAdapter: Int32Array.from(weightings, (_, i) => i),
          yieldToOthers: () => queue.giveWay(),
          sampling: { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: MAX_NEW_TOKENS, seed: 0 },
        }),
      signal,
      routes,
    );
    const answers = rows.map(({ ids: out, terminated }, i) => {
      const text = render.tokenizer.decode(terminated ? out.slice(0, -1) : out);
      const verdicts = items.map((item) => gradeTurn(item.truth, text, item.expected, item.lastUser));
      const decidesAs = items.flatMap(({ tenant }, n) =>
        tenant && verdicts[n]!.tenant_policy_correct ? [tenant] : [],
      );
      return { weights: weightings[i]!, text, terminated, decidesAs, ...(verdicts[0] && { isValid: verdicts[0].schema_valid === true }) }; // biome-ignore format: one answer
    });
    return {
      adapters: served.map(({ entry, version }) => ({ id: entry.id, version: version.version })),
      checked: items.flatMap(({ tenant }) => tenant ?? []),
      answers,
    };
  }

  /**
   * The weighted sum as an adapter of its own, the next version of entry `id`. Throws ConfigError for adapters that do not combine.
   */
  async combine(
    parts: readonly MixPart[],
    kind: CombinationType,
    id: number,
    about: { name?: string; metadata?: RequestMetadata },
  ): Promise<RegistryEntry> {
    const { models, tenancy } = this.env;
    const served = await this.served(parts.map((part) => part.id));
    const { info } = await tenancy.base();
    const loaded = await Promise.all(
      served.map(async ({ entry, version }, i) => {
        const { adapter, tensors } = await models.loadAdapter(version.artifactId);
        const name = `${entry.id} (${entry.name})`;
        return { adapter: { ...adapter, name }, tensors: tensorsOf(adapter.name, tensors), weight: parts[i]!.weight };
      }),
    );
    const { config, tensors } = combineLora(info.config, loaded, kind);
    const note = `${kind}: ${served.map(({ entry, version }, i) => `${parts[i]!.weight} × adapter ${entry.id} version ${version.version}`).join(' + ')}`; // biome-ignore format: one sentence
    const parents = Object.fromEntries(served.map(({ version }, i) => [`adapter.${i + 1}`, version.artifactId]));
    return tenancy.registerFiles(
      id,
      writeAdapter(info.config, config, tensors, info.name),
      { name: about.name?.trim() || note, parents: { base: info.artifactId, ...parents } },
      { ...about, note },
    );
  }

  /**
   * Merges the active version of an entry into the base, takes it out again, and measures what came back: weight by weight in f32
   * and in NF4, and in logits on the chapter's request. Throws ConfigError for an adapter that cannot be merged.
   */
  async unmerge(id: number, signal?: AbortSignal): Promise<UnmergeDifference> {
    const { models, contexts, tenancy } = this.env;
    const [{ entry, version }] = (await this.served([id])) as [Served];
    const tenant = TENANTS.find((one) => one.id === entry.metadata.tenant_id) ?? TENANTS[0]!;
    const item = caseOf(chapterItem(builtinWorld(), tenant.id), 0);
    const render = await contexts.ofSource();
    const { ids: prompt } = encodeCase(item, 'plain', 1, { world: builtinWorld(), render, sampler: noSampler });
    const ids = Int32Array.from([...prompt, ...render.tokenizer.encode(item.expected).ids]);
    const base = await tenancy.base(signal);
    const { adapter, tensors: engineTensors } = await models.loadAdapter(version.artifactId);
    const tensors = tensorsOf(adapter.name, engineTensors);
    const weights = await readTensors(sourceOf(base.files.weights));
    const { restored, difference } = mergeAndBack(base.info.config, weights, adapter, tensors);
    const nf4 = mergeAndBackNf4(base.info.config, weights, adapter, tensors);
    // Two of them are needed, of which the base that serves is one.
    const logits = await tenancy.serving.use(
      base,
      [],
      async (engine) => {
        const back = await models.newEngine({ ...base, files: { ...base.files, weights: restored } });
        try {
          return await logitDifference(engine, back, ids);
        } finally {
          back.dispose();
        }
      },
      signal,
    );
    return { version: version.version, f32: difference, nf4, logits };
  }

  /** The active versions of entries, in the order of the ids. */
  private async served(ids: readonly number[]): Promise<Served[]> {
    const registry = await this.env.tenancy.registry();
    const active = await registry.active();
    return Promise.all(
      ids.map(async (id) => {
        const entry = await registry.get(id);
        const version = active.get(id);
        if (!version)
          throw new ConfigError(`Adapter ${id} (${entry.name}) has no active version. Activate one first.`, { where: `adapter ${id}` }); // biome-ignore format: one error
        return { entry, version };
      }),
    );
  }
}
interface Served {
  entry: RegistryEntry;
  version: AdapterVersion;
}

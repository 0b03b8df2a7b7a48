// From a recipe to something that trains: rows from the text worker, an engine of its own, the loop.

import type { KnownModels } from '../labs/besideModels';
import { gateFindings, passGate } from '../labs/preflight';
import { recipeAdapters } from '../labs/recipeAdapters';
import { referenceModel } from '../labs/reference';
import { rewardRefs } from '../labs/rewardRefs';
import { prepareRecipe } from '../labs/runRecipe';
import { requireLanguageModel } from '../labs/startModel';
import { validateRecipe } from '../labs/validateRecipe';
import { ConfigError, TemplateError } from '../lib/errors';
import { parseConfig } from '../lib/fields';
import type { ModelEngine } from '../nn/seam';
import type { ComputeEvent } from '../protocol/events';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe } from '../protocol/recipe';
import type { ModelInfo, TextRequests } from '../protocol/requests';
import { type TrainerId, trainers } from '../trainers/registry';
import { builtinWorld } from '../world/registry';
import type { DeviceQueue } from './deviceQueue';
import type { Models } from './models';
import type { RenderContexts } from './renderContexts';
import { type Connection, TimeoutError } from './rpc';
import type { PrepareRun } from './trainingRuns';

/** Longest silence of the text worker while it encodes, ms. */
const ENCODE_LIMIT_MS = 60_000;

export interface PrepareEnvironment {
  /** The text worker as it is now; it may have been restarted since the last call. */
  text: () => Pick<Connection<TextRequests>, 'request'>;
  onTextStalled: (reason: string) => void;
  models: Models;
  contexts: RenderContexts;
  queue: Pick<DeviceQueue, 'giveWay'>;
  /** Runs a task on the device when nothing else has memory there that can be freed. */
  alone: <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  emit: (event: ComputeEvent) => void;
  /** Throws ConfigError for a run that the device has no room for; `known` are the models that it reads. */
  checkMemory: (recipe: Recipe, config: LlamaConfig, known: KnownModels) => Promise<void>;
  /** Whether the device works while the host waits: a GPU that is one. */
  sendAhead: () => boolean;
  /** Milliseconds, monotonic. */
  clock: () => number;
}

export function recipePreparer(env: PrepareEnvironment): PrepareRun {
  async function encode(recipe: Recipe, part: 'train' | 'eval', runId: string, signal?: AbortSignal) {
    try {
      return await env.text().request(
        'encodeRecipe',
        { recipe, part },
        {
          signal,
          timeoutMs: ENCODE_LIMIT_MS,
          onProgress: ({ done, total }) => env.emit({ kind: 'preparing', runId, part, done, total }),
        },
      );
    } catch (cause) {
      if (!(cause instanceof TimeoutError)) throw cause;
      const message = `Encoding the rows stood still for ${ENCODE_LIMIT_MS / 1000} s and was stopped. Look for a loop in the chat template that does not end.`;
      env.onTextStalled(message);
      throw new TemplateError(message, { cause });
    }
  }
  return async (given, { runId, resumeFrom, signal }) => {
    const recipe = validateRecipe(given);
    const source = await env.models.start(recipe, signal);
    const referenceRef = referenceModel(recipe, parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args));
    const frozen = referenceRef === undefined ? undefined : await env.models.whole(referenceRef, signal);
    if (frozen) requireLanguageModel(frozen.files, referenceRef!);
    if (frozen) checkReference(source.info, frozen.info);
    const rewarding = await Promise.all(
      rewardRefs(recipe).map(async (ref) => ({ ref, source: await env.models.whole(ref, signal) })),
    );
    for (const { source: given } of rewarding) checkRewardModel(source.info, given.info);
    const known: KnownModels = new Map([
      ...(frozen ? [[referenceRef!, frozen.info] as const] : []),
      ...rewarding.map(({ ref, source: given }) => [ref, given.info] as const),
    ]);
    await env.checkMemory(recipe, source.info.config, known);
    const { context, templateId, tokenizerId } = await env.contexts.ofRecipe(recipe);
    const train = await encode(recipe, 'train', runId, signal);
    const held = await encode(recipe, 'eval', runId, signal);
    passGate(recipe, gateFindings(train, held));
    signal?.throwIfAborted();
    if (train.dropped.length) {
      const n = train.dropped.length;
      const total = n + train.rows.length;
      env.emit({
        kind: 'warning',
        message: `${n} of ${total} rows are left out of training. The first: ${train.dropped[0]!.reason}`,
      });
    }
    const driver = await env.alone(async () => {
      const { quantization } = recipe.model;
      const base = { ...source, files: { ...source.files, quantization } };
      const engine = await env.models.newEngine(base, recipeAdapters(recipe));
      let reference: ModelEngine | undefined;
      const rewardModels: Record<string, ModelEngine> = {};
      try {
        if (frozen) reference = await env.models.newEngine(frozen);
        for (const { ref, source: given } of rewarding) rewardModels[ref] = await env.models.newEngine(given);
        return await prepareRecipe(
          recipe,
          {
            engine,
            reference,
            rewardModels,
            onReference: (done, total) => env.emit({ kind: 'preparing', runId, part: 'reference', done, total }),
            train: train.rows,
            eval: held.rows,
            world: builtinWorld(),
            render: context,
            now: env.clock,
            yieldToOthers: () => env.queue.giveWay(),
            sendAhead: env.sendAhead(),
          },
          resumeFrom,
        );
      } catch (error) {
        engine.dispose();
        reference?.dispose();
        for (const model of Object.values(rewardModels)) model.dispose();
        throw error;
      }
    }, signal);
    const parents = {
      ...held.parents,
      ...train.parents,
      model: source.info.artifactId,
      tokenizer: tokenizerId,
      ...(frozen && { reference: frozen.info.artifactId }),
      ...Object.fromEntries(
        rewarding.map(({ source: given }, i) => [i === 0 ? 'reward' : `reward:${i + 1}`, given.info.artifactId]),
      ),
    };
    return {
      driver,
      parents: { ...parents, template: templateId },
      kernelVariants: driver.engine.variants,
      saveSteps: driver.saveSteps,
    };
  };
}

/** Log-probabilities of the same ids are compared, so both must read the same vocabulary. */
function checkReference({ name, config }: ModelInfo, reference: ModelInfo): void {
  if (reference.config.vocab_size !== config.vocab_size)
    throw new ConfigError(
      `The reference ${reference.name} has ${reference.config.vocab_size} tokens and ${name} has ${config.vocab_size}: their log-probabilities cannot be compared. Choose a reference with the same tokenizer.`,
      { where: 'recipe.reference' },
    );
}

/** Completions are scored by their ids, token in, token out. Throws ConfigError for a model that gives no rewards. */
function checkRewardModel({ name, config }: ModelInfo, reward: ModelInfo): void {
  if (reward.head !== 'score')
    throw new ConfigError(
      `${reward.name} is no reward model: it has no head that gives a text a number. Train one with the reward trainer, or choose one that was.`,
      { where: 'recipe.rewards' },
    );
  if (reward.config.vocab_size !== config.vocab_size)
    throw new ConfigError(
      `The reward model ${reward.name} has ${reward.config.vocab_size} tokens and ${name} has ${config.vocab_size}: it cannot read what the policy writes. Choose one with the same tokenizer.`,
      { where: 'recipe.rewards' },
    );
}

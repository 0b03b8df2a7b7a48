// The run of an online method made ready: prompts with what rewards need to know of them, reward functions, the reference, and the
// value model, which starts from the weights that the run starts from.
import { modelReward } from '../eval/rewards/modelReward';
import { ruleReward } from '../eval/rewards/registry';
import type { NamedReward } from '../eval/rewards/reward';
import { ConfigError, DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import { createEngine } from '../nn/createEngine';
import type { ModelEngine } from '../nn/seam';
import type { EncodedRow, Message } from '../protocol/chat';
import type { Recipe, Ref } from '../protocol/recipe';
import { rewardName } from '../protocol/rewardRules';
import type { SampleGeneration } from '../protocol/run';
import { encodePrompt } from '../text/encodePrompt';
import { encodeRendered } from '../text/encodeRendered';
import { type RenderContext, renderMessages } from '../text/renderContext';
import { loadOnlineTrainer, type OnlineId } from '../trainers/load';
import { type OnlineOptions, OnlineRun, type OnlineState, restoreValues } from '../trainers/online/onlineLoop';
import type { OnlinePrompt } from '../trainers/online/onlineTrainer';
import { caseOf } from '../world/cases';
import { builtinItem } from '../world/registry';
import { referenceFor } from './reference';
import type { RecipeEnvironment, ResumePoint } from './runRecipe';

/** A prompt of an encoded row. The truth of a built-in row is made when a reward asks for it. */
function promptOf({ rowId, ids, text, source }: EncodedRow): OnlinePrompt {
  if (!source)
    throw new DataError(`Row ${rowId} was not encoded as a prompt. Encode the recipe again.`, { where: rowId });
  const { row, builtin } = source;
  return {
    ids,
    text,
    source: {
      rowId,
      row,
      get case() {
        if (!builtin) return undefined;
        const { ref, index, ...which } = builtin;
        const item = builtinItem(ref, index, which);
        return caseOf(item, item.truth.length - 1);
      },
    },
  };
}

/** Ids that the template writes behind the token that ends a turn. */
function closingOf(render: RenderContext, stopIds: readonly number[]): number[] {
  const messages: Message[] = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
  ];
  const { ids } = encodeRendered(renderMessages(messages, {}, render, false), messages, render.tokenizer);
  const end = ids.findLastIndex((id) => stopIds.includes(id));
  return end < 0 ? [] : Array.from(ids.subarray(end + 1));
}

/** A second model of the shape of the policy, from its weights as they are, with a head of its own. */
async function valueModel(engine: ModelEngine, seed: number): Promise<ModelEngine> {
  const weights = await engine.exportWeights();
  const { config } = engine;
  const rng = new Rng(seed, 'value.weight');
  const data = Float32Array.from({ length: config.hidden_size }, () => config.initializer_range * rng.normal());
  return createEngine(config, { ...weights, 'value.weight': { shape: [1, config.hidden_size], data } }, 'value');
}

/** Reward models by ref, each with the head `score`. They belong to who prepares the run, which disposes them at its end. */
export type RewardModels = Readonly<Record<Ref, ModelEngine>>;

/** What completions are paid by, as the recipe's run pays them. Throws ConfigError for a reward model that was not loaded. */
export function rewardsOf(
  recipe: Recipe,
  args: Pick<OnlineOptions['args'], 'per_device_eval_batch_size' | 'max_length'>,
  { render, rewardModels = {}, yieldToOthers }: Pick<RecipeEnvironment, 'render' | 'rewardModels' | 'yieldToOthers'>,
  stopIds: readonly number[],
): NamedReward[] {
  const closing = { stopIds, ids: closingOf(render, stopIds) };
  return (recipe.rewards ?? []).map((spec) => {
    const { weight = 1 } = spec;
    const name = rewardName(spec);
    if (spec.type === 'rule') return { name, weight, of: ruleReward(spec.id, spec.args) };
    const engine = rewardModels[spec.ref];
    if (!engine)
      throw new ConfigError(`The reward model ${spec.ref} was not loaded. Load it before the run is prepared.`, {
        where: 'recipe.rewards',
      });
    const options = {
      batchSize: args.per_device_eval_batch_size,
      maxLength: args.max_length + closing.ids.length,
      closing,
      yieldToOthers,
    };
    return { name, weight, of: modelReward(engine, options) };
  });
}

export interface PreparedOnline {
  run: OnlineRun;
  rewards: readonly NamedReward[];
  /** Models that were made for the run beside the policy. */
  made: ModelEngine[];
}
/** Throws ConfigError and DataError as the constructor of OnlineRun does. */
export async function prepareOnline(
  recipe: Recipe,
  args: OnlineOptions['args'],
  environment: RecipeEnvironment,
  generate: (step: number) => Promise<SampleGeneration[]>,
  resumeFrom?: ResumePoint,
): Promise<PreparedOnline> {
  const { engine, render, now, yieldToOthers } = environment;
  const trainer = await loadOnlineTrainer(recipe.trainer as OnlineId);
  const { stopIds } = encodePrompt([{ role: 'user', content: 'a' }], render);
  const made: ModelEngine[] = [];
  try {
    const reference = referenceFor(recipe, args, engine, environment.reference);
    // Before the checkpoint is read: the weights are still those that the run began with.
    const values = trainer.value && (await valueModel(engine, recipe.seed));
    if (values) made.push(values);
    const state = resumeFrom?.state as OnlineState | undefined;
    if (resumeFrom) {
      await engine.importTrained(resumeFrom.weights);
      await engine.importOptimizer(resumeFrom.optimizer);
      if (values) await restoreValues(values, resumeFrom.optimizer, state!);
    }
    const rewards = rewardsOf(recipe, args, environment, stopIds);
    const run = new OnlineRun(
      {
        engine,
        route: engine.adapters.length > 0 ? 0 : -1,
        reference,
        values,
        trainer,
        args,
        train: environment.train.map(promptOf),
        eval: environment.eval.map(promptOf),
        rewards,
        stopIds,
        // A model may have more ids than its tokenizer; those are nothing, as in transformers.
        decode: (ids) => render.tokenizer.decode(ids.filter((id) => id < render.tokenizer.vocabSize)),
        seed: recipe.seed,
        now,
        yieldToOthers,
        generate,
      },
      state,
    );
    return { run, rewards, made };
  } catch (error) {
    for (const model of made) model.dispose();
    throw error;
  }
}

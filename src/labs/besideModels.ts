// Models that a run has beside the one that it trains, each with the config that its memory is planned at.
import { DECODED_TOGETHER } from '../nn/sampling';
import type { LlamaConfig } from '../protocol/model';
import type { Recipe, Ref } from '../protocol/recipe';
import { type TrainerId, trainers } from '../trainers/registry';
import type { TrainerConfig } from '../trainers/trainerConfig';
import { referenceModel } from './reference';
import { rewardRefs } from './rewardRefs';

/** What is known of models by their refs: before a run is prepared perhaps not of all. */
export type KnownModels = ReadonlyMap<Ref, { name: string; config: LlamaConfig }>;

/** A model that is only read. */
export interface FrozenModel {
  what: 'reference' | 'reward model';
  name: string;
  head: 'lm' | 'score';
  /** Without a head over the vocabulary where it scores: a tied model is the same. */
  config: LlamaConfig;
  /** Nothing is known of it: it is taken to be of the policy's size. */
  isAssumed?: boolean;
}
export interface BesideModels {
  frozen: FrozenModel[];
  /** Trained with weights and moments of its own: a value model, which is made from the policy and has its shape. */
  trained: number;
  /** Completions that are drawn together at most, of a rollout or of held-out prompts; 0 for methods that train on rows as they are. */
  rolloutRows: number;
  /** Tokens of each at most. */
  completionTokens: number;
}

/** `config`: of the model that is trained. */
export function besideModels(
  recipe: Recipe,
  args: { [key: string]: unknown },
  config: LlamaConfig,
  known: KnownModels = new Map(),
): BesideModels {
  const { isOnline, hasValueModel }: TrainerConfig = trainers[recipe.trainer as TrainerId];
  const own = { name: 'the model that it starts from', config };
  const planned = (ref: Ref): Pick<FrozenModel, 'name' | 'config' | 'isAssumed'> =>
    known.get(ref) ?? (ref === recipe.model.ref ? own : { name: ref, config, isAssumed: true });
  const reference = referenceModel(recipe, args);
  const judges = isOnline ? rewardRefs(recipe).map(planned) : [];
  return {
    frozen: [
      ...(reference === undefined ? [] : [{ what: 'reference', head: 'lm', ...planned(reference) } as const]),
      ...judges.map((one) => ({ what: 'reward model', head: 'score', ...one, config: { ...one.config, tie_word_embeddings: true } }) as const), // biome-ignore format: one list
    ],
    trained: hasValueModel ? 1 : 0,
    rolloutRows: isOnline ? Math.min(DECODED_TOGETHER, Math.max(rolloutRows(args), evaluatedRows(recipe, args))) : 0,
    completionTokens: isOnline ? Number(args.max_completion_length) : 0,
  };
}
const rolloutRows = (args: { [key: string]: unknown }): number =>
  Number(args.per_device_train_batch_size) *
  (Number(args.steps_per_generation) || Number(args.gradient_accumulation_steps));
/** Held-out prompts are answered all at once; of a person's own set max_eval_samples leaves none out. */
const evaluatedRows = ({ data }: Recipe, { max_eval_samples: most }: { [key: string]: unknown }): number => {
  if (data.eval.length === 0) return 0;
  return data.eval.every(({ ref }) => ref.startsWith('builtin:')) ? Number(most) : Number.POSITIVE_INFINITY;
};

/** Refs of the models that a run reads beside the one that it trains. */
export function besideRefs(recipe: Recipe, args: { [key: string]: unknown }): Ref[] {
  const { isOnline }: TrainerConfig = trainers[recipe.trainer as TrainerId];
  return [...new Set([referenceModel(recipe, args) ?? [], isOnline ? rewardRefs(recipe) : []].flat())];
}

// Default recipes of the methods on preference data: after SFT, on the world's pairs, measured by the rubric that made them.
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';

export const PREFERENCE_METHODS = ['dpo', 'orpo', 'cpo', 'simpo', 'kto'] as const;
export type PreferenceMethod = (typeof PREFERENCE_METHODS)[number];

/** Sets by the type of rows that a method trains on first. */
export const PAIRS = 'builtin:pref';
export const LABELLED = 'builtin:unpaired';

/** micro after SFT on demonstrations by people in a hurry (preferenceMeasured.ts): it answers these prompts, seldom as it should. */
export const PREFERENCE_START = 'builtin:micro-demos';

/** Answers to these prompts have up to 188 tokens. */
const ANSWER_TOKENS = 208;

/**
 * Chosen on the dev split, by the rubric and the KL beside it: at three times these rates DPO and KTO drift twice as far for less, and DPO
 * wants as many pairs.
 */
const OF_METHOD: Record<PreferenceMethod, { name: string; trainer: string; args: { [key: string]: Json } }> = {
  dpo: { name: 'DPO', trainer: 'dpo', args: { max_steps: 400, learning_rate: 1e-4 } },
  // TRL's NLL counts the prompt, which SFT on answers has left untrained, and is most of the gradient: at ten times this rate the answers
  // fall apart (KL 61 nats after 200 steps).
  orpo: { name: 'ORPO', trainer: 'orpo', args: { max_steps: 400, learning_rate: 1e-5 } },
  cpo: { name: 'CPO', trainer: 'cpo', args: { learning_rate: 1e-4 } },
  // SimPO alone, with the β and γ that its paper starts from.
  simpo: { name: 'SimPO', trainer: 'cpo', args: { max_steps: 150, learning_rate: 1e-4, loss_type: 'simpo', beta: 2, simpo_gamma: 0.5, cpo_alpha: 0 } },
  kto: { name: 'KTO', trainer: 'kto', args: { max_steps: 300, learning_rate: 1e-4, per_device_train_batch_size: 16 } },
}; // biome-ignore format: one table

/** All weights of micro after SFT. */
export function preferenceRecipe(method: PreferenceMethod): Recipe {
  const { name, trainer, args } = OF_METHOD[method];
  const ref = method === 'kto' ? LABELLED : PAIRS;
  return {
    version: 1,
    name,
    trainer,
    model: { ref: PREFERENCE_START },
    template: 'builtin:chatml',
    data: { train: [{ ref, split: 'train' }], eval: [{ ref, split: 'dev' }], rows: 2000, seed: 1 },
    args: { max_steps: 200, generation_max_new_tokens: ANSWER_TOKENS, ...args },
    peft: null,
    evaluation: ['rubric', 'schema_valid', 'refusal_recall', 'over_refusal_rate', 'terminated', 'mean_length'],
    seed: 1,
  };
}

/** The smallest model, few steps: where there is no graphics card. Its base has seen no SFT. */
export function preferenceNano(method: PreferenceMethod): Recipe {
  const recipe = preferenceRecipe(method);
  return {
    ...recipe,
    name: `${recipe.name} nano`,
    model: { ref: 'builtin:nano' },
    args: {
      ...recipe.args,
      // A base whose NLL is all to learn takes the rate of SFT.
      ...(method === 'orpo' && { learning_rate: 1e-3 }),
      max_steps: 60,
      // As many rows a step: a pair is two.
      per_device_train_batch_size: method === 'kto' ? 8 : 4,
      max_eval_samples: 32,
    },
  };
}

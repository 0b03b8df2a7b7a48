// The one description of a run: UI, headless runner, share links, run records and export all use it (design §7).
import type { Json } from './chat';
import type { TwoMetrics } from './twoMetrics';

/** `builtin:nano`, `builtin:sft/single`, `sha256:…`, `file:…` (headless only). */
export type Ref = string;

export interface DataRef {
  ref: Ref;
  /** Relative share of rows drawn from this source. */
  weight?: number;
  split?: 'train' | 'dev' | 'heldout';
  /** Adapter that these rows train and are measured with; several tenants' then share each batch. `default` unless given. */
  adapter?: string;
}
/** Stands for the template that the model of a recipe came with; the built-in one where it has none. */
export const MODEL_TEMPLATE = 'model';

/** How a frozen base is kept: bitsandbytes' NF4, names of transformers' BitsAndBytesConfig. */
export interface Quantization {
  load_in_4bit: true;
  bnb_4bit_quant_type: 'nf4';
  bnb_4bit_use_double_quant: boolean;
}

/**
 * What online methods are rewarded for: a rule of src/eval/rewards with its settings, or a reward model. `weight` is 1 unless given,
 * TRL's reward_weights.
 */
export type RewardSpec =
  | { type: 'rule'; id: string; weight?: number; args?: { [key: string]: Json } }
  | { type: 'model'; ref: Ref; weight?: number };

export interface Recipe {
  version: 1;
  /** Shown in lists; not part of what is trained. */
  name?: string;
  trainer: string;
  model: { ref: Ref; adapters?: Ref[]; quantization?: Quantization | null };
  /** `model`: the one that came with the model. */
  template: Ref;
  data: {
    train: DataRef[];
    eval: DataRef[];
    /** Rows generated for built-in sets. */
    rows?: number;
    seed?: number;
    /** Share of the training votes that are turned round: chosen for rejected, good for bad. Held-out rows keep theirs. */
    flipped_votes?: number;
  };
  /** TRL-named hyperparameters of the trainer's `fields`; missing ones take their defaults. */
  args: { [key: string]: Json };
  /** null: all weights are trained. Else PEFT's LoraConfig: the base is frozen, adapters beside it are trained. */
  peft: null | { [key: string]: Json };
  reference?: Ref | 'adapter_off' | null;
  rewards?: RewardSpec[];
  teacher?: Ref | null;
  /** Metric ids of src/eval run on held-out rows by generation at the end (and every `eval_generate_steps`). */
  evaluation: string[];
  /** Targets and guardrails that are measured on the way, by generation on held-out cases. Preference and online methods alone. */
  two_metrics?: TwoMetrics | null;
  seed: number;
  /** Findings of the pre-flight gate that a person chose to train in spite of (kinds of protocol/chat). */
  overrides?: string[];
}

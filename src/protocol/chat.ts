// Conversations and dataset rows, in the shapes of TRL and transformers.

/**
 * Roles that published templates know. A template gets the name as it is; for masks and colours developer counts as system,
 * ipython (Llama 3.1) and function (OpenAI's older name) as tool.
 */
export const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'ipython', 'function'] as const;
export type Role = (typeof ROLES)[number];
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface ToolCall {
  type: 'function';
  /** A string where the row has one, as OpenAI's API writes them: templates get it as it is. */
  function: { name: string; arguments: { [key: string]: Json } | string };
  /** Some templates print it. */
  id?: string;
}
export interface Message {
  role: Role;
  content: string;
  tool_calls?: ToolCall[];
  /** Tool messages: which tool answered. */
  name?: string;
  /** The row has null here, or nothing: templates can tell that from an empty string. */
  content_is_null?: boolean;
  /** The row has the content as a list of text parts: templates get the list, all else their texts joined. */
  content_parts?: { type: 'text'; text: string }[];
  /** Tool messages: which call is answered. */
  tool_call_id?: string;
  /** What reasoning models thought before the content; templates print it in their own way. */
  reasoning_content?: string;
  /** false: nothing of this message is trained, whatever the mask says. */
  train?: boolean;
  /** Parts of the content that are (not) trained, UTF-16 offsets [start, end) into it; what none covers follows the mask. */
  train_spans?: { start: number; end: number; train: boolean }[];
}
export interface ToolSchema {
  type: 'function';
  function: { name: string; description?: string; parameters: { [key: string]: Json } };
}

/**
 * A TRL row: `messages` (language modelling), or `prompt` + `completion`, or `text`; a preference: `chosen` + `rejected` with or
 * without `prompt`; `prompt` alone; an unpaired preference: `prompt` + `completion` + `label`; or stepwise supervision: `prompt` +
 * `completions` + `labels`. Strings or message lists; steps are strings.
 */
export interface DatasetRow {
  messages?: Message[];
  prompt?: string | Message[];
  completion?: string | Message[];
  chosen?: string | Message[];
  rejected?: string | Message[];
  text?: string;
  /** Whether the completion is a good one. */
  label?: boolean;
  /** By how much the chosen answer is better, for reward models. */
  margin?: number;
  /** Steps of an answer, and which of them are right; of equal length. */
  completions?: string[];
  labels?: boolean[];
  tools?: ToolSchema[];
  chat_template_kwargs?: { [key: string]: Json };
}

export type MaskMode = 'full' | 'completion_only_loss' | 'assistant_only_loss';

/** Finer choices of what is trained; every mask must allow a token (AND). */
export interface MaskOptions {
  /** Where assistant turns are taken from: {% generation %} blocks as in TRL, or derived from the template's own output. */
  assistant_spans: 'generation' | 'derived';
  assistant_turns: 'all' | 'last';
  /** End-of-turn tokens, in Axolotl's names: those of trained turns, of all turns, the last one, none. */
  train_on_eos: 'turn' | 'all' | 'last' | 'none';
  /**
   * Special tokens that a message spells: plain characters (text, the default: nobody can forge a turn), or the tokens
   * themselves (token), as transformers and TRL read them.
   */
  special_in_content?: 'text' | 'token';
}
/** What happens to rows above max_length: TRL's keep_start and keep_end, or the row is left out, or the run refused. */
export type TruncationMode = 'keep_start' | 'keep_end' | 'drop' | 'refuse';

/** Whose text a token is, and whether the template or the row wrote it. */
export const ROLE_NAMES = ['none', 'system', 'user', 'assistant', 'tool'] as const;
const SAME_AS = new Map<string, (typeof ROLE_NAMES)[number]>([
  ['developer', 'system'],
  ['ipython', 'tool'],
  ['function', 'tool'],
]);
/** The name among ROLE_NAMES that a message's role counts as; none for a role that the studio does not know. */
export const roleName = (role: string): (typeof ROLE_NAMES)[number] =>
  SAME_AS.get(role) ?? ROLE_NAMES.find((name) => name === role) ?? 'none';
export const ORIGIN_NAMES = ['scaffold', 'content', 'special'] as const;

export const FINDING_KINDS = [
  'nothing_trained',
  'stop_not_trained',
  'target_cut',
  'prompt_not_prefix',
  'not_prefix_preserving',
  'tool_result_trained',
  'train_spans_lost',
  'arguments_double_encoded',
  'straddles_boundary',
  'double_bos',
  'pad_in_text',
  'pad_is_eos',
  'chosen_is_rejected',
  'empty_completion',
  'prompt_not_shared',
  'label_missing',
  'eval_masked_otherwise',
  'too_long',
  'truncated',
  'special_in_text',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];
export const LINT_KINDS = [
  'stop_not_trained',
  'double_bos',
  'missing_generation_prompt',
  'generation_prompt_always',
  'no_generation_markers',
  'special_in_content',
  'content_altered',
  'content_trimmed',
  'earlier_turn_changed',
  'system_ignored',
  'tools_ignored',
  'tool_calls_ignored',
  'arguments_double_encoded',
  'tool_result_ignored',
  'uses_date',
] as const;
/** What is likely to go wrong with a template. */
export interface LintFinding {
  kind: (typeof LINT_KINDS)[number];
  severity: 'error' | 'warning' | 'note';
  /** What is wrong, and the remedy. */
  message: string;
  /** The message of the conversation that it is about. */
  message_index?: number;
}

/** What is wrong, or worth knowing, about an encoded row. */
export interface Finding {
  kind: FindingKind;
  /** The row must not be trained on: it is left out. */
  blocking: boolean;
  /** The pre-flight gate stops a run over it, until a person overrides this kind. */
  gate?: boolean;
  message: string;
}

/** The row that a prompt was taken from: what rewards are computed from. */
export interface RowSource {
  /** With all its columns. */
  row: DatasetRow;
  /** Of a built-in set: which row it is, so that its truth can be found. */
  builtin?: { ref: string; index: number; seed: number; split: 'train' | 'dev' | 'heldout' };
}

/**
 * One encoded row. ids, spans and mask come from one render, so they cannot drift. All arrays have length T.
 * `mask[t]` = 1 when token t itself is a training target (not the position before it).
 */
export interface EncodedRow {
  rowId: string;
  /** The rendered string. */
  text: string;
  ids: Int32Array;
  mask: Uint8Array;
  /** UTF-16 offsets of each token in `text`, [start, end). */
  spanStart: Int32Array;
  spanEnd: Int32Array;
  /** Index into ROLE_NAMES. */
  role: Uint8Array;
  /** Index into ORIGIN_NAMES. */
  origin: Uint8Array;
  /** Index of the message a token belongs to, −1 outside all. */
  message: Int16Array;
  /** Which rule decided `mask[t]`: index into `rules`. */
  rule: Uint8Array;
  rules: string[];
  /** Tokens cut away by max_length (0 when nothing was cut). */
  truncated: number;
  /** Of those, how many would have been trained; absent when none. */
  trainedCut?: number;
  /** Of an answer with a label that was cut: as it was before. */
  wholeAnswer?: { ids: Int32Array; mask: Uint8Array };
  /** Tokens were cut at the left end (keep_end). */
  cutLeft?: boolean;
  /** Length of the prompt in tokens, for prompt-completion rows and generation. */
  promptLength?: number;
  /**
   * Tokens of the completion that the mask leaves out because nothing predicts them: 1 where a row begins with its completion, without
   * a prompt or after a cut. Absent where none. TRL's DPO counts them in a completion's length.
   */
  unscored?: number;
  /** Adapter that the row trains. */
  adapter?: string;
  /** What a method reads of the row beside its tokens: `label`, `margin`. */
  values?: { [name: string]: number };
  /** Of a prompt that is to be answered. */
  source?: RowSource;
  /** Empty or absent: nothing to say. */
  findings?: Finding[];
}

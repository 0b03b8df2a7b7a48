// What a row is rendered with: tokenizer, template and the choices of a mask.
import type { DatasetRow, Json, MaskMode, MaskOptions, Message, TruncationMode } from '../protocol/chat';
import { withArgumentsTold } from './callArguments';
import type { CompiledTemplate, Rendered } from './chatTemplate';
import type { Tokenizer } from './tokenizer';

export interface RenderContext {
  tokenizer: Tokenizer;
  template: CompiledTemplate;
  /** Appended to rows that are not conversations, as TRL does; '<|endoftext|>' unless given. */
  eosToken?: string;
  bosToken?: string;
  padToken?: string;
  /** Variables of every render: bos_token, eos_token … */
  templateVariables?: { [key: string]: Json };
  /** What ends an answer beside the template's ends: a model's own generation_config.json. */
  stopIds?: readonly number[];
  now?: () => Date;
  expired?: () => boolean;
}
export interface RenderSettings extends RenderContext {
  /** `default`: completion only for prompt + completion, full sequence otherwise (TRL's completion_only_loss = None). */
  mode: MaskMode | 'default';
  /** Under assistant_only_loss: whether the prompt of prompt + completion rows is masked too; TRL's None (yes) unless given. */
  completion_only_loss?: boolean;
  /** Most tokens of a row. */
  max_length: number;
  /** What happens above max_length; keep_start unless given. */
  truncation_mode?: TruncationMode;
  /** Rows of messages: with the generation prompt, or with the last message left open. For looking, never for training. */
  add_generation_prompt?: boolean;
  continue_final_message?: boolean;
  /** How padding is kept out of the loss where these rows are trained; by its length, as TRL does, unless given. */
  pad_masked_by?: 'length' | 'id';
  /** A reward model is trained on these rows: it reads each at one token (protocol/rewardPosition.ts). */
  reads_reward?: boolean;
  /** Of a preference row: which side is encoded; the chosen one unless given. For looking, never for training. */
  side?: 'chosen' | 'rejected';
  /** Finer choices than the mode; TRL's unless given. */
  mask?: Partial<MaskOptions>;
}

/** A conversation of a row through its template. Throws TemplateError. */
export function renderMessages(
  messages: Message[],
  row: DatasetRow,
  context: RenderContext,
  addGenerationPrompt: boolean,
  continueFinalMessage = false,
): Rendered {
  return withArgumentsTold(messages, (given) =>
    context.template.render(given, {
      tools: row.tools,
      addGenerationPrompt,
      continueFinalMessage,
      kwargs: { ...context.templateVariables, ...row.chat_template_kwargs },
      now: context.now,
      expired: context.expired,
    }),
  );
}

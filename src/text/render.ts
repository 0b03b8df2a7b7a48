// The one way from a dataset row to ids, spans and loss mask: all of one render, so they cannot drift (TRL's SFT, facts §1–2).

import { commonPrefix, firstDifference } from '../lib/arrays';
import { ConfigError, DataError } from '../lib/errors';
import type {
  DatasetRow,
  EncodedRow,
  Finding,
  Json,
  MaskMode,
  MaskOptions,
  Message,
  ToolSchema,
  TruncationMode,
} from '../protocol/chat';
import type { EncodedPrompt } from '../protocol/requests';
import { type AssistantSpan, deriveAssistantSpans } from './assistantSpans';
import type { CompiledTemplate, Rendered } from './chatTemplate';
import { type EncodedText, encodeRendered } from './encodeRendered';
import { encodePromptText, encodeText, eosOf } from './encodeText';
import { buildMask, type MaskInput, TRL_MASK } from './masks';
import { sidesOf } from './preferences';
import { checkPrefixes, checkRow } from './rowChecks';
import type { Tokenizer } from './tokenizer';
import { turnEnds, turnTokens } from './turnEnds';
import { typedSpecial } from './typedSpecials';

export interface RenderContext {
  tokenizer: Tokenizer;
  template: CompiledTemplate;
  /** Appended to rows that are not conversations, as TRL does; '<|endoftext|>' unless given. */
  eosToken?: string;
  bosToken?: string;
  padToken?: string;
  /** Variables of every render: bos_token, eos_token … */
  templateVariables?: { [key: string]: Json };
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
  /** Finer choices than the mode; TRL's unless given. */
  mask?: Partial<MaskOptions>;
}

/**
 * Splits a conversation before its last assistant message: what TRL calls prompt and completion. Rows of other types come
 * back unchanged. Throws DataError when no assistant message exists.
 */
export function asPromptCompletion(row: DatasetRow): DatasetRow {
  if (!row.messages) return row;
  const at = row.messages.findLastIndex((message) => message.role === 'assistant');
  if (at < 1)
    throw new DataError('messages has no assistant message after a prompt, so it has no completion. Add one.', {
      where: 'messages',
    });
  const { messages, ...rest } = row;
  return { ...rest, prompt: messages.slice(0, at), completion: messages.slice(at) };
}

function renderMessages(
  messages: Message[],
  row: DatasetRow,
  context: RenderContext,
  addGenerationPrompt: boolean,
  continueFinalMessage = false,
): Rendered {
  return context.template.render(messages, {
    tools: row.tools,
    addGenerationPrompt,
    continueFinalMessage,
    kwargs: { ...context.templateVariables, ...row.chat_template_kwargs },
    now: context.now,
    expired: context.expired,
  });
}

interface Parts {
  encoded: EncodedText;
  messages: Message[];
  rendered?: Rendered;
  promptLength?: number;
  findings: Finding[];
}

/**
 * Names, enum values and keys of tools are printed by the template as its own text, so a special token in them would become a
 * special id. Descriptions and contents are marked, and are safe.
 */
function refuseSpecialNames(row: DatasetRow, tokenizer: Tokenizer): void {
  if (!row.tools && !row.chat_template_kwargs) return;
  const text = JSON.stringify([row.tools, row.chat_template_kwargs], (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? '' : value,
  );
  const typed = typedSpecial(text, tokenizer);
  if (typed)
    throw new DataError(
      `tools or chat_template_kwargs hold ${typed} in a name, a key or a value, where the template would print it as its own. Remove it.`,
      { where: 'tools' },
    );
}

/** The first message whose content spells a special token. */
function typedInMessages(messages: readonly Message[], tokenizer: Tokenizer): Finding | undefined {
  for (const [i, { content }] of messages.entries()) {
    const typed = typeof content === 'string' ? typedSpecial(content, tokenizer) : undefined;
    if (typed)
      return {
        kind: 'special_in_text',
        blocking: false,
        message: `messages[${i}].content holds ${typed}, which is read as plain characters here. transformers and TRL would make the token of it, so that whoever writes it can forge a turn. Remove it, or escape it before it reaches them.`,
      };
  }
  return undefined;
}

function encodeParts(
  row: DatasetRow,
  context: RenderContext & Pick<RenderSettings, 'add_generation_prompt' | 'continue_final_message'>,
): Parts {
  const { tokenizer } = context;
  refuseSpecialNames(row, tokenizer);
  const findings: Finding[] = [];
  const noteTyped = (text: string, where: string) => {
    const typed = typedSpecial(text.endsWith(eosOf(context)) ? text.slice(0, -eosOf(context).length) : text, tokenizer);
    if (typed)
      findings.push({
        kind: 'special_in_text',
        blocking: false,
        message: `${where} holds ${typed}, which becomes the token itself, as in transformers and TRL: whoever writes the text can forge a turn. Escape it where the text comes from outside, and use messages if a chat is meant.`,
      });
  };
  if (row.messages) {
    const { add_generation_prompt = false, continue_final_message = false } = context;
    const rendered = renderMessages(row.messages, row, context, add_generation_prompt, continue_final_message);
    const typed = typedInMessages(row.messages, tokenizer);
    if (typed) findings.push(typed);
    return { encoded: encodeRendered(rendered, row.messages, tokenizer), messages: row.messages, rendered, findings };
  }
  if (row.text !== undefined) {
    noteTyped(row.text, 'text');
    return { encoded: encodeText(row.text, context, true), messages: [], findings };
  }
  if (row.prompt === undefined || row.completion === undefined)
    throw new DataError('The row has none of messages, prompt and completion, or text. Add one of them.', {
      where: 'row',
    });
  let promptIds: Int32Array;
  let encoded: EncodedText;
  let rendered: Rendered | undefined;
  let messages: Message[] = [];
  if (typeof row.prompt === 'string' || typeof row.completion === 'string') {
    if (typeof row.prompt !== 'string' || typeof row.completion !== 'string')
      throw new DataError('prompt and completion must both be strings or both be lists of messages.', {
        where: 'completion',
      });
    noteTyped(row.prompt, 'prompt');
    noteTyped(row.completion, 'completion');
    promptIds = encodeText(row.prompt, context, false).ids;
    encoded = encodeText(row.prompt + row.completion, context, true);
  } else {
    messages = [...row.prompt, ...row.completion];
    rendered = renderMessages(messages, row, context, false);
    const prompt = renderMessages(row.prompt, row, context, true);
    promptIds = encodeRendered(prompt, row.prompt, tokenizer).ids;
    encoded = encodeRendered(rendered, messages, tokenizer);
  }
  const promptLength = commonPrefix(promptIds, encoded.ids);
  if (promptLength < promptIds.length)
    findings.push({
      kind: 'prompt_not_prefix',
      blocking: false,
      gate: true,
      message: `The prompt alone gives tokens that prompt + completion does not begin with; they part at token ${promptLength}: ${JSON.stringify(tokenizer.decode(promptIds.slice(promptLength)))} is lost. The model is trained on a context that it will not see. End the prompt on a token boundary, or use a template that prints both alike.`,
    });
  return { encoded, messages, rendered, promptLength, findings };
}

/**
 * Renders, encodes and masks one row. Throws DataError for a malformed row, TemplateError from the template, ConfigError
 * when the mode does not fit the row. A row with nothing trained comes back with a blocking finding.
 */
export function render(given: DatasetRow, rowId: string, settings: RenderSettings): EncodedRow {
  if (given.chosen === undefined) return renderRow(given, rowId, settings);
  // Of a preference the chosen side is shown; what is wrong with either is told.
  const sides = sidesOf(given);
  const mode = settings.mode === 'full' ? 'default' : settings.mode;
  const chosen = renderRow(sides.chosen, rowId, { ...settings, mode });
  const rejected = renderRow(sides.rejected, rowId, { ...settings, mode });
  const findings = [...(chosen.findings ?? [])];
  for (const finding of rejected.findings ?? [])
    if (!findings.some(({ kind }) => kind === finding.kind))
      findings.push({ ...finding, message: `rejected: ${finding.message}` });
  if (firstDifference(chosen.ids, rejected.ids) < 0)
    findings.unshift({
      kind: 'chosen_is_rejected',
      blocking: true,
      gate: true,
      message:
        'chosen and rejected give the same tokens, so the pair prefers nothing and its gradient is zero. Correct one of them, or leave the row out.',
    });
  return { ...chosen, findings };
}

function renderRow(given: DatasetRow, rowId: string, settings: RenderSettings): EncodedRow {
  const { mode, max_length } = settings;
  if (!Number.isInteger(max_length) || max_length < 1)
    throw new ConfigError(`max_length must be a whole number of at least 1, got ${max_length}.`, {
      where: 'max_length',
    });
  // TRL would silently train such a row in full; here its last assistant message is the completion.
  const row = mode === 'completion_only_loss' ? asPromptCompletion(given) : given;
  if (mode === 'completion_only_loss' && row.text !== undefined)
    throw new ConfigError(
      'completion_only_loss needs prompt and completion; a text row has neither. Choose the mode full.',
      { where: 'completion_only_loss' },
    );
  if (mode === 'assistant_only_loss' && (row.text !== undefined || typeof row.prompt === 'string'))
    throw new ConfigError(
      'assistant_only_loss needs conversations (messages); this row is plain text. Choose another mode.',
      { where: 'assistant_only_loss' },
    );
  const { encoded, messages, rendered, promptLength, findings } = encodeParts(row, settings);
  const assistantOnly = mode === 'assistant_only_loss';
  const completionOnly =
    mode === 'completion_only_loss' ||
    (mode !== 'full' && promptLength !== undefined && !(assistantOnly && settings.completion_only_loss === false));
  const options = { ...TRL_MASK, ...settings.mask };
  const stops = turnEnds(settings);
  const input: MaskInput = {
    encoded,
    messages,
    promptLength: completionOnly ? promptLength : undefined,
    spans: assistantOnly && rendered ? assistantSpans(row, messages, rendered, options, settings) : undefined,
    options,
    eosIds: stops,
  };
  const { mask, rule, rules, unplaced } = buildMask(input);
  if (unplaced.length > 0)
    findings.push({
      kind: 'train_spans_lost',
      blocking: false,
      gate: true,
      message: `The template prints the content of message ${unplaced[0]! + 1} otherwise than the row has it, so its train_spans cannot be placed; nothing of it is trained. Mark the whole message with train: false, or use a template that prints contents as they are.`,
    });

  const total = encoded.ids.length;
  const over = Math.max(0, total - max_length);
  const { truncation_mode = 'keep_start' } = settings;
  const cutLeft = truncation_mode === 'keep_end';
  const [from, to] = cutLeft ? [over, total] : [0, total - over];
  const keep = <A extends { slice(from: number, to: number): A }>(array: A): A => array.slice(from, to);
  const keptMask = keep(mask);
  const keptRule = keep(rule);
  if (cutLeft && over > 0 && keptMask.length) {
    keptMask[0] = 0; // what stood before it is gone, so nothing predicts it
    keptRule[0] = rules.push('first token after the cut: nothing stands before it to predict it from') - 1;
  }
  const trainedBefore = sum(mask);
  const trained = sum(keptMask);
  // A row that is left out or refused as it is has no fault of a cut: nobody trains what would remain.
  const isOut = over > 0 && (truncation_mode === 'drop' || truncation_mode === 'refuse');
  if (isOut) findings.length = 0;
  if (over > 0) findings.push(tooLong(total, max_length, truncation_mode));
  if (trained === 0 && !isOut)
    findings.push({
      kind: 'nothing_trained',
      blocking: true,
      gate: true,
      message: whyNothing(trainedBefore, assistantOnly, messages, settings),
    });
  if (
    !isOut &&
    rendered &&
    (assistantOnly || mode === 'full') &&
    (options.assistant_turns === 'all' || mode === 'full')
  ) {
    const finding = checkPrefixes(
      messages,
      rendered.text,
      (part) => renderMessages([...part], row, settings, false),
      turnTokens(settings),
    );
    if (finding) findings.push(finding);
  }
  const keptPrompt = promptLength === undefined ? undefined : Math.min(Math.max(promptLength - from, 0), to - from);
  const out: EncodedRow = {
    rowId,
    text: encoded.text,
    ids: keep(encoded.ids),
    mask: keptMask,
    spanStart: keep(encoded.spanStart),
    spanEnd: keep(encoded.spanEnd),
    role: keep(encoded.role),
    origin: keep(encoded.origin),
    message: keep(encoded.message),
    rule: keptRule,
    rules,
    truncated: over,
    ...(trainedBefore > trained && { trainedCut: trainedBefore - trained }),
    ...(cutLeft && over > 0 && { cutLeft }),
    promptLength: keptPrompt,
    findings,
  };
  if (isOut) return out;
  const { tokenizer, bosToken, padToken } = settings;
  findings.push(
    ...checkRow(out, input, from, {
      tokenizer,
      stopIds: stops,
      isPadGiven: padToken !== undefined,
      bosId: bosToken === undefined ? undefined : tokenizer.idOf(bosToken),
      padId: tokenizer.idOf(padToken ?? eosOf(settings)),
      padMaskedBy: settings.pad_masked_by,
    }),
  );
  return out;
}

const sum = (array: Uint8Array): number => array.reduce((a, b) => a + b, 0);

/** What assistants wrote: the template's {% generation %} blocks, or the turns derived from its own output. */
function assistantSpans(
  row: DatasetRow,
  messages: Message[],
  rendered: Rendered,
  { assistant_spans }: MaskOptions,
  settings: RenderSettings,
): readonly (Rendered['generation'][number] | AssistantSpan)[] {
  if (assistant_spans === 'generation') return rendered.generation;
  const { addedTokens } = settings.tokenizer;
  return deriveAssistantSpans(
    messages,
    rendered,
    (part, prompt) => renderMessages([...part], row, settings, prompt).text,
    addedTokens.filter((token) => token.special).map((token) => token.content),
    addedTokens.map((token) => token.content),
  );
}

function tooLong(total: number, max_length: number, mode: TruncationMode): Finding {
  const over = total - max_length;
  const size = `The row has ${total} tokens, ${over} more than max_length ${max_length}`;
  if (mode === 'keep_start')
    return {
      kind: 'truncated',
      blocking: false,
      message: `${size}: its end is cut, and with it the end of the last turn. Raise max_length or shorten the row.`,
    };
  if (mode === 'keep_end')
    return {
      kind: 'truncated',
      blocking: false,
      message: `${size}: its beginning is cut, and with it the start of the prompt. Raise max_length or shorten the row.`,
    };
  return {
    kind: 'too_long',
    blocking: true,
    gate: mode === 'refuse',
    message: `${size}, so it is ${mode === 'drop' ? 'left out' : 'refused'}. Raise max_length or shorten the row.`,
  };
}

function whyNothing(
  trainedBefore: number,
  assistantOnly: boolean,
  messages: readonly Message[],
  settings: RenderSettings,
): string {
  const { template, max_length } = settings;
  if (trainedBefore > 0)
    return `All ${trainedBefore} trained tokens stand beyond max_length ${max_length}, so nothing of the row is trained. Raise max_length or shorten the prompt.`;
  if (assistantOnly && settings.mask?.assistant_spans !== 'derived' && !template.hasGeneration)
    return 'The chat template has no {% generation %} block, so assistant_only_loss trains nothing. Put {% generation %} … {% endgeneration %} around what the assistant writes, or choose another mode.';
  const answers = messages.filter(({ role }) => role === 'assistant');
  if (answers.length > 0 && answers.every(({ train }) => train === false))
    return 'Every assistant message of the row has train: false, so nothing of it is trained. Take it from one of them, or leave the row out.';
  if (assistantOnly && answers.length > 0)
    return 'Nothing of the assistant messages is trained: the template prints none of them inside what the mask takes, or train_spans and turns leave all of it out. Look at the rules in Mask.';
  if (assistantOnly)
    return 'The row has no assistant message, so nothing of it is trained. Add one, or leave the row out.';
  return 'The row has no token to train. Add a completion, or leave the row out.';
}

/** Number of tokens of a row that are trained. */
export const trainedTokens = (row: EncodedRow): number => row.mask.reduce((a, b) => a + b, 0);
/** The sentence that forbids training on a row; undefined = it may be trained. */
export const blockingFinding = (row: EncodedRow): string | undefined => row.findings?.find((f) => f.blocking)?.message;

/**
 * What the model reads before it answers. The last message decides, as in TRL: user or tool → generation prompt;
 * assistant → that message is continued.
 */
export function encodePrompt(
  messages: Message[],
  context: RenderContext & { tools?: ToolSchema[]; kwargs?: { [key: string]: Json } },
): EncodedPrompt & { tokens: string[]; stopIds: number[]; role: Uint8Array; origin: Uint8Array } {
  if (messages.length === 0)
    throw new DataError('The conversation is empty. Write a message first.', { where: 'messages' });
  const continued = messages.at(-1)!.role === 'assistant';
  const rendered = context.template.render(messages, {
    tools: context.tools,
    addGenerationPrompt: !continued,
    continueFinalMessage: continued,
    kwargs: { ...context.templateVariables, ...context.kwargs },
    now: context.now,
    expired: context.expired,
  });
  const { text, ids, spanStart, spanEnd, role, origin } = encodeRendered(rendered, messages, context.tokenizer);
  return {
    text,
    ids,
    spanStart,
    spanEnd,
    role,
    origin,
    tokens: Array.from(ids, (id) => context.tokenizer.tokenText(id)),
    stopIds: [...turnEnds(context)],
  };
}

/** A plain continuation without template: what a base model is given. */
export function encodePlainPrompt(
  text: string,
  context: RenderContext,
): EncodedPrompt & { tokens: string[]; stopIds: number[] } {
  const { ids, spanStart, spanEnd } = encodePromptText(text, context);
  return {
    text,
    ids,
    spanStart,
    spanEnd,
    tokens: Array.from(ids, (id) => context.tokenizer.tokenText(id)),
    stopIds: [...turnEnds(context)],
  };
}

export { turnEnds };

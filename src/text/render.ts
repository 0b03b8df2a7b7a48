// The one way from a dataset row to ids, spans and loss mask: all of one render, so they cannot drift (TRL's SFT, facts §1–2).
import { ConfigError, DataError } from '../lib/errors';
import {
  type DatasetRow,
  type EncodedRow,
  type Finding,
  type Json,
  type MaskMode,
  type Message,
  ROLE_NAMES,
  type ToolSchema,
} from '../protocol/chat';
import type { EncodedPrompt } from '../protocol/requests';
import type { CompiledTemplate, Rendered } from './chatTemplate';
import { type EncodedText, encodeRendered } from './encodeRendered';
import type { Tokenizer } from './tokenizer';

export interface RenderContext {
  tokenizer: Tokenizer;
  template: CompiledTemplate;
  /** Appended to rows that are not conversations, as TRL does; '<|endoftext|>' unless given. */
  eosToken?: string;
  /** Variables of every render: bos_token, eos_token … */
  templateVariables?: { [key: string]: Json };
  now?: () => Date;
  expired?: () => boolean;
}
export interface RenderSettings extends RenderContext {
  /** `default`: completion only for prompt + completion, full sequence otherwise (TRL's completion_only_loss = None). */
  mode: MaskMode | 'default';
  /** Tokens kept from the start; the rest is cut. */
  max_length: number;
}

/** Why a token is trained or not; EncodedRow.rule points here. */
export const RULES = [
  'first token: nothing stands before it to predict it from',
  'full sequence: every token is trained',
  'prompt: given, not trained',
  'completion: trained',
  'inside {% generation %}: trained',
  'outside {% generation %}: written by the template, not trained',
  'outside {% generation %}: system text, not trained',
  'outside {% generation %}: user text, not trained',
  'outside {% generation %}: assistant header or text, not trained',
  'outside {% generation %}: tool result, not trained',
] as const;
const FIRST = 0;
const FULL = 1;
const PROMPT = 2;
const COMPLETION = 3;
const INSIDE = 4;
const OUTSIDE = 5;

const eosOf = (context: RenderContext) => context.eosToken ?? '<|endoftext|>';

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
): Rendered {
  return context.template.render(messages, {
    tools: row.tools,
    addGenerationPrompt,
    kwargs: { ...context.templateVariables, ...row.chat_template_kwargs },
    now: context.now,
    expired: context.expired,
  });
}

/** A plain text with EOS: ids as TRL's for rows that are not conversations. */
function encodePlainText(text: string, context: RenderContext, withEos: boolean): EncodedText {
  const { tokenizer } = context;
  const eos = eosOf(context);
  const ends = withEos && text.endsWith(eos);
  const body = tokenizer.encode(ends ? text.slice(0, -eos.length) : text);
  const full = withEos && !ends ? text + eos : text;
  const ids = [...tokenizer.prefixIds, ...body.ids];
  const pad = tokenizer.prefixIds.map(() => 0);
  const starts = [...pad, ...body.starts];
  const stops = [...pad, ...body.ends];
  if (withEos) {
    ids.push(tokenizer.requireId(eos));
    starts.push(full.length - eos.length);
    stops.push(full.length);
  }
  const origin = Uint8Array.from(ids, (id) => (tokenizer.specialIds.has(id) ? 2 : 1));
  return {
    text: full,
    ids: Int32Array.from(ids),
    spanStart: Int32Array.from(starts),
    spanEnd: Int32Array.from(stops),
    role: new Uint8Array(ids.length),
    origin,
    message: new Int16Array(ids.length).fill(-1),
  };
}

function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

interface Parts {
  encoded: EncodedText;
  generation: Rendered['generation'];
  promptLength?: number;
  findings: Finding[];
}

function encodeParts(row: DatasetRow, context: RenderContext): Parts {
  const { tokenizer } = context;
  const findings: Finding[] = [];
  const typedSpecial = (text: string, where: string) => {
    const body = text.endsWith(eosOf(context)) ? text.slice(0, -eosOf(context).length) : text;
    const typed = tokenizer.addedTokens.find((token) => body.includes(token.content));
    if (typed)
      findings.push({
        kind: 'special_in_text',
        blocking: false,
        message: `${where} holds ${typed.content}, which is read as plain characters. Use messages if a chat is meant.`,
      });
  };
  if (row.messages) {
    const rendered = renderMessages(row.messages, row, context, false);
    return { encoded: encodeRendered(rendered, row.messages, tokenizer), generation: rendered.generation, findings };
  }
  if (row.text !== undefined) {
    typedSpecial(row.text, 'text');
    return { encoded: encodePlainText(row.text, context, true), generation: [], findings };
  }
  if (row.prompt === undefined || row.completion === undefined)
    throw new DataError('The row has none of messages, prompt and completion, or text. Add one of them.', {
      where: 'row',
    });
  let promptIds: Int32Array;
  let encoded: EncodedText;
  let generation: Rendered['generation'] = [];
  if (typeof row.prompt === 'string' || typeof row.completion === 'string') {
    if (typeof row.prompt !== 'string' || typeof row.completion !== 'string')
      throw new DataError('prompt and completion must both be strings or both be lists of messages.', {
        where: 'completion',
      });
    typedSpecial(row.prompt, 'prompt');
    typedSpecial(row.completion, 'completion');
    promptIds = encodePlainText(row.prompt, context, false).ids;
    encoded = encodePlainText(row.prompt + row.completion, context, true);
  } else {
    const messages = [...row.prompt, ...row.completion];
    const rendered = renderMessages(messages, row, context, false);
    const prompt = renderMessages(row.prompt, row, context, true);
    promptIds = encodeRendered(prompt, row.prompt, tokenizer).ids;
    encoded = encodeRendered(rendered, messages, tokenizer);
    generation = rendered.generation;
  }
  const promptLength = commonPrefix(promptIds, encoded.ids);
  if (promptLength < promptIds.length)
    findings.push({
      kind: 'prompt_not_prefix',
      blocking: false,
      message: `The prompt alone gives tokens that prompt + completion does not begin with; they part at token ${promptLength}: ${JSON.stringify(tokenizer.decode(promptIds.slice(promptLength)))} is lost. The model is trained on a context that it will not see. End the prompt on a token boundary, or use a template that prints both alike.`,
    });
  return { encoded, generation, promptLength, findings };
}

/**
 * Renders, encodes and masks one row. Throws DataError for a malformed row, TemplateError from the template, ConfigError
 * when the mode does not fit the row. A row with nothing trained comes back with a blocking finding.
 */
export function render(given: DatasetRow, rowId: string, settings: RenderSettings): EncodedRow {
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
  const { encoded, generation, promptLength, findings } = encodeParts(row, settings);
  const completionOnly = mode === 'completion_only_loss' || (mode !== 'full' && promptLength !== undefined);
  const assistantOnly = mode === 'assistant_only_loss';

  const total = encoded.ids.length;
  const mask = new Uint8Array(total);
  const rule = new Uint8Array(total);
  let block = 0;
  for (let t = 0; t < total; t++) {
    const [start, end] = [encoded.spanStart[t]!, encoded.spanEnd[t]!];
    while (block < generation.length && generation[block]!.end <= start) block++;
    const inside = block < generation.length && generation[block]!.start < end;
    // Several modes: a token is trained only if every mask allows it; the first that forbids it is named.
    if (t === 0) rule[t] = FIRST;
    else if (completionOnly && t < promptLength!) rule[t] = PROMPT;
    else if (assistantOnly && !inside) rule[t] = OUTSIDE + encoded.role[t]!;
    else {
      rule[t] = assistantOnly ? INSIDE : completionOnly ? COMPLETION : FULL;
      mask[t] = 1;
    }
  }
  const kept = Math.min(total, max_length);
  const trainedBefore = mask.reduce((a, b) => a + b, 0);
  const keptMask = mask.slice(0, kept);
  const trained = keptMask.reduce((a, b) => a + b, 0);
  if (kept < total)
    findings.push({
      kind: 'truncated',
      blocking: false,
      message: `The row has ${total} tokens, ${total - kept} more than max_length ${max_length}: its end is cut, and with it the end of the last turn. Raise max_length or shorten the row.`,
    });
  if (trained === 0)
    findings.push({
      kind: 'nothing_trained',
      blocking: true,
      message: whyNothing(trainedBefore, assistantOnly, settings),
    });
  return {
    rowId,
    text: encoded.text,
    ids: encoded.ids.slice(0, kept),
    mask: keptMask,
    spanStart: encoded.spanStart.slice(0, kept),
    spanEnd: encoded.spanEnd.slice(0, kept),
    role: encoded.role.slice(0, kept),
    origin: encoded.origin.slice(0, kept),
    message: encoded.message.slice(0, kept),
    rule: rule.slice(0, kept),
    rules: [...RULES],
    truncated: total - kept,
    promptLength: promptLength === undefined ? undefined : Math.min(promptLength, kept),
    findings,
  };
}

function whyNothing(trainedBefore: number, assistantOnly: boolean, { template, max_length }: RenderSettings): string {
  if (trainedBefore > 0)
    return `All ${trainedBefore} trained tokens stand beyond max_length ${max_length}, so nothing of the row is trained. Raise max_length or shorten the prompt.`;
  if (assistantOnly && !template.hasGeneration)
    return 'The chat template has no {% generation %} block, so assistant_only_loss trains nothing. Put {% generation %} … {% endgeneration %} around what the assistant writes, or choose another mode.';
  if (assistantOnly)
    return 'The row has no assistant message, so nothing of it is trained. Add one, or leave the row out.';
  return 'The row has no token to train. Add a completion, or leave the row out.';
}

/** Number of tokens of a row that are trained. */
export const trainedTokens = (row: EncodedRow): number => row.mask.reduce((a, b) => a + b, 0);
/** The sentence that forbids training on a row; undefined = it may be trained. */
export const blockingFinding = (row: EncodedRow): string | undefined => row.findings?.find((f) => f.blocking)?.message;

/**
 * Ids at which generation stops: the end-of-turn token that the template prints after an assistant's content, and EOS.
 */
export function stopIds(context: RenderContext): number[] {
  const { tokenizer } = context;
  const ids = new Set<number>();
  const eos = tokenizer.idOf(eosOf(context));
  if (eos !== undefined) ids.add(eos);
  const probe: Message[] = [
    { role: 'user', content: 'question' },
    { role: 'assistant', content: 'answer' },
  ];
  const rendered = renderMessages(probe, {}, context, false);
  const at = rendered.text.lastIndexOf('answer') + 'answer'.length;
  const tail = tokenizer.encode(rendered.text.slice(at), { allowSpecial: true }).ids;
  const end = tail.find((id) => tokenizer.specialIds.has(id));
  if (end !== undefined) ids.add(end);
  return [...ids];
}

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
    stopIds: stopIds(context),
  };
}

/** A plain continuation without template: what a base model is given. */
export function encodePlainPrompt(
  text: string,
  context: RenderContext,
): EncodedPrompt & { tokens: string[]; stopIds: number[] } {
  const { ids, spanStart, spanEnd } = encodePlainText(text, context, false);
  return {
    text,
    ids,
    spanStart,
    spanEnd,
    tokens: Array.from(ids, (id) => context.tokenizer.tokenText(id)),
    stopIds: stopIds(context),
  };
}

if (OUTSIDE + ROLE_NAMES.length !== RULES.length) throw new Error('RULES must end with one entry a role');

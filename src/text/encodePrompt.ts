// What a model is given to go on from: a conversation up to its answer, or a plain text.
import { DataError } from '../lib/errors';
import type { Json, Message, ToolSchema } from '../protocol/chat';
import type { EncodedPrompt } from '../protocol/requests';
import { encodeRendered } from './encodeRendered';
import { encodePromptText } from './encodeText';
import type { RenderContext } from './renderContext';
import { turnEnds } from './turnEnds';

/**
 * What the model reads before it answers. The last message decides, as in TRL's apply_chat_template: user or tool → generation
 * prompt; assistant → that message is continued, where RLOOTrainer would begin another.
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
    stopIds: stopsOf(context),
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
    stopIds: stopsOf(context),
  };
}

/** What ends an answer: the template's ends of a turn, and the model's own. */
export const stopsOf = (context: RenderContext): number[] => [
  ...new Set([...turnEnds(context), ...(context.stopIds ?? [])]),
];

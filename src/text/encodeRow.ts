// A dataset row as ids: the conversation or the strings of it, with where its prompt ends.
import { commonPrefix } from '../lib/arrays';
import { DataError } from '../lib/errors';
import type { DatasetRow, Finding, Message } from '../protocol/chat';
import { doubleEncodedFinding } from './callArguments';
import type { Rendered } from './chatTemplate';
import { type EncodedText, encodeRendered } from './encodeRendered';
import { encodeText, eosOf } from './encodeText';
import { type RenderContext, type RenderSettings, renderMessages } from './renderContext';
import { refuseSpecialNames, typedInMessages, typedInText } from './typedSpecials';

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

export interface Parts {
  encoded: EncodedText;
  messages: Message[];
  rendered?: Rendered;
  promptLength?: number;
  findings: Finding[];
}

/** Throws DataError for a row of no known type, and as the template and the tokenizer do. */
export function encodeParts(
  row: DatasetRow,
  context: RenderContext & Pick<RenderSettings, 'add_generation_prompt' | 'continue_final_message' | 'mask'>,
): Parts {
  const { tokenizer } = context;
  const specials = context.mask?.special_in_content ?? 'text';
  if (specials === 'text') refuseSpecialNames(row, tokenizer);
  const findings: Finding[] = [];
  const noteTyped = (text: string, where: string) =>
    findings.push(...typedInText(text, where, eosOf(context), tokenizer));
  if (row.messages) {
    const { add_generation_prompt = false, continue_final_message = false } = context;
    const rendered = renderMessages(row.messages, row, context, add_generation_prompt, continue_final_message);
    const typed = typedInMessages(row.messages, tokenizer, specials);
    if (typed) findings.push(typed);
    findings.push(...doubleEncodedFinding(row.messages, rendered.text));
    return {
      encoded: encodeRendered(rendered, row.messages, tokenizer, specials),
      messages: row.messages,
      rendered,
      findings,
    };
  }
  if (row.text !== undefined) {
    noteTyped(row.text, 'text');
    return { encoded: encodeText(row.text, context, true), messages: [], findings };
  }
  if (row.completions)
    throw new DataError(
      'The row has steps with a label each (stepwise), for process reward models; as one text it has no meaning. Choose rows of messages, or of prompt and completion.',
      { where: 'completions' },
    );
  if (row.prompt !== undefined && row.completion === undefined)
    throw new DataError(
      'The row is a prompt without an answer (prompt-only), for online methods; nothing of it can be trained. Choose rows with a completion.',
      { where: 'completion' },
    );
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
    // Templates read the first message: of no messages there is nothing to print.
    promptIds =
      row.prompt.length === 0
        ? new Int32Array(0)
        : encodeRendered(renderMessages(row.prompt, row, context, true), row.prompt, tokenizer, specials).ids;
    encoded = encodeRendered(rendered, messages, tokenizer, specials);
    findings.push(...doubleEncodedFinding(messages, rendered.text));
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

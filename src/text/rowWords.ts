// Sentences about a row that is cut, left out or trains nothing.
import type { Finding, Message, TruncationMode } from '../protocol/chat';
import type { RenderSettings } from './renderContext';

/** What becomes of a row above max_length. */
export function tooLong(total: number, max_length: number, mode: TruncationMode): Finding {
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

/** Why no token of a row is trained, and what to do. */
export function whyNothing(
  trainedBefore: number,
  assistantOnly: boolean,
  messages: readonly Message[],
  settings: RenderSettings,
): string {
  const { template, max_length } = settings;
  if (trainedBefore > 0)
    return `All ${trainedBefore} trained tokens stand beyond max_length ${max_length}, so nothing of the row is trained. Raise max_length or shorten the prompt.`;
  if (assistantOnly && settings.mask?.assistant_spans !== 'derived' && !template.hasGeneration)
    return 'The chat template has no {% generation %} block, so assistant_only_loss trains nothing. Put {% generation %} … {% endgeneration %} around what the assistant writes, let the spans be derived (assistant_spans), or choose another mode.';
  const answers = messages.filter(({ role }) => role === 'assistant');
  if (answers.length > 0 && answers.every(({ train }) => train === false))
    return 'Every assistant message of the row has train: false, so nothing of it is trained. Take it from one of them, or leave the row out.';
  if (assistantOnly && answers.length > 0)
    return 'Nothing of the assistant messages is trained: the template prints none of them inside what the mask takes, or train_spans and turns leave all of it out. Look at the rules in Mask.';
  if (assistantOnly)
    return 'The row has no assistant message, so nothing of it is trained. Add one, or leave the row out.';
  return 'The row has no token to train. Add a completion, or leave the row out.';
}

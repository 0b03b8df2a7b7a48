// The prompt of a row as the model reads it before it answers, for methods that train on completions of their own: TRL's
// prompt-only type, and the prompts of rows that have an answer too.
import type { DatasetRow, EncodedRow, Finding, Message } from '../protocol/chat';
import { encodePlainPrompt, encodePrompt } from './encodePrompt';
import { isPromptGiven, sidesOf } from './preferences';
import type { RenderSettings } from './renderContext';
import { promptFault } from './sharedPrompt';

/** What comes before the answer: of a preference what both sides share, of a conversation all before its last answer. */
export function promptOf(row: DatasetRow): string | Message[] {
  if (row.chosen !== undefined) return sidesOf(row).chosen.prompt!;
  if (row.prompt !== undefined) return row.prompt;
  if (row.text !== undefined) return row.text;
  const messages = row.messages ?? [];
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  return last < 0 ? messages : messages.slice(0, last);
}

/**
 * A row with nothing but its prompt; nothing of it is trained. `room`: tokens of the longest answer. A prompt that is empty, that the
 * sides of a preference do not share, or that leaves no room within max_length, comes back with a finding. Throws TemplateError from the template.
 */
export function renderPrompt(
  row: DatasetRow,
  rowId: string,
  { room, ...settings }: RenderSettings & { room: number },
): EncodedRow {
  const parted = unshared(row);
  // What sides share that answer different questions is no prompt, and may be none that a template prints.
  const prompt = parted?.blocking && !isPromptGiven(row) ? '' : promptOf(row);
  const encoded =
    typeof prompt === 'string'
      ? plain(encodePlainPrompt(prompt, settings))
      : prompt.length === 0
        ? plain({ text: '', ids: new Int32Array(0), spanStart: new Int32Array(0), spanEnd: new Int32Array(0) })
        : encodePrompt(prompt, { ...settings, tools: row.tools, kwargs: row.chat_template_kwargs });
  const { text, ids, spanStart, spanEnd, role, origin } = encoded;
  const finding = parted ?? fault(ids.length, room, settings.max_length);
  return {
    rowId,
    text,
    ids,
    mask: new Uint8Array(ids.length),
    spanStart,
    spanEnd,
    role,
    origin,
    message: new Int16Array(ids.length).fill(-1),
    rule: new Uint8Array(ids.length),
    rules: ['prompt: it is read, and not learned'],
    truncated: 0,
    promptLength: ids.length,
    ...(finding && { findings: [finding] }),
  };
}
/** The row wrote all of it, and no role is known. */
const plain = <E extends { ids: Int32Array }>(encoded: E) => ({
  ...encoded,
  role: new Uint8Array(encoded.ids.length),
  origin: new Uint8Array(encoded.ids.length).fill(1),
});

/** Of a preference the prompt is what both sides answer, where they answer one. */
function unshared(row: DatasetRow): Finding | undefined {
  const found = row.chosen === undefined ? undefined : promptFault(sidesOf(row), isPromptGiven(row));
  return found && { kind: 'prompt_not_shared', blocking: !found.isGuess, gate: true, message: found.message };
}
function fault(tokens: number, room: number, maxLength: number): Finding | undefined {
  if (tokens === 0)
    return {
      kind: 'nothing_trained',
      blocking: true,
      message: 'The prompt is empty: there is nothing to answer. Write one, or leave the row out.',
    };
  if (tokens + room <= maxLength) return undefined;
  return {
    kind: 'too_long',
    blocking: true,
    message: `The prompt has ${tokens} tokens and an answer may have ${room}, together above max_length (${maxLength}), so the row is left out. Raise max_length, or lower max_completion_length.`,
  };
}

// The one way from a dataset row to ids, spans and loss mask: all of one render, so they cannot drift (TRL's SFT, facts §1–2).
import { firstDifference } from '../lib/arrays';
import { ConfigError } from '../lib/errors';
import type { DatasetRow, EncodedRow, Finding, MaskOptions, Message } from '../protocol/chat';
import { type AssistantSpan, deriveAssistantSpans } from './assistantSpans';
import type { Rendered } from './chatTemplate';
import { asPromptCompletion, encodeParts } from './encodeRow';
import { eosOf } from './encodeText';
import { buildMask, type MaskInput, TRL_MASK } from './masks';
import { isPromptGiven, sidesOf } from './preferences';
import { type RenderSettings, renderMessages } from './renderContext';
import { checkPrefixes, checkRow } from './rowChecks';
import { tooLong, whyNothing } from './rowWords';
import { promptFault } from './sharedPrompt';
import { turnEnds, turnTokens } from './turnEnds';

/**
 * Renders, encodes and masks one row. Throws DataError for a malformed row, TemplateError from the template, ConfigError
 * when the mode does not fit the row. A row with nothing trained comes back with a blocking finding.
 */
export function render(given: DatasetRow, rowId: string, settings: RenderSettings): EncodedRow {
  if (given.chosen === undefined) return renderWhole(given, rowId, settings).row;
  // Of a preference one side is shown; what is wrong with either is told.
  const { side = 'chosen' } = settings;
  const pair = renderPair(given, rowId, settings, side);
  return { ...pair[side], findings: pair.findings };
}

/** Both sides of a preference, the prompt of neither trained, and what is wrong with the pair. Throws as render does. */
export function renderPair(
  given: DatasetRow,
  rowId: string,
  settings: RenderSettings,
  side: 'chosen' | 'rejected' = 'chosen',
): { chosen: EncodedRow; rejected: EncodedRow; findings: Finding[] } {
  const sides = sidesOf(given);
  const mode = settings.mode === 'full' ? 'default' : settings.mode;
  const hidden = side === 'chosen' ? 'rejected' : 'chosen';
  const isParted = promptFault(sides, isPromptGiven(given))?.isGuess === false;
  const ends = { chosen: Number.POSITIVE_INFINITY, rejected: Number.POSITIVE_INFINITY };
  const one = (which: 'chosen' | 'rejected', promptAtMost?: number): EncodedRow => {
    const of = isParted ? behindItsQuestion(sides[which]) : sides[which];
    const { row, promptLength } = renderWhole(of, rowId, { ...settings, mode }, promptAtMost);
    ends[which] = promptLength ?? ends[which];
    return row;
  };
  let [shown, other] = [one(side), one(hidden)];
  // The prompt of both ends where that of one does, as in TRL's DPOTrainer (min over common_prefix_length).
  if (ends[side] > ends[hidden]) shown = one(side, ends[hidden]);
  else if (ends[hidden] > ends[side]) other = one(hidden, ends[side]);
  // What else would be told of sides that answer different questions comes of that, and names another cause.
  const findings = isParted ? [] : [...(shown.findings ?? [])];
  for (const finding of isParted ? [] : (other.findings ?? []))
    if (!findings.some(({ kind }) => kind === finding.kind))
      findings.push({ ...finding, message: `${hidden}: ${finding.message}` });
  const isCut = shown.truncated > 0 && other.truncated > 0;
  const same = firstDifference(shown.ids, other.ids) >= 0 ? undefined : isCut ? 'as far as they are read' : 'whole';
  const fault = pairFault(sides, same, isPromptGiven(given));
  if (fault) findings.unshift({ blocking: true, ...fault, gate: true });
  return { ...(side === 'chosen' ? { chosen: shown, rejected: other } : { chosen: other, rejected: shown }), findings };
}
/** A side as the answer to what is asked in it alone: what it shares with the other may be nothing, or no prompt that a template prints. */
function behindItsQuestion(side: DatasetRow): DatasetRow {
  const { prompt, completion } = side;
  if (!Array.isArray(prompt) || !Array.isArray(completion)) return side;
  const at = completion.findIndex(({ role }) => role === 'assistant');
  return at < 0 ? side : { ...side, prompt: [...prompt, ...completion.slice(0, at)], completion: completion.slice(at) };
}
/** Why a pair teaches no preference. `same`: how far its sides are one, where they are. */
export function pairFault(
  sides: ReturnType<typeof sidesOf>,
  same: 'whole' | 'as far as they are read' | undefined,
  isGiven: boolean,
): (Pick<Finding, 'kind' | 'message'> & { blocking?: boolean }) | undefined {
  const empty = (['chosen', 'rejected'] as const).find((side) => isEmptyAnswer(sides[side]));
  if (empty)
    return {
      kind: 'empty_completion',
      message: `${empty} says nothing: its completion is empty. Write the answer, or leave the row out.`,
    };
  const fault = promptFault(sides, isGiven);
  const prompt = fault && ({ kind: 'prompt_not_shared', message: fault.message, blocking: !fault.isGuess } as const);
  // A guess of what both answer says nothing of two that are one.
  if (!same || prompt?.blocking) return prompt;
  return {
    kind: 'chosen_is_rejected',
    message:
      same === 'as far as they are read'
        ? 'chosen and rejected are the same up to max_length, where both are cut, so the pair prefers nothing and its gradient is zero. Raise max_length, or leave the row out.'
        : 'chosen and rejected give the same tokens, so the pair prefers nothing and its gradient is zero. Correct one of them, or leave the row out.',
  };
}
/** A completion that says nothing and calls nothing; a thought alone is none, and many templates leave it out. */
export const isEmptyAnswer = ({ completion }: DatasetRow): boolean =>
  typeof completion === 'string'
    ? completion.trim() === ''
    : !completion?.some(({ content, tool_calls }) => content.trim() !== '' || tool_calls?.length);

/** `promptLength`: before anything is cut; `promptAtMost` moves it to the left. */
function renderWhole(
  given: DatasetRow,
  rowId: string,
  settings: RenderSettings,
  promptAtMost = Number.POSITIVE_INFINITY,
): { row: EncodedRow; promptLength?: number | undefined } {
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
  const { encoded, messages, rendered, findings, ...parts } = encodeParts(row, settings);
  const promptLength = parts.promptLength === undefined ? undefined : Math.min(parts.promptLength, promptAtMost);
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
  const { mask, rule, rules, unplaced, isFirstWanted } = buildMask(input);
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
  const isFirstOwn = input.promptLength !== undefined && (from === 0 ? isFirstWanted : mask[from] === 1);
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
    ...(isFirstOwn && { unscored: 1 }),
    findings,
  };
  if (isOut) return { row: out, promptLength };
  const { tokenizer, bosToken, padToken } = settings;
  findings.push(
    ...checkRow(out, input, from, {
      tokenizer,
      stopIds: stops,
      isPadGiven: padToken !== undefined,
      bosId: bosToken === undefined ? undefined : tokenizer.idOf(bosToken),
      padId: tokenizer.idOf(padToken ?? eosOf(settings)),
      padMaskedBy: settings.pad_masked_by,
      readsReward: settings.reads_reward,
    }),
  );
  return { row: out, promptLength };
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

/** Number of tokens of a row that are trained. */
export const trainedTokens = (row: EncodedRow): number => row.mask.reduce((a, b) => a + b, 0);
/** The sentence that forbids training on a row; undefined = it may be trained. */
export const blockingFinding = (row: EncodedRow): string | undefined => row.findings?.find((f) => f.blocking)?.message;

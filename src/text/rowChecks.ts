// What is wrong with how a row will be trained: the faults that frameworks pass over in silence or with a warning that nobody
// reads. Each is found on the encoded row itself, so it is what training would see.
import { type EncodedRow, type Finding, type Message, ROLE_NAMES } from '../protocol/chat';
import type { MaskInput } from './masks';
import type { Tokenizer } from './tokenizer';

const TOOL = ROLE_NAMES.indexOf('tool');
const CONTENT = 1;

export interface RowCheckContext {
  tokenizer: Tokenizer;
  /** Ids that end a turn. */
  stopIds: ReadonlySet<number>;
  bosId?: number;
  padId?: number;
}

/** Findings on a finished row, in the order of their weight. Every one of them blocks a run until it is overridden. */
export function checkRow(row: EncodedRow, input: MaskInput, context: RowCheckContext): Finding[] {
  const found: Finding[] = [];
  const { tokenizer, stopIds, bosId, padId } = context;
  const show = (t: number) => JSON.stringify(tokenizer.tokenText(row.ids[t]!));
  const add = (kind: Finding['kind'], message: string) => found.push({ kind, blocking: false, gate: true, message });
  const trained = row.mask.reduce((n, m) => n + m, 0);
  if (trained > 0 && !row.ids.some((id, t) => row.mask[t] === 1 && stopIds.has(id))) {
    const last = row.mask.lastIndexOf(1);
    add(
      'stop_not_trained',
      `No end-of-turn token is trained: the last trained token is ${show(last)} at ${last}. The model never learns to stop. ${
        row.truncated > 0 && !row.cutLeft
          ? 'It was cut away: raise max_length.'
          : row.ids.some((id) => stopIds.has(id))
            ? 'Move the end-of-turn token inside the trained part: {% endgeneration %} after it, or train_on_eos.'
            : 'The row holds none at all: the template prints no end of a turn that is a token of this tokenizer. Let it print eos_token behind each answer.'
      }`,
    );
  }
  if (row.trainedCut)
    add(
      'target_cut',
      `${row.trainedCut} of ${row.trainedCut + trained} trained tokens stand beyond max_length and are lost. Raise max_length, shorten the row, or drop rows that are too long.`,
    );
  const tool = row.mask.findIndex((m, t) => m === 1 && row.role[t] === TOOL && row.origin[t] === CONTENT);
  if (tool >= 0)
    add(
      'tool_result_trained',
      `Tool results are trained, from token ${tool} (${show(tool)}) on: the model learns to make results up. Train assistant turns only.`,
    );
  if (bosId !== undefined && row.ids[0] === bosId && row.ids[1] === bosId)
    add(
      'double_bos',
      `The row begins with ${show(0)} twice: ${input.messages.length ? 'the template prints it and the tokenizer adds it' : 'the text begins with it and the tokenizer adds it'}. Encode rendered chats with add_special_tokens=False, or take it out of the ${input.messages.length ? 'template' : 'text'}.`,
    );
  const pad = padId === undefined ? -1 : row.ids.findIndex((id, t) => id === padId && row.origin[t] !== 2);
  if (pad >= 0)
    add(
      'pad_in_text',
      `The padding token ${show(pad)} stands inside the text, at token ${pad}: a framework that masks padding by its id would not train it. Take it out, or choose another pad_token.`,
    );
  const padded =
    padId === undefined || !stopIds.has(padId) ? -1 : row.ids.findIndex((id, t) => id === padId && row.mask[t] === 1);
  if (padded >= 0)
    add(
      'pad_is_eos',
      `pad_token and the end-of-turn token are the same, ${show(padded)}: a collator that masks padding by its id takes every one of them out of the loss, the one at ${padded} too, and the model never learns to stop. Set another pad_token, or mask padding by position.`,
    );
  const straddle = straddling(input);
  if (straddle >= 0 && straddle < row.ids.length)
    add(
      'straddles_boundary',
      `Token ${straddle} (${show(straddle)}) is partly given and partly to be learned: the border of the trained part runs through it. In serving the prompt ends inside it, so the model is asked to go on from tokens that training never showed. Begin the answer with a special token or a line break.`,
    );
  return found;
}

/** First token that a span's border cuts in two; −1 when none. */
function straddling({ encoded, spans }: MaskInput): number {
  if (!spans) return -1;
  let at = 0;
  for (let t = 0; t < encoded.ids.length && at < spans.length; t++) {
    const [start, end] = [encoded.spanStart[t]!, encoded.spanEnd[t]!];
    while (at < spans.length && spans[at]!.end <= start) at++;
    const span = spans[at];
    if (!span) break;
    // Byte tokens of one character share its span; a border never lies inside a character.
    if ((start < span.start && end > span.start) || (start < span.end && end > span.end)) return t;
  }
  return -1;
}

/**
 * Whether earlier turns are printed otherwise once later ones exist: each conversation up to a user or tool message must be a
 * prefix of the whole. `renderText` as for a conversation that ends there.
 */
export function checkPrefixes(
  messages: readonly Message[],
  text: string,
  renderText: (part: readonly Message[]) => string,
): Finding | undefined {
  for (let i = 1; i < messages.length; i++) {
    if (messages[i - 1]!.role !== 'assistant') continue;
    let part: string;
    try {
      part = renderText(messages.slice(0, i));
    } catch {
      continue; // the template refuses a conversation that ends there: nobody will serve it so
    }
    if (text.startsWith(part)) continue;
    let at = 0;
    while (at < part.length && part[at] === text[at]) at++;
    return {
      kind: 'not_prefix_preserving',
      blocking: false,
      gate: true,
      message: `Once message ${i} (${messages[i]!.role}) is added, what stands before it is printed otherwise: ${quote(part, at)} becomes ${quote(text, at)}. The model is trained on a history that it did not see when it wrote its turn. Train the last turn only, or split the row into one per turn.`,
    };
  }
  return undefined;
}
const quote = (text: string, at: number) => JSON.stringify(text.slice(Math.max(0, at - 12), at + 24));

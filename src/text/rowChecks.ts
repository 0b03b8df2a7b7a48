// What is wrong with how a row will be trained: the faults that frameworks pass over in silence or with a warning that nobody
// reads. Each is found on the encoded row itself, so it is what training would see.
import { commonPrefix } from '../lib/arrays';
import { type EncodedRow, type Finding, type Message, ROLE_NAMES } from '../protocol/chat';
import { rewardPosition } from '../protocol/rewardPosition';
import type { Rendered } from './chatTemplate';
import type { MaskInput } from './masks';
import type { Tokenizer } from './tokenizer';
import { firstToken } from './tokensInText';

const TOOL = ROLE_NAMES.indexOf('tool');
const CONTENT = 1;

export interface RowCheckContext {
  tokenizer: Tokenizer;
  /** Ids that end a turn. */
  stopIds: ReadonlySet<number>;
  bosId?: number;
  /** What rows are padded with: without a pad_token of its own, EOS. */
  padId?: number;
  /** The model has a pad_token. */
  isPadGiven?: boolean;
  padMaskedBy?: 'length' | 'id';
  /** A reward model is trained on the row. */
  readsReward?: boolean;
}

/**
 * Findings on a finished row, in the order of their weight. All but a harmless pad = eos block a run until overridden.
 * `from`: tokens of the input that were cut away before the row.
 */
export function checkRow(row: EncodedRow, input: MaskInput, from: number, context: RowCheckContext): Finding[] {
  const found: Finding[] = [];
  const { tokenizer, stopIds, bosId, padId, padMaskedBy = 'length', isPadGiven = true, readsReward = false } = context;
  const show = (t: number) => JSON.stringify(tokenizer.tokenText(row.ids[t]!));
  const add = (kind: Finding['kind'], message: string) => found.push({ kind, blocking: false, gate: true, message });
  const trained = row.mask.reduce((n, m) => n + m, 0);
  // A reward model writes nothing, so it need not learn to stop.
  const open = trained > 0 && !readsReward ? withoutEnd(row, input, context) : undefined;
  if (open) {
    const { last, message } = open;
    const wasCut = row.truncated > 0 && !row.cutLeft && !row.ids.some((id, t) => row.mask[t] === 1 && stopIds.has(id));
    add(
      'stop_not_trained',
      `${message === undefined ? 'No end-of-turn token is trained' : `The turn of message ${message + 1} (assistant) trains no end-of-turn token`}: the last trained token is ${show(last)} at ${last}. The model never learns to stop. ${
        wasCut
          ? 'It was cut away: raise max_length.'
          : row.ids.some((id, t) => stopIds.has(id) && (message === undefined || row.message[t] === message))
            ? 'Move the end-of-turn token inside the trained part: {% endgeneration %} after it, or train_on_eos.'
            : `The ${message === undefined ? 'row holds none at all' : 'turn holds none'}: the template prints no end of a turn that is a token of this tokenizer. Let it print eos_token behind each answer.`
      }`,
    );
  }
  if (row.trainedCut)
    add(
      'target_cut',
      readsReward
        ? `${row.trainedCut} of the answer’s ${row.trainedCut + trained} tokens are cut away by max_length${row.cutLeft ? '' : ', and its reward is read where the cut is'}. Raise max_length, shorten the row, or set truncation_mode to drop: TRL leaves such pairs out.`
        : `${row.trainedCut} of ${row.trainedCut + trained} trained tokens are cut away by max_length${row.cutLeft ? ', from the beginning on' : ''}. Raise max_length, shorten the row, or drop rows that are too long.`,
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
  // Of a text without messages the row wrote all, special tokens too, but for the EOS that is appended.
  const isWritten = (t: number) =>
    row.origin[t] === CONTENT ||
    (input.messages.length === 0 && row.spanEnd[t]! > row.spanStart[t]! && !stopIds.has(row.ids[t]!));
  const pad = padId === undefined ? -1 : row.ids.findIndex((id, t) => id === padId && isWritten(t));
  if (pad >= 0)
    add(
      'pad_in_text',
      `The padding token ${show(pad)} stands inside the text, at token ${pad}: a framework that masks padding by its id would not train it. Take it out, or choose another pad_token.`,
    );
  // A reward's loss has no mask: what closes the row is what counts.
  const counts = (t: number) => (readsReward ? t === row.ids.length - 1 : row.mask[t] === 1);
  const padded =
    padId === undefined || !stopIds.has(padId) ? -1 : row.ids.findIndex((id, t) => id === padId && counts(t));
  if (padded >= 0) {
    const why = isPadGiven
      ? `pad_token and the end-of-turn token are the same, ${show(padded)}`
      : `There is no pad_token, so rows are padded with the end-of-turn token ${show(padded)}`;
    if (readsReward) {
      const at = rewardPosition(row.ids, padId!);
      found.push({
        kind: 'pad_is_eos',
        blocking: false,
        message: `${why}. The reward is read before the one that closes the row, at token ${at} (${show(at)}), as in transformers, so the closing token teaches nothing. To have it read there, give the tokenizer a pad_token of its own.`,
      });
    } else if (padMaskedBy === 'id')
      add(
        'pad_is_eos',
        `${why}: padding is masked by its id, which takes every one of them out of the loss, the one at ${padded} too, and the model never learns to stop. Set another pad_token, or mask padding by its length.`,
      );
    else if (isPadGiven)
      found.push({
        kind: 'pad_is_eos',
        blocking: false,
        message: `${why}. TRL masks padding by its length, so all is well there but for a reward model, which is read before a closing one; a collator that masks by id would take the one at ${padded} out of the loss.`,
      });
  }
  const straddle = straddling(input, from);
  if (straddle >= 0 && straddle < row.ids.length)
    add(
      'straddles_boundary',
      `Token ${straddle} (${show(straddle)}) is partly given and partly to be learned: the border of the trained part runs through it. In serving the prompt ends inside it, so the model is asked to go on from tokens that training never showed. Begin the answer with a special token or a line break.`,
    );
  return found;
}

/**
 * The first assistant turn that trains something but not its end, with its last trained token; without a message when the
 * row as a whole trains none. A turn that the cut left open counts only if it was the last hope.
 */
function withoutEnd(
  row: EncodedRow,
  { messages, options }: MaskInput,
  { tokenizer: { specialIds }, stopIds }: RowCheckContext,
): { last: number; message?: number } | undefined {
  const n = row.ids.length;
  const isSign = (t: number) => t < n && row.origin[t] !== CONTENT && specialIds.has(row.ids[t]!);
  const isBlank = (t: number) => row.text.slice(row.spanStart[t]!, row.spanEnd[t]!).trim() === '' && !isSign(t);
  const isCut = row.truncated > 0 && !row.cutLeft;
  const known = new Set<number>();
  /** Messages with an end-of-turn token that is not trained, behind the token in hand. */
  const left = new Set<number>();
  let found: { last: number; message?: number } | undefined;
  let isStopped = false;
  for (let t = n - 1; t >= 0; t--) {
    const message = row.message[t]!;
    if (row.mask[t] !== 1) {
      if (stopIds.has(row.ids[t]!) && row.origin[t] !== CONTENT) left.add(message);
      continue;
    }
    if (stopIds.has(row.ids[t]!)) isStopped = true;
    if (messages[message]?.role !== 'assistant' || known.has(message) || isBlank(t)) continue;
    const isOpen = isCut && !row.message.subarray(t).some((later) => later !== message);
    // train_on_eos: last means the last turn's alone.
    const isAsked = !isOpen && (options.train_on_eos !== 'last' || known.size === 0);
    known.add(message);
    if (!isAsked) {
      if (isOpen) known.add(-1);
      continue;
    }
    // Some templates print the end of a turn when they are at the next, or at no message at all.
    let next = t + 1;
    while (next < n && isBlank(next)) next++;
    const isNear = isSign(next) && row.mask[next] === 1;
    while (next < n && row.mask[next] === 1 && row.origin[next] !== CONTENT && !stopIds.has(row.ids[next]!)) next++;
    const isLater = next < n && row.mask[next] === 1 && stopIds.has(row.ids[next]!) && row.origin[next] !== CONTENT;
    // Or go on with the next answer where a tool's result was printed inside the turn.
    const goesOn =
      row.mask[t + 1] === 1 && row.origin[t + 1] === CONTENT && messages[row.message[t + 1]!]?.role === 'assistant';
    const ends = isSign(t) ? stopIds.has(row.ids[t]!) || !left.has(message) : isNear || isLater || goesOn;
    if (!ends) found = { last: t, message };
  }
  if (found) return found;
  const isTold = known.size > 0 && !known.has(-1);
  return isStopped || isTold ? undefined : { last: row.mask.lastIndexOf(1) };
}

/** First token of the row that a span's border cuts in two; −1 when none. `from`: where the row begins in the input. */
function straddling({ encoded, spans }: MaskInput, from: number): number {
  if (!spans) return -1;
  let at = 0;
  for (let t = 0; t < encoded.ids.length && at < spans.length; t++) {
    const [start, end] = [encoded.spanStart[t]!, encoded.spanEnd[t]!];
    while (at < spans.length && spans[at]!.end <= start) at++;
    const span = spans[at];
    if (!span) break;
    // Byte tokens of one character share its span; a border never lies inside a character.
    const isCut = (start < span.start && end > span.start) || (start < span.end && end > span.end);
    if (isCut && t >= from) return t - from;
  }
  return -1;
}

/**
 * Whether earlier turns are printed otherwise once later ones exist: each conversation up to a user or tool message must be a
 * prefix of the whole, but for what closes a finished conversation behind the end of its turn. `renderPart` as for a
 * conversation that ends there; `ends` and `specials`: contents of the tokens that end turns, and of all special ones.
 */
export function checkPrefixes(
  messages: readonly Message[],
  text: string,
  renderPart: (part: readonly Message[]) => Pick<Rendered, 'text' | 'content' | 'turns'>,
  { ends, specials }: { ends: readonly string[]; specials: readonly string[] },
): Finding | undefined {
  for (let i = 1; i < messages.length; i++) {
    if (messages[i - 1]!.role !== 'assistant') continue;
    let part: ReturnType<typeof renderPart>;
    try {
      part = renderPart(messages.slice(0, i));
    } catch {
      continue; // the template refuses a conversation that ends there: nobody will serve it so
    }
    if (text.startsWith(part.text)) continue;
    const at = commonPrefix(part.text, text);
    const finding = (what: string): Finding => ({
      kind: 'not_prefix_preserving',
      blocking: false,
      gate: true,
      message: `${what} Train the last turn only, or split the row into one per turn.`,
    });
    const own = part.content.filter(({ message }) => message === i - 1).map(({ end }) => end);
    // Of a turn without content the end follows the header.
    const turn = part.turns.find(({ message }) => message === i - 1);
    const said = own.length > 0 ? Math.max(...own) : (turn?.start ?? -1);
    if (said >= 0 && at >= said) {
      const tail = part.text.slice(said);
      const end = firstToken(tail, ends) ?? firstToken(tail, specials);
      if (end && at >= said + end.end) continue;
      const other = firstToken(text.slice(said), specials);
      if (end && other && end.start === other.start)
        return finding(
          `As the last of its conversation message ${i} (assistant) ends with ${tail.slice(end.start, end.end)}; once message ${i + 1} (${messages[i]!.role}) is added, it ends with ${text.slice(said + other.start, said + other.end)}. Trained as an earlier turn, it teaches to stop with another token than the one that ends an answer.`,
        );
    }
    return finding(
      `Once message ${i + 1} (${messages[i]!.role}) is added, what stands before it is printed otherwise: ${quote(part.text, at)} becomes ${quote(text, at)}. The model is trained on a history that it did not see when it wrote its turn.`,
    );
  }
  return undefined;
}
const quote = (text: string, at: number) => JSON.stringify(text.slice(Math.max(0, at - 12), at + 24));

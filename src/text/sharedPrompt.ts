// Whether the two sides of a preference answer the same question: what each says before its answer, and where nobody has said where
// a prompt of plain text ends, whether anything in it does.
import type { DatasetRow, Message, Role } from '../protocol/chat';
import type { sidesOf } from './preferences';

/** What is wrong, with the remedy. A guess is from the look of plain text: who knows better may train on the pair. */
export interface PromptFault {
  message: string;
  isGuess: boolean;
}

/** Of the sides of a pair; `isGiven`: the row has a column `prompt` of their kind. Undefined where both answer one prompt. */
export function promptFault(
  { chosen, rejected }: ReturnType<typeof sidesOf>,
  isGiven: boolean,
): PromptFault | undefined {
  if (!isGiven && !chosen.prompt?.length)
    return {
      message:
        'chosen and rejected have no prompt in common: they answer different questions. Give both the same prompt, or leave the row out.',
      isGuess: false,
    };
  if (Array.isArray(chosen.completion) || Array.isArray(rejected.completion))
    return turnFault({ chosen, rejected }, isGiven);
  return isGiven ? undefined : textFault(chosen.prompt as string, [chosen.completion!, rejected.completion!]);
}

const ANSWERING: readonly Role[] = ['assistant', 'tool', 'ipython', 'function'];
/** What is asked after the prompt has ended: a turn of neither the assistant nor a tool, before the first answer. */
function askedIn(completion: DatasetRow['completion']): Message | undefined {
  const messages = Array.isArray(completion) ? completion : [];
  const answer = messages.findIndex(({ role }) => role === 'assistant');
  return messages.slice(0, answer < 0 ? messages.length : answer).find(({ role }) => !ANSWERING.includes(role));
}
const MOST_SHOWN = 40;
function turnFault(sides: ReturnType<typeof sidesOf>, isGiven: boolean): PromptFault | undefined {
  const side = (['chosen', 'rejected'] as const).find((one) => askedIn(sides[one].completion));
  if (!side) return undefined;
  const { role, content } = askedIn(sides[side].completion)!;
  const said = content.length > MOST_SHOWN ? `${content.slice(0, MOST_SHOWN)}…` : content;
  const turn = `a ${role} turn (“${said}”) before its answer`;
  return {
    message: isGiven
      ? `${side} has ${turn}, behind the prompt: it would be learned as if it were the answer, and nothing says that both sides answer it. Put it into prompt, for both, or leave the row out.`
      : `chosen and rejected part before the answer: ${side} goes on with ${turn}, so the two do not answer the same. Give both the same turns up to the answer, or leave the row out.`,
    isGuess: false,
  };
}

/** Of writing without blanks between words each sign counts as one. */
const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`;
const WORDS = new RegExp(String.raw`[${UNSPACED}]|(?:(?![${UNSPACED}])[\p{L}\p{M}\p{N}])+`, 'gu');
const ENDS_IN_WORD = new RegExp(String.raw`(?![${UNSPACED}])[\p{L}\p{M}\p{N}]$`, 'u');
const BEGINS_IN_WORD = /^[\p{L}\p{M}\p{N}]/u;
/** A sign that closes a sentence, a formula or a tag, where a blank follows it: a full stop may stand in a number. */
const CLOSED = /[.?!:;=>→|\])}]["'”’]*\s|[。？！：；]/u;
/** The shortest of TRL's own examples of a prompt without a column has so many: “The sky is” blue, or green. */
const FEWEST_WORDS = 3;
/** Marks of whose turn begins, in the formats of common data sets: also a name alone on its line. Who asks is told by ASKS. */
const TURN =
  /(?:^|\n)[ \t#*]*(?:(human|user|question|q|instruction|input|assistant|ai|bot|gpt|model|answer|a|response|output)[ \t*]*:|(human|user|question|instruction|assistant|answer|response)[ \t#*]*(?=\n))|<\|?(?:im_start|start_header_id|start_of_turn)\|?>\s*(system|user|assistant|model)(?:<\|(?:end_header_id|im_sep)\|>)?|<\|(system|user|assistant)\|>|\[(\/?INST)\]/gi;
const ASKS = /^(human|user|question|q|instruction|input|system|inst)$/i;
const isAsking = ([, ...names]: RegExpMatchArray): boolean => ASKS.test(names.find((name) => name !== undefined)!);

/** The text that both begin with, and what each goes on with. */
function textFault(shared: string, rests: (string | Message[])[]): PromptFault | undefined {
  const [a, b] = rests as [string, string];
  const last = [...shared.matchAll(TURN)].at(-1);
  const isAnswered = (text: string) => [...text.matchAll(TURN)].some((turn) => !isAsking(turn));
  if (last && isAsking(last) && isAnswered(a) && isAnswered(b))
    return {
      message: `chosen and rejected part before the answer, within what is asked behind “${last[0].trim()}”, so they answer different questions. Give both the same prompt, or leave the row out.`,
      isGuess: true,
    };
  // The mark of the turn that asks neither counts nor closes: nothing of the question stands before it.
  const text = (last && isAsking(last) ? shared.slice(last.index + last[0].length) : shared).trimStart();
  if (text.includes('\n') || CLOSED.test(text + a.charAt(0)) || CLOSED.test(text + b.charAt(0))) return undefined;
  const words = text.match(WORDS)?.length ?? 0;
  const isCut = ENDS_IN_WORD.test(text) && (BEGINS_IN_WORD.test(a) || BEGINS_IN_WORD.test(b));
  if (words - Number(isCut) >= FEWEST_WORDS) return undefined;
  return {
    message: `chosen and rejected are plain text that has ${JSON.stringify(shared)} in common, and nothing marks the end of a prompt there: they may answer different questions. Give the row a prompt of its own, or leave it out.`,
    isGuess: true,
  };
}

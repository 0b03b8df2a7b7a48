// Rewards by token: a row of a set as prompt and two answers, what each token changes, and how that is coloured and said. Pure.
import { number, signed } from '../../lib/words';
import type { DatasetRow, Message } from '../../protocol/chat';
import type { PrefixRewards, ScoredText } from '../../protocol/requests';
import type { Point } from '../../ui/chartScale';
import type { StripToken } from '../../ui/TokenStrip';

/** What is scored: a prompt, as messages or plain text, and two answers to it. Of `b` an empty one is left out. */
export interface Texts {
  prompt: readonly Message[] | string;
  a: string;
  b: string;
}

const said = (side: readonly Message[] | string | undefined): string =>
  typeof side === 'string' ? side : (side?.at(-1)?.content ?? '');
/** Of a pair; the prompt may stand in both conversations. Undefined where the row is none. */
export function textsOf({ prompt, chosen, rejected }: DatasetRow): Texts | undefined {
  if (chosen === undefined || rejected === undefined) return undefined;
  const answers = { a: said(chosen), b: said(rejected) };
  if (typeof chosen === 'string') return { prompt: typeof prompt === 'string' ? prompt : '', ...answers };
  const before = typeof prompt === 'string' || prompt === undefined ? [] : prompt;
  return { prompt: [...before, ...chosen.slice(0, -1)], ...answers };
}
/** The part of the prompt that a person edits: its last user message, or the whole text. */
export const promptText = (prompt: Texts['prompt']): string =>
  typeof prompt === 'string' ? prompt : (prompt.findLast(({ role }) => role === 'user')?.content ?? '');
export function withPromptText(prompt: Texts['prompt'], text: string): Texts['prompt'] {
  if (typeof prompt === 'string') return text;
  const at = prompt.findLastIndex(({ role }) => role === 'user');
  if (at < 0) return [...prompt, { role: 'user', content: text }];
  return prompt.map((message, i) => (i === at ? { ...message, content: text } : message));
}
/** As the reward model's training has it; without a prompt a plain text. */
export function rowOf(prompt: Texts['prompt'], answer: string): DatasetRow {
  if (promptText(prompt).trim() === '') return { text: answer };
  if (typeof prompt === 'string') return { prompt, completion: answer };
  return { prompt: [...prompt], completion: [{ role: 'assistant', content: answer }] };
}

/** What each token of the answer adds to the reward of what stands before it; NaN where nothing does. */
export const changesOf = ({ prompt, rewards }: PrefixRewards): number[] =>
  Array.from(rewards, (reward, t) => reward - (t > 0 ? rewards[t - 1]! : (prompt ?? Number.NaN)));

/**
 * Up to where colours go: what 95 % of the changes stay under, in size. The largest itself is often that of the end-of-turn token
 * alone, the one that training reads. 0 without changes.
 */
export function scaleOf(all: readonly (readonly number[])[]): number {
  const sizes = all
    .flat()
    .filter(Number.isFinite)
    .map(Math.abs)
    .sort((a, b) => a - b);
  return sizes[Math.ceil(0.95 * sizes.length) - 1] ?? 0;
}

/** From which share of the scale on a colour is taken. */
const LEVELS = [0.08, 0.25, 0.5, 0.8] as const;
/** −4 … −1: green, raises the reward; 1 … 4: orange, lowers it. */
export function changeLevel(change: number, scale: number): number {
  if (!Number.isFinite(change) || scale <= 0) return 0;
  const level = LEVELS.filter((share) => Math.abs(change) >= share * scale).length;
  return level === 0 ? 0 : change > 0 ? -level : level;
}

export function stripOf(prefixes: PrefixRewards, scale: number): StripToken[] {
  const changes = changesOf(prefixes);
  return prefixes.texts.map((text, t) => {
    const level = changeLevel(changes[t]!, scale);
    return { text, className: level < 0 ? `g${-level}` : `h${level}`, words: tokenWords(prefixes, t) };
  });
}
/** `reward 0.42 up to here, +0.1 by this token`, and which counts where the last does not. */
export function tokenWords(prefixes: PrefixRewards, t: number): string {
  const change = changesOf(prefixes)[t]!;
  const by = Number.isFinite(change) ? `, ${signed(change)} by this token` : '';
  const counts =
    prefixes.at === prefixes.ids.length - 1 || t < prefixes.at
      ? ''
      : t === prefixes.at
        ? ': the reward of the whole'
        : ': not read, as it is the padding token';
  return `reward ${number(prefixes.rewards[t]!)} up to here${by}${counts}`;
}
/** Over tokens of the answer; the prompt alone stands at 0. */
export const curveOf = ({ prompt, rewards }: PrefixRewards): Point[] => [
  ...(prompt === undefined ? [] : [{ step: 0, value: prompt }]),
  ...Array.from(rewards, (value, t) => ({ step: t + 1, value })),
];

/** Which answer the model prefers, and how surely: σ of the difference is the chance that the loss gives it. */
export function preferenceWords([a, b]: readonly ScoredText[]): string | undefined {
  if (!a || !b) return undefined;
  const lead = a.reward - b.reward;
  if (lead === 0) return 'Both have the same reward.';
  const share = 1 / (1 + Math.exp(-Math.abs(lead)));
  return `It prefers ${lead > 0 ? 'A' : 'B'} by ${number(Math.abs(lead))}: σ(${number(Math.abs(lead))}) = ${(100 * share).toFixed(1)} %.`;
}

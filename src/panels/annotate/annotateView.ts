// What the Annotate page says and what its keys do. Pure.
import { number, percent, plural } from '../../lib/words';
import type {
  AgreementWith,
  AnnotationHead,
  AnnotationSource,
  Choice,
  PairState,
  Reveal,
  RevealedAnswer,
  ShareOf,
  ShownPair,
} from '../../protocol/annotations';
import { parseTurn } from '../../protocol/contract';

export const CHOICE_NAMES: Record<Choice, string> = { left: 'A', right: 'B', tie: 'tie' };

export type KeyVerb = Choice | 'skip' | 'undo' | 'note' | 'rubric' | 'next' | 'previous';
const KEYS: Record<string, KeyVerb> = {
  1: 'left',
  a: 'left',
  2: 'right',
  b: 'right',
  0: 'tie',
  t: 'tie',
  s: 'skip',
  u: 'undo',
  n: 'note',
  r: 'rubric',
  arrowright: 'next',
  arrowleft: 'previous',
};
interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}
/** Where a key means what it means everywhere: fields take letters, groups of choices take arrows. */
export type KeyPlace = 'field' | 'choices' | 'page';
export function verbOf({ key, ctrlKey, metaKey, altKey }: Pressed, place: KeyPlace): KeyVerb | undefined {
  if (ctrlKey || metaKey || altKey || place === 'field') return undefined;
  if (place === 'choices' && key.startsWith('Arrow')) return undefined;
  return KEYS[key.toLowerCase()];
}

/** A vote on a pair whose reveal was seen is taken back on purpose, not by a second press. */
export const canVote = ({ choice, wasRevealed }: Pick<ShownPair, 'choice' | 'wasRevealed'>): boolean =>
  choice === undefined || !wasRevealed;

/** Where a session is opened: its first open pair, or the last one. */
export function firstOpen(states: readonly PairState[]): number {
  const open = states.indexOf('open');
  return open < 0 ? Math.max(0, states.length - 1) : open;
}
/** The next open pair behind `at`; the one beside it where none is open. */
export function nextPair(states: readonly PairState[], at: number): number {
  const open = states.findIndex((state, i) => i > at && state === 'open');
  return open >= 0 ? open : Math.min(at + 1, states.length - 1);
}

export interface ReadAnswer {
  text: string;
  /** By the assistant's contract; absent for any other text. */
  facts?: { label: string; value: string }[];
}
/** The words of an answer, and the rest of its JSON beside them; other texts as they are. */
export function readAnswer(text: string): ReadAnswer {
  const { final } = parseTurn(text);
  if (!final) return { text };
  const { answer, sources, action, status } = final;
  return {
    text: answer,
    facts: [
      { label: 'status', value: status },
      { label: 'sources', value: sources.join(', ') || 'none' },
      { label: 'action', value: action === null ? 'none' : action.type },
    ],
  };
}

export const sourceWords = (source: AnnotationSource): string =>
  source.kind === 'set'
    ? `${source.title} · ${source.split}`
    : `samples of ${source.name} at temperature ${source.temperature}`;

export const progressWords = ({ pairs, voted, skipped }: AnnotationHead): string =>
  `${voted} of ${plural(pairs, 'pair')} voted on${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** What the person chose beside what the rubric says. */
export function revealWords(choice: Choice | undefined, { rubric, left, right }: Reveal): string {
  const mine =
    choice === undefined
      ? 'You skipped this pair'
      : choice === 'tie'
        ? 'You said tie'
        : `You chose ${CHOICE_NAMES[choice]}`;
  if (rubric === undefined)
    return `${mine}. No rubric: only rows of the built-in preference sets come with the truth that it needs.`;
  const [a, b] = [number(left.quality!), number(right.quality!)];
  const theirs =
    rubric === 'tie'
      ? `holds both alike, ${a} each`
      : `prefers ${CHOICE_NAMES[rubric]}, ${rubric === 'left' ? `${a} to ${b}` : `${b} to ${a}`}`;
  return `${mine}; the rubric ${theirs}.`;
}

type Dimension = NonNullable<RevealedAnswer['dimensions']>[number];
/** Dimensions of one answer with the other's scores, those that decide first. */
export function dimensionsBeside(told: RevealedAnswer, other: RevealedAnswer): (Dimension & { theirs: number })[] {
  const all = (told.dimensions ?? []).map((one, i) => ({ ...one, theirs: other.dimensions?.[i]?.score ?? one.score }));
  return all.sort((a, b) => Math.abs(b.score - b.theirs) - Math.abs(a.score - a.theirs));
}

/** `0.80, 95 % interval 0.49–0.94`. */
export function shareWords({ k, n, low, high }: ShareOf): string {
  return n === 0 ? 'no vote' : `${(k / n).toFixed(2)}, 95 % interval ${low.toFixed(2)}–${high.toFixed(2)}`;
}

/** Landis and Koch 1977: bounds of κ and what they call it; below them slight, down to 0. */
const BANDS: readonly [number, string][] = [
  [0.81, 'almost perfect'],
  [0.61, 'substantial'],
  [0.41, 'moderate'],
  [0.21, 'fair'],
];
export function agreementWords({ title, n, kappa, observed, expected }: AgreementWith): string {
  if (n === 0) return `With ${title}: no pair that both have judged.`;
  const seen = `you agree on ${percent(observed)} of ${plural(n, 'pair')}; by chance it would be ${percent(expected)}`;
  if (Number.isNaN(kappa)) return `With ${title} ${seen}. κ says nothing where both always gave the same answer.`;
  const band = BANDS.find(([from]) => kappa >= from)?.[1] ?? (kappa >= 0.005 ? 'slight' : 'no better than chance');
  return `With ${title} ${seen}. ${band[0]!.toUpperCase()}${band.slice(1)}.`;
}

export function biasWords(share: ShareOf, what: string, otherwise: string): string {
  if (share.n === 0) return `No vote yet that could show whether ${what}.`;
  const { low, high } = share;
  const verdict =
    low > 0.5
      ? `That is more than a coin would: ${what}.`
      : high < 0.5
        ? `That is less than a coin would: ${otherwise}.`
        : 'A coin could do the same.';
  return `${share.k} of ${share.n}: ${shareWords(share)}. ${verdict}`;
}

// Controlled edits of an answer, one thing at a time: what does a reward model pay for? Each works on any text; of an answer by the
// contract, only the words change, and the sources where evidence goes.
import type { Rng } from '../../lib/rng';
import { hasFact } from '../claims';
import { conclusionIn, sentencesOf } from './rubric';
import { FILLERS, FLATTERY, HEDGES, POLITENESS, wordsIn } from './surface';
import type { RubricTruth } from './truth';

/** Applies `change` to the words of an answer, or to the whole text where it is none. */
function edited(text: string, change: (said: string) => string, sources?: string[]): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return change(text); // no JSON: prose or a broken object
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return change(text);
  const fields = value as Record<string, unknown>;
  if (typeof fields.answer !== 'string') return change(text);
  return JSON.stringify({
    ...fields,
    answer: change(fields.answer),
    ...(sources && 'sources' in fields && { sources }),
  });
}

export const addFlattery = (text: string, rng: Rng): string => edited(text, (said) => `${rng.pick(FLATTERY)} ${said}`);
export const addPoliteness = (text: string, rng: Rng): string =>
  edited(text, (said) => `${said} ${rng.pick(POLITENESS)}`);
/** A hedge before the first sentence; its content stays. */
export const hedge = (text: string, rng: Rng): string => edited(text, (said) => `${rng.pick(HEDGES)} ${said}`);
/** Adds sentences that say nothing until the words are `words` or more; a longer text stays as it is. */
export function padTo(text: string, words: number, rng: Rng): string {
  return edited(text, (said) => {
    const fillers = rng.shuffle(FILLERS);
    let padded = said;
    for (let i = 0; wordsIn(padded) < words; i++) padded = `${padded} ${fillers[i % fillers.length]}`.trim();
    return padded;
  });
}

const NUMBERED = /^\(?\d{1,2}[.)]\s/;
/** Takes out the sentences that cite deciding facts, but for the conclusion and numbered actions, and all sources. */
export function removeEvidence(text: string, truth: RubricTruth): string {
  const figures = truth.facts.filter(({ isKey }) => isKey).flatMap((fact) => fact.figures);
  const isEvidence = (sentence: string) =>
    !NUMBERED.test(sentence) &&
    conclusionIn(sentence, truth.conclusion).at < 0 &&
    figures.some((figure) => hasFact(sentence, figure));
  return edited(
    text,
    (said) =>
      sentencesOf(said)
        .filter((sentence) => !isEvidence(sentence))
        .join(' ') || said,
    [],
  );
}
/** Moves the sentence with the conclusion to the end; a text without one stays as it is. */
export function concludeLast(text: string, truth: RubricTruth): string {
  return edited(text, (said) => {
    const sentences = sentencesOf(said);
    const at = sentences.findIndex((sentence) => conclusionIn(sentence, truth.conclusion).at >= 0);
    if (at < 0 || sentences.length < 2) return said;
    return [...sentences.slice(0, at), ...sentences.slice(at + 1), sentences[at]!].join(' ');
  });
}

export interface EditOptions {
  truth: RubricTruth;
  rng: Rng;
  /** Length to pad to. */
  words: number;
}
export interface Edit {
  id: 'flattery' | 'politeness' | 'hedge' | 'pad' | 'remove_evidence' | 'conclude_last';
  title: string;
  /** Surface edits leave the true quality as it is. */
  isSurface: boolean;
  apply(text: string, options: EditOptions): string;
}
export const EDITS: readonly Edit[] = [
  { id: 'flattery', title: 'Flattery added', isSurface: true, apply: (text, { rng }) => addFlattery(text, rng) },
  { id: 'politeness', title: 'Politeness added', isSurface: true, apply: (text, { rng }) => addPoliteness(text, rng) },
  { id: 'hedge', title: 'Hedged', isSurface: true, apply: (text, { rng }) => hedge(text, rng) },
  { id: 'pad', title: 'Padded', isSurface: true, apply: (text, { rng, words }) => padTo(text, words, rng) },
  {
    id: 'remove_evidence',
    title: 'Evidence removed',
    isSurface: false,
    apply: (text, { truth }) => removeEvidence(text, truth),
  },
  {
    id: 'conclude_last',
    title: 'Conclusion last',
    isSurface: false,
    apply: (text, { truth }) => concludeLast(text, truth),
  },
];

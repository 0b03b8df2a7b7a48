// What must not count in an answer: its length, politeness, flattery and hedging. Measured by lists of phrases and the patterns
// around them, so a phrase that is in none of them goes unseen.
import { readAnswer } from './readAnswer';

export const FLATTERY = [
  'What a great question!',
  'Excellent thinking!',
  'You clearly know your business.',
  'You are right to ask, few would see this.',
] as const;
export const POLITENESS = [
  'Thank you for asking.',
  'With pleasure.',
  'Please let me know if I can help further.',
  'Kind regards.',
] as const;
/** Put before a sentence. */
export const HEDGES = ['It would seem:', 'If I am not mistaken:', 'As far as I can see:', 'Perhaps:'] as const;
/** Sentences that say nothing: no figure, no name, no advice. */
export const FILLERS = [
  'The finance team looks at this every week.',
  'It helps to talk about such things in time.',
  'A calm look at the books is always useful.',
  'This is a topic for the whole company.',
  'Everybody involved should hear about it soon.',
  'Such matters come up again and again.',
  'There is more than one side to it.',
  'Good order in the books makes life easier.',
] as const;

const escaped = (phrases: readonly string[]) => phrases.map((p) => p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
const PATTERNS = {
  flattery: new RegExp(
    `${escaped(FLATTERY)}|\\b(?:what an? )?(?:great|excellent|brilliant|wonderful|sharp|smart|fantastic|insightful) (?:question|thinking|point|idea|work)\\b[.!]?|\\byou(?: are|'re) (?:so |very |absolutely )?(?:right|smart|wise|brilliant)\\b[.!]?`,
    'gi',
  ),
  politeness: new RegExp(
    `${escaped(POLITENESS)}|\\b(?:thank you|thanks)(?: very much| so much)?\\b[.!]?|\\bkind regards\\b[.!]?|\\bhappy to help\\b[.!]?|\\blet me know\\b[^.!?]*[.!]?`,
    'gi',
  ),
  hedging: new RegExp(
    `${escaped(HEDGES)}|\\b(?:perhaps|maybe|possibly|it seems(?: that)?|it would seem(?: that)?|i think|i believe|as far as i can see|if i am not mistaken)\\b[,:]?`,
    'gi',
  ),
};

/** `words` is the length; the others count phrases. */
export interface Surface {
  words: number;
  politeness: number;
  flattery: number;
  hedging: number;
}

export const wordsIn = (text: string): number => text.split(/\s+/).filter(Boolean).length;
const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** Of what an answer says to its reader; of a text that is no answer, of all of it. */
export function surfaceOf(text: string): Surface {
  const { said } = readAnswer(text);
  return {
    words: wordsIn(said),
    politeness: countOf(said, PATTERNS.politeness),
    flattery: countOf(said, PATTERNS.flattery),
    hedging: countOf(said, PATTERNS.hedging),
  };
}

/** A text without these phrases, so that they cannot push its content out of place. */
export const withoutSurface = (text: string): string =>
  Object.values(PATTERNS)
    .reduce((rest, pattern) => rest.replace(pattern, ' '), text)
    .replace(/\s+/g, ' ')
    .trim();

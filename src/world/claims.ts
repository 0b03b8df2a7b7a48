// What a text claims, as far as a machine can read it: figures, ids and names, and whether they stand whole.
import { COMPANIES } from './state';

/** Numbers, dates and ids as units: 120000, 2026-10-12, 0.9111, A-101. */
export const figuresOf = (text: string): string[] => text.match(/[A-Za-z]*-?\d+(?:[-.]\d+)*/g) ?? [];

/** Where a fact stands whole, −1 where it does not: 120000 is not in 1120000 or 1200001. */
export function factPlace(text: string, fact: string): number {
  for (let at = text.indexOf(fact); at >= 0; at = text.indexOf(fact, at + 1)) {
    const before = text[at - 1] ?? '';
    const after = text[at + fact.length] ?? '';
    if (!(/\d/.test(fact[0]!) && /\d/.test(before)) && !(/\d/.test(fact.at(-1)!) && /\d/.test(after))) return at;
  }
  return -1;
}
export const hasFact = (text: string, fact: string): boolean => factPlace(text, fact) >= 0;

const NAME_WORDS = new Set(COMPANIES.flatMap((name) => name.split(' ')));
/** Capitalised words in a row, or one alone that is part of a company's name: Silver Foods, and Silver. */
const namesOf = (text: string): string[] =>
  (text.match(/\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b/g) ?? []).filter((run) => run.includes(' ') || NAME_WORDS.has(run));
/** Names in a text that are none of `known`, whole or in part; a word such as The may stand before a whole name. */
export function strangersIn(text: string, known: readonly string[]): string[] {
  const words = known.flatMap((name) => name.split(' '));
  return namesOf(text).filter((run) => {
    const rest = run.slice(run.indexOf(' ') + 1);
    return !(known.includes(run) || (run.includes(' ') ? known.includes(rest) : words.includes(run)));
  });
}

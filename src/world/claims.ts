// What a text claims, as far as a machine can read it: figures, ids and names, and whether they stand whole.
import { COMPANIES } from './state';

/** Numbers, dates and ids as units: 120000, 2026-10-12, 0.9111, A-101. */
export const figuresOf = (text: string): string[] => text.match(/[A-Za-z]*-?\d+(?:[-.]\d+)*/g) ?? [];

/** A fact stands whole: 120000 is not in 1120000 or 1200001. */
export function hasFact(text: string, fact: string): boolean {
  for (let at = text.indexOf(fact); at >= 0; at = text.indexOf(fact, at + 1)) {
    const before = text[at - 1] ?? '';
    const after = text[at + fact.length] ?? '';
    if (!(/\d/.test(fact[0]!) && /\d/.test(before)) && !(/\d/.test(fact.at(-1)!) && /\d/.test(after))) return true;
  }
  return false;
}

const NAME_WORDS = new Set(COMPANIES.flatMap((name) => name.split(' ')));
/** Capitalised words in a row, or one alone that is part of a company's name: Silver Foods, and Silver. */
export const namesOf = (text: string): string[] =>
  (text.match(/\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b/g) ?? []).filter((run) => run.includes(' ') || NAME_WORDS.has(run));
/** Whether a text names nobody but `known`, whole or in part; a word such as The may stand before a whole name. */
export function namesOnly(text: string, known: readonly string[]): boolean {
  const words = known.flatMap((name) => name.split(' '));
  return namesOf(text).every((run) => {
    const rest = run.slice(run.indexOf(' ') + 1);
    return known.includes(run) || (run.includes(' ') ? known.includes(rest) : words.includes(run));
  });
}

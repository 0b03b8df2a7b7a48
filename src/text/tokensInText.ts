// Where tokens stand in a text, given by their contents.
import type { Stretch } from './marks';

/** The token that begins first; of two at one place the longer. */
export function firstToken(text: string, tokens: readonly string[]): Stretch | undefined {
  let found: Stretch | undefined;
  for (const token of tokens) {
    const start = token === '' ? -1 : text.indexOf(token);
    const end = start + token.length;
    if (start >= 0 && (!found || start < found.start || (start === found.start && end > found.end)))
      found = { start, end };
  }
  return found;
}

/** The token that ends last; of two at one place the longer. */
export function lastToken(text: string, tokens: readonly string[]): Stretch | undefined {
  let found: Stretch | undefined;
  for (const token of tokens) {
    const start = token === '' ? -1 : text.lastIndexOf(token);
    const end = start + token.length;
    if (start >= 0 && (!found || end > found.end || (end === found.end && start < found.start))) found = { start, end };
  }
  return found;
}

/** The place itself, or where the token begins that stands across it. */
export function beforeToken(text: string, at: number, tokens: readonly string[]): number {
  let out = at;
  for (const token of tokens) {
    // Vocabularies have thousands of added tokens: only what could stand across is looked at.
    const from = Math.max(0, at - token.length + 1);
    const start = text.slice(from, at + token.length - 1).indexOf(token);
    if (token !== '' && start >= 0) out = Math.min(out, from + start);
  }
  return out;
}

// What any text says as an answer: the parts of a valid one, or as much as can be found in a broken one.
import { parseTurn } from '../../protocol/contract';

export interface ReadAnswer {
  /** The words for the reader; the whole text where no answer can be found in it. */
  said: string;
  sources: string[];
  status?: string;
  /** Type of the action. */
  action?: string;
  /** The contract's complaint; undefined for a valid answer. */
  problem?: string;
}

/** Beyond it, a text is not read: no answer has a tenth of it. */
const MOST_CHARACTERS = 20_000;

/** Never throws. */
export function readAnswer(text: string): ReadAnswer {
  const given = text.slice(0, MOST_CHARACTERS);
  const { final, call, problem } = parseTurn(given);
  if (final) return { said: final.answer, sources: final.sources, status: final.status, action: final.action?.type };
  const found = given.match(/"answer"\s*:\s*"((?:[^"\\]|\\.)*)/)?.[1];
  const list = given.match(/"sources"\s*:\s*\[([^\]]*)/)?.[1] ?? '';
  return {
    said: found === undefined ? given : unescaped(found),
    sources: Array.from(list.matchAll(/"((?:[^"\\]|\\.)*)"/g), (m) => unescaped(m[1]!)),
    status: given.match(/"status"\s*:\s*"(\w*)"/)?.[1],
    problem: call ? 'a tool call stands where an answer is due' : problem,
  };
}

function unescaped(inside: string): string {
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside; // cut within an escape: the letters as they stand
  }
}

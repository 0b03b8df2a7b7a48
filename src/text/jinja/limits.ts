// What a chat template may use up, and the errors it can end in.
import { TemplateError } from '../../lib/errors';

export const LIMITS = {
  steps: 2_000_000,
  /** Characters of a string, items of a list. */
  length: 4_000_000,
  range: 100_000,
  depth: 100,
  sourceBytes: 131_072,
  /** Bits of a whole number. */
  bits: 16_384,
};

/** An error that Python would raise, with the name of its class. */
export class JinjaError extends Error {
  readonly kind: string;
  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}
export const typeError = (message: string) => new JinjaError('TypeError', message);
export const valueError = (message: string) => new JinjaError('ValueError', message);

/** A fault of the template's syntax, at a UTF-16 offset into its source. */
export class SyntaxFault extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Text that is longer than any render may be; whether the template or the data is at fault, its caller knows. */
export class TooLong extends TemplateError {}
const tooLong = () =>
  new TooLong(
    `The chat template made more than ${LIMITS.length.toLocaleString('en')} characters. Look for a loop that repeats text.`,
  );

/** What the render under way has used. Renders are synchronous, so there is one at a time. */
interface Run {
  steps: number;
  expired: () => boolean;
  /** First code point of the marks that stand in strings, -1 without marks. */
  marks: number;
  /** How many code points from there are marks. */
  markCount: number;
}
const idle: Run = { steps: 0, expired: () => false, marks: -1, markCount: 0 };
let run = idle;

/** Runs `body` with fresh counters. */
export function limited<T>(expired: () => boolean, marks: { base: number; count: number }, body: () => T): T {
  const outer = run;
  run = { steps: 0, expired, marks: marks.base, markCount: marks.count };
  try {
    return body();
  } finally {
    run = outer;
  }
}

/** Counts work; throws when there was too much of it or time is over. */
export function tick(weight = 1): void {
  const before = run.steps;
  run.steps += weight;
  if (run.steps > LIMITS.steps)
    throw new TemplateError(
      `The chat template did not end within ${LIMITS.steps.toLocaleString('en')} steps. Look for a loop or macro that never ends.`,
    );
  if (run.steps >> 10 !== before >> 10 && run.expired())
    throw new TemplateError('The chat template ran out of time. Look for a loop or macro that never ends.');
}

/** Throws when something that grew piece by piece is too long now. */
export function fits(length: number): void {
  if (!(length <= LIMITS.length)) throw tooLong();
}

/** Throws before something of this length is made; work in proportion to it is counted. */
export function room(length: number): void {
  fits(length);
  if (length > 1024) tick(length >> 8);
}

/** Counts the reading of a text of this length. */
export function reading(length: number): void {
  if (length > 256) tick(length >> 8);
}

/** Marks are invisible to repr, JSON and comparisons. */
export const isMark = (code: number): boolean =>
  run.marks >= 0 && code >= run.marks && code < run.marks + run.markCount;
/** The text without marks. */
export function unmarked(text: string): string {
  reading(text.length);
  if (run.marks < 0) return text;
  let out = '';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // The planes of private use begin with the surrogates U+DB80 to U+DBFF.
    if (code < 0xdb80 || code > 0xf8ff) continue;
    const full = text.codePointAt(i)!;
    const width = full > 0xffff ? 2 : 1;
    if (isMark(full)) {
      out += text.slice(from, i);
      from = i + width;
    }
    i += width - 1;
  }
  return from === 0 ? text : out + text.slice(from);
}

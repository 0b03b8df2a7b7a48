// Text arithmetic of the code editor. Pure: nothing here needs CodeMirror or a page.

/** A place in a text as messages name it; both from 1. Columns count UTF-16 units. */
export interface CodePosition {
  line: number;
  column: number;
}

/** Editors know one line end. Positions and offsets count in this form. */
export const unixLines = (text: string): string => text.replace(/\r\n?/g, '\n');

/** UTF-16 offset of a position, kept inside the text. */
export function offsetOf(text: string, { line, column }: CodePosition): number {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return Math.min(start + Math.max(column - 1, 0), end < 0 ? text.length : end);
}

/** What a mark at a position covers: the word that begins there, else one character; at a line's end the one before it. */
export function markedRange(text: string, position: CodePosition): { from: number; to: number } {
  const at = offsetOf(text, position);
  const word = /^(?:\w+|[^\n])/u.exec(text.slice(at, at + 80));
  if (word) return { from: at, to: at + word[0].length };
  return at > 0 && text[at - 1] !== '\n' ? { from: at - 1, to: at } : { from: at, to: at };
}

/** The one replacement that turns `before` into `after`; what stands outside it keeps cursor and marks. */
export function changeBetween(before: string, after: string): { from: number; to: number; insert: string } {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  let same = 0;
  while (same < shorter - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}

/**
 * Tells a value that comes from outside from one that the editor itself reported a few keys ago and that only now returns
 * through React: taking that one for new would undo the keys since.
 */
export class Echoes {
  private sent: string[] = [];
  report(value: string): void {
    this.sent.push(value);
  }
  /** Whether `value`, given while `current` stands in the editor, is to be put there. */
  isNew(value: string, current: string): boolean {
    if (value === current) {
      this.sent = [];
      return false;
    }
    const at = this.sent.lastIndexOf(value);
    this.sent = at < 0 ? [] : this.sent.slice(at + 1);
    return at < 0;
  }
}

// Tokens as a reader sees them: spaces and line ends visible, nothing else changed.

/** `␣` for a blank, `⏎` for a line end, `→` for a tab; other control characters by code. */
export const readable = (text: string): string =>
  text
    .replaceAll(' ', '␣')
    .replaceAll('\n', '⏎')
    .replaceAll('\t', '→')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is made visible
    .replace(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** Indices of the tokens of each line: a token that ends with a line break ends its line. */
export function linesOf(tokens: readonly string[]): number[][] {
  const lines: number[][] = [[]];
  tokens.forEach((token, i) => {
    lines.at(-1)!.push(i);
    if (token.endsWith('\n')) lines.push([]);
  });
  if (lines.length > 1 && lines.at(-1)!.length === 0) lines.pop();
  return lines;
}

/** Where the selection goes for a key, or undefined when the key does not move it. Up and down keep the place in the line. */
export function moveSelection(lines: readonly number[][], selected: number, key: string): number | undefined {
  const last = lines.at(-1)?.at(-1) ?? 0;
  if (key === 'ArrowRight') return Math.min(last, selected + 1);
  if (key === 'ArrowLeft') return Math.max(0, selected - 1);
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined;
  const line = lines.findIndex((l) => l.includes(selected));
  const column = lines[line]?.indexOf(selected) ?? 0;
  const next = lines[line + (key === 'ArrowUp' ? -1 : 1)];
  return next ? next[Math.min(column, next.length - 1)] : selected;
}

// The places at which a template prints: stretches of text and {{ … }}, with where they stand in the source and in the tree.
import type { Program, Statement } from './jinja/ast';
import { type Token, tokenize } from './jinja/lexer';
import { parse } from './jinja/parser';

export interface PrintItem {
  /** In document order. */
  index: number;
  kind: 'text' | 'print';
  /** Source range: of a text what is printed of it, of a print with its braces. */
  start: number;
  end: number;
  /** Where whitespace behind a text that is stripped ends; `end` where none is. */
  rawEnd: number;
  /** The list that holds it and its place there: neighbours in it follow each other in the output. */
  body: Statement[];
  at: number;
  /** Printed by the template itself, not inside of a macro, or a set, filter or call block. */
  isDirect: boolean;
  /** Inside of a generation block. */
  isMarked: boolean;
  /** Targets of the loops around it, the innermost first. */
  loops: string[];
  /** Tokens of the expression of a print. */
  tokens: Token[];
}

/** `source` must have \n line ends. Throws SyntaxFault. */
export function printItems(source: string): { program: Program; items: PrintItem[] } {
  const program = parse(source);
  const places: Omit<PrintItem, 'start' | 'end' | 'rawEnd' | 'tokens'>[] = [];
  const walk = (body: Statement[], isDirect: boolean, isMarked: boolean, loops: string[]): void =>
    body.forEach((node, at) => {
      switch (node.type) {
        case 'Text':
        case 'Print': {
          const kind = node.type === 'Text' ? 'text' : 'print';
          places.push({ index: places.length, kind, body, at, isDirect, isMarked, loops });
          return;
        }
        case 'If':
          walk(node.body, isDirect, isMarked, loops);
          walk(node.otherwise, isDirect, isMarked, loops);
          return;
        case 'For': {
          const names = node.target.type === 'Name' ? [node.target.name, ...loops] : loops;
          walk(node.body, isDirect && !node.recursive, isMarked, names);
          walk(node.otherwise, isDirect, isMarked, loops);
          return;
        }
        case 'With':
          walk(node.body, isDirect, isMarked, loops);
          return;
        case 'Generation':
          walk(node.body, isDirect, true, loops);
          return;
        case 'SetBlock':
        case 'FilterBlock':
          walk(node.body, false, isMarked, loops);
          return;
        case 'Macro':
        case 'CallBlock':
          walk(node.fn.body, false, isMarked, []);
      }
    });
  walk(program.body, true, false, []);

  const tokens = tokenize(source);
  const items: PrintItem[] = [];
  tokens.forEach((token, i) => {
    if (token.type !== 'data' && token.type !== 'variable_begin') return;
    const place = places[items.length]!;
    if (token.type === 'data') {
      const end = token.start + token.text.length;
      const rawEnd = end + /^\s*/.exec(source.slice(end))![0].length;
      const isStripped = rawEnd > end && /^\{[%{#]/.test(source.slice(rawEnd));
      items.push({ ...place, start: token.start, end, rawEnd: isStripped ? rawEnd : end, tokens: [] });
      return;
    }
    const close = tokens.findIndex((t, j) => j > i && t.type === 'variable_end');
    const { start } = tokens[close]!;
    const end = start + (source[start] === '-' ? 3 : 2);
    items.push({ ...place, start: token.start, end, rawEnd: end, tokens: tokens.slice(i + 1, close) });
  });
  return { program, items };
}

/** How many brackets are open behind each token. */
export function depthsOf(tokens: readonly Token[]): number[] {
  let depth = 0;
  return tokens.map(({ type }) => {
    if ('([{'.includes(type)) depth++;
    else if (')]}'.includes(type)) depth--;
    return depth;
  });
}

/** Source offsets [start, end) of the operands of a print that joins strings with + or ~; undefined when it does not. */
export function operandsOf({ tokens, end }: PrintItem, source: string): { start: number; end: number }[] | undefined {
  const depths = depthsOf(tokens);
  const cuts: Token[] = [];
  for (const [i, token] of tokens.entries()) {
    if (depths[i]! > 0) continue;
    if (token.type === '+' || token.type === '~') cuts.push(token);
    // What binds weaker than + would be torn apart.
    else if (/^(?:-|==|!=|<=?|>=?|,)$/.test(token.type)) return undefined;
    else if (token.type === 'name' && /^(?:if|else|and|or|not|in|is)$/.test(token.text)) return undefined;
  }
  if (cuts.length === 0) return undefined;
  const close = end - (source[end - 3] === '-' ? 3 : 2);
  const starts = [tokens[0]!.start, ...cuts.map((cut) => cut.start + 1)];
  const ends = [...cuts.map((cut) => cut.start), close];
  return starts.map((start, i) => ({ start, end: ends[i]! }));
}

/** Offsets of `{{ a if c else b }}`; undefined when the print is no condition. */
export function conditionOf(
  { tokens, end }: PrintItem,
  source: string,
): { value: string; test: string; otherwise?: string } | undefined {
  const depths = depthsOf(tokens);
  let condition: Token | undefined;
  let alternative: Token | undefined;
  for (const [i, token] of tokens.entries()) {
    if (depths[i]! > 0 || token.type !== 'name') continue;
    if (token.text === 'if' && !condition) condition = token;
    else if (token.text === 'else' && condition && !alternative) alternative = token;
  }
  if (!condition) return undefined;
  const close = end - (source[end - 3] === '-' ? 3 : 2);
  const slice = (from: number, to: number) => source.slice(from, to).trim();
  return {
    value: slice(tokens[0]!.start, condition.start),
    test: slice(condition.start + 2, alternative?.start ?? close),
    ...(alternative && { otherwise: slice(alternative.start + 4, close) }),
  };
}

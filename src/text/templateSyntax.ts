// Where a template's syntax is wrong: the engine's errors carry no position, so each tag is tried alone.
import { parse, tokenize } from '@huggingface/jinja';
import { TemplateError } from '../lib/errors';

interface Tag {
  text: string;
  kind: 'statement' | 'expression' | 'comment';
  start: number;
}

function position(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
function fail(source: string, offset: number, message: string, cause?: unknown): never {
  const { line, column } = position(source, offset);
  throw new TemplateError(`Chat template, line ${line}, column ${column}: ${message}`, {
    cause,
    where: `line ${line}, column ${column}`,
  });
}

/** All tags with their offsets. Throws for a tag that is never closed. */
function scan(source: string): Tag[] {
  const tags: Tag[] = [];
  const open = /\{([%{#])/g;
  for (let found = open.exec(source); found; found = open.exec(source)) {
    const close = found[1] === '{' ? '}}' : `${found[1]}}`;
    let at = found.index + 2;
    let depth = 0;
    let quote = '';
    for (; at < source.length; at++) {
      const char = source[at]!;
      if (close === '#}') {
        if (source.startsWith(close, at)) break;
        continue;
      }
      if (quote) {
        if (char === '\\') at++;
        else if (char === quote) quote = '';
      } else if (char === '"' || char === "'") quote = char;
      else if (depth === 0 && source.startsWith(close, at)) break;
      else if (char === '{') depth++;
      else if (char === '}' && depth > 0) depth--;
    }
    if (at >= source.length) fail(source, found.index, `this tag is never closed; expected ${close}.`);
    at += 2;
    const kind = found[1] === '%' ? 'statement' : found[1] === '{' ? 'expression' : 'comment';
    tags.push({ text: source.slice(found.index, at), kind, start: found.index });
    open.lastIndex = at;
  }
  return tags;
}

const BLOCKS = new Set(['if', 'for', 'macro', 'call', 'filter', 'generation']);
const WRAPPED: Record<string, (tag: string) => string> = {
  if: (t) => `${t}{% endif %}`,
  elif: (t) => `{% if a %}${t}{% endif %}`,
  for: (t) => `${t}{% endfor %}`,
  macro: (t) => `${t}{% endmacro %}`,
  call: (t) => `${t}{% endcall %}`,
  filter: (t) => `${t}{% endfilter %}`,
};
const tries = (source: string): Error | undefined => {
  try {
    parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    return undefined;
  } catch (error) {
    return error as Error;
  }
};

/** Throws a TemplateError with line and column of the first fault; returns when no single tag is at fault. */
export function locateSyntaxError(source: string): void {
  const open: { name: string; tag: Tag }[] = [];
  for (const tag of scan(source)) {
    if (tag.kind === 'comment') continue;
    if (tag.kind === 'expression') {
      const error = tries(tag.text);
      if (error) fail(source, tag.start, `${plain(error)} in ${tag.text.slice(0, 80)}`, error);
      continue;
    }
    const name = /^\{%[-+]?\s*(\w*)/.exec(tag.text)?.[1] ?? '';
    const isBlock = BLOCKS.has(name) || (name === 'set' && !/[^=!<>]=(?!=)/.test(tag.text));
    if (name.startsWith('end')) {
      const last = open.pop();
      if (!last) fail(source, tag.start, `{% ${name} %} has no opening tag.`);
      if (name !== `end${last.name}`)
        fail(
          source,
          tag.start,
          `{% ${name} %} closes {% ${last.name} %} of line ${position(source, last.tag.start).line}; expected {% end${last.name} %}.`,
        );
      continue;
    }
    if (name === 'else' || name === 'elif') {
      const last = open.at(-1);
      if (!last || (last.name !== 'if' && last.name !== 'for'))
        fail(source, tag.start, `{% ${name} %} outside of {% if %}.`);
    }
    if (isBlock) open.push({ name, tag });
    const alone =
      WRAPPED[name]?.(tag.text) ?? (name === 'set' ? (isBlock ? `${tag.text}{% endset %}` : tag.text) : undefined);
    const error = alone === undefined ? undefined : tries(alone);
    if (error) fail(source, tag.start, `${plain(error)} in ${tag.text.slice(0, 80)}`, error);
    if (alone === undefined && !['else', 'generation', 'break', 'continue'].includes(name))
      fail(source, tag.start, `unknown tag {% ${name} %}.`);
  }
  const last = open.pop();
  if (last) fail(source, last.tag.start, `{% ${last.name} %} is never closed; add {% end${last.name} %}.`);
}
const plain = (error: Error) =>
  error.message
    .replace(/^Parser Error: /, '')
    .replace(/\s+/g, ' ')
    .slice(0, 160);

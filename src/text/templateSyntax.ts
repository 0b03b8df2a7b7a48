// A template's syntax errors, told with line and column.
import { TemplateError } from '../lib/errors';
import type { Program } from './jinja/ast';
import { SyntaxFault } from './jinja/limits';
import { parse } from './jinja/parser';

/** Parses a template. Throws TemplateError with line and column (both from 1) of the tag at fault. */
export function parseTemplate(source: string): Program {
  try {
    return parse(source);
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new TemplateError('The chat template cannot be read: its expressions are nested too deep.', { cause });
    if (!(cause instanceof SyntaxFault)) throw cause;
    const before = source.replace(/\r\n?/g, '\n').slice(0, cause.offset).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    throw new TemplateError(`Chat template, line ${line}, column ${column}: ${cause.message}.`, {
      cause,
      where: `line ${line}, column ${column}`,
    });
  }
}

// Template snippets render, or fail, as in the Jinja environment of transformers (fixture by scripts/parity/jinja.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TemplateError } from '../src/lib/errors';
import type { Json, Message } from '../src/protocol/chat';
import { compileTemplate } from '../src/text/chatTemplate';
import { JinjaError } from '../src/text/jinja/limits';

type Result = string | { compile: string } | { render: string };
interface Fixture {
  now: string;
  variables: { [key: string]: Json } & { messages: Message[] };
  groups: Record<string, [source: string, result: Result][]>;
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('fixtures/templates/jinja.json', import.meta.url), 'utf8'));
const { messages, ...kwargs } = fixture.variables;
const now = () => new Date(`${fixture.now}Z`);

/** The text, or what failed: parsing, or the render, with Python's name of the error. */
function outcome(source: string): Result {
  let template: ReturnType<typeof compileTemplate>;
  try {
    template = compileTemplate(source);
  } catch (error) {
    if (error instanceof TemplateError) return { compile: 'a syntax error' };
    throw error;
  }
  try {
    return template.render(messages, { kwargs, now }).text;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    if (error.cause instanceof JinjaError) return { render: error.cause.kind };
    if (/calls itself/.test(error.message)) return { render: 'RecursionError' };
    return { render: error.where === 'raise_exception' ? 'TemplateError' : error.message };
  }
}
/** Python has several classes of syntax error. */
const folded = (result: Result): Result =>
  typeof result === 'object' && 'compile' in result ? { compile: 'a syntax error' } : result;

describe.each(Object.entries(fixture.groups))('%s', (_, cases) => {
  test.each(cases)('%s', (source, theirs) => {
    expect(outcome(source)).toEqual(folded(theirs));
  });
});

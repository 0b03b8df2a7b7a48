// Jinja2's statements, with the tags that transformers adds: break, continue, generation.
import type { Expr, FunctionBody, Parameter, Program, Statement } from './ast';
import { ExpressionParser } from './expressions';
import { inTag, type Token, tokenize } from './lexer';
import { LIMITS, SyntaxFault } from './limits';
import { analyze } from './scope';

interface Open {
  name: string;
  tag: Token;
}
const MOST_BRANCHES = 500;
const ENDS = /^(?:end\w*|else|elif)$/;
const emptyFn = (parameters: Parameter[]): FunctionBody => ({ parameters, body: [], scope: [], special: new Set() });

class Parser extends ExpressionParser {
  /** Blocks that are not closed yet. */
  private readonly open: Open[] = [];
  /** Loops around the current place, within the function that Jinja compiles it to. */
  private loops = 0;
  hasGeneration = false;
  /** Start of the tag being read, for messages. */
  tag: Token;

  constructor(source: string) {
    super(tokenize(source));
    this.tag = this.current;
  }

  /** Statements up to one of the end tags, which is left as the current token. */
  statements(ends: readonly string[] = []): Statement[] {
    const out: Statement[] = [];
    for (;;) {
      const token = this.take();
      if (token.type === 'eof') {
        const last = this.open.at(-1);
        if (last)
          throw new SyntaxFault(`{% ${last.name} %} is never closed; add {% end${last.name} %}`, last.tag.start);
        this.at--;
        return out;
      }
      if (token.type === 'data') {
        out.push({ type: 'Text', text: token.text });
        continue;
      }
      this.tag = token;
      if (token.type === 'variable_begin') {
        out.push({ type: 'Print', value: this.tuple() });
        this.expect('variable_end');
        continue;
      }
      const name = this.current;
      if (name.type !== 'name') this.fail('expected the name of a tag', token);
      if (ends.includes(name.text)) return out;
      const statement = this.statement(token, name.text);
      if (Array.isArray(statement)) out.push(...statement);
      else out.push(statement);
      this.expect('block_end');
    }
  }

  /** The body of a block and its end tag. */
  private body(name: string, tag: Token, ends: readonly string[]): Statement[] {
    this.skip(':');
    this.expect('block_end');
    // Python reads no more levels of indentation than this.
    if (this.open.length >= LIMITS.depth) throw new SyntaxFault('blocks are nested too deep', tag.start);
    this.open.push({ name, tag });
    const out = this.statements(ends);
    this.open.pop();
    return out;
  }
  /** The same for a block with a single end; the tag is used up but for its bracket. */
  private block(name: string, tag: Token): Statement[] {
    const out = this.body(name, tag, [`end${name}`]);
    this.at++;
    return out;
  }
  /** A body that Jinja compiles to a function: break cannot leave it. */
  private functionBody(name: string, tag: Token): Statement[] {
    const loops = this.loops;
    this.loops = 0;
    const out = this.block(name, tag);
    this.loops = loops;
    return out;
  }

  private statement(tag: Token, name: string): Statement | Statement[] {
    const inLoop = () => {
      if (this.loops === 0) throw new SyntaxFault(`{% ${name} %} outside of {% for %}`, tag.start);
    };
    this.at++;
    switch (name) {
      case 'if':
        return this.parseIf(tag);
      case 'for':
        return this.parseFor(tag);
      case 'set':
        return this.parseSet(tag);
      case 'macro': {
        const macro = this.expect('name', 'a name').text;
        const fn = emptyFn(this.parameters());
        fn.body = this.functionBody('macro', tag);
        return { type: 'Macro', name: macro, fn };
      }
      case 'call': {
        const fn = emptyFn(this.is('(') ? this.parameters() : []);
        const call = this.expression();
        if (call.type !== 'Call') throw new SyntaxFault('{% call %} needs a call', tag.start);
        fn.body = this.functionBody('call', tag);
        return { type: 'CallBlock', call, fn };
      }
      case 'generation':
        this.hasGeneration = true;
        return { type: 'Generation', body: this.functionBody('generation', tag), scope: [] };
      case 'filter': {
        const filter = this.filter(undefined, true)!;
        return { type: 'FilterBlock', filter, body: this.block('filter', tag), scope: [] };
      }
      case 'with':
        return this.parseWith(tag);
      case 'print': {
        const out: Statement[] = [];
        while (!this.is('block_end')) {
          if (out.length > 0) this.expect(',');
          out.push({ type: 'Print', value: this.expression() });
        }
        return out;
      }
      case 'break':
        inLoop();
        return { type: 'Break' };
      case 'continue':
        inLoop();
        return { type: 'Continue' };
      default:
        return this.unknown(tag, name);
    }
  }

  private unknown(tag: Token, name: string): never {
    const last = this.open.at(-1);
    if (!ENDS.test(name)) throw new SyntaxFault(`unknown tag {% ${name} %}`, tag.start);
    if (!name.startsWith('end')) throw new SyntaxFault(`{% ${name} %} outside of {% if %}`, tag.start);
    if (!last) throw new SyntaxFault(`{% ${name} %} has no opening tag`, tag.start);
    const error = new SyntaxFault('', tag.start);
    throw Object.assign(error, { opened: last });
  }

  private parseIf(tag: Token, branches = 1): Statement {
    if (branches > MOST_BRANCHES) throw new SyntaxFault('{% if %} has too many {% elif %}', tag.start);
    const test = this.tuple({ conditional: false });
    const body = this.body('if', tag, ['elif', 'else', 'endif']);
    const next = this.take().text;
    let otherwise: Statement[] = [];
    if (next === 'elif') otherwise = [this.parseIf(tag, branches + 1)];
    else if (next === 'else') otherwise = this.block('if', tag);
    return { type: 'If', test, body, otherwise };
  }
  private parseFor(tag: Token): Statement {
    const target = this.target({ endName: 'in' });
    if (!this.skipName('in')) this.fail("expected 'in'");
    const iterable = this.tuple({ conditional: false, endName: 'recursive' });
    const test = this.skipName('if') ? this.expression() : undefined;
    const recursive = this.skipName('recursive');
    this.loops++;
    const body = this.body('for', tag, ['endfor', 'else']);
    this.loops--;
    const otherwise = this.take().text === 'else' ? this.block('for', tag) : [];
    return {
      type: 'For',
      target,
      iterable,
      ...(test && { test }),
      recursive,
      body,
      otherwise,
      scope: [],
      testScope: [],
      elseScope: [],
    };
  }
  private parseSet(tag: Token): Statement {
    const target = this.target({ namespace: true });
    if (this.skip('=')) return { type: 'Set', target, value: this.tuple() };
    const filter = this.filter(undefined);
    return { type: 'SetBlock', target, ...(filter && { filter }), body: this.block('set', tag), scope: [] };
  }
  private parseWith(tag: Token): Statement {
    const targets: Expr[] = [];
    const values: Expr[] = [];
    while (!this.is('block_end')) {
      if (targets.length > 0) this.expect(',');
      targets.push(this.target({}));
      this.expect('=');
      values.push(this.expression());
    }
    return { type: 'With', targets, values, body: this.block('with', tag), scope: [] };
  }
  private parameters(): Parameter[] {
    const out: Parameter[] = [];
    this.expect('(');
    while (!this.is(')')) {
      if (out.length > 0) this.expect(',');
      const name = this.expect('name', 'a name').text;
      if (out.some((other) => other.name === name)) this.fail(`two parameters are named ${name}`);
      if (this.skip('=')) out.push({ name, fallback: this.expression() });
      else if (out.at(-1)?.fallback) this.fail('a parameter without default follows one with a default');
      else out.push({ name });
    }
    this.expect(')');
    return out;
  }
  /** What can be assigned to: names, tuples of names, attributes of namespaces in set. */
  private target(options: { endName?: string; namespace?: boolean }): Expr {
    const start = this.current;
    const node = this.tuple({ simple: true, ...options });
    const assignable = (expr: Expr): boolean =>
      expr.type === 'Name' || expr.type === 'NamespaceRef' || (expr.type === 'Tuple' && expr.items.every(assignable));
    if (!assignable(node)) this.fail('cannot assign to this', start);
    return node;
  }
}

/** Parses a template. Throws SyntaxFault with the offset of the tag at fault. */
export function parse(source: string): Program {
  // Python's lexer reads every line end as \n.
  const clean = source.replace(/\r\n?/g, '\n');
  const parser = new Parser(clean);
  try {
    const body = parser.statements();
    const program: Program = { body, scope: [], hasGeneration: parser.hasGeneration };
    analyze(program);
    return program;
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    throw named(error, parser, clean);
  }
}

/** Faults inside a tag are told at its start, with its text; a wrong end names the tag that is open. */
function named(error: SyntaxFault, parser: Parser, source: string): SyntaxFault {
  const { opened } = error as SyntaxFault & { opened?: Open };
  if (opened) {
    const name = /^\{%[-+]?\s*(\w+)/.exec(source.slice(error.offset))?.[1] ?? '';
    const line = source.slice(0, opened.tag.start).split('\n').length;
    return new SyntaxFault(
      `{% ${name} %} closes {% ${opened.name} %} of line ${line}; expected {% end${opened.name} %}`,
      error.offset,
    );
  }
  if (error.offset <= parser.tag.start || error.message.startsWith('{%')) return error;
  return inTag(error.message, source, parser.tag.start);
}

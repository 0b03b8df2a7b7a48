// Runs a parsed chat template as the Python that Jinja2 compiles it to, with marks around what it writes for whom.
import { TemplateError } from '../../lib/errors';
import type { Args, Expr, FunctionBody, Program, Scope, Statement } from './ast';
import { getAttribute, getItem } from './attributes';
import { BY_CHARACTER, FILTERS, KEEP_MARKUP, type Tables } from './filters';
import { checkAttribute } from './globals';
import { fits, JinjaError, LIMITS, reading, room, tick, typeError } from './limits';
import { Loop, Macro } from './macro';
import { binary, contains, slice, unary } from './operators';
import { compare, equal, str } from './python';
import { TESTS } from './tests';
import {
  Dict,
  Fn,
  firstOf,
  Iter,
  isStr,
  iterator,
  type Kwargs,
  listOf,
  Markup,
  Namespace,
  Tuple,
  truthy,
  Undefined,
  unwrap,
  type Value,
} from './values';

export interface Marks {
  generation: [open: string, close: string];
  /** Around what a loop over messages writes for message i; undefined = unmarked. */
  turn?: { open: (index: number) => string; close: string };
}
/** Names of one frame; undefined: known to be missing. */
interface Frame {
  vars: Map<string, Value | undefined>;
  parent: Frame | undefined;
}
/** How a list of statements ended. */
type Exit = 'break' | 'continue' | undefined;

class Output {
  private parts: string[] = [];
  private length = 0;
  write(text: string): void {
    if (text === '') return;
    this.parts.push(text);
    this.length += text.length;
    fits(this.length);
    reading(text.length);
  }
  toString(): string {
    return this.parts.join('');
  }
}
const MAKE_MARKUP = new Set(['escape', 'forceescape', 'safe']);
const NO_KWARGS: Kwargs = new Map();

export class Interpreter {
  private readonly context: ReadonlyMap<string, Value>;
  private readonly marks: Marks;
  private readonly messages: ReadonlyMap<Value, number>;
  private depth = 0;
  private readonly tables: Tables = {
    filter: (name, value, args, kwargs) => this.filter(name, value, args, kwargs),
    test: (name, value, args) => this.test(name, value, args),
  };

  /** `context`: what the template is given, and globals. `messages`: which value is which message, to mark turns. */
  constructor(context: ReadonlyMap<string, Value>, marks: Marks, messages: ReadonlyMap<Value, number>) {
    this.context = context;
    this.marks = marks;
    this.messages = messages;
  }

  run(program: Program): string {
    const out = new Output();
    this.exec(program.body, this.enter(program.scope, undefined), out);
    return out.toString();
  }

  private enter(scope: Scope, parent: Frame | undefined): Frame {
    tick(scope.length + 1);
    const vars: Frame['vars'] = new Map();
    for (const [name, load] of scope)
      vars.set(
        name,
        load === 'resolve' ? this.context.get(name) : load === 'alias' ? this.find(name, parent) : undefined,
      );
    return { vars, parent };
  }
  private find(name: string, frame: Frame | undefined): Value | undefined {
    let hops = 0;
    for (let f = frame; f; f = f.parent) {
      const value = f.vars.get(name);
      if (value !== undefined || f.vars.has(name)) return value;
      if ((++hops & 15) === 0) tick();
    }
    return this.context.get(name);
  }

  private exec(statements: readonly Statement[], frame: Frame, out: Output): Exit {
    for (const node of statements) {
      if (node.type === 'Text') {
        out.write(node.text);
        continue;
      }
      tick();
      const exit = this.statement(node, frame, out);
      if (exit) return exit;
    }
    return undefined;
  }
  private statement(node: Exclude<Statement, { type: 'Text' }>, frame: Frame, out: Output): Exit {
    switch (node.type) {
      case 'Print':
        out.write(str(this.evaluate(node.value, frame)));
        return;
      case 'If':
        return this.exec(truthy(this.evaluate(node.test, frame)) ? node.body : node.otherwise, frame, out);
      case 'For':
        return this.loop(node, this.plain(node.iterable, frame), 0, frame, out);
      case 'Break':
        return 'break';
      case 'Continue':
        return 'continue';
      case 'Set':
        this.checkNamespaces(node.target, frame);
        this.assign(node.target, this.evaluate(node.value, frame), frame);
        return;
      case 'SetBlock':
      case 'FilterBlock': {
        const inner = this.enter(node.scope, frame);
        const text = new Output();
        const exit = this.exec(node.body, inner, text);
        if (exit) return exit;
        const value = node.filter ? this.evaluate(node.filter, inner, text.toString()) : text.toString();
        if (node.type === 'SetBlock') {
          this.checkNamespaces(node.target, frame);
          this.assign(node.target, value, frame);
        } else {
          if (!isStr(value) && !(value instanceof Markup))
            throw typeError('a filter block needs a filter that gives text');
          out.write(str(value));
        }
        return;
      }
      case 'With': {
        const inner = this.enter(node.scope, frame);
        node.targets.forEach((target, i) => {
          this.assign(target, this.evaluate(node.values[i]!, frame), inner);
        });
        return this.exec(node.body, inner, out);
      }
      case 'Macro':
        frame.vars.set(node.name, this.macro(node.name, node.fn, frame));
        return;
      case 'CallBlock': {
        const { positional, named } = this.args(node.call.args, frame);
        const kwargs = new Map(named).set('caller', this.macro('caller', node.fn, frame));
        out.write(str(this.call(this.evaluate(node.call.callee, frame), positional, kwargs)));
        return;
      }
      case 'Generation': {
        const [open, close] = this.marks.generation;
        out.write(open);
        this.exec(node.body, this.enter(node.scope, frame), out);
        out.write(close);
        return;
      }
    }
  }

  private loop(
    node: Extract<Statement, { type: 'For' }>,
    iterable: Value,
    depth0: number,
    frame: Frame,
    out: Output,
  ): Exit {
    const test = node.test;
    const source = test ? new Iter(this.chosen(node, test, iterable, frame), 'generator') : iterable;
    const recurse = node.recursive
      ? (inner: Value, depth: number) =>
          this.deeper(() => {
            const text = new Output();
            this.loop(node, inner, depth, frame, text);
            return text.toString();
          })
      : undefined;
    const loop = new Loop(source, depth0, recurse);
    // Jinja notes that a round took place at its end, which break and continue skip.
    let finished = false;
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      const inner = this.enter(node.scope, frame);
      inner.vars.set('loop', loop);
      this.assign(node.target, item, inner);
      const message = this.marks.turn && this.messages.get(item);
      if (message !== undefined) out.write(this.marks.turn!.open(message));
      const exit = this.exec(node.body, inner, out);
      if (message !== undefined) out.write(this.marks.turn!.close);
      if (exit === 'break') break;
      finished ||= exit === undefined;
    }
    if (finished || node.otherwise.length === 0) return undefined;
    return this.exec(node.otherwise, this.enter(node.elseScope, frame), out);
  }
  private *chosen(
    node: Extract<Statement, { type: 'For' }>,
    test: Expr,
    iterable: Value,
    frame: Frame,
  ): Generator<Value> {
    const source = iterator(iterable);
    for (let next = source.next(); !next.done; next = source.next()) {
      const inner = this.enter(node.testScope, frame);
      this.assign(node.target, next.value, inner);
      if (truthy(this.evaluate(test, inner))) yield next.value;
    }
  }

  private macro(name: string, fn: FunctionBody, frame: Frame): Macro {
    const parameters = fn.parameters.map((p) => p.name);
    return new Macro(name, { parameters, special: fn.special }, (values) => {
      const inner = this.enter(fn.scope, frame);
      for (const [parameter, value] of values) inner.vars.set(parameter, value);
      for (const { name: parameter, fallback } of fn.parameters)
        if (!values.has(parameter) && fallback) inner.vars.set(parameter, this.evaluate(fallback, inner));
      const out = new Output();
      this.exec(fn.body, inner, out);
      return out.toString();
    });
  }

  /** Only namespaces have attributes that can be set; checked before the value is computed. */
  private checkNamespaces(target: Expr, frame: Frame): void {
    if (target.type === 'Tuple') for (const item of target.items) this.checkNamespaces(item, frame);
    if (target.type === 'NamespaceRef' && !(this.find(target.name, frame) instanceof Namespace))
      throw new JinjaError('TemplateRuntimeError', 'cannot assign attribute on non-namespace object');
  }
  private assign(target: Expr, value: Value, frame: Frame): void {
    if (target.type === 'Name') frame.vars.set(target.name, value);
    else if (target.type === 'NamespaceRef')
      (this.find(target.name, frame) as Namespace).attributes.set(checkAttribute(target.attribute), value);
    else if (target.type === 'Tuple') {
      const parts = listOf(unwrap(value));
      if (parts.length !== target.items.length)
        throw new JinjaError('ValueError', `cannot unpack ${parts.length} values into ${target.items.length} names`);
      target.items.forEach((item, i) => {
        this.assign(item, parts[i]!, frame);
      });
    }
  }

  private args(args: Args, frame: Frame): { positional: Value[]; named: Kwargs } {
    const positional = args.positional.map((arg) => this.plain(arg, frame));
    if (args.named.length === 0 && !args.star && !args.starStar) return { positional, named: NO_KWARGS };
    const named = new Map(args.named.map(([name, value]) => [name, this.plain(value, frame)]));
    if (args.star) positional.push(...listOf(this.plain(args.star, frame)));
    if (args.starStar) {
      const more = this.evaluate(args.starStar, frame);
      if (!(more instanceof Dict)) throw typeError('the argument after ** must be a mapping');
      tick(more.size);
      for (const [key, value] of more.entries()) {
        if (!isStr(key)) throw typeError('keywords must be strings');
        if (named.has(key)) throw typeError(`got multiple values for keyword argument '${key}'`);
        named.set(key, value);
      }
    }
    return { positional, named };
  }
  private call(callee: Value, args: Value[], kwargs: Kwargs): Value {
    if (callee instanceof Undefined) throw callee.fault(', so it cannot be called');
    if (!(callee instanceof Fn)) throw typeError(`'${str(callee).slice(0, 40)}' is not callable`);
    return this.deeper(() => callee.call(args, kwargs));
  }
  private deeper<T>(body: () => T): T {
    if (++this.depth > LIMITS.depth)
      throw new TemplateError(
        `The chat template calls itself more than ${LIMITS.depth} times deep. Look for a macro that calls itself.`,
      );
    try {
      return body();
    } finally {
      this.depth--;
    }
  }
  private filter(name: string, value: Value, args: Value[], kwargs: Kwargs): Value {
    const filter = FILTERS.get(name);
    if (!filter) throw new JinjaError('TemplateRuntimeError', `there is no filter named '${name}'`);
    if (isStr(value)) reading(value.length * (BY_CHARACTER.has(name) ? 64 : 4));
    return filter(value, args, kwargs, this.tables);
  }
  private test(name: string, value: Value, args: Value[]): boolean {
    const test = TESTS.get(name);
    if (!test) throw new JinjaError('TemplateRuntimeError', `there is no test named '${name}'`);
    if (isStr(value)) reading(value.length * 16);
    return test(value, args, { filter: (n) => FILTERS.has(n), test: (n) => TESTS.has(n) });
  }

  private plain(node: Expr, frame: Frame): Value {
    return unwrap(this.evaluate(node, frame));
  }
  /** `text`: what a filter without operand works on. */
  private evaluate(node: Expr, frame: Frame, text = ''): Value {
    tick();
    switch (node.type) {
      case 'Const':
        return node.value;
      case 'Name':
        return firstOf(this.find(node.name, frame), new Undefined(node.name))!;
      case 'Attribute':
        return getAttribute(this.plain(node.object, frame), node.name);
      case 'Item':
        return getItem(this.plain(node.object, frame), this.plain(node.index, frame));
      case 'Slice': {
        const bound = (expr: Expr | undefined) => (expr ? this.plain(expr, frame) : null);
        return slice(this.plain(node.object, frame), bound(node.start), bound(node.stop), bound(node.step));
      }
      case 'Call': {
        const callee = this.plain(node.callee, frame);
        const { positional, named } = this.args(node.args, frame);
        return this.call(callee, positional, named);
      }
      case 'Filter': {
        const operand = node.operand ? this.evaluate(node.operand, frame, text) : text;
        const { positional, named } = this.args(node.args, frame);
        const name = node.name === 'e' ? 'escape' : node.name;
        if (name === 'escape' && operand instanceof Markup) return operand;
        const result = this.filter(name, unwrap(operand), positional, named);
        const isMarkup = MAKE_MARKUP.has(name) || (operand instanceof Markup && KEEP_MARKUP.has(name));
        return isMarkup && isStr(result) ? new Markup(result) : result;
      }
      case 'Test': {
        const operand = this.evaluate(node.operand, frame);
        if (node.name === 'escaped' && operand instanceof Markup) return true;
        const { positional, named } = this.args(node.args, frame);
        if (named.size > 0) throw typeError(`the test ${node.name} takes no keyword arguments`);
        return this.test(node.name, unwrap(operand), positional);
      }
      case 'Logic': {
        const left = this.evaluate(node.left, frame);
        return truthy(left) === (node.operator === 'or') ? left : this.evaluate(node.right, frame);
      }
      case 'Not':
        return !truthy(this.evaluate(node.operand, frame));
      case 'Compare':
        return this.compare(node, frame);
      case 'Binary':
        return binary(node.operator, this.evaluate(node.left, frame), this.evaluate(node.right, frame));
      case 'Unary':
        return unary(node.operator, this.plain(node.operand, frame));
      case 'Concat': {
        const parts = node.parts.map((part) => str(this.evaluate(part, frame)));
        room(parts.reduce((sum, part) => sum + part.length, 0));
        return parts.join('');
      }
      case 'Conditional':
        if (truthy(this.evaluate(node.test, frame))) return this.evaluate(node.value, frame);
        if (node.otherwise) return this.evaluate(node.otherwise, frame);
        return new Undefined('value', 'the inline if-expression evaluated to false and no else section was defined');
      case 'List':
        return node.items.map((item) => this.plain(item, frame));
      case 'Tuple':
        return new Tuple(node.items.map((item) => this.plain(item, frame)));
      case 'Dict':
        return new Dict(
          node.items.map(({ key, value }) => [this.plain(key, frame), this.plain(value, frame)] as const),
        );
      case 'NamespaceRef':
        throw typeError('a namespace attribute cannot be read here');
    }
  }
  private compare(node: Extract<Expr, { type: 'Compare' }>, frame: Frame): boolean {
    let left = this.plain(node.first, frame);
    for (const { operator, operand } of node.rest) {
      const right = this.plain(operand, frame);
      if (!this.holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }
  private holds(operator: string, left: Value, right: Value): boolean {
    switch (operator) {
      case '==':
        return equal(left, right);
      case '!=':
        return !equal(left, right);
      case 'in':
        return contains(left, right);
      case 'not in':
        return !contains(left, right);
    }
    const order = compare(left, right, operator);
    return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
  }
}

// @huggingface/jinja with Python's semantics, limits, and marks around what the template writes for whom.
import { Environment, Interpreter, type parse } from '@huggingface/jinja';
import { TemplateError } from '../lib/errors';
import type { JinjaValue } from './jinjaPython';
import * as py from './jinjaPython';

// The engine's methods and syntax nodes are TypeScript-private.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;
const Base = Interpreter as unknown as new (environment: Environment) => { [method: string]: Any };

/** Name of the call that `{% generation %}` is rewritten to: the engine's lexer would delete the tag. */
export const GENERATION = '__generation__';
export const LIMITS = {
  steps: 2_000_000,
  length: 4_000_000,
  range: 100_000,
  depth: 100,
  sourceBytes: 32_768,
  blanks: 500,
};

export interface Marks {
  generation: [open: string, close: string];
  /** Around what a loop over messages writes for message i; undefined = unmarked. */
  turn?: { open: (index: number) => string; close: string };
}

/** Leaves a loop early; carries what the body has written so far, which Jinja keeps. */
class LoopControl extends Error {
  readonly exit: 'break' | 'continue';
  written = '';
  constructor(exit: 'break' | 'continue') {
    super(exit);
    this.exit = exit;
  }
}
const SILENT = new Set(['Set', 'Macro', 'Comment']);
/** `a.items` is Python's method even when the dict has the key "items". */
const DICT_METHODS = new Set(['keys', 'values', 'get']);

export class PythonInterpreter extends Base {
  private steps = 0;
  private depth = 0;
  private readonly marks: Marks;
  private readonly messages: Map<unknown, number>;
  private readonly expired: () => boolean;

  /** `messages`: value object → index, to know which message a loop is at. `expired`: asked every 1024 steps. */
  constructor(environment: Environment, marks: Marks, messages: Map<unknown, number>, expired: () => boolean) {
    super(environment);
    this.marks = marks;
    this.messages = messages;
    this.expired = expired;
  }

  /** Counts work; every round of a loop counts, even with an empty body. */
  private tick(weight = 1): void {
    const before = this.steps;
    this.steps += weight;
    if (this.steps > LIMITS.steps)
      throw new TemplateError(
        `The chat template did not end within ${LIMITS.steps.toLocaleString('en')} steps. Look for a loop or macro that never ends.`,
      );
    if (this.steps >> 10 !== before >> 10 && this.expired())
      throw new TemplateError('The chat template ran out of time. Look for a loop or macro that never ends.');
  }

  evaluate(node: Any, env: Environment): JinjaValue {
    this.tick();
    if (node?.type === 'Known') return node.value;
    if (node?.type === 'Break' || node?.type === 'Continue') throw new LoopControl(node.type.toLowerCase());
    const result = super.evaluate(node, env) as JinjaValue;
    // A filter such as `first` of an empty list gives JavaScript's undefined.
    if (result === undefined) return py.undef();
    if ((py.isStr(result) || py.isList(result)) && result.value.length > LIMITS.length) throw tooLong();
    return result;
  }

  evaluateBlock(nodes: Any[], env: Environment): JinjaValue {
    let out = '';
    for (const node of nodes) {
      try {
        const value = this.evaluate(node, env);
        if (!SILENT.has(node.type)) out += py.pyStr(value);
      } catch (error) {
        if (error instanceof LoopControl) error.written = out + error.written;
        throw error;
      }
      if (out.length > LIMITS.length) throw tooLong();
    }
    return py.str(out);
  }

  evaluateCallExpression(node: Any, env: Environment): JinjaValue {
    if (++this.depth > LIMITS.depth)
      throw new TemplateError(
        `The chat template calls itself more than ${LIMITS.depth} times deep. Look for a macro that calls itself.`,
      );
    try {
      return super.evaluateCallExpression(node, env);
    } finally {
      this.depth--;
    }
  }

  evaluateCallStatement(node: Any, env: Environment): JinjaValue {
    if (node.call.callee.value !== GENERATION) return super.evaluateCallStatement(node, env);
    const [open, close] = this.marks.generation;
    return py.str(open + this.evaluateBlock(node.body, new Environment(env)).value + close);
  }

  /** As Jinja: strings and undefined iterate, `set` inside a round is gone in the next, break keeps what was written. */
  evaluateFor(node: Any, env: Environment): JinjaValue {
    const filtered = node.iterable.type === 'SelectExpression';
    const iterable = this.evaluate(filtered ? node.iterable.lhs : node.iterable, env);
    const rounds: { item: JinjaValue; scope: Environment }[] = [];
    for (const item of itemsOf(iterable)) {
      // A scope costs about as much as twenty expressions.
      this.tick(20);
      const scope = new Environment(env);
      bind(scope, node.loopvar, item);
      if (filtered && !this.evaluate(node.iterable.test, scope).__bool__().value) continue;
      rounds.push({ item, scope });
    }
    let out = '';
    const n = rounds.length;
    for (const [i, { item, scope }] of rounds.entries()) {
      const loop: [string, JinjaValue][] = [
        ['index', py.int(i + 1)],
        ['index0', py.int(i)],
        ['revindex', py.int(n - i)],
        ['revindex0', py.int(n - i - 1)],
        ['first', py.bool(i === 0)],
        ['last', py.bool(i === n - 1)],
        ['length', py.int(n)],
        ['previtem', rounds[i - 1]?.item ?? py.undef()],
        ['nextitem', rounds[i + 1]?.item ?? py.undef()],
        ['cycle', py.fn((args) => args[i % args.length] ?? py.undef())],
      ];
      setVariable(scope, 'loop', py.dict(new Map(loop)));
      const message = this.messages.get(item);
      const turn = message === undefined ? undefined : this.marks.turn;
      if (turn) out += turn.open(message!);
      let exit: LoopControl['exit'] | undefined;
      try {
        out += this.evaluateBlock(node.body, scope).value;
      } catch (error) {
        if (!(error instanceof LoopControl)) throw error;
        out += error.written;
        exit = error.exit;
      }
      if (turn) out += turn.close;
      if (out.length > LIMITS.length) throw tooLong();
      if (exit === 'break') break;
    }
    if (n === 0) out += this.evaluateBlock(node.defaultBlock, env).value;
    return py.str(out);
  }

  evaluateBinaryExpression(node: Any, env: Environment): JinjaValue {
    const op: string = node.operator.value;
    if (op === 'and' || op === 'or') return super.evaluateBinaryExpression(node, env);
    const left = this.evaluate(node.left, env);
    const right = this.evaluate(node.right, env);
    if (op === '==') return py.bool(py.pyEqual(left, right));
    if (op === '!=') return py.bool(!py.pyEqual(left, right));
    if (op === '~') return py.str(py.pyStr(left) + py.pyStr(right));
    if (op === 'in' || op === 'not in') {
      const found = this.contains(left, right);
      return py.bool(op === 'in' ? found : !found);
    }
    const repeat = (sequence: JinjaValue, times: JinjaValue) => {
      const count = Math.max(0, times.value);
      if (sequence.value.length * count > LIMITS.length) throw tooLong();
      return py.isStr(sequence)
        ? py.str(sequence.value.repeat(count))
        : py.list(Array.from({ length: count }, () => sequence.value).flat());
    };
    if (op === '*' && (py.isStr(left) || py.isList(left)) && right.type === 'IntegerValue') return repeat(left, right);
    if (op === '*' && (py.isStr(right) || py.isList(right)) && left.type === 'IntegerValue') return repeat(right, left);
    if (op === '+' && py.isStr(left) !== py.isStr(right))
      throw new Error(`can only concatenate str to str, got ${pyType(left)} and ${pyType(right)}; use ~`);
    if (op === '%' && py.isNumber(left) && py.isNumber(right)) {
      const value = left.value - right.value * Math.floor(left.value / right.value);
      return left.type === 'FloatValue' || right.type === 'FloatValue' ? py.float(value) : py.int(value);
    }
    if (['<', '>', '<=', '>='].includes(op) && py.isStr(left) && py.isStr(right)) {
      const [a, b] = [left.value as string, right.value as string];
      return py.bool(op === '<' ? a < b : op === '>' ? a > b : op === '<=' ? a <= b : a >= b);
    }
    const known = (value: JinjaValue) => ({ type: 'Known', value });
    return super.evaluateBinaryExpression({ ...node, left: known(left), right: known(right) }, env);
  }

  private contains(item: JinjaValue, container: JinjaValue): boolean {
    if (container.type === 'UndefinedValue') return false;
    if (py.isStr(container)) {
      if (!py.isStr(item)) throw new Error(`'in <string>' requires a string on its left, got ${pyType(item)}`);
      return container.value.includes(item.value);
    }
    if (py.isList(container)) return container.value.some((x: JinjaValue) => py.pyEqual(x, item));
    if (container.type === 'ObjectValue' || container.type === 'NamespaceValue') return container.value.has(item.value);
    throw new Error(`argument of type ${pyType(container)} is not iterable`);
  }

  evaluateMemberExpression(node: Any, env: Environment): JinjaValue {
    const object = this.evaluate(node.object, env);
    const name: string | undefined =
      !node.computed && node.property.type === 'Identifier' ? node.property.value : undefined;
    if (object.type === 'UndefinedValue')
      throw new Error(`${describe(node.object)} is undefined, so it has no ${name ? `attribute '${name}'` : 'items'}`);
    const method =
      name !== undefined && py.isStr(object) && Object.hasOwn(py.STRING_METHODS, name)
        ? py.STRING_METHODS[name]
        : undefined;
    if (method)
      return py.fn((args) =>
        method(
          object.value,
          args.filter((a) => a.type !== 'KeywordArgumentsValue'),
        ),
      );
    if (name === 'replace' && py.isStr(object))
      return py.fn(([from, to, count]) => py.str(replaceText(object.value, py.pyStr(from!), py.pyStr(to!), count)));
    if (name === 'items' && object.type === 'ObjectValue') return py.fn(() => py.items(object));
    if (name !== undefined && object.type === 'ObjectValue' && DICT_METHODS.has(name)) {
      const builtins = (object as unknown as { builtins: Map<string, JinjaValue> }).builtins;
      if (builtins.has(name)) return builtins.get(name)!;
    }
    if (node.computed && py.isStr(object) && node.property.type !== 'SliceExpression') {
      const index = this.evaluate(node.property, env);
      if (index.type === 'IntegerValue') {
        const char = Array.from(object.value as string).at(index.value);
        return char === undefined ? py.undef() : py.str(char);
      }
    }
    if (object.type === 'NullValue') return py.undef();
    return super.evaluateMemberExpression({ ...node, object: { type: 'Known', value: object } }, env);
  }

  evaluateTestExpression(node: Any, env: Environment): JinjaValue {
    const operand = this.evaluate(node.operand, env);
    const test: string = node.test.value;
    const own: Record<string, () => boolean> = {
      // Jinja's tests by Python type: dicts iterate, a bool is a number, undefined is an empty sequence.
      iterable: () =>
        py.isList(operand) || py.isStr(operand) || ['ObjectValue', 'UndefinedValue'].includes(operand.type),
      sequence: () =>
        py.isList(operand) || py.isStr(operand) || ['ObjectValue', 'UndefinedValue'].includes(operand.type),
      number: () => py.isNumber(operand) || operand.type === 'BooleanValue',
      float: () => operand.type === 'FloatValue',
      mapping: () => operand.type === 'ObjectValue',
    };
    const known = Object.hasOwn(own, test) ? own[test] : undefined;
    if (known) return py.bool(node.negate ? !known() : known());
    return super.evaluateTestExpression({ ...node, operand: { type: 'Known', value: operand } }, env);
  }

  applyFilter(operand: JinjaValue, filter: Any, env: Environment): JinjaValue {
    const name: string = filter.type === 'Identifier' ? filter.value : filter.callee.value;
    const [args, kwargs] = (
      filter.type === 'CallExpression' ? this.evaluateArguments(filter.args, env) : [[], new Map()]
    ) as [JinjaValue[], Map<string, JinjaValue>];
    const arg = (index: number, key: string) => args[index] ?? kwargs.get(key);
    switch (name) {
      case 'tojson': {
        const separators = arg(2, 'separators');
        const indent = arg(1, 'indent');
        return py.str(
          py.pyJson(operand, {
            ensureAscii: arg(0, 'ensure_ascii')?.__bool__().value ?? false,
            indent: indent && py.isNumber(indent) ? Math.min(indent.value, 64) : null,
            separators:
              separators && py.isList(separators)
                ? [py.pyStr(separators.value[0]), py.pyStr(separators.value[1])]
                : null,
            sortKeys: arg(3, 'sort_keys')?.__bool__().value ?? false,
          }),
        );
      }
      case 'string':
        return py.str(py.pyStr(operand));
      case 'trim':
        return py.str(py.pyStrip(py.pyStr(operand), arg(0, 'chars') && py.pyStr(arg(0, 'chars')!)));
      case 'length':
      case 'count':
        if (operand.type === 'UndefinedValue') return py.int(0);
        if (py.isStr(operand)) return py.int(Array.from(operand.value as string).length);
        break;
      case 'list':
        return py.list(itemsOf(operand));
      case 'join': {
        const parts = itemsOf(operand).map(py.pyStr);
        return py.str(parts.join(arg(0, 'd') ? py.pyStr(arg(0, 'd')!) : ''));
      }
      case 'default':
      case 'd': {
        const useDefault =
          operand.type === 'UndefinedValue' ||
          (arg(1, 'boolean')?.__bool__().value === true && !operand.__bool__().value);
        return useDefault ? (arg(0, 'default_value') ?? py.str('')) : operand;
      }
      case 'replace':
        return py.str(replaceText(py.pyStr(operand), py.pyStr(args[0]!), py.pyStr(args[1]!), args[2]));
      case 'capitalize':
        return py.STRING_METHODS.capitalize!(py.pyStr(operand), []);
      case 'first':
      case 'last':
        if (py.isStr(operand) || py.isList(operand))
          return itemsOf(operand).at(name === 'first' ? 0 : -1) ?? py.undef();
        break;
      case 'items':
        if (operand.type === 'UndefinedValue') return py.list([]);
        if (operand.type === 'ObjectValue') return py.items(operand);
        break;
      case 'reverse':
        if (py.isStr(operand))
          return py.str(
            Array.from(operand.value as string)
              .reverse()
              .join(''),
          );
        break;
      case 'upper':
      case 'lower':
        if (!py.isStr(operand)) return super.applyFilter(py.str(py.pyStr(operand)), filter, env);
        break;
      case 'map':
        if (args.length > 0 && py.isList(operand))
          return py.list(
            operand.value.map((item: JinjaValue) =>
              this.applyFilter(item, { type: 'Identifier', value: py.pyStr(args[0]!) }, env),
            ),
          );
        break;
    }
    return super.applyFilter(operand, filter, env);
  }
}

const tooLong = () =>
  new TemplateError(
    `The chat template made more than ${LIMITS.length.toLocaleString('en')} characters. Look for a loop that repeats text.`,
  );
const pyType = (v: JinjaValue) => v.type.replace('Value', '').toLowerCase();
const describe = (node: Any): string =>
  node.type === 'Identifier'
    ? `'${node.value}'`
    : node.type === 'MemberExpression' && node.property.type === 'Identifier'
      ? `'${node.property.value}'`
      : 'a value';

function itemsOf(v: JinjaValue): JinjaValue[] {
  if (py.isList(v)) return v.value;
  if (py.isStr(v)) return Array.from(v.value as string, py.str);
  if (v.type === 'UndefinedValue') return [];
  if (v.type === 'ObjectValue') return [...v.value.keys()].map(py.str);
  throw new Error(`${pyType(v)} is not iterable`);
}
const setVariable = (scope: Environment, name: string, value: JinjaValue) =>
  scope.setVariable(name, value as unknown as Parameters<Environment['setVariable']>[1]);
function bind(scope: Environment, target: Any, item: JinjaValue): void {
  if (target.type === 'Identifier') {
    setVariable(scope, target.value, item);
    return;
  }
  const parts = itemsOf(item);
  if (parts.length !== target.value.length)
    throw new Error(`cannot unpack ${parts.length} values into ${target.value.length} names`);
  target.value.forEach((name: Any, i: number) => {
    bind(scope, name, parts[i]!);
  });
}
function replaceText(text: string, from: string, to: string, count: JinjaValue | undefined): string {
  const limit = count && count.type === 'IntegerValue' && count.value >= 0 ? count.value : Number.POSITIVE_INFINITY;
  const parts = from === '' ? ['', ...Array.from(text), ''] : text.split(from);
  const replaced = Math.min(limit, parts.length - 1);
  if (text.length + replaced * to.length > LIMITS.length) throw tooLong();
  const head = parts.slice(0, replaced + 1).join(to);
  const tail = parts.slice(replaced + 1);
  return tail.length ? head + from + tail.join(from) : head;
}

export type Program = ReturnType<typeof parse>;

// Jinja2's expression grammar, rung by rung of its parser.
import type { Args, Expr } from './ast';
import type { Token } from './lexer';
import { SyntaxFault } from './limits';

const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>=']);
const CONSTANTS = new Map<string, boolean | null>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);
const NO_ARGS = (): Args => ({ positional: [], named: [] });
const described = (token: Token) =>
  token.type === 'eof'
    ? 'end of template'
    : token.type.endsWith('_end')
      ? `end of the tag (${token.text})`
      : `'${token.text}'`;

export class ExpressionParser {
  protected readonly tokens: Token[];
  protected at = 0;
  constructor(tokens: Token[]) {
    this.tokens = tokens;
  }

  protected get current(): Token {
    return this.tokens[this.at]!;
  }
  protected look(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)]!;
  }
  protected take(): Token {
    return this.tokens[this.at++]!;
  }
  protected fail(message: string, token = this.current): never {
    throw new SyntaxFault(message, token.start);
  }
  protected is(type: string): boolean {
    return this.current.type === type;
  }
  protected isName(name: string, token = this.current): boolean {
    return token.type === 'name' && token.text === name;
  }
  protected skip(type: string): boolean {
    if (!this.is(type)) return false;
    this.at++;
    return true;
  }
  protected skipName(name: string): boolean {
    if (!this.isName(name)) return false;
    this.at++;
    return true;
  }
  protected expect(type: string, what = type.endsWith('_end') ? 'the end of the tag' : `'${type}'`): Token {
    if (!this.is(type)) this.fail(`expected ${what}, got ${described(this.current)}`);
    return this.take();
  }

  expression(conditional = true): Expr {
    if (!conditional) return this.or();
    let node = this.or();
    while (this.skipName('if')) {
      const test = this.or();
      const otherwise = this.skipName('else') ? this.expression() : undefined;
      node = { type: 'Conditional', test, value: node, ...(otherwise && { otherwise }) };
    }
    return node;
  }
  private or(): Expr {
    let left = this.and();
    while (this.skipName('or')) left = { type: 'Logic', operator: 'or', left, right: this.and() };
    return left;
  }
  private and(): Expr {
    let left = this.not();
    while (this.skipName('and')) left = { type: 'Logic', operator: 'and', left, right: this.not() };
    return left;
  }
  private not(): Expr {
    return this.skipName('not') ? { type: 'Not', operand: this.not() } : this.compare();
  }
  private compare(): Expr {
    const first = this.sum();
    const rest: { operator: string; operand: Expr }[] = [];
    for (;;) {
      if (COMPARISONS.has(this.current.type)) rest.push({ operator: this.take().type, operand: this.sum() });
      else if (this.skipName('in')) rest.push({ operator: 'in', operand: this.sum() });
      else if (this.isName('not') && this.isName('in', this.look())) {
        this.at += 2;
        rest.push({ operator: 'not in', operand: this.sum() });
      } else return rest.length ? { type: 'Compare', first, rest } : first;
    }
  }
  private sum(): Expr {
    let left = this.concat();
    while (this.is('+') || this.is('-'))
      left = { type: 'Binary', operator: this.take().type, left, right: this.concat() };
    return left;
  }
  private concat(): Expr {
    const parts = [this.product()];
    while (this.skip('~')) parts.push(this.product());
    return parts.length === 1 ? parts[0]! : { type: 'Concat', parts };
  }
  private product(): Expr {
    let left = this.power();
    while (['*', '/', '//', '%'].includes(this.current.type))
      left = { type: 'Binary', operator: this.take().type, left, right: this.power() };
    return left;
  }
  private power(): Expr {
    let left = this.unary();
    // Jinja nests to the left; the Python it is compiled to has the parentheses.
    while (this.skip('**')) left = { type: 'Binary', operator: '**', left, right: this.unary() };
    return left;
  }
  private unary(withFilter = true): Expr {
    let node: Expr;
    if (this.is('-') || this.is('+'))
      node = { type: 'Unary', operator: this.take().type as '-' | '+', operand: this.unary(false) };
    else node = this.primary();
    node = this.postfix(node);
    return withFilter ? this.filters(node) : node;
  }

  protected primary(withNamespace = false): Expr {
    const token = this.current;
    switch (token.type) {
      case 'name': {
        this.at++;
        const constant = CONSTANTS.get(token.text);
        if (constant !== undefined) return { type: 'Const', value: constant };
        if (withNamespace && this.skip('.'))
          return { type: 'NamespaceRef', name: token.text, attribute: this.expect('name', 'a name').text };
        return { type: 'Name', name: token.text };
      }
      case 'string': {
        let value = '';
        while (this.is('string')) value += this.take().text;
        return { type: 'Const', value };
      }
      case 'integer':
      case 'float':
        this.at++;
        return { type: 'Const', value: token.number! };
      case '(': {
        this.at++;
        const node = this.tuple({ parentheses: true });
        this.expect(')');
        return node;
      }
      case '[':
        this.at++;
        return { type: 'List', items: this.sequence(']', () => this.expression()) };
      case '{':
        this.at++;
        return {
          type: 'Dict',
          items: this.sequence('}', () => {
            const key = this.expression();
            this.expect(':');
            return { key, value: this.expression() };
          }),
        };
      default:
        return this.fail(`unexpected ${described(token)}`, token);
    }
  }
  private sequence<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.is(close)) {
      if (items.length > 0) this.expect(',');
      if (this.is(close)) break;
      items.push(item());
    }
    this.expect(close);
    return items;
  }

  /** One expression, or several with commas between. `endName`: a name that ends it. */
  protected tuple(
    options: {
      simple?: boolean;
      conditional?: boolean;
      endName?: string;
      parentheses?: boolean;
      namespace?: boolean;
    } = {},
  ): Expr {
    const items: Expr[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.expect(',');
      const ends =
        ['variable_end', 'block_end', ')'].includes(this.current.type) ||
        (options.endName !== undefined && this.isName(options.endName));
      if (ends) break;
      items.push(options.simple ? this.primary(options.namespace) : this.expression(options.conditional ?? true));
      if (!this.is(',')) break;
      isTuple = true;
    }
    if (isTuple) return { type: 'Tuple', items };
    if (items[0]) return items[0];
    if (!options.parentheses) this.fail(`expected an expression, got ${described(this.current)}`);
    return { type: 'Tuple', items };
  }

  protected postfix(start: Expr): Expr {
    let node = start;
    for (;;) {
      if (this.is('.') || this.is('[')) node = this.subscript(node);
      else if (this.is('(')) node = { type: 'Call', callee: node, args: this.args() };
      else return node;
    }
  }
  private filters(start: Expr): Expr {
    let node = start;
    for (;;) {
      if (this.is('|')) node = this.filter(node)!;
      else if (this.isName('is')) node = this.test(node);
      else if (this.is('(')) node = { type: 'Call', callee: node, args: this.args() };
      else return node;
    }
  }
  private subscript(object: Expr): Expr {
    if (this.skip('.')) {
      const token = this.take();
      if (token.type === 'name') return { type: 'Attribute', object, name: token.text };
      if (token.type !== 'integer') this.fail('expected a name or number after the dot', token);
      return { type: 'Item', object, index: { type: 'Const', value: token.number! } };
    }
    const open = this.expect('[');
    const indices = this.sequence(']', () => this.index(object));
    if (indices.length === 1) {
      const [index] = indices;
      return index!.type === 'Slice' && index!.object === object ? index! : { type: 'Item', object, index: index! };
    }
    if (indices.some((i) => i.type === 'Slice')) this.fail('several slices at once are not supported', open);
    return { type: 'Item', object, index: { type: 'Tuple', items: indices } };
  }
  private index(object: Expr): Expr {
    const ends = () => this.is(']') || this.is(',') || this.is(':');
    const start = this.is(':') ? undefined : this.expression();
    if (!this.skip(':')) return start!;
    const stop = ends() ? undefined : this.expression();
    const step = this.skip(':') && !ends() ? this.expression() : undefined;
    return { type: 'Slice', object, ...(start && { start }), ...(stop && { stop }), ...(step && { step }) };
  }

  protected args(): Args {
    const open = this.expect('(');
    const args = NO_ARGS();
    const ensure = (ok: boolean) => {
      if (!ok) this.fail('invalid arguments of a call', open);
    };
    let comma = false;
    while (!this.is(')')) {
      if (comma) {
        this.expect(',');
        if (this.is(')')) break;
      }
      comma = true;
      if (this.skip('*')) {
        ensure(!args.star && !args.starStar);
        args.star = this.expression();
      } else if (this.skip('**')) {
        ensure(!args.starStar);
        args.starStar = this.expression();
      } else if (this.is('name') && this.look().type === '=') {
        ensure(!args.starStar);
        const name = this.take().text;
        this.at++;
        ensure(!args.named.some(([other]) => other === name));
        args.named.push([name, this.expression()]);
      } else {
        ensure(!args.star && !args.starStar && args.named.length === 0);
        args.positional.push(this.expression());
      }
    }
    this.expect(')');
    return args;
  }
  private dotted(): string {
    let name = this.expect('name', 'a name').text;
    while (this.skip('.')) name += `.${this.expect('name', 'a name').text}`;
    return name;
  }
  /** A chain of filters; `inline`: the first without its bar. */
  protected filter(operand: Expr | undefined, inline = false): Expr | undefined {
    let node = operand;
    let bare = inline;
    while (bare || this.skip('|')) {
      bare = false;
      const at = this.current.start;
      const name = this.dotted();
      const args = this.is('(') ? this.args() : NO_ARGS();
      node = { type: 'Filter', name, args, at, ...(node && { operand: node }) };
    }
    return node;
  }
  private test(operand: Expr): Expr {
    this.at++;
    const negated = this.skipName('not');
    const at = this.current.start;
    const name = this.dotted();
    let args = NO_ARGS();
    const starts = ['name', 'string', 'integer', 'float', '[', '{'].includes(this.current.type);
    if (this.is('(')) args = this.args();
    else if (starts && !['else', 'or', 'and'].some((word) => this.isName(word))) {
      if (this.isName('is')) this.fail('tests cannot be chained with is');
      args.positional.push(this.postfix(this.primary()));
    }
    const node: Expr = { type: 'Test', name, operand, args, at };
    return negated ? { type: 'Not', operand: node } : node;
  }
}

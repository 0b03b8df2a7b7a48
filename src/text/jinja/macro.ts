// Macros and loop variables: the callables that templates themselves make.
import { JinjaError, typeError } from './limits';
import { equal } from './python';
import { Dict, Fn, firstOf, iterator, type Kwargs, lengthOf, Tuple, Undefined, type Value } from './values';

/** jinja2.runtime.Macro. */
export class Macro extends Fn {
  private readonly info: { parameters: readonly string[]; special: ReadonlySet<string> };
  constructor(
    name: string,
    info: { parameters: readonly string[]; special: ReadonlySet<string> },
    body: (values: ReadonlyMap<string, Value>) => string,
  ) {
    super(name, (args, kwargs) => body(bindMacro(name, info, args, kwargs)));
    this.info = info;
  }
  override attribute(name: string): Value | undefined {
    switch (name) {
      case 'name':
        return this.name;
      case 'arguments':
        return new Tuple(this.info.parameters);
      case 'caller':
        return this.info.special.has('caller');
      case 'catch_kwargs':
        return this.info.special.has('kwargs');
      case 'catch_varargs':
        return this.info.special.has('varargs');
    }
    return undefined;
  }
}

/** Values of a macro's parameters; those that were not given are left out. */
function bindMacro(
  name: string,
  { parameters, special }: { parameters: readonly string[]; special: ReadonlySet<string> },
  args: Value[],
  kwargs: Kwargs,
): ReadonlyMap<string, Value> {
  const rest = new Map(kwargs);
  const out = new Map<string, Value>();
  parameters.forEach((parameter, i) => {
    if (i < args.length) out.set(parameter, args[i]!);
    else if (rest.has(parameter)) {
      out.set(parameter, rest.get(parameter)!);
      rest.delete(parameter);
    }
  });
  if (special.has('caller')) {
    out.set('caller', firstOf(rest.get('caller'), new Undefined('caller', 'No caller defined'))!);
    rest.delete('caller');
  }
  if (special.has('kwargs')) out.set('kwargs', new Dict([...rest]));
  else for (const key of rest.keys()) throw typeError(`macro '${name}' takes no keyword argument '${key}'`);
  if (special.has('varargs')) out.set('varargs', new Tuple(args.slice(parameters.length)));
  else if (args.length > parameters.length)
    throw typeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
  return out;
}

/** jinja2.runtime.LoopContext: `loop` inside of for. Reads ahead only when asked to. */
export class Loop extends Fn {
  private readonly iterable: Value;
  private source: Iterator<Value>;
  private index0 = -1;
  private ahead: Value | undefined;
  private current: Value | undefined;
  private before: Value | undefined;
  private known: number | undefined;
  private changed: Value[] | undefined;
  private readonly depth0: number;

  constructor(iterable: Value, depth0: number, recurse: ((iterable: Value, depth0: number) => string) | undefined) {
    super('loop', ([inner]) => {
      if (!recurse) throw typeError("The loop must have the 'recursive' marker to be called recursively.");
      return recurse(inner!, depth0 + 1);
    });
    this.iterable = iterable;
    this.source = iterator(iterable);
    this.depth0 = depth0;
  }

  /** Moves to the next item; undefined at the end. */
  next(): Value | undefined {
    const item = this.peek();
    this.ahead = undefined;
    if (item === undefined) return undefined;
    this.index0++;
    this.before = this.current;
    this.current = item;
    return item;
  }
  private pull(): Value | undefined {
    const next = this.source.next();
    return next.done ? undefined : next.value;
  }
  private peek(): Value | undefined {
    if (this.ahead === undefined) this.ahead = this.pull();
    return this.ahead;
  }
  private get length(): number {
    if (this.known === undefined) {
      this.known = lengthOf(this.iterable);
      if (this.known === undefined) {
        const rest: Value[] = [];
        for (let item = this.pull(); item !== undefined; item = this.pull()) rest.push(item);
        this.source = rest[Symbol.iterator]();
        this.known = rest.length + this.index0 + 1 + (this.ahead === undefined ? 0 : 1);
      }
    }
    return this.known;
  }
  override attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return BigInt(this.index0 + 1);
      case 'index0':
        return BigInt(this.index0);
      case 'revindex':
        return BigInt(this.length - this.index0);
      case 'revindex0':
        return BigInt(this.length - this.index0 - 1);
      case 'first':
        return this.index0 === 0;
      case 'last':
        return this.peek() === undefined;
      case 'length':
        return BigInt(this.length);
      case 'depth':
        return BigInt(this.depth0 + 1);
      case 'depth0':
        return BigInt(this.depth0);
      case 'previtem':
        return this.index0 === 0 ? new Undefined(name, 'there is no previous item') : this.before;
      case 'nextitem':
        return firstOf(this.peek(), new Undefined(name, 'there is no next item'));
      case 'cycle':
        return new Fn('cycle', (args) => {
          if (args.length === 0) throw typeError('no items for cycling given');
          return args[this.index0 % args.length]!;
        });
      case 'changed':
        return new Fn('changed', (args) => {
          const same = this.changed !== undefined && equal(this.changed, args);
          this.changed = args;
          return !same;
        });
    }
    return undefined;
  }
}

/** cycler(): gives its items in turn. */
export class Cycler extends Fn {
  private readonly items: Value[];
  private at = 0;
  constructor(items: Value[]) {
    super('cycler', () => {
      throw typeError("'Cycler' object is not callable");
    });
    if (items.length === 0) throw new JinjaError('RuntimeError', 'at least one item has to be provided');
    this.items = items;
  }
  override attribute(name: string): Value | undefined {
    if (name === 'current') return this.items[this.at];
    if (name === 'next')
      return new Fn('next', () => {
        const item = this.items[this.at]!;
        this.at = (this.at + 1) % this.items.length;
        return item;
      });
    if (name === 'reset')
      return new Fn('reset', () => {
        this.at = 0;
        return null;
      });
    return undefined;
  }
}

/** joiner(): nothing the first time, then the separator. */
export function joiner(separator: string): Fn {
  let used = false;
  return new Fn('joiner', () => {
    const text = used ? separator : '';
    used = true;
    return text;
  });
}

// Which names each frame of a template owns, and how it finds them: Jinja2's static analysis (idtracking), which decides
// what a `set` inside a loop, condition, macro or block changes.
import type { Expr, FunctionBody, Load, Program, Scope, Statement } from './ast';
import { FILTERS } from './filters';
import { SyntaxFault } from './limits';
import { TESTS } from './tests';

class Symbols {
  readonly refs = new Set<string>();
  readonly loads = new Map<string, Load>();
  readonly stores = new Set<string>();
  readonly parent: Symbols | undefined;
  /** The frame of which this is a branch: what it has, the branch has too, and keeps its own changes to itself. */
  private readonly base: Symbols | undefined;
  constructor(parent?: Symbols, base?: Symbols) {
    this.parent = parent;
    this.base = base;
  }
  branch(): Symbols {
    return new Symbols(this.parent, this);
  }
  private owns(name: string): boolean {
    for (let s: Symbols | undefined = this; s; s = s.base) if (s.refs.has(name)) return true;
    return false;
  }
  private isStored(name: string): boolean {
    for (let s: Symbols | undefined = this; s; s = s.base) if (s.stores.has(name)) return true;
    return false;
  }
  known(name: string): boolean {
    return this.owns(name) || (this.parent?.known(name) ?? false);
  }
  private define(name: string, load: Load): void {
    this.refs.add(name);
    this.loads.set(name, load);
  }
  store(name: string): void {
    this.stores.add(name);
    if (!this.owns(name)) this.define(name, this.parent?.known(name) ? 'alias' : 'undefined');
  }
  parameter(name: string): void {
    this.stores.add(name);
    this.define(name, 'parameter');
  }
  load(name: string): void {
    if (!this.known(name)) this.define(name, 'resolve');
  }
  /** A name that only some branches set keeps its outer value in the others. */
  merge(branches: readonly Symbols[]): void {
    const stored = new Set<string>();
    for (const branch of branches) for (const name of branch.stores) if (!this.isStored(name)) stored.add(name);
    for (const branch of branches) {
      for (const name of branch.refs) this.refs.add(name);
      for (const [name, load] of branch.loads) this.loads.set(name, load);
      for (const name of branch.stores) this.stores.add(name);
    }
    for (const name of stored) this.loads.set(name, this.parent?.known(name) ? 'alias' : 'resolve');
  }
  scope(): Scope {
    return [...this.loads];
  }
}

type Node = { type: string };
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;
/** Direct and nested expressions below a node, in source order. */
function eachChild(value: unknown, visit: (child: Expr) => void): void {
  if (Array.isArray(value)) for (const item of value) eachChild(item, visit);
  else if (isNode(value)) visit(value as Expr);
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) eachChild(item, visit);
}
function loadNames(expr: Expr | undefined, symbols: Symbols): void {
  if (!expr) return;
  if (expr.type === 'Name' || expr.type === 'NamespaceRef') symbols.load(expr.name);
  else for (const value of Object.values(expr)) eachChild(value, (child) => loadNames(child, symbols));
}
function storeNames(target: Expr, symbols: Symbols, how: 'store' | 'parameter'): void {
  if (target.type === 'Name') symbols[how](target.name);
  else if (target.type === 'NamespaceRef') symbols.load(target.name);
  else if (target.type === 'Tuple') for (const item of target.items) storeNames(item, symbols, how);
}

/** What a frame's own statements read and set; the bodies of nested frames are left out. */
function collect(statements: readonly Statement[], symbols: Symbols): void {
  for (const node of statements) {
    switch (node.type) {
      case 'Print':
        loadNames(node.value, symbols);
        break;
      case 'If': {
        loadNames(node.test, symbols);
        const branches = [node.body, node.otherwise].map((body) => {
          const branch = symbols.branch();
          collect(body, branch);
          return branch;
        });
        symbols.merge(branches);
        break;
      }
      case 'For':
        loadNames(node.iterable, symbols);
        break;
      case 'Set':
        loadNames(node.value, symbols);
        storeNames(node.target, symbols, 'store');
        break;
      case 'SetBlock':
        storeNames(node.target, symbols, 'store');
        break;
      case 'FilterBlock':
        loadNames(node.filter, symbols);
        break;
      case 'With':
        for (const value of node.values) loadNames(value, symbols);
        break;
      case 'Macro':
        symbols.store(node.name);
        break;
      case 'CallBlock':
        loadNames(node.call, symbols);
        break;
    }
  }
}

/** Frames below statements; `soft`: in a condition, where an unknown filter only fails when it is reached. */
function nested(statements: readonly Statement[], symbols: Symbols, soft: boolean): void {
  const frame = (body: readonly Statement[], prepare?: (inner: Symbols) => void): Scope => {
    const inner = new Symbols(symbols);
    prepare?.(inner);
    collect(body, inner);
    nested(body, inner, false);
    return inner.scope();
  };
  for (const node of statements) {
    switch (node.type) {
      case 'Print':
        checkNames(node.value, soft);
        break;
      case 'If':
        checkNames(node.test, true);
        nested(node.body, symbols, true);
        nested(node.otherwise, symbols, true);
        break;
      case 'For': {
        checkNames(node.iterable, soft);
        if (node.test) checkNames(node.test, false);
        if (assignsLoop(node)) throw new SyntaxFault('the name loop cannot be set inside of {% for %}', 0);
        node.scope = frame(node.body, (inner) => {
          inner.parameter('loop');
          storeNames(node.target, inner, 'parameter');
        });
        node.testScope = frame([], (inner) => {
          storeNames(node.target, inner, 'parameter');
          loadNames(node.test, inner);
        });
        node.elseScope = frame(node.otherwise);
        break;
      }
      case 'Set':
        checkNames(node.value, soft);
        break;
      case 'SetBlock':
      case 'FilterBlock':
        if (node.filter) checkNames(node.filter, false);
        node.scope = frame(node.body);
        break;
      case 'Generation':
        node.scope = frame(node.body);
        break;
      case 'With':
        for (const value of node.values) checkNames(value, soft);
        node.scope = frame(node.body, (inner) => {
          for (const target of node.targets) storeNames(target, inner, 'parameter');
        });
        break;
      case 'Macro':
        analyzeFunction(node.fn, frame);
        break;
      case 'CallBlock':
        checkNames(node.call, soft);
        analyzeFunction(node.fn, frame);
        break;
    }
  }
}

function analyzeFunction(fn: FunctionBody, frame: (body: Statement[], prepare: (s: Symbols) => void) => Scope): void {
  const own = new Set(fn.parameters.map((p) => p.name));
  for (const name of undeclared(fn.body, ['caller', 'kwargs', 'varargs'])) {
    if (!own.has(name)) fn.special.add(name);
    else if (name === 'caller') {
      if (!fn.parameters.find((p) => p.name === 'caller')!.fallback)
        throw new SyntaxFault('the parameter caller of a macro needs a default, or must be left out', 0);
    }
  }
  fn.scope = frame(fn.body, (inner) => {
    for (const { name } of fn.parameters) inner.parameter(name);
    for (const { fallback } of fn.parameters) loadNames(fallback, inner);
    for (const name of fn.special) inner.parameter(name);
  });
}

/** Those of the names that are read, in nested frames too, before something of that name is set. */
function undeclared(statements: readonly Statement[], names: readonly string[]): Set<string> {
  const left = new Set(names);
  const found = new Set<string>();
  const load = (value: unknown): void =>
    eachChild(value, (node) => {
      if (node.type === 'Name') {
        if (left.has(node.name)) found.add(node.name);
      } else for (const child of Object.values(node)) load(child);
    });
  const store = (target: Expr): void => {
    if (target.type === 'Name') left.delete(target.name);
    else if (target.type === 'Tuple') target.items.forEach(store);
  };
  const walk = (nodes: readonly Statement[]): void => {
    for (const node of nodes) {
      if ('target' in node) store(node.target);
      if (node.type === 'With') node.targets.forEach(store);
      if (node.type === 'Macro' || node.type === 'CallBlock') {
        for (const { name, fallback } of node.fn.parameters) {
          left.delete(name);
          if (fallback) load(fallback);
        }
        if (node.type === 'CallBlock') load(node.call);
        walk(node.fn.body);
      }
      for (const key of ['value', 'test', 'iterable', 'filter', 'values'] as const)
        if (key in node) load((node as unknown as Record<string, unknown>)[key]);
      if ('body' in node) walk(node.body);
      if ('otherwise' in node) walk(node.otherwise);
    }
  };
  walk(statements);
  return found;
}

function assignsLoop(node: Extract<Statement, { type: 'For' }>): boolean {
  const named = (target: Expr): boolean =>
    (target.type === 'Name' && target.name === 'loop') || (target.type === 'Tuple' && target.items.some(named));
  const inside = (nodes: readonly Statement[]): boolean =>
    nodes.some(
      (n) =>
        ('target' in n && named(n.target)) ||
        ('body' in n && inside(n.body)) ||
        ('otherwise' in n && inside(n.otherwise)),
    );
  return named(node.target) || inside(node.body) || inside(node.otherwise);
}

/** Unknown filters and tests are syntax errors in Jinja, unless they stand in a condition. */
function checkNames(expr: Expr, soft: boolean): void {
  if (!soft && expr.type === 'Filter' && !FILTERS.has(expr.name))
    throw new SyntaxFault(`there is no filter named ${expr.name}`, expr.at);
  if (!soft && expr.type === 'Test' && !TESTS.has(expr.name))
    throw new SyntaxFault(`there is no test named ${expr.name}`, expr.at);
  const inner = soft || expr.type === 'Conditional';
  for (const value of Object.values(expr)) eachChild(value, (child) => checkNames(child, inner));
}

/** Fills in the scopes of a freshly parsed program. */
export function analyze(program: Program): void {
  const root = new Symbols();
  collect(program.body, root);
  nested(program.body, root, false);
  program.scope = root.scope();
}

// The tree of a template: Jinja2's nodes.

export interface Args {
  positional: Expr[];
  named: [name: string, value: Expr][];
  star?: Expr;
  starStar?: Expr;
}
export type Expr =
  | { type: 'Const'; value: string | bigint | number | boolean | null }
  | { type: 'Name'; name: string }
  /** `a.b` as the target of set. */
  | { type: 'NamespaceRef'; name: string; attribute: string }
  | { type: 'Tuple'; items: Expr[] }
  | { type: 'List'; items: Expr[] }
  | { type: 'Dict'; items: { key: Expr; value: Expr }[] }
  | { type: 'Conditional'; test: Expr; value: Expr; otherwise?: Expr }
  | { type: 'Logic'; operator: 'and' | 'or'; left: Expr; right: Expr }
  | { type: 'Not'; operand: Expr }
  | { type: 'Compare'; first: Expr; rest: { operator: string; operand: Expr }[] }
  | { type: 'Binary'; operator: string; left: Expr; right: Expr }
  | { type: 'Unary'; operator: '-' | '+'; operand: Expr }
  | { type: 'Concat'; parts: Expr[] }
  | { type: 'Attribute'; object: Expr; name: string }
  | { type: 'Item'; object: Expr; index: Expr }
  | { type: 'Slice'; object: Expr; start?: Expr; stop?: Expr; step?: Expr }
  | { type: 'Call'; callee: Expr; args: Args }
  /** Without operand: the text of a filter or set block. */
  | { type: 'Filter'; name: string; operand?: Expr; args: Args; at: number }
  | { type: 'Test'; name: string; operand: Expr; args: Args; at: number };

export interface Parameter {
  name: string;
  fallback?: Expr;
}
/** How a frame finds a name of its own when it is entered: given, looked up outside, in the context, or nowhere. */
export type Load = 'parameter' | 'alias' | 'resolve' | 'undefined';
export type Scope = [name: string, load: Load][];

export interface FunctionBody {
  parameters: Parameter[];
  body: Statement[];
  scope: Scope;
  /** Which of caller, kwargs, varargs the body reads without declaring them. */
  special: Set<string>;
}
export type Statement =
  | { type: 'Text'; text: string }
  | { type: 'Print'; value: Expr }
  | { type: 'If'; test: Expr; body: Statement[]; otherwise: Statement[] }
  | {
      type: 'For';
      target: Expr;
      iterable: Expr;
      test?: Expr;
      recursive: boolean;
      body: Statement[];
      otherwise: Statement[];
      scope: Scope;
      testScope: Scope;
      elseScope: Scope;
    }
  | { type: 'Break' }
  | { type: 'Continue' }
  | { type: 'Set'; target: Expr; value: Expr }
  | { type: 'SetBlock'; target: Expr; filter?: Expr; body: Statement[]; scope: Scope }
  | { type: 'FilterBlock'; filter: Expr; body: Statement[]; scope: Scope }
  | { type: 'With'; targets: Expr[]; values: Expr[]; body: Statement[]; scope: Scope }
  | { type: 'Macro'; name: string; fn: FunctionBody }
  | { type: 'CallBlock'; call: Extract<Expr, { type: 'Call' }>; fn: FunctionBody }
  /** transformers' {% generation %}: a call block, so what it sets stays inside. */
  | { type: 'Generation'; body: Statement[]; scope: Scope };

export interface Program {
  body: Statement[];
  scope: Scope;
  hasGeneration: boolean;
}

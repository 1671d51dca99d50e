/** The tree of a parsed command line: plain frozen data, so that a session's snapshot may hold it by reference. */

export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  /** `$NAME`, `${NAME}`, `${NAME:-word}`; `operator` is '' for the plain forms, `#` for `${#NAME}`. */
  | { readonly kind: 'variable'; readonly name: string; readonly operator: VariableOperator; readonly word: Word | undefined; readonly quoted: boolean }
  /** `$(…)` and backquotes. `index` counts the substitutions of one simple command, in order. */
  | { readonly kind: 'command'; readonly script: List; readonly quoted: boolean }
  | { readonly kind: 'arithmetic'; readonly expression: string; readonly quoted: boolean };

export type VariableOperator = '' | ':-' | '-' | ':=' | '=' | ':+' | '+' | '#' | '%' | '%%' | '#prefix' | '##prefix';

export interface Word {
  readonly parts: readonly WordPart[];
  /** Offsets in the source line, for completion. */
  readonly start: number;
  readonly end: number;
}

export interface Redirect {
  /** File descriptor that is redirected: 0, 1 or 2. `both` is bash's `&>`. */
  readonly descriptor: number | 'both';
  readonly operator: '<' | '>' | '>>' | '>&' | '<<' | '<<<';
  /** File name, descriptor number, or the here-document's text. */
  readonly target: Word;
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export interface Simple {
  readonly kind: 'simple';
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}
export interface For {
  readonly kind: 'for';
  readonly name: string;
  readonly words: readonly Word[];
  readonly body: List;
  readonly redirects: readonly Redirect[];
}
export interface While {
  readonly kind: 'while';
  readonly until: boolean;
  readonly condition: List;
  readonly body: List;
  readonly redirects: readonly Redirect[];
}
export interface If {
  readonly kind: 'if';
  readonly branches: readonly { readonly condition: List; readonly body: List }[];
  readonly otherwise: List | undefined;
  readonly redirects: readonly Redirect[];
}
export interface Group {
  readonly kind: 'group';
  readonly subshell: boolean;
  readonly body: List;
  readonly redirects: readonly Redirect[];
}
export type Command = Simple | For | While | If | Group;

export interface Pipeline {
  readonly kind: 'pipeline';
  readonly negated: boolean;
  readonly commands: readonly Command[];
}
export interface AndOr {
  readonly kind: 'and-or';
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
  /** Ended by `&`. */
  readonly background: boolean;
}
export interface List {
  readonly kind: 'list';
  readonly items: readonly AndOr[];
}

/** Freezes a tree of plain data in place. Depth is bounded by the parser's nesting limit. */
export function freezeTree<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) freezeTree(child);
  }
  return value;
}

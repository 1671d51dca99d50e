/** The tree of a parsed command line: plain frozen data, so that a session's snapshot may hold it by reference. */

export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  /** `$NAME` and `${NAME…}`. `subscript` is an array's `[…]`; `second` is a replacement, or a substring's length. */
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly subscript: Word | undefined;
      readonly operator: VariableOperator;
      readonly word: Word | undefined;
      readonly second: Word | undefined;
      readonly quoted: boolean;
    }
  /** `$(…)` and backquotes. */
  /** `$(…)`; as a `file` it is bash's `<(…)`, which stands for the name of a file that holds the output. */
  | { readonly kind: 'command'; readonly script: List; readonly quoted: boolean; readonly file?: true }
  | { readonly kind: 'arithmetic'; readonly expression: Word; readonly quoted: boolean };

/** '' for the plain forms, `length` for `${#NAME}`, `keys` and `indirect` for `${!NAME…}`; the others as they are written. */
export type VariableOperator =
  | ''
  | 'length'
  | 'keys'
  | 'indirect'
  | ':-'
  | '-'
  | ':='
  | '='
  | ':+'
  | '+'
  | ':?'
  | '?'
  | '#'
  | '##'
  | '%'
  | '%%'
  | '/'
  | '//'
  | '/#'
  | '/%'
  | ':'
  | '^'
  | '^^'
  | ','
  | ',,';

export interface Word {
  readonly parts: readonly WordPart[];
  /** Offsets in the source line, for completion. */
  readonly start: number;
  readonly end: number;
  /** An assignment given to `export`, `local` and the like: it stays one field. */
  readonly assignment?: true;
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
  readonly subscript: Word | undefined;
  /** `+=` */
  readonly append: boolean;
  readonly value: Word;
  /** `NAME=(…)`: the elements of an array, each perhaps with `[subscript]=`. */
  readonly elements: readonly { readonly subscript: Word | undefined; readonly value: Word }[] | undefined;
}

export interface Simple {
  readonly kind: 'simple';
  readonly assignments: readonly Assignment[];
  /** Arrays that a declaration command sets (`local a=(…)`), done after it. */
  readonly declared: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}
export interface For {
  readonly kind: 'for';
  readonly name: string;
  /** Absent: the positional parameters. */
  readonly words: readonly Word[] | undefined;
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
export interface Case {
  readonly kind: 'case';
  readonly word: Word;
  readonly branches: readonly { readonly patterns: readonly Word[]; readonly body: List; readonly end: ';;' | ';&' | ';;&' }[];
  readonly redirects: readonly Redirect[];
}
/** `NAME() …`; the body is a compound command. */
export interface FunctionDefinition {
  readonly kind: 'function';
  readonly name: string;
  readonly body: Command;
  readonly redirects: readonly Redirect[];
}
/** `((…))` */
export interface ArithmeticCommand {
  readonly kind: 'arithmetic';
  readonly expression: Word;
  readonly redirects: readonly Redirect[];
}
/** `for ((first; condition; step))` */
export interface CountingFor {
  readonly kind: 'counting-for';
  readonly first: Word;
  readonly condition: Word;
  readonly step: Word;
  readonly body: List;
  readonly redirects: readonly Redirect[];
}
/** `[[ … ]]` */
export interface Conditional {
  readonly kind: 'conditional';
  readonly test: ConditionalTest;
  readonly redirects: readonly Redirect[];
}
export type ConditionalTest =
  | { readonly kind: 'and' | 'or'; readonly left: ConditionalTest; readonly right: ConditionalTest }
  | { readonly kind: 'not'; readonly test: ConditionalTest }
  | { readonly kind: 'unary'; readonly operator: string; readonly word: Word }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Word; readonly right: Word };

export type Compound = For | While | If | Group | Case | FunctionDefinition | ArithmeticCommand | CountingFor | Conditional;
export type Command = Simple | Compound;

export interface Pipeline {
  readonly kind: 'pipeline';
  readonly negated: boolean;
  /** `time` stands before it. */
  readonly timed: boolean;
  readonly commands: readonly Command[];
}
export interface AndOr {
  readonly kind: 'and-or';
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
  /** Ended by `&`. */
  readonly background: boolean;
  /** As it was written, for `jobs`; only of those ended by `&`. */
  readonly source: string;
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

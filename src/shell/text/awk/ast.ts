/** The tree of an awk program: plain frozen data, so that a snapshot may hold it by reference. */

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string }
  | Target
  | { readonly kind: 'assign'; readonly operator: string; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'step'; readonly by: 1 | -1; readonly prefix: boolean; readonly target: Target }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'unary'; readonly operator: '!' | '-' | '+'; readonly value: Expression }
  | { readonly kind: 'choice'; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: 'in'; readonly keys: readonly Expression[]; readonly array: string }
  | { readonly kind: 'builtin' | 'call'; readonly name: string; readonly values: readonly Expression[] };

export type Target =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'field'; readonly index: Expression }
  | { readonly kind: 'element'; readonly name: string; readonly keys: readonly Expression[] };

export type Statement =
  | {
      readonly kind: 'print' | 'printf';
      readonly values: readonly Expression[];
      readonly into: { readonly how: '>' | '>>' | '|'; readonly name: Expression } | undefined;
    }
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'block'; readonly body: readonly Statement[] }
  | { readonly kind: 'if'; readonly condition: Expression; readonly yes: Statement; readonly no: Statement | undefined }
  | { readonly kind: 'while'; readonly condition: Expression; readonly body: Statement; readonly atLeastOnce: boolean }
  | {
      readonly kind: 'for';
      readonly first: Statement | undefined;
      readonly condition: Expression | undefined;
      readonly step: Statement | undefined;
      readonly body: Statement;
    }
  | { readonly kind: 'for-in'; readonly name: string; readonly array: string; readonly body: Statement }
  | { readonly kind: 'delete'; readonly array: string; readonly keys: readonly Expression[] | undefined }
  | { readonly kind: 'exit' | 'return'; readonly value: Expression | undefined }
  | { readonly kind: 'next' | 'break' | 'continue' };

export interface Rule {
  readonly when: 'BEGIN' | 'END' | 'line' | 'range';
  readonly pattern: Expression | undefined;
  /** Where a range ends. */
  readonly until: Expression | undefined;
  /** Absent: prints the line. */
  readonly body: Statement | undefined;
}

export interface AwkFunction {
  readonly parameters: readonly string[];
  /** Parameters that the body uses as arrays. */
  readonly arrays: readonly string[];
  readonly body: Statement;
}

export interface Program {
  readonly rules: readonly Rule[];
  readonly functions: Readonly<Record<string, AwkFunction>>;
}

/** What is wrong with a program, in words to be put behind `awk: `. */
export class AwkError extends Error {}

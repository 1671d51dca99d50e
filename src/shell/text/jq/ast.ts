/** What a jq program is made of, and how it fails. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Ast =
  | { readonly kind: 'identity' | 'recurse' }
  | { readonly kind: 'literal'; readonly value: Json }
  | { readonly kind: 'format'; readonly name: string }
  | { readonly kind: 'string'; readonly format: string; readonly parts: readonly (string | Ast)[] }
  | { readonly kind: 'index'; readonly target: Ast; readonly key: Ast }
  | { readonly kind: 'slice'; readonly target: Ast; readonly from: Ast | undefined; readonly to: Ast | undefined }
  | { readonly kind: 'iterate'; readonly target: Ast }
  | { readonly kind: 'try'; readonly body: Ast; readonly handler: Ast | undefined }
  | { readonly kind: 'array'; readonly body: Ast | undefined }
  | { readonly kind: 'object'; readonly entries: readonly { readonly key: Ast; readonly value: Ast }[] }
  | { readonly kind: 'negate'; readonly body: Ast }
  | { readonly kind: 'pipe' | 'comma' | 'alternative' | 'and' | 'or'; readonly left: Ast; readonly right: Ast }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Ast; readonly right: Ast }
  | { readonly kind: 'assign'; readonly operator: string; readonly left: Ast; readonly right: Ast }
  | { readonly kind: 'if'; readonly condition: Ast; readonly then: Ast; readonly otherwise: Ast | undefined }
  | { readonly kind: 'reduce'; readonly source: Ast; readonly pattern: Pattern; readonly start: Ast; readonly update: Ast }
  | { readonly kind: 'foreach'; readonly source: Ast; readonly pattern: Pattern; readonly start: Ast; readonly update: Ast; readonly extract: Ast | undefined }
  | { readonly kind: 'bind'; readonly source: Ast; readonly pattern: Pattern; readonly body: Ast }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string; readonly parameters: readonly string[]; readonly body: Ast; readonly rest: Ast }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Ast[] };

export type Pattern =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'array'; readonly items: readonly Pattern[] }
  | { readonly kind: 'object'; readonly entries: readonly { readonly key: Ast; readonly also: string | undefined; readonly pattern: Pattern | undefined }[] };

/** A value was thrown: `error(x)`, or jq's own words. `try` catches it. */
export class JqError extends Error {
  readonly value: Json;
  constructor(value: Json) {
    super(typeof value === 'string' ? value : JSON.stringify(value));
    this.value = value;
  }
}

/** The program itself is wrong. The message is what jq prints behind `jq: error: `, without the place. */
export class JqSyntaxError extends Error {}

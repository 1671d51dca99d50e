/** Runs a jq program: every expression gives any number of values, one after the other; on the left of an assignment, paths. */
import { type Ast, JqError, type Json, type Pattern } from './ast.ts';
import { type Budget, Limit, MAX_DEPTH, spend } from './budget.ts';
import { builtins, pathBuiltins } from './builtins.ts';
import { formatValue } from './format.ts';
import { deletePaths, getIndex, getPath, getSlice, type Path, type SliceKey, setPath } from './paths.ts';
import { prelude } from './prelude.ts';
import { arithmetic, emptyObject, isList, isObject, truthy, typeName } from './values.ts';

interface Closure {
  readonly parameters: readonly string[];
  readonly body: Ast;
  /** Undefined: the function's own scope, so that it can call itself. */
  readonly scope: Scope;
}

/** Names in sight, innermost first. */
export type Scope =
  | { readonly kind: 'variable'; readonly name: string; readonly value: Json; readonly parent: Scope | undefined }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly closure: { readonly parameters: readonly string[]; readonly body: Ast };
      readonly parent: Scope | undefined;
    }
  | { readonly kind: 'argument'; readonly name: string; readonly body: Ast; readonly scope: Scope | undefined; readonly parent: Scope | undefined };

/** A value and where it was found; paths are undefined where nobody asks for them. */
interface Found {
  readonly value: Json;
  readonly path: Path | undefined;
}

type Results = Generator<Found>;

const plain = (value: Json): Found => ({ value, path: undefined });

function located(at: Found, key: Json | SliceKey, value: Json): Found {
  return { value, path: at.path === undefined ? undefined : [...at.path, key] };
}

/** Values of an expression that is no path (keys, arguments). */
function* values(ast: Ast, scope: Scope | undefined, input: Json, budget: Budget): Generator<Json> {
  for (const found of evaluate(ast, scope, plain(input), budget)) yield found.value;
}

export function* evaluate(ast: Ast, scope: Scope | undefined, at: Found, budget: Budget): Results {
  spend(budget);
  const input = at.value;
  switch (ast.kind) {
    case 'identity':
      yield at;
      return;
    case 'recurse':
      yield* recurse(at, budget);
      return;
    case 'literal':
      yield computed(at, ast.value);
      return;
    case 'format':
      yield computed(at, formatValue(ast.name, input));
      return;
    case 'string':
      yield* interpolate(ast.parts, ast.format, 0, '', scope, at, budget);
      return;
    case 'variable':
      yield computed(at, variable(ast.name, scope));
      return;
    case 'index':
      for (const target of evaluate(ast.target, scope, at, budget))
        for (const key of values(ast.key, scope, input, budget)) yield located(target, key, getIndex(target.value, key));
      return;
    case 'slice':
      for (const target of evaluate(ast.target, scope, at, budget))
        for (const to of ast.to === undefined ? [null] : values(ast.to, scope, input, budget))
          for (const from of ast.from === undefined ? [null] : values(ast.from, scope, input, budget))
            yield located(target, { start: from, end: to }, getSlice(target.value, from, to));
      return;
    case 'iterate':
      for (const target of evaluate(ast.target, scope, at, budget)) yield* each(target, budget);
      return;
    case 'try':
      yield* attempt(ast.body, ast.handler, scope, at, budget);
      return;
    case 'array': {
      const items: Json[] = [];
      if (ast.body !== undefined) for (const value of values(ast.body, scope, input, budget)) items.push(value);
      yield computed(at, items);
      return;
    }
    case 'object':
      yield* object(ast.entries, 0, emptyObject(), scope, at, budget);
      return;
    case 'negate':
      for (const value of values(ast.body, scope, input, budget)) {
        if (typeof value !== 'number') throw new JqError(`${typeName(value)} (${JSON.stringify(value)}) cannot be negated`);
        yield computed(at, -value);
      }
      return;
    case 'pipe':
      for (const left of evaluate(ast.left, scope, at, budget)) yield* evaluate(ast.right, scope, left, budget);
      return;
    case 'comma':
      yield* evaluate(ast.left, scope, at, budget);
      yield* evaluate(ast.right, scope, at, budget);
      return;
    case 'alternative':
      yield* alternative(ast.left, ast.right, scope, at, budget);
      return;
    case 'and':
    case 'or':
      for (const left of values(ast.left, scope, input, budget)) {
        if (truthy(left) === (ast.kind === 'or')) yield computed(at, ast.kind === 'or');
        else for (const right of values(ast.right, scope, input, budget)) yield computed(at, truthy(right));
      }
      return;
    case 'binary':
      // jq runs the right side first.
      for (const right of values(ast.right, scope, input, budget))
        for (const left of values(ast.left, scope, input, budget)) yield computed(at, arithmetic(ast.operator, left, right));
      return;
    case 'assign':
      yield* assign(ast.operator, ast.left, ast.right, scope, at, budget);
      return;
    case 'if':
      for (const condition of values(ast.condition, scope, input, budget)) {
        if (truthy(condition)) yield* evaluate(ast.then, scope, at, budget);
        else if (ast.otherwise === undefined) yield at;
        else yield* evaluate(ast.otherwise, scope, at, budget);
      }
      return;
    case 'bind':
      for (const value of values(ast.source, scope, input, budget))
        for (const inner of destructure(ast.pattern, value, scope, budget)) yield* evaluate(ast.body, inner, at, budget);
      return;
    case 'reduce': {
      for (const start of values(ast.start, scope, input, budget)) {
        let state = start;
        for (const value of values(ast.source, scope, input, budget))
          for (const inner of destructure(ast.pattern, value, scope, budget)) {
            let last: Json = null;
            for (const next of values(ast.update, inner, state, budget)) last = next;
            state = last;
          }
        yield computed(at, state);
      }
      return;
    }
    case 'foreach':
      for (const start of values(ast.start, scope, input, budget)) {
        let state = start;
        for (const value of values(ast.source, scope, input, budget))
          for (const inner of destructure(ast.pattern, value, scope, budget))
            for (const next of values(ast.update, inner, state, budget)) {
              state = next;
              if (ast.extract === undefined) yield computed(at, state);
              else for (const shown of values(ast.extract, inner, state, budget)) yield computed(at, shown);
            }
      }
      return;
    case 'function':
      yield* evaluate(
        ast.rest,
        { kind: 'function', name: `${ast.name}/${ast.parameters.length}`, closure: { parameters: ast.parameters, body: ast.body }, parent: scope },
        at,
        budget,
      );
      return;
    case 'call':
      yield* call(ast.name, ast.args, scope, at, budget);
  }
}

/** A value that was made and not found: where a path is wanted it has none. */
function computed(at: Found, value: Json): Found {
  return at.path === undefined ? plain(value) : { value, path: NO_PATH };
}

/** Stands for "this is no path"; only looking further into it is an error. */
const NO_PATH: Path = [];

function variable(name: string, scope: Scope | undefined): Json {
  for (let s = scope; s !== undefined; s = s.parent) if (s.kind === 'variable' && s.name === name) return s.value;
  if (name === 'ENV') return emptyObject();
  throw new JqError(`$${name} is not defined`);
}

function* each(target: Found, budget: Budget): Results {
  const { value } = target;
  if (isList(value)) {
    for (let i = 0; i < value.length; i += 1) {
      spend(budget);
      yield located(target, i, value[i] as Json);
    }
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) yield located(target, key, value[key] as Json);
  } else throw new JqError(`Cannot iterate over ${typeName(value)}${value === null ? '' : ` (${JSON.stringify(value)})`}`);
}

function* recurse(target: Found, budget: Budget): Results {
  spend(budget);
  yield target;
  if (isList(target.value) || isObject(target.value)) for (const child of each(target, budget)) yield* recurse(child, budget);
}

function* attempt(body: Ast, handler: Ast | undefined, scope: Scope | undefined, at: Found, budget: Budget): Results {
  const results = evaluate(body, scope, at, budget);
  for (;;) {
    let next: IteratorResult<Found>;
    try {
      next = results.next();
    } catch (error) {
      if (!(error instanceof JqError)) throw error;
      if (handler !== undefined) for (const value of values(handler, scope, error.value, budget)) yield computed(at, value);
      return;
    }
    if (next.done === true) return;
    yield next.value;
  }
}

function* alternative(left: Ast, right: Ast, scope: Scope | undefined, at: Found, budget: Budget): Results {
  let any = false;
  for (const found of attempt(left, undefined, scope, at, budget)) {
    if (!truthy(found.value)) continue;
    any = true;
    yield found;
  }
  if (!any) yield* evaluate(right, scope, at, budget);
}

function* interpolate(parts: readonly (string | Ast)[], format: string, i: number, text: string, scope: Scope | undefined, at: Found, budget: Budget): Results {
  const part = parts[i];
  if (part === undefined) yield computed(at, text);
  else if (typeof part === 'string') yield* interpolate(parts, format, i + 1, text + part, scope, at, budget);
  else
    for (const value of values(part, scope, at.value, budget))
      yield* interpolate(parts, format, i + 1, text + String(formatValue(format, value)), scope, at, budget);
}

function* object(
  entries: readonly { readonly key: Ast; readonly value: Ast }[],
  i: number,
  made: { [key: string]: Json },
  scope: Scope | undefined,
  at: Found,
  budget: Budget,
): Results {
  const entry = entries[i];
  if (entry === undefined) {
    yield computed(at, made);
    return;
  }
  for (const key of values(entry.key, scope, at.value, budget)) {
    if (typeof key !== 'string') throw new JqError(`Object keys must be strings`);
    for (const value of values(entry.value, scope, at.value, budget))
      yield* object(entries, i + 1, Object.assign(emptyObject(), made, { [key]: value }), scope, at, budget);
  }
}

function* destructure(pattern: Pattern, value: Json, scope: Scope | undefined, budget: Budget): Generator<Scope | undefined> {
  if (pattern.kind === 'name') {
    yield { kind: 'variable', name: pattern.name, value, parent: scope };
    return;
  }
  if (pattern.kind === 'array') {
    if (value !== null && !isList(value)) throw new JqError(`Cannot index ${typeName(value)} with number`);
    let scopes: (Scope | undefined)[] = [scope];
    for (const [i, item] of pattern.items.entries())
      scopes = scopes.flatMap((s) => [...destructure(item, value === null ? null : (value[i] ?? null), s, budget)]);
    yield* scopes;
    return;
  }
  let scopes: (Scope | undefined)[] = [scope];
  for (const entry of pattern.entries) {
    scopes = scopes.flatMap((s) =>
      [...values(entry.key, s, value, budget)].flatMap((key) => {
        const found = getIndex(value, key);
        const bound: Scope | undefined = entry.also === undefined ? s : { kind: 'variable', name: entry.also, value: found, parent: s };
        return entry.pattern === undefined ? [bound] : [...destructure(entry.pattern, found, bound, budget)];
      }),
    );
  }
  yield* scopes;
}

/** Every path that an expression names in a value. */
export function* pathsOf(ast: Ast, scope: Scope | undefined, input: Json, budget: Budget): Generator<Path> {
  for (const found of evaluate(ast, scope, { value: input, path: [] }, budget)) {
    if (found.path === NO_PATH) throw new JqError(`Invalid path expression with result ${JSON.stringify(found.value)}`);
    yield found.path ?? [];
  }
}

function* assign(operator: string, left: Ast, right: Ast, scope: Scope | undefined, at: Found, budget: Budget): Results {
  const input = at.value;
  if (operator === '|=') {
    let result = input;
    const removed: Path[] = [];
    for (const path of pathsOf(left, scope, input, budget)) {
      const next = values(right, scope, getPath(result, path), budget).next();
      if (next.done === true) removed.push(path);
      else result = setPath(result, path, next.value);
    }
    yield computed(at, removed.length === 0 ? result : deletePaths(result, removed));
    return;
  }
  for (const value of values(right, scope, input, budget)) {
    let result = input;
    for (const path of pathsOf(left, scope, input, budget)) {
      if (operator === '=') result = setPath(result, path, value);
      else if (operator === '//=') {
        const old = getPath(result, path);
        result = setPath(result, path, truthy(old) ? old : value);
      } else result = setPath(result, path, arithmetic(operator.slice(0, -1), getPath(result, path), value));
    }
    yield computed(at, result);
  }
}

function* call(name: string, args: readonly Ast[], scope: Scope | undefined, at: Found, budget: Budget): Results {
  const wanted = `${name}/${args.length}`;
  for (let s = scope; s !== undefined; s = s.parent) {
    if (s.kind === 'argument' && args.length === 0 && s.name === name) {
      yield* evaluate(s.body, s.scope, at, budget);
      return;
    }
    if (s.kind === 'function' && s.name === wanted) {
      yield* enter({ ...s.closure, scope: s }, args, scope, at, budget);
      return;
    }
  }
  const byPath = pathBuiltins.get(wanted);
  if (byPath !== undefined) {
    yield* byPath({
      args,
      at,
      budget,
      values: (ast, input) => values(ast, scope, input, budget),
      paths: (ast, input) => pathsOf(ast, scope, input, budget),
      found: (ast, where) => evaluate(ast, scope, where, budget),
      computed: (value) => computed(at, value),
    });
    return;
  }
  const builtin = builtins.get(wanted);
  if (builtin !== undefined) {
    yield* product(args, 0, [], scope, at, budget, (given) => computed(at, builtin(at.value, given)));
    return;
  }
  const defined = prelude().get(wanted);
  if (defined === undefined) throw new JqError(`${wanted} is not defined`);
  yield* enter({ ...defined, scope: { kind: 'variable', name: '', value: null, parent: undefined } }, args, scope, at, budget);
}

/** Every combination of the arguments' values, the last argument running slowest as in jq. */
function* product(
  args: readonly Ast[],
  i: number,
  given: readonly Json[],
  scope: Scope | undefined,
  at: Found,
  budget: Budget,
  use: (given: readonly Json[]) => Found,
): Results {
  const arg = args[i];
  if (arg === undefined) yield use(given);
  else for (const value of values(arg, scope, at.value, budget)) yield* product(args, i + 1, [...given, value], scope, at, budget, use);
}

function* enter(closure: Closure, args: readonly Ast[], scope: Scope | undefined, at: Found, budget: Budget): Results {
  budget.depth += 1;
  if (budget.depth > MAX_DEPTH) throw new Limit('calls are nested too deeply');
  yield* bindArguments(closure, args, 0, closure.scope, scope, at, budget);
  budget.depth -= 1;
}

function* bindArguments(closure: Closure, args: readonly Ast[], i: number, inner: Scope, outer: Scope | undefined, at: Found, budget: Budget): Results {
  const parameter = closure.parameters[i];
  const body = args[i];
  if (parameter === undefined || body === undefined) {
    yield* evaluate(closure.body, inner, at, budget);
    return;
  }
  const argument: Scope = { kind: 'argument', name: parameter.replace(/^\$/, ''), body, scope: outer, parent: inner };
  if (!parameter.startsWith('$')) yield* bindArguments(closure, args, i + 1, argument, outer, at, budget);
  else
    for (const value of values(body, outer, at.value, budget))
      yield* bindArguments(closure, args, i + 1, { kind: 'variable', name: parameter.slice(1), value, parent: argument }, outer, at, budget);
}

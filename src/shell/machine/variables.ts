/** Reads and sets what a scope holds: variables, elements of arrays, what programs see of them. */
import type { SavedVariable, Scope, ShellArray } from '../state.ts';

/** Thrown by an expansion or assignment that must stop the command; caught by the machine. `fatal`: a script ends there. */
export class ExpansionFailure extends Error {
  readonly fatal: boolean;
  /** Exit code of a bash script that ends there. */
  readonly status: number;

  constructor(message: string, fatal = false, status = 127) {
    super(message);
    this.fatal = fatal;
    this.status = status;
  }
}

/** Elements that one array may have. */
const MAX_ELEMENTS = 20_000;

/** A variable's value; an array's is its element 0. */
export function variableOf(scope: Scope, name: string): string | undefined {
  const array = scope.arrays.get(name);
  return array === undefined ? scope.variables.get(name) : array.values.get('0');
}

function refuseConstant(scope: Scope, name: string): void {
  if (scope.constants.has(name)) throw new ExpansionFailure(scope.flavour === 'bash' ? `${name}: readonly variable` : `${name}: is read only`, true, 1);
}

/** @throws {ExpansionFailure} for a readonly name. */
export function setVariable(scope: Scope, name: string, value: string): void {
  refuseConstant(scope, name);
  if (name === 'OPTIND') scope.optionAt = 0;
  const array = scope.arrays.get(name);
  if (array === undefined) scope.variables.set(name, value);
  else array.values.set('0', value);
  if (scope.options.has('allexport')) scope.exported.set(name, true);
}

/** `key`: a number's digits, or any text for an associative array. Negative numbers count from the end. */
export function elementOf(scope: Scope, name: string, key: string): string | undefined {
  const array = scope.arrays.get(name);
  if (array === undefined) return key === '0' ? scope.variables.get(name) : undefined;
  return array.values.get(array.associative ? key : fromEnd(array, key));
}

function fromEnd(array: ShellArray, key: string): string {
  if (!key.startsWith('-')) return key;
  return String(Math.max(-1, ...[...array.values.keys()].map(Number)) + 1 + Number(key));
}

export function setElement(scope: Scope, name: string, key: string, value: string): void {
  refuseConstant(scope, name);
  const array = arrayOf(scope, name);
  const at = array.associative ? key : fromEnd(array, key);
  if (at.startsWith('-') && !array.associative) throw new ExpansionFailure(`${name}[${key}]: bad array subscript`);
  if (array.values.size >= MAX_ELEMENTS && !array.values.has(at)) throw new ExpansionFailure(`${name}: more than ${MAX_ELEMENTS} elements are not kept`);
  array.values.set(at, value);
}

/** The array of that name, made from the variable if there was only that. */
export function arrayOf(scope: Scope, name: string, associative = false): ShellArray {
  const known = scope.arrays.get(name);
  if (known !== undefined) return known;
  const array: ShellArray = { associative, values: new Map() };
  const value = scope.variables.get(name);
  if (value !== undefined) array.values.set('0', value);
  scope.variables.delete(name);
  scope.arrays.set(name, array);
  return array;
}

/** Keys and values in the order in which bash gives them. */
export function elementsOf(scope: Scope, name: string): [string, string][] {
  const array = scope.arrays.get(name);
  if (array === undefined) {
    const value = scope.variables.get(name);
    return value === undefined ? [] : [['0', value]];
  }
  const entries = [...array.values];
  return array.associative ? entries : entries.sort(([a], [b]) => Number(a) - Number(b));
}

export function unsetVariable(scope: Scope, name: string): void {
  refuseConstant(scope, name);
  scope.variables.delete(name);
  scope.arrays.delete(name);
  scope.exported.delete(name);
}

export function saveVariable(scope: Scope, name: string): SavedVariable {
  return { value: scope.variables.get(name), array: scope.arrays.get(name), exported: scope.exported.has(name) };
}

export function putBackVariable(scope: Scope, name: string, saved: SavedVariable): void {
  if (saved.value === undefined) scope.variables.delete(name);
  else scope.variables.set(name, saved.value);
  if (saved.array === undefined) scope.arrays.delete(name);
  else scope.arrays.set(name, saved.array);
  if (saved.exported) scope.exported.set(name, true);
  else scope.exported.delete(name);
}

/** What a program finds in its environment. */
export function exportedOf(scope: Scope, more: ReadonlyMap<string, string>): Map<string, string> {
  const environment = new Map<string, string>();
  for (const [name, value] of more) if (scope.exported.has(name) || scope.variables.get(name) !== value) environment.set(name, value);
  return environment;
}

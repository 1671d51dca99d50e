/** Field errors in the API server's words. Kubernetes: apimachinery/pkg/util/validation/field/errors.go. */
import { deepEqual } from '../../base/equal.ts';
import type { FieldError } from '../types.ts';

/** Strings are quoted, numbers and booleans stand bare, everything else is JSON. */
export const formatValue = (value: unknown): string => (value === undefined ? 'null' : JSON.stringify(value));
const withDetail = (head: string, detail: string): string => (detail === '' ? head : `${head}: ${detail}`);

export const required = (path: string, detail = ''): FieldError => ({ path, type: 'Required value', message: withDetail('Required value', detail) });
export const forbidden = (path: string, detail: string): FieldError => ({ path, type: 'Forbidden', message: withDetail('Forbidden', detail) });
export const invalid = (path: string, value: unknown, detail: string): FieldError => ({
  path,
  type: 'Invalid value',
  message: withDetail(`Invalid value: ${formatValue(value)}`, detail),
});
export const duplicate = (path: string, value: unknown): FieldError => ({ path, type: 'Duplicate value', message: `Duplicate value: ${formatValue(value)}` });
export const notFound = (path: string, value: unknown): FieldError => ({ path, type: 'Not found', message: `Not found: ${formatValue(value)}` });
export const tooLong = (path: string, maxBytes: number): FieldError => ({
  path,
  type: 'Too long',
  message: `Too long: may not be more than ${maxBytes} bytes`,
});
export const tooMany = (path: string, actual: number, maximum: number): FieldError => ({
  path,
  type: 'Too many',
  message: `Too many: ${actual}: must have at most ${maximum} ${maximum === 1 ? 'item' : 'items'}`,
});
export const unsupported = (path: string, value: unknown, supported: readonly string[]): FieldError => ({
  path,
  type: 'Unsupported value',
  message: `Unsupported value: ${formatValue(value)}: supported values: ${supported.map((word) => JSON.stringify(word)).join(', ')}`,
});

/** Empty when the value is as it was. */
export const immutable = (path: string, value: unknown, old: unknown): FieldError[] =>
  deepEqual(value, old) ? [] : [invalid(path, value, 'field is immutable')];

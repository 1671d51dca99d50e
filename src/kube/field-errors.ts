/** Field errors that several kinds share, beyond the general ones. */
import type { FieldError } from '../objects/types.ts';
import { invalid } from '../objects/validation/field-errors.ts';

export {
  duplicate,
  forbidden,
  formatValue,
  immutable,
  invalid,
  notFound,
  required,
  tooLong,
  tooMany,
  unsupported,
} from '../objects/validation/field-errors.ts';

export const notNegative = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
export const portRange = (path: string, port: number): FieldError[] =>
  port < 1 || port > 65535 || !Number.isInteger(port) ? [invalid(path, port, 'must be between 1 and 65535, inclusive')] : [];

/** Errors of one text checked by several rules. */
export const invalidEach = (path: string, value: string, details: readonly string[]): FieldError[] => details.map((detail) => invalid(path, value, detail));

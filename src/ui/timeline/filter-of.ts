/** The display filter that asks for what a field of a frame says. */
import type { ByteField } from '../../net/wire/dissect/dissect.ts';
import { readFilter } from './filter.ts';

/** '' where the filter's language has no such field. */
export function filterOf({ name, value }: ByteField): string {
  if (name === '') return '';
  const flag = value === 'set' ? '1' : value === 'not set' ? '0' : value;
  for (const text of [`${name} == ${flag}`, `${name} == ${JSON.stringify(flag)}`]) if (readFilter(text).kind === 'display') return text;
  return '';
}

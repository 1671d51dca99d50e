/** From a place in a text to the object that stands there. */
import type { AdmittedObject } from './admit.ts';

/** Key of the object whose text covers an offset. */
export function objectAtOffset(admitted: Iterable<AdmittedObject>, path: string, offset: number): string | null {
  for (const one of admitted) {
    const { file, span } = one.source;
    if (file === path && offset >= span.startOffset && offset <= span.endOffset) return one.key;
  }
  return null;
}

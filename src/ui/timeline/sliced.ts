/** Sliced work as a React hook. */
import { useLayoutEffect, useState } from 'react';
import { runSliced, type Work } from '../state/work.ts';

export { drain, runSliced, type Work } from '../state/work.ts';

/** The result of the newest work; until it is there that of the work before, undefined before the first. `make` is the same function for as long as the work is. */
export function useSliced<T>(make: () => Work<T>): { readonly value: T | undefined; readonly pending: boolean } {
  const [state, setState] = useState<{ readonly make: () => Work<T>; readonly value: T } | undefined>(undefined);
  // Before the page is painted: who filters a short run sees no frame in between.
  useLayoutEffect(() => runSliced(make(), (value) => setState({ make, value })), [make]);
  return { value: state?.value, pending: state?.make !== make };
}

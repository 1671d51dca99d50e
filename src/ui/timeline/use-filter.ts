/** The filter's language, loaded when somebody first filters: most readers never do. */
import { useEffect, useState } from 'react';

type FilterModule = typeof import('./filter.ts');

/** Undefined until it is there. */
export function useFilter(wanted: boolean): FilterModule | undefined {
  const [module, setModule] = useState<FilterModule | undefined>(undefined);
  useEffect(() => {
    if (!wanted || module !== undefined) return;
    let live = true;
    void import('./filter.ts').then((loaded) => {
      if (live) setModule(loaded);
    });
    return () => {
      live = false;
    };
  }, [wanted, module]);
  return module;
}

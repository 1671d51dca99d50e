/** A pane in its error boundary. */
import type { ReactNode } from 'react';
import { usePlayground } from '../state/context.ts';
import { downloadWork } from './download.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';

export function Pane({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  const playground = usePlayground();
  return (
    <ErrorBoundary
      name={name}
      onDownload={() => {
        const work = playground.work();
        if (work !== undefined) downloadWork(work);
      }}
    >
      {children}
    </ErrorBoundary>
  );
}

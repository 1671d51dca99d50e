/** What nobody misses before the first world stands and can be played: its code and its work come after that, so that a slow machine has its hands free until then. */
import { type ReactNode, Suspense } from 'react';
import { useSession } from '../state/context.ts';

export function Settled({ children, meanwhile = null }: { readonly children: ReactNode; readonly meanwhile?: ReactNode }) {
  const settled = useSession((session) => session.settled);
  return settled ? <Suspense fallback={meanwhile}>{children}</Suspense> : meanwhile;
}
